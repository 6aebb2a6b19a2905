//! What the merge has to know about types.
//!
//! A [`Schema`] is an arena of atoms. An atom says which of scalar, list and map a value may be, and for the
//! latter two how their parts relate: a list is atomic, a set, or keyed; a map is granular or atomic.
//! Everything else that an `OpenAPI` schema says (bounds, patterns, descriptions) is dropped here.
//!
//! Source: structured-merge-diff schema/elements.go v6.3; kube-openapi pkg/schemaconv.

mod openapi;

use std::collections::BTreeMap;

use serde_json::Value;

pub use openapi::SchemaError;

/// A type inside a [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TypeId(pub(crate) u32);

/// A scalar, list or map about which nothing is known; lists and maps are taken as a whole.
pub(crate) const UNTYPED: TypeId = TypeId(0);
/// Like [`UNTYPED`], but maps are merged field by field: the type of unknown fields.
pub(crate) const DEDUCED: TypeId = TypeId(1);

/// The types of one kind of object.
#[derive(Debug, Clone)]
pub struct Schema {
    pub(crate) atoms: Vec<Atom>,
    pub(crate) root: TypeId,
}

/// The forms that a value of one type can have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Atom {
    pub(crate) scalar: Option<Scalar>,
    pub(crate) list: Option<List>,
    pub(crate) map: Option<Map>,
    /// For error texts.
    pub(crate) name: Option<String>,
}

/// What a scalar may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Numeric,
    String,
    Boolean,
    /// Any of them.
    Untyped,
}

/// A list type.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) element: TypeId,
    /// Items are independent: a set, or a map by `keys`.
    pub(crate) associative: bool,
    pub(crate) keys: Vec<String>,
}

/// A map or struct type.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    pub(crate) fields: BTreeMap<String, Field>,
    /// The type of fields that are not declared; `None` forbids them.
    pub(crate) element: Option<TypeId>,
    pub(crate) atomic: bool,
}

/// A declared field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) ty: TypeId,
    pub(crate) default: Option<Value>,
    pub(crate) patch: Patch,
}

/// How strategic merge patch treats a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) merge: bool,
    pub(crate) replace: bool,
    pub(crate) retain_keys: bool,
    pub(crate) merge_key: Option<String>,
}

impl Map {
    /// Returns the type of a field, declared or not.
    pub(crate) fn type_of(&self, name: &str) -> Option<TypeId> {
        self.fields.get(name).map(|field| field.ty).or(self.element)
    }
}

/// The one form in which a value is treated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    Map(&'a Map),
    Scalar(Scalar),
    List(&'a List),
    /// A type without any form: a schema error.
    Nothing,
}

/// Which forms remain possible once the value is seen; equal masks mean equal treatment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forms {
    scalar: bool,
    list: bool,
    map: bool,
}

impl Atom {
    /// Narrows the possible forms by a value. Null and absent values narrow nothing.
    pub(crate) fn forms(&self, value: Option<&Value>) -> Forms {
        let all = Forms {
            scalar: self.scalar.is_some(),
            list: self.list.is_some(),
            map: self.map.is_some(),
        };
        let none = Forms {
            scalar: false,
            list: false,
            map: false,
        };
        match value {
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) if all.scalar => Forms {
                scalar: true,
                ..none
            },
            Some(Value::Array(_)) if all.list => Forms { list: true, ..none },
            Some(Value::Object(_)) if all.map => Forms { map: true, ..none },
            _ => all,
        }
    }

    /// Picks the form to use: maps before scalars before lists.
    pub(crate) fn shape(&self, forms: Forms) -> Shape<'_> {
        match (&self.map, self.scalar, &self.list) {
            (Some(map), _, _) if forms.map => Shape::Map(map),
            (_, Some(scalar), _) if forms.scalar => Shape::Scalar(scalar),
            (_, _, Some(list)) if forms.list => Shape::List(list),
            _ => Shape::Nothing,
        }
    }
}

impl Schema {
    /// Returns the schema of objects without any: maps merge field by field, lists are atomic.
    pub fn deduced() -> Self {
        Self {
            atoms: common_atoms(),
            root: DEDUCED,
        }
    }

    /// Returns the type of whole objects.
    pub fn root(&self) -> TypeId {
        self.root
    }

    pub(crate) fn atom(&self, ty: TypeId) -> &Atom {
        &self.atoms[ty.0 as usize]
    }

    /// Maps without declared fields whose values have no type are not reconciled with schema changes.
    pub(crate) fn is_untyped_map(&self, map: &Map) -> bool {
        map.fields.is_empty()
            && match map.element {
                Some(DEDUCED) => true,
                Some(element) => {
                    let atom = self.atom(element);
                    atom.name.is_none() && atom.scalar == Some(Scalar::Untyped)
                }
                None => false,
            }
    }

    pub(crate) fn shape(&self, ty: TypeId, value: Option<&Value>) -> Shape<'_> {
        let atom = self.atom(ty);
        atom.shape(atom.forms(value))
    }
}

fn common_atoms() -> Vec<Atom> {
    let atom = |name: &str, field: TypeId, atomic: bool| Atom {
        scalar: Some(Scalar::Untyped),
        list: Some(List {
            element: UNTYPED,
            associative: false,
            keys: Vec::new(),
        }),
        map: Some(Map {
            fields: BTreeMap::new(),
            element: Some(field),
            atomic,
        }),
        name: Some(name.to_owned()),
    };
    vec![
        atom("__untyped_atomic_", UNTYPED, true),
        atom("__untyped_deduced_", DEDUCED, false),
    ]
}
