//! `metadata`: what every object has and no kind decides.
//!
//! Source: apimachinery `pkg/apis/meta/v1/types.go` (`ObjectMeta`),
//! `pkg/api/validation/objectmeta.go`; apiserver `pkg/registry/rest/{create,update,meta}.go`, v1.36.

mod decode;
mod validate;

use serde_json::{Map, Value, json};

pub(crate) use decode::decode;
pub(crate) use validate::{validate_create, validate_update};

use crate::error::ApiError;
use crate::time;

/// Characters of generated names: no vowels, nothing that reads as another.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const GENERATED_LENGTH: usize = 5;
const NAME_MAX: usize = 63;

/// The metadata of an object; made when it is missing.
pub(crate) fn of(object: &mut Value) -> &mut Map<String, Value> {
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = json!({});
    }
    metadata.as_object_mut().expect("it was just made one")
}

/// A text of the metadata; empty when it is not there.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// The finalizers of an object.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    let list = object["metadata"]["finalizers"].as_array();
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Whether the object is on its way out.
pub(crate) fn is_deleting(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some()
}

/// A name that begins with `base` and that nobody has, most likely.
pub(crate) fn generate_name(base: &str) -> String {
    let mut base = base;
    let room = NAME_MAX - GENERATED_LENGTH;
    if base.len() > room {
        let end = (0..=room)
            .rev()
            .find(|at| base.is_char_boundary(*at))
            .unwrap_or(0);
        base = &base[..end];
    }
    let random = uuid::Uuid::new_v4().into_bytes();
    let mut name = base.to_owned();
    name.extend(
        random[..GENERATED_LENGTH]
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])),
    );
    name
}

/// Takes away what only the server sets, and sets it. The name must be there.
pub(crate) fn prepare_create(object: &mut Value, counts_generations: bool) {
    let metadata = of(object);
    for field in [
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
        "selfLink",
        "generation",
    ] {
        metadata.remove(field);
    }
    metadata.insert("uid".into(), uuid::Uuid::new_v4().to_string().into());
    metadata.insert("creationTimestamp".into(), time::now().into());
    if counts_generations {
        metadata.insert("generation".into(), 1.into());
    }
}

/// Restores what a write cannot change.
pub(crate) fn prepare_update(new: &mut Value, old: &Value) {
    let before = &old["metadata"];
    let metadata = of(new);
    metadata.remove("selfLink");
    let mut restore = |field: &str| match before.get(field) {
        Some(value) => {
            metadata.insert(field.to_owned(), value.clone());
        }
        None => {
            metadata.remove(field);
        }
    };
    restore("generation");
    restore("creationTimestamp");
    if before.get("deletionTimestamp").is_some() {
        restore("deletionTimestamp");
        restore("deletionGracePeriodSeconds");
    }
    if metadata.get("uid").is_none()
        && let Some(uid) = before.get("uid")
    {
        metadata.insert("uid".into(), uid.clone());
    }
}

/// Fills in the namespace of the request, or refuses another one.
pub(crate) fn fill_namespace(object: &mut Value, namespace: &str) -> Result<(), ApiError> {
    let metadata = of(object);
    match metadata
        .get("namespace")
        .and_then(Value::as_str)
        .unwrap_or_default()
    {
        "" if namespace.is_empty() => {
            metadata.remove("namespace");
        }
        "" => {
            metadata.insert("namespace".into(), namespace.into());
        }
        given if given == namespace => {}
        _ => {
            return Err(ApiError::BadRequest(
                "the namespace of the provided object does not match the namespace sent on the \
                 request"
                    .into(),
            ));
        }
    }
    Ok(())
}

/// Adds one to the generation.
pub(crate) fn bump_generation(object: &mut Value) {
    let metadata = of(object);
    let generation = metadata
        .get("generation")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    metadata.insert("generation".into(), (generation + 1).into());
}

/// Marks an object as on its way out.
pub(crate) fn mark_deleted(object: &mut Value, grace_seconds: i64) {
    let metadata = of(object);
    let at = time::after_seconds(time::now_seconds(), grace_seconds);
    metadata.insert("deletionTimestamp".into(), at.into());
    metadata.insert("deletionGracePeriodSeconds".into(), grace_seconds.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_fit_into_a_label() {
        let name = generate_name("gen-");
        assert_eq!(name.len(), 9);
        assert!(crate::names::dns1123_label(&name).is_empty(), "{name}");
        assert_eq!(generate_name(&"a".repeat(80)).len(), 63);
    }

    #[test]
    fn an_update_cannot_change_what_the_server_owns() {
        let old = json!({"metadata": {"name": "a", "uid": "u", "generation": 3,
            "creationTimestamp": "t", "deletionTimestamp": "d", "deletionGracePeriodSeconds": 0}});
        let mut new = json!({"metadata": {"name": "a", "generation": 9, "creationTimestamp": "x",
            "selfLink": "/"}});
        prepare_update(&mut new, &old);
        assert_eq!(new, old);
    }
}
