//! Passes over every owner of a world, until nothing moves any more.
//!
//! What one pass stamps another may carry on: a Workload stamps a Runnable, whose outputs the
//! Workload waits for; a chain stamps a Deliverable, which a delivery carries.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Action, Rendered, World};
use crate::key::{ObjectKey, OwnerKind};
use crate::realize::Outcome;
use crate::words::API_VERSION;

/// Rounds over all owners; each carries a change at least one hop on, and chains of owners that
/// stamp owners are short.
const MAX_ROUNDS: usize = 64;

/// What a settled world came to.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Owners in the order of their keys, with all that was done for them; of several writes to
    /// one object only what they come to.
    pub passes: BTreeMap<ObjectKey, Rendered>,
    /// Whether something still moved when the bound was reached: owners that undo each other.
    pub restless: bool,
}

impl World {
    /// Runs passes over Workloads, Deliverables and Runnables until nothing changes; their
    /// statuses are in [`World::objects`] afterwards.
    pub fn settle(self: &Arc<Self>) -> Settled {
        let mut settled = Settled::default();
        for _ in 0..MAX_ROUNDS {
            if !self.round(&mut settled) {
                return settled;
            }
        }
        settled.restless = true;
        settled
    }

    fn round(self: &Arc<Self>, settled: &mut Settled) -> bool {
        let owners: Vec<ObjectKey> =
            self.with(|memory| memory.keys().filter(|key| is_owner(key)).cloned().collect());
        let mut moved = false;
        for key in owners {
            let Some(rendered) = self.pass(&key) else {
                continue;
            };
            let changed = rendered.outcome.status.is_some();
            if changed {
                self.with(|memory| memory.set_status(&key, rendered.status.clone()));
            }
            moved |= changed || !rendered.actions.is_empty();
            settled.add(key, rendered);
        }
        moved
    }

    fn pass(self: &Arc<Self>, key: &ObjectKey) -> Option<Rendered> {
        // It may have been deleted in this round.
        let owner = self.with(|memory| memory.get(key).cloned())?;
        Some(match &*key.gvk.kind {
            "Workload" => self.realize(OwnerKind::Workload, &owner),
            "Deliverable" => self.realize(OwnerKind::Deliverable, &owner),
            _ => self.run_runnable(&owner),
        })
    }
}

impl Settled {
    fn add(&mut self, key: ObjectKey, rendered: Rendered) {
        let known = self.passes.entry(key).or_insert_with(|| Rendered {
            actions: Vec::new(),
            status: Value::Null,
            outcome: Outcome::unchanged(),
        });
        for action in rendered.actions {
            merge(&mut known.actions, action);
        }
        known.status = rendered.status;
        known.outcome = rendered.outcome;
    }
}

/// Adds an action to those before it; what was made and taken away again is not there.
fn merge(actions: &mut Vec<Action>, action: Action) {
    let Some(at) = actions.iter().position(|known| known.key == action.key) else {
        actions.push(action);
        return;
    };
    actions[at].after = action.after;
    if actions[at].before.is_none() && actions[at].after.is_none() {
        actions.remove(at);
    }
}

fn is_owner(key: &ObjectKey) -> bool {
    let kinds = ["Workload", "Deliverable", "Runnable"];
    key.gvk.api_version() == API_VERSION && kinds.contains(&&*key.gvk.kind)
}
