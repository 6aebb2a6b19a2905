//! One resource, up to the object that is to be applied.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Course, Flight, Realization};
use crate::apply::run::Purpose;
use crate::context::{self, Subject};
use crate::digest::Fingerprint;
use crate::health;
use crate::inputs::{InputKind, Inputs, Missing, Why};
use crate::json;
use crate::key::{OwnerKind, TemplateKind};
use crate::model::{Choice, Owner, Resource, Template, TemplateOption};
use crate::outputs::Output;
use crate::params;
use crate::problem::{Place, Problem};
use crate::realize::Dependency;
use crate::recall::{self, Sight};
use crate::row::{Row, RowState};
use crate::stamp;
use crate::stamp::finish::Stamper;
use crate::stamp::refers::Refers;
use crate::status;
use crate::task::Task;
use crate::words::label;
use carto_query::Scope;
use carto_query::select::{MatchError, best_matches};

/// What a resource comes to before anything is applied.
enum Prepared {
    /// An input becomes the output, or will when it is there.
    PassThrough(Result<Option<Output>, Problem>),
    /// An object is to be applied.
    Object {
        template: Arc<Template>,
        rendered: Rendered,
        seen: Option<Fingerprint>,
    },
    /// The object is there and as it would be rendered again.
    Recalled {
        template: Arc<Template>,
        row: Arc<Row>,
        seen: Fingerprint,
        found: Fingerprint,
    },
    /// Nothing can be done.
    Stuck {
        template: Option<Arc<Template>>,
        problem: Problem,
    },
}

/// An object that was rendered, ready to be applied.
pub(super) struct Rendered {
    task: Box<Task>,
    /// `metadata.name` as rendered.
    name: String,
    /// What the author of the template should know.
    note: Option<String>,
}

impl Realization {
    /// Begins one resource: either it is in flight afterwards, or settled.
    pub(super) fn begin_resource(&mut self, index: usize) {
        let Some(work) = &self.work else { return };
        let blueprint = work.blueprint.clone();
        let resource = &blueprint.resources[index];
        let inputs = Inputs::collect(&blueprint, resource, &work.outputs);
        match self.prepare(index, resource, &inputs) {
            Prepared::PassThrough(result) => {
                self.settle_landed();
                self.settle_pass_through(resource, result);
            }
            Prepared::Stuck { template, problem } => {
                self.settle_landed();
                self.settle_stuck(resource, template, problem);
            }
            Prepared::Object {
                template,
                rendered: Rendered { task, name, note },
                seen,
            } => self.take_off(Flight {
                index,
                template,
                inputs,
                rendered_name: name,
                note,
                course: Course::Rendered(task),
                seen,
            }),
            Prepared::Recalled {
                template,
                row,
                seen,
                found,
            } => self.take_off(Flight {
                index,
                template,
                inputs,
                rendered_name: String::new(),
                note: None,
                course: Course::Recalled(row, found),
                seen: Some(seen),
            }),
        }
    }

    fn take_off(&mut self, flight: Flight) {
        if let Some(work) = &mut self.work {
            work.flight = Some(flight);
        }
    }

    fn prepare(&mut self, index: usize, resource: &Resource, inputs: &Inputs) -> Prepared {
        let stuck = |template, problem| Prepared::Stuck { template, problem };
        let chosen = match self.choose(resource) {
            Ok(chosen) => chosen,
            Err(problem) => return stuck(None, problem),
        };
        let Some(kind) = resource.kind() else {
            return stuck(None, Problem::template_kind(&resource.template_kind));
        };
        let name = match chosen {
            Chosen::PassThrough(input) => {
                return Prepared::PassThrough(pass_through(resource, kind, &input, inputs));
            }
            Chosen::Template(name) => name,
        };
        let dependency = Dependency::Template {
            kind,
            name: name.as_str().into(),
        };
        self.depends_on.insert(dependency);
        let templates = self.work.as_ref().map(|work| &work.templates);
        let known = templates.and_then(|templates| templates.get(&(kind, name.clone())));
        let Some(template) = known.cloned() else {
            let place = self.place(resource);
            let problem = Problem::template_missing(place, &resource.template_kind, &name);
            return stuck(None, problem);
        };
        if let Some(problem) = self.gate(index, resource, &template, inputs) {
            return stuck(Some(template), problem);
        }
        let seen = self.seen(resource, &template, inputs);
        if let Some(seen) = seen
            && let Some((row, found)) = self.recalled(resource, &template, seen)
        {
            return Prepared::Recalled {
                template,
                row,
                seen,
                found,
            };
        }
        let rendered = match self.foreseen(index, seen) {
            Some(rendered) => Ok(rendered),
            None => self.rendered(resource, &template, inputs),
        };
        match rendered {
            Ok(rendered) => Prepared::Object {
                template,
                rendered,
                seen,
            },
            Err(text) => {
                let place = self.place(resource);
                let problem = Problem::stamp(place, &resource.template_kind, &template.name, &text);
                stuck(Some(template), problem)
            }
        }
    }

    /// The template of a resource, where it can be told.
    pub(super) fn template_of(&self, resource: &Resource) -> Option<Arc<Template>> {
        let Ok(Chosen::Template(name)) = self.choose(resource) else {
            return None;
        };
        let templates = &self.work.as_ref()?.templates;
        templates.get(&(resource.kind()?, name)).cloned()
    }

    /// Renders the object of a resource.
    ///
    /// # Errors
    /// Why the template cannot be stamped.
    pub(super) fn rendered(
        &self,
        resource: &Resource,
        template: &Arc<Template>,
        inputs: &Inputs,
    ) -> Result<Rendered, String> {
        let (object, note) = self.stamp(resource, template, inputs)?;
        Ok(Rendered {
            name: json::string(&object, &["metadata", "name"]),
            task: Box::new(self.task(resource, template, object)),
            note,
        })
    }

    /// Digests what the template of a mutable object can see.
    pub(super) fn seen(
        &self,
        resource: &Resource,
        template: &Template,
        inputs: &Inputs,
    ) -> Option<Fingerprint> {
        let work = self.work.as_ref()?;
        if template.lifecycle.is_immutable() {
            return None;
        }
        let sight = Sight {
            owner: &self.owner,
            subject: &self.subject,
            account: &self.account,
            blueprint: &work.blueprint,
            resource,
            template,
            inputs,
        };
        sight.digest()
    }

    /// Finds the object of a resource, when it was as it should be for the same sight and is as it was.
    pub(super) fn recalled(
        &self,
        resource: &Resource,
        template: &Template,
        seen: Fingerprint,
    ) -> Option<(Arc<Row>, Fingerprint)> {
        let key = status::stamped_for(&self.owner.object, &resource.name)?;
        let RowState::Known(row) = self.index.row(&key) else {
            return None;
        };
        let found = recall::found(&row, &self.owner.uid)?;
        (row.covers(template.expressions()) && self.recall.has(seen, found)).then_some((row, found))
    }

    fn place<'a>(&'a self, resource: &'a Resource) -> Place<'a> {
        let blueprint = self.work.as_ref().map_or("", |work| &*work.blueprint.name);
        Place {
            blueprint,
            resource: &resource.name,
        }
    }

    /// Chooses among the options of a resource.
    fn choose(&self, resource: &Resource) -> Result<Chosen, Problem> {
        let options = match &resource.choice {
            Choice::Named(name) => return Ok(Chosen::Template(name.clone())),
            Choice::Options(options) => options,
        };
        let best = best_options(options, &self.owner, &self.subject).map_err(|(at, error)| {
            Problem::option(self.place(resource), &options[at].name, &error.to_string())
        })?;
        match best[..] {
            [one] => Ok(match &options[one].pass_through {
                Some(input) => Chosen::PassThrough(input.clone()),
                None => Chosen::Template(options[one].name.clone()),
            }),
            _ => {
                let names: Vec<&str> = best.iter().map(|at| options[*at].name.as_str()).collect();
                Err(Problem::options(self.place(resource), &names))
            }
        }
    }

    /// Holds a resource back while an input that its template refers to is missing.
    fn gate(
        &self,
        index: usize,
        resource: &Resource,
        template: &Template,
        inputs: &Inputs,
    ) -> Option<Problem> {
        if inputs.missing.is_empty() {
            return None;
        }
        let refers = Refers::of(&template.body);
        let missing: Vec<&Missing> = inputs.missing.iter().filter(|one| refers.to(one)).collect();
        if missing.is_empty() {
            return None;
        }
        let failed = |text: String| {
            let place = self.place(resource);
            Some(Problem::stamp(
                place,
                &resource.template_kind,
                &template.name,
                &text,
            ))
        };
        if let Some(hopeless) = missing.iter().find(|one| one.why != Why::Pending) {
            return failed(hopeless.text());
        }
        let circular = self
            .work
            .as_ref()
            .is_some_and(|work| work.circular.contains(&index));
        if circular {
            let producers: Vec<&str> = missing.iter().map(|one| one.producer.as_str()).collect();
            return failed(format!(
                "its inputs form a circle: they come from [{}], which in turn need [{}]",
                producers.join(", "),
                resource.name
            ));
        }
        Some(Problem::waiting(
            &missing.iter().map(|one| one.text()).collect::<Vec<_>>(),
        ))
    }

    fn stamp(
        &self,
        resource: &Resource,
        template: &Template,
        inputs: &Inputs,
    ) -> Result<(Value, Option<String>), String> {
        let Some(work) = &self.work else {
            return Err(String::new());
        };
        let blueprint = &work.blueprint;
        if let Some(name) = params::unset(blueprint.params.iter().chain(&resource.params)) {
            return Err(format!(
                "param [{name}] must set exactly one of value and default"
            ));
        }
        let params = params::merge(
            &template.params,
            &blueprint.params,
            &resource.params,
            &self.owner.params,
        );
        let labels = stamp::finish::labels(&self.owner, blueprint, resource, template);
        let mut given = Map::new();
        inputs.add_to(&mut given);
        let scope = context::of_resource(&self.subject, params, given, &labels);
        let rendered = stamp::render(&template.body, scope, &self.subject)?;
        let object = Stamper::of(self.subject.object()).finish(rendered.object, labels)?;
        Ok((object, rendered.note))
    }

    fn task(&self, resource: &Resource, template: &Arc<Template>, object: Value) -> Task {
        let expressions = template.expressions().clone();
        if !template.lifecycle.is_immutable() {
            return Task::mutable(object, expressions);
        }
        let (name, namespace) = match self.owner.kind {
            OwnerKind::Workload => (label::WORKLOAD_NAME, label::WORKLOAD_NAMESPACE),
            OwnerKind::Deliverable => (label::DELIVERABLE_NAME, label::DELIVERABLE_NAMESPACE),
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let purpose = Purpose {
            identity: vec![
                resource.name.clone(),
                resource.template_kind.clone(),
                template.name.to_string(),
            ],
            family: vec![
                pair(name, &self.owner.name),
                pair(namespace, &self.owner.namespace),
                pair(label::RESOURCE_NAME, &resource.name),
            ],
        };
        let judge = {
            let template = template.clone();
            Box::new(move |row: &crate::row::Row| health::of_run(template.health.as_ref(), row))
        };
        let retention = (template.retention, judge as crate::task::Judge);
        Task::run(object, &self.owner.uid, purpose, expressions, retention)
    }
}

/// Returns the options that match an owner best, by position; or the one that cannot be judged.
pub(crate) fn best_options(
    options: &[TemplateOption],
    owner: &Owner,
    subject: &Subject,
) -> Result<Vec<usize>, (usize, MatchError)> {
    let selectors = options.iter().map(|option| &option.selector.compiled);
    if options
        .iter()
        .all(|option| option.selector.compiled.fields().is_empty())
    {
        return best_matches(selectors, &owner.labels, &Scope::new());
    }
    let unset = subject.unset_root();
    let root = subject.root(&unset);
    best_matches(selectors, &owner.labels, &root)
}

/// What the options come to.
enum Chosen {
    Template(String),
    PassThrough(String),
}

fn pass_through(
    resource: &Resource,
    kind: TemplateKind,
    input: &str,
    inputs: &Inputs,
) -> Result<Option<Output>, Problem> {
    let lacking = match inputs.pass_through(kind, input) {
        Ok(output) => return Ok(output),
        Err(lacking) => lacking,
    };
    let pending = inputs.missing.iter().find(|one| {
        let named = one.name == input || lacking == InputKind::Deployment;
        one.kind == lacking && named && one.why == Why::Pending
    });
    Err(match pending {
        Some(missing) => Problem::waiting(&[missing.text()]),
        None => Problem::pass_through(input, &resource.name, lacking),
    })
}
