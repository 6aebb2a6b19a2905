//! All watches: which there are, and where their objects go.
//!
//! Our own kinds, accounts, rights and CRDs are watched from the start. The kinds of stamped objects are watched on
//! demand, by label, one watch per kind and [`Flavor`], and let go when no owner has needed them for a while. Objects
//! that Runnables select are watched by their labels, metadata only.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use carto_core::key::{Gvk, Mapping};
use carto_core::realize::{Dependency, Watch as Watched};
use carto_core::row::Expressions;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::discovery::{Discovery, Unmapped};
use crate::index::{Bindings, Flavor, Index, Own, Registry};
use crate::key::Kind;
use crate::queue::Queue;
use crate::watch::{self, Control, Sink, Target};
use crate::wire::{Detail, Wire};

mod sinks;

use sinks::{BindingSink, OwnSink, RegistrySink, RowSink, SelectionSink};

/// Up to so many objects are read one by one when a template asks for something new of them; for more, a list is cheaper.
const LIST_ABOVE: usize = 8;
/// A watch that nobody has needed for this long is stopped.
const UNUSED: Duration = Duration::from_mins(2);

/// A Selected dependency without its namespace: one watch serves all namespaces.
type Selection = (Gvk, Vec<(String, String)>);

struct Running {
    control: Arc<Control>,
    cancel: CancellationToken,
    needed_at: Instant,
}

#[derive(Default)]
struct State {
    own: HashMap<Own, Arc<Control>>,
    registries: HashMap<Registry, Arc<Control>>,
    bindings: HashMap<Bindings, Arc<Control>>,
    stamped: HashMap<(Gvk, Flavor), Running>,
    selections: HashMap<Selection, Running>,
}

/// The watches.
pub(crate) struct Watches {
    wire: Wire,
    index: Arc<Index>,
    queue: Arc<Queue>,
    discovery: Arc<Discovery>,
    state: Mutex<State>,
    silence: Duration,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// What is needed to set up the watches.
pub(crate) struct Parts {
    pub(crate) wire: Wire,
    pub(crate) index: Arc<Index>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) discovery: Arc<Discovery>,
    /// How long a watch may be silent past its bookmarks.
    pub(crate) silence: Duration,
    pub(crate) cancel: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Watches {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts {
            wire,
            index,
            queue,
            discovery,
            silence,
            cancel,
            tasks,
        } = parts;
        let state = Mutex::default();
        Arc::new(Self {
            wire,
            index,
            queue,
            discovery,
            state,
            silence,
            cancel,
            tasks,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn<S: Sink>(&self, target: Target, sink: S, cancel: CancellationToken) -> Arc<Control> {
        let control = Arc::new(Control::new());
        let wire = self.wire.clone();
        self.tasks.spawn(watch::run(
            wire,
            target,
            Arc::new(sink),
            Arc::clone(&control),
            self.silence,
            cancel,
        ));
        control
    }

    /// Waits until the watches end, and with them whoever answers [`Watches::observe`].
    pub(crate) async fn ended(&self) {
        self.cancel.cancelled().await;
    }

    pub(crate) fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// Starts what is watched from the start.
    pub(crate) fn start(self: &Arc<Self>) {
        let mut state = self.lock();
        for own in Own::all() {
            let sink = OwnSink {
                watches: Arc::clone(self),
                own,
            };
            let target = target(
                "carto.run",
                "v1alpha1",
                own.plural(),
                own.name(),
                Detail::Full,
            );
            state
                .own
                .insert(own, self.spawn(target, sink, self.cancel.clone()));
        }
        let rbac = "rbac.authorization.k8s.io";
        for (which, group, plural, kind) in [
            (Registry::Accounts, "", "serviceaccounts", "ServiceAccount"),
            (Registry::Roles, rbac, "roles", "Role"),
            (Registry::ClusterRoles, rbac, "clusterroles", "ClusterRole"),
            (
                Registry::Crds,
                "apiextensions.k8s.io",
                "customresourcedefinitions",
                "CustomResourceDefinition",
            ),
        ] {
            let sink = RegistrySink {
                watches: Arc::clone(self),
                which,
            };
            let target = target(group, "v1", plural, kind, Detail::Metadata);
            state
                .registries
                .insert(which, self.spawn(target, sink, self.cancel.clone()));
        }
        for (which, plural, kind) in [
            (Bindings::Namespaced, "rolebindings", "RoleBinding"),
            (
                Bindings::Cluster,
                "clusterrolebindings",
                "ClusterRoleBinding",
            ),
        ] {
            let sink = BindingSink {
                watches: Arc::clone(self),
                which,
            };
            let target = target(rbac, "v1", plural, kind, Detail::Full);
            state
                .bindings
                .insert(which, self.spawn(target, sink, self.cancel.clone()));
        }
    }

    /// Waits until our own kinds are in the index, and the rest is or may not be read.
    pub(crate) async fn synced(&self) {
        let (own, others) = {
            let state = self.lock();
            let own: Vec<_> = state
                .own
                .iter()
                .map(|(own, c)| (*own, Arc::clone(c)))
                .collect();
            let others = state.registries.values().chain(state.bindings.values());
            (own, others.cloned().collect::<Vec<_>>())
        };
        for (own, control) in own {
            if let Some(failure) = control.settled().await.failure {
                tracing::warn!(
                    kind = own.name(),
                    %failure,
                    "waiting for this kind: are the CRDs of carto.run installed, and may this account list them?"
                );
                control.listed().await;
            }
        }
        for control in others {
            control.settled().await;
        }
    }

    /// Whether changes of rights are heard of.
    pub(crate) fn hears_rights(&self) -> bool {
        let state = self.lock();
        let rights = [Registry::Roles, Registry::ClusterRoles];
        rights
            .iter()
            .filter_map(|which| state.registries.get(which))
            .all(|c| c.is_synced())
            && state.bindings.values().all(|control| control.is_synced())
    }

    /// Sees to it that the stamped objects of a kind are in the index, read with these expressions.
    pub(crate) async fn observe(
        self: &Arc<Self>,
        kind: Kind,
        gvk: &Gvk,
        expressions: &Expressions,
    ) -> Result<(Mapping, Watched), Unmapped> {
        let mapping = self.discovery.resolve(gvk).await?;
        let control = self.stamped(gvk, Flavor::of(kind), &mapping, expressions);
        let mut progress = control.settled().await;
        let behind = self.index.want_expressions(gvk, expressions);
        if progress.failure.is_none() && behind > LIST_ABOVE && detail_of(gvk) == Detail::Full {
            progress = control.list_again().await;
        }
        let watched = match progress.failure {
            Some(failure) => Watched::Denied(failure.message),
            None if detail_of(gvk) == Detail::Metadata => Watched::MetadataOnly,
            None => Watched::Synced,
        };
        Ok((mapping, watched))
    }

    /// As [`Watches::observe`], if that can be answered at once: the kind is known, in sync and read with all of this.
    pub(crate) fn observed(
        &self,
        kind: Kind,
        gvk: &Gvk,
        expressions: &Expressions,
    ) -> Option<(Mapping, Watched)> {
        let mapping = self.discovery.known(gvk)?;
        {
            let mut state = self.lock();
            let running = state.stamped.get_mut(&(gvk.clone(), Flavor::of(kind)))?;
            if !running.control.is_synced() {
                return None;
            }
            running.needed_at = Instant::now();
        }
        let behind = self.index.want_expressions(gvk, expressions);
        match detail_of(gvk) {
            // No list brings results of these.
            Detail::Metadata => Some((mapping, Watched::MetadataOnly)),
            Detail::Full => (behind <= LIST_ABOVE).then_some((mapping, Watched::Synced)),
        }
    }

    fn stamped(
        self: &Arc<Self>,
        gvk: &Gvk,
        flavor: Flavor,
        mapping: &Mapping,
        expressions: &Expressions,
    ) -> Arc<Control> {
        let mut state = self.lock();
        if let Some(running) = state.stamped.get_mut(&(gvk.clone(), flavor)) {
            running.needed_at = Instant::now();
            return Arc::clone(&running.control);
        }
        // Before the list: its rows are to be read with them.
        self.index.want_expressions(gvk, expressions);
        let detail = detail_of(gvk);
        let target = Target {
            selector: Some(flavor.selector().to_owned()),
            ..target(&gvk.group, &gvk.version, &mapping.plural, &gvk.kind, detail)
        };
        let cancel = self.cancel.child_token();
        let sink = RowSink {
            watches: Arc::clone(self),
            gvk: gvk.clone(),
            flavor,
        };
        let control = self.spawn(target, sink, cancel.clone());
        let running = Running {
            control: Arc::clone(&control),
            cancel,
            needed_at: Instant::now(),
        };
        state.stamped.insert((gvk.clone(), flavor), running);
        control
    }

    /// Sees to it that changes of selected objects are heard of. Returns whether they can be.
    pub(crate) async fn select(self: &Arc<Self>, on: &Dependency) -> bool {
        let Dependency::Selected { gvk, labels, .. } = on else {
            return true;
        };
        let Ok(mapping) = self.discovery.resolve(gvk).await else {
            return false;
        };
        let mut state = self.lock();
        let selection = (gvk.clone(), labels.clone());
        let running = state.selections.entry(selection).or_insert_with(|| {
            let selector: Vec<String> = labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let metadata = Detail::Metadata;
            let target = Target {
                selector: Some(selector.join(",")),
                ..target(
                    &gvk.group,
                    &gvk.version,
                    &mapping.plural,
                    &gvk.kind,
                    metadata,
                )
            };
            let sink = SelectionSink {
                watches: Arc::clone(self),
                gvk: gvk.clone(),
                labels: labels.clone(),
            };
            let cancel = self.cancel.child_token();
            let control = self.spawn(target, sink, cancel.clone());
            Running {
                control,
                cancel,
                needed_at: Instant::now(),
            }
        });
        running.needed_at = Instant::now();
        running.control.progress().failure.is_none()
    }

    /// Watches the kinds that were stamped so far, as statuses tell, before any pass asks for them: so that a replica
    /// that takes over knows what there is. Returns when all are in the index or cannot be.
    pub(crate) async fn warm(self: &Arc<Self>, tried: &mut BTreeSet<Gvk>) {
        for gvk in self.index.stamped_kinds() {
            if tried.insert(gvk.clone())
                && self
                    .observe(Kind::Workload, &gvk, &Expressions::default())
                    .await
                    .is_err()
            {
                tracing::debug!(%gvk, "cannot be watched yet");
            }
        }
    }

    /// Watches the kinds without a namespace that templates stamp, until nobody has needed them for a while: what owners
    /// that went unseen left behind of them is collected by nobody else.
    pub(crate) async fn look_for_abandoned(self: &Arc<Self>) {
        for (gvk, flavor) in self.index.template_kinds() {
            if let Ok(mapping) = self.discovery.resolve(&gvk).await
                && !mapping.namespaced
            {
                self.stamped(&gvk, flavor, &mapping, &Expressions::default());
            }
        }
    }

    /// Stops what nobody has needed for a while.
    pub(crate) fn retire(&self) {
        let unused = self.index.unused_kinds();
        let selected: Vec<Selection> = self.index.selections();
        let now = Instant::now();
        let mut state = self.lock();
        state.stamped.retain(|(gvk, _), running| {
            let keep = !unused.contains(gvk) || now.duration_since(running.needed_at) < UNUSED;
            if !keep {
                running.cancel.cancel();
            }
            keep
        });
        for gvk in unused {
            if !state.stamped.keys().any(|(kept, _)| *kept == gvk) {
                tracing::debug!(%gvk, "no longer watched");
                self.index.drop_kind(&gvk);
            }
        }
        state.selections.retain(|selection, running| {
            let keep =
                selected.contains(selection) || now.duration_since(running.needed_at) < UNUSED;
            if !keep {
                running.cancel.cancel();
            }
            keep
        });
    }

    /// The CRD of this resource came, went or changed.
    fn kind_changed(&self, plural: &str, group: &str) {
        self.discovery.forget(group);
        let state = self.lock();
        if group == "carto.run" {
            let concerned = state.own.iter().filter(|(own, _)| own.plural() == plural);
            concerned.for_each(|(_, control)| control.hint());
        }
        let stamped = state
            .stamped
            .iter()
            .map(|((gvk, _), running)| (gvk, running));
        let selected = state
            .selections
            .iter()
            .map(|((gvk, _), running)| (gvk, running));
        for (gvk, running) in stamped.chain(selected) {
            if *gvk.group == *group {
                running.control.hint();
            }
        }
    }

    /// Somebody's rights have changed, perhaps our own.
    fn rights_changed(&self) {
        let state = self.lock();
        let running = state.stamped.values().chain(state.selections.values());
        let controls = state.own.values().chain(state.registries.values());
        let controls = controls
            .chain(state.bindings.values())
            .chain(running.map(|r| &r.control));
        controls
            .filter(|control| control.progress().failure.is_some())
            .for_each(|c| c.hint());
    }

    /// Watches that run now.
    pub(crate) fn count(&self) -> usize {
        let state = self.lock();
        state.own.len()
            + state.registries.len()
            + state.bindings.len()
            + state.stamped.len()
            + state.selections.len()
    }
}

/// Secrets are never asked for with their data.
fn detail_of(gvk: &Gvk) -> Detail {
    if gvk.group.is_empty() && *gvk.kind == *"Secret" {
        Detail::Metadata
    } else {
        Detail::Full
    }
}

fn target(group: &str, version: &str, plural: &str, kind: &str, detail: Detail) -> Target {
    Target {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: plural.to_owned(),
        kind: kind.to_owned(),
        namespace: None,
        selector: None,
        detail,
    }
}
