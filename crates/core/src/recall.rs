//! What the last pass over an owner left for the next one, so that it need not stamp what cannot have changed.
//!
//! A template sees its owner, parameters, inputs and labels, and nothing else. When a pass finds an object to be as it
//! was sent, it notes two digests: of all that the template can have seen (see [`Reads`] for the owner's part), and of
//! what it found of the object. The next pass looks at the same two things; when both are as before, so is the object,
//! and nothing is rendered. Whatever differs is rendered, so a note that is lost costs time and nothing else.
//!
//! Where a whole pass had nothing to say, that is noted as well: an owner whose status, blueprint, templates and objects
//! are as they were then is at [rest](Rest), and nothing is put together that would be thrown away.
//!
//! Not noted: runs, which are looked for among others; whatever had a problem or a word about it.

mod reads;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::apply::{Applied, Change, Progress};
use crate::context::Subject;
use crate::digest::{Fingerprint, Writer};
use crate::inputs::Inputs;
use crate::json;
use crate::key::{Mapping, ServiceAccountKey};
use crate::model::{Blueprint, Owner, Resource, Template};
use crate::params::{BlueprintParam, Setting};
use crate::realize::{Reply, Request, Watch};
use crate::row::Row;
use crate::task::Done;

pub(crate) use reads::Reads;

/// Notes of one pass for the next. Opaque; 40 bytes for each resource and some for the owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recall {
    notes: Arc<[Note]>,
    rest: Option<Arc<Rest>>,
}

/// An owner at rest: a pass over exactly this had nothing to say.
pub(crate) struct Rest {
    blueprint: Arc<Blueprint>,
    /// In the order of the resources.
    templates: Box<[Arc<Template>]>,
    /// The status, and what there is on the cluster.
    state: Fingerprint,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Blueprint and templates are long.
        f.debug_tuple("Rest").field(&self.state).finish()
    }
}

impl PartialEq for Rest {
    fn eq(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(one: &Arc<T>, other: &Arc<T>) -> bool {
            Arc::ptr_eq(one, other) || one == other
        }
        let (ours, theirs) = (&self.templates, &other.templates);
        self.state == other.state
            && same(&self.blueprint, &other.blueprint)
            && ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(one, other)| same(one, other))
    }
}

/// An object that was found as it should be.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) template: Arc<Template>,
    pub(crate) note: Note,
    pub(crate) row: Arc<Row>,
    pub(crate) mapping: Mapping,
}

impl Rest {
    /// Takes an owner down with its blueprint, an object of each resource in order, and all rows of its objects.
    pub(crate) fn new(
        owner: &Owner,
        blueprint: &Arc<Blueprint>,
        traces: &[Trace],
        mut rows: Vec<Arc<Row>>,
    ) -> Self {
        let mut into = Fingerprint::writer();
        for path in [&["status"][..], &["metadata", "generation"]] {
            into.value(json::at(&owner.object, path).unwrap_or(&Value::Null));
        }
        for trace in traces {
            into.fingerprint(trace.note.seen);
            into.fingerprint(trace.note.found);
            version(&trace.row, &mut into);
            into.text(&trace.mapping.plural);
            into.flag(trace.mapping.namespaced);
        }
        rows.sort_unstable_by(|one, other| one.uid.cmp(&other.uid));
        into.count(rows.len());
        rows.iter().for_each(|row| version(row, &mut into));
        let templates = traces.iter().map(|trace| Arc::clone(&trace.template));
        Self {
            blueprint: Arc::clone(blueprint),
            templates: templates.collect(),
            state: into.end(),
        }
    }
}

fn version(row: &Row, into: &mut Writer) {
    row.uid.write(into);
    row.resource_version.write(into);
}

/// Of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// All that its template can have seen.
    seen: Fingerprint,
    /// Its object, as it was found.
    found: Fingerprint,
}

impl Note {
    pub(crate) const fn new(seen: Fingerprint, found: Fingerprint) -> Self {
        Self { seen, found }
    }
}

impl Recall {
    /// Reports whether an object was found like this when its template had seen that.
    pub(crate) fn has(&self, seen: Fingerprint, found: Fingerprint) -> bool {
        self.notes.contains(&Note::new(seen, found))
    }

    /// Reports whether a pass over exactly this had nothing to say.
    pub(crate) fn rests(&self, at: impl FnOnce() -> Rest) -> bool {
        self.rest.as_ref().is_some_and(|rest| **rest == at())
    }

    /// Leaves notes, and the owner where it rests.
    pub(crate) fn new(traces: &[Trace], rest: Option<Rest>) -> Self {
        Self {
            notes: traces.iter().map(|trace| trace.note).collect(),
            rest: rest.map(Arc::new),
        }
    }
}

/// Everything a template may see, and whoever acts on what it gives.
pub(crate) struct Sight<'a> {
    pub(crate) owner: &'a Owner,
    pub(crate) subject: &'a Subject,
    pub(crate) account: &'a ServiceAccountKey,
    pub(crate) blueprint: &'a Blueprint,
    pub(crate) resource: &'a Resource,
    pub(crate) template: &'a Template,
    pub(crate) inputs: &'a Inputs,
}

impl Sight<'_> {
    /// Digests it; `None` where a template fails on its owner whatever it reads of it.
    pub(crate) fn digest(&self) -> Option<Fingerprint> {
        // A part that is forgotten here does not compile, or shows in the tests of `recall`.
        let Self {
            owner,
            subject,
            account,
            blueprint,
            resource,
            template,
            inputs,
        } = self;
        let mut into = Fingerprint::writer();
        template.write_seen(subject, &mut into)?;
        into.text(&blueprint.name);
        into.text(&resource.name);
        into.text(&resource.template_kind);
        for part in [&owner.name, &owner.namespace, &owner.uid] {
            into.text(part);
        }
        for key in ["apiVersion", "kind"] {
            into.value(owner.object.get(key).unwrap_or(&Value::Null));
        }
        into.text(&account.namespace);
        into.text(&account.name);
        set(&blueprint.params, &mut into);
        set(&resource.params, &mut into);
        named(&owner.params, &mut into);
        inputs.write(&mut into);
        Some(into.end())
    }
}

/// Writes parameters.
pub(crate) fn named(params: &[(String, Value)], into: &mut Writer) {
    into.count(params.len());
    for (name, value) in params {
        into.text(name);
        into.value(value);
    }
}

fn set(params: &[BlueprintParam], into: &mut Writer) {
    into.count(params.len());
    for param in params {
        into.text(&param.name);
        match &param.setting {
            Setting::Value(value) => {
                into.text("value");
                into.value(value);
            }
            Setting::Default(value) => {
                into.text("default");
                into.value(value);
            }
            Setting::Nothing => into.text("nothing"),
        }
    }
}

/// Goes on with an object that was found to be as it should be: its kind has to stay watched. `None` when that is not
/// so, and the object is to be looked at closely.
pub(crate) fn resume(
    row: &Arc<Row>,
    template: &Template,
    reply: Option<Reply>,
) -> Option<Progress<Done>> {
    match reply {
        None => Some(Progress::Ask(Request::Observe {
            gvk: row.key.gvk.clone(),
            expressions: template.expressions().clone(),
        })),
        Some(Reply::Observed {
            mapping,
            watch: Watch::Synced | Watch::MetadataOnly,
        }) => {
            let applied = Applied {
                row: Arc::clone(row),
                mapping,
                change: Change::None,
                siblings: Vec::new(),
                unwatched: None,
                rival: None,
                as_sent: true,
            };
            Some(Progress::Ready(Done::of(applied)))
        }
        Some(_) => None,
    }
}

/// Digests what tells whether an object is as it was sent.
///
/// Shape: `None` for an object that a pass must look at closely.
pub(crate) fn found(row: &Row, owner_uid: &str) -> Option<Fingerprint> {
    let ours = row.controller.as_ref()?;
    if *ours.uid != *owner_uid || row.deleting || row.legacy {
        return None;
    }
    let mut into = Fingerprint::writer();
    let key = &row.key;
    for part in [&key.gvk.group, &key.gvk.version, &key.gvk.kind, &key.name] {
        into.text(part);
    }
    into.text(key.namespace.as_deref().unwrap_or_default());
    into.flag(row.has_values);
    row.stamp_digest.as_ref()?.write(&mut into);
    row.owned.as_ref()?.write(&mut into);
    Some(into.end())
}
