//! Performs the steps of a scenario.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kube::Client;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::facts::{self, Facts, Names};
use super::world::World;
use super::{Accounts, Change, Scenario, Step, kinds};

const TICK: Duration = Duration::from_millis(20);
/// How long a namespace may take to get its account.
const ACCOUNT: Duration = Duration::from_secs(30);

/// When things count as settled.
#[derive(Clone, Copy)]
pub struct Pace<'a> {
    /// For how long nothing of the scenario has to rest.
    pub rest: Duration,
    /// How long to wait for that.
    pub patience: Duration,
    /// Whether the choreographer has nothing to do, where that can be asked.
    pub idle: &'a (dyn Fn() -> bool + Sync),
}

/// Why a scenario could not be performed.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The API refused a step.
    #[error("step {step}: {what}: {source}")]
    Refused {
        /// Number of the step, from 1; 0 is the preparation.
        step: usize,
        /// What was asked.
        what: String,
        /// The API's words.
        source: kube::Error,
    },
    /// Scenarios do not know this kind.
    #[error("scenarios do not know the kind {0}")]
    UnknownKind(String),
    /// An object of a step is not written as `Kind/name`, or has no name.
    #[error("{0} is not Kind/name")]
    NotAnObject(String),
    /// Something moves on and on.
    #[error("step {step}: nothing settled within {} s", .patience.as_secs())]
    Restless {
        /// Number of the step.
        step: usize,
        /// How long was waited.
        patience: Duration,
    },
    /// The namespace has no account `default`.
    #[error("namespace {0} got no service account")]
    NoAccount(String),
}

/// Performs a scenario; returns what was seen at each of its `settle` steps.
///
/// # Errors
/// A step that is refused, or that never settles.
pub async fn play(
    world: &World,
    scenario: &Scenario,
    pace: Pace<'_>,
) -> Result<Vec<Facts>, PlayError> {
    let mut player = Player {
        world,
        scenario,
        pace,
        names: Names::default(),
        step: 0,
        began: Instant::now(),
    };
    player.prepare().await?;
    let mut looks = Vec::new();
    for (index, step) in scenario.steps.iter().enumerate() {
        player.step = index + 1;
        match step {
            Step::Apply(objects) => {
                for object in objects {
                    player.apply(object.clone()).await?;
                }
            }
            Step::Status(change) => player.merge(change, true).await?,
            Step::Merge(change) => player.merge(change, false).await?,
            Step::Delete(object) => player.delete(object).await?,
            Step::Settle => looks.push(player.settle().await?),
            Step::NextSecond => next_second().await,
        }
        if !matches!(step, Step::Settle) {
            player.began = Instant::now();
        }
    }
    Ok(looks)
}

/// Waits until nothing of a scenario moves any more, and looks; names stay as they are.
///
/// # Errors
/// It never settles.
pub async fn look(world: &World, scenario: &str, pace: Pace<'_>) -> Result<Facts, PlayError> {
    settled(world, scenario, pace, Instant::now(), 0).await?;
    let objects = world.objects_of(scenario);
    Ok(facts::collect(&objects, &Names::default()))
}

/// Waits until nothing of a scenario has moved for a while since `began`.
async fn settled(
    world: &World,
    scenario: &str,
    pace: Pace<'_>,
    began: Instant,
    step: usize,
) -> Result<(), PlayError> {
    let begin = Instant::now();
    loop {
        let moved = world.moved(scenario).max(Some(began));
        let rested = moved.is_none_or(|moved| moved.elapsed() >= pace.rest);
        if rested && (pace.idle)() {
            return Ok(());
        }
        if begin.elapsed() > pace.patience {
            return Err(PlayError::Restless {
                step,
                patience: pace.patience,
            });
        }
        tokio::time::sleep(TICK).await;
    }
}

struct Player<'a> {
    world: &'a World,
    scenario: &'a Scenario,
    pace: Pace<'a>,
    names: Names,
    step: usize,
    /// When the last step was done.
    began: Instant,
}

impl Player<'_> {
    /// Makes the namespace, and lets its accounts do everything unless the scenario says not.
    async fn prepare(&mut self) -> Result<(), PlayError> {
        let id = &self.scenario.id;
        self.apply(json!({"kind": "Namespace", "metadata": {"name": id}}))
            .await?;
        if self.scenario.accounts == Accounts::Trusted {
            let group = format!("system:serviceaccounts:{id}");
            self.apply(json!({
                "kind": "ClusterRoleBinding", "metadata": {"name": format!("{id}.trusted")},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                    "name": "cluster-admin"},
                "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io",
                    "name": group}],
            }))
            .await?;
        }
        let accounts = kinds::api(self.client(), "ServiceAccount", Some(id))?;
        let begin = Instant::now();
        while accounts.get_opt("default").await.ok().flatten().is_none() {
            if begin.elapsed() > ACCOUNT {
                return Err(PlayError::NoAccount(id.clone()));
            }
            tokio::time::sleep(TICK).await;
        }
        Ok(())
    }

    fn client(&self) -> &Client {
        self.world.client()
    }

    fn refused(&self, what: String) -> impl FnOnce(kube::Error) -> PlayError + use<> {
        let step = self.step;
        move |source| PlayError::Refused { step, what, source }
    }

    async fn apply(&self, mut object: Value) -> Result<(), PlayError> {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let name = object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if name.is_empty() {
            return Err(PlayError::NotAnObject(object.to_string()));
        }
        object["apiVersion"] = kinds::api_version(&kind)?.into();
        let namespace = match object["metadata"]["namespace"].as_str() {
            Some(namespace) => namespace.to_owned(),
            None => self.scenario.id.clone(),
        };
        if !kinds::is_cluster_wide(&kind) {
            object["metadata"]["namespace"] = namespace.clone().into();
        }
        let api = kinds::api(self.client(), &kind, Some(&namespace))?;
        let parameters = PatchParams::apply("kubectl").force();
        api.patch(&name, &parameters, &Patch::Apply(&object))
            .await
            .map_err(self.refused(format!("apply {kind}/{name}")))?;
        Ok(())
    }

    async fn merge(&self, change: &Change, status: bool) -> Result<(), PlayError> {
        let (kind, name) = self.named(&change.object)?;
        let api = kinds::api(self.client(), kind, Some(&self.scenario.id))?;
        let parameters = PatchParams {
            field_manager: Some(if status { "actor" } else { "kubectl-edit" }.to_owned()),
            ..PatchParams::default()
        };
        let refused = self.refused(format!("change {}", change.object));
        let patched: kube::Result<DynamicObject> = if status {
            let patch = json!({"status": change.set});
            api.patch_status(&name, &parameters, &Patch::Merge(&patch))
                .await
        } else {
            api.patch(&name, &parameters, &Patch::Merge(&change.set))
                .await
        };
        patched.map_err(refused)?;
        Ok(())
    }

    async fn delete(&self, object: &str) -> Result<(), PlayError> {
        let (kind, name) = self.named(object)?;
        let api = kinds::api(self.client(), kind, Some(&self.scenario.id))?;
        api.delete(&name, &DeleteParams::background())
            .await
            .map_err(self.refused(format!("delete {object}")))?;
        Ok(())
    }

    fn named<'a>(&self, object: &'a str) -> Result<(&'a str, String), PlayError> {
        let (kind, name) = object
            .split_once('/')
            .ok_or_else(|| PlayError::NotAnObject(object.to_owned()))?;
        Ok((kind, self.names.real(name).to_owned()))
    }

    async fn settle(&mut self) -> Result<Facts, PlayError> {
        let id = &self.scenario.id;
        settled(self.world, id, self.pace, self.began, self.step).await?;
        let objects = self.world.objects_of(id);
        self.names.learn(&objects);
        Ok(facts::collect(&objects, &self.names))
    }
}

/// Waits until the clock shows another second.
async fn next_second() {
    let second = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_secs())
    };
    let begin = second();
    while second() == begin {
        tokio::time::sleep(TICK).await;
    }
}
