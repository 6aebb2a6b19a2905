//! What there is to show of an owner: one read model for pages and for `carto get`.
//!
//! It is made of the status alone, so that everybody sees what the API says, and of the blueprint,
//! when it is at hand, for resources that the status does not have yet.

use serde_json::Value;

use crate::condition::{self, Status};
use crate::json;
use crate::key::{ObjectKey, OwnerKind};
use crate::model::Blueprint;
use crate::status::Entry;
use crate::words::condition_type;

/// How far something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Done and healthy.
    Ready,
    /// On its way.
    Waiting,
    /// Somebody has to do something.
    Failed,
    /// Nobody has looked yet.
    Pending,
}

/// An owner.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnerView {
    /// Kind.
    pub kind: OwnerKind,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// Reason of its `Ready` condition.
    pub reason: String,
    /// Message of its `Ready` condition.
    pub message: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// Whether the status is about an older version of the object.
    pub is_outdated: bool,
    /// Name of the blueprint.
    pub blueprint: Option<String>,
    /// Its resources, producers before consumers where the status knows better than the order.
    pub resources: Vec<ResourceView>,
    /// Objects that are no longer needed and still there.
    pub leftovers: Vec<LeftoverView>,
}

/// A resource of an owner.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceView {
    /// Name.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// Reason of its `Ready` condition.
    pub reason: String,
    /// Message of its `Ready` condition.
    pub message: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// Whether its object is healthy; `None` when nobody judges.
    pub is_healthy: Option<bool>,
    /// Kind and name of its template.
    pub template: Option<(String, String)>,
    /// Its object.
    pub object: Option<ObjectKey>,
    /// The object as kubectl takes it, `images.kpack.io/web`.
    pub qualified: Option<String>,
    /// Names of the resources it takes inputs from.
    pub inputs: Vec<String>,
    /// Its outputs.
    pub outputs: Vec<OutputView>,
}

/// An output of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputView {
    /// Name: `url`, `revision`, `image` or `config`.
    pub name: String,
    /// The beginning of its value, as YAML.
    pub preview: String,
    /// Digest of its value.
    pub digest: String,
    /// Since when, RFC 3339.
    pub since: String,
}

/// An object that is no longer needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftoverView {
    /// The resource it was stamped for.
    pub resource: String,
    /// Which object.
    pub object: Option<ObjectKey>,
    /// Why it is still there, in one word.
    pub reason: String,
    /// Why it is still there.
    pub message: String,
}

/// A condition, taken apart.
struct Said {
    state: State,
    reason: String,
    message: String,
    since: String,
}

impl Said {
    fn by(conditions: &[Value], kind: &str) -> Self {
        let Some(found) = condition::find(conditions, kind) else {
            return Self {
                state: State::Pending,
                reason: String::new(),
                message: String::new(),
                since: String::new(),
            };
        };
        let part = |key: &str| json::string(found, &[key]);
        let state = match Status::parse(&part("status")) {
            Status::True => State::Ready,
            Status::False => State::Failed,
            Status::Unknown => State::Waiting,
        };
        Self {
            state,
            reason: part("reason"),
            message: part("message"),
            since: part("lastTransitionTime"),
        }
    }
}

impl OwnerView {
    /// Reads an owner; `blueprint` adds the resources that its status does not have yet.
    pub fn read(kind: OwnerKind, owner: &Value, blueprint: Option<&Blueprint>) -> Self {
        let conditions = json::list(owner, &["status", "conditions"]);
        let said = Said::by(conditions, condition_type::READY);
        let entries = Entry::read_all(owner);
        let (leftovers, entries): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(Entry::is_leftover);
        let mut resources: Vec<ResourceView> = entries.into_iter().map(ResourceView::of).collect();
        for resource in blueprint
            .map(|one| one.resources.as_slice())
            .unwrap_or_default()
        {
            if !resources.iter().any(|known| known.name == resource.name) {
                let inputs = resource.producers().map(str::to_owned).collect();
                let entry = Entry {
                    name: resource.name.clone(),
                    inputs,
                    ..Entry::default()
                };
                resources.push(ResourceView::of(entry));
            }
        }
        let family = crate::family::Family::of(kind);
        let number = |path: &[&str]| json::at(owner, path).and_then(Value::as_i64);
        Self {
            kind,
            namespace: json::string(owner, &["metadata", "namespace"]),
            name: json::string(owner, &["metadata", "name"]),
            state: said.state,
            reason: said.reason,
            message: said.message,
            since: said.since,
            is_outdated: number(&["metadata", "generation"])
                != number(&["status", "observedGeneration"]),
            blueprint: json::text(owner, &["status", family.reference, "name"]).map(str::to_owned),
            resources,
            leftovers: leftovers.iter().map(LeftoverView::of).collect(),
        }
    }

    /// Returns the indices of the resources, producers before consumers.
    pub fn flow(&self) -> Vec<usize> {
        let place = |name: &String| self.resources.iter().position(|one| one.name == *name);
        let producers: Vec<Vec<usize>> = self
            .resources
            .iter()
            .map(|one| one.inputs.iter().filter_map(place).collect())
            .collect();
        crate::order::order(&producers).sequence
    }
}

impl ResourceView {
    fn of(entry: Entry) -> Self {
        let said = Said::by(&entry.conditions, condition_type::READY);
        let is_healthy = match entry.health() {
            Some(Status::True) => Some(true),
            Some(Status::False) => Some(false),
            Some(Status::Unknown) | None => None,
        };
        let qualified = entry
            .stamped
            .as_ref()
            .map(|stamped| format!("{}/{}", stamped.resource, stamped.key.name));
        let output = |shown: crate::outputs::Shown| OutputView {
            name: shown.name,
            preview: shown.preview,
            digest: shown.digest,
            since: shown.since,
        };
        Self {
            name: entry.name,
            state: said.state,
            reason: said.reason,
            message: said.message,
            since: said.since,
            is_healthy,
            template: entry.template,
            object: entry.stamped.map(|stamped| stamped.key),
            qualified,
            inputs: entry.inputs,
            outputs: entry.outputs.into_iter().map(output).collect(),
        }
    }
}

impl LeftoverView {
    fn of(entry: &Entry) -> Self {
        let said = Said::by(&entry.conditions, condition_type::PRUNED);
        Self {
            resource: entry.name.clone(),
            object: entry.stamped.as_ref().map(|stamped| stamped.key.clone()),
            reason: said.reason,
            message: said.message,
        }
    }
}
