//! From a template to an object: render it, finish it.
//!
//! Source: cartographer pkg/templates/stamper.go.

pub(crate) mod finish;
pub(crate) mod identity;
pub(crate) mod refers;
pub(crate) mod ytt;

use carto_query::{Scope, go};
use serde_json::{Map, Value};

use crate::model::Body;

pub(crate) use ytt::Ytt;

/// Renders a template into an object.
///
/// # Errors
/// The text of what is wrong, as the original words it.
pub(crate) fn render(body: &Body, scope: &Scope<'_>) -> Result<Map<String, Value>, String> {
    match body {
        Body::Object { compiled, .. } => {
            match compiled.render(scope).map_err(|error| error.to_string())? {
                Value::Object(object) => Ok(object),
                other => Err(format!(
                    "stamped resource is not a map[string]interface{{}}, stamped resource: {}",
                    go::display_decoded(&other)
                )),
            }
        }
        Body::Ytt(ytt) => ytt.render(scope),
        Body::Nothing => {
            Err("unknown resource template type, expected either template or ytt".to_owned())
        }
    }
}
