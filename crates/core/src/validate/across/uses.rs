//! What a template takes out of its context.

use std::collections::BTreeSet;

use carto_query::Path;
use serde_json::Value;

use crate::validate::cursor::Cursor;
use crate::validate::ytt;

/// What a template refers to.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one text"
)]
pub(super) struct Uses<'a> {
    pub(super) sources: Wanted<'a>,
    pub(super) images: Wanted<'a>,
    pub(super) configs: Wanted<'a>,
    pub(super) deployment: bool,
    pub(super) params: BTreeSet<&'a str>,
    /// The template looks at all parameters at once.
    pub(super) all_params: bool,
    /// The template looks at the whole context at once.
    pub(super) everything: bool,
    /// Every reference is followed whenever the template is stamped: there are no conditions.
    pub(super) exact: bool,
}

/// The inputs of one type.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    /// `source`, `image`, `config`.
    pub(super) single: bool,
    /// `sources.NAME` and so on.
    pub(super) named: BTreeSet<&'a str>,
    /// `sources` as a whole.
    pub(super) all: bool,
}

impl<'a> Uses<'a> {
    pub(super) fn of(spec: &Cursor<'a>) -> Self {
        let ytt = spec.field("ytt").text();
        let mut uses = Self {
            exact: ytt.is_empty(),
            ..Self::default()
        };
        uses.walk(spec.field("template").value());
        for reference in ytt::references(ytt) {
            uses.add(&reference.words);
        }
        // `data.values` on its own, passed to a function say, may reach anything.
        uses.everything = ytt.contains("data.values)") || ytt.contains("data.values,");
        uses
    }

    /// Recursion: as deep as JSON readers let values be.
    fn walk(&mut self, template: &'a Value) {
        match template {
            Value::String(text) => {
                for expression in expressions(text) {
                    self.expression(expression);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Object(entries) => entries.values().for_each(|item| self.walk(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The names an expression begins with are parts of its own text.
    fn expression(&mut self, expression: &'a str) {
        let path = Path::new(expression);
        let mut words = Vec::new();
        let mut from = 0;
        for field in path.leading_fields() {
            let Some(at) = expression[from..].find(field) else {
                break;
            };
            words.push(&expression[from + at..from + at + field.len()]);
            from += at + field.len();
        }
        self.add(&words);
    }

    fn add(&mut self, words: &[&'a str]) {
        match words {
            ["params", name, ..] => drop(self.params.insert(name)),
            ["params"] => self.all_params = true,
            ["deployment", ..] => self.deployment = true,
            ["source", ..] => self.sources.single = true,
            ["image", ..] => self.images.single = true,
            ["config", ..] => self.configs.single = true,
            ["sources", rest @ ..] => self.sources.add(rest),
            ["images", rest @ ..] => self.images.add(rest),
            ["configs", rest @ ..] => self.configs.add(rest),
            _ => {}
        }
    }
}

impl<'a> Wanted<'a> {
    fn add(&mut self, rest: &[&'a str]) {
        match rest.first() {
            Some(name) => drop(self.named.insert(name)),
            None => self.all = true,
        }
    }
}

/// What stands between `$(` and `)$`.
fn expressions(text: &str) -> impl Iterator<Item = &str> {
    text.split("$(")
        .skip(1)
        .filter_map(|rest| rest.split_once(")$"))
        .map(|(expression, _)| expression)
}
