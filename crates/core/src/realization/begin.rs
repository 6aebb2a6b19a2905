//! The beginning of a pass: which blueprint, which account.
//!
//! Source: cartographer pkg/repository/selector_matcher.go, pkg/controllers/workload_reconciler.go.

use std::collections::BTreeMap;
use std::sync::Arc;

use carto_query::Scope;
use carto_query::select::best_matches;

use super::{Phase, Realization, Templates, Work};
use crate::blueprint::templates_ready;
use crate::condition::{Condition, Status};
use crate::context::Subject;
use crate::key::{Gvk, ServiceAccountKey};
use crate::model::{Blueprint, Owner};
use crate::order;
use crate::realize::Dependency;
use crate::words::{condition_type, reason};

/// What selection comes to.
#[derive(Clone, Debug)]
pub(crate) enum Selection {
    /// The owner has no labels.
    Unlabelled,
    /// Nothing matches.
    Nothing,
    /// Several match equally well.
    Several(Vec<Arc<Blueprint>>),
    /// A selector cannot be judged.
    Invalid(String),
    /// Exactly one.
    One(Arc<Blueprint>),
}

/// Selects the blueprint of an owner.
///
/// Shape: `candidates` in any order; of several broken selectors the first by name is reported.
pub(crate) fn select(
    owner: &Owner,
    subject: &Subject,
    mut candidates: Vec<Arc<Blueprint>>,
) -> Selection {
    if owner.labels.is_empty() {
        return Selection::Unlabelled;
    }
    candidates.sort_by(|a, b| a.name.cmp(&b.name));
    let has_fields = |one: &Arc<Blueprint>| !one.selector.compiled.fields().is_empty();
    let (unset, root);
    root = if candidates.iter().any(has_fields) {
        unset = subject.unset_root();
        subject.root(&unset)
    } else {
        Scope::new()
    };
    let selectors = candidates
        .iter()
        .map(|blueprint| &blueprint.selector.compiled);
    match best_matches(selectors, &owner.labels, &root) {
        Ok(best) => match best[..] {
            [] => Selection::Nothing,
            [one] => Selection::One(candidates[one].clone()),
            _ => Selection::Several(best.iter().map(|at| candidates[*at].clone()).collect()),
        },
        Err((at, error)) => {
            let kind = owner.kind.name().to_lowercase();
            let blueprint = &candidates[at];
            Selection::Invalid(format!(
                "evaluating supply chain selectors against {kind} [{}/{}] failed: error handling \
                 selectors, selectorMatchExpressions or selectorMatchFields of [{}/{}]: {error}",
                owner.namespace,
                owner.name,
                blueprint.kind.name(),
                blueprint.name
            ))
        }
    }
}

/// Resolves the account as which work for an owner is done.
pub(crate) fn account(owner: &Owner, blueprint: Option<&Blueprint>) -> ServiceAccountKey {
    let of_blueprint = blueprint.and_then(|blueprint| blueprint.service_account.as_ref());
    match (&owner.service_account, of_blueprint) {
        (Some(name), _) => ServiceAccountKey::new(&owner.namespace, name),
        (None, Some((name, namespace))) => {
            ServiceAccountKey::new(namespace.as_ref().unwrap_or(&owner.namespace), name)
        }
        (None, None) => ServiceAccountKey::new(&owner.namespace, "default"),
    }
}

/// Returns the indices of a blueprint's resources, producers first, and those on a circle.
pub(crate) fn sequence(blueprint: &Blueprint) -> order::Order {
    let by_name: BTreeMap<&str, usize> = blueprint
        .resources
        .iter()
        .enumerate()
        .map(|(at, one)| (one.name.as_str(), at))
        .collect();
    let producers: Vec<Vec<usize>> = blueprint
        .resources
        .iter()
        .map(|one| {
            one.producers()
                .filter_map(|name| by_name.get(name).copied())
                .collect()
        })
        .collect();
    order::order(&producers)
}

impl Realization {
    pub(super) fn begin(&mut self) -> Phase {
        let kind = self.owner.kind.blueprint();
        self.depends_on.insert(Dependency::Blueprints(kind));
        if self.owner.deleting {
            // Whatever it owns goes with it; nothing new is made.
            return Phase::Finish;
        }
        let candidates = self.index.blueprints(kind);
        match select(&self.owner, &self.subject, candidates.clone()) {
            Selection::Unlabelled => self.abandon(&candidates, self.family.labels_missing()),
            Selection::Nothing => {
                self.abandon(&candidates, self.family.not_found(&self.owner.labels))
            }
            Selection::Several(_) => {
                self.conditions.push(self.family.multiple());
                self.keep()
            }
            Selection::Invalid(text) => {
                self.conditions.push(self.family.selector_invalid(text));
                self.keep()
            }
            Selection::One(blueprint) => self.take_up(blueprint),
        }
    }

    /// Goes on without a blueprint: whatever was stamped is no longer needed.
    fn abandon(&mut self, candidates: &[Arc<Blueprint>], condition: Condition) -> Phase {
        self.conditions.push(condition);
        let former = self.former(candidates);
        self.account = account(&self.owner, former.as_deref());
        self.depends_on
            .insert(Dependency::ServiceAccount(self.account.clone()));
        self.begin_prune()
    }

    /// Leaves everything as it is, where it is unclear which blueprint is meant.
    fn keep(&mut self) -> Phase {
        self.watch_all();
        Phase::Finish
    }

    fn former(&self, candidates: &[Arc<Blueprint>]) -> Option<Arc<Blueprint>> {
        let name = self.reference.as_ref()?;
        candidates.iter().find(|one| one.name == *name).cloned()
    }

    fn take_up(&mut self, blueprint: Arc<Blueprint>) -> Phase {
        self.reference = Some(blueprint.name.clone());
        self.selected = true;
        let templates = match self.templates(&blueprint) {
            Ok(templates) => templates,
            Err(condition) => {
                self.conditions.push(condition);
                self.watch_all();
                return Phase::Finish;
            }
        };
        self.conditions
            .push(Condition::good(self.family.ready, reason::READY));
        self.account = account(&self.owner, Some(&blueprint));
        self.depends_on
            .insert(Dependency::ServiceAccount(self.account.clone()));
        if !self.index.service_account_exists(&self.account) {
            let text = service_account_missing(&self.account);
            let kind = condition_type::RESOURCES_SUBMITTED;
            let why = reason::SERVICE_ACCOUNT_ERROR;
            self.conditions
                .push(Condition::new(kind, Status::False, why, text));
            self.watch_all();
            return Phase::Finish;
        }
        let order = sequence(&blueprint);
        self.work = Some(Work {
            blueprint,
            templates,
            sequence: order.sequence,
            circular: order.circular,
            begun: 0,
            flight: None,
            outputs: BTreeMap::new(),
            entries: Vec::new(),
            problem: None,
            unstamped: Vec::new(),
        });
        Phase::Resources
    }

    /// Takes all templates of a blueprint, or says why it is not ready.
    ///
    /// What it says of itself may be older than a template's end; an owner that looks first sees
    /// what it will say, so that it does not matter who does.
    fn templates(&mut self, blueprint: &Blueprint) -> Result<Templates, Condition> {
        let said = blueprint.ready.as_ref();
        if said.is_none_or(|(status, _, _)| status != "True") {
            return Err(self.family.not_ready(&blueprint.name, said));
        }
        let mut templates = Templates::new();
        let mut missing = Vec::new();
        let ready = templates_ready(blueprint, |kind, name| {
            let found = self.index.template(kind, name);
            match &found {
                Some(template) => {
                    let template = Arc::clone(template);
                    templates.insert((kind, name.to_owned()), template);
                }
                None => missing.push(Dependency::Template {
                    kind,
                    name: name.into(),
                }),
            }
            found.is_some()
        });
        if ready.status == Status::True {
            return Ok(templates);
        }
        self.depends_on.extend(missing);
        let status = ready.status.name().to_owned();
        let said = (status, ready.reason, ready.message);
        Err(self.family.not_ready(&blueprint.name, Some(&said)))
    }

    /// Keeps the watches of everything that the status names, where nothing is looked at.
    fn watch_all(&mut self) {
        let stamped = self.previous().iter();
        let stamped = stamped.filter_map(|entry| entry.stamped.as_ref());
        let kinds: Vec<Gvk> = stamped.map(|stamped| stamped.key.gvk.clone()).collect();
        self.watched.extend(kinds);
    }
}

/// Words the lack of a service account as the original does.
pub(crate) fn service_account_missing(account: &ServiceAccountKey) -> String {
    format!(
        "failed to get service account object from api server [{account}]: failed to get object \
         [{account}] from api server: ServiceAccount \"{}\" not found",
        account.name
    )
}
