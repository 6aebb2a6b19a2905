//! Strategic merge patch.
//!
//! Maps merge by field; lists merge where the schema says so, by merge key or as sets; everything else is replaced.
//! Directives in the patch: `$patch: replace|delete` in a map or list item, `$retainKeys`, `$setElementOrder/<list>`,
//! `$deleteFromPrimitiveList/<list>`.
//!
//! Source: apimachinery pkg/util/strategicpatch/patch.go, v0.36, as the server uses it.

use serde_json::{Map, Value};

use crate::{
    go,
    schema::{Patch, Schema, TypeId},
};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";
const SET_ORDER: &str = "$setElementOrder";

type Fields = Map<String, Value>;

/// Why a patch cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The object or the patch is not a map.
    #[error("invalid JSON document")]
    NotAMap,
    /// An item of a keyed list lacks its key.
    #[error("map: {} does not contain declared merge key: {key}", go::plain(&Value::Object(.item.clone())))]
    NoMergeKey {
        /// The item.
        item: Fields,
        /// The key.
        key: String,
    },
    /// A directive that does not exist.
    #[error("unknown patch type: {directive} in map: {}", go::plain(&Value::Object(.item.clone())))]
    Directive {
        /// The directive.
        directive: String,
        /// Where it stands.
        item: Fields,
    },
    /// `$patch: merge` in a list.
    #[error("merging lists cannot yet be specified in the patch")]
    MergeInList,
    /// A list of lists.
    #[error("lists of lists are not supported")]
    ListOfLists,
    /// A malformed `$deleteFromPrimitiveList`.
    #[error("invalid patch format of primitive list")]
    DeleteFormat,
    /// A malformed `$retainKeys`, or one that lacks a key of the patch.
    #[error("invalid patch format of retainKeys")]
    RetainFormat,
    /// A malformed `$setElementOrder`.
    #[error("invalid patch format of setElementOrder list")]
    OrderFormat,
    /// A patch list whose order differs from its `$setElementOrder`.
    #[error(
        "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
        go::plain(&Value::Array(.list.clone())),
        go::plain(&Value::Array(.order.clone()))
    )]
    Order {
        /// The patch list.
        list: Vec<Value>,
        /// The order.
        order: Vec<Value>,
    },
    /// A value of another kind than the list it belongs to.
    #[error("expected a {expected}, but received a {actual}")]
    Kind {
        /// The Go type wanted.
        expected: &'static str,
        /// The Go type found.
        actual: &'static str,
    },
    /// A list of maps without a merge key that is to be merged.
    #[error("cannot merge lists without merge key for {0}")]
    NoKeyDeclared(String),
}

/// Applies `patch` to `live` and returns the result.
///
/// # Errors
/// A malformed directive, an item without its merge key, or values that do not fit together.
pub fn patch(live: &Value, patch: &Value, schema: &Schema) -> Result<Value, PatchError> {
    let (Value::Object(live), Value::Object(patch)) = (live, patch) else {
        return Err(PatchError::NotAMap);
    };
    Merge { schema }
        .map(live.clone(), patch.clone(), Some(schema.root()))
        .map(Value::Object)
}

struct Merge<'a> {
    schema: &'a Schema,
}

impl Merge<'_> {
    fn field(&self, ty: Option<TypeId>, name: &str) -> (Option<TypeId>, Patch) {
        let map = ty.and_then(|ty| self.schema.atom(ty).map.as_ref());
        match map.and_then(|map| map.fields.get(name)) {
            Some(field) => (Some(field.ty), field.patch.clone()),
            None => (map.and_then(|map| map.element), Patch::default()),
        }
    }

    fn item_type(&self, ty: Option<TypeId>) -> Option<TypeId> {
        ty.and_then(|ty| self.schema.atom(ty).list.as_ref())
            .map(|list| list.element)
    }

    fn map(
        &self,
        mut original: Fields,
        mut patch: Fields,
        ty: Option<TypeId>,
    ) -> Result<Fields, PatchError> {
        if let Some(directive) = patch.remove(PATCH) {
            return match directive.as_str() {
                Some("replace") => Ok(patch),
                Some("delete") => Ok(Fields::new()),
                _ => Err(PatchError::Directive {
                    directive: go::plain(&directive),
                    item: patch,
                }),
            };
        }
        retain_keys(&mut original, &mut patch)?;
        self.ordered_lists(&mut original, &mut patch, ty)?;
        for (key, mut change) in patch {
            let (name, deletes) = match key.strip_prefix(DELETE_FROM_LIST) {
                None => (key.as_str(), false),
                Some(rest) => (
                    rest.strip_prefix('/').ok_or(PatchError::DeleteFormat)?,
                    true,
                ),
            };
            if change.is_null() {
                original.remove(name);
                continue;
            }
            let current = original.remove(name);
            let merged = match (current, change) {
                (None, change) if deletes => {
                    drop(change);
                    continue;
                }
                (Some(current), change)
                    if deletes && !(current.is_array() && change.is_array()) =>
                {
                    drop(change);
                    Some(current)
                }
                (Some(Value::Object(current)), Value::Object(change)) => {
                    let (ty, meta) = self.field(ty, name);
                    if meta.replace {
                        Some(Value::Object(change))
                    } else {
                        Some(Value::Object(self.map(current, change, ty)?))
                    }
                }
                (Some(Value::Array(current)), Value::Array(change)) => {
                    let (ty, meta) = self.field(ty, name);
                    Some(Value::Array(
                        self.list(current, change, ty, &meta, deletes, name)?,
                    ))
                }
                (current, taken) => {
                    let same_kind = current.as_ref().is_some_and(|c| kind(c) == kind(&taken));
                    change = taken;
                    if !same_kind {
                        discard_nulls(&mut change);
                    }
                    without_directives(change)
                }
            };
            if let Some(merged) = merged {
                original.insert(name.to_owned(), merged);
            }
        }
        Ok(original)
    }

    fn list(
        &self,
        original: Vec<Value>,
        patch: Vec<Value>,
        ty: Option<TypeId>,
        meta: &Patch,
        deletes: bool,
        name: &str,
    ) -> Result<Vec<Value>, PatchError> {
        if !meta.merge && !deletes {
            return Ok(patch);
        }
        if original.is_empty() && patch.is_empty() {
            return Ok(original);
        }
        if !all_maps(&[&original, &patch])? {
            if deletes {
                return Ok(original
                    .into_iter()
                    .filter(|item| !patch.contains(item))
                    .collect());
            }
            let mut merged: Vec<Value> = Vec::new();
            for item in original.iter().chain(&patch) {
                if !merged.contains(item) {
                    merged.push(item.clone());
                }
            }
            return Ok(in_order(merged, &patch, &original, &|item| {
                Some(item.clone())
            }));
        }
        let key = meta
            .merge_key
            .clone()
            .ok_or_else(|| PatchError::NoKeyDeclared(name.to_owned()))?;
        let (original, patch) = special_items(original, patch, &key)?;
        let mut merged = original.clone();
        let item_type = self.item_type(ty);
        for change in &patch {
            let change = as_map(change)?.clone();
            let value = change
                .get(&key)
                .cloned()
                .ok_or_else(|| PatchError::NoMergeKey {
                    item: change.clone(),
                    key: key.clone(),
                })?;
            match find(&merged, &key, &value) {
                Some(index) => {
                    let current = as_map(&merged[index])?.clone();
                    merged[index] = Value::Object(self.map(current, change, item_type)?);
                }
                None => merged.push(Value::Object(change)),
            }
        }
        check_keys(&merged, &key)?;
        Ok(in_order(merged, &patch, &original, &|item| {
            item.get(&key).cloned()
        }))
    }

    /// Merges lists whose order the patch sets.
    fn ordered_lists(
        &self,
        original: &mut Fields,
        patch: &mut Fields,
        ty: Option<TypeId>,
    ) -> Result<(), PatchError> {
        let directives: Vec<String> = patch
            .keys()
            .filter(|key| key.starts_with(SET_ORDER))
            .cloned()
            .collect();
        for directive in directives {
            let order = match patch.remove(&directive) {
                Some(Value::Array(order)) => order,
                Some(other) => return Err(wrong_kind("[]interface {}", &other)),
                None => continue,
            };
            let name = directive
                .strip_prefix(SET_ORDER)
                .and_then(|rest| rest.strip_prefix('/'))
                .ok_or(PatchError::OrderFormat)?;
            let take = |from: &mut Fields| match from.remove(name) {
                None => Ok(None),
                Some(Value::Array(items)) => Ok(Some(items)),
                Some(other) => Err(wrong_kind("[]interface {}", &other)),
            };
            let current = take(original)?;
            let change = match patch.get(name) {
                Some(Value::Null) | None => None,
                Some(_) => take(patch)?,
            };
            let (list_type, meta) = self.field(ty, name);
            if let Some(change) = &change {
                check_order(change, &order, meta.merge_key.as_deref())?;
            }
            let before = current.clone().unwrap_or_default();
            let merged = match (current, change) {
                (None, None) => continue,
                (Some(current), None) => current,
                (None, Some(change)) => match without_directives(Value::Array(change)) {
                    Some(Value::Array(items)) => items,
                    _ => continue,
                },
                (Some(current), Some(change)) => {
                    self.list(current, change, list_type, &meta, false, name)?
                }
            };
            let sorted = match &meta.merge_key {
                None => in_order(merged, &order, &before, &|item| Some(item.clone())),
                Some(key) => {
                    check_keys(&merged, key)?;
                    in_order(merged, &order, &before, &|item| item.get(key).cloned())
                }
            };
            original.insert(name.to_owned(), Value::Array(sorted));
        }
        Ok(())
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Number(_) => "number",
        other => go::type_name(other),
    }
}

fn wrong_kind(expected: &'static str, actual: &Value) -> PatchError {
    PatchError::Kind {
        expected,
        actual: go::type_name(actual),
    }
}

fn as_map(item: &Value) -> Result<&Fields, PatchError> {
    item.as_object()
        .ok_or_else(|| wrong_kind("map[string]interface {}", item))
}

/// Tells whether the lists hold maps; mixtures are refused.
fn all_maps(lists: &[&Vec<Value>]) -> Result<bool, PatchError> {
    let mut items = lists.iter().flat_map(|list| list.iter());
    let Some(first) = items.clone().next() else {
        return Ok(false);
    };
    if items.clone().any(Value::is_array) {
        return Err(PatchError::ListOfLists);
    }
    match items.find(|item| item.is_object() != first.is_object()) {
        Some(other) => Err(PatchError::Kind {
            expected: go::type_name(first),
            actual: go::type_name(other),
        }),
        None => Ok(first.is_object()),
    }
}

fn check_keys(items: &[Value], key: &str) -> Result<(), PatchError> {
    for item in items {
        let item = as_map(item)?;
        if !item.contains_key(key) {
            return Err(PatchError::NoMergeKey {
                item: item.clone(),
                key: key.to_owned(),
            });
        }
    }
    Ok(())
}

fn find(items: &[Value], key: &str, value: &Value) -> Option<usize> {
    items.iter().position(|item| item.get(key) == Some(value))
}

/// Takes items with directives out of the patch and obeys them.
fn special_items(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut rest = Vec::new();
    let mut replace = false;
    for item in patch {
        let fields = as_map(&item)?;
        let Some(directive) = fields.get(PATCH) else {
            rest.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let value = fields.get(key).ok_or_else(|| PatchError::NoMergeKey {
                    item: fields.clone(),
                    key: key.to_owned(),
                })?;
                original.retain(|item| item.get(key) != Some(value));
            }
            Some("replace") => replace = true,
            Some("merge") => return Err(PatchError::MergeInList),
            _ => {
                return Err(PatchError::Directive {
                    directive: go::plain(directive),
                    item: fields.clone(),
                });
            }
        }
    }
    if replace {
        Ok((rest, Vec::new()))
    } else {
        Ok((original, rest))
    }
}

/// Sorts the items that `order` names as it does, and puts the others where they were relative to them.
fn in_order(
    items: Vec<Value>,
    order: &[Value],
    before: &[Value],
    identity: &dyn Fn(&Value) -> Option<Value>,
) -> Vec<Value> {
    let position = |list: &[Value], item: &Value| {
        let wanted = identity(item);
        list.iter().position(|other| identity(other) == wanted)
    };
    let (mut named, mut others): (Vec<Value>, Vec<Value>) = items
        .into_iter()
        .partition(|item| position(order, item).is_some());
    named.sort_by_key(|item| position(order, item));
    others.sort_by_key(|item| position(before, item));
    let mut out = Vec::with_capacity(named.len() + others.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    loop {
        let other_first = match (others.peek(), named.peek()) {
            (None, None) => return out,
            (None, Some(_)) => false,
            (Some(_), None) => true,
            (Some(other), Some(name)) => match (position(before, other), position(before, name)) {
                (Some(o), Some(n)) => o < n,
                _ => false,
            },
        };
        out.extend(if other_first {
            others.next()
        } else {
            named.next()
        });
    }
}

/// The items of a patch must come in the order that it sets.
fn check_order(list: &[Value], order: &[Value], key: Option<&str>) -> Result<(), PatchError> {
    let kept: Vec<&Value> = list
        .iter()
        .filter(|item| item.get(PATCH).and_then(Value::as_str) != Some("delete"))
        .filter(|item| item.get(PATCH).is_none())
        .collect();
    if order.is_empty() || kept.is_empty() {
        return Ok(());
    }
    let mut remaining = kept.iter().peekable();
    for wanted in order {
        let Some(item) = remaining.peek() else { break };
        let equal = match key {
            None => **item == wanted,
            Some(key) => {
                for side in [**item, wanted] {
                    let fields = as_map(side)?;
                    if !fields.contains_key(key) {
                        let item = fields.clone();
                        return Err(PatchError::NoMergeKey {
                            item,
                            key: key.to_owned(),
                        });
                    }
                }
                item.get(key) == wanted.get(key)
            }
        };
        if equal {
            remaining.next();
        }
    }
    if remaining.peek().is_some() {
        return Err(PatchError::Order {
            list: list.to_vec(),
            order: order.to_vec(),
        });
    }
    Ok(())
}

/// Clears the fields that `$retainKeys` does not name.
fn retain_keys(original: &mut Fields, patch: &mut Fields) -> Result<(), PatchError> {
    let Some(directive) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let Value::Array(names) = directive else {
        return Err(PatchError::RetainFormat);
    };
    let is_named = |name: &str| names.iter().any(|one| one.as_str() == Some(name));
    for (name, change) in patch.iter() {
        let exempt =
            change.is_null() || name.starts_with(DELETE_FROM_LIST) || name.starts_with(SET_ORDER);
        if !exempt && !is_named(name) {
            return Err(PatchError::RetainFormat);
        }
    }
    original.retain(|name, _| is_named(name));
    Ok(())
}

/// What a patch contributes where there was nothing: directives and what they stand in are left out.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) => {
            if fields.contains_key(PATCH) {
                return None;
            }
            let kept = fields
                .into_iter()
                .filter_map(|(name, field)| Some((name, without_directives(field)?)))
                .collect();
            Some(Value::Object(kept))
        }
        Value::Array(items) => Some(Value::Array(
            items.into_iter().filter_map(without_directives).collect(),
        )),
        scalar => Some(scalar),
    }
}

fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Schema {
        let components = json!({
            "Root": {"type": "object", "properties": {
                "spec": {"allOf": [{"$ref": "#/components/schemas/Spec"}]},
                "data": {"type": "object", "additionalProperties": {"type": "string"}},
            }},
            "Spec": {"type": "object", "properties": {
                "replicas": {"type": "integer"},
                "args": {"type": "array", "items": {"type": "string"}},
                "finalizers": {"type": "array", "items": {"type": "string"},
                    "x-kubernetes-patch-strategy": "merge"},
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"},
                    "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name"},
                "strategy": {"allOf": [{"$ref": "#/components/schemas/Strategy"}],
                    "x-kubernetes-patch-strategy": "retainKeys"},
            }},
            "Item": {"type": "object", "properties": {
                "name": {"type": "string"}, "value": {"type": "integer"},
                "ports": {"type": "array", "items": {"type": "object", "properties": {"port": {"type": "integer"}}},
                    "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "port"},
            }},
            "Strategy": {"type": "object", "properties": {"type": {"type": "string"}, "rolling": {"type": "object"}}},
        });
        Schema::from_openapi(components.as_object().expect("map"), "Root").expect("builds")
    }

    fn check(live: Value, change: Value, expected: &Value) {
        let got = patch(&live, &change, &schema());
        assert_eq!(got.as_ref(), Ok(expected), "{live} patched with {change}");
    }

    #[test]
    fn maps_merge_and_null_removes() {
        check(
            json!({"spec": {"replicas": 1}, "data": {"a": "1", "b": "2"}}),
            json!({"data": {"a": null, "c": "3"}, "spec": {"replicas": 2}}),
            &json!({"spec": {"replicas": 2}, "data": {"b": "2", "c": "3"}}),
        );
        check(
            json!({}),
            json!({"data": {"a": null, "b": "x"}}),
            &json!({"data": {"b": "x"}}),
        );
        check(
            json!({"data": {"a": "1"}}),
            json!({"data": null}),
            &json!({}),
        );
    }

    #[test]
    fn keyed_lists_merge_by_item_and_keep_their_order() {
        let live = json!({"spec": {"items": [
            {"name": "a", "value": 1, "ports": [{"port": 1}]}, {"name": "b"}, {"name": "c"}]}});
        check(
            live.clone(),
            json!({"spec": {"items": [{"name": "b", "value": 2}, {"name": "d"}]}}),
            &json!({"spec": {"items": [
                {"name": "a", "value": 1, "ports": [{"port": 1}]}, {"name": "b", "value": 2}, {"name": "d"}, {"name": "c"}]}}),
        );
        check(
            live.clone(),
            json!({"spec": {"items": [{"name": "a", "$patch": "delete"}]}}),
            &json!({"spec": {"items": [{"name": "b"}, {"name": "c"}]}}),
        );
        check(
            live.clone(),
            json!({"spec": {"items": [{"$patch": "replace"}, {"name": "x"}]}}),
            &json!({"spec": {"items": [{"name": "x"}]}}),
        );
        check(
            live,
            json!({"spec": {"$setElementOrder/items": [{"name": "c"}, {"name": "a"}],
                "items": [{"name": "a", "value": null}]}}),
            &json!({"spec": {"items": [{"name": "b"}, {"name": "c"}, {"name": "a", "ports": [{"port": 1}]}]}}),
        );
    }

    #[test]
    fn lists_of_scalars_merge_only_where_declared() {
        let live = json!({"spec": {"args": ["1"], "finalizers": ["x", "y"]}});
        check(
            live.clone(),
            json!({"spec": {"args": ["2"], "finalizers": ["z", "x"]}}),
            &json!({"spec": {"args": ["2"], "finalizers": ["z", "x", "y"]}}),
        );
        check(
            live.clone(),
            json!({"spec": {"$deleteFromPrimitiveList/finalizers": ["x"]}}),
            &json!({"spec": {"args": ["1"], "finalizers": ["y"]}}),
        );
        check(
            live,
            json!({"spec": {"$setElementOrder/finalizers": ["y", "x"]}}),
            &json!({"spec": {"args": ["1"], "finalizers": ["y", "x"]}}),
        );
    }

    #[test]
    fn retained_keys_clear_the_others() {
        check(
            json!({"spec": {"strategy": {"type": "Rolling", "rolling": {"a": 1}}}}),
            json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
            &json!({"spec": {"strategy": {"type": "Recreate"}}}),
        );
        check(
            json!({"spec": {"strategy": {"type": "Rolling"}}}),
            json!({"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}}),
            &json!({"spec": {"strategy": {"type": "Recreate"}}}),
        );
    }

    #[test]
    fn malformed_patches_say_what_is_wrong() {
        let live = json!({"spec": {"items": [{"name": "a"}]}});
        for (change, message) in [
            (
                json!({"spec": {"items": [{"value": 1}]}}),
                "map: map[value:1] does not contain declared merge key: name",
            ),
            (
                json!({"spec": {"$patch": "burn"}}),
                "unknown patch type: burn in map: map[]",
            ),
            (
                json!({"spec": {"$retainKeys": ["type"], "replicas": 1}}),
                "invalid patch format of retainKeys",
            ),
            (
                json!({"spec": {"$setElementOrder/items": [{"name": "b"}], "items": [{"name": "c"}]}}),
                "The order in patch list:\n[map[name:c]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
            ),
        ] {
            let error = patch(&live, &change, &schema()).expect_err("refused");
            assert_eq!(error.to_string(), message);
        }
    }
}
