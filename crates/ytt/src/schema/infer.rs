//! From a schema document to types.
//!
//! Source: ytt pkg/schema/schema.go.

use std::rc::Rc;

use super::annotation;
use super::report::{SchemaFailure, report};
use super::{ScalarKind, SchemaProblem, Type, TypeKind, TypeRef};
use crate::annotation::name;
use crate::node::{Array, Map, NODE_BYTES, Node, Value, walk};
use crate::position::Position;
use crate::star::Thread;
use crate::validation::NodeValidation;

/// The type that a schema document stands for.
///
/// # Errors
/// The report of what is wrong with it.
pub(crate) fn infer(document: &Node, thread: &mut Thread) -> Result<TypeRef, String> {
    let mut inference = Inference { thread };
    inference
        .part(document, TypeKind::Document)
        .map_err(as_message)
}

/// A problem as a message of its own.
fn as_message(problem: SchemaProblem) -> String {
    match problem {
        SchemaProblem::Message(message) => message,
        failure @ SchemaProblem::Failure(_) => report("Invalid schema", [failure]),
    }
}

pub(super) struct Inference<'a> {
    pub(super) thread: &'a mut Thread,
}

impl Inference<'_> {
    /// The type of a document or item: what its value is, with defaults and rules.
    fn part(
        &mut self,
        node: &Node,
        kind: impl FnOnce(TypeRef) -> TypeKind,
    ) -> Result<TypeRef, SchemaProblem> {
        let value_type = self.value_type(node)?;
        let default = self.default_of(node, &value_type)?;
        let validation = self.validation(node)?;
        value_type.set_default(default.clone());
        let mut part = Type::new(kind(value_type), node.position(), default);
        part.validation = validation;
        Ok(Rc::new(part))
    }

    /// The type of the value of a document or item.
    fn value_type(&mut self, node: &Node) -> Result<TypeRef, SchemaProblem> {
        let value = node.value().unwrap_or_default();
        let annotated = annotation::type_of(self, node).map_err(annotation::invalid_schema)?;
        let found = match annotated {
            Some(found) => Some(found),
            None => self.of_value(&value, &node.position())?,
        };
        let found = match found {
            Some(found) if matches!(found.kind, TypeKind::Any) => {
                if let Value::Node(node) = &value {
                    walk(node, self.thread.budget(), &mut annotation::refuse_nested)?;
                }
                found
            }
            Some(found) if !value.is_null() => found,
            _ => return Err(null_not_allowed(node.position()).into()),
        };
        annotation::document(node, &found, self.thread.budget())?;
        Ok(found)
    }

    /// The type that a value stands for; none for null.
    pub(super) fn of_value(
        &mut self,
        value: &Value,
        position: &Position,
    ) -> Result<Option<TypeRef>, SchemaProblem> {
        self.thread.budget().allocate_tree(NODE_BYTES)?;
        let found = match value {
            Value::Node(node @ Node::Document(_)) => self.part(node, TypeKind::Document)?,
            Value::Node(Node::Map(map)) => self.of_map(map)?,
            Value::Node(Node::Array(array)) => self.of_array(array)?,
            Value::Scalar(scalar) => match ScalarKind::of(scalar) {
                Some(kind) => {
                    let kind = TypeKind::Scalar(kind);
                    Rc::new(Type::new(kind, position.clone(), value.clone()))
                }
                None => return Ok(None),
            },
            other => {
                return Err(SchemaProblem::Message(format!(
                    "Expected value '{}' to be a map, array, or scalar, but was {}",
                    other.go_string(),
                    other.type_name()
                )));
            }
        };
        Ok(Some(found))
    }

    fn of_map(&mut self, map: &Map) -> Result<TypeRef, SchemaProblem> {
        let mut items = Vec::new();
        for item in map.items.borrow().iter() {
            let key = item.key.borrow().clone();
            let node = Node::MapItem(Rc::clone(item));
            items.push(self.part(&node, |value| TypeKind::MapItem { key, value })?);
        }
        Ok(Rc::new(Type::new(
            TypeKind::Map(items),
            map.common.position(),
            Value::NULL,
        )))
    }

    fn of_array(&mut self, array: &Array) -> Result<TypeRef, SchemaProblem> {
        let items = array.items.borrow().clone();
        let position = array.common.position();
        let [item] = items.as_slice() else {
            let summary = "Invalid schema - wrong number of items in array definition";
            let failure = SchemaFailure {
                position,
                expected: "exactly 1 array item, of the desired type".to_owned(),
                found: format!("{} array items", items.len()),
                hints: [
                    "in schema, the one item of the array implies the type of its elements.",
                    "in schema, the default value for an array is always an empty list.",
                    "default values can be overridden via a data values overlay.",
                ]
                .map(str::to_owned)
                .into(),
                ..SchemaFailure::default()
            };
            return Err(SchemaProblem::Message(report(summary, [failure.into()])));
        };
        let item = self.part(&Node::ArrayItem(Rc::clone(item)), TypeKind::ArrayItem)?;
        let default = Value::array(Array::default());
        Ok(Rc::new(Type::new(TypeKind::Array(item), position, default)))
    }

    fn default_of(&self, node: &Node, value_type: &TypeRef) -> Result<Value, SchemaProblem> {
        let budget = self.thread.budget();
        match annotation::default(node, value_type, budget)? {
            Some(value) => Ok(value),
            None => Ok(value_type.default_value(budget)?),
        }
    }

    fn validation(&mut self, node: &Node) -> Result<Option<Rc<NodeValidation>>, SchemaProblem> {
        let found = node
            .common()
            .annotations()
            .get(name::SCHEMA_VALIDATION)
            .cloned();
        let Some(found) = found else { return Ok(None) };
        match crate::validation::parse(&found, self.thread) {
            Ok(validation) => Ok(Some(Rc::new(validation))),
            Err(problem) => Err(SchemaProblem::Message(format!(
                "Invalid @{} annotation - {problem}",
                name::SCHEMA_VALIDATION
            ))),
        }
    }
}

fn null_not_allowed(position: Position) -> String {
    let failure = SchemaFailure {
        position,
        expected: "non-null value".to_owned(),
        found: "null value".to_owned(),
        hints: [
            "in YAML, omitting a value implies null.",
            "to set the default value to null, annotate with @schema/nullable.",
            "to allow any value, annotate with @schema/type any=True.",
        ]
        .map(str::to_owned)
        .into(),
        ..SchemaFailure::default()
    };
    report(
        "Invalid schema - null value not allowed here",
        [failure.into()],
    )
}
