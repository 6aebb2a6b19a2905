//! The JSON view of manifests.

use carto_yaml::{decode_all, decode_strict};
use serde_json::json;

#[test]
fn every_document_with_content_is_decoded() {
    let text = "# only a comment\n---\na: 1\n---\n---\n- x\n...\n---\nnull\n";
    assert_eq!(decode_all(text).unwrap(), [json!({"a": 1}), json!(["x"])]);
}

#[test]
fn scalars_have_the_types_that_kubernetes_sees() {
    let text = "{a: yes, b: 010, c: 1.0, d: 1e3, e: .5, f: 2001-12-14, g: '1', 1: x, true: y}";
    assert_eq!(
        decode_all(text).unwrap(),
        [json!({
            "a": true, "b": 8, "c": 1, "d": 1000, "e": 0.5, "f": "2001-12-14", "g": "1",
            "1": "x", "true": true,
        })]
    );
}

#[test]
fn anchors_and_merge_keys_expand() {
    let text = "base: &b {x: 1, z: 2}\nuse: {<<: *b, z: 3}\nlist: [*b]\n";
    assert_eq!(
        decode_all(text).unwrap(),
        [json!({"base": {"x": 1, "z": 2}, "use": {"x": 1, "z": 3}, "list": [{"x": 1, "z": 2}]})]
    );
}

#[test]
fn duplicate_keys_are_reported_and_the_last_wins() {
    let decoded = decode_strict("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n").unwrap();
    assert_eq!(decoded[0].value, json!({"a": 3, "b": {"c": 2}}));
    let reported: Vec<_> = decoded[0]
        .duplicates
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        reported,
        [
            "line 4: key \"c\" already set in map",
            "line 5: key \"a\" already set in map"
        ]
    );
}

#[test]
fn values_that_json_cannot_express_are_errors() {
    assert_eq!(
        decode_all("a: .nan").unwrap_err().to_string(),
        "yaml: json: unsupported value: NaN"
    );
    assert!(
        decode_all("a: {{ x }}")
            .unwrap_err()
            .to_string()
            .contains("invalid map key")
    );
}

#[test]
fn alias_bombs_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        let items = vec![below; 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let error = decode_all(&text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "yaml: document contains excessive aliasing"
    );
    assert_eq!(carto_yaml::parse(&text).unwrap_err(), error);
}

#[test]
fn an_alias_of_a_large_string_cannot_fill_memory() {
    let text = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(100_000),
        "*a, ".repeat(1000)
    );
    let error = decode_all(&text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "yaml: document contains excessive aliasing"
    );
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    for text in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
    ] {
        let message = decode_all(&text).unwrap_err().to_string();
        assert!(message.contains("exceeded max depth"), "{message}");
    }
}

#[test]
fn nesting_within_the_limit_is_read() {
    let text = format!("{}{}", "[".repeat(249), "]".repeat(249));
    assert_eq!(decode_all(&text).unwrap().len(), 1);
    assert_eq!(carto_yaml::parse(&text).unwrap().len(), 1);
}

#[test]
fn keys_too_large_for_single_precision_are_infinite() {
    let documents = carto_yaml::decode_all("1e300: a\n-1e300: b\n.nan: c\n1.5: d\n").unwrap();
    let expected = serde_json::json!({".inf": "a", "-.inf": "b", ".nan": "c", "1.5": "d"});
    assert_eq!(documents, [expected]);
}
