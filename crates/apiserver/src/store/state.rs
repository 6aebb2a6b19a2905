//! The present and the recent past, in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::subscription::Signal;
use super::{Key, Limits, Object, Revision};

/// What one write did.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) revision: Revision,
    pub(crate) key: Key,
    /// Before; `None` for a create.
    pub(crate) prev: Option<Arc<Object>>,
    /// After; for a delete the last state with the revision of the deletion.
    pub(crate) object: Arc<Object>,
    pub(crate) deleted: bool,
}

impl Event {
    fn weight(&self) -> usize {
        // The new object is held by the present anyway; what the ring keeps alive is the old one.
        // 300 is a generous guess at the fixed parts.
        300 + self.prev.as_ref().map_or(0, |prev| prev.size_bytes())
    }
}

/// Which events concern a watcher.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// Everything: workers of the server itself.
    All,
    /// A resource in all namespaces.
    Resource(Arc<str>),
    /// A resource in one namespace.
    Namespace(Arc<str>, Arc<str>),
}

impl Scope {
    pub(super) fn covers(&self, key: &Key) -> bool {
        match self {
            Self::All => true,
            Self::Resource(resource) => *resource == key.resource,
            Self::Namespace(resource, namespace) => {
                *resource == key.resource && *namespace == key.namespace
            }
        }
    }

    fn resource(&self) -> Option<&Arc<str>> {
        match self {
            Self::All => None,
            Self::Resource(resource) | Self::Namespace(resource, _) => Some(resource),
        }
    }
}

/// The revision asked for is no longer known; what lies after `oldest` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expired {
    pub(crate) oldest: Revision,
}

/// A place within a resource: namespace, then name, in byte order.
type Place = (Arc<str>, Arc<str>);

#[derive(Debug, Default)]
struct Resource {
    objects: BTreeMap<Place, Arc<Object>>,
    events: VecDeque<Arc<Event>>,
}

/// A page of objects at one revision.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) revision: Revision,
    pub(crate) objects: Vec<Arc<Object>>,
}

/// The present and the recent past.
#[derive(Debug)]
pub(crate) struct State {
    revision: Revision,
    /// Everything after this revision is in the ring.
    compacted: Revision,
    resources: HashMap<Arc<str>, Resource>,
    ring: VecDeque<Arc<Event>>,
    ring_bytes: usize,
    limits: Limits,
    signals: HashMap<Scope, Vec<Arc<Signal>>>,
}

impl State {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            revision: 0,
            compacted: 0,
            resources: HashMap::new(),
            ring: VecDeque::new(),
            ring_bytes: 0,
            limits,
            signals: HashMap::new(),
        }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn compacted(&self) -> Revision {
        self.compacted
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Object>> {
        let place = (key.namespace.clone(), key.name.clone());
        self.resources.get(&key.resource)?.objects.get(&place)
    }

    /// Number of objects of a resource.
    pub(crate) fn count(&self, resource: &str) -> usize {
        self.resources.get(resource).map_or(0, |r| r.objects.len())
    }

    /// The objects of a resource, of all namespaces or one, now.
    pub(crate) fn list<'a>(
        &'a self,
        resource: &str,
        namespace: Option<&str>,
    ) -> Box<dyn Iterator<Item = &'a Arc<Object>> + 'a> {
        let Some(resource) = self.resources.get(resource) else {
            return Box::new(std::iter::empty());
        };
        match namespace {
            None => Box::new(resource.objects.values()),
            Some(namespace) => {
                let namespace: Arc<str> = namespace.into();
                let start = (namespace.clone(), Arc::from(""));
                Box::new(
                    resource
                        .objects
                        .range(start..)
                        .take_while(move |(place, _)| place.0 == namespace)
                        .map(|(_, object)| object),
                )
            }
        }
    }

    pub(super) fn list_scope(&self, scope: &Scope) -> Vec<Arc<Object>> {
        match scope {
            Scope::All => self
                .resources
                .values()
                .flat_map(|r| r.objects.values().cloned())
                .collect(),
            Scope::Resource(resource) => self.list(resource, None).cloned().collect(),
            Scope::Namespace(resource, namespace) => {
                self.list(resource, Some(namespace)).cloned().collect()
            }
        }
    }

    /// The objects of a resource as they were at `revision`, beginning after `start`.
    ///
    /// Cost: proportional to the objects and the events of the resource since then.
    pub(crate) fn list_at(
        &self,
        resource: &str,
        namespace: Option<&str>,
        revision: Revision,
        start: Option<(&str, &str)>,
    ) -> Result<Listing, Expired> {
        if revision < self.compacted {
            return Err(Expired {
                oldest: self.compacted,
            });
        }
        let Some(found) = self.resources.get(resource) else {
            return Ok(Listing {
                revision,
                objects: vec![],
            });
        };
        // Walking back from the newest event, the last `prev` seen of a place is its state then.
        let mut then: BTreeMap<&Place, Option<&Arc<Object>>> = BTreeMap::new();
        let places: Vec<(Place, &Arc<Event>)> = found
            .events
            .iter()
            .rev()
            .take_while(|event| event.revision > revision)
            .map(|event| ((event.key.namespace.clone(), event.key.name.clone()), event))
            .collect();
        for (place, event) in &places {
            then.insert(place, event.prev.as_ref());
        }
        let from = match start {
            Some((namespace, name)) => {
                Bound::Excluded((Arc::<str>::from(namespace), Arc::<str>::from(name)))
            }
            None => Bound::Included((Arc::from(namespace.unwrap_or("")), Arc::from(""))),
        };
        let inside = |place: &Place| namespace.is_none_or(|namespace| &*place.0 == namespace);
        let mut objects: Vec<Arc<Object>> = Vec::new();
        let mut now = found
            .objects
            .range((from.clone(), Bound::Unbounded))
            .peekable();
        let mut past = then
            .range::<Place, _>((from.as_ref(), Bound::Unbounded))
            .map(|(place, object)| (*place, *object))
            .peekable();
        loop {
            let take_past = match (now.peek(), past.peek()) {
                (None, None) => break,
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (Some((here, _)), Some((there, _))) => *there <= *here,
            };
            let (place, object) = if take_past {
                let (place, object) = past.next().expect("peeked");
                if now.peek().is_some_and(|(here, _)| *here == place) {
                    now.next();
                }
                (place, object)
            } else {
                let (place, object) = now.next().expect("peeked");
                (place, Some(object))
            };
            if inside(place) {
                objects.extend(object.cloned());
            } else if namespace.is_some() && !objects.is_empty() {
                break;
            }
        }
        Ok(Listing { revision, objects })
    }

    /// Events of `scope` after `after`, at most `max`, and up to which revision they are complete.
    pub(super) fn events_after(
        &self,
        scope: &Scope,
        after: Revision,
        max: usize,
    ) -> Result<(Vec<Arc<Event>>, Revision), Expired> {
        if after < self.compacted {
            return Err(Expired {
                oldest: self.compacted,
            });
        }
        let empty = VecDeque::new();
        let events = match scope.resource() {
            None => &self.ring,
            Some(resource) => self.resources.get(resource).map_or(&empty, |r| &r.events),
        };
        let first = events.partition_point(|event| event.revision <= after);
        let mut found = Vec::new();
        for event in events.range(first..) {
            if found.len() == max {
                let complete: Revision = found.last().map_or(after, |e: &Arc<Event>| e.revision);
                return Ok((found, complete));
            }
            if scope.covers(&event.key) {
                found.push(event.clone());
            }
        }
        Ok((found, self.revision))
    }

    pub(super) fn subscribe(
        &mut self,
        scope: &Scope,
        after: Revision,
    ) -> Result<Arc<Signal>, Expired> {
        if after < self.compacted {
            return Err(Expired {
                oldest: self.compacted,
            });
        }
        let pending = (after < self.revision).then_some(after + 1);
        let signal = Arc::new(Signal::new(pending));
        self.signals
            .entry(scope.clone())
            .or_default()
            .push(signal.clone());
        Ok(signal)
    }

    pub(super) fn unsubscribe(&mut self, scope: &Scope, signal: &Arc<Signal>) {
        if let Some(signals) = self.signals.get_mut(scope) {
            signals.retain(|other| !Arc::ptr_eq(other, signal));
            if signals.is_empty() {
                self.signals.remove(scope);
            }
        }
    }

    pub(super) fn end_watches(&mut self, mut which: impl FnMut(Option<&str>) -> bool) {
        for (scope, signals) in &self.signals {
            if which(scope.resource().map(|r| &**r)) {
                signals.iter().for_each(|signal| signal.end());
            }
        }
    }

    /// Puts an object there without an event, as it was found on disk.
    pub(super) fn restore(&mut self, object: Object) {
        let key = &object.key;
        let place = (key.namespace.clone(), key.name.clone());
        self.resources
            .entry(key.resource.clone())
            .or_default()
            .objects
            .insert(place, Arc::new(object));
    }

    /// Sets the clock and the past to what was found on disk; `events` in order of revision.
    pub(super) fn restore_past(
        &mut self,
        revision: Revision,
        compacted: Revision,
        events: Vec<Event>,
    ) {
        self.revision = revision;
        self.compacted = compacted;
        for event in events {
            self.remember(Arc::new(event));
        }
    }

    /// Applies a committed event.
    pub(super) fn apply(&mut self, event: Event) {
        debug_assert!(event.revision > self.revision, "revisions only grow");
        let event = Arc::new(event);
        let key = &event.key;
        let place = (key.namespace.clone(), key.name.clone());
        let objects = &mut self
            .resources
            .entry(key.resource.clone())
            .or_default()
            .objects;
        if event.deleted {
            objects.remove(&place);
        } else {
            objects.insert(place, event.object.clone());
        }
        self.revision = event.revision;
        for scope in [
            Scope::Namespace(key.resource.clone(), key.namespace.clone()),
            Scope::Resource(key.resource.clone()),
            Scope::All,
        ] {
            for signal in self.signals.get(&scope).into_iter().flatten() {
                signal.raise(event.revision);
            }
        }
        self.remember(event);
    }

    fn remember(&mut self, event: Arc<Event>) {
        self.ring_bytes += event.weight();
        let resource = self
            .resources
            .entry(event.key.resource.clone())
            .or_default();
        resource.events.push_back(event.clone());
        self.ring.push_back(event);
        while self.ring.len() > self.limits.events
            || (self.ring_bytes > self.limits.bytes && self.ring.len() > 1)
        {
            let oldest = self.ring.pop_front().expect("longer than a bound");
            self.ring_bytes -= oldest.weight();
            self.compacted = oldest.revision;
            if let Some(resource) = self.resources.get_mut(&oldest.key.resource) {
                let popped = resource.events.pop_front();
                debug_assert!(popped.is_some_and(|p| p.revision == oldest.revision));
            }
        }
    }
}
