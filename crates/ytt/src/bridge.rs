//! Between values of the language and values of the tree.
//!
//! Source: ytt pkg/template/core/starlark_value.go, go_value.go,
//! pkg/yamltemplate/go_value_with_yaml.go.

use std::rc::Rc;

use crate::fragment::Fragment;
use crate::node::{Dict, Node, PLAIN_BYTES, Scalar, Value};
use crate::star::{self, Budget};

/// Deepest nesting of a value that passes between template and tree.
///
/// Trees are walked recursively; this bound keeps every walk within a thread's stack.
pub(crate) const MAX_DEPTH: u32 = 250;

/// The tree's view of a value of the language. Parts that are shared are copied, and paid for, at
/// every place.
///
/// # Errors
/// Values that do not become YAML: functions, values with a hint, very large integers. Or a used
/// up budget.
pub(crate) fn to_tree(value: &star::Value, budget: &Budget) -> Result<Value, star::Error> {
    ToTree { budget }.value(value, 0)
}

struct ToTree<'a> {
    budget: &'a Budget,
}

impl ToTree<'_> {
    fn value(&self, value: &star::Value, depth: u32) -> Result<Value, star::Error> {
        if depth > MAX_DEPTH {
            return Err(too_deep(self.budget));
        }
        self.budget.allocate_tree(PLAIN_BYTES)?;
        Ok(match value {
            star::Value::None => Value::NULL,
            star::Value::Bool(value) => Value::Scalar(Scalar::Bool(*value)),
            star::Value::Int(value) => Value::Scalar(Scalar::Int64(*value)),
            star::Value::Big(big) => match u64::try_from(&**big) {
                Ok(value) => Value::Scalar(Scalar::Uint(value)),
                Err(_) => return Err(star::Error::panic("not sure how to get int")),
            },
            star::Value::Float(value) => Value::Scalar(Scalar::Float(*value)),
            star::Value::Str(text) => Value::Scalar(Scalar::Str(text.clone())),
            star::Value::List(list) => self.items(list.borrow().iter(), depth)?,
            star::Value::Tuple(tuple) => self.items(tuple.iter(), depth)?,
            star::Value::Set(set) => self.items(set.items().iter(), depth)?,
            star::Value::Dict(dict) => {
                let mut entries = Vec::with_capacity(dict.len());
                for (key, value) in dict.items() {
                    let key = self.value(&key, depth + 1)?;
                    entries.push((key, self.value(&value, depth + 1)?));
                }
                Value::Dict(Rc::new(Dict { entries }))
            }
            star::Value::Struct(value) => {
                if let Some(hint) = value.conversion_hint() {
                    return Err(cannot_convert(&hint));
                }
                let mut entries = Vec::with_capacity(value.len());
                for (name, value) in value.fields() {
                    entries.push((Value::text(name.clone()), self.value(value, depth + 1)?));
                }
                Value::Dict(Rc::new(Dict { entries }))
            }
            star::Value::Custom(custom) => {
                if let Some(hint) = custom.conversion_hint() {
                    return Err(cannot_convert(&hint));
                }
                match custom.as_any().downcast_ref::<Fragment>() {
                    Some(fragment) => fragment.value().clone(),
                    None => return Err(unknown_type(value)),
                }
            }
            star::Value::Range(_)
            | star::Value::Elems(_)
            | star::Value::Function(_)
            | star::Value::Native(_)
            | star::Value::Method(_)
            | star::Value::Closure(_) => return Err(unknown_type(value)),
        })
    }

    fn items<'a>(
        &self,
        items: impl Iterator<Item = &'a star::Value>,
        depth: u32,
    ) -> Result<Value, star::Error> {
        let items: Result<_, _> = items.map(|item| self.value(item, depth + 1)).collect();
        Ok(Value::List(Rc::new(items?)))
    }
}

fn cannot_convert(hint: &str) -> star::Error {
    star::Error::new(format!("Unable to convert value: {hint}"))
}

fn unknown_type(value: &star::Value) -> star::Error {
    star::Error::panic(format!(
        "unknown type {} for conversion to go value",
        value.go_type()
    ))
}

/// A value that is nested too deeply.
pub(crate) fn nested_too_deeply() -> star::Error {
    star::Error::budget(format!(
        "value is nested deeper than the budget of {MAX_DEPTH} levels"
    ))
}

/// Ends the run because of a value that is nested too deeply.
pub(crate) fn too_deep(budget: &Budget) -> star::Error {
    budget.refuse(nested_too_deeply())
}

/// What becomes of dicts on their way into the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DictAs {
    Dict,
    Struct,
}

/// The language's view of a value of the tree: nodes become fragments, dicts dicts.
///
/// # Errors
/// An item or document, which no value may be; the original crashes there. Or a used up budget.
pub(crate) fn from_tree(value: &Value, budget: &Rc<Budget>) -> Result<star::Value, star::Error> {
    let dict_as = DictAs::Dict;
    FromTree { dict_as, budget }.value(value)
}

/// The same for data values: dicts become structs.
///
/// # Errors
/// A key that is not a string, or an item or document. Or a used up budget.
pub(crate) fn from_tree_with_structs(
    value: &Value,
    budget: &Rc<Budget>,
) -> Result<star::Value, star::Error> {
    let dict_as = DictAs::Struct;
    FromTree { dict_as, budget }.value(value)
}

struct FromTree<'a> {
    dict_as: DictAs,
    budget: &'a Rc<Budget>,
}

impl FromTree<'_> {
    fn value(&self, value: &Value) -> Result<star::Value, star::Error> {
        self.budget.allocate_tree(PLAIN_BYTES)?;
        Ok(match value {
            Value::Scalar(scalar) => from_scalar(scalar),
            Value::List(items) => {
                let items: Result<_, _> = items.iter().map(|item| self.value(item)).collect();
                star::Value::list(items?)
            }
            Value::Dict(dict) if self.dict_as == DictAs::Struct => {
                let mut fields = Vec::with_capacity(dict.entries.len());
                for (key, value) in &dict.entries {
                    let Some(name) = key.as_str() else {
                        return Err(star::Error::panic(format!(
                            "expected struct key {} to be string",
                            key.go_string()
                        )));
                    };
                    fields.push((name.clone(), self.value(value)?));
                }
                star::Value::Struct(Rc::new(star::Struct::new(fields)))
            }
            Value::Dict(dict) => {
                let mut entries = Vec::with_capacity(dict.entries.len());
                for (key, value) in &dict.entries {
                    entries.push((self.value(key)?, self.value(value)?));
                }
                star::Value::Dict(Rc::new(star::Dict::from_entries(entries)?))
            }
            Value::Node(Node::Map(_) | Node::Array(_) | Node::DocumentSet(_)) => {
                Fragment::new(value.clone(), Rc::clone(self.budget)).into_value()
            }
            Value::Node(node) => {
                return Err(star::Error::panic(format!(
                    "Unexpected {} in conversion of fragment",
                    node.go_type()
                )));
            }
        })
    }
}

pub(crate) fn from_scalar(scalar: &Scalar) -> star::Value {
    match scalar {
        Scalar::Null => star::Value::None,
        Scalar::Bool(value) => star::Value::Bool(*value),
        Scalar::Int(value) | Scalar::Int64(value) => star::Value::Int(*value),
        Scalar::Uint(value) => star::Value::from_big((*value).into()),
        Scalar::Float(value) => star::Value::Float(*value),
        Scalar::Str(text) => star::Value::Str(text.clone()),
    }
}

/// A string, for arguments that must be one.
///
/// # Errors
/// When the value is something else.
pub(crate) fn as_string(value: &star::Value) -> Result<&star::Str, star::Error> {
    match value {
        star::Value::Str(text) => Ok(text),
        other => Err(star::Error::new(format!(
            "expected a string, but was {}",
            other.type_name()
        ))),
    }
}

/// A boolean, for arguments that must be one.
///
/// # Errors
/// When the value is something else.
pub(crate) fn as_bool(value: &star::Value) -> Result<bool, star::Error> {
    match value {
        star::Value::Bool(value) => Ok(*value),
        other => Err(star::Error::new(format!(
            "expected starlark.Bool, but was {}",
            other.go_type()
        ))),
    }
}

/// An integer, for arguments that must be one.
///
/// # Errors
/// When the value is something else or too large.
pub(crate) fn as_int(value: &star::Value) -> Result<i64, star::Error> {
    match value {
        star::Value::Int(value) => Ok(*value),
        star::Value::Big(_) => Err(star::Error::new("expected int64 value")),
        _ => Err(star::Error::new("expected starlark.Int")),
    }
}
