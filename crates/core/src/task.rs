//! One resource in flight: its object is applied, then old runs are cleared away.

use std::sync::Arc;

use serde_json::Value;

use crate::apply::mutable::Mutable;
use crate::apply::run::{Purpose, Run};
use crate::apply::{Applied, ApplyError, Env, Progress};
use crate::condition::Status;
use crate::model::Retention;
use crate::realize::{FailureKind, Reply, Request};
use crate::retention;
use crate::row::{Expressions, Row};

/// Judges a run.
pub(crate) type Judge = Box<dyn Fn(&Row) -> Status + Send>;

/// What a task ends with.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) result: Result<Applied, ApplyError>,
    /// Runs that were deleted.
    pub(crate) deleted: Vec<Arc<Row>>,
    /// Whether deleting an old run was forbidden.
    pub(crate) forbidden: bool,
    /// Whether deleting an old run failed otherwise.
    pub(crate) retry: bool,
}

impl Done {
    /// Ends with an object and nothing to clear away.
    pub(crate) fn of(applied: Applied) -> Self {
        Self {
            result: Ok(applied),
            deleted: Vec::new(),
            forbidden: false,
            retry: false,
        }
    }
}

/// Applies one object and clears away old runs.
pub(crate) struct Task {
    stage: Stage,
    retention: Option<(Retention, Judge)>,
    applied: Option<Applied>,
    open: Vec<Arc<Row>>,
    current: Option<Arc<Row>>,
    deleted: Vec<Arc<Row>>,
    forbidden: bool,
    retry: bool,
}

enum Stage {
    Refused(Option<ApplyError>),
    Mutable(Box<Mutable>),
    Run(Box<Run>),
    Clearing,
}

impl Task {
    /// Begins with an object that is changed in place.
    pub(crate) fn mutable(object: Value, expressions: Expressions) -> Self {
        match Mutable::new(object, expressions) {
            Ok(mutable) => Self::new(Stage::Mutable(Box::new(mutable)), None),
            Err(error) => Self::new(Stage::Refused(Some(error)), None),
        }
    }

    /// Begins with an object that is created once per stamp.
    pub(crate) fn run(
        object: Value,
        owner_uid: &str,
        purpose: Purpose,
        expressions: Expressions,
        retention: (Retention, Judge),
    ) -> Self {
        match Run::new(object, owner_uid, purpose, expressions) {
            Ok(run) => Self::new(Stage::Run(Box::new(run)), Some(retention)),
            Err(error) => Self::new(Stage::Refused(Some(error)), None),
        }
    }

    /// The object that is being applied as it is.
    pub(crate) fn applying(&self) -> Option<&Value> {
        match &self.stage {
            Stage::Mutable(mutable) => mutable.applying(),
            Stage::Refused(_) | Stage::Run(_) | Stage::Clearing => None,
        }
    }

    fn new(stage: Stage, retention: Option<(Retention, Judge)>) -> Self {
        Self {
            stage,
            retention,
            applied: None,
            open: Vec::new(),
            current: None,
            deleted: Vec::new(),
            forbidden: false,
            retry: false,
        }
    }

    /// Goes on with the reply to the last request.
    pub(crate) fn resume(&mut self, env: &Env<'_>, reply: Option<Reply>) -> Progress<Done> {
        let result = match &mut self.stage {
            Stage::Refused(error) => match error.take() {
                Some(error) => Err(error),
                None => return self.end(),
            },
            Stage::Mutable(mutable) => mutable.resume(env, reply),
            Stage::Run(run) => run.resume(env, reply),
            Stage::Clearing => {
                self.cleared(reply);
                return self.clear(env);
            }
        };
        match result {
            Ok(Progress::Ask(request)) => Progress::Ask(request),
            Ok(Progress::Ready(applied)) => {
                self.select(&applied);
                self.applied = Some(applied);
                self.stage = Stage::Clearing;
                self.clear(env)
            }
            Err(error) => Progress::Ready(Done {
                result: Err(error),
                deleted: Vec::new(),
                forbidden: false,
                retry: false,
            }),
        }
    }

    fn select(&mut self, applied: &Applied) {
        let Some((limits, judge)) = &self.retention else {
            return;
        };
        let judged = |row: &Arc<Row>| (row.clone(), judge(row));
        let runs = applied.siblings.iter().map(judged).collect();
        self.open = retention::surplus(runs, judge(&applied.row), *limits);
    }

    fn clear(&mut self, env: &Env<'_>) -> Progress<Done> {
        let Some(row) = self.open.pop() else {
            return self.end();
        };
        let request = Request::Delete {
            key: row.key.clone(),
            uid: row.uid.text(),
            account: env.account.clone(),
        };
        self.current = Some(row);
        Progress::Ask(request)
    }

    /// Notes what became of a deletion. Failures are not fatal: the next pass tries again.
    fn cleared(&mut self, reply: Option<Reply>) {
        let Some(row) = self.current.take() else {
            return;
        };
        match reply {
            Some(Reply::Deleted { .. }) => self.deleted.push(row),
            Some(Reply::Failed(failure)) if failure.kind == FailureKind::NotFound => {
                self.deleted.push(row);
            }
            Some(Reply::Failed(failure)) if failure.kind == FailureKind::Forbidden => {
                self.forbidden = true;
                // The others would be refused as well.
                self.open.clear();
            }
            _ => self.retry = true,
        }
    }

    fn end(&mut self) -> Progress<Done> {
        let nothing = || {
            Err(ApplyError {
                text: "the task was resumed after its end".to_owned(),
                forbidden: false,
                retry: false,
                blocker: None,
            })
        };
        Progress::Ready(Done {
            result: self.applied.take().map_or_else(nothing, Ok),
            deleted: std::mem::take(&mut self.deleted),
            forbidden: self.forbidden,
            retry: self.retry,
        })
    }
}
