//! Schemas from `OpenAPI` documents and custom resource definitions.
//!
//! Source: kube-openapi pkg/schemaconv (`ToSchemaFromOpenAPI`); for custom resources
//! apiextensions-apiserver pkg/controller/openapi/builder, which adds `apiVersion`, `kind` and `metadata`.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Map as Json, Value};

use super::{
    Atom, DEDUCED, Field, List, Map, Patch, Scalar, Schema, TypeId, UNTYPED, common_atoms,
};

/// Why a document cannot be used for merging.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A reference leads nowhere.
    #[error("no schema is called {0:?}")]
    Missing(String),
    /// An extension has a value that this version does not know.
    #[error("{path}: {reason}")]
    Extension {
        /// Where, in property names.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const RAW_EXTENSION: &str = "io.k8s.apimachinery.pkg.runtime.RawExtension";
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The merge-relevant part of `ObjectMeta`, the same for every kind.
static META_SCHEMAS: LazyLock<Json<String, Value>> =
    LazyLock::new(
        || match serde_json::from_str(include_str!("object_meta.json")) {
            Ok(Value::Object(schemas)) => schemas,
            _ => unreachable!("object_meta.json is an object; a test parses it"),
        },
    );

impl Schema {
    /// Builds the schema of one type from the `components.schemas` of an `OpenAPI` v3 document.
    ///
    /// # Errors
    /// When `root` or a referred type is missing, or a merge extension has an unknown value.
    pub fn from_openapi(components: &Json<String, Value>, root: &str) -> Result<Self, SchemaError> {
        let mut builder = Builder::new(components);
        let root = builder.named(root)?;
        builder.finish(root)
    }

    /// Builds the schema of a custom resource from the `openAPIV3Schema` of one version.
    ///
    /// Shape: `apiVersion`, `kind` and `metadata` are added as for every object, also in embedded resources.
    ///
    /// # Errors
    /// When a merge extension has an unknown value.
    pub fn from_crd(schema: &Value) -> Result<Self, SchemaError> {
        let nothing = Json::new();
        let mut builder = Builder::new(&nothing);
        builder.custom = true;
        let scope = Scope {
            preserve: false,
            path: String::new(),
        };
        let root = builder.inline(schema, &scope)?;
        builder.add_type_meta(root, schema, &scope)?;
        builder.finish(root)
    }
}

/// What a nested schema inherits.
#[derive(Clone)]
struct Scope {
    /// An ancestor keeps unknown fields.
    preserve: bool,
    path: String,
}

impl Scope {
    fn child(&self, name: &str) -> Self {
        Self {
            preserve: self.preserve,
            path: format!("{}.{name}", self.path),
        }
    }
}

struct Builder<'a> {
    components: &'a Json<String, Value>,
    atoms: Vec<Atom>,
    names: BTreeMap<String, TypeId>,
    /// Copies of types whose map relationship a reference overrides.
    overrides: Vec<(TypeId, TypeId, bool)>,
    /// Embedded resources get their metadata.
    custom: bool,
}

impl<'a> Builder<'a> {
    fn new(components: &'a Json<String, Value>) -> Self {
        Self {
            components,
            atoms: common_atoms(),
            names: BTreeMap::new(),
            overrides: Vec::new(),
            custom: false,
        }
    }

    fn finish(mut self, root: TypeId) -> Result<Schema, SchemaError> {
        // Overrides are resolved last: the overridden type may have been under construction.
        for (copy, original, atomic) in std::mem::take(&mut self.overrides) {
            let mut atom = self.atoms[original.0 as usize].clone();
            if let Some(map) = &mut atom.map {
                map.atomic = atomic;
            } else if let Some(list) = &mut atom.list {
                list.associative = !atomic;
            }
            self.atoms[copy.0 as usize] = atom;
        }
        Ok(Schema {
            atoms: self.atoms,
            root,
        })
    }

    fn push(&mut self, atom: Atom) -> TypeId {
        let id = u32::try_from(self.atoms.len()).expect("a document has fewer than 2^32 types");
        self.atoms.push(atom);
        TypeId(id)
    }

    fn named(&mut self, name: &str) -> Result<TypeId, SchemaError> {
        if let Some(id) = self.names.get(name) {
            return Ok(*id);
        }
        let schema = self
            .components
            .get(name)
            .or_else(|| META_SCHEMAS.get(name))
            .ok_or_else(|| SchemaError::Missing(name.to_owned()))?
            .clone();
        // Reserve the place first: types may refer to themselves.
        let id = self.push(Atom {
            name: Some(name.to_owned()),
            ..Atom::default()
        });
        self.names.insert(name.to_owned(), id);
        let mut atom = match name {
            QUANTITY => Atom {
                scalar: Some(Scalar::Untyped),
                ..Atom::default()
            },
            RAW_EXTENSION => self.atoms[UNTYPED.0 as usize].clone(),
            _ => self.atom(
                &schema,
                &Scope {
                    preserve: false,
                    path: name.to_owned(),
                },
            )?,
        };
        atom.name = Some(name.to_owned());
        self.atoms[id.0 as usize] = atom;
        Ok(id)
    }

    /// Returns the type of a property, item or additional property.
    fn reference(&mut self, schema: &Value, scope: &Scope) -> Result<TypeId, SchemaError> {
        let Some(name) = reference_name(schema) else {
            return self.inline(schema, scope);
        };
        let id = self.named(name)?;
        match map_relationship(schema, scope)? {
            None => Ok(id),
            Some(atomic) => {
                let copy = self.push(Atom::default());
                self.overrides.push((copy, id, atomic));
                Ok(copy)
            }
        }
    }

    fn inline(&mut self, schema: &Value, scope: &Scope) -> Result<TypeId, SchemaError> {
        let atom = self.atom(schema, scope)?;
        let id = self.push(atom);
        if self.custom && flag(schema, "x-kubernetes-embedded-resource") {
            self.add_type_meta(id, schema, scope)?;
        }
        Ok(id)
    }

    fn atom(&mut self, schema: &Value, scope: &Scope) -> Result<Atom, SchemaError> {
        let mut scope = scope.clone();
        scope.preserve |= flag(schema, "x-kubernetes-preserve-unknown-fields");
        match schema.get("type").and_then(Value::as_str) {
            None | Some("") => Ok(Atom {
                scalar: Some(Scalar::Untyped),
                list: Some(self.list(schema, &scope)?),
                map: Some(self.map(schema, &scope)?),
                name: None,
            }),
            Some("object") => Ok(Atom {
                map: Some(self.map(schema, &scope)?),
                ..Atom::default()
            }),
            Some("array") => Ok(Atom {
                list: Some(self.list(schema, &scope)?),
                ..Atom::default()
            }),
            Some(other) => {
                let plain = schema.get("format").and_then(Value::as_str);
                let scalar = match other {
                    "integer" | "number" => Scalar::Numeric,
                    "boolean" => Scalar::Boolean,
                    "string" if matches!(plain, None | Some("" | "byte")) => Scalar::String,
                    _ => Scalar::Untyped,
                };
                Ok(Atom {
                    scalar: Some(scalar),
                    ..Atom::default()
                })
            }
        }
    }

    fn map(&mut self, schema: &Value, scope: &Scope) -> Result<Map, SchemaError> {
        let mut fields = BTreeMap::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let ty = self.reference(property, &scope.child(name))?;
            let default = property.get("default").cloned();
            fields.insert(
                name.clone(),
                Field {
                    ty,
                    default,
                    patch: patch(property),
                },
            );
        }
        let element = match schema.get("additionalProperties") {
            None if scope.preserve || fields.is_empty() => Some(DEDUCED),
            None | Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(DEDUCED),
            Some(additional) => Some(self.reference(additional, &scope.child("*"))?),
        };
        let atomic = map_relationship(schema, scope)?.unwrap_or(false);
        Ok(Map {
            fields,
            element,
            atomic,
        })
    }

    fn list(&mut self, schema: &Value, scope: &Scope) -> Result<List, SchemaError> {
        let (associative, keys) = list_relationship(schema, scope)?;
        let element = match schema.get("items") {
            Some(items) => self.reference(items, &scope.child("[]"))?,
            None => UNTYPED,
        };
        Ok(List {
            element,
            associative,
            keys,
        })
    }

    fn add_type_meta(
        &mut self,
        id: TypeId,
        schema: &Value,
        scope: &Scope,
    ) -> Result<(), SchemaError> {
        let string = self.push(Atom {
            scalar: Some(Scalar::String),
            ..Atom::default()
        });
        let metadata = self.named(OBJECT_META)?;
        let Some(map) = &mut self.atoms[id.0 as usize].map else {
            return Ok(());
        };
        // A map without properties is free-form, but one with type and metadata is not.
        let preserve = scope.preserve || flag(schema, "x-kubernetes-preserve-unknown-fields");
        if map.fields.is_empty() && !preserve && schema.get("additionalProperties").is_none() {
            map.element = None;
        }
        for (name, ty) in [
            ("apiVersion", string),
            ("kind", string),
            ("metadata", metadata),
        ] {
            let field = Field {
                ty,
                default: None,
                patch: Patch::default(),
            };
            map.fields.insert(name.to_owned(), field);
        }
        Ok(())
    }
}

/// Returns the name behind `$ref`, also inside an `allOf` of one.
fn reference_name(schema: &Value) -> Option<&str> {
    let direct = schema.get("$ref").and_then(Value::as_str);
    let wrapped = || match schema.get("allOf").and_then(Value::as_array)?.as_slice() {
        [only] => only.get("$ref").and_then(Value::as_str),
        _ => None,
    };
    let reference = direct.or_else(wrapped)?;
    let name = reference.rsplit('/').next()?;
    (!name.is_empty()).then_some(name)
}

fn flag(schema: &Value, name: &str) -> bool {
    schema.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// `Some(true)` is atomic, `Some(false)` granular, `None` not said.
fn map_relationship(schema: &Value, scope: &Scope) -> Result<Option<bool>, SchemaError> {
    match schema.get("x-kubernetes-map-type").map(Value::as_str) {
        None => Ok(None),
        Some(Some("atomic")) => Ok(Some(true)),
        Some(Some("granular")) => Ok(Some(false)),
        Some(other) => Err(SchemaError::Extension {
            path: scope.path.clone(),
            reason: format!("unknown map type {}", other.unwrap_or("(not a string)")),
        }),
    }
}

fn list_relationship(schema: &Value, scope: &Scope) -> Result<(bool, Vec<String>), SchemaError> {
    let fail = |reason: String| SchemaError::Extension {
        path: scope.path.clone(),
        reason,
    };
    if let Some(list_type) = schema.get("x-kubernetes-list-type") {
        return match list_type.as_str() {
            Some("atomic") => Ok((false, Vec::new())),
            Some("set") => Ok((true, Vec::new())),
            Some("map") => {
                let keys = schema
                    .get("x-kubernetes-list-map-keys")
                    .and_then(Value::as_array)
                    .ok_or_else(|| fail("missing map keys".to_owned()))?;
                let keys = keys
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect();
                Ok((true, keys))
            }
            other => Err(fail(format!(
                "unknown list type {}",
                other.unwrap_or("(not a string)")
            ))),
        };
    }
    // Built-in lists from before list types existed have their patch strategy instead.
    match schema
        .get("x-kubernetes-patch-strategy")
        .and_then(Value::as_str)
    {
        Some("merge" | "merge,retainKeys") => {
            let key = schema
                .get("x-kubernetes-patch-merge-key")
                .and_then(Value::as_str);
            Ok((true, key.map(str::to_owned).into_iter().collect()))
        }
        None | Some("retainKeys" | "replace") => Ok((false, Vec::new())),
        Some(other) => Err(fail(format!("unknown patch strategy {other}"))),
    }
}

fn patch(property: &Value) -> Patch {
    let strategies = property
        .get("x-kubernetes-patch-strategy")
        .and_then(Value::as_str);
    let has = |wanted: &str| strategies.is_some_and(|s| s.split(',').any(|one| one == wanted));
    Patch {
        merge: has("merge"),
        replace: has("replace"),
        retain_keys: has("retainKeys"),
        merge_key: property
            .get("x-kubernetes-patch-merge-key")
            .and_then(Value::as_str)
            .map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_object_has_its_metadata() {
        let schema = Schema::from_crd(&json!({
            "type": "object",
            "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
        }))
        .expect("builds");
        let map = schema.atom(schema.root()).map.as_ref().expect("a map");
        assert_eq!(
            map.fields.keys().collect::<Vec<_>>(),
            ["apiVersion", "kind", "metadata", "spec"]
        );
        assert!(map.element.is_none(), "unknown fields are refused");
        let metadata = schema
            .atom(map.fields["metadata"].ty)
            .map
            .as_ref()
            .expect("a map");
        let owners = schema
            .atom(metadata.fields["ownerReferences"].ty)
            .list
            .as_ref();
        assert_eq!(owners.expect("a list").keys, ["uid"]);
    }

    #[test]
    fn a_reference_can_make_a_type_atomic_in_one_place() {
        let components = json!({
            "Root": {"type": "object", "properties": {
                "a": {"allOf": [{"$ref": "#/components/schemas/Leaf"}], "x-kubernetes-map-type": "atomic"},
                "b": {"$ref": "#/components/schemas/Leaf"},
            }},
            "Leaf": {"type": "object", "properties": {"x": {"type": "string"}}},
        });
        let schema =
            Schema::from_openapi(components.as_object().expect("object"), "Root").expect("builds");
        let map = schema.atom(schema.root()).map.as_ref().expect("a map");
        let atomic = |name: &str| {
            schema
                .atom(map.fields[name].ty)
                .map
                .as_ref()
                .map(|m| m.atomic)
        };
        assert_eq!(atomic("a"), Some(true));
        assert_eq!(atomic("b"), Some(false));
    }

    #[test]
    fn types_may_refer_to_themselves() {
        let components = json!({
            "Node": {"type": "object", "properties": {
                "next": {"$ref": "#/components/schemas/Node"},
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
            }},
        });
        let components = components.as_object().expect("object");
        Schema::from_openapi(components, "Node").expect("builds");
        assert_eq!(
            Schema::from_openapi(components, "Other").expect_err("refused"),
            SchemaError::Missing("Other".to_owned())
        );
    }

    #[test]
    fn unknown_extensions_are_named_with_their_place() {
        let error = Schema::from_crd(&json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {
                "list": {"type": "array", "x-kubernetes-list-type": "bag", "items": {"type": "string"}},
            }},
        }}))
        .expect_err("refused");
        assert_eq!(error.to_string(), ".spec.list: unknown list type bag");
    }
}
