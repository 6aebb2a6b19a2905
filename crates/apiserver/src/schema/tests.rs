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
        "metadata": {"name": "w"},
        "extra": 1,
        "spec": {"size": 3.0, "bogus": 1, "any": {"kept": {"deep": null}},
                 "ports": [{"name": "a", "x": 1}], "labels": {"anything": "goes"}},
    });
    let unknown = widget().prune(&mut object);
    assert_eq!(unknown, ["extra", "spec.bogus", "spec.ports[0].x"]);
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

/// A schema with rules on `spec`, and what it says of objects.
fn with_rules(rules: Value) -> Result<Structural, Vec<String>> {
    let schema = json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "properties": {
            "size": {"type": "integer"}, "ratio": {"type": "number"}, "name": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "when": {"type": "string", "format": "date-time"},
            "for": {"type": "string", "format": "duration"},
            "any": {"x-kubernetes-int-or-string": true},
            "dashed-name": {"type": "string"},
            "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "num": {"type": "integer"}},
                    "x-kubernetes-validations": [
                        {"rule": "!has(oldSelf.num) || self.num >= oldSelf.num", "message": "num may not shrink"}]}},
        },
        "x-kubernetes-validations": rules,
    }}});
    Structural::compile(&schema, "s")
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn rule(rule: &str) -> Structural {
    with_rules(json!([{"rule": rule}])).unwrap_or_else(|errors| panic!("{rule}: {errors:?}"))
}

#[test]
fn rules_hold_or_say_what_failed() {
    let spec = json!({"spec": {"size": 3, "ratio": 2, "name": "abc", "tags": ["a", "b"], "labels": {"k-1": "v"},
        "when": "2026-01-02T03:04:05Z", "for": "90s", "any": "10%", "dashed-name": "d",
        "ports": [{"name": "a", "num": 1}]}});
    for (source, holds) in [
        ("self.size > 2", true),
        ("self.size + 1 == 4", true),
        ("self.ratio == 2.0", true),
        ("type(self.size) == int", true),
        ("has(self.name) && self.name.startsWith('a')", true),
        ("self.tags.all(t, t.size() == 1)", true),
        ("self.tags.exists(t, t == 'z')", false),
        ("self.tags.all(i, t, i < 2 && t != '')", true),
        ("self.tags.exists(i, t, i == 1 && t == 'b')", true),
        ("self.labels.all(k, v, k.startsWith('k') && v == 'v')", true),
        ("'k-1' in self.labels", true),
        ("cel.bind(n, self.size * 2, n == 6)", true),
        ("self.when < timestamp('2027-01-01T00:00:00Z')", true),
        ("self.__for__ > duration('1m')", true),
        ("self.dashed__dash__name == 'd'", true),
        ("self.name.matches('^[a-z]+$')", true),
        ("quantity('1Gi').isGreaterThan(quantity('500Mi'))", true),
        ("self.ports.filter(p, p.num > 0).size() == 1", true),
        ("self.ports.map(p, p.name) == ['a']", true),
        ("self.?name.orValue('x') == 'abc'", true),
        (
            "self.tags.transformList(i, t, t + 'x') == ['ax', 'bx']",
            true,
        ),
        ("[1, 2, 3].sum() == 6 && isURL('https://a/b')", true),
        ("self.any == '10%' || self.any == 10", true),
    ] {
        let errors: Vec<String> = rule(source)
            .validate(&spec, None)
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = if holds {
            vec![]
        } else {
            vec![format!("spec: Invalid value: failed rule: {source}")]
        };
        assert_eq!(errors, expected, "{source}");
    }
}

#[test]
fn messages_reasons_and_paths_are_the_authors() {
    let schema = with_rules(json!([
        {"rule": "self.size < 3", "message": "too big", "reason": "FieldValueForbidden", "fieldPath": ".size"},
        {"rule": "self.size < 2", "messageExpression": "'size is ' + string(self.size)"},
        {"rule": "self.labels.all(k, k == 'x')", "message": "only x", "fieldPath": ".labels['k']"},
        {"rule": "self.tags[5] == 'x'"},
    ]))
    .expect("compiles");
    let object = json!({"spec": {"size": 3, "labels": {"k": "v"}, "tags": []}});
    let errors: Vec<String> = schema
        .validate(&object, None)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        errors,
        [
            "spec.size: Forbidden: too big",
            "spec: Invalid value: size is 3",
            "spec.labels[k]: Invalid value: only x",
            "spec: Invalid value: \"object\": index out of bounds: Int(5) evaluating rule: self.tags[5] == 'x'",
        ]
    );
}

#[test]
fn transitions_are_checked_against_what_was() {
    let schema = with_rules(json!([
        {"rule": "self.size >= oldSelf.size", "message": "size may not shrink"},
        {"rule": "!oldSelf.hasValue() || self.name == oldSelf.value().name", "optionalOldSelf": true,
         "message": "name is immutable"},
    ]))
    .expect("compiles");
    let object = |size: i32, name: &str, num: i32| json!({"spec": {"size": size, "name": name, "ports": [{"name": "b"}, {"name": "a", "num": num}]}});
    let check = |new: &Value, old: Option<&Value>| -> Vec<String> {
        schema
            .validate(new, old)
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert!(check(&object(1, "x", 1), None).is_empty());
    assert!(check(&object(2, "x", 2), Some(&object(1, "x", 1))).is_empty());
    assert_eq!(
        check(&object(1, "y", 1), Some(&object(2, "x", 2))),
        [
            "spec: Invalid value: size may not shrink",
            "spec: Invalid value: name is immutable",
            "spec.ports[1]: Invalid value: num may not shrink",
        ]
    );
}

#[test]
fn a_broken_rule_that_an_update_does_not_touch_is_let_be() {
    let schema = rule("self.size < 3");
    let old = json!({"spec": {"size": 5}});
    let mut new = old.clone();
    new["metadata"] = json!({"labels": {"a": "b"}});
    assert!(schema.validate(&new, Some(&old)).is_empty());
    new["spec"]["size"] = json!(6);
    assert_eq!(schema.validate(&new, Some(&old)).len(), 1);
}

#[test]
fn rules_wait_for_a_valid_object() {
    let errors: Vec<String> = rule("self.size < 3")
        .validate(&json!({"spec": {"size": "x"}}), None)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(errors.len(), 2);
    assert!(
        errors[1].starts_with("<nil>: Invalid value: "),
        "{}",
        errors[1]
    );
    assert!(
        errors[1].contains("some validation rules were not checked"),
        "{}",
        errors[1]
    );
}

#[test]
fn rules_that_cannot_be_right_are_refused_with_the_definition() {
    for (source, expected) in [
        (
            "self.bogus > 1",
            "ERROR: <input>:1:5: undefined field 'bogus'\n | self.bogus > 1\n | ....^",
        ),
        (
            "self.name.foo > 1",
            "ERROR: <input>:1:10: type 'string' does not support field selection\n | self.name.foo > 1\n | .........^",
        ),
        (
            "nobody == 1",
            "ERROR: <input>:1:1: undeclared reference to 'nobody' (in container '')\n | nobody == 1\n | ^",
        ),
        (
            "self.size.frobnicate()",
            "ERROR: <input>:1:11: undeclared reference to 'frobnicate' (in container '')\n | self.size.frobnicate()\n | ..........^",
        ),
        (
            "self.ports.all(p, p.bogus == 1)",
            "ERROR: <input>:1:20: undefined field 'bogus'\n | self.ports.all(p, p.bogus == 1)\n | ...................^",
        ),
    ] {
        let errors = with_rules(json!([{"rule": source}])).expect_err("refused");
        assert!(
            errors[0].starts_with(
                "s.properties[spec].x-kubernetes-validations[0].rule: Invalid value: {"
            ),
            "{}",
            errors[0]
        );
        assert!(
            errors[0].ends_with(&format!(": compilation failed: {expected}")),
            "{}",
            errors[0]
        );
    }
    assert!(with_rules(json!([{"rule": "self.size >"}])).is_err());
    assert!(with_rules(json!([{"rule": ""}])).is_err());
    assert!(with_rules(json!([{"rule": "true", "fieldPath": ".nope"}])).is_err());
    assert!(with_rules(json!([{"rule": "true", "reason": "Whatever"}])).is_err());
}

#[test]
fn a_rule_may_not_run_forever() {
    let schema =
        rule("self.tags.all(a, self.tags.all(b, self.tags.all(c, a != '' && b != '' && c != '')))");
    let tags: Vec<String> = (0..120).map(|i| i.to_string()).collect();
    let errors: Vec<String> = schema
        .validate(&json!({"spec": {"tags": tags}}), None)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].contains("actual cost limit exceeded"),
        "{}",
        errors[0]
    );
}
