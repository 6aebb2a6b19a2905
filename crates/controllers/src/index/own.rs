//! Objects of our own kinds: owners and Runnables, blueprints, templates.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use carto_core::key::{BlueprintKind, Gvk, TemplateKind};
use carto_core::model::{Blueprint, RunTemplate, Template};
use carto_core::row::{Expressions, Uid, Version};
use carto_query::labels::{self, Labels};
use serde_json::Value;
use tokio::time::Instant;

use super::document::Document;
use super::shelf::{Name, Put, Shelf, Versioned};
use super::{Flavor, Index, Inner, Wakes, blueprint_kind, on_template};
use crate::key::{Key, Kind};
use crate::queue::{Cause, Mark};
use crate::watch::Glance;

/// One of our eleven kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Own {
    /// Has a controller, as an owner or Runnable.
    Owner(Kind),
    /// Has a controller, and is selected by owners.
    Blueprint(BlueprintKind),
    Template(TemplateKind),
}

impl Own {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let keys = Kind::ALL.into_iter().map(Self::of);
        // Templates first: what is stamped from them needs them.
        TemplateKind::ALL
            .into_iter()
            .map(Self::Template)
            .chain(keys)
    }

    pub(crate) fn of(kind: Kind) -> Self {
        blueprint_kind(kind).map_or(Self::Owner(kind), Self::Blueprint)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Owner(kind) => kind.name(),
            Self::Blueprint(kind) => kind.name(),
            Self::Template(kind) => kind.name(),
        }
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Owner(kind) => kind.plural(),
            Self::Blueprint(BlueprintKind::SupplyChain) => "clustersupplychains",
            Self::Blueprint(BlueprintKind::Delivery) => "clusterdeliveries",
            Self::Template(kind) => match kind {
                TemplateKind::Source => "clustersourcetemplates",
                TemplateKind::Image => "clusterimagetemplates",
                TemplateKind::Config => "clusterconfigtemplates",
                TemplateKind::Deployment => "clusterdeploymenttemplates",
                TemplateKind::Plain => "clustertemplates",
                TemplateKind::Run => "clusterruntemplates",
            },
        }
    }

    fn key_kind(self) -> Option<Kind> {
        match self {
            Self::Owner(kind) => Some(kind),
            Self::Blueprint(BlueprintKind::SupplyChain) => Some(Kind::ClusterSupplyChain),
            Self::Blueprint(BlueprintKind::Delivery) => Some(Kind::ClusterDelivery),
            Self::Template(_) => None,
        }
    }
}

/// What is kept of one object of our own.
#[derive(Clone, Debug)]
pub(crate) struct OwnObject {
    own: Own,
    name: Name,
    uid: Arc<str>,
    version: Version,
    labels: Box<[(Arc<str>, Arc<str>)]>,
    body: Body,
    /// What its status says was stamped, until the index has taken note.
    stamped: Vec<Stamped>,
    /// The owner as it was read, for the pass that its change causes.
    tree: Option<Arc<Value>>,
}

#[derive(Clone, Debug)]
enum Body {
    Owner {
        document: Document,
        /// The name of the blueprint that its status refers to.
        selected: Option<Arc<str>>,
    },
    Blueprint {
        tree: Arc<Value>,
        model: Arc<Blueprint>,
    },
    Template(Arc<Template>),
    RunTemplate(Arc<RunTemplate>),
}

/// A kind that an owner's status says was stamped, and from which template.
type Stamped = (Gvk, TemplateKind, Arc<str>);

impl Versioned for OwnObject {
    fn version(&self) -> Version {
        self.version.clone()
    }

    fn uid(&self) -> Uid {
        Uid::new(&self.uid)
    }
}

fn text(value: &Value, pointer: &str) -> Option<Arc<str>> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(Arc::from)
}

fn version(object: &Value) -> Version {
    let version = object.pointer("/metadata/resourceVersion");
    Version::new(version.and_then(Value::as_str).unwrap_or_default())
}

impl OwnObject {
    /// Reads an object; `None` when it has no name.
    pub(crate) fn read(own: Own, object: Value) -> Option<Self> {
        let mut read = Self::read_changed(own, object)?;
        read.tree = None;
        Some(read)
    }

    /// Reads an object that a pass will look at soon; `None` when it has no name. It comes without managed fields, which
    /// are a third of it and of no use to a pass.
    pub(crate) fn read_changed(own: Own, object: Value) -> Option<Self> {
        let object = Arc::new(object);
        let name = (
            text(&object, "/metadata/namespace").unwrap_or_default(),
            text(&object, "/metadata/name")?,
        );
        let labels = object
            .pointer("/metadata/labels")
            .and_then(Value::as_object);
        let labels = labels.into_iter().flatten();
        let labels = labels
            .filter_map(|(key, value)| Some((Arc::from(key.as_str()), value.as_str()?.into())));
        Some(Self {
            own,
            name,
            uid: text(&object, "/metadata/uid").unwrap_or_default(),
            version: version(&object),
            labels: labels.collect(),
            stamped: match own {
                Own::Owner(_) => stamped(&object).collect(),
                Own::Blueprint(_) | Own::Template(_) => Vec::new(),
            },
            body: match own {
                Own::Owner(_) => Body::Owner {
                    selected: text(&object, "/status/supplyChainRef/name")
                        .or_else(|| text(&object, "/status/deliveryRef/name")),
                    document: Document::write(&object),
                },
                Own::Blueprint(kind) => Body::Blueprint {
                    model: Arc::new(Blueprint::read(kind, &object)),
                    tree: Arc::clone(&object),
                },
                Own::Template(TemplateKind::Run) => {
                    Body::RunTemplate(Arc::new(RunTemplate::read(&object)))
                }
                Own::Template(kind) => Body::Template(Arc::new(Template::read(kind, &object))),
            },
            tree: matches!(own, Own::Owner(_)).then_some(object),
        })
    }

    /// The texts that other objects have too.
    pub(super) fn shared_texts(&mut self) -> impl Iterator<Item = &mut Arc<str>> {
        let selected = match &mut self.body {
            Body::Owner { selected, .. } => selected.as_mut(),
            Body::Blueprint { .. } | Body::Template(_) | Body::RunTemplate(_) => None,
        };
        let labels = self.labels.iter_mut();
        let labels = labels.flat_map(|(name, value)| [name, value]);
        std::iter::once(&mut self.name.0)
            .chain(labels)
            .chain(selected)
    }

    pub(super) fn uid(&self) -> Arc<str> {
        Arc::clone(&self.uid)
    }

    fn key(&self) -> Option<Key> {
        let kind = self.own.key_kind()?;
        let (namespace, name) = self.name.clone();
        Some(Key {
            kind,
            namespace,
            name,
        })
    }

    fn blueprint(&self) -> Option<&Arc<Blueprint>> {
        match &self.body {
            Body::Blueprint { model, .. } => Some(model),
            _ => None,
        }
    }

    fn selected(&self) -> Option<&Arc<str>> {
        match &self.body {
            Body::Owner { selected, .. } => selected.as_ref(),
            _ => None,
        }
    }

    /// Whether a pass that looks at this version may end differently from one that looks at the other.
    fn differs(&self, other: &Self) -> bool {
        match (&self.body, &other.body) {
            (Body::Blueprint { model: a, .. }, Body::Blueprint { model: b, .. }) => a != b,
            (Body::Template(a), Body::Template(b)) => a != b,
            (Body::RunTemplate(a), Body::RunTemplate(b)) => a != b,
            _ => true,
        }
    }
}

/// Labels of an owner, as selectors look at them.
struct OwnerLabels<'a>(&'a [(Arc<str>, Arc<str>)]);

impl Labels for OwnerLabels<'_> {
    fn label(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| **name == *key)
            .map(|(_, value)| &**value)
    }
}

/// What a blueprint demands of labels; `None` when that is not valid, which whoever it may concern gets to see. Field
/// requirements are not looked at: a pass too many costs nothing, one too few costs everything.
fn label_selector(blueprint: &Blueprint) -> Option<labels::Selector> {
    let selector = &blueprint.selector;
    let equal = selector
        .match_labels
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let parts = selector.match_expressions.iter().map(|expression| {
        let text = |key: &str| {
            expression
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let values = expression
            .get("values")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let values: Vec<String> = values
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        (text("key"), text("operator"), values)
    });
    let parts: Vec<_> = parts.collect();
    let expressions = parts
        .iter()
        .map(|(key, operator, values)| labels::Expression {
            key,
            operator,
            values,
        });
    labels::Selector::build(equal, expressions).ok()
}

/// What a status says was stamped.
fn stamped(object: &Value) -> impl Iterator<Item = Stamped> {
    let resources = object
        .pointer("/status/resources")
        .and_then(Value::as_array);
    resources.into_iter().flatten().filter_map(|one| {
        let template = one.get("templateRef")?;
        let kind = TemplateKind::parse(template.get("kind")?.as_str()?)?;
        Some((
            Gvk::of(one.get("stampedRef")?)?,
            kind,
            template.get("name")?.as_str()?.into(),
        ))
    })
}

/// All objects of our own kinds.
#[derive(Default)]
pub(super) struct OwnKinds {
    shelves: HashMap<Own, Shelf<OwnObject>>,
    by_uid: HashMap<Arc<str>, Key>,
    by_label: HashMap<(Kind, Arc<str>, Arc<str>), HashSet<Key>>,
    by_blueprint: HashMap<(BlueprintKind, Arc<str>), HashSet<Key>>,
    /// What statuses said was stamped. A hint that is never taken back: bounded by the pairs of templates and kinds.
    stamped: HashSet<Stamped>,
}

fn name_of(key: &Key) -> Name {
    (Arc::clone(&key.namespace), Arc::clone(&key.name))
}

/// The blueprints that select objects of this kind.
fn blueprints_of(kind: Kind) -> Option<BlueprintKind> {
    match kind {
        Kind::Workload => Some(BlueprintKind::SupplyChain),
        Kind::Deliverable => Some(BlueprintKind::Delivery),
        Kind::Runnable | Kind::ClusterSupplyChain | Kind::ClusterDelivery => None,
    }
}

/// The kind of owner that these blueprints select.
fn owners_of(kind: BlueprintKind) -> Kind {
    match kind {
        BlueprintKind::SupplyChain => Kind::Workload,
        BlueprintKind::Delivery => Kind::Deliverable,
    }
}

impl OwnKinds {
    fn get(&self, key: &Key) -> Option<&OwnObject> {
        self.shelves.get(&Own::of(key.kind))?.get(&name_of(key))
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.get(key).is_some()
    }

    /// The document of a key, and its version.
    pub(super) fn document(&self, key: &Key) -> Option<(Document, Version)> {
        let object = self.get(key)?;
        let document = match &object.body {
            Body::Owner { document, .. } => document.clone(),
            Body::Blueprint { tree, .. } => Document::write(tree),
            Body::Template(_) | Body::RunTemplate(_) => return None,
        };
        Some((document, object.version.clone()))
    }

    fn template_object(&self, kind: TemplateKind, name: &str) -> Option<&OwnObject> {
        self.shelves
            .get(&Own::Template(kind))?
            .get(&(Arc::default(), name.into()))
    }

    pub(super) fn template(&self, kind: TemplateKind, name: &str) -> Option<Arc<Template>> {
        match &self.template_object(kind, name)?.body {
            Body::Template(template) => Some(Arc::clone(template)),
            _ => None,
        }
    }

    pub(super) fn run_template(&self, name: &str) -> Option<Arc<RunTemplate>> {
        match &self.template_object(TemplateKind::Run, name)?.body {
            Body::RunTemplate(template) => Some(Arc::clone(template)),
            _ => None,
        }
    }

    pub(super) fn blueprints(&self, kind: BlueprintKind) -> Vec<Arc<Blueprint>> {
        let held = self.shelves.get(&Own::Blueprint(kind));
        held.into_iter()
            .flat_map(Shelf::values)
            .filter_map(OwnObject::blueprint)
            .cloned()
            .collect()
    }

    /// What rows of this kind were needed for, as far as statuses tell.
    pub(super) fn hinted_expressions(&self, gvk: &Gvk) -> Expressions {
        let of_kind = self.stamped.iter().filter(|(kind, _, _)| kind == gvk);
        let templates = of_kind.filter_map(|(_, kind, name)| self.template(*kind, name));
        templates.fold(Expressions::default(), |all, one| {
            all.union(one.expressions())
        })
    }

    /// The kinds that were stamped, as far as statuses tell.
    pub(super) fn stamped_kinds(&self) -> BTreeSet<Gvk> {
        self.stamped.iter().map(|(gvk, _, _)| gvk.clone()).collect()
    }

    /// The kinds that templates stamp, where they say so literally, and who stamps them.
    pub(super) fn template_kinds(&self) -> BTreeSet<(Gvk, Flavor)> {
        let templates = self.shelves.values().flat_map(Shelf::values);
        templates
            .filter_map(|object| match &object.body {
                Body::Template(template) => Some((template.body.kind()?, Flavor::Resource)),
                Body::RunTemplate(template) => Some((template.body.kind()?, Flavor::Run)),
                Body::Owner { .. } | Body::Blueprint { .. } => None,
            })
            .collect()
    }

    pub(super) fn by_uid(&self, uid: &str) -> Option<&Key> {
        self.by_uid.get(uid)
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.by_uid.values().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.by_uid.len()
    }

    fn link(&mut self, object: &OwnObject) {
        let Some(key) = object.key() else { return };
        self.by_uid.insert(object.uid(), key.clone());
        let Some(blueprints) = blueprints_of(key.kind) else {
            return;
        };
        for (name, value) in &object.labels {
            let label = (key.kind, Arc::clone(name), Arc::clone(value));
            self.by_label.entry(label).or_default().insert(key.clone());
        }
        if let Some(name) = object.selected() {
            self.by_blueprint
                .entry((blueprints, Arc::clone(name)))
                .or_default()
                .insert(key);
        }
    }

    fn unlink(&mut self, object: &OwnObject) {
        let Some(key) = object.key() else { return };
        self.by_uid.remove(&object.uid);
        let Some(blueprints) = blueprints_of(key.kind) else {
            return;
        };
        for (name, value) in &object.labels {
            let label = (key.kind, Arc::clone(name), Arc::clone(value));
            super::remove_from(&mut self.by_label, &label, &key);
        }
        if let Some(name) = object.selected() {
            super::remove_from(
                &mut self.by_blueprint,
                &(blueprints, Arc::clone(name)),
                &key,
            );
        }
    }

    /// The owners that a blueprint, at this version, may select.
    fn selectable(&self, blueprint: &Blueprint) -> Vec<&Key> {
        let kind = owners_of(blueprint.kind);
        let required = blueprint.selector.match_labels.iter();
        let sets = required.map(|(name, value)| {
            self.by_label
                .get(&(kind, name.as_str().into(), value.as_str().into()))
        });
        let selector = label_selector(blueprint);
        let selects = |owner: &OwnObject| {
            selector
                .as_ref()
                .is_none_or(|selector| selector.matches(&OwnerLabels(&owner.labels)))
        };
        if let Some(smallest) = sets.min_by_key(|set| set.map_or(0, HashSet::len)) {
            let candidates = smallest.into_iter().flatten();
            return candidates
                .filter(|key| self.get(key).is_some_and(selects))
                .collect();
        }
        let owners = self
            .shelves
            .get(&Own::Owner(kind))
            .into_iter()
            .flat_map(Shelf::values);
        owners
            .filter(|owner| selects(owner))
            .filter_map(|owner| self.by_uid.get(&owner.uid))
            .collect()
    }
}

impl Inner {
    /// Puts an object of our own and names whom it concerns. Returns whether it was news.
    pub(super) fn put_own(
        &mut self,
        mut object: OwnObject,
        cause: &Cause,
        wakes: &mut Wakes,
    ) -> bool {
        self.own.stamped.extend(std::mem::take(&mut object.stamped));
        let held = self.own.shelves.entry(object.own).or_default();
        let old = match held.put(object.name.clone(), object.clone()) {
            Put::Stale => return false,
            Put::New => None,
            Put::Replaced(old) => Some(old),
        };
        if let Some(old) = &old {
            self.own.unlink(old);
            if old.uid != object.uid
                && let Some(key) = old.key()
            {
                self.forget_key(&key);
                self.note_leaving(&key, &old.uid, wakes);
            }
        }
        self.own.link(&object);
        self.own_changed(old.as_ref(), Some(&object), cause, wakes);
        true
    }

    fn take_own(&mut self, own: Own, name: &Name, cause: &Cause, wakes: &mut Wakes) {
        if let Some(old) = self
            .own
            .shelves
            .get_mut(&own)
            .and_then(|shelf| shelf.take(name))
        {
            self.own_gone(&old, cause, wakes);
        }
    }

    fn own_gone(&mut self, old: &OwnObject, cause: &Cause, wakes: &mut Wakes) {
        self.own.unlink(old);
        if let Some(key) = old.key() {
            self.forget_key(&key);
            self.note_leaving(&key, &old.uid, wakes);
        }
        self.own_changed(Some(old), None, cause, wakes);
    }

    fn own_changed(
        &mut self,
        old: Option<&OwnObject>,
        new: Option<&OwnObject>,
        cause: &Cause,
        wakes: &mut Wakes,
    ) {
        if let Some(key) = new.and_then(OwnObject::key) {
            wakes.add(&key, cause);
        }
        let Some(either) = new.or(old) else { return };
        let differs = old.zip(new).is_none_or(|(old, new)| new.differs(old));
        // Others' passes are not answered by a version of this object: no mark.
        let cause = Cause::unmarked(cause.read_at);
        if differs && !matches!(either.own, Own::Owner(_)) {
            self.epoch += 1;
        }
        match either.own {
            Own::Template(kind) if differs => {
                wakes.add_all(
                    self.dependents_of(&on_template(kind, &either.name.1)),
                    &cause,
                );
            }
            Own::Blueprint(kind) if differs => {
                let selected = (kind, Arc::clone(&either.name.1));
                let owners = self.own.by_blueprint.get(&selected).into_iter().flatten();
                wakes.add_all(owners, &cause);
                let (old, new) = (
                    old.and_then(OwnObject::blueprint),
                    new.and_then(OwnObject::blueprint),
                );
                // Also when only its readiness changed: the status that names it may not be written yet.
                for version in old.into_iter().chain(new) {
                    wakes.add_all(self.own.selectable(version), &cause);
                }
            }
            Own::Owner(_) | Own::Template(_) | Own::Blueprint(_) => {}
        }
    }
}

/// The part of the index that watches of our own kinds write to.
impl Index {
    /// The moment now, for [`Index::own_listed`].
    pub(crate) fn own_clock(&self, own: Own) -> u64 {
        self.read().own.shelves.get(&own).map_or(0, Shelf::clock)
    }

    /// Makes an object share what it can with those that are there. To be called before it is handed in.
    pub(crate) fn share_own(&self, mut object: OwnObject) -> OwnObject {
        self.interner.share_texts(object.shared_texts());
        object
    }

    /// Takes in a list of one of our kinds.
    pub(crate) fn own_listed(&self, own: Own, begun: u64, objects: Vec<OwnObject>) {
        self.change(|inner, wakes| {
            let cause = Cause::default();
            let mut listed = HashSet::with_capacity(objects.len());
            for object in objects {
                listed.insert(object.name.clone());
                inner.put_own(object, &cause, wakes);
            }
            let held = inner.own.shelves.entry(own).or_default();
            for name in held.absent(begun, &listed) {
                inner.take_own(own, &name, &cause, wakes);
            }
        });
    }

    /// Whether the object is there at this very version.
    pub(crate) fn knows_own(&self, own: Own, object: &Glance<'_>) -> bool {
        let inner = self.read();
        let shelf = inner.own.shelves.get(&own);
        shelf.is_some_and(|shelf| shelf.has(object).is_some())
    }

    /// Takes in one event.
    pub(crate) fn own_seen(&self, mut object: OwnObject, read_at: Instant) {
        let mark = Mark {
            uid: Versioned::uid(&object),
            version: object.version.number(),
        };
        let cause = Cause {
            mark: Some(mark),
            read_at: Some(read_at),
        };
        if let Some(tree) = object.tree.take()
            && let Some(key) = object.key()
        {
            // Before anybody is woken to look for it.
            self.fresh().put(key, object.version.clone(), tree);
        }
        self.change(|inner, wakes| inner.put_own(object, &cause, wakes));
    }

    /// Takes in the end of an object.
    pub(crate) fn own_gone(&self, object: &OwnObject, read_at: Instant) {
        let cause = Cause::unmarked(Some(read_at));
        self.change(|inner, wakes| {
            let Some(held) = inner.own.shelves.get_mut(&object.own) else {
                return;
            };
            if let Some(old) = held.remove(&object.name, object) {
                inner.own_gone(&old, &cause, wakes);
            }
        });
    }
}
