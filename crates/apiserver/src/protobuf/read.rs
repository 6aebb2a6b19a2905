//! Messages to JSON.

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::{DEPTH_MAX, ProtobufError};
use crate::builtin::{
    time::format_duration,
    types::{self, Field, Or, Struct, StructId, Type, Zero},
};

type Result<T> = std::result::Result<T, ProtobufError>;

/// One field on the wire.
enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        // Seven bits a byte: ten bytes at most.
        for shift in (0..70).step_by(7) {
            let (first, rest) = self
                .rest
                .split_first()
                .ok_or(ProtobufError::Damaged("it ends in a number"))?;
            self.rest = rest;
            if shift < 64 {
                value |= u64::from(first & 0x7f) << shift;
            }
            if first & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ProtobufError::Damaged("a number is too long"))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(ProtobufError::Damaged("it ends in a field"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn next(&mut self) -> Result<Option<(u32, Wire<'a>)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3)
            .map_err(|_| ProtobufError::Damaged("a field number is too big"))?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => {
                let bytes = self.take(8)?;
                Wire::Fixed64(u64::from_le_bytes(
                    bytes.try_into().expect("eight bytes were taken"),
                ))
            }
            2 => {
                let length = usize::try_from(self.varint()?)
                    .map_err(|_| ProtobufError::Damaged("a length is too big"))?;
                Wire::Bytes(self.take(length)?)
            }
            5 => {
                let bytes = self.take(4)?;
                Wire::Fixed32(u32::from_le_bytes(
                    bytes.try_into().expect("four bytes were taken"),
                ))
            }
            _ => return Err(ProtobufError::Damaged("a field has an unknown form")),
        };
        Ok(Some((number, value)))
    }
}

pub(super) struct Envelope<'a> {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) raw: &'a [u8],
}

pub(super) fn envelope(body: &[u8]) -> Result<Envelope<'_>> {
    let mut out = Envelope {
        api_version: String::new(),
        kind: String::new(),
        raw: &[],
    };
    let mut reader = Reader { rest: body };
    while let Some((number, value)) = reader.next()? {
        match (number, value) {
            (1, Wire::Bytes(meta)) => {
                let mut meta = Reader { rest: meta };
                while let Some((number, value)) = meta.next()? {
                    match (number, value) {
                        (1, Wire::Bytes(text)) => out.api_version = self::text(text)?,
                        (2, Wire::Bytes(text)) => out.kind = self::text(text)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(raw)) => out.raw = raw,
            _ => {}
        }
    }
    Ok(out)
}

fn text(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| ProtobufError::Damaged("a text is not UTF-8"))
}

/// Reads the fields of a message into `out`. Unknown fields are skipped, as they come from newer clients.
pub(super) fn message(
    ty: &Struct,
    body: &[u8],
    out: &mut Map<String, Value>,
    depth: usize,
) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(ProtobufError::Damaged("it is nested too deeply"));
    }
    let mut reader = Reader { rest: body };
    while let Some((number, wire)) = reader.next()? {
        let Some(field) = ty.field_number(number) else {
            continue;
        };
        if field.zero == Zero::Inline {
            if let (Type::Struct(id), Wire::Bytes(body)) = (&field.ty, wire) {
                message(types::get(*id), body, out, depth + 1)?;
            }
            continue;
        }
        self::field(field, wire, out, depth)?;
    }
    Ok(())
}

fn field(field: &Field, wire: Wire<'_>, out: &mut Map<String, Value>, depth: usize) -> Result<()> {
    match &field.ty {
        Type::List(item) => {
            let list = out.entry(field.name.clone()).or_insert_with(|| json!([]));
            let Some(list) = list.as_array_mut() else {
                return Ok(());
            };
            match (&**item, wire) {
                (Type::Int32 | Type::Int64 | Type::Bool, Wire::Bytes(packed)) => {
                    let mut reader = Reader { rest: packed };
                    while !reader.rest.is_empty() {
                        list.push(value(item, Wire::Varint(reader.varint()?), depth)?);
                    }
                }
                (item, wire) => list.push(value(item, wire, depth)?),
            }
        }
        Type::Map(item) => {
            let Wire::Bytes(entry) = wire else {
                return Err(ProtobufError::Damaged("a map entry is not a message"));
            };
            let (mut key, mut held) = (String::new(), None);
            let mut reader = Reader { rest: entry };
            while let Some((number, wire)) = reader.next()? {
                match (number, wire) {
                    (1, Wire::Bytes(bytes)) => key = text(bytes)?,
                    (2, wire) => held = Some(value(item, wire, depth)?),
                    _ => {}
                }
            }
            let map = out.entry(field.name.clone()).or_insert_with(|| json!({}));
            if let Some(map) = map.as_object_mut() {
                map.insert(key, held.unwrap_or_else(|| empty(item)));
            }
        }
        ty => {
            out.insert(field.name.clone(), value(ty, wire, depth)?);
        }
    }
    Ok(())
}

/// A map entry without a value has the zero value.
fn empty(ty: &Type) -> Value {
    match ty {
        Type::String | Type::Bytes => json!(""),
        Type::Bool => json!(false),
        Type::Int32 | Type::Int64 | Type::Float | Type::IntOrString => json!(0),
        Type::List(_) | Type::WrappedList(_) => json!([]),
        Type::Quantity => json!("0"),
        Type::Map(_) | Type::Struct(_) => json!({}),
        _ => Value::Null,
    }
}

fn value(ty: &Type, wire: Wire<'_>, depth: usize) -> Result<Value> {
    Ok(match (ty, wire) {
        (Type::String, Wire::Bytes(bytes)) => Value::String(text(bytes)?),
        (Type::Bool, Wire::Varint(number)) => Value::Bool(number != 0),
        (Type::Int32 | Type::Int64, Wire::Varint(number)) => json!(signed(number)),
        (Type::Float, Wire::Fixed64(bits)) => json!(f64::from_bits(bits)),
        (Type::Float, Wire::Fixed32(bits)) => json!(f32::from_bits(bits)),
        (Type::Bytes, Wire::Bytes(bytes)) => {
            Value::String(base64::engine::general_purpose::STANDARD.encode(bytes))
        }
        (Type::Struct(id), Wire::Bytes(body)) => {
            let mut fields = Map::new();
            message(types::get(*id), body, &mut fields, depth + 1)?;
            Value::Object(fields)
        }
        // A struct without fields.
        (Type::Any, Wire::Bytes([])) => json!({}),
        (Type::SchemaOr(schema, or), Wire::Bytes(body)) => schema_or(*schema, *or, body, depth)?,
        (ty, Wire::Bytes(body)) => special(ty, body, depth)?,
        _ => {
            return Err(ProtobufError::Damaged(
                "a field has another type than it should",
            ));
        }
    })
}

#[expect(
    clippy::cast_possible_wrap,
    reason = "protobuf writes negative numbers so"
)]
fn signed(number: u64) -> i64 {
    number as i64
}

/// A message with the schema in its first or second field and what stands in its place in the other.
fn schema_or(schema: StructId, or: Or, body: &[u8], depth: usize) -> Result<Value> {
    let mut allowed = false;
    let mut items = Vec::new();
    let mut reader = Reader { rest: body };
    while let Some((number, wire)) = reader.next()? {
        match (or, number, wire) {
            (Or::Bool, 1, Wire::Varint(number)) => allowed = number != 0,
            (Or::Schemas, 2, wire) => items.push(value(&Type::Struct(schema), wire, depth)?),
            (Or::Strings, 2, wire) => items.push(value(&Type::String, wire, depth)?),
            (_, 1 | 2, wire) => return value(&Type::Struct(schema), wire, depth),
            _ => {}
        }
    }
    Ok(match or {
        Or::Bool => Value::Bool(allowed),
        Or::Schemas | Or::Strings => Value::Array(items),
    })
}

/// Messages with a form of their own in JSON.
fn special(ty: &Type, body: &[u8], depth: usize) -> Result<Value> {
    let mut reader = Reader { rest: body };
    let mut numbers = [None; 4];
    let mut texts: [Option<&[u8]>; 4] = [None; 4];
    let mut items = Vec::new();
    while let Some((number, wire)) = reader.next()? {
        let slot = usize::try_from(number).ok().filter(|slot| *slot < 4);
        match (slot, wire) {
            (Some(slot), Wire::Varint(number)) => numbers[slot] = Some(signed(number)),
            (Some(slot), Wire::Bytes(bytes)) => {
                if let (Type::WrappedList(item), 1) = (ty, slot) {
                    items.push(value(item, Wire::Bytes(bytes), depth)?);
                }
                texts[slot] = Some(bytes);
            }
            _ => {}
        }
    }
    let string = |slot: usize| texts[slot].map_or(Ok(String::new()), text);
    Ok(match ty {
        Type::Quantity => Value::String(string(1)?),
        Type::WrappedList(_) => Value::Array(items),
        Type::IntOrString if numbers[1] == Some(1) => Value::String(string(3)?),
        Type::IntOrString => json!(numbers[2].unwrap_or(0)),
        Type::Duration => Value::String(format_duration(numbers[1].unwrap_or(0))),
        Type::Time | Type::MicroTime => match (numbers[1], numbers[2]) {
            (None, None) => Value::Null,
            (seconds, nanos) => time(seconds.unwrap_or(0), nanos.unwrap_or(0), ty),
        },
        Type::RawJson => match texts[1] {
            None | Some([]) => Value::Null,
            Some(bytes) => serde_json::from_slice(bytes)
                .map_err(|_| ProtobufError::Damaged("embedded JSON does not parse"))?,
        },
        _ => {
            return Err(ProtobufError::Damaged(
                "a field has another type than it should",
            ));
        }
    })
}

fn time(seconds: i64, nanos: i64, ty: &Type) -> Value {
    let nanos = i32::try_from(nanos).unwrap_or(0);
    let Ok(time) = jiff::Timestamp::new(seconds, nanos) else {
        return Value::Null;
    };
    let text = match ty {
        Type::MicroTime => time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ"),
        _ => time.strftime("%Y-%m-%dT%H:%M:%SZ"),
    };
    Value::String(text.to_string())
}
