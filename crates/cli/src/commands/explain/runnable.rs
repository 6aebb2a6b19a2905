//! Why a Runnable is where it is: its template, its newest run, its outputs.

use std::fmt::Write as _;

use carto_core::key::{ObjectKey, TemplateKind};
use serde_json::{Map, Value, json};

use super::look::{Thing, cluster_scoped, newest_run, read};
use super::print;
use crate::{live::Live, output};

/// Everything that is to be said of a Runnable.
pub(super) struct Answer {
    title: String,
    state: &'static str,
    reason: String,
    message: String,
    template: Option<Thing>,
    run: Option<Thing>,
    outputs: Map<String, Value>,
    notes: Vec<String>,
}

/// Looks at a Runnable.
pub(super) async fn answer(live: &mut Live, key: &ObjectKey, runnable: &Value) -> Answer {
    let mut notes = Vec::new();
    let template = match runnable["spec"]["runTemplateRef"]["name"].as_str() {
        Some(name) => {
            let kind = TemplateKind::Run.name();
            let object = read(live, &cluster_scoped(kind, name), &mut notes).await;
            Some(Thing::new(format!("{kind} {name}"), object.as_ref()))
        }
        None => None,
    };
    let run = newest_run(live, key, runnable, &mut notes).await;
    let conditions = runnable["status"]["conditions"].as_array();
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|one| one["type"] == "Ready");
    let part = |name: &str| {
        let text = ready.and_then(|one| one[name].as_str());
        text.unwrap_or_default().to_owned()
    };
    let state = match part("status").as_str() {
        "True" => "ready",
        "False" => "failed",
        "" => "pending",
        _ => "waiting",
    };
    let namespace = key.namespace.as_deref().unwrap_or_default();
    let outputs = runnable["status"]["outputs"].as_object();
    Answer {
        title: format!("Runnable {namespace}/{}", key.name),
        state,
        reason: part("reason"),
        message: part("message"),
        template,
        run,
        outputs: outputs.cloned().unwrap_or_default(),
        notes,
    }
}

impl Answer {
    pub(super) fn text(&self) -> String {
        let mut out = format!("{}: {}\n", self.title, self.state);
        if !self.message.is_empty() {
            let sentence = output::sentence(&self.reason, &self.message);
            let _ = writeln!(out, "{sentence}");
        } else if self.state == "waiting" && self.run.is_some() {
            out.push_str("its newest run has not said how it ended\n");
        }
        out.push('\n');
        for (word, found) in [("by", &self.template), ("run", &self.run)] {
            if let Some(found) = found {
                print::thing(word, found, &mut out);
            }
        }
        for (name, value) in &self.outputs {
            let _ = writeln!(out, "  gives {name} {value}");
        }
        for note in &self.notes {
            let _ = writeln!(out, "  {note}");
        }
        out
    }

    pub(super) fn data(&self) -> Value {
        json!({
            "kind": "Runnable", "title": self.title, "state": self.state,
            "reason": self.reason, "message": self.message,
            "template": self.template.as_ref().map(print::thing_data),
            "run": self.run.as_ref().map(print::thing_data),
            "outputs": self.outputs, "notes": self.notes,
        })
    }
}
