//! From a template to an object: render it, finish it.
//!
//! Source: cartographer pkg/templates/stamper.go.

pub(crate) mod finish;
pub(crate) mod identity;
pub(crate) mod refers;
pub(crate) mod ytt;

use carto_query::{Scope, go};
use serde_json::{Map, Value};

use crate::context::Subject;
use crate::model::Body;

pub(crate) use ytt::Ytt;

/// What a template gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rendered {
    pub(crate) object: Map<String, Value>,
    /// Something the author should know.
    pub(crate) note: Option<String>,
}

/// Renders a template into an object.
///
/// What a template finds nothing at is tried again with all that is not set in `subject`, which
/// is put together only then.
///
/// # Errors
/// The text of what is wrong, as the original words it.
pub(crate) fn render(body: &Body, scope: Scope<'_>, subject: &Subject) -> Result<Rendered, String> {
    match body {
        Body::Object { compiled, .. } => {
            let rendered = compiled.render(&scope).or_else(|_| {
                let unset = subject.unset_named();
                compiled.render(&scope.clone().with_unset(&unset))
            });
            match rendered.map_err(|error| error.to_string())? {
                Value::Object(object) => Ok(Rendered { object, note: None }),
                other => Err(format!(
                    "stamped resource is not a map[string]interface{{}}, stamped resource: {}",
                    go::display_decoded(&other)
                )),
            }
        }
        Body::Ytt(ytt) => ytt.render(&scope),
        Body::Nothing => {
            Err("unknown resource template type, expected either template or ytt".to_owned())
        }
    }
}
