//! Several replicas: one works, the next takes over.

use kube::api::ListParams;
use serde_json::{Value, json};

use crate::api::{TestApi, controller, fetch, free_port};
use crate::process::Serving;

const WORKLOADS: usize = 30;

/// A replica, and the port of its counters.
fn replica(api: &TestApi) -> (Serving, u16) {
    let port = free_port();
    let lease = format!("--lease={}/carto", api.name);
    let mut command = controller(&api.kubeconfig);
    command.args([&lease, "--lease-duration=3", "--log-level=ERROR"]);
    command.arg(format!("--metrics-port={port}"));
    (Serving::start(&mut command), port)
}

fn counter(port: u16, name: &str) -> u64 {
    let (status, text) = fetch(port, "/metrics");
    assert_eq!(status, 200);
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .parse()
        .unwrap()
}

async fn holder(api: &TestApi) -> String {
    let lease = api
        .objects("coordination.k8s.io/v1", "Lease")
        .get_opt("carto")
        .await;
    let lease = lease.unwrap().map(|lease| lease.data).unwrap_or_default();
    lease["spec"]["holderIdentity"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

async fn takes_over(api: TestApi) {
    api.trust_default_account().await;
    // What must not happen twice: an object of its own for every stamp.
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"generateName": "$(workload.metadata.name)$-"}, "data": {"a": "b"}});
    api.one_step("immutable", object).await;
    let (first, first_port) = replica(&api);
    api.until("the first leads", async || {
        counter(first_port, "carto_leading ") == 1
    })
    .await;
    let (second, second_port) = replica(&api);
    assert_eq!(fetch(second_port, "/readyz"), (200, "ok\n".to_owned()));
    let led_by = holder(&api).await;

    for number in 0..WORKLOADS {
        api.workload(&format!("w{number}")).await;
        if number == WORKLOADS / 2 {
            api.until("some are done", async || api.submitted().await > 2)
                .await;
            assert_eq!(
                counter(second_port, "carto_reconciles_total "),
                0,
                "only one works"
            );
            first.kill();
            break;
        }
    }
    for number in WORKLOADS / 2..WORKLOADS {
        api.workload(&format!("w{number}")).await;
    }
    api.until("all are done", async || api.submitted().await == WORKLOADS)
        .await;
    assert_ne!(holder(&api).await, led_by);
    assert_eq!(counter(second_port, "carto_leading "), 1);
    let maps = ListParams::default().labels("carto.run/resource-name=only");
    let maps = api.objects("v1", "ConfigMap").list(&maps).await.unwrap();
    let mut owners: Vec<Value> = maps
        .items
        .iter()
        .map(|map| json!(map.metadata.labels.as_ref().unwrap()["carto.run/workload-name"]))
        .collect();
    owners.sort_by_key(Value::to_string);
    owners.dedup();
    assert_eq!((maps.items.len(), owners.len()), (WORKLOADS, WORKLOADS));
    assert_eq!(second.terminate(), Some(0));
    // Who goes in good order lets go at once.
    assert_eq!(holder(&api).await, "");
    api.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replica_takes_over_from_a_killed_one_and_does_nothing_twice() {
    takes_over(TestApi::embedded("takes-over").await).await;
    if let Some(api) = TestApi::real("takes-over").await {
        takes_over(api).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn probes_and_counters_are_answered() {
    let api = TestApi::embedded("probes").await;
    let port = free_port();
    let mut command = controller(&api.kubeconfig);
    command.args(["--log-level", "error", "--max-concurrent-workloads", "4"]);
    command.arg(format!("--metrics-port={port}"));
    let serving = Serving::start(&mut command);
    assert_eq!(fetch(port, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(fetch(port, "/readyz"), (200, "ok\n".to_owned()));
    assert_eq!(fetch(port, "/nothing").0, 404);
    assert!(counter(port, "carto_requests_total{verb=\"list\"}") > 10);
    assert_eq!(serving.terminate(), Some(0));
}
