//! Objects as the Go types read and write them.
//!
//! A Kubernetes server keeps built-in objects as Go structs; what a client gets back is what the struct holds. This walks an
//! object along its type and gives it that form. Each walk is as deep as the type, or as the value where a type contains
//! itself.
//!
//! Source: Go encoding/json and sigs.k8s.io/json for texts; struct tags for zero values.

use serde_json::{Map, Number, Value};

use super::{
    quantity::{BAD_QUANTITY, Quantity},
    time,
    types::{self, Field, Struct, StructId, Type, Zero},
};

/// Normalises `object` in place and returns the paths of unknown fields.
pub(super) fn decode(ty: StructId, object: &mut Value) -> Result<Vec<String>, String> {
    let mut walk = Walk {
        unknown: Vec::new(),
        path: Vec::new(),
        fields: Vec::new(),
    };
    let ty = types::get(ty);
    let Value::Object(fields) = object.take() else {
        return Err(format!(
            "json: cannot unmarshal {} into Go value of type {}",
            json_kind(object),
            ty.short_name()
        ));
    };
    *object = Value::Object(walk.fields(ty, fields)?);
    Ok(walk.unknown)
}

/// Returns the zero value of a struct as JSON.
pub(super) fn zero_struct(ty: &'static Struct) -> Map<String, Value> {
    let mut out = Map::new();
    for field in ty.fields.iter().filter(|field| field.zero != Zero::Inline) {
        if let Some(zero) = zero_field(field) {
            out.insert(field.name.clone(), zero);
        }
    }
    out
}

/// What an absent field is written as, if at all.
fn zero_field(field: &Field) -> Option<Value> {
    let is_struct = matches!(
        field.ty,
        Type::Struct(_)
            | Type::Quantity
            | Type::Time
            | Type::MicroTime
            | Type::Duration
            | Type::IntOrString
            | Type::RawJson
    );
    match field.zero {
        Zero::Inline | Zero::OmitStruct => None,
        Zero::Omit if field.pointer || !is_struct => None,
        Zero::Omit | Zero::Keep if field.pointer => Some(Value::Null),
        Zero::Omit | Zero::Keep => Some(zero_value(&field.ty)),
    }
}

fn zero_value(ty: &Type) -> Value {
    match ty {
        Type::String => Value::String(String::new()),
        Type::Bool => Value::Bool(false),
        Type::Int32 | Type::Int64 | Type::Float | Type::IntOrString => Value::Number(0.into()),
        Type::Struct(id) => Value::Object(zero_struct(types::get(*id))),
        Type::Quantity => Value::String("0".to_owned()),
        Type::Duration => Value::String("0s".to_owned()),
        Type::Bytes
        | Type::List(_)
        | Type::WrappedList(_)
        | Type::Map(_)
        | Type::Time
        | Type::MicroTime
        | Type::RawJson
        | Type::SchemaOr(..)
        | Type::Any => Value::Null,
    }
}

/// Whether a decoded value is the zero value of its type and would be left out.
fn is_zero(ty: &Type, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_f64() == Some(0.0) && !matches!(ty, Type::IntOrString),
        Value::String(s) => s.is_empty() && !matches!(ty, Type::IntOrString),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty() && matches!(ty, Type::Map(_)),
    }
}

struct Walk {
    unknown: Vec<String>,
    /// Where we are, with indexes, for unknown fields.
    path: Vec<String>,
    /// Names of fields on the way, for texts.
    fields: Vec<String>,
}

impl Walk {
    fn fields(
        &mut self,
        ty: &'static Struct,
        mut given: Map<String, Value>,
    ) -> Result<Map<String, Value>, String> {
        let mut out = Map::new();
        for field in ty.fields.iter().filter(|field| field.zero != Zero::Inline) {
            if out.contains_key(&field.name) {
                continue;
            }
            let Some(value) = given.remove(&field.name).filter(|value| !value.is_null()) else {
                if let Some(zero) = zero_field(field) {
                    out.insert(field.name.clone(), zero);
                }
                continue;
            };
            self.path.push(field.name.clone());
            self.fields.push(field.name.clone());
            let value = self.value(&field.ty, value, ty, &field.go_name)?;
            self.fields.pop();
            self.path.pop();
            let leaves_out = match field.zero {
                Zero::Omit => {
                    !field.pointer && is_zero(&field.ty, &value) && !is_reset(field, &value)
                }
                Zero::OmitStruct => is_zero(&field.ty, &value) || value == zero_value(&field.ty),
                Zero::Keep | Zero::Inline => false,
            };
            if !leaves_out {
                out.insert(field.name.clone(), value);
            } else if let Some(zero) = zero_field(field) {
                out.insert(field.name.clone(), zero);
            }
        }
        for name in given.keys() {
            self.path.push(name.clone());
            self.unknown.push(self.path_text());
            self.path.pop();
        }
        Ok(out)
    }

    fn path_text(&self) -> String {
        let mut out = String::new();
        for part in &self.path {
            if !part.starts_with('[') && !out.is_empty() {
                out.push('.');
            }
            out.push_str(part);
        }
        out
    }

    fn mismatch(&self, value: &Value, within: &Struct, go_type: &str) -> String {
        format!(
            "json: cannot unmarshal {} into Go struct field {}.{} of type {go_type}",
            json_kind(value),
            within.short_name(),
            self.fields.join(".")
        )
    }

    fn value(
        &mut self,
        ty: &Type,
        value: Value,
        within: &'static Struct,
        go_type: &str,
    ) -> Result<Value, String> {
        match (ty, value) {
            (Type::Any | Type::RawJson, value) => Ok(value),
            (Type::SchemaOr(id, _), value) => self.schema_or(*id, value),
            (Type::String, value @ Value::String(_)) | (Type::Bool, value @ Value::Bool(_)) => {
                Ok(value)
            }
            (Type::Int32 | Type::Int64, Value::Number(number)) => {
                self.integer(ty, &number, within, go_type)
            }
            (Type::Float, Value::Number(number)) => Ok(Value::Number(float(number))),
            (Type::Bytes, Value::String(text)) => bytes(&text),
            (Type::Struct(id), Value::Object(fields)) => {
                Ok(Value::Object(self.fields(types::get(*id), fields)?))
            }
            (Type::List(item) | Type::WrappedList(item), Value::Array(items)) => {
                let item_type = go_type.trim_start_matches("[]").to_owned();
                let mut out = Vec::with_capacity(items.len());
                for (index, element) in items.into_iter().enumerate() {
                    self.path.push(format!("[{index}]"));
                    out.push(self.element(item, element, within, &item_type)?);
                    self.path.pop();
                }
                Ok(Value::Array(out))
            }
            (Type::Map(item), Value::Object(fields)) => {
                let item_type = go_type
                    .split_once(']')
                    .map_or("", |(_, item)| item)
                    .to_owned();
                let mut out = Map::new();
                for (name, element) in fields {
                    self.path.push(name.clone());
                    let element = self.element(item, element, within, &item_type)?;
                    self.path.pop();
                    out.insert(name, element);
                }
                Ok(Value::Object(out))
            }
            (Type::Quantity, Value::Number(number)) => quantity(&number.to_string()),
            (Type::Quantity, Value::String(text)) => quantity(&text),
            (Type::Time, Value::String(text)) => time::time(&text).map(Value::String),
            (Type::MicroTime, Value::String(text)) => time::micro_time(&text).map(Value::String),
            (Type::Duration, Value::String(text)) => time::duration(&text).map(Value::String),
            (Type::IntOrString, value @ Value::String(_)) => Ok(value),
            (Type::IntOrString, Value::Number(number)) => {
                self.integer(&Type::Int32, &number, within, "int32")
            }
            (_, value) => Err(self.mismatch(&value, within, go_type)),
        }
    }

    /// Unknown fields in here are dropped and not told, because these types decode themselves.
    fn schema_or(&mut self, schema: StructId, value: Value) -> Result<Value, String> {
        let told = self.unknown.len();
        let value = match value {
            Value::Object(fields) => Value::Object(self.fields(types::get(schema), fields)?),
            Value::Array(items) => Value::Array(
                items
                    .into_iter()
                    .map(|item| self.schema_or(schema, item))
                    .collect::<Result<_, _>>()?,
            ),
            value => value,
        };
        self.unknown.truncate(told);
        Ok(value)
    }

    /// A null item is the zero value.
    fn element(
        &mut self,
        ty: &Type,
        value: Value,
        within: &'static Struct,
        go_type: &str,
    ) -> Result<Value, String> {
        if value.is_null() {
            Ok(zero_value(ty))
        } else {
            self.value(ty, value, within, go_type)
        }
    }

    fn integer(
        &self,
        ty: &Type,
        number: &Number,
        within: &Struct,
        go_type: &str,
    ) -> Result<Value, String> {
        let fits = number.as_i64().is_some_and(|n| match ty {
            Type::Int32 => i32::try_from(n).is_ok(),
            _ => true,
        });
        if fits {
            return Ok(Value::Number(number.clone()));
        }
        Err(format!(
            "json: cannot unmarshal number {number} into Go struct field {}.{} of type {go_type}",
            within.short_name(),
            self.fields.join(".")
        ))
    }
}

/// Go writes a whole float without a point.
fn float(number: Number) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() <= EXACT => {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
            let whole = value as i64;
            whole.into()
        }
        _ => number,
    }
}

/// An empty list of managed fields is a request of its own.
fn is_reset(field: &Field, value: &Value) -> bool {
    field.name == "managedFields" && value.is_array()
}

fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn bytes(text: &str) -> Result<Value, String> {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    // Line breaks are allowed, as MIME has them.
    let compact: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    match engine.decode(&compact) {
        Ok(decoded) => Ok(Value::String(engine.encode(decoded))),
        Err(error) => Err(crate::codec::bad_base64(&error, &compact)),
    }
}

fn quantity(text: &str) -> Result<Value, String> {
    Quantity::parse(text)
        .map(|quantity| Value::String(quantity.canonical()))
        .ok_or_else(|| BAD_QUANTITY.to_owned())
}
