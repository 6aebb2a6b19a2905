//! Cells of objects that servers have when something happens in a cluster.

use serde_json::{Value, json};

use super::*;

/// Checks the cells of an object made an hour ago, without its name and age.
#[track_caller]
fn check(kind: &str, mut object: Value, expect: &[Value]) {
    object["metadata"]["name"] = "x".into();
    object["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
    let now = crate::time::parse("2026-01-01T01:00:00Z").unwrap();
    let cells = cells(kind, &object, now);
    assert_eq!(cells.len(), columns(kind).len());
    let shown: Vec<Value> = cells
        .into_iter()
        .zip(columns(kind))
        .filter(|(_, column)| column.name != "Name" && column.name != "Age")
        .map(|(cell, _)| cell)
        .collect();
    assert_eq!(shown, expect, "{kind}");
}

fn pod(status: Value, expect: [&str; 3]) {
    let object = json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}],
        "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}]}, "status": status});
    let expect: Vec<Value> = expect
        .into_iter()
        .chain(["<none>", "<none>", "<none>", "<none>"])
        .map(Value::from)
        .collect();
    check("Pod", object, &expect);
}

#[test]
fn a_pod_is_what_its_containers_are() {
    let running = json!({"name": "a", "ready": true, "restartCount": 0, "state": {"running": {}}});
    pod(json!({"phase": "Pending"}), ["0/3", "Pending", "0"]);
    pod(
        json!({"phase": "Pending", "initContainerStatuses": [
            {"name": "i", "restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}}}]}),
        ["0/3", "Init:0/2", "0"],
    );
    pod(
        json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "restartCount": 2,
            "state": {"terminated": {"exitCode": 3}},
            "lastState": {"terminated": {"exitCode": 3, "finishedAt": "2026-01-01T00:59:30Z"}}}]}),
        ["0/3", "Init:ExitCode:3", "2 (30s ago)"],
    );
    pod(
        json!({"phase": "Running", "containerStatuses": [running, {"name": "b", "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}),
        ["1/3", "CrashLoopBackOff", "4"],
    );
    pod(
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "initContainerStatuses": [
                {"name": "i", "restartCount": 1, "state": {"terminated": {"exitCode": 0}}},
                {"name": "s", "restartCount": 0, "started": true, "ready": true, "state": {"running": {}}}],
            "containerStatuses": [running, {"name": "b", "restartCount": 0,
                "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}]}),
        ["2/3", "Running", "0"],
    );
}

#[test]
fn lists_in_cells_are_cut() {
    check(
        "Endpoints",
        json!({"subsets": [{"addresses": [{"ip": "10.0.0.1"}, {"ip": "::1"}], "ports": [{"port": 80}, {"port": 443}]}]}),
        &[json!("10.0.0.1:80,[::1]:80,10.0.0.1:443 + 1 more...")],
    );
    check("Endpoints", json!({}), &[json!("<none>")]);
    check(
        "EndpointSlice",
        json!({"addressType": "IPv4", "ports": [{"name": "a"}, {"port": 1}, {}, {}], "endpoints": []}),
        &[json!("IPv4"), json!("a,1,* + 1 more..."), json!("<unset>")],
    );
    check(
        "Ingress",
        json!({"spec": {"rules": [{"host": "a"}, {}, {"host": "b"}, {"host": "c"}, {"host": "d"}]}}),
        &[
            json!("<none>"),
            json!("a,b,c + 2 more..."),
            json!(""),
            json!("80"),
        ],
    );
}

#[test]
fn the_present_shows() {
    check(
        "Job",
        json!({"spec": {"parallelism": 3, "selector": {}, "template": {"spec": {"containers": [{"name": "a", "image": "b"}]}}},
            "status": {"succeeded": 1, "startTime": "2026-01-01T00:30:00Z", "conditions": [{"type": "Complete", "status": "False"}]}}),
        &[
            json!("Running"),
            json!("1/1 of 3"),
            json!("30m"),
            json!("a"),
            json!("b"),
            json!("<none>"),
        ],
    );
    check(
        "HorizontalPodAutoscaler",
        json!({"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 4, "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 50}}},
            {"type": "External", "external": {"target": {"averageValue": "10"}}},
            {"type": "Pods", "pods": {"target": {"averageValue": "1"}}}]},
            "status": {"currentMetrics": [{"resource": {"current": {"averageUtilization": 20}}}]}}),
        &[
            json!("Deployment/d"),
            json!("cpu: 20%/50%, <unknown>/10 (avg) + 1 more..."),
            json!("<unset>"),
            json!(4),
            json!(0),
        ],
    );
    check(
        "Node",
        json!({"metadata": {"labels": {"node-role.kubernetes.io/b": "", "kubernetes.io/role": "a"}},
            "spec": {"unschedulable": true}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}],
            "nodeInfo": {"kubeletVersion": "v1", "kernelVersion": "6", "architecture": "arm64"}}}),
        &[
            json!("NotReady,SchedulingDisabled"),
            json!("a,b"),
            json!("v1"),
            json!("<none>"),
            json!("<none>"),
            json!("<unknown>"),
            json!("6 (arm64)"),
            json!("<unknown>"),
        ],
    );
    check(
        "ResourceQuota",
        json!({"status": {"hard": {"limits.cpu": "2", "pods": "3", "cpu": "1"}, "used": {"pods": "1"}}}),
        &[json!("cpu: 0/1, pods: 1/3"), json!("limits.cpu: 0/2")],
    );
}
