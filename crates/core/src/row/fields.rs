//! The fields of an object that our field manager owns.

use std::sync::Arc;

use carto_merge::managed::Written;
use serde_json::Value;

use crate::digest::Writer;
use crate::realize::FIELD_MANAGER;

/// Stands for the uid of the controller. JSON escapes it, so no text has it.
const UID: &str = "\0";

/// The fields that field manager `carto` owns through apply (see [`Written::applied`]).
///
/// Objects of one template own the same fields, but that the owner reference is named by the owner's uid. With that
/// left open their texts are equal, and an index can keep one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedFields(Arc<str>);

impl OwnedFields {
    /// Reads what is owned of an object with that controller; `None` when nothing is.
    pub(super) fn read(
        managed: &Written<'_>,
        object: &Value,
        controller: Option<&str>,
    ) -> Option<Self> {
        let text = managed.applied(object, FIELD_MANAGER)?;
        Some(match controller.filter(|uid| !uid.is_empty()) {
            Some(uid) => Self(text.replace(uid, UID).into()),
            None => Self(text.into()),
        })
    }

    /// Returns the fields, of an object with that controller.
    pub(crate) fn to_value(&self, controller: Option<&str>) -> Option<Value> {
        let text = match controller {
            Some(uid) => self.0.replace(UID, uid),
            None => self.0.to_string(),
        };
        serde_json::from_str(&text).ok()
    }

    /// Writes them, with the controller left open.
    pub(crate) fn write(&self, into: &mut Writer) {
        into.text(&self.0);
    }

    /// The text, to be replaced by an equal one at most.
    pub fn text_mut(&mut self) -> &mut Arc<str> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(uid: &str) -> Value {
        json!({"metadata": {"managedFields": [{"manager": "carto", "operation": "Apply", "fieldsV1": {
            "f:metadata": {"f:ownerReferences": {format!("k:{{\"uid\":\"{uid}\"}}"): {}}},
            "f:spec": {"f:a\u{0}b": {}},
        }}]}})
    }

    fn read(object: &Value, controller: Option<&str>) -> Option<OwnedFields> {
        let text = object["metadata"]["managedFields"].to_string();
        OwnedFields::read(&Written::read(&text), object, controller)
    }

    #[test]
    fn two_owners_objects_share_a_text_and_each_gets_its_own_fields_back() {
        let (one, two) = (object("uid-1"), object("uid-2"));
        let first = read(&one, Some("uid-1")).unwrap();
        let second = read(&two, Some("uid-2")).unwrap();
        assert_eq!(first, second);
        let fields = &two["metadata"]["managedFields"][0]["fieldsV1"];
        assert_eq!(second.to_value(Some("uid-2")).as_ref(), Some(fields));
    }

    #[test]
    fn a_reference_to_somebody_else_is_not_mistaken_for_the_controllers() {
        let foreign = read(&object("uid-2"), Some("uid-1")).unwrap();
        let own = read(&object("uid-1"), Some("uid-1")).unwrap();
        assert_ne!(foreign, own);
        let alone = read(&object("uid-1"), None).unwrap();
        assert!(alone.to_value(None).is_some());
    }
}
