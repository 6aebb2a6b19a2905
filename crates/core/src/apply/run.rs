//! Objects that are created once per stamp: immutable and tekton resources, runs of Runnables.
//!
//! At most seven requests: observe, list, list, mark, create, create, list.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Applied, ApplyError, Change, Env, Progress, Result, adopt, applied_row, is_about_block,
    kind_of, odd_object,
};
use crate::json;
use crate::key::{Gvk, Mapping, ObjectKey};
use crate::realize::{ApiFailure, FailureKind, Reply, Request, Watch};
use crate::row::{Expressions, Row};
use crate::stamp::identity::{Sealed, seal_run};
use crate::words::{LABEL_PREFIX, STAMP_DIGEST};

/// What makes up the purpose of a run.
#[derive(Clone, Debug)]
pub(crate) struct Purpose {
    /// Counts for the identity of the stamp, beside its content and owner.
    pub(crate) identity: Vec<String>,
    /// Labels that all runs for this purpose have, whatever their template.
    pub(crate) family: Vec<(String, String)>,
}

/// Creates one run, unless it is there.
#[derive(Debug)]
pub(crate) struct Run {
    gvk: Gvk,
    namespace: String,
    /// As rendered, to compare runs of the original with.
    rendered: Value,
    sealed: Sealed,
    purpose: Purpose,
    expressions: Expressions,
    mapping: Option<Mapping>,
    unwatched: Option<String>,
    siblings: Vec<Arc<Row>>,
    /// A run of the original that may be the run of this stamp.
    candidate: Option<Value>,
    /// The refusal that sent us to look what is there.
    pending: Option<ApiFailure>,
    unblocked: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Observing,
    Listing,
    Comparing,
    Marking,
    Creating,
    Verifying,
}

type Next = Result<Progress<Applied>>;

impl Run {
    /// Begins to create the run of a finished object.
    ///
    /// # Errors
    /// When the object has no kind.
    pub(crate) fn new(
        object: Value,
        owner_uid: &str,
        purpose: Purpose,
        expressions: Expressions,
    ) -> Result<Self> {
        let namespace = json::string(&object, &["metadata", "namespace"]);
        let gvk = kind_of(&object, &namespace)?;
        let identity: Vec<&str> = purpose.identity.iter().map(String::as_str).collect();
        Ok(Self {
            gvk,
            namespace,
            sealed: seal_run(object.clone(), owner_uid, &identity),
            rendered: object,
            purpose,
            expressions,
            mapping: None,
            unwatched: None,
            siblings: Vec::new(),
            candidate: None,
            pending: None,
            unblocked: false,
            state: State::Start,
        })
    }

    /// Goes on with the reply to the last request.
    pub(crate) fn resume(&mut self, env: &Env<'_>, reply: Option<Reply>) -> Next {
        match (self.state, reply) {
            (State::Start, _) => {
                self.state = State::Observing;
                let (gvk, expressions) = (self.gvk.clone(), self.expressions.clone());
                Ok(Progress::Ask(Request::Observe { gvk, expressions }))
            }
            (State::Observing, Some(Reply::Observed { mapping, watch })) => {
                self.observed(env, mapping, &watch)
            }
            (State::Listing, Some(Reply::Objects(objects))) => self.listed(env, &objects),
            (State::Comparing, Some(Reply::Objects(objects))) => self.compared(env, objects),
            (State::Marking, reply) => self.marked(reply),
            (State::Creating, Some(Reply::Applied { object, row, .. })) => {
                let row = applied_row(&object, row, &self.expressions)?;
                Ok(self.done(row, Change::Created))
            }
            (State::Creating, Some(Reply::Failed(failure))) => self.refused(env, failure),
            (State::Verifying, Some(Reply::Objects(objects))) => self.verified(env, &objects),
            (State::Verifying, Some(Reply::Failed(_))) => {
                let failure = self
                    .pending
                    .take()
                    .expect("kept when the verification was asked");
                Err(ApplyError::failed("create", &failure))
            }
            (_, Some(Reply::Failed(failure))) => Err(ApplyError::list(&failure, &self.gvk)),
            (state, reply) => Err(ApplyError::new(format!(
                "a reply does not fit the request (state {state:?}, reply {reply:?})"
            ))),
        }
    }

    fn observed(&mut self, env: &Env<'_>, mapping: Mapping, watch: &Watch) -> Next {
        if !mapping.namespaced {
            self.sealed.unscope(env.account);
        }
        self.mapping = Some(mapping);
        let rows = self.family(env.index.rows_of(env.owner_uid));
        match watch {
            Watch::Synced | Watch::MetadataOnly
                if rows.iter().all(|row| row.covers(&self.expressions)) =>
            {
                self.siblings = rows;
                self.find(env)
            }
            Watch::Synced | Watch::MetadataOnly => Ok(self.list(env)),
            Watch::Denied(text) => {
                self.unwatched = Some(text.clone());
                Ok(self.list(env))
            }
        }
    }

    fn listed(&mut self, env: &Env<'_>, objects: &[Value]) -> Next {
        self.siblings = self.family(self.rows(env, objects));
        self.find(env)
    }

    fn rows(&self, env: &Env<'_>, objects: &[Value]) -> Vec<Arc<Row>> {
        let row = |object| Row::extract(object, &self.expressions);
        let ours = |row: &Row| {
            row.controller
                .as_ref()
                .is_some_and(|c| *c.uid == *env.owner_uid)
        };
        objects
            .iter()
            .filter_map(row)
            .filter(ours)
            .map(Arc::new)
            .collect()
    }

    /// Keeps the runs for this purpose, newest first.
    fn family(&self, mut rows: Vec<Arc<Row>>) -> Vec<Arc<Row>> {
        rows.retain(|row| {
            let has = |(key, value): &(String, String)| {
                row.labels
                    .get(key.as_str())
                    .is_some_and(|found| found == value)
            };
            row.key.gvk == self.gvk && self.purpose.family.iter().all(has)
        });
        rows.sort_by(|a, b| {
            b.created
                .cmp(&a.created)
                .then_with(|| a.key.name.cmp(&b.key.name))
        });
        rows
    }

    fn find(&mut self, env: &Env<'_>) -> Next {
        let digest = self.sealed.digest.as_str();
        let ours = |row: &&Arc<Row>| !row.deleting && row.carries(digest);
        if let Some(row) = self.siblings.iter().find(ours) {
            return Ok(self.done(row.clone(), Change::None));
        }
        if self.siblings.iter().any(|row| row.legacy && !row.deleting) {
            let list = self.list(env);
            self.state = State::Comparing;
            return Ok(list);
        }
        Ok(self.create(env))
    }

    /// Looks for the newest run of the original that has all of this stamp.
    fn compared(&mut self, env: &Env<'_>, mut objects: Vec<Value>) -> Next {
        let legacy = |uid: &str| {
            self.siblings
                .iter()
                .any(|row| row.legacy && row.uid == *uid)
        };
        objects.retain(|object| {
            legacy(&json::string(object, &["metadata", "uid"]))
                && adopt::is_stamp_of(&self.rendered, object, LABEL_PREFIX)
        });
        let age = |object: &Value| json::string(object, &["metadata", "creationTimestamp"]);
        let Some(object) = objects.into_iter().max_by_key(age) else {
            return Ok(self.create(env));
        };
        let key = ObjectKey::of(&object).ok_or_else(odd_object)?;
        let patch = adopt::mark(&object, STAMP_DIGEST, &self.sealed.digest);
        self.candidate = Some(object);
        self.state = State::Marking;
        Ok(Progress::Ask(Request::Patch {
            key,
            patch,
            account: env.account.clone(),
        }))
    }

    /// Takes the candidate, marked or not: an account that may not patch costs a comparison in
    /// every pass, never a second run.
    fn marked(&mut self, reply: Option<Reply>) -> Next {
        let row = match (reply, self.candidate.take()) {
            (Some(Reply::Applied { object, .. }), _) => Row::read(&object, &self.expressions),
            (_, Some(candidate)) => Row::extract(&candidate, &self.expressions),
            (_, None) => None,
        };
        let row = row.ok_or_else(odd_object)?;
        Ok(self.done(Arc::new(row), Change::None))
    }

    fn refused(&mut self, env: &Env<'_>, failure: ApiFailure) -> Next {
        if is_about_block(&failure) && !self.unblocked {
            self.unblocked = true;
            self.sealed.clear_block();
            return Ok(self.create(env));
        }
        if failure.kind == FailureKind::AlreadyExists {
            self.pending = Some(failure);
            let list = self.list(env);
            self.state = State::Verifying;
            return Ok(list);
        }
        Err(ApplyError::failed("create", &failure))
    }

    /// Looks whether the object that is already there is ours: then the reply to an earlier
    /// create was lost, or the index is behind.
    fn verified(&mut self, env: &Env<'_>, objects: &[Value]) -> Next {
        self.siblings = self.family(self.rows(env, objects));
        let digest = self.sealed.digest.as_str();
        let ours = |row: &&Arc<Row>| row.carries(digest);
        let failure = self
            .pending
            .take()
            .expect("kept when the verification was asked");
        match self.siblings.iter().find(ours).cloned() {
            // The former run of this stamp is on its way out; its end wakes the owner.
            Some(row) => Ok(self.done(row, Change::None)),
            None => Err(ApplyError::failed("create", &failure)),
        }
    }

    fn list(&mut self, env: &Env<'_>) -> Progress<Applied> {
        self.state = State::Listing;
        let namespaced = self
            .mapping
            .as_ref()
            .is_none_or(|mapping| mapping.namespaced);
        Progress::Ask(Request::List {
            gvk: self.gvk.clone(),
            namespace: namespaced.then(|| self.namespace.as_str().into()),
            labels: self.purpose.family.clone(),
            account: env.account.clone(),
        })
    }

    fn create(&mut self, env: &Env<'_>) -> Progress<Applied> {
        self.state = State::Creating;
        let namespaced = self
            .mapping
            .as_ref()
            .is_none_or(|mapping| mapping.namespaced);
        Progress::Ask(Request::Create {
            gvk: self.gvk.clone(),
            namespace: namespaced.then(|| self.namespace.as_str().into()),
            object: Arc::clone(&self.sealed.object),
            account: env.account.clone(),
        })
    }

    fn done(&mut self, row: Arc<Row>, change: Change) -> Progress<Applied> {
        let mut siblings = std::mem::take(&mut self.siblings);
        siblings.retain(|sibling| sibling.uid != row.uid);
        Progress::Ready(Applied {
            row,
            mapping: self
                .mapping
                .clone()
                .expect("set before anything is read or written"),
            change,
            siblings,
            unwatched: self.unwatched.clone(),
            rival: None,
            as_sent: false,
        })
    }
}
