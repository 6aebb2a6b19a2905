//! Built-in kinds against the data.

use serde_json::{Value, json};

use super::*;

#[test]
fn every_kind_has_type_schema_and_merge_schema() {
    assert!(kinds().len() >= 40, "{} kinds", kinds().len());
    for kind in kinds() {
        assert!(
            components().contains_key(&kind.schema_name),
            "{}",
            kind.kind
        );
        assert!(!types::get(kind.ty).fields.is_empty(), "{}", kind.kind);
        let _ = kind.merge_schema();
        assert!(!kind.singular.is_empty(), "{}", kind.kind);
    }
}

fn given(api_version: &str, kind_name: &str, fields: Value) -> Value {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = kind(group, version, kind_name).expect("is a built-in kind");
    let mut object = json!({"apiVersion": api_version, "kind": kind_name});
    for (name, value) in fields.as_object().expect("map") {
        object[name] = value.clone();
    }
    let unknown = kind.decode(&mut object).expect("decodes");
    assert!(unknown.is_empty(), "{unknown:?}");
    kind.default(&mut object);
    object
}

#[test]
fn a_deployment_gets_what_a_cluster_gives_it() {
    let object = given(
        "apps/v1",
        "Deployment",
        json!({"metadata": {"name": "web"}, "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "containers": [{"name": "c", "image": "nginx", "ports": [{"containerPort": 80}],
                    "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
                    "readinessProbe": {"httpGet": {"port": 80}}, "env": [{"name": "A", "value": ""}],
                    "args": [], "stdin": false}],
                "hostNetwork": false, "serviceAccountName": "sa",
                "volumes": [{"name": "v"}, {"name": "s", "secret": {"secretName": "x"}}],
            }},
        }}),
    );
    assert_eq!(
        object,
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "containers": [{"name": "c", "image": "nginx", "imagePullPolicy": "Always",
                    "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                    "readinessProbe": {"failureThreshold": 3, "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
                        "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1},
                    "env": [{"name": "A"}],
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "securityContext": {}, "terminationGracePeriodSeconds": 30,
                "serviceAccount": "sa", "serviceAccountName": "sa",
                "volumes": [{"name": "v", "emptyDir": {}},
                    {"name": "s", "secret": {"defaultMode": 420, "secretName": "x"}}],
            }},
        }, "status": {}})
    );
}

#[test]
fn decoding_twice_changes_nothing() {
    let object = given(
        "v1",
        "Service",
        json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}),
    );
    let mut again = object.clone();
    let kind = kind("", "v1", "Service").expect("exists");
    kind.decode(&mut again).expect("decodes");
    kind.default(&mut again);
    assert_eq!(again, object);
}

#[test]
fn wrong_types_have_the_text_of_the_decoder() {
    for (kind_name, fields, expected) in [
        (
            "ConfigMap",
            json!({"data": {"a": 1}}),
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (
            "Service",
            json!({"spec": {"ports": [{"port": "x"}]}}),
            "json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32",
        ),
        (
            "Pod",
            json!({"spec": {"containers": {}}}),
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            "Pod",
            json!({"spec": {"containers": [{"imagePullPolicy": 3}]}}),
            "json: cannot unmarshal number into Go struct field Container.spec.containers.imagePullPolicy of type v1.PullPolicy",
        ),
        (
            "Pod",
            json!({"spec": {"containers": [{"resources": {"limits": {"cpu": "x"}}}]}}),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            "Secret",
            json!({"data": {"a": "#"}}),
            "illegal base64 data at input byte 0",
        ),
    ] {
        let mut object = json!({"apiVersion": "v1", "kind": kind_name});
        for (name, value) in fields.as_object().expect("map") {
            object[name] = value.clone();
        }
        let kind = kind("", "v1", kind_name).expect("exists");
        assert_eq!(kind.decode(&mut object).expect_err("refused"), expected);
    }
}

#[test]
fn unknown_fields_are_named_with_indexes() {
    let mut object =
        json!({"spec": {"bogus": 1, "containers": [{"name": "a", "x": 1}]}, "extra": {}});
    let kind = kind("", "v1", "Pod").expect("exists");
    assert_eq!(
        kind.decode(&mut object).expect("decodes"),
        ["spec.containers[0].x", "spec.bogus", "extra"]
    );
}
