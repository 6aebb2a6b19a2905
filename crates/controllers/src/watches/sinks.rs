//! Where each watch's objects go.

use std::sync::Arc;

use carto_core::key::Gvk;
use carto_core::realize::Dependency;
use carto_core::row::{Live, Row};
use tokio::time::Instant;

use super::Watches;
use crate::index::shelf::Name;
use crate::index::{Binding, Bindings, Flavor, Meta, Own, OwnObject, Registry};
use crate::watch::{Glance, Sink};
use crate::wire::Detail;

/// One of our own kinds.
pub(super) struct OwnSink {
    pub(super) watches: Arc<Watches>,
    pub(super) own: Own,
}

impl Sink for OwnSink {
    type Item = OwnObject;

    const ECHOES: bool = true;

    fn knows(&self, object: &Glance<'_>) -> bool {
        self.watches.index.knows_own(self.own, object)
    }

    fn decode_changed(&self, object: Live) -> Option<OwnObject> {
        let object = OwnObject::read_changed(self.own, object.into_object())?;
        Some(self.watches.index.share_own(object))
    }

    fn decode(&self, object: Live) -> Option<OwnObject> {
        let object = OwnObject::read(self.own, object.into_object())?;
        Some(self.watches.index.share_own(object))
    }

    fn list_begins(&self) -> u64 {
        self.watches.index.own_clock(self.own)
    }

    fn listed(&self, begun: u64, items: Vec<OwnObject>) {
        self.watches.index.own_listed(self.own, begun, items);
    }

    fn changed(&self, item: OwnObject, read_at: Instant) {
        self.watches.index.own_seen(item, read_at);
    }

    fn deleted(&self, item: OwnObject, read_at: Instant) {
        self.watches.index.own_gone(&item, read_at);
    }

    fn recovered(&self) {
        self.watches.queue.release_delayed();
    }
}

/// Stamped objects of one kind.
pub(super) struct RowSink {
    pub(super) watches: Arc<Watches>,
    pub(super) gvk: Gvk,
    pub(super) flavor: Flavor,
}

impl Sink for RowSink {
    type Item = Row;

    const ECHOES: bool = true;

    fn knows(&self, object: &Glance<'_>) -> bool {
        self.watches.index.knows_row(&self.gvk, object)
    }

    fn decode(&self, object: Live) -> Option<Row> {
        let row = if super::detail_of(&self.gvk) == Detail::Metadata {
            Row::read_metadata(&object)?
        } else {
            let expressions = self.watches.index.expressions(&self.gvk);
            Row::read(&object, &expressions.unwrap_or_default())?
        };
        // Here and not in the index: the rows of a whole list wait until its last page.
        Some(self.watches.index.share_row(row))
    }

    fn list_begins(&self) -> u64 {
        self.watches.index.rows_clock(&self.gvk)
    }

    fn listed(&self, begun: u64, items: Vec<Row>) {
        self.watches
            .index
            .rows_listed(&self.gvk, self.flavor, begun, items);
    }

    fn changed(&self, item: Row, read_at: Instant) {
        self.watches.index.row_seen(item, read_at);
    }

    fn deleted(&self, item: Row, read_at: Instant) {
        self.watches.index.row_gone(item, read_at);
    }

    fn unavailable(&self) {
        self.watches.index.rows_lost(&self.gvk, self.flavor);
    }
}

/// Names of accounts, roles and CRDs.
pub(super) struct RegistrySink {
    pub(super) watches: Arc<Watches>,
    pub(super) which: Registry,
}

impl RegistrySink {
    fn tell(&self, name: &Name) {
        match self.which {
            Registry::Crds => {
                if let Some((plural, group)) = name.1.split_once('.') {
                    self.watches.kind_changed(plural, group);
                }
            }
            Registry::Roles | Registry::ClusterRoles => self.watches.rights_changed(),
            Registry::Accounts => {}
        }
    }
}

impl Sink for RegistrySink {
    type Item = Meta;

    fn decode(&self, object: Live) -> Option<Meta> {
        Meta::read(object.object())
    }

    fn list_begins(&self) -> u64 {
        self.watches.index.registry_clock(self.which)
    }

    fn listed(&self, begun: u64, items: Vec<Meta>) {
        for name in self.watches.index.registry_listed(self.which, begun, items) {
            self.tell(&name);
        }
    }

    fn changed(&self, item: Meta, _: Instant) {
        // Documents are forgotten before anybody is woken to read them.
        self.tell(&item.name);
        self.watches.index.registry_seen(self.which, item);
    }

    fn deleted(&self, item: Meta, _: Instant) {
        self.tell(&item.name);
        self.watches.index.registry_gone(self.which, &item);
    }
}

/// Who is bound to which role.
pub(super) struct BindingSink {
    pub(super) watches: Arc<Watches>,
    pub(super) which: Bindings,
}

impl Sink for BindingSink {
    type Item = Binding;

    fn decode(&self, object: Live) -> Option<Binding> {
        Binding::read(object.object())
    }

    fn list_begins(&self) -> u64 {
        self.watches.index.bindings_clock(self.which)
    }

    fn listed(&self, begun: u64, items: Vec<Binding>) {
        self.watches.index.bindings_listed(self.which, begun, items);
        self.watches.rights_changed();
    }

    fn changed(&self, item: Binding, _: Instant) {
        self.watches.index.binding_seen(self.which, item);
        self.watches.rights_changed();
    }

    fn deleted(&self, item: Binding, _: Instant) {
        self.watches.index.binding_gone(self.which, &item);
        self.watches.rights_changed();
    }
}

/// Objects that Runnables select.
pub(super) struct SelectionSink {
    pub(super) watches: Arc<Watches>,
    pub(super) gvk: Gvk,
    pub(super) labels: Vec<(String, String)>,
}

impl SelectionSink {
    fn tell(&self, namespace: &Arc<str>, read_at: Option<Instant>) {
        let on = Dependency::Selected {
            gvk: self.gvk.clone(),
            namespace: Some(Arc::clone(namespace)).filter(|namespace| !namespace.is_empty()),
            labels: self.labels.clone(),
        };
        self.watches.index.selection_changed(&on, read_at);
    }
}

impl Sink for SelectionSink {
    type Item = Meta;

    fn decode(&self, object: Live) -> Option<Meta> {
        Meta::read(object.object())
    }

    fn list_begins(&self) -> u64 {
        0
    }

    fn listed(&self, _: u64, _: Vec<Meta>) {
        // Between the pass that asked for this watch and its first list, something may have happened; a relist says
        // nothing of what it missed.
        self.watches.index.selection_listed(&self.gvk, &self.labels);
    }

    fn changed(&self, item: Meta, read_at: Instant) {
        self.tell(&item.name.0, Some(read_at));
    }

    fn deleted(&self, item: Meta, read_at: Instant) {
        self.tell(&item.name.0, Some(read_at));
    }
}
