//! The shell's loop, without its waiting.

use std::sync::Arc;

use carto_core::blueprint;
use carto_core::key::{BlueprintKind, ObjectKey, OwnerKind};
use carto_core::realize::{Index as _, Observed, Outcome, Realization, Step};
use carto_core::recall::Recall;
use carto_core::runnable::RunnablePass;
use serde_json::Value;

use crate::cluster::{Cluster, key};

/// More requests than this in one pass are a bug.
const MAX_REQUESTS: usize = 500;
/// More rounds than this until nothing changes are a bug.
const MAX_ROUNDS: usize = 60;

/// One pass, whatever the kind.
enum Pass {
    Owner(Box<Realization>),
    Runnable(Box<RunnablePass>),
    Blueprint(BlueprintKind, Observed),
}

impl Cluster {
    /// Runs one pass over an object and writes its status. `None` when the process died or the
    /// object is gone.
    pub(crate) fn pass(&self, key: &ObjectKey) -> Option<Outcome> {
        let outcome = self.plan(key)?;
        if let Some(owner) = self.get(key) {
            let uid = owner["metadata"]["uid"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            self.with(|state| state.recalls.insert(uid, outcome.recall.clone()));
        }
        self.pass_ended();
        for event in &outcome.events {
            let text = format!("{} {}", event.reason, event.message);
            self.with(|state| state.log.push(format!("event {text}")));
        }
        if let Some(status) = &outcome.status {
            self.with(|state| state.log.push(format!("status {}", key.name)));
            self.write_status(key, status.clone())?;
        }
        Some(outcome)
    }

    /// Runs one pass over an object without writing its status. One that asks for nothing is run again without what
    /// the last one left, and has to end the same.
    pub(crate) fn plan(&self, key: &ObjectKey) -> Option<Outcome> {
        let asked = || self.with(|state| state.requests);
        let left = self.get(key).is_some_and(|object| {
            let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
            self.recall(uid) != Recall::default()
        });
        let before = asked();
        let outcome = self.plan_once(key)?;
        if left && asked() == before {
            let recalls = self.with(|state| std::mem::take(&mut state.recalls));
            let anew = self.plan_once(key)?;
            self.with(|state| state.recalls = recalls);
            assert_eq!(asked(), before, "{key}: work was left out");
            assert_eq!(anew, outcome, "{key}: the end is another");
        }
        Some(outcome)
    }

    fn plan_once(&self, key: &ObjectKey) -> Option<Outcome> {
        let owner = Arc::new(self.get(key)?);
        let observed = Observed {
            owner,
            now: self.now(),
            index: Arc::new(self.clone()),
        };
        let mut pass = match &*key.gvk.kind {
            "Workload" => Pass::Owner(Box::new(Realization::new(OwnerKind::Workload, observed))),
            "Deliverable" => {
                Pass::Owner(Box::new(Realization::new(OwnerKind::Deliverable, observed)))
            }
            "Runnable" => Pass::Runnable(Box::new(RunnablePass::new(observed))),
            "ClusterSupplyChain" => Pass::Blueprint(BlueprintKind::SupplyChain, observed),
            "ClusterDelivery" => Pass::Blueprint(BlueprintKind::Delivery, observed),
            other => panic!("no pass over {other}"),
        };
        let mut reply = None;
        for _ in 0..MAX_REQUESTS {
            let step = match &mut pass {
                Pass::Owner(pass) => pass.resume(reply.take()),
                Pass::Runnable(pass) => pass.resume(reply.take()),
                Pass::Blueprint(kind, observed) => {
                    return Some(blueprint::examine(*kind, observed));
                }
            };
            match step {
                Step::Do(request) => {
                    // Whether there was time for it is up to the shell.
                    if let Pass::Owner(pass) = &mut pass
                        && self.with(|state| state.requests).is_multiple_of(2)
                    {
                        pass.meanwhile();
                    }
                    reply = Some(self.perform(request)?);
                }
                Step::Done(outcome) => return Some(*outcome),
            }
        }
        panic!("the pass over {key} does not end");
    }

    /// Runs passes over everything until nothing changes any more. Restarts after crashes.
    pub(crate) fn settle(&self) {
        let mut quiet = 0;
        for _ in 0..MAX_ROUNDS {
            let wrong = || self.with(|state| state.gone_wrong);
            let before = (self.version(), wrong());
            let mut died = false;
            for key in self.ours() {
                died |= self.pass(&key).is_none() && self.with(|state| state.crashed);
                if died {
                    self.restart();
                    break;
                }
            }
            // Twice: a request that failed is tried again even where nothing changed.
            quiet = if (self.version(), wrong()) == before && !died {
                quiet + 1
            } else {
                0
            };
            if quiet == 2 {
                return;
            }
        }
        panic!("it does not settle: {:#?}", self.take_log());
    }

    /// Returns the keys of everything that passes run over.
    pub(crate) fn ours(&self) -> Vec<ObjectKey> {
        let kinds = [
            "ClusterDelivery",
            "ClusterSupplyChain",
            "Deliverable",
            "Runnable",
            "Workload",
        ];
        self.with(|state| {
            let ours = |key: &&ObjectKey| kinds.contains(&&*key.gvk.kind);
            state.objects.keys().filter(ours).cloned().collect()
        })
    }

    /// Returns the status of the workload `w`.
    pub(crate) fn status(&self) -> Value {
        self.get(&workload_key())
            .map_or(Value::Null, |object| object["status"].clone())
    }

    /// Returns `status reason message` of a condition of the workload `w`.
    pub(crate) fn condition(&self, kind: &str) -> String {
        condition(&self.status()["conditions"], kind)
    }

    /// Returns the entry of a resource of the workload `w`.
    pub(crate) fn resource(&self, name: &str) -> Value {
        let status = self.status();
        let entries = status["resources"].as_array().cloned().unwrap_or_default();
        entries
            .into_iter()
            .find(|entry| entry["name"] == *name)
            .unwrap_or(Value::Null)
    }

    /// Returns `status reason message` of a condition of a resource of the workload `w`.
    pub(crate) fn resource_condition(&self, name: &str, kind: &str) -> String {
        condition(&self.resource(name)["conditions"], kind)
    }
}

/// Returns the key of the workload that most tests are about.
pub(crate) fn workload_key() -> ObjectKey {
    key("carto.run/v1alpha1", "Workload", "w")
}

/// Prints a condition of a list as `status reason message`.
pub(crate) fn condition(list: &Value, kind: &str) -> String {
    let list = list.as_array().cloned().unwrap_or_default();
    let Some(found) = list.iter().find(|one| one["type"] == *kind) else {
        return "absent".to_owned();
    };
    let part = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    let text = format!("{} {} {}", part("status"), part("reason"), part("message"));
    text.trim_end().to_owned()
}
