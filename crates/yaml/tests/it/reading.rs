//! Trees, comments, positions and messages.

use carto_yaml::{Options, Place, Value, parse, parse_with};

#[test]
fn comments_and_positions_are_kept() {
    let documents =
        parse("#! top\na: 1 #@ one\nb:\n- x # in\n#@ last\n---\n#@ next\nc: 2\n").unwrap();
    let comments: Vec<_> = documents[0]
        .comments
        .iter()
        .map(|c| (c.line, c.column, c.text.as_str()))
        .collect();
    assert_eq!(
        comments,
        [
            (1, 1, "! top"),
            (2, 6, "@ one"),
            (4, 5, " in"),
            (5, 1, "@ last")
        ]
    );
    assert_eq!(documents[1].comments[0].line, 7);
    assert_eq!((documents[0].line, documents[1].line), (2, 6));
    let Value::Map(entries) = &documents[0].root.value else {
        panic!("a map")
    };
    assert_eq!((entries[0].key.line, entries[1].key.line), (2, 3));
    let Value::Seq(items) = &entries[1].value.value else {
        panic!("a sequence")
    };
    assert_eq!(items[0].line, 4);
}

#[test]
fn comments_behind_a_block_header_are_not_kept() {
    let documents = parse("a: | # gone\n  # text\nb: 1 # kept\n").unwrap();
    let texts: Vec<_> = documents[0]
        .comments
        .iter()
        .map(|c| c.text.as_str())
        .collect();
    assert_eq!(texts, [" kept"]);
    let Value::Map(entries) = &documents[0].root.value else {
        panic!("a map")
    };
    assert_eq!(entries[0].value.value, Value::String("# text\n".to_owned()));
}

#[test]
fn duplicate_keys_are_kept() {
    let documents = parse("a: 1\na: 2\n").unwrap();
    let Value::Map(entries) = &documents[0].root.value else {
        panic!("a map")
    };
    assert_eq!(entries.len(), 2);
}

fn root(text: &str) -> Value {
    parse(text).unwrap().remove(0).root.value
}

#[test]
fn scalars_fold_as_libyaml_folds_them() {
    for (text, expect) in [
        ("a\n b\n\n c", "a b\nc"),
        ("'it''s\n  folded\n\n  twice'", "it's folded\ntwice"),
        ("\"a \\\n  b\\tc \\u00e9\"", "a b\tc é"),
        ("|\n  a\n   b\n\n", "a\n b\n"),
        ("|-\n  a\n\n", "a"),
        ("|+\n  a\n\n", "a\n\n"),
        (">\n  a\n  b\n\n  c\n   d\n  e\n", "a b\nc\n d\ne\n"),
        ("|2\n   a\n  b\n", " a\nb\n"),
        ("a#b: c", "a#b: c"),
    ] {
        match root(text) {
            Value::String(found) => assert_eq!(found, expect, "{text:?}"),
            Value::Map(_) => assert_eq!(expect, "a#b: c"),
            other => panic!("{text:?} gave {other:?}"),
        }
    }
}

#[test]
fn messages_and_lines_are_those_of_go_yaml() {
    for (text, expect, place) in [
        (
            "a: b: c",
            "yaml: mapping values are not allowed in this context",
            (1, 5),
        ),
        (
            "x: 1\na: b: c",
            "yaml: line 2: mapping values are not allowed in this context",
            (2, 5),
        ),
        (
            "\n@a",
            "yaml: line 2: found character that cannot start any token",
            (2, 1),
        ),
        (
            "x:\n\ty: 1",
            "yaml: line 2: found character that cannot start any token",
            (2, 1),
        ),
        (
            "a:\n  - b\n c: d",
            "yaml: line 2: did not find expected key",
            (3, 2),
        ),
        (
            "x: [1,\n2",
            "yaml: line 2: did not find expected ',' or ']'",
            (3, 1),
        ),
        ("x: *y", "yaml: unknown anchor 'y' referenced", (1, 4)),
        (
            "a: 'x\n",
            "yaml: line 2: found unexpected end of stream",
            (2, 1),
        ),
        (
            "- &x [*x]",
            "yaml: anchor 'x' value contains itself",
            (1, 7),
        ),
        (
            "!!int a",
            "yaml: cannot decode !!str `a` as a !!int",
            (1, 1),
        ),
        (
            "a: 1\nb",
            "yaml: line 3: could not find expected ':'",
            (3, 1),
        ),
        (
            "%FOO 1\n---\n",
            "yaml: found unknown directive name",
            (1, 5),
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.to_string(), expect, "{text:?}");
        let (line, column) = place;
        assert_eq!(error.place(), Some(Place { line, column }), "{text:?}");
    }
}

#[test]
fn unreadable_bytes_are_errors() {
    for (bytes, expect) in [
        (&b"a: \x01"[..], "yaml: control characters are not allowed"),
        (b"a: \x7f", "yaml: control characters are not allowed"),
        (b"a: \xff", "yaml: invalid leading UTF-8 octet"),
        (b"a: \xc3(", "yaml: invalid trailing UTF-8 octet"),
        (b"a: \xe2\x82", "yaml: incomplete UTF-8 octet sequence"),
        (b"a: \xc0\x80", "yaml: invalid length of a UTF-8 sequence"),
    ] {
        assert_eq!(
            parse_with(bytes, &Options::default())
                .unwrap_err()
                .to_string(),
            expect
        );
    }
}

#[test]
fn utf_16_is_recognised_by_its_mark() {
    let bytes = [0xFF, 0xFE, b'a', 0, b':', 0, b' ', 0, b'1', 0];
    let documents = parse_with(&bytes, &Options::default()).unwrap();
    assert!(matches!(documents[0].root.value, Value::Map(_)));
}

#[test]
fn strict_scalars_must_be_unambiguous() {
    let options = Options {
        strict_scalars: true,
        ..Options::default()
    };
    assert!(parse_with(b"a: [1, true, word, 'yes', \"a b\"]", &options).is_ok());
    assert_eq!(
        parse_with(b"a: yes", &options).unwrap_err().to_string(),
        "yaml: Strict parsing: Found 'yes' ambigious (could be !!str or !!bool)"
    );
}

#[test]
fn a_byte_order_mark_is_only_skipped_at_the_beginning() {
    let first = carto_yaml::decode_all("\u{FEFF}a: 1\n").unwrap();
    assert_eq!(first, [serde_json::json!({"a": 1})]);
    let later = carto_yaml::decode_all("---\n\u{FEFF}a: 1\n").unwrap();
    assert_eq!(later, [serde_json::json!({"\u{FEFF}a": 1})]);
}
