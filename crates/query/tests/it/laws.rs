//! Laws that hold for any input.

use carto_query::jsonpath::{EvaluateError, MissingKeys, Template};
use carto_query::{Path, fields, interpolate, labels};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Text made of what means something in expressions.
fn expression() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{", "}", "[", "]", "[?(", ")]", "(", ")", "@", "$", ".", "..", "*", "'", "\"", "\\", ",",
        ":", "=", "==", "!=", "<", ">", "-", "1", "0", "2.5", "a", "b", "name", "range ", "end",
        "true", " ", "\n", "\t", "é", "^", "$(", ")$", "[*]", "[0]", "{.a}", "{end}", "in",
        "notin", "!",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z$(){}.]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("a|b|name|[a-z.]{0,3}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn field() -> impl Strategy<Value = String> {
    "[-a-z0-9/_.*@$ é]{0,5}"
}

/// Steps as text whose meaning is known to survive printing.
fn steps() -> impl Strategy<Value = String> {
    let escaped = field().prop_map(|name| {
        let escape = |c: char| {
            if " .*@$".contains(c) {
                format!("\\{c}")
            } else {
                c.to_string()
            }
        };
        format!(".{}", name.chars().map(escape).collect::<String>())
    });
    let step = prop_oneof![
        4 => escaped,
        1 => Just(".*".to_owned()),
        1 => Just(".. ".to_owned()),
        1 => any::<i8>().prop_map(|n| format!("[{n}]")),
        1 => (any::<Option<i8>>(), any::<Option<i8>>(), any::<Option<u8>>()).prop_map(|(a, b, c)| {
            let print = |n: Option<i64>| n.map_or(String::new(), |n| n.to_string());
            let step = c.map_or(String::new(), |c| format!(":{c}"));
            format!("[{}:{}{step}]", print(a.map(Into::into)), print(b.map(Into::into)))
        }),
        1 => ("[a-z]{1,3}", "[a-z.]{1,4}").prop_map(|(a, b)| format!("['{a}','{b}',0]")),
        1 => ("[a-z]{1,3}", "==|!=|<|>=", "[a-z ]{0,4}")
            .prop_map(|(a, operator, b)| format!("[?(@.{a}{operator}\"{b}\")]")),
        1 => "[a-z]{1,3}".prop_map(|a| format!("[?(@.{a})]")),
        1 => any::<i32>().prop_map(|n| format!(" {n} ")),
        1 => "[a-z'{}]{0,4}".prop_map(|text| format!("\"{text}\"")),
        1 => prop::sample::select(vec![" true ", " range ", " end ", " word "]).prop_map(str::to_owned),
    ];
    prop::collection::vec(step, 0..6).prop_map(|steps| steps.concat())
}

proptest! {
    #[test]
    fn templates_never_panic(text in expression(), value in value()) {
        if let Ok(template) = Template::parse(&text) {
            drop(template.render(&value, MissingKeys::Allow));
            drop(template.render(&value, MissingKeys::Refuse));
        }
    }

    #[test]
    fn errors_point_into_the_text(text in expression()) {
        if let Err(error) = Template::parse(&text) {
            prop_assert!(error.offset() <= text.len());
        }
    }

    #[test]
    fn paths_never_panic(text in expression(), value in value()) {
        drop(Path::new(&text).evaluate(&value));
    }

    #[test]
    fn printed_templates_parse_to_the_same(before in "[a-z \n]{0,4}", steps in steps()) {
        let text = format!("{before}{{{steps}}}{before}");
        if let Ok(template) = Template::parse(&text) {
            let printed = template.to_string();
            prop_assert_eq!(Template::parse(&printed), Ok(template), "{} → {}", text, printed);
        }
    }

    #[test]
    fn following_fields_equals_evaluating_them(
        value in value(),
        fields in prop::collection::vec("a|b|name", 1..4),
    ) {
        let path = fields.join(".");
        let followed = Path::new(&path).evaluate(&value).ok()
            .map(std::borrow::Cow::into_owned);
        // A trailing blank keeps the meaning and takes the general way.
        let template = Template::parse(&format!("{{.{path}}}")).unwrap();
        let mut found = template.find(&value, MissingKeys::Allow).unwrap();
        let found = found.remove(0).pop().map(|one| one.into_value().into_owned());
        prop_assert_eq!(followed, found);
    }

    #[test]
    fn templates_without_tags_are_left_alone(value in value()) {
        let text = value.to_string();
        prop_assume!(!text.contains("$("));
        let compiled = interpolate::Template::compile(&value);
        prop_assert!(compiled.tags().is_empty());
        let rendered = compiled.render(&json!({})).unwrap();
        prop_assert_eq!(same_shape(&rendered), same_shape(&value));
    }

    #[test]
    fn interpolation_never_panics(text in expression(), value in value()) {
        drop(interpolate::Template::compile(&json!([text, { "k": text }])).render(&value));
    }

    #[test]
    fn label_selectors_never_panic_and_print_what_they_mean(text in "[a-c!=<>(), innot0-9]{0,16}") {
        if let Ok(selector) = labels::Selector::parse(&text) {
            prop_assert_eq!(labels::Selector::parse(&selector.to_string()), Ok(selector));
        }
    }

    /// Terms are sorted as they were written (`==c` before `=a`), so that printing settles after one round.
    #[test]
    fn field_selectors_never_panic_and_print_what_they_mean(text in "[a-c!=\\\\,. ]{0,12}") {
        if let Ok(selector) = fields::Selector::parse(&text) {
            let printed = fields::Selector::parse(&selector.to_string()).unwrap();
            prop_assert_eq!(in_any_order(&printed), in_any_order(&selector));
            let again = fields::Selector::parse(&printed.to_string()).unwrap();
            prop_assert_eq!(again, printed);
        }
    }
}

fn in_any_order(selector: &fields::Selector) -> Vec<String> {
    let mut terms: Vec<_> = selector
        .terms()
        .iter()
        .map(|term| format!("{term:?}"))
        .collect();
    terms.sort();
    terms
}

/// Numbers aside, which may lose a trailing `.0`.
fn same_shape(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(same_shape).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, item)| (key.clone(), same_shape(item)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn work_is_bounded() {
    let row: Value = (0..2000).collect();
    let wide: Value = (0..1000).map(|_| row.clone()).collect();
    let fails = |template: &str, value: &Value| {
        let template = Template::parse(template).unwrap();
        match template.find(value, MissingKeys::Allow) {
            Ok(_) => panic!("there is too much to do"),
            Err(error) => error,
        }
    };
    assert_eq!(fails("{[?(@.*)]}", &wide), EvaluateError::TooManySteps);
    let less: Value = (0..60).map(|_| row.clone()).collect();
    assert_eq!(fails("{[*][*]}", &less), EvaluateError::TooManyResults);
    let deep = (0..400).fold(json!("x"), |inner, _| Value::Array(vec![inner]));
    assert_eq!(fails("{..}", &deep), EvaluateError::TooDeep);
}
