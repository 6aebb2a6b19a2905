//! Objects that are changed in place: server-side apply, no request when nothing differs.
//!
//! At most eight requests: observe, get, take over, get, apply, get, apply, apply.

use std::sync::Arc;

use carto_merge::managed;
use serde_json::Value;

use super::{
    Applied, ApplyError, Change, Env, Progress, Result, adopt, applied_row, is_about_block,
    kind_of, odd_object, rival,
};
use crate::digest;
use crate::json;
use crate::key::{Gvk, Mapping, ObjectKey};
use crate::realize::{ApiFailure, FailureKind, Purpose, Reply, Request, Watch};
use crate::row::{Expressions, Row, RowState};
use crate::stamp::identity::{Sealed, seal_mutable};

/// How often an apply is tried in one pass before its failure counts.
const MAX_ATTEMPTS: u8 = 3;

/// Applies one object.
#[derive(Debug)]
pub(crate) struct Mutable {
    gvk: Gvk,
    namespace: String,
    name: String,
    sealed: Sealed,
    expressions: Expressions,
    mapping: Option<Mapping>,
    unwatched: Option<String>,
    /// The object as read in this pass.
    live: Option<Value>,
    /// The row as known before anything was written.
    before: Option<Arc<Row>>,
    /// Whether `blockOwnerDeletion` is left out.
    unblocked: bool,
    attempts: u8,
    /// The refusal that sent us to look whose object is in the way.
    refusal: Option<ApiFailure>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Observing,
    Getting,
    TakingOver,
    Applying { purpose: Purpose, force: bool },
}

type Next = Result<Progress<Applied>>;

impl Mutable {
    /// Begins to apply a finished object.
    ///
    /// # Errors
    /// When the object has no kind or no name.
    pub(crate) fn new(object: Value, expressions: Expressions) -> Result<Self> {
        let namespace = json::string(&object, &["metadata", "namespace"]);
        let gvk = kind_of(&object, &namespace)?;
        let name = json::string(&object, &["metadata", "name"]);
        if name.is_empty() {
            let text = format!(
                "failed to get unstructured [{namespace}/] from api server: \
                 resource name may not be empty"
            );
            return Err(ApplyError::new(text));
        }
        Ok(Self {
            gvk,
            namespace,
            name,
            sealed: seal_mutable(object),
            expressions,
            mapping: None,
            unwatched: None,
            live: None,
            before: None,
            unblocked: false,
            attempts: 0,
            refusal: None,
            state: State::Start,
        })
    }

    /// The object, while it is being applied.
    pub(crate) fn applying(&self) -> Option<&Value> {
        matches!(self.state, State::Applying { .. }).then_some(&*self.sealed.object)
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
                self.observed(env, mapping, watch)
            }
            (State::Getting, Some(Reply::Object(object))) => {
                let row = self.row(&object)?;
                self.live = Some(object);
                self.judge(env, Arc::new(row))
            }
            (State::Getting, Some(Reply::Failed(f))) if f.kind == FailureKind::NotFound => {
                self.refused()?;
                self.apply(env, Purpose::Create, false)
            }
            (State::TakingOver, Some(Reply::Applied { object, .. })) => {
                let row = Row::read(&object, &self.expressions).ok_or_else(odd_object)?;
                self.before = Some(Arc::new(row));
                self.live = None;
                self.apply(env, Purpose::Adopt, true)
            }
            (
                State::Applying { .. },
                Some(Reply::Applied {
                    object,
                    row,
                    created,
                }),
            ) => {
                let row = applied_row(&object, row, &self.expressions)?;
                Ok(self.applied(row, created))
            }
            (state, Some(Reply::Failed(failure))) => self.failed(env, state, failure),
            (state, reply) => Err(ApplyError::new(format!(
                "a reply does not fit the request (state {state:?}, reply {reply:?})"
            ))),
        }
    }

    fn observed(&mut self, env: &Env<'_>, mapping: Mapping, watch: Watch) -> Next {
        if !mapping.namespaced {
            self.sealed.unscope(env.account);
        }
        self.mapping = Some(mapping);
        match watch {
            Watch::Denied(text) => {
                self.unwatched = Some(text);
                return Ok(self.get(env));
            }
            Watch::Synced | Watch::MetadataOnly => {}
        }
        match env.index.row(&self.key()) {
            RowState::Known(row) if self.is_enough(env, &row) => self.judge(env, row),
            RowState::Known(_) | RowState::Unknown => Ok(self.get(env)),
            RowState::Absent => self.apply(env, Purpose::Create, false),
        }
    }

    /// Reports whether a row tells all that is needed: of another owner's object its owner, and of one that is to be
    /// changed anyway no more than that.
    fn is_enough(&self, env: &Env<'_>, row: &Row) -> bool {
        let ours = row
            .controller
            .as_ref()
            .is_none_or(|owner| *owner.uid == *env.owner_uid);
        let changes = || !row.carries(&self.sealed.digest);
        let tells = || row.has_values || changes() || self.is_as_sent(row);
        !ours || (row.covers(&self.expressions) && !row.legacy && tells())
    }

    fn judge(&mut self, env: &Env<'_>, row: Arc<Row>) -> Next {
        let owner = row.controller.clone();
        if let Some(owner) = owner.as_ref().filter(|owner| *owner.uid != *env.owner_uid) {
            return Err(ApplyError::foreign(&row, owner));
        }
        self.refused()?;
        self.before = Some(row.clone());
        if row.deleting {
            // Whatever is written now goes with it; its end wakes the owner.
            return Ok(self.done(row, Change::None, None));
        }
        if owner.is_none() {
            return self.apply(env, Purpose::Adopt, true);
        }
        if row.legacy {
            return Ok(self.take_over(env));
        }
        if !row.carries(&self.sealed.digest) {
            return self.apply(env, Purpose::Change, true);
        }
        if self.is_as_sent(&row) {
            return Ok(self.done_as_sent(row, Change::None));
        }
        if env.index.recent_repairs(&row.key) < rival::MAX_REPAIRS {
            return self.apply(env, Purpose::Repair, true);
        }
        match self.live.take() {
            Some(live) => {
                let text = rival::describe(&live, &self.sealed.object);
                Ok(self.done(row, Change::None, Some(text)))
            }
            None => Ok(self.get(env)),
        }
    }

    /// Reports whether all that was sent is still ours: whoever changes a field takes it from us.
    fn is_as_sent(&self, row: &Row) -> bool {
        let Some(owned) = &row.owned else {
            return false;
        };
        if row.settled.as_ref() == Some(owned) {
            return true;
        }
        let Some(fields) = owned.to_value(row.controller_uid()) else {
            return false;
        };
        managed::owns(
            &fields,
            &digest::ownable(&self.sealed.object),
            row.has_values,
        )
    }

    fn applied(&self, row: Arc<Row>, created: bool) -> Progress<Applied> {
        let unchanged = self
            .before
            .as_ref()
            .is_some_and(|before| before.resource_version == row.resource_version);
        let change = match (created, unchanged) {
            (true, _) => Change::Created,
            (false, true) => Change::None,
            (false, false) => Change::Patched,
        };
        let is_ours = row.carries(&self.sealed.digest);
        if is_ours {
            self.done_as_sent(row, change)
        } else {
            self.done(row, change, None)
        }
    }

    fn failed(&mut self, env: &Env<'_>, state: State, failure: ApiFailure) -> Next {
        let (namespace, name) = (&self.namespace, &self.name);
        let State::Applying { purpose, .. } = state else {
            return match state {
                State::TakingOver if self.may_retry(&failure) => Ok(self.get(env)),
                State::TakingOver => Err(ApplyError::failed("patch", &failure)),
                _ => Err(ApplyError::get(namespace, name, &failure, &self.gvk)),
            };
        };
        if is_about_block(&failure) && !self.unblocked {
            self.unblocked = true;
            self.sealed.clear_block();
            return self.apply(
                env,
                purpose,
                matches!(state, State::Applying { force: true, .. }),
            );
        }
        if self.may_retry(&failure) {
            return Ok(self.get(env));
        }
        if purpose == Purpose::Create && failure.kind == FailureKind::Invalid {
            // Two controllers make an object invalid: look whose it is.
            self.refusal = Some(failure);
            return Ok(self.get(env));
        }
        let stage = if purpose == Purpose::Create {
            "create"
        } else {
            "patch"
        };
        Err(ApplyError::failed(stage, &failure))
    }

    /// Ends with the refusal that nobody's object explains.
    fn refused(&mut self) -> Result<()> {
        self.refusal.take().map_or(Ok(()), |failure| {
            Err(ApplyError::failed("create", &failure))
        })
    }

    fn may_retry(&self, failure: &ApiFailure) -> bool {
        let kind = matches!(
            failure.kind,
            FailureKind::Conflict | FailureKind::AlreadyExists
        );
        kind && self.attempts < MAX_ATTEMPTS
    }

    fn get(&mut self, env: &Env<'_>) -> Progress<Applied> {
        self.state = State::Getting;
        Progress::Ask(Request::Get {
            key: self.key(),
            account: env.account.clone(),
        })
    }

    fn take_over(&mut self, env: &Env<'_>) -> Progress<Applied> {
        let Some(live) = &self.live else {
            return self.get(env);
        };
        let patch = adopt::take_over(live);
        self.state = State::TakingOver;
        self.attempts += 1;
        Progress::Ask(Request::Patch {
            key: self.key(),
            patch,
            account: env.account.clone(),
        })
    }

    fn apply(&mut self, env: &Env<'_>, purpose: Purpose, force: bool) -> Next {
        self.attempts += 1;
        self.state = State::Applying { purpose, force };
        Ok(Progress::Ask(Request::Apply {
            key: self.key(),
            object: Arc::clone(&self.sealed.object),
            force,
            purpose,
            account: env.account.clone(),
        }))
    }

    fn done(&self, row: Arc<Row>, change: Change, rival: Option<String>) -> Progress<Applied> {
        let rival = Applied {
            rival,
            ..self.end(row, change)
        };
        Progress::Ready(rival)
    }

    fn done_as_sent(&self, row: Arc<Row>, change: Change) -> Progress<Applied> {
        let as_sent = Applied {
            as_sent: true,
            ..self.end(row, change)
        };
        Progress::Ready(as_sent)
    }

    fn end(&self, row: Arc<Row>, change: Change) -> Applied {
        Applied {
            row,
            mapping: self
                .mapping
                .clone()
                .expect("set before anything is read or written"),
            change,
            siblings: Vec::new(),
            unwatched: self.unwatched.clone(),
            rival: None,
            as_sent: false,
        }
    }

    fn row(&self, object: &Value) -> Result<Row> {
        Row::extract(object, &self.expressions).ok_or_else(odd_object)
    }

    fn key(&self) -> ObjectKey {
        let namespaced = self
            .mapping
            .as_ref()
            .is_none_or(|mapping| mapping.namespaced);
        ObjectKey {
            gvk: self.gvk.clone(),
            namespace: namespaced.then(|| self.namespace.as_str().into()),
            name: self.name.as_str().into(),
        }
    }
}
