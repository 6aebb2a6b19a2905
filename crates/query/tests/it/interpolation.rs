//! `$(…)$` in templates. Source of the facts: cartographer `pkg/templates`, v0.8.10, by running
//! it.

use carto_query::{Scope, Template};
use serde_json::{Value, json};

fn workload() -> Value {
    json!({
        "metadata": { "name": "shop", "labels": { "a.b/c": "d" } },
        "spec": {
            "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
            "image": null,
            "serviceAccountName": "",
        },
    })
}

fn params() -> Value {
    json!({
        "text": "hi <&>", "int": 1_400_000, "float": 2.5, "round": 3.0, "tiny": 1e-7,
        "huge": 1.234_567_890_123_456_9e23, "exact": 9_007_199_254_740_993_i64,
        "on": true, "off": null, "list": [1, "<"], "map": { "z": 1, "a": "&" },
        "odd/name-x": "slashed", "tag": "$(params.text)$",
    })
}

fn render(template: &Value) -> Result<Value, String> {
    let (workload, params) = (workload(), params());
    let scope = Scope::new()
        .with("workload", &workload)
        .with("params", &params)
        .with_owned("source", json!({ "url": "http://x" }));
    Template::compile(template)
        .render(&scope)
        .map_err(|error| error.to_string())
}

/// Renders a template that is an object with one key, and returns the value of that key.
fn text(template: &str) -> Result<Value, String> {
    render(&json!({ "k": template })).map(|mut value| value["k"].take())
}

#[test]
fn a_lone_tag_becomes_the_value_with_its_type() {
    for (tag, value) in [
        ("$(params.text)$", json!("hi <&>")),
        ("$(params.int)$", json!(1_400_000)),
        ("$(params.float)$", json!(2.5)),
        ("$(params.round)$", json!(3)),
        ("$(params.on)$", json!(true)),
        ("$(params.off)$", Value::Null),
        ("$(params.list)$", json!([1, "<"])),
        ("$(params.map)$", json!({ "a": "&", "z": 1 })),
        ("$(params.map.a)$", json!("&")),
        ("$(params.exact)$", json!(9_007_199_254_740_993_i64)),
        ("$(params.odd/name-x)$", json!("slashed")),
        ("$(params.text )$", json!("hi <&>")),
        ("$(.params.text)$", json!("hi <&>")),
        ("$({.params.text})$", json!("hi <&>")),
        ("$(workload.spec.env[1].value)$", json!("2")),
        ("$(workload.spec.env[?(@.name==\"A\")].value)$", json!("1")),
        ("$(workload.metadata.labels['a\\.b/c'])$", json!("d")),
        ("$(workload.spec.serviceAccountName)$", json!("")),
        ("$(source.url)$", json!("http://x")),
        ("$(..url)$", json!("http://x")),
    ] {
        assert_eq!(text(tag), Ok(value), "{tag}");
    }
}

#[test]
fn a_tag_within_text_is_printed() {
    for (template, printed) in [
        ("a-$(params.text)$-b", "a-hi <&>-b"),
        ("$(params.text)$$(params.text)$", "hi <&>hi <&>"),
        ("$(params.int)$ ", "1400000 "),
        ("$(params.float)$ ", "2.5 "),
        ("$(params.round)$ ", "3 "),
        ("$(params.tiny)$ ", "1e-7 "),
        ("$(params.huge)$ ", "1.2345678901234569e+23 "),
        ("$(params.exact)$ ", "9007199254740993 "),
        ("$(params.on)$ ", "true "),
        ("$(params.list)$ ", "[1,\"\\u003c\"] "),
        ("$(params.map)$ ", "{\"a\":\"\\u0026\",\"z\":1} "),
    ] {
        assert_eq!(text(template), Ok(json!(printed)), "{template}");
    }
}

#[test]
fn what_is_no_tag_stays_as_it_is() {
    for literal in [
        "",
        "plain",
        "$(params.text)",
        "a $(params.text) b",
        "$params.text$",
        "$$(",
        "$(",
        ")$",
        "$)$(",
    ] {
        assert_eq!(text(literal), Ok(json!(literal)), "{literal}");
    }
    assert_eq!(text("$(params.text)$ $(x"), Ok(json!("hi <&> $(x")));
}

#[test]
fn results_are_not_interpolated_again_and_keys_never_are() {
    assert_eq!(text("$(params.tag)$"), Ok(json!("$(params.text)$")));
    assert_eq!(text("-$(params.tag)$-"), Ok(json!("-$(params.text)$-")));
    let template = json!({ "$(params.text)$": "v", "n": [1.0, 2.5, null, true, [], {}] });
    let rendered = json!({ "$(params.text)$": "v", "n": [1, 2.5, null, true, [], {}] });
    assert_eq!(render(&template), Ok(rendered));
}

#[test]
fn errors_name_the_place_the_tag_and_the_cause() {
    const FRONT: &str =
        "failed to recursively evaluate template: failed to interpolate template at path [k]: ";
    for (template, error) in [
        (
            "$(params.nope)$",
            "evaluate tag $(params.nope)$: jsonpath returned empty list: params.nope",
        ),
        (
            "x $(params.nope)$",
            "interpolate tag: evaluate jsonpath: jsonpath returned empty list: params.nope",
        ),
        ("$()$", "evaluate tag $()$: empty jsonpath not allowed"),
        (
            "$()$ ",
            "interpolate tag: evaluate jsonpath: empty jsonpath not allowed",
        ),
        (
            "$( )$",
            "evaluate tag $( )$: jsonpath returned empty list:  ",
        ),
        (
            "$( params.text)$",
            "evaluate tag $( params.text)$: evaluate: failed to find results: unrecognized identifier params",
        ),
        (
            "$($.params.text)$",
            "evaluate tag $($.params.text)$: jsonpath returned empty list: $.params.text",
        ),
        (
            "$(params.off)$!",
            "interpolate tag: tag must not point to nil value: params.off",
        ),
        (
            "$(undefined[1])$",
            "evaluate tag $(undefined[1])$: jsonpath returned empty list: undefined[1]",
        ),
        (
            "$(params[\"x\"])$",
            "evaluate tag $(params[\"x\"])$: evaluate: failed to parse jsonpath '{.params[\"x\"]}': invalid array index \"x\"",
        ),
        (
            "$(workload.spec.env[*].name)$",
            "evaluate tag $(workload.spec.env[*].name)$: too many results for the query: workload.spec.env[*].name",
        ),
        (
            "$(workload.spec.env[2])$",
            "evaluate tag $(workload.spec.env[2])$: evaluate: failed to find results: array index out of bounds: index 2, length 2",
        ),
    ] {
        assert_eq!(text(template), Err(format!("{FRONT}{error}")), "{template}");
    }
}

#[test]
fn places_have_a_dot_before_an_index_and_none_after() {
    let error = render(&json!({ "spec": { "containers": [{ "image": "$(a)$" }] } })).unwrap_err();
    assert!(
        error.contains("at path [spec.containers.[0]image]:"),
        "{error}"
    );
    let error = render(&json!({ "l": [[["$(a)$"]]] })).unwrap_err();
    assert!(error.contains("at path [l.[0][0][0]]:"), "{error}");
}

#[test]
fn the_first_mistake_in_sorted_order_is_reported() {
    let error = render(&json!({ "z": "$(first)$", "a": { "m": "$(second)$" } })).unwrap_err();
    assert!(error.contains("at path [a.m]"), "{error}");
}

#[test]
fn tags_know_where_they_stand_in_their_text() {
    let template = Template::compile(&json!("é $(a)$ $(b.c)$"));
    let offsets: Vec<_> = template.tags().iter().map(|tag| tag.offset).collect();
    assert_eq!(offsets, [5, 11]);
    let template = Template::compile(&json!("$(a)$"));
    assert_eq!(template.tags()[0].offset, 2);
}

#[test]
fn tags_are_listed_with_what_they_depend_on() {
    let template = Template::compile(&json!({
        "b": ["$(source.url)$", "x $(params.a[0])$ $(params['b','c'])$"], "a": "$(^[)$",
    }));
    let tags: Vec<_> = template
        .tags()
        .iter()
        .map(|tag| {
            let fields = tag.path.leading_fields().join("/");
            (
                tag.at.clone(),
                fields,
                tag.whole,
                tag.path.malformed().is_some(),
            )
        })
        .collect();
    let tag = |at: &str, fields: &str, whole, malformed| {
        (at.to_owned(), fields.to_owned(), whole, malformed)
    };
    assert_eq!(
        tags,
        [
            tag("a", "", true, true),
            tag("b.[0]", "source/url", true, false),
            tag("b.[1]", "params/a", false, false),
            tag("b.[1]", "params", false, false),
        ]
    );
}
