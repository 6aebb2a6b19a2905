//! Objects against schemas, with the texts that the API gives.

use serde_json::{Value, json};

use super::Structural;

fn widget() -> Structural {
    let schema = json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "maximum": 100},
                    "color": {"type": "string", "enum": ["red", "green"], "default": "red"},
                    "replicas": {"type": "integer", "default": 1},
                    "port": {"x-kubernetes-int-or-string": true},
                    "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "tags": {"type": "array", "maxItems": 3, "x-kubernetes-list-type": "set",
                             "items": {"type": "string", "maxLength": 5}},
                    "ports": {"type": "array", "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "required": ["name"],
                                  "properties": {"name": {"type": "string"}, "num": {"type": "integer"}}}},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "when": {"type": "string", "format": "date-time", "nullable": true},
                    "one": {"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object",
                            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
                },
            },
            "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
        },
    });
    Structural::compile(&schema, "spec").expect("is structural")
}

fn texts(spec: Value) -> Vec<String> {
    let object = json!({"apiVersion": "demo.io/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec});
    widget()
        .validate(&object, None)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn violations_have_the_texts_of_the_api() {
    for (spec, expected) in [
        (json!({"size": 3}), &[][..]),
        (
            json!({"size": "three"}),
            &[
                r#"spec.size: Invalid value: "string": spec.size in body must be of type integer: "string""#,
            ],
        ),
        (
            json!({"size": 101}),
            &[
                "spec.size: Invalid value: 101: spec.size in body should be less than or equal to 100",
            ],
        ),
        (json!({}), &["spec.size: Required value"]),
        (
            json!({"size": 1, "color": "blue"}),
            &[r#"spec.color: Unsupported value: "blue": supported values: "red", "green""#],
        ),
        (
            json!({"size": 1, "port": true}),
            &[
                r#"spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean""#,
            ],
        ),
        (
            json!({"size": 1, "tags": ["a", "b", "c", "d"]}),
            &["spec.tags: Too many: 4: must have at most 3 items"],
        ),
        (
            json!({"size": 1, "tags": ["toolong"]}),
            &["spec.tags[0]: Too long: may not be more than 5 bytes"],
        ),
        (
            json!({"size": 1, "tags": ["a", "a"]}),
            &[r#"spec.tags[1]: Duplicate value: "a""#],
        ),
        (
            json!({"size": 1, "ports": [{"name": "a"}, {"name": "a"}]}),
            &[r#"spec.ports[1]: Duplicate value: {"name":"a"}"#],
        ),
        (
            json!({"size": 1, "ports": [{}]}),
            &["spec.ports[0].name: Required value"],
        ),
        (
            json!({"size": 1, "labels": {"k": 1}}),
            &[
                r#"spec.labels.k: Invalid value: "integer": spec.labels.k in body must be of type string: "integer""#,
            ],
        ),
        (
            json!({"size": 1, "when": "soon"}),
            &[
                r#"spec.when: Invalid value: "soon": spec.when in body must be of type date-time: "soon""#,
            ],
        ),
        (json!({"size": 1, "when": null}), &[]),
        (
            json!({"size": 1, "one": {"a": 1, "b": 2}}),
            &[
                r#"<nil>: Invalid value: "": "spec.one" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
            ],
        ),
        (
            json!({"size": 1.5}),
            &[
                r#"spec.size: Invalid value: "number": spec.size in body must be of type integer: "number""#,
            ],
        ),
    ] {
        assert_eq!(texts(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn unknown_fields_are_dropped_and_named() {
    let mut object = json!({
        "apiVersion": "demo.io/v1", "kind": "Widget",
        "metadata": {"name": "w", "bogus": 1, "labels": {}},
        "extra": 1,
        "spec": {"size": 3.0, "bogus": 1, "any": {"kept": {"deep": null}},
                 "ports": [{"name": "a", "x": 1}], "labels": {"anything": "goes"}},
    });
    let unknown = widget().prune(&mut object);
    assert_eq!(
        unknown,
        ["extra", "metadata.bogus", "spec.bogus", "spec.ports[0].x"]
    );
    assert_eq!(
        object,
        json!({
            "apiVersion": "demo.io/v1", "kind": "Widget", "metadata": {"name": "w"},
            "spec": {"size": 3, "any": {"kept": {"deep": null}}, "ports": [{"name": "a"}],
                     "labels": {"anything": "goes"}},
        })
    );
    let before = object.clone();
    assert!(widget().prune(&mut object).is_empty());
    assert_eq!(object, before);
}

#[test]
fn defaults_fill_what_is_absent_or_wrongly_null() {
    let mut object = json!({"spec": {"size": 1, "color": null, "when": null, "any": null}});
    widget().prune(&mut object);
    widget().default(&mut object);
    assert_eq!(
        object,
        json!({"spec": {"size": 1, "color": "red", "replicas": 1, "when": null}})
    );
    let before = object.clone();
    widget().default(&mut object);
    assert_eq!(object, before);
}

#[test]
fn what_an_update_leaves_broken_stays_acceptable() {
    let old =
        json!({"spec": {"size": 500, "ports": [{"name": "a", "num": "x"}], "tags": ["a", "a"]}});
    let mut new = old.clone();
    assert!(widget().validate(&new, Some(&old)).is_empty());
    new["spec"]["color"] = json!("red");
    new["spec"]["ports"] = json!([{"name": "b"}, {"name": "a", "num": "x"}]);
    assert!(widget().validate(&new, Some(&old)).is_empty());
    new["spec"]["size"] = json!(501);
    let errors: Vec<String> = widget()
        .validate(&new, Some(&old))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        errors,
        ["spec.size: Invalid value: 501: spec.size in body should be less than or equal to 100"]
    );
}

#[test]
fn a_status_write_is_checked_at_status_only() {
    let old = json!({"spec": {"size": 1}});
    let new = json!({"spec": {"size": "x"}, "status": {"ready": "yes"}});
    let errors: Vec<String> = widget()
        .validate_status(&new, &old)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        errors,
        [
            r#"status.ready: Invalid value: "string": ready in body must be of type boolean: "string""#
        ]
    );
}

#[test]
fn schemas_that_are_not_structural_are_refused_with_their_place() {
    for (schema, expected) in [
        (
            json!({"type": "object", "properties": {"a": {}}}),
            &[
                "s.properties[a].type: Required value: must not be empty for specified object fields",
            ][..],
        ),
        (
            json!({"properties": {}}),
            &["s.type: Required value: must not be empty at the root"],
        ),
        (
            json!({"type": "object", "additionalProperties": true}),
            &["s.additionalProperties: Forbidden: must not be used at the root"],
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "array"}}}),
            &["s.properties[a].items: Required value: must be specified"],
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string", "anyOf": [{"type": "string"}]}}}),
            &["s.properties[a].anyOf[0].type: Forbidden: must be empty to be structural"],
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}),
            &[
                "s.properties[a].pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: error parsing regexp: unclosed group: `(`",
            ],
        ),
        (
            json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}}),
            &[
                "s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
            ],
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "array", "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["k"], "items": {"type": "object", "properties": {"k": {"type": "string"}}}}}}),
            &[
                "s.properties[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
            ],
        ),
    ] {
        let errors: Vec<String> = Structural::compile(&schema, "s")
            .expect_err("refused")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(errors, expected, "{schema}");
    }
}

#[test]
fn int_or_string_may_say_so_twice() {
    let schema = json!({"type": "object", "properties": {"a": {
        "x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}}});
    let schema = Structural::compile(&schema, "s").expect("is structural");
    assert!(schema.validate(&json!({"a": 1}), None).is_empty());
    assert!(schema.validate(&json!({"a": "1"}), None).is_empty());
}
