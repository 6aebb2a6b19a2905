//! `yamlfragment`: a piece of the tree as a value of the language.
//!
//! Source: ytt pkg/yamltemplate/starlark_fragment.go.

use std::any::Any;
use std::rc::Rc;

use crate::bridge::{from_tree, to_tree};
use crate::node::{Node, PLAIN_BYTES, Scalar, Value};
use crate::star::{self, Access, Budget, Custom};

const TYPE_NAME: &str = "yamlfragment";

/// A map, array or document set; null when a function emitted no node.
#[derive(Debug)]
pub(crate) struct Fragment {
    value: Value,
    /// Who pays for looking into it.
    budget: Rc<Budget>,
}

impl Fragment {
    pub(crate) fn new(value: Value, budget: Rc<Budget>) -> Self {
        Self { value, budget }
    }

    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    pub(crate) fn into_value(self) -> star::Value {
        star::Value::Custom(Rc::new(self))
    }

    fn shown(&self, value: &Value) -> Result<star::Value, star::Error> {
        from_tree(value, &self.budget)
    }

    /// The key of a map at a place, or the element of an array or document set.
    fn at(&self, index: usize) -> Option<Value> {
        match &self.value {
            Value::Node(Node::Map(map)) => {
                let items = map.items.borrow();
                items.get(index).map(|item| item.key.borrow().clone())
            }
            Value::Node(Node::Array(array)) => {
                let items = array.items.borrow();
                items.get(index).map(|item| item.value.borrow().clone())
            }
            Value::Node(Node::DocumentSet(set)) => {
                let items = set.items.borrow();
                items.get(index).map(|item| item.value.borrow().clone())
            }
            _ => None,
        }
    }

    fn element(&self, key: &Value, what: &str) -> Result<Access, star::Error> {
        let Value::Scalar(Scalar::Int64(wanted)) = key else {
            // The original swaps the two words for document sets.
            let (prefix, found) = match what {
                "array" => (TYPE_NAME, key.go_type()),
                _ => (key.go_type(), TYPE_NAME),
            };
            return Err(star::Error::new(format!(
                "{prefix}.Get: Expected {what} index to be an int64, but was {found}"
            )));
        };
        match usize::try_from(*wanted).ok().and_then(|at| self.at(at)) {
            Some(value) => Ok(Access::Found(self.shown(&value)?)),
            None => Ok(Access::Missing),
        }
    }
}

impl Custom for Fragment {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &str {
        TYPE_NAME
    }

    fn go_type(&self) -> &'static str {
        "*yamltemplate.StarlarkFragment"
    }

    fn to_text(&self) -> String {
        format!("{TYPE_NAME}({})", self.value.go_type())
    }

    fn truth(&self) -> bool {
        self.len().is_some_and(|len| len > 0)
    }

    fn len(&self) -> Option<usize> {
        Some(match &self.value {
            Value::Node(Node::Map(map)) => map.items.borrow().len(),
            Value::Node(Node::Array(array)) => array.items.borrow().len(),
            Value::Node(Node::DocumentSet(set)) => set.items.borrow().len(),
            _ => 0,
        })
    }

    fn iterate(&self) -> Option<Box<dyn Iterator<Item = star::Value>>> {
        // An iteration sees the items that were there when it began.
        let len = self.len().unwrap_or_default();
        let values: Vec<_> = (0..len).filter_map(|at| self.at(at)).collect();
        let budget = Rc::clone(&self.budget);
        if budget.allocate(len.saturating_mul(PLAIN_BYTES)).is_err() {
            return Some(Box::new(std::iter::empty()));
        }
        // What cannot be shown is a budget that is used up, which ends the run at its next step:
        // a key or value that is an item cannot exist, because adding one fails.
        Some(Box::new(values.into_iter().map(move |value| {
            from_tree(&value, &budget).unwrap_or(star::Value::None)
        })))
    }

    fn get(&self, key: &star::Value) -> Result<Access, star::Error> {
        let key = to_tree(key, &self.budget)?;
        match &self.value {
            Value::Node(Node::Map(map)) => {
                let items = map.items.borrow();
                self.budget.work(items.len() / 4)?;
                match items.iter().find(|item| item.key.borrow().deep_equal(&key)) {
                    Some(item) => Ok(Access::Found(self.shown(&item.value.borrow())?)),
                    None => Ok(Access::Missing),
                }
            }
            Value::Node(Node::Array(_)) => self.element(&key, "array"),
            Value::Node(Node::DocumentSet(_)) => self.element(&key, "document set"),
            _ => Ok(Access::Missing),
        }
    }

    fn items(&self) -> Result<Option<Vec<(star::Value, star::Value)>>, star::Error> {
        match &self.value {
            Value::Node(Node::Map(map)) => {
                let mut items = Vec::new();
                for item in map.items.borrow().iter() {
                    let key = self.shown(&item.key.borrow())?;
                    items.push((key, self.shown(&item.value.borrow())?));
                }
                Ok(Some(items))
            }
            Value::Scalar(_) => Ok(Some(Vec::new())),
            other => Err(star::Error::panic(format!(
                "{TYPE_NAME}.Items: Expected value to be a map, but was {}",
                other.go_type()
            ))),
        }
    }

    fn set_key_error(&self) -> Option<String> {
        Some(format!("{TYPE_NAME}.SetKey: Not implemented"))
    }

    fn slice_error(&self) -> Option<star::Error> {
        Some(star::Error::panic(format!(
            "{TYPE_NAME}.Slice: Not implemented"
        )))
    }

    fn compare_error(&self) -> Option<String> {
        Some(format!("{TYPE_NAME}.CompareSameType: Not implemented"))
    }
}
