//! Printing in the styles of yaml.v3 and kubectl.

use carto_yaml::emit::{k8s, yaml_v3};
use serde_json::json;
use sha2::{Digest as _, Sha256};

fn digest(text: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

/// Digests that Cartographer's own tests pin (tests/kuttl/supplychain, status of workloads).
#[test]
fn previews_have_the_digests_that_cartographer_computes() {
    for (value, text, expect) in [
        (
            json!("5"),
            "\"5\"\n",
            "sha256:11fd182657d58787e0e5b61c5da79195f8715fef7f957b9cdba2d8a581b2ca33",
        ),
        (
            json!("knitting"),
            "knitting\n",
            "sha256:ccea367d03c124f9594e3ba0aa97e533c35a47694f62757e4dce79039ca361d7",
        ),
        (
            json!("three"),
            "three\n",
            "sha256:f6936912184481f5edd4c304ce27c5a1a827804fc7f329f43d273b8621870776",
        ),
        (
            json!("not-tested"),
            "not-tested\n",
            "sha256:87d44d7049a641ab2a679409d36a87450c5197849e2b0515b8838c53f4db541b",
        ),
        (
            json!("test-source"),
            "test-source\n",
            "sha256:656fa43debed6cd70291f014c9a2847ee4d39cf6b1f031530b844596a5c88ebe",
        ),
    ] {
        assert_eq!(yaml_v3(&value), text);
        assert_eq!(digest(text), expect);
    }
}

#[test]
fn yaml_v3_quotes_what_another_reader_would_misread() {
    for (text, expect) in [
        ("off", "\"off\""),
        ("No", "\"No\""),
        ("y", "\"y\""),
        ("1_000", "\"1_000\""),
        ("0x1F", "\"0x1F\""),
        ("1:30", "\"1:30\""),
        ("~", "\"~\""),
        ("2001-12-14", "\"2001-12-14\""),
        ("a\tb", "\"a\\tb\""),
        ("a\rb", "\"a\\rb\""),
        ("emoji\u{1F600}", "\"emoji\\U0001F600\""),
        ("a #b", "'a #b'"),
        ("x: ", "'x: '"),
        (" lead", "' lead'"),
        ("- a", "'- a'"),
        ("{}", "'{}'"),
        ("%a", "'%a'"),
        ("*a", "'*a'"),
        ("é☃", "é☃"),
        ("=", "="),
        ("<<", "<<"),
        ("", "\"\""),
    ] {
        assert_eq!(yaml_v3(&json!(text)), format!("{expect}\n"), "{text:?}");
    }
}

#[test]
fn yaml_v3_prints_numbers_as_floats() {
    for (value, expect) in [
        (json!(999_999), "999999\n"),
        (json!(1_000_000), "1e+06\n"),
        (json!(1_234_567), "1.234567e+06\n"),
        (json!(0.00001), "1e-05\n"),
        (json!(0.001), "0.001\n"),
        (json!(1.0), "1\n"),
        (json!(null), "null\n"),
        (json!(true), "true\n"),
    ] {
        assert_eq!(yaml_v3(&value), expect);
    }
}

#[test]
fn yaml_v3_indents_by_four_and_sorts_keys() {
    let value = json!({
        "b10": ["x", {"k": [[1, 2], []], "m": {}}],
        "b9": "one\ntwo\n",
        "a": "no end\n\nhere",
    });
    insta::assert_snapshot!(yaml_v3(&value), @r#"
    a: |-
        no end

        here
    b9: |
        one
        two
    b10:
        - x
        - k:
            - - 1
              - 2
            - []
          m: {}
    "#);
}

#[test]
fn yaml_v3_marks_blocks_that_begin_with_a_blank() {
    assert_eq!(yaml_v3(&json!(" x\ny\n\n")), "|4+\n     x\n    y\n\n");
}

#[test]
fn kubectl_style_indents_by_two_and_folds_long_lines() {
    let long = "word ".repeat(20);
    let value = json!({
        "metadata": {"name": "x", "labels": {}},
        "items": [{"a": 1, "b": [true, null]}],
        "quoted": "yes",
        "long": long.trim_end(),
        "whole": 1_000_000,
        "big": 1e21,
    });
    insta::assert_snapshot!(k8s(&value), @r#"
    big: 1e+21
    items:
    - a: 1
      b:
      - true
      - null
    long: word word word word word word word word word word word word word word word word
      word word word word
    metadata:
      labels: {}
      name: x
    quoted: "yes"
    whole: 1000000
    "#);
}

#[test]
fn long_keys_are_written_in_the_explicit_form() {
    let key = "k".repeat(129);
    assert_eq!(k8s(&json!({ &key: ["a"] })), format!("? {key}\n: - a\n"));
}
