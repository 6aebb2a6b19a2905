//! What one request costs, in process: `cargo bench -p carto-apiserver`.
//!
//! `memory` is the server's own work; `disk` adds the commit, which many clients share.

use std::hint::black_box;

use bytes::Bytes;
use carto_apiserver::{ApiServer, ApiService, Config, UserInfo};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::Service as _;

const WIDGETS: &str = "/apis/demo.io/v1/namespaces/default/widgets";

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.demo.io"},
        "spec": {
            "group": "demo.io",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}},
            }],
        },
    })
}

/// About 2 KB, as a stamped object is.
fn widget(name: &str, size: u64) -> Value {
    let params: Vec<Value> = (0..12)
        .map(|n| json!({"name": format!("parameter-{n}"), "value": "v".repeat(60)}))
        .collect();
    json!({"apiVersion": "demo.io/v1", "kind": "Widget",
        "metadata": {"name": name, "labels": {"carto.run/workload-name": "w", "app": "a"}},
        "spec": {"size": size, "params": params, "source": {"url": "https://example.com/x.git"}}})
}

fn server(runtime: &Runtime, dir: Option<&std::path::Path>) -> ApiServer {
    let config = Config {
        state_dir: dir.map(Into::into),
        crds: vec![definition()],
        ..Config::default()
    };
    runtime
        .block_on(ApiServer::start(config))
        .expect("it starts")
}

async fn send(service: &ApiService, method: Method, uri: &str, media: &str, body: &Value) -> Bytes {
    let body = if body.is_null() {
        Bytes::new()
    } else {
        body.to_string().into()
    };
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", media)
        .header("user-agent", "bench/1")
        .body(Full::new(body))
        .expect("a request");
    let response = service.clone().call(request).await.expect("it never fails");
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("it never fails")
        .to_bytes();
    assert!(
        status == StatusCode::OK || status == StatusCode::CREATED,
        "{status} {}",
        String::from_utf8_lossy(&body)
    );
    body
}

fn requests(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a folder");
    for (name, dir) in [("memory", None), ("disk", Some(dir.path()))] {
        let server = server(&runtime, dir);
        let service = server.service(UserInfo::admin());
        let mut group = c.benchmark_group(name);
        let mut n = 0;
        group.bench_function("create", |b| {
            b.to_async(&runtime).iter(|| {
                n += 1;
                let body = widget(&format!("c{n}"), n);
                let service = &service;
                async move { send(service, Method::POST, WIDGETS, "application/json", &body).await }
            });
        });
        runtime.block_on(send(
            &service,
            Method::POST,
            WIDGETS,
            "application/json",
            &widget("w", 0),
        ));
        let uri = format!("{WIDGETS}/w");
        for (what, media) in [
            ("patch/merge", "application/merge-patch+json"),
            ("patch/json", "application/json-patch+json"),
        ] {
            group.bench_function(what, |b| {
                b.to_async(&runtime).iter(|| {
                    n += 1;
                    let body = if what == "patch/merge" {
                        json!({"spec": {"size": n}})
                    } else {
                        json!([{"op": "replace", "path": "/spec/size", "value": n}])
                    };
                    let (service, uri) = (&service, &uri);
                    async move { send(service, Method::PATCH, uri, media, &body).await }
                });
            });
        }
        let applied = format!("{WIDGETS}/applied?fieldManager=carto&force=true");
        for (what, changes) in [("apply/changed", true), ("apply/same", false)] {
            group.bench_function(what, |b| {
                b.to_async(&runtime).iter(|| {
                    n += u64::from(changes);
                    let body = widget("applied", n);
                    let (service, uri) = (&service, &applied);
                    async move {
                        send(
                            service,
                            Method::PATCH,
                            uri,
                            "application/apply-patch+yaml",
                            &body,
                        )
                        .await
                    }
                });
            });
        }
        group.bench_function("get", |b| {
            b.to_async(&runtime)
                .iter(|| send(&service, Method::GET, &uri, "", &Value::Null));
        });
        group.finish();
        runtime.block_on(server.shutdown());
    }
}

fn many_clients(c: &mut Criterion) {
    const CLIENTS: u64 = 64;
    let runtime = Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a folder");
    let server = server(&runtime, Some(dir.path()));
    let service = server.service(UserInfo::admin());
    let mut group = c.benchmark_group("disk");
    group.throughput(Throughput::Elements(CLIENTS));
    let mut n = 0;
    group.bench_function(BenchmarkId::new("create/clients", CLIENTS), |b| {
        b.to_async(&runtime).iter(|| {
            let tasks: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    n += 1;
                    let (service, body) = (service.clone(), widget(&format!("m{n}"), n));
                    tokio::spawn(async move {
                        send(&service, Method::POST, WIDGETS, "application/json", &body).await
                    })
                })
                .collect();
            async move {
                for task in tasks {
                    black_box(task.await.expect("it does not panic"));
                }
            }
        });
    });
    group.finish();
    runtime.block_on(server.shutdown());
}

fn lists(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let server = server(&runtime, None);
    let service = server.service(UserInfo::admin());
    runtime.block_on(async {
        for n in 0..5000 {
            let body = widget(&format!("w{n}"), n);
            send(&service, Method::POST, WIDGETS, "application/json", &body).await;
        }
    });
    let mut group = c.benchmark_group("list");
    group.sample_size(20);
    group.bench_function("5000", |b| {
        b.to_async(&runtime)
            .iter(|| send(&service, Method::GET, WIDGETS, "", &Value::Null));
    });
    let selected = format!("{WIDGETS}?labelSelector=app%3Dother");
    group.bench_function("5000/selector", |b| {
        b.to_async(&runtime)
            .iter(|| send(&service, Method::GET, &selected, "", &Value::Null));
    });
    group.finish();
    runtime.block_on(server.shutdown());
}

criterion_group!(benches, requests, many_clients, lists);
criterion_main!(benches);
