//! What the request pipelines need to know of one kind in one version.
//!
//! The pipelines (create, update, patch, delete, read) are written once and know no kind. A kind is
//! a value of [`KindRules`]: built-in kinds implement it over data, custom kinds over the
//! structural schema of their definition. Objects travel as `serde_json::Value` in the version that
//! the rules belong to.

use std::fmt::Debug;

use carto_merge::smd::Schema;
use serde_json::Value;

use crate::error::FieldError;

/// Which part of an object a request addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The object itself.
    Main,
    /// `/status`.
    Status,
    /// `/scale`.
    Scale,
    /// `/finalize`, which only namespaces have.
    Finalize,
}

/// A column of a printed table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// Heading.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    /// `name` for the name of the object, else empty.
    pub format: String,
    /// Shown by a client that asks for it.
    pub description: String,
    /// Above zero: only in wide output.
    pub priority: i32,
}

impl Column {
    /// The first column of every table.
    pub(crate) fn name() -> Self {
        Self {
            name: "Name".into(),
            kind: "string".into(),
            format: "name".into(),
            description: NAME.into(),
            priority: 0,
        }
    }

    /// The last column of most tables.
    pub(crate) fn age() -> Self {
        Self {
            name: "Age".into(),
            kind: "date".into(),
            format: String::new(),
            description: AGE.into(),
            priority: 0,
        }
    }
}

const NAME: &str = "Name must be unique within a namespace.";
const AGE: &str = "Time since the object was created.";

/// Whether two objects differ outside their metadata and, when `has_status`, their status.
pub(crate) fn differs_in_specification(new: &Value, old: &Value, has_status: bool) -> bool {
    let (Some(new), Some(old)) = (new.as_object(), old.as_object()) else {
        return new != old;
    };
    let counts = |name: &&String| *name != "metadata" && !(has_status && *name == "status");
    let fields = |map: &'_ serde_json::Map<String, Value>| map.keys().filter(counts).count();
    fields(new) != fields(old)
        || new
            .iter()
            .filter(|(name, _)| counts(name))
            .any(|(name, value)| old.get(name) != Some(value))
}

/// The behaviour of one kind in one version.
///
/// Order of use for a write: [`decode`](Self::decode), [`default`](Self::default),
/// [`prepare`](Self::prepare), [`default`](Self::default) again, [`validate`](Self::validate).
/// Metadata is checked by the pipelines and is none of a kind's business, except where a kind has
/// rules of its own for names.
pub(crate) trait KindRules: Send + Sync + Debug {
    /// Drops fields that the kind does not have and normalises the others, in place. `apiVersion`,
    /// `kind` and `metadata` of the object itself are checked by the pipelines and left alone.
    ///
    /// Returns the paths of dropped fields in the order of Kubernetes' strict decoder, as
    /// `spec.bogus` or `spec.ports[0].x`.
    ///
    /// # Errors
    /// The text of Go's JSON decoder when a built-in field has a wrong JSON type, as
    /// `json: cannot unmarshal number into Go struct field ConfigMap.data of type string`.
    fn decode(&self, object: &mut Value) -> Result<Vec<String>, String>;

    /// Fills in defaults.
    fn default(&self, object: &mut Value);

    /// The object that a create starts from, as far as ownership of fields is concerned: what a client
    /// that sends nothing but the kind would create. `None` for nothing besides the kind.
    fn empty(&self) -> Option<Value> {
        None
    }

    /// Does what the kind does with a write before it is validated: derived fields on create, fields
    /// that a write cannot change restored on update. `old` is `None` on create.
    fn prepare(&self, _new: &mut Value, _old: Option<&Value>, _part: Part) {}

    /// All problems of `new`; `old` is `None` on create.
    fn validate(&self, new: &Value, old: Option<&Value>, part: Part) -> Vec<FieldError>;

    /// Things that are allowed and deserve a warning to the client.
    fn warnings(&self, _new: &Value, _old: Option<&Value>) -> Vec<String> {
        vec![]
    }

    /// Problems of a name on create; empty when it is fine.
    fn validate_name(&self, name: &str) -> Vec<String> {
        crate::names::dns1123_subdomain(name)
    }

    /// Columns of tables.
    fn columns(&self) -> Vec<Column>;

    /// One cell per column; `now` is in seconds since the epoch, for ages.
    fn cells(&self, object: &Value, now_seconds: i64) -> Vec<Value>;

    /// The value of a field that selectors may name besides `metadata.name` and
    /// `metadata.namespace`, or `None` when this one is not selectable.
    fn selectable(&self, _object: &Value, _field: &str) -> Option<String> {
        None
    }

    /// Whether selectors may name any fields besides those of the metadata.
    fn has_selectable_fields(&self) -> bool {
        false
    }

    /// Whether `metadata.generation` counts changes of the specification.
    fn counts_generations(&self) -> bool;

    /// Whether a write changes what the generation counts; by default everything but metadata and, for
    /// kinds with a status subresource, status.
    fn changes_generation(&self, new: &Value, old: &Value, has_status: bool) -> bool {
        differs_in_specification(new, old, has_status)
    }

    /// Schema for merges and field ownership.
    fn merge_schema(&self) -> &Schema;
}
