//! How many nodes an overlay item must match.
//!
//! Source: ytt pkg/yttlibrary/overlay/match_annotation_expects_kwarg.go,
//! match_child_defaults_annotation.go.

use crate::annotation::name;
use crate::node::Common;
use crate::position::Position;
use crate::star::{Error, Thread, Value};

/// The keyword arguments that say how many nodes must match.
#[derive(Clone, Default)]
pub(super) struct Expects {
    pub(super) expects: Option<Value>,
    pub(super) missing_ok: Option<Value>,
    pub(super) when: Option<Value>,
}

/// What `overlay/match-child-defaults` says for everything below.
#[derive(Clone, Default)]
pub(super) struct ChildDefaults(Expects);

impl ChildDefaults {
    /// The defaults for the children of a node, on top of those of its parent.
    pub(super) fn of(node: &Common, parent: &Self) -> Result<Self, Error> {
        let mut own = Expects::default();
        let annotation = name::OVERLAY_MATCH_CHILD_DEFAULTS;
        for (kwarg, value) in node.annotations().kwargs(annotation).iter() {
            if !own.take(kwarg, value) {
                return Err(unknown_kwarg(annotation, kwarg));
            }
        }
        own.fill_in(parent);
        Ok(Self(own))
    }
}

/// The error for a keyword argument that an annotation does not have.
pub(super) fn unknown_kwarg(annotation: &str, kwarg: &str) -> Error {
    Error::new(format!(
        "Unknown '{annotation}' annotation keyword argument '{kwarg}'"
    ))
}

/// Why the number of matches is not right.
pub(super) enum Miscount {
    /// The item is to be skipped.
    Skip,
    Failed(Error),
}

impl From<Error> for Miscount {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Expects {
    /// Takes a keyword argument, if it is one of these.
    pub(super) fn take(&mut self, kwarg: &str, value: &Value) -> bool {
        let place = match kwarg {
            "expects" => &mut self.expects,
            "missing_ok" => &mut self.missing_ok,
            "when" => &mut self.when,
            _ => return false,
        };
        *place = Some(value.clone());
        true
    }

    pub(super) fn fill_in(&mut self, defaults: &ChildDefaults) {
        let fill = |own: &mut Option<Value>, default: &Option<Value>| {
            if own.is_none() {
                own.clone_from(default);
            }
        };
        fill(&mut self.expects, &defaults.0.expects);
        fill(&mut self.missing_ok, &defaults.0.missing_ok);
        fill(&mut self.when, &defaults.0.when);
    }

    pub(super) fn check(&self, matches: &[Position], thread: &mut Thread) -> Result<(), Miscount> {
        let conflict = |a: &str, b: &str| {
            let message =
                format!("Expected only one of keyword arguments ('{a}', '{b}') specified");
            Err(Miscount::Failed(Error::new(message)))
        };
        match (&self.missing_ok, &self.when, &self.expects) {
            (Some(_), _, Some(_)) => conflict("missing_ok", "expects"),
            (Some(_), Some(_), None) => conflict("missing_ok", "when"),
            (None, Some(_), Some(_)) => conflict("when", "expects"),
            (Some(Value::Bool(true)), None, None) => {
                let allowed = Value::list(vec![Value::Int(0), Value::Int(1)]);
                self.check_value(&allowed, "missing_ok", matches, thread)
            }
            (Some(Value::Bool(false)), None, None) => {
                self.check_value(&Value::Int(1), "missing_ok", matches, thread)
            }
            (Some(_), None, None) => Err(Miscount::Failed(Error::new(
                "Expected keyword argument 'missing_ok' to be a boolean",
            ))),
            (None, Some(when), None) => self.check_value(when, "when", matches, thread),
            (None, None, Some(expects)) => self.check_value(expects, "expects", matches, thread),
            (None, None, None) => self.check_value(&Value::Int(1), "", matches, thread),
        }
    }

    fn check_value(
        &self,
        wanted: &Value,
        kwarg: &str,
        matches: &[Position],
        thread: &mut Thread,
    ) -> Result<(), Miscount> {
        let found = i64::try_from(matches.len()).unwrap_or(i64::MAX);
        let miscount = |bound: String| {
            let at = lines(matches);
            let message =
                format!("Expected number of matched nodes to be {bound}, but was {found}{at}");
            self.miscount(message)
        };
        match wanted {
            Value::Int(wanted) if *wanted == found => Ok(()),
            Value::Int(wanted) => Err(miscount(wanted.to_string())),
            Value::Big(wanted) => Err(miscount(wanted.to_string())),
            Value::Str(text) => {
                let text = text.to_text();
                let least = text
                    .strip_suffix('+')
                    .and_then(|least| least.parse::<i64>().ok());
                match least {
                    Some(least) if found < least => Err(miscount(format!(">= {least}"))),
                    Some(_) => Ok(()),
                    None => Err(Miscount::Failed(Error::new(format!(
                        "Expected '{text}' to be in format 'i+' where i is an integer"
                    )))),
                }
            }
            Value::List(alternatives) => {
                let alternatives = alternatives.borrow().clone();
                let mut result = Ok(());
                for wanted in &alternatives {
                    result = self.check_value(wanted, kwarg, matches, thread);
                    if result.is_ok() {
                        break;
                    }
                }
                result
            }
            wanted if wanted.is_callable() => {
                match thread.call(wanted, &[Value::Int(found)], &[])? {
                    Value::Bool(true) => Ok(()),
                    Value::Bool(false) => {
                        let message = "Expectation of number of matched nodes failed";
                        Err(self.miscount(message.to_owned()))
                    }
                    _ => Err(Miscount::Failed(Error::new(format!(
                        "Expected keyword argument '{kwarg}' \
                         to have a function that returns a boolean"
                    )))),
                }
            }
            other => Err(Miscount::Failed(Error::new(format!(
                "Expected '{}' annotation keyword argument '{kwarg}' \
                 to be either int, string or function, but was {}",
                name::OVERLAY_MATCH,
                other.go_type()
            )))),
        }
    }

    /// With `when` a wrong number only means that the item does not apply.
    fn miscount(&self, message: String) -> Miscount {
        if self.when.is_some() {
            Miscount::Skip
        } else {
            Miscount::Failed(Error::new(message))
        }
    }
}

/// ` (lines: f:1, f:5)`, sorted as text.
fn lines(matches: &[Position]) -> String {
    if matches.is_empty() {
        return String::new();
    }
    let mut lines: Vec<_> = matches.iter().map(Position::compact).collect();
    lines.sort();
    format!(" (lines: {})", lines.join(", "))
}
