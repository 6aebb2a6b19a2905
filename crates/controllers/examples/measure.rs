//! Measures the controllers against a real API: `measure KUBECONFIG CONTROLLER [N] [--specless]
//! [--no-ytt]`.
//!
//! CONTROLLER is the example `controller`, started as a process of its own so that its CPU and memory are its own. The
//! load: N Workloads in N/10 namespaces, a chain of four objects whose outputs exist as soon as the object does (a
//! source, an image, a configuration from ytt, a plain one), first all at once, then single changes, then idleness, then
//! a restart. Beside it, what a bare client needs for the same writes on the same API at the same time.
//!
//! The cluster must have the carto.run CRDs, and service accounts must be bound to what they need.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for development"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::Request;
use kube::Client;
use kube::config::KubeConfigOptions;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const CONCURRENCY: usize = 32;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kubeconfig, controller, rest @ ..] = args.as_slice() else {
        return Err("usage: measure KUBECONFIG CONTROLLER [N] [--specless] [--no-ytt]".into());
    };
    let count = rest.iter().find_map(|arg| arg.parse().ok()).unwrap_or(1500);
    let specless = rest.iter().any(|arg| arg == "--specless");
    let ytt = !rest.iter().any(|arg| arg == "--no-ytt");
    let bench = Bench {
        client: client(kubeconfig).await?,
        kubeconfig: kubeconfig.into(),
        controller: controller.into(),
        count,
        ytt,
        kind: if specless {
            Kind::ConfigMap
        } else {
            Kind::Thing
        },
    };
    bench.run().await
}

async fn client(path: &str) -> Result<Client> {
    let kubeconfig = kube::config::Kubeconfig::read_from(path)?;
    let config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Thing,
    ConfigMap,
}

impl Kind {
    fn collection(self, namespace: &str) -> String {
        match self {
            Self::Thing => format!("/apis/bench.carto.run/v1/namespaces/{namespace}/things"),
            Self::ConfigMap => format!("/api/v1/namespaces/{namespace}/configmaps"),
        }
    }

    /// An object of a template, with the fields that outputs are read from.
    fn object(self, name: &str, fields: &Value) -> Value {
        match self {
            Self::Thing => json!({"apiVersion": "bench.carto.run/v1", "kind": "Thing",
                "metadata": {"name": name}, "spec": fields}),
            Self::ConfigMap => json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": name}, "data": fields}),
        }
    }

    /// The same in ytt, for the third template.
    fn ytt(self) -> String {
        let (head, fields) = match self {
            Self::Thing => ("apiVersion: bench.carto.run/v1\nkind: Thing", "spec"),
            Self::ConfigMap => ("apiVersion: v1\nkind: ConfigMap", "data"),
        };
        format!(
            "#@ load(\"@ytt:data\", \"data\")\n{head}\nmetadata:\n  \
             name: #@ data.values.workload.metadata.name + \"-config\"\n\
             {fields}:\n  config: #@ \"config of \" + data.values.image\n"
        )
    }

    fn path(self, field: &str) -> String {
        match self {
            Self::Thing => format!(".spec.{field}"),
            Self::ConfigMap => format!(".data.{field}"),
        }
    }
}

struct Bench {
    client: Client,
    kubeconfig: PathBuf,
    controller: PathBuf,
    count: usize,
    ytt: bool,
    kind: Kind,
}

fn namespace_of(n: usize) -> String {
    format!("bench-{}", n / 10)
}

impl Bench {
    async fn run(&self) -> Result<()> {
        self.prepare().await?;
        let bare = self.bare_writes().await?;
        println!(
            "bare client, {} x (4 applies + 1 status): {:.1} s",
            self.count,
            bare.as_secs_f64()
        );

        self.create_workloads().await?;
        let started = Instant::now();
        let mut controller = Controller::start(self)?;
        let report = controller.until_idle(&started)?;
        let took = started.elapsed();
        self.check_ready().await?;
        println!(
            "all Ready: {:.1} s = {:.2} x bare; CPU {:.2} s, RSS {} MiB",
            took.as_secs_f64(),
            took.as_secs_f64() / bare.as_secs_f64(),
            controller.cpu_seconds(),
            controller.rss_kib() / 1024
        );
        print_per("workload", &report, None, self.count);

        let before = report;
        let (ours, ours_count) = self.changes(&mut controller).await?;
        let after = controller.until_idle(&Instant::now())?;
        let bare = self.bare_changes(ours_count).await?;
        println!(
            "a change crosses: p50 {:.1} ms, p99 {:.1} ms; bare four applies in a row: p50 {:.1} ms ({:.2} x)",
            quantile(&ours, 0.5),
            quantile(&ours, 0.99),
            quantile(&bare, 0.5),
            quantile(&ours, 0.5) / quantile(&bare, 0.5)
        );
        println!(
            "our share of a hop: p50 {} us, p99 {} us",
            after["hop_p50_us"], after["hop_p99_us"]
        );
        print_per("change", &after, Some(&before), ours_count);

        std::thread::sleep(Duration::from_secs(10));
        let idle = controller.report()?;
        let cpu = controller.cpu_seconds();
        std::thread::sleep(Duration::from_secs(10));
        println!(
            "idle: {} requests in 10 s; {:.1} mCPU",
            total(&idle) - total(&after),
            (controller.cpu_seconds() - cpu) * 100.0
        );
        controller.stop()?;

        let started = Instant::now();
        let mut controller = Controller::start(self)?;
        let report = controller.until_idle(&started)?;
        println!(
            "restart: {:.1} s, {} writes, {} events, {} requests in all; CPU {:.2} s, RSS {} MiB",
            started.elapsed().as_secs_f64(),
            writes(&report),
            verb(&report, "event"),
            total(&report),
            controller.cpu_seconds(),
            controller.rss_kib() / 1024
        );
        controller.stop()?;
        Ok(())
    }

    async fn send(&self, method: &str, uri: &str, content: &str, body: &Value) -> Result<Value> {
        send(&self.client, method, uri, content, body).await
    }

    async fn apply(&self, uri: &str, object: &Value) -> Result<Value> {
        let uri = format!("{uri}?fieldManager=bench&force=true");
        self.send("PATCH", &uri, "application/apply-patch+yaml", object)
            .await
    }

    async fn prepare(&self) -> Result<()> {
        let schema = json!({"type": "object", "properties": {"spec":
            {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
        let crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "things.bench.carto.run"},
            "spec": {"group": "bench.carto.run", "scope": "Namespaced",
                "names": {"kind": "Thing", "plural": "things"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": schema}}]},
        });
        let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        self.apply(&format!("{crds}/things.bench.carto.run"), &crd)
            .await?;
        for n in (0..self.count).step_by(10) {
            let name = namespace_of(n);
            let object =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            self.apply(&format!("/api/v1/namespaces/{name}"), &object)
                .await?;
        }
        let kind = self.kind;
        let commit = "$(workload.spec.source.git.ref.commit)$";
        let config = if self.ytt {
            json!({"configPath": kind.path("config"), "ytt": kind.ytt()})
        } else {
            let object = kind.object(
                "$(workload.metadata.name)$-config",
                &json!({"config": "config of $(image)$"}),
            );
            json!({"configPath": kind.path("config"), "template": object})
        };
        let templates = [
            (
                "clustersourcetemplates",
                "ClusterSourceTemplate",
                json!({
                "urlPath": kind.path("url"), "revisionPath": kind.path("revision"),
                "template": kind.object("$(workload.metadata.name)$-source",
                    &json!({"url": "$(workload.spec.source.git.url)$", "revision": commit}))}),
            ),
            (
                "clusterimagetemplates",
                "ClusterImageTemplate",
                json!({
                "imagePath": kind.path("image"),
                "template": kind.object("$(workload.metadata.name)$-image",
                    &json!({"image": "registry/app:$(source.revision)$"}))}),
            ),
            ("clusterconfigtemplates", "ClusterConfigTemplate", config),
            (
                "clustertemplates",
                "ClusterTemplate",
                json!({
                "template": kind.object("$(workload.metadata.name)$-app",
                    &json!({"config": "$(config)$"}))}),
            ),
        ];
        for (plural, name, spec) in &templates {
            let object = json!({"apiVersion": "carto.run/v1alpha1", "kind": name,
                "metadata": {"name": "bench"}, "spec": spec});
            self.apply(&format!("/apis/carto.run/v1alpha1/{plural}/bench"), &object)
                .await?;
        }
        let resource = |name: &str, kind: &str, inputs: Value| {
            let mut resource =
                json!({"name": name, "templateRef": {"kind": kind, "name": "bench"}});
            resource
                .as_object_mut()
                .unwrap()
                .extend(inputs.as_object().unwrap().clone());
            resource
        };
        let chain = json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "ClusterSupplyChain",
            "metadata": {"name": "bench"},
            "spec": {"selector": {"bench": "yes"}, "resources": [
                resource("source", "ClusterSourceTemplate", json!({})),
                resource("image", "ClusterImageTemplate",
                    json!({"sources": [{"name": "source", "resource": "source"}]})),
                resource("config", "ClusterConfigTemplate",
                    json!({"images": [{"name": "image", "resource": "image"}]})),
                resource("app", "ClusterTemplate",
                    json!({"configs": [{"name": "config", "resource": "config"}]})),
            ]},
        });
        self.apply("/apis/carto.run/v1alpha1/clustersupplychains/bench", &chain)
            .await?;
        Ok(())
    }

    fn workload(n: usize, commit: &str) -> (String, Value) {
        let (namespace, name) = (namespace_of(n), format!("app-{n}"));
        let uri = format!("/apis/carto.run/v1alpha1/namespaces/{namespace}/workloads/{name}");
        let object = json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "Workload",
            "metadata": {"name": name, "labels": {"bench": "yes"}},
            "spec": {"source": {"git": {"url": "https://git/x", "ref": {"commit": commit}}}},
        });
        (uri, object)
    }

    async fn create_workloads(&self) -> Result<()> {
        stream::iter(0..self.count)
            .map(|n| async move {
                let (uri, object) = Self::workload(n, "first");
                self.apply(&uri, &object).await
            })
            .buffer_unordered(CONCURRENCY)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    /// The writes of N convergences, in the same order per workload, by a client that knows what to write.
    async fn bare_writes(&self) -> Result<Duration> {
        stream::iter(0..self.count)
            .map(|n| async move {
                let (uri, object) = Self::workload(n, "first");
                let uri = uri.replace("/app-", "/bare-");
                self.apply(&uri, &relabelled(object, &format!("bare-{n}")))
                    .await
            })
            .buffer_unordered(CONCURRENCY)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        let started = Instant::now();
        stream::iter(0..self.count)
            .map(|n| async move {
                for step in 0..4 {
                    self.bare_apply(n, step, "first").await?;
                }
                let namespace = namespace_of(n);
                let uri = format!(
                    "/apis/carto.run/v1alpha1/namespaces/{namespace}/workloads/bare-{n}/status"
                );
                self.send(
                    "PATCH",
                    &uri,
                    "application/merge-patch+json",
                    &bare_status(n),
                )
                .await
            })
            .buffer_unordered(CONCURRENCY)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        Ok(started.elapsed())
    }

    async fn bare_apply(&self, n: usize, step: usize, commit: &str) -> Result<()> {
        let name = format!("bare-{n}-{step}");
        let labels = json!({"bare/workload-name": format!("app-{n}"),
            "bare/workload-namespace": namespace_of(n), "bare/supply-chain-name": "bench",
            "bare/resource-name": "source", "bare/template-kind": "ClusterSourceTemplate",
            "bare/cluster-template-name": "bench", "bare/template-lifecycle": "mutable"});
        let mut object = self
            .kind
            .object(&name, &json!({"image": commit, "url": "https://git/x"}));
        object["metadata"]["labels"] = labels;
        let uri = format!("{}/{name}", self.kind.collection(&namespace_of(n)));
        self.apply(&uri, &object).await.map(drop)
    }

    async fn check_ready(&self) -> Result<()> {
        let list = self
            .send(
                "GET",
                "/apis/carto.run/v1alpha1/workloads?labelSelector=bench%3Dyes",
                "",
                &Value::Null,
            )
            .await?;
        let items = list["items"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let unready: Vec<&Value> = items
            .iter()
            .filter(|item| {
                let conditions = item.pointer("/status/conditions").and_then(Value::as_array);
                !conditions
                    .into_iter()
                    .flatten()
                    .any(|c| c["type"] == "Ready" && c["status"] == "True")
            })
            .collect();
        if items.len() == self.count && unready.is_empty() {
            return Ok(());
        }
        let first = unready
            .first()
            .map(|item| item["status"]["conditions"].to_string());
        Err(format!(
            "{} of {} Workloads are not Ready: {first:?}",
            unready.len(),
            items.len()
        )
        .into())
    }

    /// Changes some workloads one after another, and times each until its last object has it.
    async fn changes(&self, controller: &mut Controller) -> Result<(Vec<f64>, usize)> {
        let count = self.count.min(100);
        let uri = format!(
            "{}?watch=1&labelSelector=carto.run%2Fresource-name%3Dapp",
            self.kind.collection("NS").replace("/namespaces/NS", "")
        );
        let request = Request::get(&uri).body(Vec::new())?;
        let events = self
            .client
            .request_events::<kube::core::DynamicObject>(request)
            .await?;
        let mut events = Box::pin(events);
        let mut times = Vec::new();
        for n in 0..count {
            let commit = format!("second-{n}-{}", std::process::id());
            let (uri, object) = Self::workload(n, &commit);
            let started = Instant::now();
            self.apply(&uri, &object).await?;
            loop {
                let event = tokio::time::timeout(Duration::from_secs(20), events.next()).await?;
                let event = event.ok_or("the watch ended")??;
                if let kube::core::WatchEvent::Modified(object) = event
                    && object.data.to_string().contains(&commit)
                {
                    break;
                }
            }
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        controller.report()?;
        Ok((times, count))
    }

    /// The same by a bare client: the workload, then four applies in a row.
    async fn bare_changes(&self, count: usize) -> Result<Vec<f64>> {
        let mut times = Vec::new();
        for n in 0..count {
            let commit = format!("second-{n}-{}", std::process::id());
            let started = Instant::now();
            for step in 0..4 {
                self.bare_apply(n, step, &commit).await?;
            }
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(times)
    }
}

async fn send(
    client: &Client,
    method: &str,
    uri: &str,
    content: &str,
    body: &Value,
) -> Result<Value> {
    let body = if body.is_null() {
        Vec::new()
    } else {
        serde_json::to_vec(body)?
    };
    let mut request = Request::builder().method(method).uri(uri);
    if !content.is_empty() {
        request = request.header("content-type", content);
    }
    Ok(client.request::<Value>(request.body(body)?).await?)
}

fn relabelled(mut workload: Value, name: &str) -> Value {
    workload["metadata"]["name"] = name.into();
    workload["metadata"]["labels"] = json!({});
    workload
}

/// About as large as a real one.
fn bare_status(n: usize) -> Value {
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "reason": "Ready", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    let resource = |name: &str| {
        json!({"name": name,
            "stampedRef": {"apiVersion": "bench.carto.run/v1", "kind": "Thing", "namespace": "x",
                "name": format!("bare-{n}-{name}"), "resource": "things.bench.carto.run"},
            "templateRef": {"apiVersion": "carto.run/v1alpha1", "kind": "ClusterTemplate", "name": "bench"},
            "outputs": [{"name": "image", "preview": "registry/app:first\n",
                "digest": "sha256:11fd182657d58787e0e5b61c5da79195f8715fef7f957b9cdba2d8a581b2ca33",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "conditions": [condition("ResourceSubmitted"), condition("Healthy"), condition("Ready")]})
    };
    json!({"status": {
        "observedGeneration": 1,
        "conditions": [condition("SupplyChainReady"), condition("ResourcesSubmitted"),
            condition("ResourcesHealthy"), condition("Ready")],
        "supplyChainRef": {"kind": "ClusterSupplyChain", "name": "bench"},
        "resources": [resource("source"), resource("image"), resource("config"), resource("app")]}})
}

fn quantile(times: &[f64], share: f64) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank"
    )]
    let rank = ((times.len() - 1) as f64 * share) as usize;
    times[rank]
}

fn verb(report: &Value, verb: &str) -> i64 {
    let requests = report["requests"].as_array().expect("a list of pairs");
    requests
        .iter()
        .find(|pair| pair[0] == verb)
        .and_then(|pair| pair[1].as_i64())
        .unwrap_or(0)
}

fn total(report: &Value) -> i64 {
    let requests = report["requests"].as_array().expect("a list of pairs");
    requests.iter().filter_map(|pair| pair[1].as_i64()).sum()
}

fn writes(report: &Value) -> i64 {
    ["apply", "create", "delete", "status"]
        .iter()
        .map(|v| verb(report, v))
        .sum()
}

fn print_per(what: &str, report: &Value, before: Option<&Value>, count: usize) {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let per =
        |of: &dyn Fn(&Value) -> i64| (of(report) - before.map_or(0, of)) as f64 / count as f64;
    println!(
        "per {what}: {:.2} requests, {:.2} object and status writes, {:.2} events, {:.2} reads; {} dropped events",
        per(&total),
        per(&writes),
        per(&|r| verb(r, "event")),
        per(&|r| verb(r, "get") + verb(r, "list") + verb(r, "discovery")),
        report["events_dropped"]
    );
}

struct Controller {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Controller {
    fn start(bench: &Bench) -> Result<Self> {
        let mut child = Command::new(&bench.controller)
            .arg(&bench.kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take().ok_or("no standard input")?;
        let stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut controller = Self {
            child,
            stdin,
            stdout,
        };
        let line = controller.line()?;
        if line.trim() != "ready" {
            return Err(format!("the controller says {line:?}").into());
        }
        Ok(controller)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line)
    }

    fn report(&mut self) -> Result<Value> {
        writeln!(self.stdin)?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    /// The report at the first of several idle moments in a row, for keys are also woken by what comes late.
    fn until_idle(&mut self, started: &Instant) -> Result<Value> {
        let mut idle = 0;
        loop {
            let report = self.report()?;
            idle = if report["idle"] == true { idle + 1 } else { 0 };
            if idle == 5 {
                return Ok(report);
            }
            if started.elapsed() > Duration::from_mins(10) {
                return Err(format!("not idle after ten minutes: {report}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks = |n: usize| {
            fields
                .get(n)
                .and_then(|t| t.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        (ticks(11) + ticks(12)) / 100.0
    }

    fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|l| l.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }

    fn stop(mut self) -> Result<()> {
        drop(self.stdin);
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}
