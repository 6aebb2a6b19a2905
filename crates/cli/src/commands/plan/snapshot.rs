//! Everything on a cluster that counts for a plan.

use std::collections::BTreeSet;

use carto_core::{
    key::{Gvk, TemplateKind},
    model::{RunTemplate, Template},
    realize::WATCH_LABELS,
};
use serde_json::Value;

use crate::{
    env::Env,
    error::CommandError,
    live::{Live, ReadError},
};

const API_VERSION: &str = "carto.run/v1alpha1";
const BLUEPRINTS: [&str; 2] = ["ClusterSupplyChain", "ClusterDelivery"];
const OWNERS: [&str; 3] = ["Workload", "Deliverable", "Runnable"];

/// Reads blueprints, templates, owners and what was stamped for them; `files` name kinds that may
/// become of interest.
pub(super) async fn take(
    live: &mut Live,
    namespace: Option<&str>,
    files: &[Value],
    env: &Env,
) -> Result<Vec<Value>, CommandError> {
    let mut objects = Vec::new();
    let templates = TemplateKind::ALL.map(TemplateKind::name);
    for kind in BLUEPRINTS.into_iter().chain(templates) {
        objects.extend(live.list(&Gvk::new(API_VERSION, kind), None, "").await?);
    }
    for kind in OWNERS {
        objects.extend(
            live.list(&Gvk::new(API_VERSION, kind), namespace, "")
                .await?,
        );
    }
    let kinds: BTreeSet<Gvk> = objects
        .iter()
        .chain(files)
        .flat_map(stamped_kinds)
        .collect();
    for gvk in kinds {
        // Ours are there already. Secrets are not listed: whoever plans need not see them.
        if gvk.api_version() == API_VERSION {
            continue;
        }
        if gvk.group.is_empty() && &*gvk.kind == "Secret" {
            env.err("Secrets are not read: those that are stamped seem to be made anew\n");
            continue;
        }
        for label in WATCH_LABELS {
            match live.list(&gvk, namespace, label).await {
                Ok(found) => objects.extend(found),
                Err(ReadError::NoMatch(_)) => break,
                Err(error) => {
                    env.err(&format!("{error}; they seem to be made anew\n"));
                    break;
                }
            }
        }
    }
    Ok(objects)
}

/// The kinds that an object of ours stamps: what a template writes, what a status names.
fn stamped_kinds(object: &Value) -> Vec<Gvk> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let template = match TemplateKind::parse(kind) {
        Some(TemplateKind::Run) => RunTemplate::read(object).body.kind(),
        Some(kind) => Template::read(kind, object).body.kind(),
        None => None,
    };
    let entries = object["status"]["resources"].as_array();
    let named = entries.into_iter().flatten().filter_map(|entry| {
        let part = |key: &str| entry["stampedRef"][key].as_str();
        Some(Gvk::new(part("apiVersion")?, part("kind")?))
    });
    template.into_iter().chain(named).collect()
}
