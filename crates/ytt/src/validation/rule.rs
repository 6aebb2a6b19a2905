//! A rule, the conditions under which it is checked, and what OpenAPI can say of it.

use std::rc::Rc;

use crate::bridge::{as_bool, to_tree};
use crate::node::Value as Tree;
use crate::star::{Budget, Error, Struct, Thread, Value};

/// What constitutes a valid value, in words and as a function.
pub(super) struct Rule {
    pub(super) description: String,
    pub(super) check: Value,
    /// Rules of higher priority are checked first.
    pub(super) priority: i32,
    /// Whether a violation makes further rules pointless.
    pub(super) is_critical: bool,
}

/// The rules in the order in which they are checked.
pub(super) fn by_priority(rules: &[Rule]) -> Vec<&Rule> {
    let mut sorted: Vec<_> = rules.iter().collect();
    sorted.sort_by_key(|rule| -rule.priority);
    sorted
}

/// When the rules of an annotation are checked.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) when: Option<Value>,
    pub(super) not_null: bool,
    pub(super) simple: Simple,
}

/// Bounds that OpenAPI has words for.
#[derive(Default)]
pub(crate) struct Simple {
    pub(crate) min_len: Option<Value>,
    pub(crate) max_len: Option<Value>,
    pub(crate) min: Option<Value>,
    pub(crate) max: Option<Value>,
    pub(crate) one_of: Option<Value>,
}

impl Conditions {
    /// Whether the rules are to be checked; `context` gives the values of parent and root.
    pub(super) fn hold(
        &self,
        value: &Value,
        context: impl FnOnce() -> Result<(Value, Value), Error>,
        thread: &mut Thread,
    ) -> Result<bool, Error> {
        if matches!(value, Value::None) && !self.not_null {
            return Ok(false);
        }
        let Some(when) = &self.when else {
            return Ok(true);
        };
        // The original crashes when the function is one of its own.
        let params = match when {
            Value::Function(function) => function.num_params(),
            _ => 1,
        };
        let mut args = vec![value.clone()];
        match params {
            1 => {}
            2 => {
                let (parent, root) = context()?;
                let fields = vec![("parent".into(), parent), ("root".into(), root)];
                args.push(Value::Struct(Rc::new(Struct::new(fields))));
            }
            given => {
                return Err(Error::new(format!(
                    "Failed to evaluate when=: \
                     function must accept 1 or 2 arguments ({given} given)"
                )));
            }
        }
        let result = thread
            .call(when, &args, &[])
            .map_err(|error| error.after("Failure evaluating when=: "))?;
        as_bool(&result)
            .map_err(|_| Error::new(format!("want when= to be bool, got {}", result.type_name())))
    }
}

impl super::NodeValidation {
    /// The bounds that hold under all circumstances.
    pub(crate) fn unconditional(&self) -> Option<&Simple> {
        self.conditions
            .when
            .is_none()
            .then_some(&self.conditions.simple)
    }
}

impl Simple {
    /// The values that are allowed, when all of them can be written as YAML.
    pub(crate) fn allowed(&self, budget: &Budget) -> Option<Vec<Tree>> {
        let values = self.one_of.as_ref()?.elements()?;
        let values = values.iter();
        values.map(|value| to_tree(value, budget).ok()).collect()
    }
}
