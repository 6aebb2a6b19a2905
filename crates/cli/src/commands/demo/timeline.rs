//! Follows one workload from a commit to its running page, from watch events alone.
//!
//! Each resource of the sample chain has one signal that says "this commit has come through
//! here". The time line waits for them in the order of the chain and prints a line for each,
//! with the time since the signal before it and the part of it that was Carto's: from the bytes
//! of the event that made the resource move to the write that moved it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use carto_server::Hop;
use futures::{StreamExt, stream::SelectAll};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::watcher,
};
use serde_json::Value;
use tokio::sync::broadcast;

use crate::{env::Env, error::CommandError, output};

/// The kinds of the sample chain, by the name of the resource that stamps them.
const KINDS: [(&str, &str, &str, &str); 5] = [
    ("source", "source.toolkit.fluxcd.io", "v1", "GitRepository"),
    ("image", "kpack.io", "v1alpha2", "Image"),
    ("config", "", "v1", "ConfigMap"),
    ("deployment", "apps", "v1", "Deployment"),
    ("service", "", "v1", "Service"),
];

/// The latest state of the objects that the workload owns, fed by watches.
pub(super) struct Timeline {
    events: SelectAll<futures::stream::BoxStream<'static, (&'static str, Value)>>,
    latest: BTreeMap<&'static str, Value>,
    hops: broadcast::Receiver<Hop>,
    ours: BTreeMap<String, Duration>,
}

/// What has come through at one resource.
struct Signal {
    resource: &'static str,
    what: String,
}

impl Timeline {
    /// Starts the watches for the workload `name` in `namespace`.
    pub(super) fn start(
        client: &Client,
        namespace: &str,
        name: &str,
        hops: broadcast::Receiver<Hop>,
    ) -> Self {
        let mut events = SelectAll::new();
        for (resource, group, version, kind) in KINDS {
            let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind);
            let selector =
                format!("carto.run/workload-name={name},carto.run/resource-name={resource}");
            let stream = watcher(api, watcher::Config::default().labels(&selector));
            let objects = stream.filter_map(move |event| async move {
                match event {
                    Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                        serde_json::to_value(object)
                            .ok()
                            .map(|object| (resource, object))
                    }
                    _ => None,
                }
            });
            events.push(objects.boxed());
        }
        Self {
            events,
            latest: BTreeMap::new(),
            hops,
            ours: BTreeMap::new(),
        }
    }

    /// Waits until `commit` has come through every resource and prints a line for each.
    ///
    /// Returns the URL of the application.
    pub(super) async fn follow(
        &mut self,
        commit: &str,
        patience: Duration,
        env: &Env,
    ) -> Result<String, CommandError> {
        let begin = Instant::now();
        let before = self.images();
        self.ours.clear();
        let mut since = begin;
        for resource in ["source", "image", "config", "deployment"] {
            let signal = self
                .wait(resource, commit, before.as_deref(), begin, patience)
                .await?;
            let now = Instant::now();
            self.collect_hops();
            let ours = self.ours.get(resource).copied();
            line(
                env,
                now - begin,
                signal.resource,
                &signal.what,
                now - since,
                ours,
            )?;
            since = now;
        }
        self.wait("service", commit, None, begin, patience)
            .await
            .map(|signal| signal.what)
    }

    async fn wait(
        &mut self,
        resource: &'static str,
        commit: &str,
        before: Option<&str>,
        begin: Instant,
        patience: Duration,
    ) -> Result<Signal, CommandError> {
        loop {
            if let Some(what) = self.signal(resource, commit, before) {
                return Ok(Signal { resource, what });
            }
            let left = patience.saturating_sub(begin.elapsed());
            let Ok(Some((seen, object))) = tokio::time::timeout(left, self.events.next()).await
            else {
                return Err(self.stuck(resource, patience));
            };
            self.latest.insert(seen, object);
        }
    }

    /// What says that the commit has come through `resource`, once it has.
    fn signal(&self, resource: &str, commit: &str, before: Option<&str>) -> Option<String> {
        let object = self.latest.get(resource)?;
        let text = |pointer: &str| object.pointer(pointer)?.as_str().map(str::to_owned);
        let image = self.images().filter(|image| Some(image.as_str()) != before);
        match resource {
            "source" => {
                text("/status/artifact/revision").filter(|revision| revision.contains(commit))
            }
            "image" => image,
            "config" => {
                let wanted = text("/data/image") == Some(image?);
                wanted.then(|| text("/metadata/name")).flatten()
            }
            "deployment" => {
                let wanted = text("/spec/template/spec/containers/0/image") == Some(image?);
                let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
                let settled =
                    number("/status/observedGeneration") == number("/metadata/generation");
                let replicas = number("/spec/replicas").unwrap_or(1);
                let ready = number("/status/availableReplicas").unwrap_or(0) >= replicas
                    && number("/status/updatedReplicas").unwrap_or(0) >= replicas
                    && number("/status/replicas") == Some(replicas);
                (wanted && settled && ready).then(|| format!("{replicas} of {replicas} available"))
            }
            "service" => text("/metadata/annotations/carto.run~1url"),
            _ => None,
        }
    }

    fn images(&self) -> Option<String> {
        let image = self.latest.get("image")?.pointer("/status/latestImage")?;
        image.as_str().map(str::to_owned)
    }

    fn collect_hops(&mut self) {
        while let Ok(hop) = self.hops.try_recv() {
            self.ours.insert(hop.resource, hop.ours);
        }
    }

    fn stuck(&self, resource: &str, patience: Duration) -> CommandError {
        let said = self
            .latest
            .get(resource)
            .and_then(|object| object.pointer("/status/conditions"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|condition| condition["message"].as_str())
            .rfind(|message| !message.is_empty());
        let error = CommandError::user(format!(
            "the commit did not come through \"{resource}\" in {} s",
            patience.as_secs()
        ));
        match said {
            Some(message) => error.hint(format!("its object says: {message}")),
            None => error.hint("its object has said nothing yet: see `kubectl describe workload`"),
        }
    }
}

/// The heading of the columns that [`line`] prints.
pub(super) fn heading(env: &Env) -> Result<(), CommandError> {
    env.out(&format!(
        "  {:>8}  {:<11} {:>8}  {:>8}  {}\n",
        "at", "hop", "took", "Carto", "signal"
    ))?;
    Ok(())
}

/// Prints one hop.
pub(super) fn line(
    env: &Env,
    at: Duration,
    resource: &str,
    what: &str,
    took: Duration,
    ours: Option<Duration>,
) -> Result<(), CommandError> {
    let ours = ours.map_or_else(|| "-".to_owned(), output::duration);
    let (at, took) = (output::duration(at), output::duration(took));
    env.out(&format!(
        "  {at:>8}  {resource:<11} {took:>8}  {ours:>8}  {what}\n"
    ))?;
    Ok(())
}
