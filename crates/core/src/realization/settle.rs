//! What became of a resource: its entry in the status, its output, its events.
//!
//! Source: cartographer pkg/realizer/realizer.go.

use std::sync::Arc;

use super::{Flight, Landed, Realization};
use crate::apply::{Applied, ApplyError, Change};
use crate::condition::{self, Condition, Status};
use crate::health::{self, Facts};
use crate::json;
use crate::key::{Mapping, ObjectKey, TemplateKind};
use crate::model::{Resource, Template};
use crate::outputs::{self, Output, OutputError, Shown};
use crate::problem::{Place, Problem};
use crate::realize::Dependency;
use crate::row::Row;
use crate::status::{Entry, Stamped};
use crate::words::{condition_type, event_reason, label, reason};

/// Names an object as events do: `images.kpack.io/web`.
pub(crate) fn qualified(mapping: &Mapping, key: &ObjectKey) -> String {
    format!("{}/{}", mapping.qualified(&key.gvk), key.name)
}

/// Reports whether two lists of outputs differ, times apart.
fn differ(left: &[Shown], right: &[Shown]) -> bool {
    let same = |(a, b): (&Shown, &Shown)| {
        (&a.name, &a.digest, &a.preview) == (&b.name, &b.digest, &b.preview)
    };
    left.len() != right.len() || !left.iter().zip(right).all(same)
}

impl Realization {
    /// Takes an object that is there: others get its output at once, the rest is said when there is time.
    pub(super) fn land(&mut self, flight: Flight, applied: Applied, deleted: Vec<Arc<Row>>) {
        let source = source_of_outputs(&flight.template, &applied);
        let output = outputs::read(
            &flight.template.output,
            source.as_deref(),
            flight.inputs.deployment(),
        );
        if let (Some(work), Ok(Some(output))) = (&mut self.work, &output) {
            let name = &work.blueprint.resources[flight.index].name;
            work.outputs.insert(name.clone(), output.clone());
        }
        self.landed.push(Landed {
            flight,
            applied,
            deleted,
            output,
        });
    }

    /// Says what was put off, in order.
    pub(super) fn settle_landed(&mut self) {
        for landed in std::mem::take(&mut self.landed) {
            self.settle(&landed);
        }
    }

    pub(super) fn settle_refused(&mut self, flight: Flight, error: &ApplyError) {
        let Some(work) = &self.work else { return };
        let blueprint = work.blueprint.clone();
        let resource = &blueprint.resources[flight.index];
        if error.forbidden {
            self.depends_on
                .insert(Dependency::Permissions(self.account.clone()));
        }
        if let Some(blocker) = &error.blocker {
            self.depends_on.insert(Dependency::Object(blocker.clone()));
        }
        let place = self.place_of(resource);
        let (namespace, name) = (self.owner.namespace.as_str(), flight.rendered_name.as_str());
        let problem = Problem::apply(place, namespace, name, error);
        self.settle_stuck(resource, Some(flight.template), problem);
    }

    fn settle(&mut self, landed: &Landed) {
        let Landed {
            flight,
            applied,
            deleted,
            output,
        } = landed;
        let Some(work) = &self.work else { return };
        let blueprint = work.blueprint.clone();
        let resource = &blueprint.resources[flight.index];
        let template = &*flight.template;
        self.claim(template, applied, deleted);
        self.tell_writes(applied, deleted);
        let previous = self
            .previous_entry(&resource.name)
            .cloned()
            .unwrap_or_default();
        let shown = output.as_ref().ok().and_then(Option::as_ref);
        let entry = Entry {
            name: resource.name.clone(),
            stamped: Some(Stamped::new(&applied.row.key, &applied.mapping)),
            template: Some((resource.template_kind.clone(), template.name.to_string())),
            inputs: resource.producers().map(str::to_owned).collect(),
            outputs: outputs::show(shown, &previous.outputs, &self.now),
            conditions: Vec::new(),
        };
        let name = qualified(&applied.mapping, &applied.row.key);
        if differ(&previous.outputs, &entry.outputs) {
            let text = format!("[{}] found a new output in [{name}]", resource.name);
            self.event(event_reason::RESOURCE_OUTPUT_CHANGED, text);
        }
        let facts = Facts {
            has_outputs: !entry.outputs.is_empty(),
            is_plain: template.kind == TemplateKind::Plain,
            is_stamped: true,
        };
        let healthy = health::judge(template.health.as_ref(), facts, Some(&applied.row));
        self.tell_health(resource, &previous, &healthy, &name);
        let problem = self.problem_of(resource, applied, &healthy, output.as_ref().err());
        let trace = self.trace(flight, applied);
        self.traces.extend(trace);
        let submitted = match &problem {
            Some(problem) => problem.condition(condition_type::RESOURCE_SUBMITTED),
            None => self.submitted(applied, flight.note.as_deref()),
        };
        self.enter(entry, vec![submitted, healthy], &previous, problem);
    }

    /// True; with a word about it where there is something to know.
    fn submitted(&mut self, applied: &Applied, note: Option<&str>) -> Condition {
        let kind = condition_type::RESOURCE_SUBMITTED;
        let mut condition = Condition::good(kind, reason::RESOURCE_SUBMISSION_COMPLETE);
        note.unwrap_or_default().clone_into(&mut condition.message);
        if let Some(why) = &applied.unwatched {
            self.later = true;
            let gvk = &applied.row.key.gvk;
            condition.message = format!(
                "changes of [{}] are only looked for now and then: {why}; add to a ClusterRole of \
                 the controller: {{apiGroups: [\"{}\"], resources: [\"{}\"], verbs: [\"get\", \
                 \"list\", \"watch\"]}}",
                applied.mapping.qualified(gvk),
                gvk.group,
                applied.mapping.plural
            );
        }
        condition
    }

    fn problem_of(
        &mut self,
        resource: &Resource,
        applied: &Applied,
        healthy: &Condition,
        error: Option<&OutputError>,
    ) -> Option<Problem> {
        let qualified = applied.mapping.qualified(&applied.row.key.gvk);
        if let Some(text) = &applied.rival {
            self.later = true;
            return Some(Problem::rival(&qualified, &applied.row.key.name, text));
        }
        let place = self.place_of(resource);
        let object = (&applied.row.key, qualified.as_str());
        error.map(|error| Problem::output(self.owner.kind, place, object, healthy.status, error))
    }

    /// Takes a resource that passes an input through.
    pub(super) fn settle_pass_through(
        &mut self,
        resource: &Resource,
        result: Result<Option<Output>, Problem>,
    ) {
        let previous = self
            .previous_entry(&resource.name)
            .cloned()
            .unwrap_or_default();
        let output = result.as_ref().ok().and_then(Option::as_ref);
        let entry = Entry {
            name: resource.name.clone(),
            inputs: resource.producers().map(str::to_owned).collect(),
            outputs: outputs::show(output, &previous.outputs, &self.now),
            ..Entry::default()
        };
        if !entry.outputs.is_empty() && differ(&previous.outputs, &entry.outputs) {
            let text = format!("[{}] passed through a new output", resource.name);
            self.event(event_reason::RESOURCE_OUTPUT_CHANGED, text);
        }
        if let (Some(work), Some(output)) = (&mut self.work, output) {
            work.outputs.insert(resource.name.clone(), output.clone());
        }
        let problem = result.err();
        let submitted = match &problem {
            Some(problem) => problem.condition(condition_type::RESOURCE_SUBMITTED),
            None => Condition::good(condition_type::RESOURCE_SUBMITTED, reason::PASS_THROUGH),
        };
        self.enter(entry, vec![submitted], &previous, problem);
    }

    /// Takes a resource for which nothing could be applied in this pass. What it had before
    /// stays, in the status and on the cluster.
    pub(super) fn settle_stuck(
        &mut self,
        resource: &Resource,
        template: Option<Arc<Template>>,
        problem: Problem,
    ) {
        let previous = self.previous_entry(&resource.name).cloned();
        self.needed.resources.insert(resource.name.clone());
        let fresh = || Entry {
            name: resource.name.clone(),
            template: template
                .as_ref()
                .map(|template| (resource.template_kind.clone(), template.name.to_string())),
            inputs: resource.producers().map(str::to_owned).collect(),
            ..Entry::default()
        };
        let mut conditions = vec![problem.condition(condition_type::RESOURCE_SUBMITTED)];
        match &previous {
            Some(entry) => conditions.extend(entry.healthy().map(carried)),
            None => conditions.extend(template.as_ref().map(|template| {
                let is_plain = template.kind == TemplateKind::Plain;
                let facts = Facts {
                    has_outputs: false,
                    is_plain,
                    is_stamped: false,
                };
                health::judge(template.health.as_ref(), facts, None)
            })),
        }
        let entry = previous.clone().unwrap_or_else(fresh);
        match &entry.stamped {
            Some(stamped) => {
                self.watched.insert(stamped.key.gvk.clone());
            }
            None => {
                if let Some(work) = &mut self.work {
                    work.unstamped.push((resource.name.clone(), template));
                }
            }
        }
        self.enter(
            entry,
            conditions,
            &previous.unwrap_or_default(),
            Some(problem),
        );
    }

    fn enter(
        &mut self,
        mut entry: Entry,
        conditions: Vec<Condition>,
        previous: &Entry,
        problem: Option<Problem>,
    ) {
        entry.conditions = condition::finalize(conditions, &previous.conditions, &self.now);
        self.retry |= problem.as_ref().is_some_and(|problem| problem.retry);
        let Some(work) = &mut self.work else { return };
        work.entries.push(entry);
        if work.problem.is_none() {
            work.problem = problem;
        }
    }

    /// Marks the objects of a resource as needed.
    ///
    /// Runs of another template are not: what they ran is not what the resource does now.
    fn claim(&mut self, template: &Template, applied: &Applied, deleted: &[Arc<Row>]) {
        self.needed.uids.insert(applied.row.uid.clone());
        self.needed.keys.insert(applied.row.key.clone());
        let gone = |row: &Row| deleted.iter().any(|deleted| deleted.uid == row.uid);
        for sibling in applied
            .siblings
            .iter()
            .filter(|row| is_run_of(template, row) || gone(row))
        {
            self.needed.uids.insert(sibling.uid.clone());
            self.needed.keys.insert(sibling.key.clone());
        }
    }

    fn tell_writes(&mut self, applied: &Applied, deleted: &[Arc<Row>]) {
        let name = qualified(&applied.mapping, &applied.row.key);
        match applied.change {
            Change::None => {}
            Change::Created => {
                self.event(
                    event_reason::STAMPED_OBJECT_APPLIED,
                    format!("Created object [{name}]"),
                );
            }
            Change::Patched => {
                self.event(
                    event_reason::STAMPED_OBJECT_APPLIED,
                    format!("Patched object [{name}]"),
                );
            }
        }
        for row in deleted {
            let name = qualified(&applied.mapping, &row.key);
            self.event(
                event_reason::STAMPED_OBJECT_REMOVED,
                format!("Deleted object [{name}]"),
            );
        }
    }

    fn tell_health(&mut self, resource: &Resource, old: &Entry, new: &Condition, name: &str) {
        if old.health().unwrap_or(Status::Unknown) == new.status {
            return;
        }
        let text = format!(
            "[{}] found healthy status in [{name}] changed to [{}]",
            resource.name,
            new.status.name()
        );
        self.event(event_reason::RESOURCE_HEALTHY_STATUS_CHANGED, text);
    }

    /// Finds what the last pass said about a resource.
    pub(super) fn previous_entry(&self, name: &str) -> Option<&Entry> {
        self.previous()
            .iter()
            .find(|entry| entry.name == name && !entry.is_leftover())
    }

    fn place_of<'a>(&'a self, resource: &'a Resource) -> Place<'a> {
        let blueprint = self.work.as_ref().map_or("", |work| &*work.blueprint.name);
        Place {
            blueprint,
            resource: &resource.name,
        }
    }
}

/// Takes a condition of the last pass over as it is.
fn carried(condition: &serde_json::Value) -> Condition {
    let part = |key: &str| json::string(condition, &[key]);
    Condition::new(
        condition_type::HEALTHY,
        Status::parse(&part("status")),
        part("reason"),
        part("message"),
    )
}

/// Reports whether a run was stamped from that template. The original leaves the name empty where
/// options are used.
fn is_run_of(template: &Template, row: &Row) -> bool {
    let has = |key: &str, value: &str| {
        row.labels
            .get(key)
            .is_none_or(|found| found.is_empty() || found == value)
    };
    let lifecycle = row.labels.get(label::TEMPLATE_LIFECYCLE);
    has(label::TEMPLATE_KIND, template.kind.name())
        && has(label::CLUSTER_TEMPLATE_NAME, &template.name)
        && lifecycle != Some("mutable")
}

/// Returns the object that outputs are read from: the only one, or of runs the current one if it
/// succeeded, else the latest that did.
fn source_of_outputs(template: &Template, applied: &Applied) -> Option<Arc<Row>> {
    if !template.lifecycle.is_immutable() {
        return Some(applied.row.clone());
    }
    let good = |row: &&Arc<Row>| health::of_run(template.health.as_ref(), row) == Status::True;
    let runs = applied
        .siblings
        .iter()
        .filter(|row| is_run_of(template, row));
    std::iter::once(&applied.row)
        .chain(runs)
        .find(good)
        .cloned()
}
