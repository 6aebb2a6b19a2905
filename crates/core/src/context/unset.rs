//! Fields that are not set, as expressions over the original's typed objects see them.
//!
//! A Go struct has all its fields: an unset string is empty, an unset number zero, an unset list,
//! map or pointer null, an unset struct is there with its own fields unset. Only what is below a
//! null or in a map can be missing. Templates and selectors rely on it, so a path that finds
//! nothing is tried again on an object filled up like that. Source: cartographer
//! pkg/apis/v1alpha1/{workload,deliverable,runnable,common}.go; k8s.io/apimachinery meta/v1.

use serde_json::{Map, Value, json};

/// Which typed object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    Workload,
    Deliverable,
    Runnable,
}

/// A type of field, and what it is when it is not set.
enum Field {
    /// `""`
    Text,
    /// `0`
    Number,
    /// `null`: pointers to scalars, maps, anything without structure.
    Null,
    /// `null`; filled when it is set.
    Pointer(&'static [(&'static str, Field)]),
    /// Always there.
    Struct(&'static [(&'static str, Field)]),
    /// `null`; its items are filled.
    List(&'static [(&'static str, Field)]),
}

use Field::{List, Null, Number, Pointer, Struct, Text};

const METADATA: &[(&str, Field)] = &[
    ("name", Text),
    ("generateName", Text),
    ("namespace", Text),
    ("selfLink", Text),
    ("uid", Text),
    ("resourceVersion", Text),
    ("generation", Number),
    ("creationTimestamp", Null),
    ("deletionTimestamp", Null),
    ("deletionGracePeriodSeconds", Null),
    ("labels", Null),
    ("annotations", Null),
    ("ownerReferences", Null),
    ("finalizers", Null),
    ("managedFields", Null),
];

const SOURCE: &[(&str, Field)] = &[
    (
        "git",
        Pointer(&[
            ("url", Null),
            (
                "ref",
                Pointer(&[("branch", Null), ("tag", Null), ("commit", Null)]),
            ),
        ]),
    ),
    ("image", Null),
    ("subPath", Null),
];

const ENV: &[(&str, Field)] = &[("name", Text), ("value", Text), ("valueFrom", Null)];

const REFERENCE: &[(&str, Field)] = &[
    ("kind", Text),
    ("namespace", Text),
    ("name", Text),
    ("apiVersion", Text),
];

const CONDITION: &[(&str, Field)] = &[
    ("type", Text),
    ("status", Text),
    ("observedGeneration", Number),
    ("lastTransitionTime", Null),
    ("reason", Text),
    ("message", Text),
];

const RESOURCE: &[(&str, Field)] = &[
    ("name", Text),
    ("stampedRef", Null),
    ("templateRef", Null),
    ("inputs", Null),
    ("outputs", Null),
    ("conditions", Null),
];

const WORKLOAD: &[(&str, Field)] = &[
    ("metadata", Struct(METADATA)),
    (
        "spec",
        Struct(&[
            ("params", Null),
            ("source", Pointer(SOURCE)),
            ("build", Struct(&[("env", List(ENV))])),
            ("env", List(ENV)),
            ("image", Null),
            (
                "resources",
                Pointer(&[("limits", Null), ("requests", Null), ("claims", Null)]),
            ),
            ("serviceAccountName", Text),
            ("serviceClaims", List(&[("name", Text), ("ref", Null)])),
        ]),
    ),
    (
        "status",
        Struct(&[
            ("observedGeneration", Number),
            ("conditions", List(CONDITION)),
            ("supplyChainRef", Struct(REFERENCE)),
            ("resources", List(RESOURCE)),
        ]),
    ),
];

const DELIVERABLE: &[(&str, Field)] = &[
    ("metadata", Struct(METADATA)),
    (
        "spec",
        Struct(&[
            ("params", Null),
            ("source", Pointer(SOURCE)),
            ("serviceAccountName", Text),
        ]),
    ),
    (
        "status",
        Struct(&[
            ("observedGeneration", Number),
            ("conditions", List(CONDITION)),
            ("deliveryRef", Struct(REFERENCE)),
            ("resources", List(RESOURCE)),
        ]),
    ),
];

const RUNNABLE: &[(&str, Field)] = &[
    ("metadata", Struct(METADATA)),
    (
        "spec",
        Struct(&[
            ("runTemplateRef", Struct(&[("kind", Text), ("name", Text)])),
            (
                "selector",
                Pointer(&[
                    ("resource", Struct(&[("apiVersion", Text), ("kind", Text)])),
                    ("matchingLabels", Null),
                ]),
            ),
            ("inputs", Null),
            ("serviceAccountName", Text),
            (
                "retentionPolicy",
                Struct(&[("maxFailedRuns", Number), ("maxSuccessfulRuns", Number)]),
            ),
        ]),
    ),
    (
        "status",
        Struct(&[
            ("observedGeneration", Number),
            ("conditions", List(CONDITION)),
            ("outputs", Null),
        ]),
    ),
];

impl Schema {
    const fn fields(self) -> &'static [(&'static str, Field)] {
        match self {
            Self::Workload => WORKLOAD,
            Self::Deliverable => DELIVERABLE,
            Self::Runnable => RUNNABLE,
        }
    }
}

/// A name that a path goes through and that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown<'a> {
    pub(crate) word: &'a str,
    /// What is there instead.
    pub(crate) known: Vec<&'static str>,
}

impl Schema {
    /// Finds the first name of a path that no object of the kind can have.
    ///
    /// Shape: the path begins below the object. Below maps, lists and what has no structure any
    /// name may be; names with a capital letter are those of Go fields, which work too.
    pub(crate) fn unknown<'a>(self, path: &[&'a str]) -> Option<Unknown<'a>> {
        const ROOT: [&str; 2] = ["apiVersion", "kind"];
        let mut fields = self.fields();
        for (depth, word) in path.iter().enumerate() {
            let go_name = word.starts_with(|first: char| first.is_ascii_uppercase());
            if go_name || (depth == 0 && ROOT.contains(word)) {
                return None;
            }
            let Some((_, field)) = fields.iter().find(|(name, _)| name == word) else {
                let mut known: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
                known.sort_unstable();
                return Some(Unknown { word, known });
            };
            match field {
                Pointer(below) | Struct(below) => fields = below,
                Text | Number | Null | List(_) => return None,
            }
        }
        None
    }
}

/// Adds the structs that are written even when nothing in them is set: `$(workload.spec)$` has
/// `build: {}`.
pub(crate) fn add_structs(schema: Schema, object: &mut Value) {
    let Some(map) = object.as_object_mut() else {
        return;
    };
    for (name, field) in schema.fields() {
        if let Struct(fields) = field {
            let slot = map.entry(*name).or_insert_with(|| json!({}));
            nested_structs(fields, slot);
        }
    }
}

fn nested_structs(fields: &[(&str, Field)], value: &mut Value) {
    let Some(map) = value.as_object_mut() else {
        return;
    };
    for (name, field) in fields {
        if let Struct(fields) = field {
            nested_structs(fields, map.entry(*name).or_insert_with(|| json!({})));
        }
    }
}

/// Returns the object with everything that is not set.
pub(crate) fn fill(schema: Schema, object: &Value) -> Value {
    let mut filled = object.clone();
    fill_fields(schema.fields(), &mut filled);
    filled
}

/// Recursion: as deep as the tables above.
fn fill_fields(fields: &[(&str, Field)], value: &mut Value) {
    let Some(map) = value.as_object_mut() else {
        return;
    };
    for (name, field) in fields {
        fill_field(field, name, map);
    }
}

fn fill_field(field: &Field, name: &str, map: &mut Map<String, Value>) {
    let zero = match field {
        Text => json!(""),
        Number => json!(0),
        Null | Pointer(_) | List(_) => Value::Null,
        Struct(_) => json!({}),
    };
    let slot = map.entry(name).or_insert(zero);
    match field {
        Struct(fields) | Pointer(fields) => fill_fields(fields, slot),
        List(fields) => {
            slot.as_array_mut()
                .into_iter()
                .flatten()
                .for_each(|item| fill_fields(fields, item));
        }
        Text | Number | Null => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Value {
        json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "Workload",
            "metadata": {"name": "w", "namespace": "ns"},
            "spec": {"source": {"git": {"url": "u"}}, "env": [{"name": "A"}]},
        })
    }

    #[test]
    fn names_that_nothing_of_the_kind_has_are_found() {
        let unknown = |path: &str| {
            let words: Vec<&str> = path.split('.').collect();
            let found = Schema::Workload.unknown(&words);
            found.map(|found| found.word.to_owned())
        };
        for (path, expected) in [
            ("metadata.name", None),
            ("metadata.labels.any.thing", None),
            ("metadta.name", Some("metadta")),
            ("spec.source.git.uri", Some("uri")),
            ("spec.params.any", None),
            ("spec.env.name", None),
            ("spec.source.git.ref.branch.more", None),
            ("status.supplyChainRef.nme", Some("nme")),
            ("kind", None),
            ("Name", None),
        ] {
            assert_eq!(unknown(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn structs_are_there_and_nothing_else_is_added() {
        let mut object = workload();
        add_structs(Schema::Workload, &mut object);
        let mut expected = workload();
        expected["spec"]["build"] = json!({});
        expected["status"] = json!({"supplyChainRef": {}});
        assert_eq!(object, expected);
    }

    #[test]
    fn unset_fields_have_the_zero_of_their_type() {
        let filled = fill(Schema::Workload, &workload());
        let cases = [
            ("/spec/serviceAccountName", Some(json!(""))),
            ("/spec/image", Some(json!(null))),
            ("/spec/build/env", Some(json!(null))),
            ("/spec/source/subPath", Some(json!(null))),
            ("/spec/source/git/ref", Some(json!(null))),
            ("/spec/source/git/ref/branch", None),
            ("/spec/env/0/value", Some(json!(""))),
            ("/spec/resources/limits", None),
            ("/status/observedGeneration", Some(json!(0))),
            ("/status/supplyChainRef/name", Some(json!(""))),
            ("/metadata/labels", Some(json!(null))),
            ("/metadata/labels/a", None),
            ("/metadata/name", Some(json!("w"))),
            ("/nothing", None),
        ];
        for (path, expected) in cases {
            assert_eq!(filled.pointer(path), expected.as_ref(), "{path}");
        }
    }
}
