//! One pass over a Runnable.
//!
//! Find the run template and the selected object, stamp a run, create it unless it is there,
//! clear away old runs, read the outputs of the latest success. Source: cartographer
//! pkg/controllers/runnable_reconciler.go, pkg/realizer/runnable/realizer.go.
//!
//! Differs: outputs that were good once stay until there are newer ones; the original drops them
//! on any error. The current run's outputs come first, even where an older stamp ran later.

mod outputs;
mod selected;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::apply::run::Purpose;
use crate::apply::{Applied, ApplyError, Change, Env, Progress};
use crate::condition::{self, Condition, Status};
use crate::context::{self, Schema, Subject};
use crate::health;
use crate::json;
use crate::key::{Gvk, ServiceAccountKey};
use crate::model::{HealthRule, Retention, RunTemplate};
use crate::realization::service_account_missing;
use crate::realize::{
    Dependency, EventRecord, Index, Next, Observed, Outcome, Reply, Request, Step,
};
use crate::recall::Recall;
use crate::row::Row;
use crate::stamp;
use crate::stamp::finish::{Stamper, run_labels};
use crate::task::{Done, Task};
use crate::words::{condition_type, event_reason, label, reason};
use selected::{Selecting, Selector};

/// The component that events name.
const COMPONENT: &str = "Runnable";

/// One pass over a Runnable, request by request.
pub struct RunnablePass {
    object: Arc<Value>,
    subject: Subject,
    stamper: Stamper,
    now: String,
    index: Arc<dyn Index>,
    account: ServiceAccountKey,
    template: Option<Arc<RunTemplate>>,
    stage: Stage,
    /// About the template: the condition `RunTemplateReady`.
    ready: Option<Condition>,
    /// About the run; `None` where the original says nothing either.
    stamped: Option<Condition>,
    /// What the status shows as outputs.
    outputs: Map<String, Value>,
    rendered_name: String,
    events: Vec<EventRecord>,
    depends_on: BTreeSet<Dependency>,
    watched: BTreeSet<Gvk>,
    next: Next,
}

enum Stage {
    Begin,
    Selecting(Selecting),
    Running(Box<Task>),
    Finish,
    Over,
}

impl RunnablePass {
    /// Begins a pass.
    pub fn new(observed: Observed) -> Self {
        let Observed {
            owner: object,
            now,
            index,
        } = observed;
        let account = json::text(&object, &["spec", "serviceAccountName"]).unwrap_or("default");
        let namespace = json::string(&object, &["metadata", "namespace"]);
        let outputs = json::at(&object, &["status", "outputs"]).and_then(Value::as_object);
        Self {
            subject: Subject::new(Schema::Runnable, &object),
            stamper: Stamper::of(&object),
            now: condition::timestamp(now),
            account: ServiceAccountKey::new(&namespace, account),
            index,
            template: None,
            stage: Stage::Begin,
            ready: None,
            stamped: None,
            outputs: outputs.cloned().unwrap_or_default(),
            rendered_name: String::new(),
            events: Vec::new(),
            depends_on: BTreeSet::new(),
            watched: BTreeSet::new(),
            next: Next::AwaitChange,
            object,
        }
    }

    /// Goes on with the reply to the last request; `None` at the beginning.
    pub fn resume(&mut self, mut reply: Option<Reply>) -> Step {
        loop {
            let stage = std::mem::replace(&mut self.stage, Stage::Over);
            self.stage = match stage {
                Stage::Begin => self.begin(),
                Stage::Selecting(selecting) => match selecting.resume(reply.take()) {
                    selected::Progress::Ask(selecting, request) => {
                        if let Request::List {
                            gvk,
                            namespace,
                            labels,
                            ..
                        } = &request
                        {
                            self.depends_on.insert(Dependency::Selected {
                                gvk: gvk.clone(),
                                namespace: namespace.clone(),
                                labels: labels.clone(),
                            });
                        }
                        self.stage = Stage::Selecting(*selecting);
                        return Step::Do(request);
                    }
                    selected::Progress::Found(selected) => self.run(&selected),
                    selected::Progress::Failed {
                        text,
                        forbidden,
                        retry,
                    } => {
                        if forbidden {
                            self.forbidden();
                        }
                        if retry {
                            self.next = Next::RetryWithBackoff;
                        }
                        self.unready(reason::TEMPLATE_STAMP_FAILURE, text)
                    }
                },
                Stage::Running(mut task) => match task.resume(&self.env(), reply.take()) {
                    Progress::Ask(request) => {
                        if let Request::Observe { gvk, .. } = &request {
                            self.watched.insert(gvk.clone());
                        }
                        self.stage = Stage::Running(task);
                        return Step::Do(request);
                    }
                    Progress::Ready(done) => self.ran(done),
                },
                Stage::Finish => return Step::Done(Box::new(self.finish())),
                Stage::Over => return Step::Done(Box::new(Outcome::unchanged())),
            };
        }
    }

    fn env(&self) -> Env<'_> {
        Env {
            index: &*self.index,
            account: &self.account,
            owner_uid: &self.stamper.uid,
        }
    }

    fn begin(&mut self) -> Stage {
        if json::text(&self.object, &["metadata", "deletionTimestamp"]).is_some() {
            return Stage::Over;
        }
        let name = json::string(&self.object, &["spec", "runTemplateRef", "name"]);
        let kind = crate::key::TemplateKind::Run;
        self.depends_on
            .insert(Dependency::ServiceAccount(self.account.clone()));
        self.depends_on.insert(Dependency::Template {
            kind,
            name: name.as_str().into(),
        });
        if !self.index.service_account_exists(&self.account) {
            let text = service_account_missing(&self.account);
            self.ready = Some(not_ready(reason::SERVICE_ACCOUNT_ERROR, text));
            return Stage::Finish;
        }
        self.stamped = Some(unknown_run());
        self.template = self.index.run_template(&name);
        if self.template.is_none() {
            let text = format!(
                "unable to get run template [{name}]: failed to get run template object from api \
                 server [ClusterRunTemplate/{name}]: ClusterRunTemplate.carto.run \"{name}\" not \
                 found"
            );
            return self.unready(reason::RUN_TEMPLATE_NOT_FOUND, text);
        }
        match Selector::read(&self.object) {
            None => self.run(&Value::Null),
            Some(selector) => {
                let namespace = self.stamper.namespace.as_str();
                let account = self.account.clone();
                let selecting = Selecting::new(selector, namespace, account);
                Stage::Selecting(selecting)
            }
        }
    }

    /// Stamps and begins to create the run.
    fn run(&mut self, selected: &Value) -> Stage {
        let Some(template) = self.template.clone() else {
            return Stage::Finish;
        };
        let labels = run_labels(&self.stamper.name, &template);
        let scope = context::of_runnable(&self.subject, selected);
        let object = stamp::render(&template.body, scope, &self.subject)
            .and_then(|rendered| self.stamper.finish(rendered.object, labels));
        let object = match object {
            Ok(object) => object,
            Err(text) => {
                let text = format!(
                    "unable to stamp object for run template [{}]: {text}",
                    template.name
                );
                return self.unready(reason::TEMPLATE_STAMP_FAILURE, text);
            }
        };
        let name = json::text(&object, &["metadata", "name"]);
        let name = name.or_else(|| json::text(&object, &["metadata", "generateName"]));
        name.unwrap_or_default().clone_into(&mut self.rendered_name);
        let purpose = Purpose {
            identity: vec![template.name.to_string()],
            family: vec![(label::RUNNABLE_NAME.to_owned(), self.stamper.name.clone())],
        };
        let spec = self.object.get("spec").unwrap_or(&Value::Null);
        let judge: crate::task::Judge = Box::new(health_of_run);
        let retention = (Retention::read(spec), judge);
        let expressions = template.expressions().clone();
        let task = Task::run(object, &self.stamper.uid, purpose, expressions, retention);
        Stage::Running(Box::new(task))
    }

    fn ran(&mut self, done: Done) -> Stage {
        if done.forbidden {
            self.forbidden();
        }
        if done.retry {
            self.next = Next::RetryWithBackoff;
        }
        let applied = match done.result {
            Ok(applied) => applied,
            Err(error) => return self.rejected(&error),
        };
        let qualified = applied.mapping.qualified(&applied.row.key.gvk);
        if applied.change == Change::Created {
            let text = format!("Created object [{qualified}/{}]", applied.row.key.name);
            self.event(event_reason::STAMPED_OBJECT_APPLIED, text);
        }
        for row in &done.deleted {
            let qualified = applied.mapping.qualified(&row.key.gvk);
            let text = format!("Deleted object [{qualified}/{}]", row.key.name);
            self.event(event_reason::STAMPED_OBJECT_REMOVED, text);
        }
        if applied.unwatched.is_some() && self.next == Next::AwaitChange {
            self.next = Next::Later;
        }
        self.stamped = Some(match health::succeeded(&applied.row) {
            Some(found) => Condition::new(
                condition_type::STAMPED_OBJECT_CONDITION,
                Status::parse(&found.status),
                reason::SUCCEEDED_CONDITION,
                found.message.to_string(),
            ),
            None => unknown_run(),
        });
        self.read_outputs(&applied, &qualified)
    }

    fn read_outputs(&mut self, applied: &Applied, qualified: &str) -> Stage {
        let Some(template) = self.template.clone() else {
            return Stage::Finish;
        };
        match outputs::read(&template, applied) {
            Ok(Some(outputs)) => {
                if outputs != self.outputs {
                    let text = format!(
                        "Runnable [{}] found a new output in [{qualified}/{}]",
                        self.stamper.name, applied.row.key.name
                    );
                    self.event(event_reason::RESOURCE_OUTPUT_CHANGED, text);
                    self.outputs = outputs;
                }
            }
            Ok(None) => {}
            Err(text) => {
                let key = &applied.row.key;
                let (name, namespace) = (&key.name, key.namespace.as_deref().unwrap_or_default());
                let place = match &key.namespace {
                    Some(namespace) => format!(" in namespace [{namespace}]"),
                    None => String::new(),
                };
                let text = format!(
                    "waiting to read value from resource [{qualified}/{name}]{place}: unable to \
                     retrieve outputs from stamped object [{namespace}/{name}] of type \
                     [{qualified}] for run template [{}]: {text}",
                    template.name
                );
                return self.unready(reason::OUTPUT_PATH_NOT_SATISFIED, text);
            }
        }
        self.ready = Some(Condition::good(
            condition_type::RUN_TEMPLATE_READY,
            reason::READY,
        ));
        Stage::Finish
    }

    fn rejected(&mut self, error: &ApplyError) -> Stage {
        if error.forbidden {
            self.forbidden();
        }
        if error.retry {
            self.next = Next::RetryWithBackoff;
        }
        let template = self
            .template
            .as_ref()
            .map_or("", |template| &*template.name);
        let text = format!(
            "unable to apply object [{}/{}] for run template [{template}]: {}",
            self.stamper.namespace, self.rendered_name, error.text
        );
        self.unready(reason::STAMPED_OBJECT_REJECTED_BY_API_SERVER, text)
    }

    fn unready(&mut self, reason: &str, text: String) -> Stage {
        self.ready = Some(not_ready(reason, text));
        Stage::Finish
    }

    fn forbidden(&mut self) {
        self.depends_on
            .insert(Dependency::Permissions(self.account.clone()));
    }

    fn event(&mut self, reason: &'static str, message: String) {
        self.events.push(EventRecord {
            reason,
            message,
            component: COMPONENT,
        });
    }

    fn finish(&mut self) -> Outcome {
        let previous = json::list(&self.object, &["status", "conditions"]);
        let conditions = self
            .ready
            .take()
            .into_iter()
            .chain(self.stamped.take())
            .collect();
        let conditions = condition::finalize(conditions, previous, &self.now);
        let mut status = Map::new();
        status.insert("conditions".into(), Value::Array(conditions));
        if let Some(generation) = json::at(&self.object, &["metadata", "generation"]) {
            status.insert("observedGeneration".into(), generation.clone());
        }
        if !self.outputs.is_empty() {
            status.insert(
                "outputs".into(),
                Value::Object(std::mem::take(&mut self.outputs)),
            );
        }
        let status = Value::Object(status);
        let current = self.object.get("status").unwrap_or(&Value::Null);
        Outcome {
            status: (status != *current).then_some(status),
            events: std::mem::take(&mut self.events),
            depends_on: std::mem::take(&mut self.depends_on),
            watched: std::mem::take(&mut self.watched),
            next: self.next,
            recall: Recall::default(),
        }
    }
}

fn health_of_run(row: &Row) -> Status {
    health::of_run(Some(&HealthRule::Condition("Succeeded".to_owned())), row)
}

fn not_ready(reason: &str, text: String) -> Condition {
    Condition::new(
        condition_type::RUN_TEMPLATE_READY,
        Status::False,
        reason,
        text,
    )
}

fn unknown_run() -> Condition {
    let kind = condition_type::STAMPED_OBJECT_CONDITION;
    Condition::new(kind, Status::Unknown, reason::UNKNOWN, "")
}
