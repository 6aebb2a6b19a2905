//! `$(…)$` in templates.
//!
//! Shape: only texts that stand as values are looked at, never keys, and results are not looked
//! at again. A text that is one tag and nothing else becomes the value itself, whatever its type;
//! otherwise each tag is printed into the text. A `$(` without `)$` is ordinary text, which is
//! why Tekton's `$(params.x)` stays as it is. There is no escape.
//!
//! Source: cartographer `pkg/templates/stamper.go`, `interpolator.go`, v0.8.10.
//!
//! Differs: keys are visited in sorted order, so that of several mistakes always the same is
//! named; whole numbers keep all their digits.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use crate::go;
use crate::jsonpath::{MAX_DEPTH, Root};
use crate::path::{Path, PathError};

/// A template, compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// Anything without a tag.
    Literal(Value),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    /// A text that is one tag, and where its expression begins.
    Whole(Path, usize),
    /// A text with tags in it.
    Inline(Vec<Part>),
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Tag(Path, usize),
}

/// A tag, and where in the template it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag<'a> {
    /// Where, as error texts have it: `spec.list.[0]key`.
    pub at: String,
    /// What is between `$(` and `)$`.
    pub path: &'a Path,
    /// Whether it is all of the text.
    pub whole: bool,
    /// The byte of the text at which `path` begins.
    pub offset: usize,
}

/// A tag that cannot be filled in. The text is the original's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterpolateError {
    at: String,
    tag: Box<str>,
    cause: Cause,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Whole(PathError),
    Inline(PathError),
    Null,
}

impl InterpolateError {
    /// Returns where in the template the tag stands, such as `spec.list.[0]key`.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Returns the expression.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Returns what is wrong with the expression, unless it gave null.
    pub fn path_error(&self) -> Option<&PathError> {
        match &self.cause {
            Cause::Whole(error) | Cause::Inline(error) => Some(error),
            Cause::Null => None,
        }
    }
}

impl fmt::Display for InterpolateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "failed to recursively evaluate template: failed to interpolate template at path [{}]: ",
            self.at
        )?;
        match &self.cause {
            Cause::Whole(error) => write!(f, "evaluate tag $({})$: {error}", self.tag),
            Cause::Inline(error) => write!(f, "interpolate tag: evaluate jsonpath: {error}"),
            Cause::Null => write!(
                f,
                "interpolate tag: tag must not point to nil value: {}",
                self.tag
            ),
        }
    }
}

impl std::error::Error for InterpolateError {}

impl Template {
    /// Compiles a template. Never fails: a malformed tag is an error when it is filled in, and
    /// [`Template::tags`] shows it before.
    pub fn compile(template: &Value) -> Self {
        Self {
            root: compile(template, 0),
        }
    }

    /// Fills in every tag.
    ///
    /// # Errors
    /// The first tag, in sorted order of keys, that gives no single value, or null in the middle
    /// of a text.
    pub fn render<'a>(&'a self, root: impl Into<Root<'a>>) -> Result<Value, InterpolateError> {
        let mut at = Vec::new();
        self.root.render(root.into(), &mut at)
    }

    /// Returns every tag in the order in which they are filled in.
    pub fn tags(&self) -> Vec<Tag<'_>> {
        let mut tags = Vec::new();
        self.root.collect(&mut Vec::new(), &mut tags);
        tags
    }
}

/// Deeper parts than [`MAX_DEPTH`] stay as they are; JSON readers refuse such values before.
fn compile(value: &Value, depth: usize) -> Node {
    let literal = || Node::Literal(with_whole_numbers(value));
    if depth > MAX_DEPTH {
        return Node::Literal(value.clone());
    }
    match value {
        Value::String(text) => compile_text(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| compile(item, depth + 1)).collect();
            if items.iter().all(Node::is_literal) {
                literal()
            } else {
                Node::Array(items)
            }
        }
        Value::Object(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, item)| (key.clone(), compile(item, depth + 1)))
                .collect();
            if entries.iter().all(|(_, item)| item.is_literal()) {
                literal()
            } else {
                Node::Object(entries)
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => literal(),
    }
}

fn compile_text(text: &str) -> Node {
    if text.matches("$(").count() == 1
        && let Some(tag) = text.strip_prefix("$(")
        && let Some(tag) = tag.strip_suffix(")$")
    {
        return Node::Whole(Path::new(tag), "$(".len());
    }
    let mut parts = Vec::new();
    let mut rest = text;
    let mut literal = String::new();
    while let Some((before, opened)) = rest.split_once("$(") {
        let Some((tag, after)) = opened.split_once(")$") else {
            break;
        };
        literal.push_str(before);
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        let offset = text.len() - opened.len();
        parts.push(Part::Tag(Path::new(tag), offset));
        rest = after;
    }
    if parts.is_empty() {
        return Node::Literal(text.into());
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Node::Inline(parts)
}

impl Node {
    fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    fn render<'a>(
        &'a self,
        root: Root<'a>,
        at: &mut Vec<Place<'a>>,
    ) -> Result<Value, InterpolateError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Object(entries) => {
                let mut object = Map::new();
                for (key, node) in entries {
                    at.push(Place::Key(key));
                    object.insert(key.clone(), node.render(root, at)?);
                    at.pop();
                }
                Ok(Value::Object(object))
            }
            Self::Array(items) => {
                let mut array = Vec::with_capacity(items.len());
                for (index, node) in items.iter().enumerate() {
                    at.push(Place::Index(index));
                    array.push(node.render(root, at)?);
                    at.pop();
                }
                Ok(Value::Array(array))
            }
            Self::Whole(path, _) => match path.evaluate(root) {
                Ok(value) => Ok(with_whole_numbers(&value)),
                Err(error) => Err(fail(at, path, Cause::Whole(error))),
            },
            Self::Inline(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(literal) => text.push_str(literal),
                        Part::Tag(path, _) => text.push_str(&inline(path, root, at)?),
                    }
                }
                Ok(Value::String(text))
            }
        }
    }

    fn collect<'a>(&'a self, at: &mut Vec<Place<'a>>, tags: &mut Vec<Tag<'a>>) {
        let tag = |path, offset, whole, at: &[Place<'_>]| Tag {
            at: print_place(at),
            path,
            whole,
            offset,
        };
        match self {
            Self::Literal(_) => {}
            Self::Object(entries) => {
                for (key, node) in entries {
                    at.push(Place::Key(key));
                    node.collect(at, tags);
                    at.pop();
                }
            }
            Self::Array(items) => {
                for (index, node) in items.iter().enumerate() {
                    at.push(Place::Index(index));
                    node.collect(at, tags);
                    at.pop();
                }
            }
            Self::Whole(path, offset) => tags.push(tag(path, *offset, true, at)),
            Self::Inline(parts) => {
                for part in parts {
                    if let Part::Tag(path, offset) = part {
                        tags.push(tag(path, *offset, false, at));
                    }
                }
            }
        }
    }
}

fn inline<'a>(
    path: &'a Path,
    root: Root<'a>,
    at: &[Place<'_>],
) -> Result<Cow<'a, str>, InterpolateError> {
    match path.evaluate(root) {
        Ok(Cow::Borrowed(Value::String(text))) => Ok(Cow::Borrowed(text)),
        Ok(Cow::Owned(Value::String(text))) => Ok(Cow::Owned(text)),
        Ok(value) if value.is_null() => Err(fail(at, path, Cause::Null)),
        Ok(value) => Ok(Cow::Owned(go::json(&value))),
        Err(error) => Err(fail(at, path, Cause::Inline(error))),
    }
}

enum Place<'a> {
    Key(&'a str),
    Index(usize),
}

fn fail(at: &[Place<'_>], path: &Path, cause: Cause) -> InterpolateError {
    InterpolateError {
        at: print_place(at),
        tag: path.as_str().into(),
        cause,
    }
}

/// Prints keys with dots between them, and a dot before an index but none after it.
fn print_place(places: &[Place<'_>]) -> String {
    let mut out = String::new();
    let mut dot = false;
    for place in places {
        out.push_str(if dot { "." } else { "" });
        match place {
            Place::Key(key) => out.push_str(key),
            Place::Index(index) => out.extend(["[", &index.to_string(), "]"]),
        }
        dot = matches!(place, Place::Key(_));
    }
    out
}

/// Copies a value; `2.0` becomes `2`, as it does in Go's JSON encoder, so that API servers
/// accept it where they want a whole number. Recursion: as deep as JSON readers let values be.
fn with_whole_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let text = go::json_number(number);
            text.parse::<i64>()
                .map_or_else(|_| value.clone(), Value::from)
        }
        Value::Array(items) => items.iter().map(with_whole_numbers).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, item)| (key.clone(), with_whole_numbers(item)))
            .collect(),
        other => other.clone(),
    }
}
