//! Discovery: what is served, told to clients.
//!
//! Source: apimachinery `pkg/apis/meta/v1/types.go` (`APIGroup`, `APIResource`); apiserver
//! `pkg/endpoints/discovery/aggregated`, api `apidiscovery/v2/types.go`, v1.36.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::catalogue::{Catalogue, Extra, Group, GroupVersion, Resource, Rows};

/// `/api`; `server` is what clients outside should use.
pub(crate) fn api_versions(server: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server}],
    })
}

/// `/apis`.
pub(crate) fn group_list(catalogue: &Catalogue) -> Value {
    let groups: Vec<Value> = catalogue
        .groups()
        .iter()
        .filter(|group| !group.name.is_empty())
        .map(group_body)
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/{group}`.
pub(crate) fn group(group: &Group) -> Value {
    let mut body = group_body(group);
    body["kind"] = "APIGroup".into();
    body["apiVersion"] = "v1".into();
    body
}

fn group_body(group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .filter(|version| is_served(version))
        .map(|version| {
            json!({"groupVersion": format!("{}/{}", group.name, version.name),
                "version": *version.name})
        })
        .collect();
    json!({
        "name": *group.name,
        "preferredVersion": versions.first(),
        "versions": versions,
    })
}

fn is_served(version: &GroupVersion) -> bool {
    version
        .resources
        .iter()
        .any(|resource| !resource.verbs.is_empty())
}

/// `/api/v1` and `/apis/{group}/{version}`.
pub(crate) fn resource_list(group: &str, version: &GroupVersion) -> Value {
    let mut resources = vec![];
    for resource in version
        .resources
        .iter()
        .filter(|resource| !resource.verbs.is_empty())
    {
        resources.push(resource_entry(resource));
        for sub in subresources(resource) {
            let mut entry = json!({
                "name": format!("{}/{}", resource.plural, sub.name),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": sub.kind,
                "verbs": sub.verbs,
            });
            if *sub.group != *resource.group || *sub.version != *resource.version {
                entry["group"] = sub.group.into();
                entry["version"] = sub.version.into();
            }
            resources.push(entry);
        }
    }
    let group_version = if group.is_empty() {
        version.name.to_string()
    } else {
        format!("{group}/{}", version.name)
    };
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": resources,
    })
}

fn resource_entry(resource: &Resource) -> Value {
    let mut entry = Map::new();
    entry.insert("name".into(), (*resource.plural).into());
    entry.insert("singularName".into(), (*resource.singular).into());
    entry.insert("namespaced".into(), resource.namespaced.into());
    entry.insert("kind".into(), (*resource.kind).into());
    entry.insert("verbs".into(), json!(resource.verbs));
    if !resource.short_names.is_empty() {
        entry.insert("shortNames".into(), json!(resource.short_names));
    }
    if !resource.categories.is_empty() {
        entry.insert("categories".into(), json!(resource.categories));
    }
    if resource.rows != Rows::Virtual {
        entry.insert(
            "storageVersionHash".into(),
            storage_version_hash(resource).into(),
        );
    }
    Value::Object(entry)
}

/// Source: apiserver `pkg/endpoints/discovery/storageversionhash.go`.
fn storage_version_hash(resource: &Resource) -> String {
    let (group, version) = resource
        .stored_api_version
        .split_once('/')
        .unwrap_or(("", &resource.stored_api_version));
    let digest = Sha256::digest(format!("{group}/{version}/{}", resource.kind));
    STANDARD.encode(&digest[..8])
}

struct Sub<'a> {
    name: &'a str,
    group: &'a str,
    version: &'a str,
    kind: &'a str,
    verbs: &'static [&'static str],
}

fn subresources(resource: &Resource) -> Vec<Sub<'_>> {
    const CHANGE: &[&str] = &["get", "patch", "update"];
    let own = |name, verbs| Sub {
        name,
        group: &resource.group,
        version: &resource.version,
        kind: &resource.kind,
        verbs,
    };
    let mut subs = vec![];
    for extra in &resource.extras {
        subs.push(match extra {
            Extra::Log => own("log", &["get"]),
            Extra::Stream(name) => Sub {
                kind: match *name {
                    "exec" => "PodExecOptions",
                    "attach" => "PodAttachOptions",
                    _ => "PodPortForwardOptions",
                },
                ..own(name, &["create", "get"])
            },

            Extra::Token => Sub {
                group: "authentication.k8s.io",
                version: "v1",
                kind: "TokenRequest",
                ..own("token", &["create"])
            },
            Extra::Finalize => own("finalize", &["update"]),
        });
    }
    if resource.scaling.is_some() {
        subs.push(Sub {
            group: "autoscaling",
            version: "v1",
            kind: "Scale",
            ..own("scale", CHANGE)
        });
    }
    if resource.has_status {
        subs.push(own("status", CHANGE));
    }
    subs.sort_by_key(|sub| (resource.is_custom() && sub.name != "status", sub.name));
    subs
}

/// The aggregated form, for `/api` (the core group) or `/apis` (all others).
pub(crate) fn aggregated(catalogue: &Catalogue, legacy: bool) -> Value {
    let items: Vec<Value> = catalogue
        .groups()
        .iter()
        .filter(|group| group.name.is_empty() == legacy)
        .map(aggregated_group)
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    })
}

fn aggregated_group(group: &Group) -> Value {
    let metadata = if group.name.is_empty() {
        json!({})
    } else {
        json!({"name": *group.name})
    };
    let versions: Vec<Value> = group
        .versions
        .iter()
        .filter(|version| is_served(version))
        .map(|version| {
            let resources: Vec<Value> = version
                .resources
                .iter()
                .filter(|resource| !resource.verbs.is_empty())
                .map(|resource| aggregated_resource(resource))
                .collect();
            json!({"version": *version.name, "resources": resources, "freshness": "Current"})
        })
        .collect();
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_resource(resource: &Resource) -> Value {
    let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let mut entry = json!({
        "resource": *resource.plural,
        "responseKind": kind(&resource.group, &resource.version, &resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": *resource.singular,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    let subs: Vec<Value> = subresources(resource)
        .into_iter()
        .map(|sub| {
            json!({"subresource": sub.name, "responseKind": kind(sub.group, sub.version, sub.kind),
                "verbs": sub.verbs})
        })
        .collect();
    if !subs.is_empty() {
        entry["subresources"] = subs.into();
    }
    entry
}
