//! Outputs of runs. Source: cartographer pkg/templates/cluster_run_template.go.

use serde_json::{Map, Value};

use crate::apply::Applied;
use crate::health;
use crate::model::RunTemplate;
use crate::row::{Evaluated, Expression, Row};
use crate::words::label;

/// Reads the outputs of the current run if it succeeded, else of the latest of the same template
/// that did. `None` where there is none, or the template has no outputs.
///
/// # Errors
/// The text about the first path, by the name of its output, that gives no single value.
pub(crate) fn read(
    template: &RunTemplate,
    applied: &Applied,
) -> Result<Option<Map<String, Value>>, String> {
    if template.outputs.is_empty() {
        return Ok(None);
    }
    let same_template = |row: &&Row| {
        row.labels
            .get(label::RUN_TEMPLATE_NAME)
            .is_some_and(|name| *name == *template.name)
    };
    let good = |row: &&Row| health::succeeded(row).is_some_and(|found| &*found.status == "True");
    let siblings = applied
        .siblings
        .iter()
        .map(|row| &**row)
        .filter(same_template);
    let Some(source) = std::iter::once(&*applied.row).chain(siblings).find(good) else {
        return Ok(None);
    };
    let mut outputs = Map::new();
    for (name, path) in &template.outputs {
        let value = match source.result(&Expression::Path(path.as_str().into())) {
            Some(Evaluated::Value(value)) => value.value(),
            Some(Evaluated::Missing(text) | Evaluated::Error(text)) => {
                return Err(format!("failed to evaluate path [{path}]: {text}"));
            }
            Some(Evaluated::Condition(_) | Evaluated::NoCondition) | None => {
                let text = format!("jsonpath returned empty list: {path}");
                return Err(format!("failed to evaluate path [{path}]: {text}"));
            }
        };
        outputs.insert(name.clone(), value);
    }
    Ok(Some(outputs))
}
