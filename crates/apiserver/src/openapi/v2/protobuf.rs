//! The document in the protobuf form of the gnostic project.
//!
//! One function a message; only messages and fields that the documents of this server use are written.
//!
//! Source: github.com/google/gnostic-models v0.7.0 `openapiv2/OpenAPIv2.proto`.

use serde_json::{Map, Value};

/// Writes a document.
pub(super) fn encode(document: &Value) -> Vec<u8> {
    let mut out = Message::default();
    out.text(1, &document["swagger"]);
    let info = &document["info"];
    out.message(2, |out| {
        out.text(1, &info["title"]);
        out.text(2, &info["version"]);
    });
    out.message(8, |out| out.named(2, &document["paths"], path));
    out.message(9, |out| out.named(1, &document["definitions"], schema));
    out.0
}

fn path(out: &mut Message, path: &Value) {
    for (number, method) in [
        (2, "get"),
        (3, "put"),
        (4, "post"),
        (5, "delete"),
        (8, "patch"),
    ] {
        if let Some(operation) = path.get(method) {
            out.message(number, |out| self::operation(out, operation));
        }
    }
    parameters(out, 9, &path["parameters"]);
}

fn operation(out: &mut Message, operation: &Value) {
    out.text(3, &operation["description"]);
    out.text(5, &operation["operationId"]);
    out.texts(6, &operation["produces"]);
    out.texts(7, &operation["consumes"]);
    parameters(out, 8, &operation["parameters"]);
    out.message(9, |out| {
        out.named(1, &operation["responses"], |out, response| {
            out.message(1, |out| {
                out.text(1, &response["description"]);
                if let Some(of) = response.get("schema") {
                    out.message(2, |out| out.message(1, |out| schema(out, of)));
                }
            });
        });
    });
    out.extensions(13, operation);
}

/// Each parameter stands in two or three messages that say of which sort it is.
fn parameters(out: &mut Message, number: u32, parameters: &Value) {
    for parameter in parameters.as_array().into_iter().flatten() {
        out.message(number, |out| {
            out.message(1, |out| match parameter["in"].as_str() {
                Some("body") => out.message(1, |out| body_parameter(out, parameter)),
                Some("path") => out.message(2, |out| {
                    out.message(4, |out| other_parameter(out, parameter, 0));
                }),
                _ => out.message(2, |out| {
                    // An empty value may be allowed here; this field comes first and moves the others.
                    out.message(3, |out| other_parameter(out, parameter, 1));
                }),
            });
        });
    }
}

fn body_parameter(out: &mut Message, parameter: &Value) {
    out.text(1, &parameter["description"]);
    out.text(2, &parameter["name"]);
    out.text(3, &parameter["in"]);
    out.flag(4, &parameter["required"]);
    out.message(5, |out| schema(out, &parameter["schema"]));
}

fn other_parameter(out: &mut Message, parameter: &Value, moved: u32) {
    out.flag(1, &parameter["required"]);
    out.text(2, &parameter["in"]);
    out.text(3, &parameter["description"]);
    out.text(4, &parameter["name"]);
    out.text(5 + moved, &parameter["type"]);
    out.flag(19 + moved, &parameter["uniqueItems"]);
}

fn schema(out: &mut Message, schema: &Value) {
    out.text(1, &schema["$ref"]);
    out.text(2, &schema["format"]);
    out.text(3, &schema["title"]);
    out.text(4, &schema["description"]);
    out.any(5, schema.get("default"));
    out.double(6, &schema["multipleOf"]);
    out.double(7, &schema["maximum"]);
    out.flag(8, &schema["exclusiveMaximum"]);
    out.double(9, &schema["minimum"]);
    out.flag(10, &schema["exclusiveMinimum"]);
    out.integer(11, &schema["maxLength"]);
    out.integer(12, &schema["minLength"]);
    out.text(13, &schema["pattern"]);
    out.integer(14, &schema["maxItems"]);
    out.integer(15, &schema["minItems"]);
    out.flag(16, &schema["uniqueItems"]);
    out.integer(17, &schema["maxProperties"]);
    out.integer(18, &schema["minProperties"]);
    out.texts(19, &schema["required"]);
    for value in schema["enum"].as_array().into_iter().flatten() {
        out.any(20, Some(value));
    }
    match schema.get("additionalProperties") {
        Some(Value::Bool(allowed)) => out.message(21, |out| out.boolean(2, *allowed)),
        Some(inner) => out.message(21, |out| out.message(1, |out| self::schema(out, inner))),
        None => {}
    }
    if let Some(kind) = schema.get("type") {
        out.message(22, |out| out.text(1, kind));
    }
    if let Some(items) = schema.get("items") {
        out.message(23, |out| out.message(1, |out| self::schema(out, items)));
    }
    if let Some(properties) = schema.get("properties") {
        out.message(25, |out| out.named(1, properties, self::schema));
    }
    out.any(30, schema.get("example"));
    out.extensions(31, schema);
}

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a number is written in pieces of seven bits"
    )]
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn tag(&mut self, number: u32, form: u32) {
        self.varint(u64::from(number << 3 | form));
    }

    fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.tag(number, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, number: u32, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(number, &inner.0);
    }

    fn text(&mut self, number: u32, value: &Value) {
        if let Some(text) = value.as_str().filter(|text| !text.is_empty()) {
            self.bytes(number, text.as_bytes());
        }
    }

    fn texts(&mut self, number: u32, list: &Value) {
        for text in list.as_array().into_iter().flatten() {
            self.text(number, text);
        }
    }

    fn boolean(&mut self, number: u32, value: bool) {
        self.tag(number, 0);
        self.varint(u64::from(value));
    }

    fn flag(&mut self, number: u32, value: &Value) {
        if value == true {
            self.boolean(number, true);
        }
    }

    #[expect(clippy::cast_sign_loss, reason = "protobuf writes negative numbers so")]
    fn integer(&mut self, number: u32, value: &Value) {
        if let Some(integer) = value.as_i64() {
            self.tag(number, 0);
            self.varint(integer as u64);
        }
    }

    fn double(&mut self, number: u32, value: &Value) {
        if let Some(double) = value.as_f64() {
            self.tag(number, 1);
            self.0.extend_from_slice(&double.to_le_bytes());
        }
    }

    /// Any value, as YAML; JSON is YAML.
    fn any(&mut self, number: u32, value: Option<&Value>) {
        if let Some(value) = value {
            self.message(number, |out| out.bytes(2, format!("{value}\n").as_bytes()));
        }
    }

    /// The entries of a map, each in a message with name and value.
    fn named(&mut self, number: u32, map: &Value, write: impl Fn(&mut Self, &Value)) {
        for (name, value) in map.as_object().into_iter().flatten() {
            self.message(number, |out| {
                out.bytes(1, name.as_bytes());
                out.message(2, |out| write(out, value));
            });
        }
    }

    /// All fields whose names begin with `x-`.
    fn extensions(&mut self, number: u32, map: &Value) {
        let fields = map.as_object().into_iter().flat_map(Map::iter);
        for (name, value) in fields.filter(|(name, _)| name.starts_with("x-")) {
            self.message(number, |out| {
                out.bytes(1, name.as_bytes());
                out.any(2, Some(value));
            });
        }
    }
}
