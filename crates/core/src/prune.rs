//! Deleting what an owner stamped and no longer needs.
//!
//! The inventory has two sources: entries of the status, and rows of the index whose controller is
//! the owner. Whatever of it no resource claims any more goes, consumers before producers, as the
//! owner's service account and with the uid as precondition. An entry stays in the status until
//! its object is gone for certain; where the account may not delete, the entry says which rule to
//! add.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::apply::{Env, Progress};
use crate::condition::{Condition, Status};
use crate::key::{Mapping, ObjectKey, ServiceAccountKey};
use crate::realize::{ApiFailure, FailureKind, MAX_DELETIONS, Reply, Request, Watch};
use crate::row::{Expressions, Row, RowState, Uid};
use crate::status::{Entry, Stamped};
use crate::words::{condition_type, label, reason};

/// One object to delete.
#[derive(Clone, Debug)]
pub(crate) struct Victim {
    /// The resource it was stamped for.
    pub(crate) resource: String,
    pub(crate) key: ObjectKey,
    /// Known when a row said so.
    pub(crate) uid: Option<Uid>,
    /// Its entry in the last status, without outputs and conditions.
    pub(crate) entry: Entry,
    /// What it waits for instead of being deleted.
    pub(crate) hold: Option<String>,
}

/// Deletes a list of objects.
#[derive(Debug)]
pub(crate) struct Prune {
    open: Vec<Victim>,
    current: Option<Victim>,
    mapping: Option<Mapping>,
    state: State,
    deletions: usize,
    /// Whether there was more to do than one pass may.
    pub(crate) more: bool,
    pub(crate) forbidden: bool,
    pub(crate) retry: bool,
    /// Objects deleted, for events.
    pub(crate) deleted: Vec<(ObjectKey, Mapping)>,
    /// Entries that stay in the status.
    pub(crate) left: Vec<(Entry, Condition)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Next,
    Observing,
    Getting,
    Deleting,
}

impl Prune {
    /// Begins to delete; the first of the list goes first.
    pub(crate) fn new(mut victims: Vec<Victim>) -> Self {
        victims.reverse();
        Self {
            open: victims,
            current: None,
            mapping: None,
            state: State::Next,
            deletions: 0,
            more: false,
            forbidden: false,
            retry: false,
            deleted: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Goes on with the reply to the last request.
    pub(crate) fn resume(&mut self, env: &Env<'_>, mut reply: Option<Reply>) -> Progress<()> {
        loop {
            if self.state == State::Next {
                let Some(victim) = self.open.pop() else {
                    return Progress::Ready(());
                };
                if let Some(request) = self.begin(victim) {
                    return Progress::Ask(request);
                }
                continue;
            }
            if let Some(request) = self.proceed(env, reply.take()) {
                return Progress::Ask(request);
            }
        }
    }

    fn begin(&mut self, victim: Victim) -> Option<Request> {
        if let Some(why) = &victim.hold {
            let why = why.clone();
            self.stays(&victim, reason::REPLACEMENT_PENDING, why);
            return None;
        }
        if self.deletions >= MAX_DELETIONS {
            self.more = true;
            self.stays(&victim, reason::DELETING, "waiting for its turn".to_owned());
            return None;
        }
        let gvk = victim.key.gvk.clone();
        self.mapping = None;
        self.current = Some(victim);
        self.state = State::Observing;
        Some(Request::Observe {
            gvk,
            expressions: Expressions::default(),
        })
    }

    fn proceed(&mut self, env: &Env<'_>, reply: Option<Reply>) -> Option<Request> {
        let state = std::mem::replace(&mut self.state, State::Next);
        let victim = self.current.take()?;
        match (state, reply?) {
            (State::Observing, Reply::Observed { mapping, watch }) => {
                self.mapping = Some(mapping);
                self.observed(env, victim, &watch)
            }
            // The kind is no longer served, and with it its objects.
            (State::Observing, Reply::Failed(f)) if is_no_match(&f) => None,
            (State::Getting, Reply::Object(object)) => self.read(env, victim, &object),
            (State::Getting | State::Deleting, Reply::Failed(f))
                if f.kind == FailureKind::NotFound =>
            {
                None
            }
            (State::Deleting, Reply::Deleted { gone }) => {
                self.deletions += 1;
                if let Some(mapping) = self.mapping.clone() {
                    self.deleted.push((victim.key.clone(), mapping));
                }
                if !gone {
                    self.stays(&victim, reason::DELETING, deleting());
                }
                None
            }
            // Another object of that name took its place: not ours to delete.
            (State::Deleting, Reply::Failed(f)) if f.kind == FailureKind::Conflict => {
                self.retry = true;
                self.stays(&victim, reason::DELETE_FAILED, f.message);
                None
            }
            (_, Reply::Failed(failure)) => {
                self.failed(env, &victim, &failure);
                None
            }
            (state, reply) => {
                let text = format!("a reply does not fit ({state:?}, {reply:?})");
                self.stays(&victim, reason::DELETE_FAILED, text);
                None
            }
        }
    }

    fn observed(&mut self, env: &Env<'_>, victim: Victim, watch: &Watch) -> Option<Request> {
        let state = match watch {
            Watch::Denied(_) => RowState::Unknown,
            Watch::Synced | Watch::MetadataOnly => env.index.row(&victim.key),
        };
        match state {
            RowState::Absent => None,
            RowState::Known(row) => self.judge(env, victim, &row),
            RowState::Unknown => {
                let request = Request::Get {
                    key: victim.key.clone(),
                    account: env.account.clone(),
                };
                self.current = Some(victim);
                self.state = State::Getting;
                Some(request)
            }
        }
    }

    fn read(&mut self, env: &Env<'_>, victim: Victim, object: &Value) -> Option<Request> {
        let row = Row::extract_metadata(object)?;
        self.judge(env, victim, &row)
    }

    fn judge(&mut self, env: &Env<'_>, victim: Victim, row: &Row) -> Option<Request> {
        let ours = row
            .controller
            .as_ref()
            .is_some_and(|c| *c.uid == *env.owner_uid);
        let replaced = victim.uid.as_ref().is_some_and(|uid| *uid != row.uid);
        if !ours || replaced {
            return None;
        }
        if row.deleting {
            self.stays(&victim, reason::DELETING, deleting());
            return None;
        }
        let request = Request::Delete {
            key: victim.key.clone(),
            uid: row.uid.text(),
            account: env.account.clone(),
        };
        self.current = Some(victim);
        self.state = State::Deleting;
        Some(request)
    }

    fn failed(&mut self, env: &Env<'_>, victim: &Victim, failure: &ApiFailure) {
        if failure.kind == FailureKind::Forbidden {
            self.forbidden = true;
            let text = self.mapping.as_ref().map_or_else(
                || failure.message.clone(),
                |mapping| rule_to_add(env.account, &victim.key, mapping),
            );
            self.stays(victim, reason::DELETE_FORBIDDEN, text);
        } else {
            self.retry = true;
            self.stays(victim, reason::DELETE_FAILED, failure.message.clone());
        }
    }

    fn stays(&mut self, victim: &Victim, why: &'static str, message: String) {
        let condition = Condition::new(condition_type::PRUNED, Status::False, why, message);
        self.left.push((victim.entry.clone(), condition));
    }
}

fn is_no_match(failure: &ApiFailure) -> bool {
    matches!(failure.kind, FailureKind::NoMatch { .. })
}

fn deleting() -> String {
    "the object is being deleted and waits for its finalizers".to_owned()
}

/// Words the rule that lets an account delete an object.
pub(crate) fn rule_to_add(
    account: &ServiceAccountKey,
    key: &ObjectKey,
    mapping: &Mapping,
) -> String {
    let (role, place) = match &key.namespace {
        Some(namespace) => ("Role", format!(" in namespace [{namespace}]")),
        None => ("ClusterRole", String::new()),
    };
    format!(
        "service account [{account}] may not delete [{}/{}]; add to a {role} bound to it{place}: \
         {{apiGroups: [\"{}\"], resources: [\"{}\"], verbs: [\"delete\"]}}",
        mapping.qualified(&key.gvk),
        key.name,
        key.gvk.group,
        mapping.plural,
    )
}

/// What the resources of a pass still need.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    /// Objects by uid.
    pub(crate) uids: BTreeSet<Uid>,
    /// Objects by key.
    pub(crate) keys: BTreeSet<ObjectKey>,
    /// Resources all of whose objects stay: nothing could be stamped for them in this pass.
    pub(crate) resources: BTreeSet<String>,
}

/// Finds what is no longer needed, consumers before producers.
pub(crate) fn victims(
    owner_uid: &str,
    previous: &[Entry],
    rows: &[Arc<Row>],
    needed: &Needed,
    rank: &BTreeMap<String, usize>,
) -> Vec<Victim> {
    let stays = |entry: &Entry| !entry.is_leftover() && needed.resources.contains(&entry.name);
    // Somebody may have changed the label that says for which resource an object is.
    let kept: BTreeSet<&ObjectKey> = previous
        .iter()
        .filter(|entry| stays(entry))
        .filter_map(|entry| Some(&entry.stamped.as_ref()?.key))
        .collect();
    let mut found: BTreeMap<ObjectKey, Victim> = BTreeMap::new();
    for row in rows.iter().filter(|row| is_stamped_for(row, owner_uid)) {
        let resource = row.labels.get(label::RESOURCE_NAME).map(str::to_owned);
        let resource = resource.unwrap_or_default();
        if needed.uids.contains(&row.uid) || needed.keys.contains(&row.key) {
            continue;
        }
        if needed.resources.contains(&resource) || kept.contains(&row.key) {
            continue;
        }
        let stamped = Stamped {
            key: row.key.clone(),
            resource: String::new(),
        };
        let entry = Entry {
            name: resource.clone(),
            stamped: Some(stamped),
            ..Entry::default()
        };
        let victim = Victim {
            resource,
            key: row.key.clone(),
            uid: Some(row.uid.clone()),
            entry,
            hold: None,
        };
        found.insert(row.key.clone(), victim);
    }
    for entry in previous {
        let Some(stamped) = &entry.stamped else {
            continue;
        };
        if needed.keys.contains(&stamped.key) {
            continue;
        }
        if stays(entry) {
            continue;
        }
        let bare = Entry {
            name: entry.name.clone(),
            stamped: entry.stamped.clone(),
            template: entry.template.clone(),
            inputs: entry.inputs.clone(),
            ..Entry::default()
        };
        match found.get_mut(&stamped.key) {
            Some(victim) => victim.entry = bare,
            None => {
                let victim = Victim {
                    resource: entry.name.clone(),
                    key: stamped.key.clone(),
                    uid: None,
                    entry: bare,
                    hold: None,
                };
                found.insert(stamped.key.clone(), victim);
            }
        }
    }
    let mut victims: Vec<Victim> = found.into_values().collect();
    victims.sort_by_key(|victim| std::cmp::Reverse(rank.get(&victim.resource).copied()));
    victims
}

/// Reports whether a row is of an object that this owner had stamped, by the original or by us.
fn is_stamped_for(row: &Row, owner_uid: &str) -> bool {
    let ours = row
        .controller
        .as_ref()
        .is_some_and(|owner| *owner.uid == *owner_uid);
    ours && row.labels.contains_key(label::RESOURCE_NAME)
        && (row.stamp_digest.is_some() || row.legacy)
}

/// Ranks resources by how far they are from the beginning of the chain that the entries show.
pub(crate) fn rank(entries: &[Entry]) -> BTreeMap<String, usize> {
    let place = |name: &str| entries.iter().position(|entry| entry.name == name);
    let producers: Vec<Vec<usize>> = entries
        .iter()
        .map(|entry| {
            entry
                .inputs
                .iter()
                .filter_map(|input| place(input))
                .collect()
        })
        .collect();
    let order = crate::order::order(&producers);
    let ranked = order.sequence.into_iter().enumerate();
    ranked
        .map(|(rank, entry)| (entries[entry].name.clone(), rank))
        .collect()
}
