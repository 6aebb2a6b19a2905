//! Conversion by examples; the protobuf form against that of the original encoder.

use serde_json::{Value, json};

use super::{convert, media_type, protobuf};

/// What gnostic-models v0.7.0 makes of [`every_field`].
const GNOSTIC: &str = "\
    0a03322e3012070a0154120276314285021282020a092f612f7b6e616d657d12f40142cd011a07706174636820412a067061\
    7463684132106170706c69636174696f6e2f6a736f6e3a106170706c69636174696f6e2f6a736f6e42230a21121f1a1d1205\
    71756572791a0171220664727952756e3206737472696e67a0010142250a230a211204626f64791a04626f647920012a110a\
    0f232f646566696e6974696f6e732f414a3d0a220a03323030121b0a190a024f4b12130a110a0f232f646566696e6974696f\
    6e732f410a170a0334303112100a0e0a0c556e617574686f72697a65646a0b0a03782d6e12041202310a4a220a20121e221c\
    08011204706174681a016422046e616d652a06737472696e679801014a81020afe010a014112f8012204616e20419a010162\
    b201080a066f626a656374ca01d1010a200a0162121b2a041202350a58ac0260016a035e6124b201080a06737472696e670a\
    400a0163123b70027801800101b201070a056172726179ba01270a251205696e743634390000000000000040490000000000\
    00f83fb201090a07696e74656765720a270a01641222880103900101aa010e0a0cb201090a07626f6f6c65616eb201080a06\
    6f626a6563740a2b0a0165122631000000000000e03f40015001a201041202310aa201041202320ab201080a066e756d6265\
    720a150a01661210aa01021001b201080a066f626a656374fa010b0a03782d6e12041202310a";

/// A document with all that is written.
fn every_field() -> Value {
    json!({
        "swagger": "2.0",
        "info": {
            "title": "T",
            "version": "v1"
        },
        "paths": {
            "/a/{name}": {
                "parameters": [
                    {
                        "name": "name",
                        "in": "path",
                        "required": true,
                        "description": "d",
                        "type": "string",
                        "uniqueItems": true
                    }
                ],
                "patch": {
                    "description": "patch A",
                    "operationId": "patchA",
                    "consumes": [
                        "application/json"
                    ],
                    "produces": [
                        "application/json"
                    ],
                    "parameters": [
                        {
                            "name": "dryRun",
                            "in": "query",
                            "description": "q",
                            "type": "string",
                            "uniqueItems": true
                        },
                        {
                            "name": "body",
                            "in": "body",
                            "required": true,
                            "schema": {
                                "$ref": "#/definitions/A"
                            }
                        }
                    ],
                    "responses": {
                        "200": {
                            "description": "OK",
                            "schema": {
                                "$ref": "#/definitions/A"
                            }
                        },
                        "401": {
                            "description": "Unauthorized"
                        }
                    },
                    "x-n": 1
                }
            }
        },
        "definitions": {
            "A": {
                "type": "object",
                "description": "an A",
                "required": [
                    "b"
                ],
                "properties": {
                    "b": {
                        "type": "string",
                        "default": 5,
                        "pattern": "^a$",
                        "maxLength": 300,
                        "minLength": 1
                    },
                    "c": {
                        "type": "array",
                        "items": {
                            "type": "integer",
                            "format": "int64",
                            "minimum": 1.5,
                            "maximum": 2
                        },
                        "minItems": 1,
                        "maxItems": 2,
                        "uniqueItems": true
                    },
                    "d": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "boolean"
                        },
                        "minProperties": 1,
                        "maxProperties": 3
                    },
                    "e": {
                        "type": "number",
                        "enum": [
                            1,
                            2
                        ],
                        "multipleOf": 0.5,
                        "exclusiveMinimum": true,
                        "exclusiveMaximum": true
                    },
                    "f": {
                        "type": "object",
                        "additionalProperties": true
                    }
                },
                "x-n": 1
            }
        }
    })
}

#[test]
fn protobuf_is_that_of_gnostic() {
    assert_eq!(hex::encode(protobuf::encode(&every_field())), GNOSTIC);
}

#[test]
fn both_names_of_the_protobuf_form_are_understood() {
    let formerly = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    assert_eq!(media_type(Some(formerly)), Some(super::PROTOBUF));
    assert_eq!(media_type(Some(super::PROTOBUF)), Some(super::PROTOBUF));
    assert_eq!(
        media_type(Some("application/json, */*")),
        Some("application/json")
    );
    assert_eq!(media_type(None), Some("application/json"));
    assert_eq!(
        media_type(Some("application/vnd.kubernetes.protobuf")),
        None
    );
}

fn check(version3: Value, version2: &Value) {
    let mut schema = version3;
    convert::definition(&mut schema);
    assert_eq!(&schema, version2);
}

#[test]
fn references_stand_alone() {
    check(
        json!({"description": "d", "default": {}, "allOf": [{"$ref": "#/components/schemas/A"}]}),
        &json!({"description": "d", "default": {}, "$ref": "#/definitions/A"}),
    );
}

#[test]
fn alternatives_are_not_told() {
    check(
        json!({"properties": {
            "port": {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
            "any": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": true},
        }}),
        &json!({"properties": {
            "port": {"type": "string", "format": "int-or-string"},
            "any": {"x-kubernetes-int-or-string": true},
        }}),
    );
}

#[test]
fn what_may_be_null_or_more_is_anything() {
    check(
        json!({"type": "object", "required": ["a", "b"], "properties": {
            "a": {"type": "object", "nullable": true, "properties": {"x": {"type": "string"}}},
            "b": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                "properties": {"x": {"type": "string"}}},
            "c": {"type": "array", "items": {"type": "string"}, "x-kubernetes-preserve-unknown-fields": true},
        }}),
        &json!({"type": "object", "required": ["b"], "properties": {
            "a": {},
            "b": {"x-kubernetes-preserve-unknown-fields": true},
            "c": {"x-kubernetes-preserve-unknown-fields": true},
        }}),
    );
}

#[test]
fn a_kind_that_keeps_unknown_fields_stays_an_object() {
    let kind = json!([{"group": "test.example.com", "version": "v1", "kind": "A"}]);
    check(
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"spec": {"type": "object"}}, "x-kubernetes-group-version-kind": kind}),
        &json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true,
            "x-kubernetes-group-version-kind": kind}),
    );
}

#[test]
fn operations_name_their_media_types() {
    let reference = json!({"$ref": "#/components/schemas/A"});
    let mut paths = json!({"/a": {"patch": {
        "parameters": [{"name": "dryRun", "in": "query", "schema": {"type": "string"}}],
        "requestBody": {"content": {"application/json-patch+json": {"schema": reference}}},
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}},
    }}});
    convert::paths(paths.as_object_mut().unwrap());
    let reference = json!({"$ref": "#/definitions/A"});
    let expected = json!({"/a": {"patch": {
        "consumes": ["application/json-patch+json"],
        "produces": ["application/json"],
        "parameters": [
            {"name": "dryRun", "in": "query", "type": "string"},
            {"name": "body", "in": "body", "required": true, "schema": reference},
        ],
        "responses": {"200": {"description": "OK", "schema": reference}},
    }}});
    assert_eq!(paths, expected);
}
