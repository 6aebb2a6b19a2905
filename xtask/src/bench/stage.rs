//! Where a benchmark runs: the embedded home in this process, or another Kubernetes API; and the
//! controllers, which can be stopped and started again.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use carto_server::{Controllers, Home, HomeConfig, Snapshot};
use kube::Client;
use serde_json::{Value, json};

use super::{Common, fleet};

/// How long the controllers have to be quiet to count as settled.
const QUIET: Duration = Duration::from_millis(500);
/// How often the counters are read while waiting.
const TICK: Duration = Duration::from_millis(5);

/// The API under the controllers, and the controllers.
pub(super) struct Stage {
    client: Client,
    home: Option<Home>,
    _state: Option<tempfile::TempDir>,
    running: Option<Controllers>,
}

impl Stage {
    /// Prepares the API: definitions, the chain, namespaces, accounts. No controllers yet.
    pub(super) async fn prepare(common: &Common) -> anyhow::Result<Self> {
        let (client, home, state) = match &common.kubeconfig {
            Some(path) => (carto_server::remote_client(Some(path)).await?, None, None),
            None => {
                let state = tempfile::tempdir()?;
                let mut config = HomeConfig::new(state.path().to_owned());
                config.actors = Vec::new();
                config.controllers = false;
                let home = Home::start(config).await?;
                (home.client(), Some(home), Some(state))
            }
        };
        let stage = Self {
            client,
            home,
            _state: state,
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
        fleet::apply(&self.client, &fleet::definition()).await?;
        for number in 0..common.namespaces.max(1) {
            let name = fleet::namespace(number);
            fleet::apply(
                &self.client,
                &json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
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
            match self.install_blueprint(common.ytt).await {
                Ok(()) => return Ok(()),
                // A real API server serves a new kind a moment after it is defined.
                Err(error) if begin.elapsed() > Duration::from_secs(20) => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn install_blueprint(&self, ytt: bool) -> anyhow::Result<()> {
        fleet::api(&self.client, Some("default"), "BenchObject")
            .list(&kube::api::ListParams::default().limit(1))
            .await?;
        for object in fleet::blueprint(ytt) {
            fleet::apply(&self.client, &object).await?;
        }
        Ok(())
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Starts the controllers and waits until their indexes are in sync.
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        let controllers = carto_server::start_controllers(self.client.clone()).await?;
        tokio::time::timeout(Duration::from_secs(60), controllers.synced())
            .await
            .context("the controllers were not in sync after 60 s")?;
        self.running = Some(controllers);
        Ok(())
    }

    /// Stops the controllers and waits for their end.
    pub(super) async fn stop(&mut self) {
        if let Some(controllers) = self.running.take() {
            controllers.stop().await;
        }
    }

    /// The controllers' counters now.
    pub(super) fn snapshot(&self) -> anyhow::Result<Snapshot> {
        Ok(self
            .running
            .as_ref()
            .context("the controllers do not run")?
            .metrics())
    }

    /// Waits until nothing is queued, running or pending for a while; returns the moment at which
    /// the last piece of work was done.
    pub(super) async fn settled(&self, patience: Duration) -> anyhow::Result<Instant> {
        let begin = Instant::now();
        let mut last_busy = begin;
        let mut last_total = 0;
        loop {
            let now = self.snapshot()?;
            let total = now.requests_total();
            if now.queue + now.running + now.events_pending > 0 || total != last_total {
                last_busy = Instant::now();
                last_total = total;
            } else if last_busy.elapsed() > QUIET {
                return Ok(last_busy);
            }
            if begin.elapsed() > patience {
                bail!(
                    "not settled after {} s: {} queued",
                    patience.as_secs(),
                    now.queue
                );
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// How many of the fleet's workloads are Ready.
    pub(super) async fn ready(&self) -> anyhow::Result<usize> {
        let workloads = kube::Api::<kube::api::DynamicObject>::all_with(
            self.client.clone(),
            &fleet::resource("Workload"),
        );
        let parameters = kube::api::ListParams::default().labels("carto-bench=yes");
        let list = workloads.list(&parameters).await?;
        Ok(list
            .items
            .iter()
            .filter(|workload| is_ready(&workload.data))
            .count())
    }

    /// Removes what was made on an API that is not ours, and ends the home that is.
    pub(super) async fn clean_up(mut self, namespaces: usize) -> anyhow::Result<()> {
        self.stop().await;
        if let Some(home) = self.home.take() {
            home.shutdown().await;
            return Ok(());
        }
        for number in 0..namespaces.max(1) {
            let namespaces = fleet::api(&self.client, None, "Namespace");
            namespaces
                .delete(
                    &fleet::namespace(number),
                    &kube::api::DeleteParams::default(),
                )
                .await?;
        }
        Ok(())
    }
}

fn is_ready(workload: &Value) -> bool {
    workload["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
