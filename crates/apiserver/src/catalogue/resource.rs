//! One resource in one version.

use std::sync::Arc;

use serde_json::Value;

use crate::error::{GroupKind, GroupResource};
use crate::kind::KindRules;
use crate::store::{Draft, Key, Object, Revision};

/// How a version relates to what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// This is the version that is stored.
    Stored,
    /// Stored in another version that differs in its name only.
    OtherVersion,
    /// `events.k8s.io` events, stored as those of the core group.
    Events,
    /// Not stored at all: reviews.
    Virtual,
}

/// Where the numbers of a `Scale` are, as dotted paths without a leading dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scaling {
    pub(crate) spec_replicas: Vec<String>,
    pub(crate) status_replicas: Vec<String>,
    /// A text, or a `LabelSelector` for built-in kinds.
    pub(crate) selector: Option<Vec<String>>,
}

/// A subresource of its own kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    /// `pods/log`.
    Log,
    /// `pods/exec`, `attach` and `portforward`: refused.
    Stream(&'static str),

    /// `serviceaccounts/token`.
    Token,
    /// `namespaces/finalize`.
    Finalize,
}

impl Extra {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Stream(name) => name,

            Self::Token => "token",
            Self::Finalize => "finalize",
        }
    }
}

/// The version of a definition in which objects are stored.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) rules: Arc<dyn KindRules>,
    /// When the definition changed last: objects that are older may have been written under other rules.
    pub(crate) since: Revision,
}

/// A resource in a version that is served.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) group: Arc<str>,
    pub(crate) version: Arc<str>,
    /// `v1` or `group/version`.
    pub(crate) api_version: Arc<str>,
    pub(crate) kind: Arc<str>,
    pub(crate) list_kind: Arc<str>,
    pub(crate) plural: Arc<str>,
    pub(crate) singular: Arc<str>,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) verbs: Vec<String>,
    pub(crate) namespaced: bool,
    /// Group and plural under which it is stored.
    pub(crate) storage: Arc<str>,
    /// The `apiVersion` that is stored.
    pub(crate) stored_api_version: Arc<str>,
    pub(crate) rows: Rows,
    /// For kinds of definitions.
    pub(crate) stored: Option<Stored>,
    pub(crate) rules: Arc<dyn KindRules>,
    pub(crate) has_status: bool,
    pub(crate) scaling: Option<Scaling>,
    pub(crate) extras: Vec<Extra>,
    /// Defined by a definition, whose key this is.
    pub(crate) definition: Option<Key>,
    /// A replace creates what is not there.
    pub(crate) create_on_update: bool,
    /// A replace without a revision is allowed.
    pub(crate) unconditional_update: bool,
    /// A delete answers with the object.
    pub(crate) returns_deleted: bool,
    /// Nothing runs these here.
    pub(crate) inert: bool,
    /// A definition that is no longer to be used: a warning with every reply.
    pub(crate) deprecation: Option<String>,
}

impl Stored {
    /// Drops fields that the stored version does not have.
    fn prune(&self, value: &mut Value) {
        // Only built-in kinds have fields of wrong types.
        drop(self.rules.decode(value));
    }
}

impl Resource {
    pub(crate) fn is_storage_version(&self) -> bool {
        self.rows == Rows::Stored
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.definition.is_some()
    }

    pub(crate) fn group_resource(&self) -> GroupResource {
        GroupResource::new(&*self.group, &*self.plural)
    }

    pub(crate) fn group_kind(&self) -> GroupKind {
        match self.rows {
            // Problems are told of what is stored.
            Rows::Events => GroupKind::new("", &*self.kind),
            _ => GroupKind::new(&*self.group, &*self.kind),
        }
    }

    pub(crate) fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|allowed| allowed == verb)
    }

    pub(crate) fn extra(&self, name: &str) -> Option<Extra> {
        self.extras
            .iter()
            .copied()
            .find(|extra| extra.name() == name)
    }

    pub(crate) fn key(&self, namespace: &str, name: &str) -> Key {
        Key::new(
            self.storage.clone(),
            if self.namespaced { namespace } else { "" },
            name,
        )
    }

    /// A stored object in this version.
    pub(crate) fn load(&self, object: &Object) -> Value {
        let mut value = object.value();
        if let Some(stored) = self.stored.as_ref().filter(|_| self.is_dated(object)) {
            // What the definition no longer has is not seen, and new defaults are.
            stored.prune(&mut value);
            stored.rules.default(&mut value);
            value["apiVersion"] = Value::from(&*self.stored_api_version);
        }
        self.convert_from_stored(&mut value);
        value
    }

    /// Whether an object was written before its definition changed.
    pub(crate) fn is_dated(&self, object: &Object) -> bool {
        self.stored
            .as_ref()
            .is_some_and(|stored| object.revision < stored.since)
    }

    /// A tree as it is stored, in this version.
    pub(crate) fn convert_from_stored(&self, value: &mut Value) {
        match self.rows {
            Rows::Stored | Rows::Virtual => {}
            Rows::OtherVersion => value["apiVersion"] = Value::from(&*self.api_version),
            Rows::Events => crate::events::to_events_group(value),
        }
    }

    /// An object of this version, ready to be stored.
    pub(crate) fn draft(&self, key: Key, mut value: Value) -> Draft {
        match self.rows {
            Rows::Stored | Rows::Virtual => {}
            Rows::OtherVersion => {
                value["apiVersion"] = Value::from(&*self.stored_api_version);
                if let Some(stored) = &self.stored {
                    stored.prune(&mut value);
                }
            }
            Rows::Events => crate::events::to_core_group(&mut value),
        }
        Draft::new(key, &value)
    }
}
