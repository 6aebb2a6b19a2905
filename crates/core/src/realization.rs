//! One pass over a Workload or Deliverable.
//!
//! Select the blueprint; for each of its resources, producers first: choose the template, stamp,
//! apply, read outputs, judge health; then delete what is no longer needed; then say so in the
//! status. Source: cartographer pkg/controllers/workload_reconciler.go, pkg/realizer/realizer.go.

mod begin;
mod finish;
mod foresee;
mod resource;
mod rest;
mod settle;

use foresee::Foreseen;

pub(crate) use begin::{Selection, select, service_account_missing};
pub(crate) use resource::best_options;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::apply::{Applied, Env, Progress};
use crate::condition::{self, Condition};
use crate::context::{Schema, Subject};
use crate::digest::Fingerprint;
use crate::family::Family;
use crate::inputs::Inputs;
use crate::json;
use crate::key::{Gvk, OwnerKind, ServiceAccountKey, TemplateKind};
use crate::model::{Blueprint, Owner, Template};
use crate::outputs::{Output, OutputError};
use crate::problem::Problem;
use crate::prune::{Needed, Prune};
use crate::realize::{Dependency, EventRecord, Index, Observed, Outcome, Reply, Request, Step};
use crate::recall::{self, Recall, Trace};
use crate::row::Row;
use crate::status::Entry;
use crate::task::{Done, Task};

/// One pass over an owner, request by request.
pub struct Realization {
    owner: Owner,
    family: &'static Family,
    subject: Subject,
    now: String,
    index: Arc<dyn Index>,
    /// What the last pass wrote of each resource; read when somebody asks.
    previous: OnceLock<Vec<Entry>>,
    account: ServiceAccountKey,
    phase: Phase,
    /// Conditions of the owner, as far as they are known.
    conditions: Vec<Condition>,
    /// What the status names as its blueprint.
    reference: Option<Arc<str>>,
    /// Whether exactly one blueprint is selected, ready or not.
    selected: bool,
    work: Option<Work>,
    prune: Option<Prune>,
    needed: Needed,
    events: Vec<EventRecord>,
    depends_on: BTreeSet<Dependency>,
    watched: BTreeSet<Gvk>,
    /// What the last pass left, and what this one leaves.
    recall: Recall,
    traces: Vec<Trace>,
    /// Objects that are there and of which nothing was said yet.
    landed: Vec<Landed>,
    /// The next object, if it was rendered ahead.
    foreseen: Option<Foreseen>,
    retry: bool,
    again: bool,
    later: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Begin,
    Resources,
    Prune,
    Finish,
    Over,
}

/// Templates by kind and name.
type Templates = BTreeMap<(TemplateKind, String), Arc<Template>>;

/// A blueprint on its way.
struct Work {
    blueprint: Arc<Blueprint>,
    /// All of its templates, as they were when it was taken up.
    templates: Templates,
    /// Indices of its resources, producers first.
    sequence: Vec<usize>,
    /// Resources on a circle.
    circular: BTreeSet<usize>,
    /// How many of the sequence were begun.
    begun: usize,
    flight: Option<Flight>,
    outputs: BTreeMap<String, Output>,
    /// What was found, in the order in which it was.
    entries: Vec<Entry>,
    /// The first problem, which the owner shows.
    problem: Option<Problem>,
    /// Resources without any object so far: their template, when known.
    unstamped: Vec<(String, Option<Arc<Template>>)>,
}

/// A resource in flight.
struct Flight {
    index: usize,
    template: Arc<Template>,
    inputs: Inputs,
    /// `metadata.name` as rendered.
    rendered_name: String,
    /// What its author should know.
    note: Option<String>,
    course: Course,
    /// Digest of all that its template can see.
    seen: Option<Fingerprint>,
}

/// A resource whose object is there.
struct Landed {
    flight: Flight,
    applied: Applied,
    /// Old runs that were cleared away.
    deleted: Vec<Arc<Row>>,
    /// What the resource gives, which others have at once.
    output: Result<Option<Output>, OutputError>,
}

/// How a resource gets its object.
enum Course {
    /// It is there, as the last pass left it; and how it was found.
    Recalled(Arc<Row>, Fingerprint),
    /// It was rendered and is applied where need be.
    Rendered(Box<Task>),
}

impl Realization {
    /// Begins a pass over an owner of that kind.
    pub fn new(kind: OwnerKind, observed: Observed) -> Self {
        let Observed { owner, now, index } = observed;
        let schema = match kind {
            OwnerKind::Workload => Schema::Workload,
            OwnerKind::Deliverable => Schema::Deliverable,
        };
        let family = Family::of(kind);
        let subject = Subject::new(schema, &owner);
        let owner = Owner::read(kind, owner);
        let recall = index.recall(&owner.uid);
        let named = json::text(&owner.object, &["status", family.reference, "name"]);
        Self {
            family,
            subject,
            now: condition::timestamp(now),
            index,
            previous: OnceLock::new(),
            account: ServiceAccountKey::new(&owner.namespace, "default"),
            phase: Phase::Begin,
            conditions: Vec::new(),
            reference: named.map(Arc::from),
            selected: false,
            work: None,
            prune: None,
            needed: Needed::default(),
            events: Vec::new(),
            depends_on: BTreeSet::new(),
            watched: BTreeSet::new(),
            recall,
            traces: Vec::new(),
            landed: Vec::new(),
            foreseen: None,
            retry: false,
            again: false,
            later: false,
            owner,
        }
    }

    /// Goes on with the reply to the last request; `None` at the beginning.
    pub fn resume(&mut self, mut reply: Option<Reply>) -> Step {
        loop {
            match self.phase {
                Phase::Begin => self.phase = self.begin(),
                Phase::Resources => match self.resources(reply.take()) {
                    Some(request) => return self.ask(request),
                    None => {
                        if let Some(outcome) = self.rest() {
                            self.phase = Phase::Over;
                            return Step::Done(Box::new(outcome));
                        }
                        self.settle_landed();
                        self.phase = self.begin_prune();
                    }
                },
                Phase::Prune => match self.pruning(reply.take()) {
                    Some(request) => return self.ask(request),
                    None => self.phase = Phase::Finish,
                },
                Phase::Finish => {
                    self.phase = Phase::Over;
                    return Step::Done(Box::new(self.finish()));
                }
                Phase::Over => return Step::Done(Box::new(Outcome::unchanged())),
            }
        }
    }

    fn ask(&mut self, request: Request) -> Step {
        if let Request::Observe { gvk, .. } = &request {
            self.watched.insert(gvk.clone());
        }
        Step::Do(request)
    }

    /// Works through the resources; `None` when all are through.
    fn resources(&mut self, mut reply: Option<Reply>) -> Option<Request> {
        loop {
            let Some(mut flight) = self.work.as_mut()?.flight.take() else {
                let index = self.next_resource()?;
                self.begin_resource(index);
                continue;
            };
            let progress = match &mut flight.course {
                Course::Recalled(row, _) => recall::resume(row, &flight.template, reply.take()),
                Course::Rendered(task) => {
                    let env = env(&*self.index, &self.account, &self.owner);
                    Some(task.resume(&env, reply.take()))
                }
            };
            let Some(progress) = progress else {
                // It is not watched any more, say.
                self.recall = Recall::default();
                self.begin_resource(flight.index);
                continue;
            };
            match progress {
                Progress::Ask(request) => {
                    self.work.as_mut()?.flight = Some(flight);
                    return Some(request);
                }
                Progress::Ready(done) => self.arrived(flight, done),
            }
        }
    }

    /// Renders the next object if that can be told ahead, and says what can be said of those that are there. May be
    /// called while a request is under way, so that the next one is not kept waiting; whatever was not done by then is
    /// done in its turn.
    pub fn meanwhile(&mut self) {
        self.foresee();
        self.settle_landed();
    }

    fn arrived(&mut self, flight: Flight, done: Done) {
        if done.forbidden {
            self.depends_on
                .insert(Dependency::Permissions(self.account.clone()));
        }
        self.retry |= done.retry;
        match done.result {
            Ok(applied) => self.land(flight, applied, done.deleted),
            Err(error) => {
                self.settle_landed();
                self.settle_refused(flight, &error);
            }
        }
    }

    fn previous(&self) -> &[Entry] {
        self.previous
            .get_or_init(|| Entry::read_all(&self.owner.object))
    }

    fn next_resource(&mut self) -> Option<usize> {
        let work = self.work.as_mut()?;
        let index = work.sequence.get(work.begun).copied();
        work.begun += 1;
        index
    }

    fn pruning(&mut self, reply: Option<Reply>) -> Option<Request> {
        let prune = self.prune.as_mut()?;
        match prune.resume(&env(&*self.index, &self.account, &self.owner), reply) {
            Progress::Ask(request) => Some(request),
            Progress::Ready(()) => None,
        }
    }

    fn event(&mut self, reason: &'static str, message: String) {
        let component = crate::family::COMPONENT;
        self.events.push(EventRecord {
            reason,
            message,
            component,
        });
    }

    fn status(&self) -> &Value {
        self.owner.object.get("status").unwrap_or(&Value::Null)
    }
}

fn env<'a>(index: &'a dyn Index, account: &'a ServiceAccountKey, owner: &'a Owner) -> Env<'a> {
    Env {
        index,
        account,
        owner_uid: &owner.uid,
    }
}
