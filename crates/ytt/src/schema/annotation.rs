//! The annotations `@schema/…`.
//!
//! Source: ytt pkg/schema/annotations.go.

use std::rc::Rc;

use super::infer::Inference;
use super::report::{SchemaFailure, report};
use super::{Example, SchemaProblem, Type, TypeKind, TypeRef, assign, check, check_node};
use crate::annotation::{Annotation, name};
use crate::bridge::{as_bool, as_string, to_tree};
use crate::node::{DeepCopy, Node, Value, plain_to_nodes};
use crate::position::Position;
use crate::star::{self, Budget};

/// The type that `@schema/type` and `@schema/nullable` give, if any.
pub(super) fn type_of(
    inference: &mut Inference<'_>,
    node: &Node,
) -> Result<Option<TypeRef>, SchemaProblem> {
    let annotations = node.common().annotations().clone();
    let value = node.value().unwrap_or_default();
    let mut is_any = false;
    if let Some(annotation) = annotations.get(name::SCHEMA_TYPE) {
        is_any = any_argument(annotation, &node.position())?;
    }
    let nullable = annotations.get(name::SCHEMA_NULLABLE);
    if let Some(annotation) = nullable {
        check_nullable(annotation, &node.position())?;
    }
    if is_any {
        let any = Type::new(TypeKind::Any, node.position(), value);
        if nullable.is_some() {
            any.set_default(Value::NULL);
        }
        return Ok(Some(Rc::new(any)));
    }
    if nullable.is_none() {
        return Ok(None);
    }
    let Some(inferred) = inference.of_value(&value, &node.position())? else {
        // That null is not allowed is reported in its own words.
        return Ok(None);
    };
    Ok(Some(Rc::new(Type::new(
        TypeKind::Null(inferred),
        node.position(),
        Value::NULL,
    ))))
}

fn any_argument(annotation: &Annotation, position: &Position) -> Result<bool, SchemaProblem> {
    let at = annotation.position.compact();
    let failure = |description: &str, expected: &str, found: String, hint: &str| SchemaFailure {
        annotations: vec![annotation.position.clone()],
        position: position.clone(),
        description: description.to_owned(),
        expected: expected.to_owned(),
        found,
        hints: vec![hint.to_owned()],
    };
    if annotation.kwargs.is_empty() {
        return Err(failure(
            "expected @schema/type annotation to have keyword argument and value",
            "valid keyword argument and value",
            format!("missing keyword argument and value (by {at})"),
            "Supported key-value pairs are 'any=True', 'any=False'",
        )
        .into());
    }
    let mut is_any = false;
    for (kwarg, value) in annotation.kwargs.iter() {
        let unknown = "unknown @schema/type annotation keyword argument";
        let supported = "Supported kwargs are 'any'";
        if kwarg != "any" {
            let found = format!("{kwarg} (by {at})");
            return Err(failure(unknown, "A valid kwarg", found, supported).into());
        }
        is_any = as_bool(value).map_err(|_| {
            let found = format!("{} (by {at})", value.go_type());
            failure(unknown, "starlark.Bool", found, supported)
        })?;
    }
    Ok(is_any)
}

fn check_nullable(annotation: &Annotation, position: &Position) -> Result<(), SchemaProblem> {
    if annotation.kwargs.is_empty() {
        return Ok(());
    }
    Err(SchemaFailure {
        annotations: vec![annotation.position.clone()],
        position: position.clone(),
        description: "expected @schema/nullable annotation to not contain any keyword arguments"
            .to_owned(),
        expected: "starlark.Bool".to_owned(),
        found: format!(
            "keyword argument in @schema/nullable (by {})",
            annotation.position.compact()
        ),
        hints: vec!["Supported kwargs are 'any'".to_owned()],
    }
    .into())
}

/// The value of `@schema/default`, checked against the type.
pub(super) fn default(
    node: &Node,
    value_type: &TypeRef,
    budget: &Budget,
) -> Result<Option<Value>, SchemaProblem> {
    let annotations = node.common().annotations().clone();
    if let Some(annotation) = annotations.get(name::SCHEMA_NULLABLE) {
        check_nullable(annotation, &node.position()).map_err(invalid_schema)?;
    }
    let Some(annotation) = annotations.get(name::SCHEMA_DEFAULT) else {
        return Ok(None);
    };
    if let Node::ArrayItem(_) = node {
        let failure = SchemaFailure {
            annotations: vec![annotation.position.clone()],
            position: node.position(),
            hints: vec![
                "do you mean to set a default value for the array?".to_owned(),
                "set an array's default by annotating its parent.".to_owned(),
            ],
            ..SchemaFailure::default()
        };
        let summary = "Invalid schema - @schema/default not supported on array item";
        let message = report(summary, [failure.into()]);
        return Err(invalid_schema(SchemaProblem::Message(message)));
    }
    let given = default_argument(annotation, value_type, &node.position(), budget)
        .map_err(invalid_schema)?;
    let (value, failures) = match given {
        Value::Node(given) => {
            let given = given.deep_copy(budget)?;
            let mut failures = assign(value_type, &given, budget)?;
            if failures.is_empty() {
                failures = check_node(&given, budget)?;
            }
            (Value::Node(given), failures)
        }
        scalar => {
            let failures = check::check(value_type, &holder_of(&scalar, value_type), budget)?;
            (scalar, failures)
        }
    };
    if failures.is_empty() {
        return Ok(Some(value));
    }
    let summary = "Invalid schema - @schema/default is wrong type";
    Err(SchemaProblem::Message(report(
        summary,
        blame(failures, annotation, "at"),
    )))
}

/// An item that holds a scalar where the type was defined, to check the scalar in.
fn holder_of(scalar: &Value, value_type: &Type) -> Node {
    let item = crate::node::MapItem::default();
    *item.value.borrow_mut() = scalar.clone();
    item.common.set_position(value_type.position.clone());
    Node::MapItem(Rc::new(item))
}

/// Failures that an annotation is to blame for.
fn blame(
    failures: Vec<SchemaFailure>,
    annotation: &Annotation,
    preposition: &str,
) -> Vec<SchemaProblem> {
    let at = annotation.position.compact();
    failures
        .into_iter()
        .map(|mut failure| {
            failure.annotations = vec![annotation.position.clone()];
            failure.found = format!("{} ({preposition} {at})", failure.found);
            failure.into()
        })
        .collect()
}

pub(super) fn invalid_schema(problem: SchemaProblem) -> SchemaProblem {
    SchemaProblem::Message(report("Invalid schema", [problem]))
}

fn default_argument(
    annotation: &Annotation,
    value_type: &Type,
    position: &Position,
    budget: &Budget,
) -> Result<Value, SchemaProblem> {
    let expected = format!(
        "{} (by {})",
        value_type.name(),
        value_type.position.compact()
    );
    let syntax = Syntax {
        name: name::SCHEMA_DEFAULT,
        annotation,
        position,
        expected,
    };
    if !annotation.kwargs.is_empty() {
        let hints = [
            "this annotation only accepts one argument: the default value.",
            "value must be in Starlark format, e.g.: {'key': 'value'}, True.",
        ];
        return Err(syntax.keyword_argument(&hints).into());
    }
    let value = to_tree(syntax.only_argument()?, budget)?;
    Ok(plain_to_nodes(&value, position, budget)?)
}

/// Puts title, description, deprecation and examples into the type.
pub(super) fn document(
    node: &Node,
    value_type: &TypeRef,
    budget: &Budget,
) -> Result<(), SchemaProblem> {
    let annotations = node.common().annotations().clone();
    let position = node.position();
    if let Some(annotation) = annotations.get(name::SCHEMA_DESC) {
        let text = text_argument(name::SCHEMA_DESC, annotation, &position);
        let text = text.map_err(invalid_schema)?;
        value_type.document(|documentation| documentation.description = text);
    }
    if let Some(annotation) = annotations.get(name::SCHEMA_TITLE) {
        let text = text_argument(name::SCHEMA_TITLE, annotation, &position);
        let text = text.map_err(invalid_schema)?;
        value_type.document(|documentation| documentation.title = text);
    }
    let examples = match annotations.get(name::SCHEMA_EXAMPLES) {
        Some(annotation) => Some((
            annotation,
            examples(annotation, &position, budget).map_err(invalid_schema)?,
        )),
        None => None,
    };
    if let Some(annotation) = annotations.get(name::SCHEMA_DEPRECATED) {
        if let Node::Document(_) = node {
            let failure = SchemaFailure {
                description: "@schema/deprecated not supported on a document".to_owned(),
                annotations: vec![annotation.position.clone()],
                position,
                hints: vec![
                    "do you mean to deprecate the entire schema document?".to_owned(),
                    "use schema/deprecated on individual keys.".to_owned(),
                ],
                ..SchemaFailure::default()
            };
            return Err(invalid_schema(failure.into()));
        }
        let text = text_argument(name::SCHEMA_DEPRECATED, annotation, &position);
        text.map_err(invalid_schema)?;
        value_type.document(|documentation| documentation.deprecated = true);
    }
    if let Some((annotation, examples)) = examples {
        check_examples(annotation, &examples, value_type, budget)?;
        value_type.document(|documentation| documentation.examples = examples);
    }
    Ok(())
}

fn text_argument(
    name: &'static str,
    annotation: &Annotation,
    position: &Position,
) -> Result<String, SchemaProblem> {
    let syntax = Syntax {
        name,
        annotation,
        position,
        expected: "string".to_owned(),
    };
    if !annotation.kwargs.is_empty() {
        let hint = "this annotation only accepts one argument: a string.";
        return Err(syntax.keyword_argument(&[hint]).into());
    }
    match as_string(syntax.only_argument()?) {
        Ok(text) => Ok(text.to_text().into_owned()),
        Err(_) => Err(syntax
            .failure(&format!("Non-string value in @{name}"))
            .into()),
    }
}

fn examples(
    annotation: &Annotation,
    position: &Position,
    budget: &Budget,
) -> Result<Vec<Example>, SchemaProblem> {
    let name = name::SCHEMA_EXAMPLES;
    let expected = "2-tuple containing description (string) and example value (of expected type)";
    let syntax = Syntax {
        name,
        annotation,
        position,
        expected: expected.to_owned(),
    };
    if !annotation.kwargs.is_empty() {
        return Err(syntax.keyword_argument(&[]).into());
    }
    if annotation.args.is_empty() {
        return Err(syntax.failure(&format!("missing value in @{name}")).into());
    }
    let mut examples = Vec::new();
    for arg in annotation.args.iter() {
        let star::Value::Tuple(tuple) = arg else {
            let found = format!("{} for @{name}", arg.type_name());
            return Err(syntax.failure_with(&found, "at").into());
        };
        match &tuple[..] {
            [] | [_] => {
                return Err(syntax.failure(&format!("empty tuple in @{name}")).into());
            }
            [description, value] => {
                let Ok(text) = as_string(description) else {
                    let found = format!("{} value for @{name}", description.type_name());
                    return Err(syntax.failure_with(&found, "at").into());
                };
                let value = to_tree(value, budget)?;
                examples.push(Example {
                    description: text.to_text().into_owned(),
                    value: plain_to_nodes(&value, position, budget)?,
                });
            }
            longer => {
                let found = format!("{}-tuple argument in @{name}", longer.len());
                return Err(syntax.failure(&found).into());
            }
        }
    }
    Ok(examples)
}

fn check_examples(
    annotation: &Annotation,
    examples: &[Example],
    value_type: &TypeRef,
    budget: &Budget,
) -> Result<(), SchemaProblem> {
    let mut failures = Vec::new();
    for example in examples {
        match &example.value {
            Value::Node(node) => {
                let node = node.deep_copy(budget)?;
                let mut found = assign(value_type, &node, budget)?;
                if found.is_empty() {
                    found = check_node(&node, budget)?;
                }
                failures.extend(found);
            }
            scalar => {
                let holder = holder_of(scalar, value_type);
                failures.extend(check::check(value_type, &holder, budget)?);
            }
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    let summary = "Invalid schema - @schema/examples has wrong type";
    Err(SchemaProblem::Message(report(
        summary,
        blame(failures, annotation, "by"),
    )))
}

/// Annotations that conflict with the type `any` around them.
pub(super) fn refuse_nested(node: &Node) -> Result<(), SchemaProblem> {
    let annotations = node.common().annotations();
    let found: Vec<_> = [
        name::SCHEMA_NULLABLE,
        name::SCHEMA_TYPE,
        name::SCHEMA_DEFAULT,
    ]
    .into_iter()
    .filter_map(|name| {
        annotations
            .get(name)
            .map(|found| (name, found.position.clone()))
    })
    .collect();
    if found.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
    let failure = SchemaFailure {
        annotations: found.iter().map(|(_, position)| position.clone()).collect(),
        position: node.position(),
        description: "Schema was specified within an \"any type\" fragment".to_owned(),
        expected: "no '@schema/...' on nodes within a node annotated '@schema/type any=True'"
            .to_owned(),
        found: format!("@{} annotation(s)", names.join(", @")),
        hints: vec![
            "an \"any type\" fragment has no constraints; \
             nested schema annotations conflict and are disallowed"
                .to_owned(),
        ],
    };
    Err(SchemaProblem::Message(report(
        "Invalid schema",
        [failure.into()],
    )))
}

/// What the errors about an annotation's arguments have in common.
struct Syntax<'a> {
    name: &'static str,
    annotation: &'a Annotation,
    position: &'a Position,
    expected: String,
}

impl<'a> Syntax<'a> {
    fn failure(&self, found: &str) -> SchemaFailure {
        self.failure_with(found, "by")
    }

    fn failure_with(&self, found: &str, preposition: &str) -> SchemaFailure {
        SchemaFailure {
            annotations: vec![self.annotation.position.clone()],
            position: self.position.clone(),
            description: format!("syntax error in @{} annotation", self.name),
            expected: self.expected.clone(),
            found: format!(
                "{found} ({preposition} {})",
                self.annotation.position.compact()
            ),
            hints: Vec::new(),
        }
    }

    fn keyword_argument(&self, hints: &[&str]) -> SchemaFailure {
        let failure = self.failure(&format!("keyword argument in @{}", self.name));
        SchemaFailure {
            hints: hints.iter().map(|hint| (*hint).to_owned()).collect(),
            ..failure
        }
    }

    fn only_argument(&self) -> Result<&'a star::Value, SchemaFailure> {
        match &self.annotation.args[..] {
            [] => Err(self.failure(&format!("missing value in @{}", self.name))),
            [only] => Ok(only),
            more => Err(self.failure(&format!("{} values in @{}", more.len(), self.name))),
        }
    }
}
