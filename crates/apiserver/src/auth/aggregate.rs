//! Cluster roles that gather the rules of others by label.
//!
//! Source: kubernetes `pkg/controller/clusterroleaggregation`, v1.36.

use std::sync::Arc;

use carto_query::labels::{Expression, Selector};
use serde_json::Value;

use super::GROUP;
use crate::api::Api;
use crate::kind::Part;
use crate::store::{Object, Scope, WatchEnd};

pub(crate) async fn run(api: Arc<Api>) {
    let storage: Arc<str> = format!("{GROUP}/clusterroles").into();
    let mut reported = false;
    loop {
        let (_, mut subscription) = api
            .store
            .list_and_subscribe(Scope::Resource(storage.clone()));
        gather(&api, &storage).await;
        api.worker_is_ready(&mut reported);
        loop {
            match subscription.next().await {
                Ok(_) => gather(&api, &storage).await,
                Err(WatchEnd::Expired(_)) => break,
                Err(WatchEnd::Ended) => return,
            }
        }
    }
}

/// Brings all gathering roles up to date. One that gathers a gathering one is right after as many
/// writes as there are between them, each of which comes back here as an event.
async fn gather(api: &Api, storage: &str) {
    let roles: Vec<Arc<Object>> = api.store.read().list(storage, None).cloned().collect();
    let catalogue = api.catalogue();
    let Some(resource) = catalogue.stored(storage) else {
        return;
    };
    for role in &roles {
        let value = role.value();
        let Some(selectors) = selectors(&value) else {
            continue;
        };
        let mut rules: Vec<Value> = vec![];
        let others = roles.iter().filter(|other| other.key != role.key);
        for other in others.filter(|other| selectors.iter().any(|s| s.matches(&***other))) {
            for rule in other.value()["rules"].as_array().into_iter().flatten() {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
        }
        if value["rules"].as_array().map_or(&[][..], Vec::as_slice) == rules.as_slice() {
            continue;
        }
        let mut call = api.own_call(resource, "", &role.key.name);
        "clusterrole-aggregation-controller".clone_into(&mut call.agent);
        let written = api
            .modify(&call, Part::Main, &|value| {
                value["rules"] = rules.clone().into();
            })
            .await;
        if let Err(error) = written {
            tracing::warn!(%error, role = %role.key.name, "cannot gather the rules of a cluster role");
        }
    }
}

/// The selectors of a role that gathers; those that make no sense select nothing.
fn selectors(role: &Value) -> Option<Vec<Selector>> {
    let list = role["aggregationRule"]["clusterRoleSelectors"].as_array()?;
    Some(list.iter().filter_map(selector).collect())
}

fn selector(value: &Value) -> Option<Selector> {
    let labels = value["matchLabels"].as_object();
    let labels: Vec<(&str, &str)> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect();
    let expressions = value["matchExpressions"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let texts = |list: &Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let values: Vec<Vec<String>> = expressions.iter().map(|e| texts(&e["values"])).collect();
    let expressions = expressions
        .iter()
        .zip(&values)
        .map(|(expression, values)| Expression {
            key: expression["key"].as_str().unwrap_or_default(),
            operator: expression["operator"].as_str().unwrap_or_default(),
            values,
        });
    Selector::build(labels, expressions).ok()
}
