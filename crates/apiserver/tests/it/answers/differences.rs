//! Differences of two answers, named by their places.

use std::fmt::Display;

use serde_json::Value;

use super::script::Answer;

/// A warning that only a server without nodes gives.
const NOT_RUN: &str = "this server does not run workloads";

/// The differences, without those at places that are known to differ.
pub(super) fn of(expected: &Answer, found: &Answer, known: &[String]) -> Vec<String> {
    let mut differences = vec![];
    let mut note = |place: &str, expected: Option<&dyn Display>, found: Option<&dyn Display>| {
        let is_known = known.iter().any(|known| {
            place
                .strip_prefix(known.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        if !is_known {
            let text = |value: Option<&dyn Display>| {
                value.map_or_else(|| "nothing".to_owned(), |v| v.to_string())
            };
            differences.push(format!("{place}: - {} + {}", text(expected), text(found)));
        }
    };
    if expected.status != found.status {
        note("status", Some(&expected.status), Some(&found.status));
    }
    let warnings = |answer: &Answer| {
        let warnings = answer
            .warnings
            .iter()
            .filter(|text| !text.contains(NOT_RUN));
        warnings.cloned().collect::<Vec<_>>().join("; ")
    };
    let (a, b) = (warnings(expected), warnings(found));
    if a != b {
        note("warnings", Some(&a), Some(&b));
    }
    compare("body", Some(&expected.body), Some(&found.body), &mut note);
    differences
}

type Note<'a> = dyn FnMut(&str, Option<&dyn Display>, Option<&dyn Display>) + 'a;

fn compare(place: &str, expected: Option<&Value>, found: Option<&Value>, note: &mut Note<'_>) {
    match (expected, found) {
        (a, b) if a == b => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            for (name, value) in a {
                compare(&format!("{place}.{name}"), Some(value), b.get(name), note);
            }
            for (name, value) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                compare(&format!("{place}.{name}"), None, Some(value), note);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for n in 0..a.len().max(b.len()) {
                compare(&format!("{place}[{n}]"), a.get(n), b.get(n), note);
            }
        }
        (a, b) => note(
            place,
            a.map(|v| v as &dyn Display),
            b.map(|v| v as &dyn Display),
        ),
    }
}
