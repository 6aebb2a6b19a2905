use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carto_core::key::{Gvk, ObjectKey, ServiceAccountKey};
use carto_core::realize::{EventRecord, FailureKind, Purpose, Request, Watch as Watched};
use carto_core::row::{Expressions, RowState};
use serde_json::json;

use super::*;
use crate::fake::{self, Exchange, Fake, Stream};
use crate::run::{Config, Controllers};

/// A core that follows a script: given how often it was asked before and the reply, what next.
type Script = fn(&Observed, usize, Option<Reply>) -> Step;

struct Scripted {
    script: Script,
    observed: Observed,
    asked: usize,
}

impl Pass for Scripted {
    fn resume(&mut self, reply: Option<Reply>) -> Step {
        self.asked += 1;
        (self.script)(&self.observed, self.asked - 1, reply)
    }
}

/// An API with one Workload, whose lists and watches answer by themselves.
struct Api {
    fake: Fake,
    /// Open watches, by path.
    streams: Vec<(String, Stream)>,
}

fn workload(version: &str) -> Value {
    json!({
        "apiVersion": "carto.run/v1alpha1", "kind": "Workload",
        "metadata": {"namespace": "team", "name": "app", "uid": "uid-app",
            "resourceVersion": version, "managedFields": [{"manager": "kubectl"}]},
        "spec": {},
    })
}

fn config_map(version: &str, data: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "team", "name": "cm", "uid": "uid-cm",
            "resourceVersion": version, "labels": {"carto.run/resource-name": "r"},
            "ownerReferences": [{"apiVersion": "carto.run/v1alpha1", "kind": "Workload",
                "name": "app", "uid": "uid-app", "controller": true}]},
        "data": {"x": data},
    })
}

impl Api {
    /// The next request that does not answer by itself.
    async fn next(&mut self) -> Exchange {
        loop {
            let exchange = self.fake.next().await;
            if let Some(exchange) = self.answer(exchange) {
                return exchange;
            }
        }
    }

    fn answer(&mut self, exchange: Exchange) -> Option<Exchange> {
        let uri = exchange.uri.clone();
        let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
        if exchange.method != Method::GET {
            return Some(exchange);
        }
        if query.contains("watch=1") {
            self.streams.push((path.to_owned(), exchange.stream()));
        } else if path == "/api" {
            exchange.json(&json!({}));
        } else if path == "/api/v1" {
            exchange.json(&json!({"resources": [
                {"name": "configmaps", "kind": "ConfigMap", "namespaced": true}]}));
        } else if query.contains("limit=") {
            let items = if path.ends_with("/workloads") {
                vec![workload("5")]
            } else {
                Vec::new()
            };
            exchange.json(&json!({"metadata": {"resourceVersion": "10"}, "items": items}));
        } else {
            return Some(exchange);
        }
        None
    }

    /// Lets the controllers go on until they have nothing to do.
    async fn settle(&mut self, controllers: &Controllers) {
        for _ in 0..1000 {
            let next = tokio::time::timeout(Duration::from_millis(1), self.fake.next());
            if let Ok(exchange) = next.await {
                let unexpected = self.answer(exchange).map(|exchange| exchange.uri);
                assert_eq!(unexpected, None, "nothing more is asked for");
            } else if controllers.is_idle()
                && controllers.metrics().delayed == 0
                && *controllers_ready(controllers).borrow()
            {
                return;
            }
        }
        panic!("not idle: {:?}", controllers.metrics());
    }

    /// The open watch of a resource.
    fn watch(&self, plural: &str) -> &Stream {
        let found = self
            .streams
            .iter()
            .rev()
            .find(|(path, _)| path.ends_with(plural));
        &found.expect("the resource is watched").1
    }
}

fn controllers_ready(controllers: &Controllers) -> tokio::sync::watch::Receiver<bool> {
    controllers.ready_for_tests()
}

async fn start(script: Script) -> (Controllers, Api) {
    let (client, fake) = fake::client();
    let begin: Begin = Arc::new(move |_, observed| {
        Box::new(Scripted {
            script,
            observed,
            asked: 0,
        })
    });
    let starting = tokio::spawn(async move {
        Controllers::start_with(client.into(), Config::default(), begin).await
    });
    let mut api = Api {
        fake,
        streams: Vec::new(),
    };
    let hello = api.fake.next().await;
    assert!(api.answer(hello).is_none());
    (starting.await.unwrap().unwrap(), api)
}

fn outcome() -> Outcome {
    Outcome {
        status: None,
        events: Vec::new(),
        depends_on: BTreeSet::new(),
        watched: BTreeSet::new(),
        next: realize::Next::AwaitChange,
        recall: carto_core::recall::Recall::default(),
    }
}

fn done(outcome: Outcome) -> Step {
    Step::Done(Box::new(outcome))
}

fn gvk() -> Gvk {
    Gvk::new("v1", "ConfigMap")
}

fn object_key() -> ObjectKey {
    ObjectKey {
        gvk: gvk(),
        namespace: Some("team".into()),
        name: "cm".into(),
    }
}

fn observe() -> Step {
    Step::Do(Request::Observe {
        gvk: gvk(),
        expressions: Expressions::default(),
    })
}

fn apply() -> Step {
    Step::Do(Request::Apply {
        key: object_key(),
        object: json!({"apiVersion": "v1", "kind": "ConfigMap"}).into(),
        force: false,
        purpose: Purpose::Create,
        account: ServiceAccountKey::new("team", "builder"),
    })
}

fn watching() -> Outcome {
    Outcome {
        watched: BTreeSet::from([gvk()]),
        ..outcome()
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_applies_as_the_account_and_sees_its_own_write() {
    let (controllers, mut api) = start(|observed, asked, reply| match asked {
        0 => observe(),
        1 => {
            let Some(Reply::Observed { mapping, watch }) = reply else {
                panic!("{reply:?}")
            };
            assert_eq!((&*mapping.plural, watch), ("configmaps", Watched::Synced));
            assert!(matches!(
                observed.index.row(&object_key()),
                RowState::Absent
            ));
            apply()
        }
        _ => {
            let Some(Reply::Applied { created: true, .. }) = reply else {
                panic!("{reply:?}")
            };
            assert!(matches!(
                observed.index.row(&object_key()),
                RowState::Known(_)
            ));
            done(watching())
        }
    })
    .await;
    let request = api.next().await;
    assert_eq!(request.method, Method::PATCH);
    assert_eq!(
        request.uri,
        "/api/v1/namespaces/team/configmaps/cm?fieldManager=carto&force=false"
    );
    assert_eq!(
        request.headers["content-type"],
        "application/apply-patch+yaml"
    );
    assert_eq!(
        request.headers["impersonate-user"],
        "system:serviceaccount:team:builder"
    );
    request.with_code(201, &config_map("20", "x"));
    api.settle(&controllers).await;
    let passes = controllers.metrics().reconciles;
    // The echo of our own write is no news.
    api.watch("/configmaps")
        .event("ADDED", &config_map("20", "x"));
    api.settle(&controllers).await;
    assert_eq!(controllers.metrics().reconciles, passes);
}

#[tokio::test(start_paused = true)]
async fn an_echo_that_overtakes_the_reply_is_no_news_either() {
    let (controllers, mut api) = start(|_, asked, _| match asked {
        0 => observe(),
        1 => apply(),
        _ => done(watching()),
    })
    .await;
    let request = api.next().await;
    while api
        .streams
        .iter()
        .all(|(path, _)| !path.ends_with("/configmaps"))
    {
        let exchange = api.fake.next().await;
        assert!(api.answer(exchange).is_none());
    }
    api.watch("/configmaps")
        .event("ADDED", &config_map("20", "x"));
    tokio::time::sleep(Duration::from_millis(5)).await;
    request.with_code(201, &config_map("20", "x"));
    api.settle(&controllers).await;
    assert_eq!(controllers.metrics().reconciles, 1);
    assert_eq!(
        controllers.metrics().hops.count(),
        0,
        "no event led to this write"
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_is_written_at_the_version_that_was_looked_at() {
    let (controllers, mut api) = start(|observed, _, _| {
        assert!(observed.owner.pointer("/metadata/managedFields").is_none());
        let seen = observed.owner["metadata"]["resourceVersion"].clone();
        let written = observed.owner["status"] == json!({"seen": "6"});
        let status = (!written).then(|| json!({"seen": seen}));
        let event = EventRecord {
            reason: "ResourceOutputChanged",
            message: "m".to_owned(),
            component: "Workload",
        };
        let events = if written { Vec::new() } else { vec![event] };
        done(Outcome {
            status,
            events,
            ..outcome()
        })
    })
    .await;
    let path = "/apis/carto.run/v1alpha1/namespaces/team/workloads/app/status?fieldManager=carto";
    let first = api.next().await;
    assert_eq!((&first.method, first.uri.as_str()), (&Method::PUT, path));
    assert_eq!(first.body["metadata"]["resourceVersion"], "5");
    assert!(!first.headers.contains_key("impersonate-user"));
    // Somebody was faster; their change arrives on the watch.
    first.fail(409, "Conflict", "the object has been modified");
    api.watch("/workloads").event("MODIFIED", &workload("6"));
    let second = loop {
        let exchange = api.next().await;
        if exchange.body["metadata"]["resourceVersion"] == "6" {
            break exchange;
        }
        exchange.fail(409, "Conflict", "the object has been modified");
    };
    let mut written = second.body.clone();
    assert_eq!(written["status"], json!({"seen": "6"}));
    written["metadata"]["resourceVersion"] = "7".into();
    second.json(&written);
    let event = api.next().await;
    assert_eq!(event.body["reason"], "ResourceOutputChanged");
    event.json(&json!({}));
    // Our own write comes back; nobody runs again for it.
    let passes = controllers.metrics().reconciles;
    api.watch("/workloads").event("MODIFIED", &written);
    api.settle(&controllers).await;
    assert_eq!(controllers.metrics().reconciles, passes);
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_pass_and_is_counted() {
    static PASSES: AtomicUsize = AtomicUsize::new(0);
    let (controllers, mut api) = start(|_, _, _| {
        assert!(
            PASSES.fetch_add(1, Ordering::SeqCst) >= 2,
            "this is part of the test"
        );
        done(outcome())
    })
    .await;
    api.settle(&controllers).await;
    let metrics = controllers.metrics();
    assert_eq!(
        (metrics.panics, metrics.reconciles, metrics.retries),
        (2, 3, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn failures_reach_the_core_as_replies() {
    static KINDS: Mutex<Vec<FailureKind>> = Mutex::new(Vec::new());
    let (controllers, mut api) = start(|_, asked, reply| {
        if let Some(Reply::Failed(failure)) = reply {
            KINDS.lock().unwrap().push(failure.kind);
        }
        let unknown = Gvk::new("v1", "Unknown");
        match asked {
            0 => Step::Do(Request::Resolve { gvk: unknown }),
            1 | 2 => apply(),
            _ => done(outcome()),
        }
    })
    .await;
    api.next().await.fail(403, "Forbidden", "no");
    api.next().await.break_off();
    api.settle(&controllers).await;
    assert_eq!(
        *KINDS.lock().unwrap(),
        [
            FailureKind::NoMatch { group_known: true },
            FailureKind::Forbidden,
            FailureKind::Timeout
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_crosses_in_one_hop_and_is_timed() {
    let (controllers, mut api) = start(|observed, asked, _| match asked {
        0 => observe(),
        1 if matches!(observed.index.row(&object_key()), RowState::Absent) => done(watching()),
        1 => apply(),
        _ => done(watching()),
    })
    .await;
    api.settle(&controllers).await;
    api.watch("/configmaps")
        .event("ADDED", &config_map("20", "x"));
    api.next().await.json(&config_map("21", "y"));
    api.settle(&controllers).await;
    assert_eq!(controllers.metrics().hops.count(), 1);
    controllers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_the_queue_lost_is_found_by_the_sweep() {
    static PASSES: AtomicUsize = AtomicUsize::new(0);
    let (controllers, mut api) = start(|_, _, _| {
        PASSES.fetch_add(1, Ordering::SeqCst);
        done(outcome())
    })
    .await;
    api.settle(&controllers).await;
    controllers.lose_for_tests(true);
    api.watch("/workloads").event("MODIFIED", &workload("6"));
    api.settle(&controllers).await;
    controllers.lose_for_tests(false);
    assert_eq!(PASSES.load(Ordering::SeqCst), 1, "nobody has noticed");
    let before = Instant::now();
    while PASSES.load(Ordering::SeqCst) == 1 {
        assert!(before.elapsed() <= Config::default().sweep_every, "lost");
        api.settle(&controllers).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let metrics = controllers.metrics();
    assert_eq!((metrics.swept, metrics.reconciles), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_failing_owner_leaves_the_controllers_idle_between_its_tries() {
    let (controllers, mut api) = start(|_, _, _| {
        done(Outcome {
            next: realize::Next::RetryWithBackoff,
            ..outcome()
        })
    })
    .await;
    let before = Instant::now();
    while !(controllers.is_idle() && controllers.metrics().retries > 3) {
        assert!(before.elapsed() < Duration::from_mins(1), "never idle");
        let next = tokio::time::timeout(Duration::from_millis(1), api.fake.next());
        if let Ok(exchange) = next.await {
            assert!(api.answer(exchange).is_none());
        }
    }
    assert_eq!(controllers.metrics().delayed, 1);
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_a_watch_that_has_ended() {
    let (controllers, mut api) = start(|_, asked, _| match asked {
        0 => observe(),
        _ => done(watching()),
    })
    .await;
    // The list of what the pass asks for is never answered.
    let list = loop {
        let exchange = api.fake.next().await;
        if exchange.uri.contains("/configmaps?") {
            break exchange;
        }
        assert!(api.answer(exchange).is_none());
    };
    let before = Instant::now();
    controllers.stop().await;
    assert!(before.elapsed() < Duration::from_millis(100));
    drop(list);
}
