//! Which path element identifies an item of an associative list.

use serde_json::Value;

use crate::{
    fieldpath::PathElement,
    go,
    schema::{List, Schema},
};

/// Returns the element that identifies `item` within its list.
pub(super) fn element_of(
    schema: &Schema,
    list: &List,
    item: &Value,
) -> Result<PathElement, String> {
    if !list.associative {
        return Err("invalid indexing of non-associative list".to_owned());
    }
    if list.keys.is_empty() {
        set_item(item)
    } else {
        keyed_item(schema, list, item)
    }
}

fn keyed_item(schema: &Schema, list: &List, item: &Value) -> Result<PathElement, String> {
    let fields = match item {
        Value::Null => {
            return Err("associative list with keys may not have a null element".to_owned());
        }
        Value::Object(fields) => fields,
        _ => return Err("associative list with keys may not have non-map elements".to_owned()),
    };
    let mut keys = Vec::with_capacity(list.keys.len());
    for name in &list.keys {
        if let Some(value) = fields.get(name) {
            keys.push((name.clone(), value.clone()));
            continue;
        }
        let map = schema.atom(list.element).map.as_ref().ok_or_else(|| {
            format!(
                "couldn't find default value for {name}: associative list may not have non-map types"
            )
        })?;
        let default = map
            .fields
            .get(name)
            .and_then(|field| field.default.as_ref());
        if let Some(default) = default.filter(|default| !default.is_null()) {
            keys.push((name.clone(), default.clone()));
        }
        // A key without value and default is left out: its absence identifies another item.
    }
    if keys.is_empty() {
        let names: Vec<String> = list.keys.iter().map(|name| go::quote(name)).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] (and doesn't \
             have default values for any key fields)",
            names.join(" ")
        ));
    }
    Ok(PathElement::key(keys))
}

fn set_item(item: &Value) -> Result<PathElement, String> {
    match item {
        Value::Object(_) => {
            Err("associative list without keys has an element that's a map type".to_owned())
        }
        Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
        Value::Null => {
            Err("associative list without keys has an element that's an explicit null".to_owned())
        }
        scalar => Ok(PathElement::Value(scalar.clone())),
    }
}
