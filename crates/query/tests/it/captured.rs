//! Results and errors equal those of the real libraries.

use std::collections::BTreeMap;

use carto_query::jsonpath::{MissingKeys, Template};
use carto_query::labels::Expression;
use carto_query::{Path, fields, labels};
use serde_json::{Map, Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a captured line is JSON"))
        .collect()
}

fn documents() -> Map<String, Value> {
    serde_json::from_str(include_str!("../fixtures/documents.json")).expect("documents are JSON")
}

/// What a case expects, in the shape of its line.
fn expected(case: &Value, key: &str) -> Result<Value, String> {
    match case.get("error") {
        Some(error) => Err(error.as_str().unwrap_or_default().to_owned()),
        None => Ok(case[key].clone()),
    }
}

#[test]
fn templates_render_as_captured() {
    let documents = documents();
    let cases = lines(include_str!("../fixtures/template.jsonl"));
    assert!(cases.len() > 300);
    for case in cases {
        let text = case["template"].as_str().unwrap();
        let document = &documents[case["on"].as_str().unwrap()];
        let modes = match case.get("allow") {
            Some(Value::Bool(true)) => vec![MissingKeys::Allow],
            Some(_) => vec![MissingKeys::Refuse],
            None => vec![MissingKeys::Allow, MissingKeys::Refuse],
        };
        for mode in modes {
            let rendered = Template::parse(text)
                .map_err(|error| error.to_string())
                .and_then(|template| {
                    template
                        .render(document, mode)
                        .map(Value::String)
                        .map_err(|error| error.to_string())
                });
            assert_eq!(rendered, expected(&case, "text"), "{text:?} {mode:?}");
        }
    }
}

#[test]
fn paths_evaluate_as_captured() {
    let documents = documents();
    let cases = lines(include_str!("../fixtures/path.jsonl"));
    assert!(cases.len() > 80);
    for case in cases {
        let text = case["path"].as_str().unwrap();
        let path = Path::new(text);
        let evaluated = path
            .evaluate(&documents[case["on"].as_str().unwrap()])
            .map(std::borrow::Cow::into_owned)
            .map_err(|error| error.to_string());
        assert_eq!(evaluated, expected(&case, "result"), "{text:?}");
    }
}

fn owner_labels() -> BTreeMap<String, String> {
    [("a", "b"), ("c", "d"), ("in", "notin"), ("n", "7")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

#[test]
fn label_selectors_parse_and_match_as_captured() {
    let cases = lines(include_str!("../fixtures/labels.jsonl"));
    assert!(cases.len() > 100);
    for case in cases {
        let text = case["labels"].as_str().unwrap();
        let parsed = labels::Selector::parse(text).map_err(|error| error.to_string());
        let matches = parsed.as_ref().ok().map(|one| one.matches(&owner_labels()));
        assert_eq!(
            parsed.map(|one| json!(one.to_string())),
            expected(&case, "text"),
            "{text:?}"
        );
        assert_eq!(json!(matches), case["match"], "{text:?}");
    }
}

#[test]
fn structured_label_selectors_build_as_captured() {
    let cases = lines(include_str!("../fixtures/structured.jsonl"));
    assert!(cases.len() > 30);
    for case in cases {
        let selector = &case["selector"];
        let match_labels = selector["matchLabels"].as_object().cloned();
        let match_labels = match_labels.unwrap_or_default();
        let expressions: Vec<(String, String, Vec<String>)> = selector["matchExpressions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| {
                let text = |key: &str| one[key].as_str().unwrap().to_owned();
                let values = serde_json::from_value(one["values"].clone()).unwrap_or_default();
                (text("key"), text("operator"), values)
            })
            .collect();
        let built = labels::Selector::build(
            match_labels
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str().unwrap())),
            expressions
                .iter()
                .map(|(key, operator, values)| Expression {
                    key,
                    operator,
                    values,
                }),
        )
        .map_err(|error| error.to_string());
        let matches = built.as_ref().ok().map(|one| one.matches(&owner_labels()));
        assert_eq!(
            built.map(|one| json!(one.to_string())),
            expected(&case, "text"),
            "{selector}"
        );
        assert_eq!(json!(matches), case["match"], "{selector}");
    }
}

#[test]
fn field_selectors_parse_and_match_as_captured() {
    let object: BTreeMap<&str, &str> = [
        ("a", "b"),
        ("c", "d"),
        ("", "b"),
        (" a ", " b "),
        ("metadata.name", "x"),
    ]
    .into();
    let cases = lines(include_str!("../fixtures/fields.jsonl"));
    assert!(cases.len() > 30);
    for case in cases {
        let text = case["fields"].as_str().unwrap();
        let parsed = fields::Selector::parse(text).map_err(|error| error.to_string());
        let matches = parsed
            .as_ref()
            .ok()
            .map(|one| one.matches(|field| object.get(field).copied()));
        assert_eq!(
            parsed.map(|one| json!(one.to_string())),
            expected(&case, "text"),
            "{text:?}"
        );
        assert_eq!(json!(matches), case["match"], "{text:?}");
    }
}
