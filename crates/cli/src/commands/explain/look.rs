//! A closer look at one resource: its object, its template, its runs.

use carto_core::{
    explain::{self, Explanation, Input, LastChange},
    key::{Gvk, ObjectKey, TemplateKind},
    model::{Choice, RunTemplate},
    view::ResourceView,
};
use serde_json::Value;

use crate::live::Live;

use super::API_VERSION;

/// What a cluster says about a resource.
pub(super) struct Look {
    pub(super) resource: ResourceView,
    pub(super) inputs: Vec<Input>,
    /// Names of the resources that take something from it.
    pub(super) consumers: Vec<String>,
    /// Its template, or the options it would be chosen among.
    pub(super) templates: Vec<Thing>,
    pub(super) object: Option<Thing>,
    /// The newest run, where the object is a Runnable.
    pub(super) run: Option<Thing>,
    /// What could not be read.
    pub(super) notes: Vec<String>,
}

/// An object on the cluster.
pub(super) struct Thing {
    pub(super) title: String,
    /// Whether it is there.
    pub(super) exists: bool,
    pub(super) changes: Vec<LastChange>,
    /// Its conditions as `type`, `status`, `message`.
    pub(super) conditions: Vec<(String, String, String)>,
}

impl Thing {
    pub(super) fn new(title: String, object: Option<&Value>) -> Self {
        Self {
            title,
            exists: object.is_some(),
            changes: object.map(explain::last_changes).unwrap_or_default(),
            conditions: object.map(conditions).unwrap_or_default(),
        }
    }
}

/// Looks at a resource of an owner.
pub(super) async fn at(live: &mut Live, explanation: &Explanation, name: &str) -> Look {
    let view = &explanation.view;
    let found = view.resources.iter().find(|one| one.name == name);
    let resource = found
        .cloned()
        .expect("the caller took the name from the view");
    let blueprint = explanation.blueprint.as_deref();
    let inputs = blueprint.map(|blueprint| explain::inputs(view, blueprint, name));
    let takes = |one: &&ResourceView| one.inputs.iter().any(|input| input == name);
    let mut look = Look {
        inputs: inputs.unwrap_or_default(),
        consumers: view
            .resources
            .iter()
            .filter(takes)
            .map(|one| one.name.clone())
            .collect(),
        templates: Vec::new(),
        object: None,
        run: None,
        notes: Vec::new(),
        resource,
    };
    for (kind, name) in look.template_names(explanation) {
        let key = cluster_scoped(&kind, &name);
        let object = read(live, &key, &mut look.notes).await;
        let thing = Thing::new(format!("{kind} {name}"), object.as_ref());
        look.templates.push(thing);
    }
    if let Some(key) = look.resource.object.clone() {
        let object = read(live, &key, &mut look.notes).await;
        let title = look.resource.qualified.clone().unwrap_or_default();
        look.object = Some(Thing::new(title, object.as_ref()));
        if let Some(runnable) = object.filter(|_| *key.gvk.kind == *"Runnable") {
            look.run = newest_run(live, &key, &runnable, &mut look.notes).await;
        }
    }
    look
}

impl Look {
    /// Kind and name of its template, or of all that may become it.
    fn template_names(&self, explanation: &Explanation) -> Vec<(String, String)> {
        if let Some(chosen) = &self.resource.template {
            return vec![chosen.clone()];
        }
        let blueprint = explanation.blueprint.as_deref();
        let Some(step) = blueprint.and_then(|one| one.resource(&self.resource.name)) else {
            return Vec::new();
        };
        let kind = || step.template_kind.clone();
        match &step.choice {
            Choice::Named(name) => vec![(kind(), name.clone())],
            Choice::Options(options) => options
                .iter()
                .filter(|option| option.pass_through.is_none())
                .map(|option| (kind(), option.name.clone()))
                .collect(),
        }
    }
}

/// Reads an object; what prevents it is noted.
pub(super) async fn read(
    live: &mut Live,
    key: &ObjectKey,
    notes: &mut Vec<String>,
) -> Option<Value> {
    match live.get(key).await {
        Ok(object) => object,
        Err(error) => {
            notes.push(error.to_string());
            None
        }
    }
}

/// The newest run of a Runnable: what is really going on.
pub(super) async fn newest_run(
    live: &mut Live,
    key: &ObjectKey,
    runnable: &Value,
    notes: &mut Vec<String>,
) -> Option<Thing> {
    let name = runnable["spec"]["runTemplateRef"]["name"].as_str()?;
    let template = cluster_scoped(TemplateKind::Run.name(), name);
    let template = read(live, &template, notes).await?;
    let gvk = RunTemplate::read(&template).body.kind()?;
    let label = format!("carto.run/runnable-name={}", key.name);
    let runs = match live.list(&gvk, key.namespace.as_deref(), &label).await {
        Ok(runs) => runs,
        Err(error) => {
            notes.push(error.to_string());
            return None;
        }
    };
    let age = |run: &&Value| {
        run["metadata"]["creationTimestamp"]
            .as_str()
            .map(str::to_owned)
    };
    let newest = runs.iter().max_by_key(age)?;
    let name = newest["metadata"]["name"].as_str().unwrap_or_default();
    Some(Thing::new(format!("{} {name}", gvk.kind), Some(newest)))
}

pub(super) fn cluster_scoped(kind: &str, name: &str) -> ObjectKey {
    ObjectKey {
        gvk: Gvk::new(API_VERSION, kind),
        namespace: None,
        name: name.into(),
    }
}

fn conditions(object: &Value) -> Vec<(String, String, String)> {
    let all = object["status"]["conditions"].as_array();
    let part = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    all.into_iter()
        .flatten()
        .map(|one| (part(one, "type"), part(one, "status"), part(one, "message")))
        .collect()
}
