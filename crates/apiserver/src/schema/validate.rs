//! Checking values against a schema.
//!
//! One recursive walk; its depth is the depth of the value. What an update leaves as it was may stay broken: errors
//! at a node whose value equals the one it replaces are dropped, where the two can be told to belong together.
//!
//! Source: kube-openapi pkg/validation/validate and pkg/validation/errors; apiextensions-apiserver
//! pkg/apiserver/validation (translation of errors, ratcheting); apiserver pkg/cel/common/equality.go, v1.36.

use carto_merge::go;
use serde_json::{Number, Value};

use super::node::{Additional, Node};
use crate::error::FieldError;

/// Returns everything in `new` that does not fit; `old` is what it replaces.
pub(super) fn validate(root: &Node, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let link = old.map(|old| Link {
        new,
        old,
        node: root,
    });
    let outcome = Walk.node(root, new, "", link);
    outcome
        .problems
        .into_iter()
        .map(|problem| problem.into_field_error(""))
        .collect()
}

/// Like [`validate`] for the `status` of two objects.
pub(super) fn validate_status(root: &Node, new: &Value, old: &Value) -> Vec<FieldError> {
    let (Some(node), Some(status)) = (root.properties.get("status"), new.get("status")) else {
        return Vec::new();
    };
    let old = old.get("status").unwrap_or(&Value::Null);
    let link = Some(Link {
        new: status,
        old,
        node,
    });
    let outcome = Walk.node(node, status, "", link);
    outcome
        .problems
        .into_iter()
        .map(|problem| problem.into_field_error("status"))
        .collect()
}

/// A value together with the one it replaces.
#[derive(Clone, Copy)]
struct Link<'a> {
    new: &'a Value,
    old: &'a Value,
    /// The schema that says how parts correspond.
    node: &'a Node,
}

impl<'a> Link<'a> {
    fn is_unchanged(self) -> bool {
        !self.new.is_null() && self.new == self.old || self.new.is_null() && self.old.is_null()
    }

    fn key(self, name: &str) -> Option<Self> {
        Some(Self {
            new: self.new.as_object()?.get(name)?,
            old: self.old.as_object()?.get(name)?,
            node: self.node.field(name)?,
        })
    }

    /// Only items of keyed lists correspond.
    fn index(self, index: usize) -> Option<Self> {
        let new = self.new.as_array()?.get(index)?;
        if self.node.list_type.as_deref() != Some("map") {
            return None;
        }
        let keys = |item: &'a Value| -> Vec<Option<&'a Value>> {
            self.node
                .list_keys
                .iter()
                .map(|key| item.get(key))
                .collect()
        };
        let wanted = keys(new);
        let old = self
            .old
            .as_array()?
            .iter()
            .find(|item| keys(item) == wanted)?;
        Some(Self {
            new,
            old,
            node: self.node.items.as_deref()?,
        })
    }
}

/// What a walk over one node gave. `matches` counts passed checks: of several alternatives that all failed, the
/// one with the most is reported.
#[derive(Default)]
struct Outcome {
    problems: Vec<Problem>,
    matches: usize,
}

impl Outcome {
    fn fail(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
            matches: 0,
        }
    }

    fn passed() -> Self {
        Self {
            problems: Vec::new(),
            matches: 1,
        }
    }

    fn add(&mut self, problem: Problem) {
        // The same text is reported once.
        if !self
            .problems
            .iter()
            .any(|known| known.message == problem.message)
        {
            self.problems.push(problem);
        }
    }

    fn merge(&mut self, other: Self) {
        other
            .problems
            .into_iter()
            .for_each(|problem| self.add(problem));
        self.matches += other.matches;
    }

    fn is_fine(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One violation.
struct Problem {
    name: String,
    value: Option<Value>,
    message: String,
    kind: Kind,
}

enum Kind {
    Type,
    Required,
    Enum(Vec<Value>),
    TooLong(i64),
    TooMany {
        actual: i64,
        most: i64,
    },
    /// A violation of a single value.
    Value,
    /// A violation without a place of its own.
    Composite,
}

impl Problem {
    fn new(kind: Kind, name: &str, value: Option<Value>, message: String) -> Self {
        Self {
            name: name.to_owned(),
            value,
            message,
            kind,
        }
    }

    fn of_value(name: &str, value: Value, text: &str) -> Self {
        Self::new(Kind::Value, name, Some(value), about(name, text))
    }

    fn composite(message: String) -> Self {
        Self::new(Kind::Composite, "", None, message)
    }

    fn wrong_type(name: &str, wanted: &str, got: &str) -> Self {
        let message = about(
            name,
            &format!("must be of type {wanted}: {}", go::quote(got)),
        );
        Self::new(
            Kind::Type,
            name,
            Some(Value::String(got.to_owned())),
            message,
        )
    }

    fn into_field_error(self, prefix: &str) -> FieldError {
        let name = self.name.strip_prefix('.').unwrap_or(&self.name);
        let path = match (prefix, name) {
            ("", "") => "<nil>".to_owned(),
            ("", name) => name.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, name) => format!("{prefix}.{name}"),
        };
        let value = self.value.unwrap_or_else(|| Value::String(String::new()));
        match self.kind {
            Kind::Type => FieldError::type_invalid(path, value, self.message),
            Kind::Required => FieldError::required(path, ""),
            Kind::Enum(allowed) => {
                let allowed: Vec<String> = allowed
                    .into_iter()
                    .map(|value| match value {
                        Value::String(text) => text,
                        other => go::json(&other),
                    })
                    .collect();
                FieldError::not_supported(path, value, &allowed)
            }
            Kind::TooLong(most) => FieldError::too_long(path, usize::try_from(most).unwrap_or(0)),
            Kind::TooMany { actual, most } => FieldError::too_many(
                path,
                usize::try_from(actual).unwrap_or(0),
                usize::try_from(most).unwrap_or(0),
            ),
            Kind::Value => FieldError::invalid(path, value, self.message),
            Kind::Composite => {
                let path = if prefix.is_empty() { "<nil>" } else { prefix };
                FieldError::invalid(path, "", self.message)
            }
        }
    }
}

/// `name in body text`, as messages of violations begin.
fn about(name: &str, text: &str) -> String {
    format!("{name} in body {text}")
}

struct Walk;

impl Walk {
    fn node(&self, node: &Node, value: &Value, path: &str, link: Option<Link<'_>>) -> Outcome {
        let outcome = self.checks(node, value, path, link);
        if !outcome.is_fine() && link.is_some_and(Link::is_unchanged) {
            return Outcome {
                problems: Vec::new(),
                matches: outcome.matches,
            };
        }
        outcome
    }

    /// All checks of one node, in the order in which the original makes them.
    fn checks(&self, node: &Node, value: &Value, path: &str, link: Option<Link<'_>>) -> Outcome {
        let mut outcome = Outcome::default();
        if value.is_null() {
            outcome.merge(check_type(node, value, path));
            outcome.merge(check_enum(node, value, path));
            return outcome;
        }
        let mut run = |checked: Outcome| {
            outcome.merge(checked);
            outcome.matches += 1;
        };
        if !node.types.is_empty() || node.format.is_some() {
            run(check_type(node, value, path));
        }
        run(self.alternatives(node, value, path, link));
        match value {
            Value::String(text) => {
                run(check_text(node, text, path));
                if node.format.is_some() {
                    run(check_format(node, text, path));
                }
            }
            Value::Number(number) => run(check_number(node, number, path)),
            Value::Array(items) => run(self.items(node, items, path, link)),
            _ => {}
        }
        run(check_enum(node, value, path));
        if let Value::Object(fields) = value {
            run(self.fields(node, fields, path, link));
        }
        outcome.matches += 1;
        outcome
    }

    fn alternatives(
        &self,
        node: &Node,
        value: &Value,
        path: &str,
        link: Option<Link<'_>>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        if !node.any_of.is_empty() {
            self.any_of(node, value, path, link, &mut outcome);
        }
        if !node.one_of.is_empty() {
            self.one_of(node, value, path, link, &mut outcome);
        }
        if !node.all_of.is_empty() {
            let mut passed = 0;
            for one in &node.all_of {
                let result = self.checks(one, value, path, link);
                passed += usize::from(result.is_fine());
                outcome.merge(result);
            }
            if passed != node.all_of.len() {
                let more = if passed == 0 { ". None validated" } else { "" };
                outcome.add(Problem::composite(format!(
                    "{} must validate all the schemas (allOf){more}",
                    go::quote(path)
                )));
            }
        }
        if let Some(not) = &node.not
            && self.checks(not, value, path, link).is_fine()
        {
            outcome.add(Problem::composite(format!(
                "{} must not validate the schema (not)",
                go::quote(path)
            )));
        }
        outcome.matches += 1;
        outcome
    }

    fn any_of(
        &self,
        node: &Node,
        value: &Value,
        path: &str,
        link: Option<Link<'_>>,
        outcome: &mut Outcome,
    ) {
        let mut best: Option<Outcome> = None;
        for one in &node.any_of {
            let result = self.checks(one, value, path, link);
            if result.is_fine() {
                outcome.merge(result);
                return;
            }
            if best
                .as_ref()
                .is_none_or(|best| result.matches > best.matches)
            {
                best = Some(result);
            }
        }
        outcome.add(Problem::composite(format!(
            "{} must validate at least one schema (anyOf)",
            go::quote(path)
        )));
        outcome.merge(best.unwrap_or_default());
    }

    fn one_of(
        &self,
        node: &Node,
        value: &Value,
        path: &str,
        link: Option<Link<'_>>,
        outcome: &mut Outcome,
    ) {
        let mut best: Option<Outcome> = None;
        let mut first: Option<Outcome> = None;
        let mut passed = 0;
        for one in &node.one_of {
            let result = self.checks(one, value, path, link);
            if result.is_fine() {
                passed += 1;
                best = None;
                first.get_or_insert(result);
            } else if passed == 0
                && best
                    .as_ref()
                    .is_none_or(|best| result.matches > best.matches)
            {
                best = Some(result);
            }
        }
        if passed == 1 {
            outcome.merge(first.unwrap_or_default());
            return;
        }
        let found = if passed == 0 {
            "Found none valid".to_owned()
        } else {
            format!("Found {passed} valid alternatives")
        };
        outcome.add(Problem::composite(format!(
            "{} must validate one and only one schema (oneOf). {found}",
            go::quote(path)
        )));
        outcome.merge(best.unwrap_or_default());
    }

    fn items(&self, node: &Node, items: &[Value], path: &str, link: Option<Link<'_>>) -> Outcome {
        let mut outcome = Outcome::default();
        if let Some(child) = node.items.as_deref() {
            for (index, item) in items.iter().enumerate() {
                let at = format!("{path}[{index}]");
                let link = link.and_then(|link| link.index(index));
                outcome.merge(self.node(child, item, &at, link));
            }
        }
        let size = i64::try_from(items.len()).unwrap_or(i64::MAX);
        if let Some(least) = node.limits.min_items.filter(|least| size < *least) {
            let text = format!("should have at least {least} items");
            outcome.add(Problem::of_value(path, Value::from(size), &text));
        }
        if let Some(most) = node.limits.max_items.filter(|most| size > *most) {
            let message = about(path, &format!("should have at most {most} items"));
            let kind = Kind::TooMany { actual: size, most };
            outcome.add(Problem::new(kind, path, Some(Value::from(size)), message));
        }
        if node.limits.unique_items {
            let repeated = items
                .iter()
                .enumerate()
                .any(|(index, item)| items[..index].contains(item));
            if repeated {
                let message = about(path, "shouldn't contain duplicates");
                outcome.add(Problem::new(Kind::Value, path, None, message));
            }
        }
        outcome.matches += 1;
        outcome
    }

    fn fields(
        &self,
        node: &Node,
        fields: &serde_json::Map<String, Value>,
        path: &str,
        link: Option<Link<'_>>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let size = i64::try_from(fields.len()).unwrap_or(i64::MAX);
        if let Some(least) = node.limits.min_properties.filter(|least| size < *least) {
            let text = format!("should have at least {least} properties");
            outcome.add(Problem::of_value(path, Value::from(size), &text));
        }
        if let Some(most) = node.limits.max_properties.filter(|most| size > *most) {
            let message = about(path, &format!("should have at most {most} properties"));
            let kind = Kind::TooMany { actual: size, most };
            outcome.add(Problem::new(kind, path, Some(Value::from(size)), message));
        }
        if let Additional::Schema(additional) = &node.additional {
            for (name, field) in fields
                .iter()
                .filter(|(n, _)| !node.properties.contains_key(*n))
            {
                let link = link.and_then(|link| self.field_link(link, path, name));
                outcome.merge(self.node(additional, field, &format!("{path}.{name}"), link));
            }
        }
        for (name, property) in &node.properties {
            let Some(field) = fields.get(name) else {
                continue;
            };
            let at = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            let link = link.and_then(|link| self.field_link(link, path, name));
            outcome.merge(self.node(property, field, &at, link));
        }
        for name in node
            .limits
            .required
            .iter()
            .filter(|name| !fields.contains_key(*name))
        {
            let at = format!("{path}.{name}");
            let message = about(&at, "is required");
            outcome.add(Problem::new(Kind::Required, &at, None, message));
        }
        outcome
    }

    /// Type and version of the object itself are never taken as unchanged.
    #[expect(clippy::unused_self, reason = "reads as a step of the walk")]
    fn field_link<'a>(&self, link: Link<'a>, path: &str, name: &str) -> Option<Link<'a>> {
        if path.is_empty() && matches!(name, "apiVersion" | "kind") {
            return None;
        }
        link.key(name)
    }
}

/// The JSON type of a value, and the format that a decoder gives it by itself.
fn type_of(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Null => ("null", ""),
        Value::Bool(_) => ("boolean", ""),
        Value::Number(number) if number.is_f64() => ("number", "float64"),
        Value::Number(_) => ("integer", "int64"),
        Value::String(_) => ("string", ""),
        Value::Array(_) => ("array", ""),
        Value::Object(_) => ("object", ""),
    }
}

fn check_type(node: &Node, value: &Value, path: &str) -> Outcome {
    let wanted = node.types.join(",");
    if value.is_null() {
        if !node.types.is_empty() && !node.nullable {
            return Outcome::fail(Problem::wrong_type(path, &wanted, "null"));
        }
        return Outcome::passed();
    }
    let (actual, own_format) = type_of(value);
    let has = |name: &str| node.types.contains(&name);
    let whole_float = value
        .as_f64()
        .is_some_and(|f| value.is_f64() && f.fract() == 0.0);
    let whole = whole_float && has("integer");
    let integer_as_number = actual == "integer" && has("number");
    let is_text_or_list = matches!(actual, "string" | "array");
    if let Some(format) = &node.format {
        let same_format = own_format == format.name || (format.is_int64() && own_format == "int64");
        if !(is_text_or_list || has(actual) || same_format || whole || integer_as_number) {
            return Outcome::fail(Problem::wrong_type(path, &format.name, own_format));
        }
        if is_text_or_list && !(has("number") || has("integer")) {
            return Outcome::passed();
        }
    }
    if node.types.is_empty() && node.format.is_none() || has(actual) || whole || integer_as_number {
        return Outcome::passed();
    }
    Outcome::fail(Problem::wrong_type(path, &wanted, actual))
}

fn check_enum(node: &Node, value: &Value, path: &str) -> Outcome {
    let Some(allowed) = &node.limits.allowed else {
        return Outcome::default();
    };
    if !value.is_null() && allowed.iter().any(|one| same(one, value)) {
        return Outcome::default();
    }
    let printed: Vec<String> = allowed.iter().map(go::plain).collect();
    let message = about(path, &format!("should be one of [{}]", printed.join(" ")));
    let kind = Kind::Enum(allowed.clone());
    Outcome::fail(Problem::new(kind, path, Some(value.clone()), message))
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => l.as_f64() == r.as_f64(),
        _ => left == right,
    }
}

fn check_text(node: &Node, text: &str, path: &str) -> Outcome {
    let limits = &node.limits;
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let value = || Value::String(text.to_owned());
    if let Some(most) = limits.max_length.filter(|most| length > *most) {
        let message = about(path, &format!("should be at most {most} chars long"));
        return Outcome::fail(Problem::new(
            Kind::TooLong(most),
            path,
            Some(value()),
            message,
        ));
    }
    if let Some(least) = limits.min_length.filter(|least| length < *least) {
        let text = format!("should be at least {least} chars long");
        return Outcome::fail(Problem::of_value(path, value(), &text));
    }
    if let Some((source, regex)) = &limits.pattern
        && !regex.is_match(text)
    {
        let text = format!("should match '{source}'");
        return Outcome::fail(Problem::of_value(path, value(), &text));
    }
    Outcome::default()
}

fn check_format(node: &Node, text: &str, path: &str) -> Outcome {
    match &node.format {
        Some(format) if !format.fits_text(text) => {
            let message = about(
                path,
                &format!("must be of type {}: {}", format.name, go::quote(text)),
            );
            let value = Some(Value::String(text.to_owned()));
            Outcome::fail(Problem::new(Kind::Type, path, value, message))
        }
        _ => Outcome::default(),
    }
}

fn check_number(node: &Node, number: &Number, path: &str) -> Outcome {
    let limits = &node.limits;
    let mut outcome = Outcome::default();
    let value = Value::Number(number.clone());
    if let Some(format) = node
        .format
        .as_ref()
        .filter(|format| !format.fits_number(number))
    {
        let wanted = node.types.first().copied().unwrap_or_default();
        outcome.add(Problem::composite(format!(
            "Checked value must be of type {wanted} with format {} in {path}",
            format.name
        )));
    }
    let float = number.as_f64().unwrap_or(f64::NAN);
    if let Some(factor) = limits.multiple_of {
        if !is_multiple(number, factor) {
            let text = format!("should be a multiple of {}", bound(number, factor));
            outcome.add(Problem::of_value(path, value.clone(), &text));
        }
        outcome.matches += 0;
    }
    if let Some(most) = limits.maximum {
        let (limit, exclusive) = (whole_bound(number, most), limits.exclusive_maximum);
        if float > limit || exclusive && float >= limit {
            let words = if exclusive {
                "less than"
            } else {
                "less than or equal to"
            };
            let text = format!("should be {words} {}", bound(number, most));
            outcome.add(Problem::of_value(path, value.clone(), &text));
        }
    }
    if let Some(least) = limits.minimum {
        let (limit, exclusive) = (whole_bound(number, least), limits.exclusive_minimum);
        if float < limit || exclusive && float <= limit {
            let words = if exclusive {
                "greater than"
            } else {
                "greater than or equal to"
            };
            let text = format!("should be {words} {}", bound(number, least));
            outcome.add(Problem::of_value(path, value, &text));
        }
    }
    outcome.matches += 1;
    outcome
}

/// Integers are compared with the integral part of a bound.
fn whole_bound(number: &Number, bound: f64) -> f64 {
    if number.is_f64() {
        bound
    } else {
        bound.trunc()
    }
}

fn bound(number: &Number, bound: f64) -> String {
    if number.is_f64() {
        go::float(bound)
    } else {
        format!("{}", bound.trunc())
    }
}

fn is_multiple(number: &Number, factor: f64) -> bool {
    if let Some(integer) = number.as_i64().filter(|_| !number.is_f64()) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the original truncates the factor too"
        )]
        let factor = factor.trunc() as i64;
        return factor > 0 && integer % factor == 0;
    }
    let value = number.as_f64().unwrap_or(f64::NAN);
    let multiple = if factor < 1.0 {
        1.0 / factor * value
    } else {
        value / factor
    };
    factor > 0.0 && (multiple - multiple.round()).abs() < 1e-9
}
