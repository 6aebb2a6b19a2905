//! What a template sees.
//!
//! Source: cartographer pkg/realizer/context.go; the quirks of its typed objects are in
//! [`unset`].

mod unset;

use std::sync::{Arc, OnceLock};

use carto_query::Scope;
use serde_json::{Map, Value};

use crate::stamp::finish::Labels;

pub(crate) use unset::Schema;

/// An owner as templates and selectors see it.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    schema: Schema,
    /// As the API returned it.
    source: Arc<Value>,
    /// The object as it is seen, shared with the templates that are evaluated with it; made when somebody looks.
    object: OnceLock<Arc<Value>>,
    /// The object with all that is not set; made when something is not found.
    filled: OnceLock<Value>,
    is_readable: OnceLock<bool>,
}

impl Subject {
    /// Prepares an owner.
    ///
    /// Differs: `metadata.managedFields` is left out. Nobody stamps it, it is large, and it
    /// changes with every write of the status.
    pub(crate) fn new(schema: Schema, source: &Arc<Value>) -> Self {
        Self {
            schema,
            source: Arc::clone(source),
            object: OnceLock::new(),
            filled: OnceLock::new(),
            is_readable: OnceLock::new(),
        }
    }

    /// Returns the owner as the API returned it.
    pub(crate) fn source(&self) -> &Value {
        &self.source
    }

    /// Reports whether ytt can read all of the owner; it fails on what it cannot, whatever a template looks at.
    pub(crate) fn is_readable(&self) -> bool {
        *self
            .is_readable
            .get_or_init(|| carto_ytt::inline::are_readable(&self.source))
    }

    /// Returns the object as it is seen.
    pub(crate) fn object(&self) -> &Value {
        self.shared()
    }

    fn shared(&self) -> &Arc<Value> {
        self.object.get_or_init(|| {
            let mut object = Value::clone(&self.source);
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.remove("managedFields");
            }
            unset::add_structs(self.schema, &mut object);
            Arc::new(object)
        })
    }

    /// Returns the object as the root of expressions, as selectors see it.
    pub(crate) fn root<'a>(&'a self, unset: &'a Scope<'a>) -> Scope<'a> {
        Self::spread(self.object()).with_unset(unset)
    }

    /// Returns what [`Subject::root`] falls back on.
    pub(crate) fn unset_root(&self) -> Scope<'_> {
        Self::spread(self.filled())
    }

    fn filled(&self) -> &Value {
        self.filled
            .get_or_init(|| unset::fill(self.schema, self.object()))
    }

    fn spread(object: &Value) -> Scope<'_> {
        let entries = object.as_object().into_iter().flatten();
        entries.fold(Scope::new(), |scope, (key, value)| {
            scope.with(key.as_str(), value)
        })
    }

    /// Adds the object to a scope under the names that its kind has there.
    fn add<'a>(&self, scope: Scope<'a>) -> Scope<'a> {
        self.names().iter().fold(scope, |scope, name| {
            scope.with_owned(*name, Arc::clone(self.shared()))
        })
    }

    /// Returns what to fall back on in a scope that has the object.
    pub(crate) fn unset_named(&self) -> Scope<'_> {
        self.names()
            .iter()
            .fold(Scope::new(), |scope, name| scope.with(*name, self.filled()))
    }

    const fn names(&self) -> &'static [&'static str] {
        match self.schema {
            Schema::Workload | Schema::Deliverable => &["workload", "deliverable"],
            Schema::Runnable => &["runnable"],
        }
    }
}

/// Builds what the template of a resource sees; `inputs` as [`crate::inputs::Inputs`] adds them.
pub(crate) fn of_resource<'a>(
    subject: &'a Subject,
    params: Map<String, Value>,
    inputs: Map<String, Value>,
    labels: &Labels,
) -> Scope<'a> {
    let mut scope = subject.add(Scope::new());
    for (name, value) in inputs {
        scope = scope.with_owned(name, value);
    }
    scope
        .with_owned("params", Value::Object(params))
        .with_owned("labels", labels.shared())
}

/// Builds what a run template sees.
pub(crate) fn of_runnable<'a>(subject: &'a Subject, selected: &'a Value) -> Scope<'a> {
    subject.add(Scope::new()).with("selected", selected)
}
