//! Workloads and Deliverables.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::json;
use crate::key::OwnerKind;

/// What a pass reads of an owner.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Which kind.
    pub kind: OwnerKind,
    /// The object as the API returned it.
    pub object: Arc<Value>,
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// uid.
    pub uid: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `spec.params`.
    pub params: Vec<(String, Value)>,
    /// `spec.serviceAccountName`, when set.
    pub service_account: Option<String>,
    /// Whether it is being deleted.
    pub deleting: bool,
}

impl Owner {
    /// Reads an owner of that kind.
    pub fn read(kind: OwnerKind, object: Arc<Value>) -> Self {
        let param = |param: &Value| {
            let value = param.get("value").cloned().unwrap_or(Value::Null);
            (json::string(param, &["name"]), value)
        };
        Self {
            kind,
            name: json::string(&object, &["metadata", "name"]),
            namespace: json::string(&object, &["metadata", "namespace"]),
            uid: json::string(&object, &["metadata", "uid"]),
            labels: json::string_map(&object, &["metadata", "labels"]),
            params: json::list(&object, &["spec", "params"])
                .iter()
                .map(param)
                .collect(),
            service_account: json::text(&object, &["spec", "serviceAccountName"])
                .map(str::to_owned),
            deleting: json::text(&object, &["metadata", "deletionTimestamp"]).is_some(),
            object,
        }
    }
}
