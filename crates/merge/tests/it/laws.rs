//! Laws that hold for every configuration.

use std::collections::BTreeMap;

use carto_merge::{
    fieldpath::{Filter, Set},
    managed,
    order::equal,
    smd::{ApplyError, OneVersion, Request, Schema, apply, update},
    typed,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const VERSION: &str = "demo.io/v1";

fn schema() -> Schema {
    Schema::from_crd(&json!({
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {
            "n": {"type": "integer"},
            "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "list": {"type": "array", "items": {"type": "string"}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "keyed": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                "items": {"type": "object", "required": ["k"], "properties": {
                    "k": {"type": "string"}, "v": {"type": "integer"},
                    "in": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                }}},
            "atom": {"type": "object", "x-kubernetes-map-type": "atomic",
                     "additionalProperties": {"type": "string"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        }}},
    }))
    .expect("schema is fine")
}

fn letters() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned)
}

/// Not empty: nobody owns an empty set, and the original forgets it at the next apply.
fn strings() -> impl Strategy<Value = Value> {
    prop::collection::btree_set(letters(), 1..4)
        .prop_map(|set| json!(set))
        .prop_shuffle_list()
}

trait ShuffleList: Strategy<Value = Value> + Sized {
    fn prop_shuffle_list(self) -> BoxedStrategy<Value>
    where
        Self: 'static,
    {
        (self, any::<bool>())
            .prop_map(|(mut list, reverse)| {
                if reverse && let Some(items) = list.as_array_mut() {
                    items.reverse();
                }
                list
            })
            .boxed()
    }
}

impl<S: Strategy<Value = Value>> ShuffleList for S {}

fn text_map() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(letters(), letters(), 1..3).prop_map(|map| json!(map))
}

fn keyed() -> impl Strategy<Value = Value> {
    let item = (prop::option::of(0..3), prop::option::of(strings()));
    prop::collection::btree_map(letters(), item, 1..4)
        .prop_map(|items| {
            let items: Vec<Value> = items
                .into_iter()
                .map(|(k, (v, inner))| {
                    let mut item = json!({"k": k});
                    if let Some(v) = v {
                        item["v"] = json!(v);
                    }
                    if let Some(inner) = inner {
                        item["in"] = inner;
                    }
                    item
                })
                .collect();
            Value::Array(items)
        })
        .prop_shuffle_list()
}

fn free() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(letters(), text_map(), 1..3).prop_map(|map| json!(map))
}

/// A configuration always says something: owning an empty `spec` is a corner of its own.
fn config() -> impl Strategy<Value = Value> {
    let parts = (
        0..3,
        prop::option::of(strings()),
        prop::option::of(strings()),
        prop::option::of(text_map()),
        prop::option::of(keyed()),
        prop::option::of(text_map()),
        prop::option::of(free()),
    );
    parts.prop_map(|(n, set, list, map, keyed, atom, free)| {
        let mut spec = serde_json::Map::new();
        let parts = [
            ("n", Some(json!(n))),
            ("set", set),
            ("list", list),
            ("map", map),
            ("keyed", keyed),
            ("atom", atom),
            ("free", free),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                spec.insert(name.to_owned(), value);
            }
        }
        json!({"apiVersion": VERSION, "kind": "Widget", "metadata": {"name": "w"}, "spec": spec})
    })
}

fn request<'a>(versions: &'a OneVersion<'a>, manager: &'a str, filter: &'a Filter) -> Request<'a> {
    Request {
        versions,
        api_version: VERSION,
        kind: "Widget",
        manager,
        subresource: "",
        now: "2026-01-01T00:00:00Z",
        filter,
    }
}

fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    managed::take(&mut object);
    object
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn applying_again_is_a_no_op(first in config(), second in config(), third in config()) {
        let schema = schema();
        let versions = OneVersion { api_version: VERSION, schema: &schema };
        let filter = Filter::Everything;
        let mut live = None;
        for (manager, config) in [("a", &first), ("b", &second), ("a", &third)] {
            let request = request(&versions, manager, &filter);
            let applied = apply(&request, live.as_ref(), config, true).expect("force applies");
            let again = apply(&request, Some(&applied.object), config, false).expect("no conflict with oneself");
            prop_assert!(!again.changed, "second apply changed {}", again.object);
            prop_assert_eq!(&again.object, &applied.object);
            live = Some(applied.object);
        }
    }

    #[test]
    fn an_applier_gets_what_it_asked_for(first in config(), second in config()) {
        let schema = schema();
        let versions = OneVersion { api_version: VERSION, schema: &schema };
        let filter = Filter::Everything;
        let live = apply(&request(&versions, "a", &filter), None, &first, true).expect("applies").object;
        let live = apply(&request(&versions, "b", &filter), Some(&live), &second, true).expect("applies").object;
        // Merging what was asked for into the result changes nothing.
        let merged = typed::merge(&schema, &bare(&live), &second).expect("merges");
        let changes = typed::compare(&schema, &bare(&live), &merged).expect("compares");
        prop_assert!(changes.is_same(), "{changes:?}");
    }

    #[test]
    fn the_only_applier_is_the_only_author(first in config(), second in config()) {
        let schema = schema();
        let versions = OneVersion { api_version: VERSION, schema: &schema };
        let filter = Filter::Everything;
        let request = request(&versions, "a", &filter);
        let live = apply(&request, None, &first, false).expect("applies").object;
        let live = apply(&request, Some(&live), &second, false).expect("applies").object;
        let direct = apply(&request, None, &second, false).expect("applies").object;
        let left = typed::field_set(&schema, &bare(&live));
        let right = typed::field_set(&schema, &bare(&direct));
        prop_assert_eq!(left, right);
    }

    #[test]
    fn conflicts_are_exactly_what_force_takes_from_others(first in config(), second in config()) {
        let schema = schema();
        let versions = OneVersion { api_version: VERSION, schema: &schema };
        let filter = Filter::Everything;
        let live = apply(&request(&versions, "a", &filter), None, &first, false).expect("applies").object;
        let request = request(&versions, "b", &filter);
        match apply(&request, Some(&live), &second, false) {
            Ok(peaceful) => {
                let forced = apply(&request, Some(&live), &second, true).expect("force applies");
                prop_assert_eq!(peaceful, forced);
            }
            Err(ApplyError::Conflicts(conflicts)) => {
                let forced = apply(&request, Some(&live), &second, true).expect("force applies");
                let owned = |object: &Value| -> Set {
                    let managers = managed::decode(object.pointer("/metadata/managedFields")).expect("reads");
                    let of_a = managers.fields.into_iter().find(|(manager, _)| manager.name == "a");
                    of_a.map(|(_, owned)| owned.set).unwrap_or_default()
                };
                let lost = owned(&live).difference(&owned(&forced.object));
                for conflict in &conflicts.0 {
                    prop_assert!(lost.has(&conflict.path), "{} was not taken", conflict.field());
                }
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn an_update_owns_exactly_its_difference(first in config(), second in config()) {
        let schema = schema();
        let versions = OneVersion { api_version: VERSION, schema: &schema };
        let filter = Filter::Everything;
        let mut live = apply(&request(&versions, "a", &filter), None, &first, false).expect("applies").object;
        live["metadata"]["uid"] = json!("u");
        let mut new = second.clone();
        new["metadata"]["uid"] = json!("u");
        let written = update(&request(&versions, "u", &filter), Some(&live), &new);
        let changes = typed::compare(&schema, &bare(&live), &bare(&new)).expect("compares");
        let managers = managed::decode(written.pointer("/metadata/managedFields")).expect("reads");
        let by_name: BTreeMap<_, _> = managers.fields.iter().map(|(m, o)| (m.name.as_str(), &o.set)).collect();
        let changed = changes.added.union(&changes.modified);
        let empty = Set::new();
        prop_assert_eq!(by_name.get("u").copied().unwrap_or(&empty), &changed);
        let of_a = by_name.get("a").copied().unwrap_or(&empty);
        prop_assert!(of_a.intersection(&changed).is_empty());
        prop_assert!(of_a.intersection(&changes.removed).is_empty());
    }

    #[test]
    fn sets_survive_their_text(first in config()) {
        let schema = schema();
        let set = typed::field_set(&schema, &first);
        prop_assert_eq!(&Set::decode(&set.encode()).expect("reads"), &set);
        let text: Value = serde_json::from_str(&set.to_text()).expect("is JSON");
        prop_assert_eq!(text, set.encode());
    }

    #[test]
    fn what_one_owns_is_what_one_applied(first in config()) {
        let schema = schema();
        let versions = OneVersion { api_version: VERSION, schema: &schema };
        let filter = Filter::Everything;
        let live = apply(&request(&versions, "a", &filter), None, &first, false).expect("applies").object;
        let owned = managed::extract(&live, "a");
        // Empty lists of items and maps of nothing own nothing; everything else comes back.
        let set = typed::field_set(&schema, &first);
        let extracted = typed::field_set(&schema, &owned);
        let names = Set::of_fields([&["apiVersion"][..], &["kind"], &["metadata", "name"]]);
        prop_assert_eq!(extracted, set.difference(&names));
        for (name, value) in first["spec"].as_object().expect("map") {
            if let Some(found) = owned["spec"].get(name) {
                prop_assert!(equal(found, value), "{name}: {found} is not {value}");
            }
        }
    }
}
