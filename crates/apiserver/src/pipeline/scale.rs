//! The `scale` subresource: an `autoscaling/v1` `Scale` that stands for the numbers of an object.
//!
//! Source: apiextensions-apiserver `pkg/registry/customresource/etcd.go` (`ScaleREST`); kubernetes
//! `pkg/registry/apps/deployment/storage`, v1.36.

use serde_json::{Value, json};

use super::Written;
use super::patch::PatchFormat;
use super::update::Changed;
use crate::api::{Api, Call};
use crate::catalogue::{Resource, Scaling};
use crate::codec::Decoded;
use crate::error::{ApiError, FieldError, GroupKind};
use crate::kind::Part;
use crate::meta;
use crate::request::WriteOptions;

/// The `Scale` of an object.
pub(crate) fn scale_of(object: &Value, scaling: &Scaling) -> Value {
    let metadata = &object["metadata"];
    let mut kept = serde_json::Map::new();
    for field in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
    ] {
        if let Some(value) = metadata.get(field) {
            kept.insert(field.to_owned(), value.clone());
        }
    }
    let number = |path: &[String]| get(object, path).and_then(Value::as_i64).unwrap_or(0);
    let mut scale = json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": kept,
        "spec": {},
        "status": {"replicas": number(&scaling.status_replicas)},
    });
    if let Some(replicas) = get(object, &scaling.spec_replicas).and_then(Value::as_i64) {
        scale["spec"]["replicas"] = replicas.into();
    }
    if let Some(selector) = scaling.selector.as_ref().and_then(|path| get(object, path)) {
        let text = match selector {
            Value::String(text) => text.clone(),
            other => selector_text(other),
        };
        if !text.is_empty() {
            scale["status"]["selector"] = text.into();
        }
    }
    scale
}

fn get<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter()
        .try_fold(object, |value, field| value.get(field))
}

fn set(object: &mut Value, path: &[String], value: Value) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut place = object;
    for field in parents {
        if !place[field.as_str()].is_object() {
            place[field.as_str()] = json!({});
        }
        place = &mut place[field.as_str()];
    }
    place[last.as_str()] = value;
}

/// A `LabelSelector` as text, terms sorted.
fn selector_text(selector: &Value) -> String {
    let mut terms: Vec<String> = vec![];
    let is_label_selector = ["matchLabels", "matchExpressions"]
        .iter()
        .any(|field| selector.get(field).is_some_and(|part| !part.is_string()));
    // Replication controllers select by labels alone.
    let wanted = if is_label_selector {
        &selector["matchLabels"]
    } else {
        selector
    };
    for (key, value) in wanted.as_object().into_iter().flatten() {
        terms.push(format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    for expression in selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let key = expression["key"].as_str().unwrap_or_default();
        let mut values: Vec<&str> = expression["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        values.sort_unstable();
        let values = values.join(",");
        match expression["operator"].as_str().unwrap_or_default() {
            "In" => terms.push(format!("{key} in ({values})")),
            "NotIn" => terms.push(format!("{key} notin ({values})")),
            "Exists" => terms.push(key.to_owned()),
            "DoesNotExist" => terms.push(format!("!{key}")),
            _ => {}
        }
    }
    terms.sort();
    terms.join(",")
}

impl Api {
    /// Replaces the numbers of an object.
    pub(crate) async fn replace_scale(
        &self,
        call: &Call,
        body: Decoded,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        self.change_scale(call, options, &|_| Ok(body.value.clone()))
            .await
    }

    /// Patches the numbers of an object, seen as a `Scale`.
    pub(crate) async fn patch_scale(
        &self,
        call: &Call,
        format: PatchFormat,
        body: &bytes::Bytes,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        self.change_scale(call, options, &|old| format.apply_plain(body, old))
            .await
    }

    async fn change_scale(
        &self,
        call: &Call,
        options: &WriteOptions,
        make: &(dyn Fn(&Value) -> Result<Value, ApiError> + Sync),
    ) -> Result<Written, ApiError> {
        let scaling = scaling(&call.resource)?;
        self.change(call, Part::Scale, options, &|old| {
            let scale = make(&scale_of(old, scaling))?;
            let replicas = checked_replicas(call, &scale)?;
            let mut object = old.clone();
            set(&mut object, &scaling.spec_replicas, replicas.into());
            let revision = scale["metadata"]["resourceVersion"].clone();
            meta::of(&mut object).insert("resourceVersion".into(), revision);
            Ok(Changed {
                object,
                tracked: false,
            })
        })
        .await
    }
}

fn scaling(resource: &Resource) -> Result<&Scaling, ApiError> {
    resource.scaling.as_ref().ok_or(ApiError::PageNotFound)
}

fn checked_replicas(call: &Call, scale: &Value) -> Result<i64, ApiError> {
    let name = &*call.target.name;
    let given = meta::text(scale, "name");
    if !given.is_empty() && given != name {
        return Err(ApiError::BadRequest(format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        )));
    }
    let replicas = &scale["spec"]["replicas"];
    let number = match replicas {
        Value::Null => 0,
        Value::Number(number) if number.is_i64() => number.as_i64().unwrap_or(0),
        other => {
            return Err(ApiError::BadRequest(format!(
                "Scale in version \"v1\" cannot be handled as a Scale: spec.replicas must be an \
                 integer, not {other}"
            )));
        }
    };
    if number < 0 {
        let problem = FieldError::invalid(
            "spec.replicas",
            number,
            "must be greater than or equal to 0",
        );
        return Err(ApiError::invalid(
            GroupKind::new("autoscaling", "Scale"),
            name,
            vec![problem],
        ));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_stands_for_its_object() {
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let scaling = Scaling {
            spec_replicas: path("spec.replicas"),
            status_replicas: path("status.replicas"),
            selector: Some(path("spec.selector")),
        };
        let mut object = json!({"metadata": {"name": "d", "uid": "u", "labels": {"a": "b"}},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"b": "c", "a": "b"},
                "matchExpressions": [{"key": "x", "operator": "In", "values": ["2", "1"]}]}}});
        assert_eq!(
            scale_of(&object, &scaling),
            json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
                "metadata": {"name": "d", "uid": "u"}, "spec": {"replicas": 2},
                "status": {"replicas": 0, "selector": "a=b,b=c,x in (1,2)"}})
        );
        set(&mut object, &path("a.b"), 1.into());
        assert_eq!(object["a"]["b"], 1);
    }
}
