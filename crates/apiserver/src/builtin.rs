//! The kinds that come with the server.
//!
//! What is data comes from a real kube-apiserver (`data/README.md`): discovery, schemas, Go types. What is behaviour is
//! written here: defaults, validation, table columns, selectable fields. The list is closed; a kind that is not in it
//! does not exist for clients.

mod data;
mod decode;
mod defaults;
mod prepare;
mod quantity;
mod tables;
pub(crate) mod time;
pub(crate) mod types;
mod validate;

use std::sync::LazyLock;

use carto_merge::smd::Schema;
use serde_json::{Map, Value};

pub(crate) use data::{components, described_component};
use types::StructId;

use crate::error::FieldError;
use crate::kind::{Column, Part};

/// A kind of the closed list.
#[derive(Debug)]
pub(crate) struct BuiltinKind {
    /// API group; empty for the core group.
    pub(crate) group: String,
    /// Version.
    pub(crate) version: String,
    /// Kind.
    pub(crate) kind: String,
    /// Plural name.
    pub(crate) plural: String,
    /// Singular name.
    pub(crate) singular: String,
    /// Whether its objects live in namespaces.
    pub(crate) namespaced: bool,
    /// Short names.
    pub(crate) short_names: Vec<String>,
    /// Categories, as `all`.
    pub(crate) categories: Vec<String>,
    /// Verbs of the main resource.
    pub(crate) verbs: Vec<String>,
    /// Names of subresources, as `status`.
    pub(crate) subresources: Vec<String>,
    /// Name of its schema.
    pub(crate) schema_name: String,
    /// Its Go type.
    ty: StructId,
    /// Compiled when first merged.
    merge_schema: LazyLock<Schema, Box<dyn FnOnce() -> Schema + Send + Sync>>,
}

/// Returns all kinds, by group, version and plural.
pub(crate) fn kinds() -> &'static [BuiltinKind] {
    static KINDS: LazyLock<Vec<BuiltinKind>> = LazyLock::new(data::kinds);
    &KINDS
}

/// Returns one kind.
pub(crate) fn kind(group: &str, version: &str, kind: &str) -> Option<&'static BuiltinKind> {
    kinds()
        .iter()
        .find(|k| k.group == group && k.version == version && k.kind == kind)
}

/// Gives a value of Go type `ty` the form in which Go would write it, as [`BuiltinKind::decode`], metadata included.
///
/// # Errors
/// The text of Go's JSON decoder for the first field of a wrong type.
pub(crate) fn normalise(ty: StructId, value: &mut Value) -> Result<Vec<String>, String> {
    decode::decode(ty, value)
}

impl BuiltinKind {
    /// Group and version as in `apiVersion`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Name of the kind of lists.
    pub(crate) fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    /// What server-side apply and strategic merge need to know.
    pub(crate) fn merge_schema(&self) -> &Schema {
        &self.merge_schema
    }

    /// Whether objects have a `status` that only `/status` writes.
    pub(crate) fn has_status(&self) -> bool {
        self.subresources.iter().any(|name| name == "status")
    }

    /// The object that a create starts from, as far as ownership of fields is concerned.
    pub(crate) fn empty(&self) -> Value {
        let mut object = Map::new();
        object.insert("apiVersion".to_owned(), Value::String(self.api_version()));
        object.insert("kind".to_owned(), Value::String(self.kind.clone()));
        let mut object = Value::Object(object);
        // An empty object has no wrong types.
        drop(decode::decode(self.ty, &mut object));
        object
    }

    /// Gives `object` the form in which the Go type would write it, in place: unknown fields and nulls are dropped, zero
    /// values left out or filled in, quantities, times and durations written in their canonical way. The metadata of the
    /// object itself is left alone.
    ///
    /// Returns the paths of unknown fields.
    ///
    /// # Errors
    /// The text of Go's JSON decoder for the first field of a wrong type.
    pub(crate) fn decode(&self, object: &mut Value) -> Result<Vec<String>, String> {
        let metadata = object.get_mut("metadata").map(Value::take);
        let unknown = decode::decode(self.ty, object)?;
        if let Some(metadata) = metadata {
            object["metadata"] = metadata;
        }
        prepare::convert(&self.kind, object);
        Ok(unknown)
    }

    /// Sets what the server sets when an object is written; `old` is `None` on create.
    pub(crate) fn prepare(&self, object: &mut Value, old: Option<&Value>, part: Part) {
        prepare::prepare(&self.kind, object, old, part);
    }

    /// All problems of an object; `old` is `None` on create.
    pub(crate) fn validate(&self, new: &Value, old: Option<&Value>, part: Part) -> Vec<FieldError> {
        validate::validate(&self.group, &self.kind, new, old, part)
    }

    /// Problems of a name on create.
    pub(crate) fn validate_name(&self, name: &str) -> Vec<String> {
        validate::name(&self.group, &self.kind, name)
    }

    /// Columns of tables.
    pub(crate) fn columns(&self) -> Vec<Column> {
        tables::columns(&self.kind)
    }

    /// The cells of an object in a table.
    pub(crate) fn cells(&self, object: &Value, now_seconds: i64) -> Vec<Value> {
        tables::cells(&self.kind, object, now_seconds)
    }

    /// Fills in defaults.
    pub(crate) fn default(&self, object: &mut Value) {
        defaults::default(self.ty, object);
    }
}

#[cfg(test)]
mod tests;
