//! Where a benchmark runs: the embedded home in this process, or another Kubernetes API.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use carto_server::{Home, HomeConfig};
use futures::{StreamExt, TryStreamExt};
use kube::{
    Client,
    api::{DeleteParams, DynamicObject, ListParams, WatchEvent, WatchParams},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{
    Common,
    chain::{self, Chain},
    fleet,
    runner::{Counters, Runner},
};

/// How long the controllers have to be quiet to count as settled.
const QUIET: Duration = Duration::from_millis(500);
/// How often the counters are read while waiting.
const TICK: Duration = Duration::from_millis(20);

/// The API under the controllers, and the controllers.
pub(super) struct Stage {
    chain: Chain,
    client: Client,
    kubeconfig: PathBuf,
    home: Option<(Home, tempfile::TempDir)>,
    running: Option<Runner>,
}

impl Stage {
    /// Prepares the API: definitions, the chain, namespaces, rights. No controllers yet.
    pub(super) async fn prepare(common: &Common) -> anyhow::Result<Self> {
        let (client, kubeconfig, home) = match &common.kubeconfig {
            Some(path) => (
                carto_server::remote_client(Some(path)).await?,
                path.clone(),
                None,
            ),
            None => {
                let state = tempfile::tempdir()?;
                let mut config = HomeConfig::new(state.path().to_owned());
                config.actors = Vec::new();
                config.controllers = false;
                let home = Home::start(config).await?;
                (home.client(), home.kubeconfig_path(), Some((home, state)))
            }
        };
        let stage = Self {
            chain: common.chain,
            client,
            kubeconfig,
            home,
            running: None,
        };
        stage.install(common).await?;
        Ok(stage)
    }

    async fn install(&self, common: &Common) -> anyhow::Result<()> {
        if self.home.is_none() {
            for crd in carto_api::crds() {
                fleet::apply(&self.client, &serde_json::to_value(crd)?).await?;
            }
        }
        for definition in chain::definitions() {
            fleet::apply(&self.client, &definition).await?;
        }
        for number in 0..common.namespaces.max(1) {
            let name = fleet::namespace(number);
            fleet::apply(
                &self.client,
                &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
            )
            .await?;
        }
        fleet::apply(&self.client, &json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "carto-bench"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:serviceaccounts"}]
        }))
        .await?;
        let begin = Instant::now();
        loop {
            match self.install_blueprint(usize::MAX).await {
                Ok(()) => return Ok(()),
                // A real API server serves a new kind a moment after it is defined.
                Err(error) if begin.elapsed() > Duration::from_secs(20) => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Applies the templates and the blueprint, of its resources so many.
    pub(super) async fn install_blueprint(&self, resources: usize) -> anyhow::Result<()> {
        let one = ListParams::default().limit(1);
        for kind in ["BenchObject", "BenchOwner"] {
            let api = fleet::api(&self.client, Some("default"), kind);
            api.list(&one).await?;
        }
        for mut object in self.chain.blueprint() {
            if let Some(all) = object.pointer_mut("/spec/resources")
                && let Some(all) = all.as_array_mut()
            {
                all.truncate(resources);
            }
            fleet::apply(&self.client, &object).await?;
        }
        Ok(())
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Starts the controllers as they run on this API: in this process on the embedded home, else apart.
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        self.running = Some(match &self.home {
            Some((home, _)) => Runner::here(home.transport()).await?,
            None => Runner::apart(&self.kubeconfig).await?,
        });
        Ok(())
    }

    /// Starts the controllers in a process of their own.
    pub(super) async fn start_apart(&mut self) -> anyhow::Result<()> {
        self.running = Some(Runner::apart(&self.kubeconfig).await?);
        Ok(())
    }

    /// Whether what the process uses is the controllers' alone.
    pub(super) fn is_apart(&self) -> bool {
        matches!(self.running, Some(Runner::Apart(_)))
    }

    /// Stops the controllers and waits for their end.
    pub(super) async fn stop(&mut self) {
        if let Some(runner) = self.running.take() {
            runner.stop().await;
        }
    }

    /// Stops the controllers, if they run, as soon as they have nothing to do.
    pub(super) async fn settle_and_stop(&mut self, patience: Duration) -> anyhow::Result<()> {
        if self.running.is_some() {
            self.settled(patience).await?;
        }
        self.stop().await;
        Ok(())
    }

    /// The controllers' counters now.
    pub(super) async fn counters(&self) -> anyhow::Result<Counters> {
        let running = self
            .running
            .as_ref()
            .context("the controllers do not run")?;
        running.counters().await
    }

    /// Waits until nothing is queued, running or pending for a while; returns the moment at which the last piece of work
    /// was done, and the counters then.
    pub(super) async fn settled(&self, patience: Duration) -> anyhow::Result<(Instant, Counters)> {
        let begin = Instant::now();
        let mut last_busy = begin;
        let mut last = self.counters().await?;
        loop {
            tokio::time::sleep(TICK).await;
            let now = self.counters().await?;
            let all = &now.all;
            let busy = all.queue + all.running + all.events_pending > 0;
            if busy
                || all.requests_total() != last.all.requests_total()
                || all.reconciles != last.all.reconciles
            {
                last_busy = Instant::now();
            } else if last_busy.elapsed() > QUIET {
                return Ok((last_busy, now));
            }
            if begin.elapsed() > patience {
                bail!("not settled after {} s: {all:?}", patience.as_secs());
            }
            last = now;
        }
    }

    /// Waits until nothing is queued, running or pending.
    pub(super) async fn quiet(&self) -> anyhow::Result<()> {
        loop {
            let all = self.counters().await?.all;
            if all.queue + all.running + all.events_pending == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Watches for the moment at which so many owners are Ready. It is followed from now on.
    pub(super) async fn until_ready(
        &self,
        owners: usize,
    ) -> anyhow::Result<JoinHandle<anyhow::Result<Instant>>> {
        let api = kube::Api::<DynamicObject>::all_with(
            self.client.clone(),
            &fleet::resource(self.chain.owner()),
        );
        let labels = "carto-bench=yes";
        let list = api.list(&ListParams::default().labels(labels)).await?;
        let version = list
            .metadata
            .resource_version
            .context("a list has a version")?;
        let mut ready: std::collections::HashSet<String> = std::collections::HashSet::new();
        let mut position = version;
        Ok(tokio::spawn(async move {
            // A server closes the watch of a client that reads more slowly than it writes; then it goes on from there.
            // Whoever waits has patience for so long.
            loop {
                let parameters = WatchParams::default().labels(labels).timeout(290);
                let mut events = api.watch(&parameters, &position).await?.boxed();
                while let Ok(Some(event)) = events.try_next().await {
                    let owner = match event {
                        WatchEvent::Added(owner) | WatchEvent::Modified(owner) => owner,
                        WatchEvent::Error(status) => bail!("the watch failed: {status:?}"),
                        WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) => continue,
                    };
                    position = owner.metadata.resource_version.unwrap_or(position);
                    if is_ready(&owner.data) {
                        ready.insert(owner.metadata.uid.unwrap_or_default());
                    }
                    if ready.len() == owners {
                        return Ok(Instant::now());
                    }
                }
            }
        }))
    }

    /// Removes what was made on an API that is not ours, and ends the home that is.
    pub(super) async fn clean_up(mut self, namespaces: usize) -> anyhow::Result<()> {
        self.stop().await;
        if let Some((home, _state)) = self.home.take() {
            home.shutdown().await;
            return Ok(());
        }
        for object in self.chain.blueprint() {
            let text = |key: &str| {
                object
                    .pointer(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            fleet::api(&self.client, None, text("/kind"))
                .delete(text("/metadata/name"), &DeleteParams::default())
                .await?;
        }
        let all = fleet::api(&self.client, None, "Namespace");
        for number in 0..namespaces.max(1) {
            all.delete(&fleet::namespace(number), &DeleteParams::default())
                .await?;
        }
        // Another benchmark may come at once.
        let begin = Instant::now();
        for number in 0..namespaces.max(1) {
            while all.get_opt(&fleet::namespace(number)).await?.is_some()
                && begin.elapsed() < Duration::from_mins(5)
            {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Ok(())
    }
}

fn is_ready(owner: &Value) -> bool {
    owner["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
