//! The end of a pass: what is no longer needed, the status, what the outcome depends on.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Phase, Realization, settle};
use crate::condition::{self, Condition};
use crate::json;
use crate::model::{Body, Template};
use crate::prune::{self, Prune, Victim};
use crate::realize::{Dependency, Next, Outcome};
use crate::recall::Recall;
use crate::status::{self, Entry};
use crate::words::{condition_type, event_reason, reason};

impl Realization {
    /// Finds what is no longer needed.
    pub(super) fn begin_prune(&mut self) -> Phase {
        let rows = self.index.rows_of(&self.owner.uid);
        let mut rank = prune::rank(self.previous());
        if let Some(work) = &self.work {
            let now = prune::rank(&work.entries);
            rank.extend(now);
        }
        let mut victims =
            prune::victims(&self.owner.uid, self.previous(), &rows, &self.needed, &rank);
        for victim in &mut victims {
            victim.hold = self.hold(victim);
        }
        self.prune = Some(Prune::new(victims));
        Phase::Prune
    }

    /// Keeps an object while a resource that was never stamped may come to stamp it: the new
    /// owner of a name takes over without a gap.
    fn hold(&self, victim: &Victim) -> Option<String> {
        let work = self.work.as_ref()?;
        let may = |template: &Template| match &template.body {
            Body::Object { written, .. } => may_be(written, victim),
            Body::Ytt(_) => true,
            Body::Nothing => false,
        };
        let heir = work
            .unstamped
            .iter()
            .find(|(_, template)| template.as_ref().is_none_or(|template| may(template)));
        let (name, _) = heir?;
        Some(format!(
            "kept until resource [{name}], which may replace it, is stamped"
        ))
    }

    pub(super) fn finish(&mut self) -> Outcome {
        if self.owner.deleting {
            return Outcome::unchanged();
        }
        let entries = self.entries();
        self.summarize(entries.as_deref());
        let is_complete = entries
            .as_ref()
            .is_some_and(|entries| !entries.iter().any(Entry::is_leftover));
        let status = self.new_status(entries);
        let mut outcome = Outcome {
            status: (status != *self.status()).then_some(status),
            events: std::mem::take(&mut self.events),
            depends_on: std::mem::take(&mut self.depends_on),
            watched: std::mem::take(&mut self.watched),
            next: self.next(),
            recall: Recall::default(),
        };
        outcome.recall = self.left(&outcome, is_complete);
        outcome
    }

    /// Puts the entries of the status together; `None` where they are left as they are.
    fn entries(&mut self) -> Option<Vec<Entry>> {
        let prune = self.prune.take()?;
        self.retry |= prune.retry;
        if prune.forbidden {
            self.depends_on
                .insert(Dependency::Permissions(self.account.clone()));
        }
        self.again |= prune.more;
        for (key, mapping) in &prune.deleted {
            let name = settle::qualified(mapping, key);
            self.event(
                event_reason::STAMPED_OBJECT_REMOVED,
                format!("Deleted object [{name}]"),
            );
        }
        let mut entries = self.work.as_mut().map_or_else(Vec::new, |work| {
            let mut entries = std::mem::take(&mut work.entries);
            // New entries follow in the order in which the blueprint has them.
            let place = |entry: &Entry| {
                work.blueprint
                    .resources
                    .iter()
                    .position(|one| one.name == entry.name)
            };
            entries.sort_by_key(place);
            entries
        });
        for (entry, condition) in prune.left {
            entries.push(self.leftover(entry, condition));
        }
        Some(status::arrange(self.previous(), entries))
    }

    fn leftover(&mut self, mut entry: Entry, condition: Condition) -> Entry {
        let key = entry.stamped.as_ref().map(|stamped| &stamped.key);
        let same = |old: &&Entry| {
            old.is_leftover() && old.stamped.as_ref().map(|stamped| &stamped.key) == key
        };
        let previous = self
            .previous()
            .iter()
            .find(same)
            .map(|old| old.conditions.clone());
        if let Some(key) = key {
            self.watched.insert(key.gvk.clone());
        }
        let previous = previous.unwrap_or_default();
        entry.conditions = vec![condition::write(condition, &previous, &self.now)];
        entry
    }

    fn summarize(&mut self, entries: Option<&[Entry]>) {
        let Some(work) = &self.work else { return };
        let kind = condition_type::RESOURCES_SUBMITTED;
        self.conditions.push(match &work.problem {
            Some(problem) => problem.condition(kind),
            None => Condition::good(kind, reason::RESOURCE_SUBMISSION_COMPLETE),
        });
        self.conditions
            .push(status::owner_health(entries.unwrap_or_default()));
    }

    fn new_status(&mut self, entries: Option<Vec<Entry>>) -> Value {
        let previous = json::list(self.status(), &["conditions"]).to_vec();
        let conditions = std::mem::take(&mut self.conditions);
        let conditions = condition::finalize(conditions, &previous, &self.now);
        let mut status = Map::new();
        status.insert("conditions".into(), Value::Array(conditions));
        if let Some(generation) = json::at(&self.owner.object, &["metadata", "generation"]) {
            status.insert("observedGeneration".into(), generation.clone());
        }
        let resources: Vec<Value> = match entries {
            Some(entries) => entries.into_iter().map(Entry::write).collect(),
            None => json::list(self.status(), &["resources"]).to_vec(),
        };
        // Without a blueprint its name stays as long as something of it does.
        let reference = match &self.reference {
            Some(name) if self.selected || !resources.is_empty() => {
                json!({"kind": self.owner.kind.blueprint().name(), "name": &**name})
            }
            _ => json!({}),
        };
        status.insert(self.family.reference.into(), reference);
        if !resources.is_empty() {
            status.insert("resources".into(), Value::Array(resources));
        }
        Value::Object(status)
    }

    fn next(&self) -> Next {
        if self.retry {
            Next::RetryWithBackoff
        } else if self.again {
            Next::Again
        } else if self.later {
            Next::Later
        } else {
            Next::AwaitChange
        }
    }
}

/// Reports whether a template may make an object of the victim's kind and name.
fn may_be(written: &Value, victim: &Victim) -> bool {
    let literal = |path: &[&str], actual: &str| match json::text(written, path) {
        Some(text) => text.contains("$(") || text == actual,
        None => true,
    };
    literal(&["kind"], &victim.key.gvk.kind)
        && literal(&["apiVersion"], &victim.key.gvk.api_version())
        && literal(&["metadata", "name"], &victim.key.name)
}

impl Outcome {
    /// Nothing to say and nothing to wait for.
    pub(crate) fn unchanged() -> Self {
        Self {
            status: None,
            events: Vec::new(),
            depends_on: BTreeSet::new(),
            watched: BTreeSet::new(),
            next: Next::AwaitChange,
            recall: Recall::default(),
        }
    }
}
