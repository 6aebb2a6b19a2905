//! The Go types of built-in kinds.
//!
//! They say more than the schemas: which fields are pointers, which zero values are written, which numbers fields have in
//! protobuf, and how types are called in error texts.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Map, Value};

use super::data::data;

/// A struct type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StructId(usize);

/// A struct and its fields in order of declaration.
#[derive(Debug)]
pub(crate) struct Struct {
    /// Full name, as its schema is called.
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    by_number: BTreeMap<u32, usize>,
}

/// A field.
#[derive(Debug)]
pub(crate) struct Field {
    /// Name in JSON; `-` for a struct whose fields stand in this one in JSON, but not in protobuf.
    pub(crate) name: String,
    pub(crate) zero: Zero,
    pub(crate) pointer: bool,
    /// Number in protobuf; 0 for fields that stand elsewhere there.
    pub(crate) number: u32,
    pub(crate) ty: Type,
    /// The type as Go prints it.
    pub(crate) go_name: String,
    /// Declared default other than the zero value.
    pub(crate) default: Option<Value>,
}

/// What becomes of a zero value in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zero {
    /// It is left out, unless it is a struct.
    Omit,
    /// It is left out even then.
    OmitStruct,
    /// It is written.
    Keep,
    /// Not a field of its own in JSON.
    Inline,
}

/// A type.
#[derive(Debug, Clone)]
pub(crate) enum Type {
    String,
    Bool,
    Int32,
    Int64,
    Float,
    Bytes,
    List(Box<Type>),
    Map(Box<Type>),
    Struct(StructId),
    /// A list that is a message of its own in protobuf.
    WrappedList(Box<Type>),
    Quantity,
    Time,
    MicroTime,
    Duration,
    IntOrString,
    /// JSON as it is, wrapped in a message with one field of bytes.
    RawJson,
    /// A schema, or something else in its place.
    SchemaOr(StructId, Or),
    /// Anything; has no form in protobuf.
    Any,
}

/// What may stand in the place of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Or {
    Bool,
    Schemas,
    Strings,
}

impl Struct {
    pub(crate) fn field_number(&self, number: u32) -> Option<&Field> {
        self.by_number
            .get(&number)
            .map(|index| &self.fields[*index])
    }

    /// The name without package.
    pub(crate) fn short_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or_default()
    }
}

struct Types {
    structs: Vec<Struct>,
    ids: BTreeMap<String, StructId>,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let raw = &data().types;
    let names = raw
        .iter()
        .filter(|(_, value)| value.is_array())
        .map(|(name, _)| name.clone());
    let ids: BTreeMap<String, StructId> = names
        .enumerate()
        .map(|(index, name)| (name, StructId(index)))
        .collect();
    let structs = ids
        .keys()
        .map(|name| parse_struct(name, raw, &ids))
        .collect();
    Types { structs, ids }
});

/// Returns a struct type by its full name.
pub(crate) fn id(name: &str) -> Option<StructId> {
    TYPES.ids.get(name).copied()
}

pub(crate) fn get(id: StructId) -> &'static Struct {
    &TYPES.structs[id.0]
}

fn parse_struct(name: &str, raw: &Map<String, Value>, ids: &BTreeMap<String, StructId>) -> Struct {
    let lines = raw
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let properties = super::data::components()
        .get(name)
        .and_then(|schema| schema.get("properties"));
    let fields: Vec<Field> = lines
        .filter_map(Value::as_str)
        .filter_map(|line| parse_field(line, raw, ids))
        .map(|field| {
            let default = properties
                .and_then(|p| p.get(&field.name)?.get("default"))
                .cloned();
            Field {
                default: default.filter(|default| is_said(&field, default)),
                ..field
            }
        })
        .collect();
    let mut by_number = BTreeMap::new();
    for (index, field) in fields.iter().enumerate() {
        if field.number > 0 {
            by_number.insert(field.number, index);
        }
    }
    Struct {
        name: name.to_owned(),
        fields,
        by_number,
    }
}

/// Schemas give every non-pointer field its zero value as default; those say nothing.
fn is_said(field: &Field, default: &Value) -> bool {
    let is_zero = match default {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(s) => s.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    };
    !is_zero || field.pointer && !default.is_null()
}

fn parse_field(
    line: &str,
    raw: &Map<String, Value>,
    ids: &BTreeMap<String, StructId>,
) -> Option<Field> {
    let mut words = line.split(' ');
    let (name, flag, number, expression) =
        (words.next()?, words.next()?, words.next()?, words.next()?);
    let zero = match flag {
        "k" => Zero::Keep,
        "z" => Zero::OmitStruct,
        "i" => Zero::Inline,
        _ => Zero::Omit,
    };
    Some(Field {
        name: name.to_owned(),
        zero,
        pointer: expression.starts_with('*'),
        number: number.parse().ok()?,
        ty: parse_type(expression, raw, ids),
        go_name: go_name(expression.trim_start_matches('*')),
        default: None,
    })
}

fn parse_type(
    expression: &str,
    raw: &Map<String, Value>,
    ids: &BTreeMap<String, StructId>,
) -> Type {
    let expression = expression.trim_start_matches('*');
    let nested = |rest: &str| Box::new(parse_type(rest, raw, ids));
    if expression == "[]byte" {
        return Type::Bytes;
    }
    if let Some(item) = expression.strip_prefix("[]") {
        return Type::List(nested(item));
    }
    if let Some(rest) = expression.strip_prefix("map[") {
        let value = rest
            .split_once(']')
            .map_or("interface{}", |(_, value)| value);
        return Type::Map(nested(value));
    }
    match expression {
        "string" => return Type::String,
        "bool" => return Type::Bool,
        "int32" => return Type::Int32,
        "int" | "int64" => return Type::Int64,
        "float32" | "float64" => return Type::Float,
        _ => {}
    }
    if let Some(id) = ids.get(expression) {
        return Type::Struct(*id);
    }
    let short = expression.rsplit('.').next().unwrap_or_default();
    match raw.get(expression).and_then(Value::as_str) {
        Some("special") => match short {
            "JSONSchemaPropsOrBool" => schema_or(expression, ids, Or::Bool),
            "JSONSchemaPropsOrArray" => schema_or(expression, ids, Or::Schemas),
            "JSONSchemaPropsOrStringArray" => schema_or(expression, ids, Or::Strings),
            "Quantity" => Type::Quantity,
            "Time" => Type::Time,
            "MicroTime" => Type::MicroTime,
            "Duration" => Type::Duration,
            "IntOrString" => Type::IntOrString,
            "RawExtension" | "FieldsV1" | "JSON" => Type::RawJson,
            _ => Type::Any,
        },
        Some(alias) => {
            let target = alias.trim_start_matches("= ");
            match (short, target.strip_prefix("[]")) {
                ("ExtraValue" | "Verbs", Some(item)) => Type::WrappedList(nested(item)),
                _ => parse_type(target, raw, ids),
            }
        }
        None => Type::Any,
    }
}

fn schema_or(expression: &str, ids: &BTreeMap<String, StructId>, or: Or) -> Type {
    let schema = expression
        .split_once("Or")
        .and_then(|(schema, _)| ids.get(schema));
    schema.map_or(Type::Any, |schema| Type::SchemaOr(*schema, or))
}

/// `io.k8s.api.core.v1.Container` is `v1.Container` to Go.
fn go_name(expression: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        let parts: Vec<&str> = word.split('.').collect();
        match parts.as_slice() {
            [.., package, name] => out.push_str(&format!("{package}.{name}")),
            _ => out.push_str(word),
        }
        word.clear();
    };
    for c in expression.chars() {
        if matches!(c, '[' | ']' | '*') {
            flush(&mut word, &mut out);
            out.push(c);
        } else {
            word.push(c);
        }
    }
    flush(&mut word, &mut out);
    out.replace("[]byte", "[]uint8")
}
