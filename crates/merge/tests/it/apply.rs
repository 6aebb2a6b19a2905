//! Server-side apply by several managers, as a client sees it.

use carto_merge::{
    fieldpath::{Filter, Set},
    managed,
    smd::{ApplyError, OneVersion, Request, Schema, apply, update},
};
use serde_json::{Value, json};

const VERSION: &str = "demo.io/v1";

fn schema() -> Schema {
    Schema::from_crd(&json!({
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {
                "size": {"type": "integer"},
                "color": {"type": "string"},
                "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                "args": {"type": "array", "items": {"type": "string"}},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "whole": {"type": "object", "x-kubernetes-map-type": "atomic",
                          "additionalProperties": {"type": "string"}},
                "ports": {"type": "array", "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["port", "protocol"],
                    "items": {"type": "object", "required": ["port"], "properties": {
                        "port": {"type": "integer"},
                        "protocol": {"type": "string", "default": "TCP"},
                        "name": {"type": "string"},
                    }}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "any": {"x-kubernetes-int-or-string": true},
            }},
            "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
        },
    }))
    .expect("schema is fine")
}

/// A cluster of one object: each step is a request, one second after the other.
struct Cluster {
    schema: Schema,
    live: Option<Value>,
    clock: u32,
    filter: Filter,
}

impl Cluster {
    fn new() -> Self {
        let filter = Filter::Except(Set::of_fields([&["status"][..]]));
        Self {
            schema: schema(),
            live: None,
            clock: 0,
            filter,
        }
    }

    fn now(&mut self) -> String {
        self.clock += 1;
        format!("2026-01-01T00:00:{:02}Z", self.clock)
    }

    fn try_apply(&mut self, manager: &str, spec: Value, force: bool) -> Result<bool, ApplyError> {
        let now = self.now();
        let request = Request {
            versions: &OneVersion {
                api_version: VERSION,
                schema: &self.schema,
            },
            api_version: VERSION,
            kind: "Widget",
            manager,
            subresource: "",
            now: &now,
            filter: &self.filter,
        };
        let applied = json!({"apiVersion": VERSION, "kind": "Widget", "metadata": {"name": "w"}, "spec": spec});
        let outcome = apply(&request, self.live.as_ref(), &applied, force)?;
        self.live = Some(outcome.object);
        Ok(outcome.changed)
    }

    fn apply(&mut self, manager: &str, spec: Value) -> bool {
        self.try_apply(manager, spec, false).expect("applies")
    }

    fn update(&mut self, manager: &str, change: impl FnOnce(&mut Value)) {
        let now = self.now();
        let mut new = self.live.clone().unwrap_or_else(
            || json!({"apiVersion": VERSION, "kind": "Widget", "metadata": {"name": "w"}}),
        );
        change(&mut new);
        let request = Request {
            versions: &OneVersion {
                api_version: VERSION,
                schema: &self.schema,
            },
            api_version: VERSION,
            kind: "Widget",
            manager,
            subresource: "",
            now: &now,
            filter: &self.filter,
        };
        let mut live = update(&request, self.live.as_ref(), &new);
        live["metadata"]["uid"] = json!("u");
        self.live = Some(live);
    }

    fn spec(&self) -> &Value {
        &self.live.as_ref().expect("exists")["spec"]
    }

    fn owned(&self, manager: &str, operation: &str) -> Value {
        let live = self.live.as_ref().expect("exists");
        let entries = live
            .pointer("/metadata/managedFields")
            .and_then(Value::as_array);
        entries
            .into_iter()
            .flatten()
            .find(|e| e["manager"] == manager && e["operation"] == operation)
            .map_or(Value::Null, |entry| entry["fieldsV1"].clone())
    }
}

#[test]
fn appliers_share_an_object_without_conflict() {
    let mut cluster = Cluster::new();
    assert!(cluster.apply("a", json!({"size": 1, "tags": ["x"]})));
    assert!(cluster.apply("b", json!({"color": "red", "tags": ["y"], "size": 1})));
    assert_eq!(
        cluster.spec(),
        &json!({"size": 1, "color": "red", "tags": ["x", "y"]})
    );
    assert_eq!(
        cluster.owned("a", "Apply"),
        json!({"f:spec": {"f:size": {}, "f:tags": {"v:\"x\"": {}}}})
    );
    assert_eq!(
        cluster.owned("b", "Apply"),
        json!({"f:spec": {"f:color": {}, "f:size": {}, "f:tags": {"v:\"y\"": {}}}})
    );
}

#[test]
fn what_is_no_longer_applied_goes_unless_somebody_else_applies_it() {
    let mut cluster = Cluster::new();
    cluster.apply("a", json!({"size": 1, "color": "red", "tags": ["x", "y"]}));
    cluster.apply("b", json!({"color": "red", "tags": ["y"]}));
    cluster.apply("a", json!({"tags": []}));
    assert_eq!(cluster.spec(), &json!({"color": "red", "tags": ["y"]}));
}

#[test]
fn a_conflict_names_the_manager_and_the_field() {
    let mut cluster = Cluster::new();
    cluster.apply(
        "a",
        json!({"size": 1, "ports": [{"port": 80, "name": "http"}]}),
    );
    let error = cluster
        .try_apply("b", json!({"size": 2}), false)
        .expect_err("conflicts");
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"a\": .spec.size"
    );
    let spec = json!({"size": 2, "ports": [{"port": 80, "name": "web"}]});
    let error = cluster
        .try_apply("b", spec.clone(), false)
        .expect_err("conflicts");
    assert_eq!(
        error.to_string(),
        "Apply failed with 2 conflicts: conflicts with \"a\":\n- .spec.size\n\
         - .spec.ports[port=80,protocol=\"TCP\"].name"
    );
    let ApplyError::Conflicts(conflicts) = error else {
        panic!("not a conflict")
    };
    assert_eq!(conflicts.0[0].field(), ".spec.size");
    assert_eq!(conflicts.0[0].message(), "conflict with \"a\"");

    assert!(cluster.try_apply("b", spec, true).expect("forced"));
    assert_eq!(cluster.spec()["size"], json!(2));
    assert_eq!(
        cluster.owned("a", "Apply"),
        json!({"f:spec": {"f:ports": {
            "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}},
        }}})
    );
}

#[test]
fn a_conflict_with_an_update_tells_its_version() {
    let mut cluster = Cluster::new();
    cluster.update("kubectl-edit", |o| o["spec"] = json!({"size": 1}));
    let error = cluster
        .try_apply("b", json!({"size": 2}), false)
        .expect_err("conflicts");
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using demo.io/v1: .spec.size"
    );
}

#[test]
fn an_update_takes_what_it_changes() {
    let mut cluster = Cluster::new();
    cluster.apply(
        "a",
        json!({"size": 1, "color": "red", "labels": {"k": "v", "l": "w"}}),
    );
    cluster.update("u", |o| {
        o["spec"]["size"] = json!(5);
        o["spec"]["labels"]
            .as_object_mut()
            .expect("map")
            .remove("l");
        o["status"] = json!({"ready": true});
    });
    assert_eq!(
        cluster.owned("a", "Apply"),
        json!({"f:spec": {"f:color": {}, "f:labels": {"f:k": {}}}})
    );
    assert_eq!(
        cluster.owned("u", "Update"),
        json!({"f:spec": {"f:size": {}}})
    );
}

#[test]
fn creating_by_update_owns_containers_too() {
    let mut cluster = Cluster::new();
    cluster.update("u", |o| {
        o["spec"] = json!({"size": 1, "labels": {"k": "v"}, "args": ["x"], "ports": [{"port": 80, "protocol": "TCP"}]});
    });
    assert_eq!(
        cluster.owned("u", "Update"),
        json!({"f:spec": {".": {}, "f:size": {}, "f:args": {}, "f:labels": {".": {}, "f:k": {}},
            "f:ports": {".": {}, "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:protocol": {}}}}})
    );
}

#[test]
fn applying_twice_changes_nothing_not_even_the_time() {
    let mut cluster = Cluster::new();
    cluster.apply(
        "a",
        json!({"size": 1, "ports": [{"port": 80}], "free": {"x": {"y": 1}}}),
    );
    let before = cluster.live.clone();
    assert!(!cluster.apply(
        "a",
        json!({"size": 1, "ports": [{"port": 80}], "free": {"x": {"y": 1}}})
    ));
    assert_eq!(cluster.live, before);
}

#[test]
fn atomic_parts_change_hands_as_a_whole() {
    let mut cluster = Cluster::new();
    cluster.apply("a", json!({"whole": {"k": "v"}, "args": ["1"]}));
    let error = cluster
        .try_apply("b", json!({"whole": {"l": "w"}, "args": ["1", "2"]}), false)
        .expect_err("conflicts");
    assert!(
        error.to_string().contains("- .spec.args\n- .spec.whole"),
        "{error}"
    );
    cluster
        .try_apply("b", json!({"whole": {"l": "w"}}), true)
        .expect("forced");
    assert_eq!(cluster.spec()["whole"], json!({"l": "w"}));
}

#[test]
fn a_configuration_that_does_not_fit_is_refused_with_its_place() {
    let mut cluster = Cluster::new();
    for (spec, message) in [
        (
            json!({"bogus": 1}),
            ".spec.bogus: field not declared in schema",
        ),
        (
            json!({"tags": ["a", "a"]}),
            ".spec.tags: duplicate entries for key [=\"a\"]",
        ),
        (
            json!({"size": "x"}),
            ".spec.size: expected numeric (int or float), got string",
        ),
        (
            json!({"color": 3}),
            ".spec.color: expected string, got &value.valueUnstructured{Value:3}",
        ),
        (
            json!({"ports": {}}),
            ".spec.ports: expected list, got &{map[]}",
        ),
        (
            json!({"whole": ["a"]}),
            ".spec.whole: expected map, got &{[a]}",
        ),
    ] {
        let error = cluster.try_apply("a", spec, false).expect_err("refused");
        assert_eq!(
            error,
            ApplyError::Internal(format!(
                "failed to create typed patch object (/w; demo.io/v1, Kind=Widget): {message}"
            ))
        );
    }
}

#[test]
fn what_existed_before_the_first_apply_has_an_owner() {
    let mut cluster = Cluster::new();
    cluster.live = Some(json!({"apiVersion": VERSION, "kind": "Widget",
        "metadata": {"name": "w", "uid": "u"}, "spec": {"size": 1, "color": "red"}}));
    cluster.apply("a", json!({"size": 1}));
    assert_eq!(
        cluster.owned("before-first-apply", "Update"),
        json!({"f:spec": {".": {}, "f:color": {}, "f:size": {}}})
    );
    let error = cluster
        .try_apply("a", json!({"color": "blue"}), false)
        .expect_err("conflicts");
    assert!(error.to_string().contains("before-first-apply"), "{error}");
}

#[test]
fn untracked_objects_stay_untracked_by_updates() {
    let mut cluster = Cluster::new();
    cluster.live = Some(json!({"apiVersion": VERSION, "kind": "Widget",
        "metadata": {"name": "w", "uid": "u"}, "spec": {"size": 1}}));
    cluster.update("u", |o| o["spec"]["size"] = json!(2));
    assert!(
        cluster
            .live
            .expect("exists")
            .pointer("/metadata/managedFields")
            .is_none()
    );
}

#[test]
fn an_empty_list_of_managed_fields_starts_afresh() {
    let mut cluster = Cluster::new();
    cluster.apply("a", json!({"size": 1}));
    cluster.update("u", |o| o["metadata"]["managedFields"] = json!([{}]));
    assert!(
        cluster
            .live
            .as_ref()
            .expect("exists")
            .pointer("/metadata/managedFields")
            .is_none()
    );
}

#[test]
fn old_updates_are_merged_into_ancient_changes() {
    let mut cluster = Cluster::new();
    cluster.update("creator", |o| o["spec"] = json!({"labels": {}}));
    for i in 0..12 {
        cluster.update(&format!("m{i}"), |o| {
            o["spec"]["labels"][format!("k{i}")] = json!("v");
        });
    }
    let live = cluster.live.as_ref().expect("exists");
    let managers = managed::decode(live.pointer("/metadata/managedFields")).expect("reads");
    assert_eq!(managers.fields.len(), 10);
    let ancient = cluster.owned("ancient-changes", "Update");
    assert!(
        ancient["f:spec"]["f:labels"]["f:k0"].is_object(),
        "{ancient}"
    );
}

#[test]
fn kubectl_moves_from_client_side_to_server_side_apply() {
    let mut cluster = Cluster::new();
    let last =
        r#"{"apiVersion":"demo.io/v1","kind":"Widget","metadata":{"name":"w"},"spec":{"size":1}}"#;
    cluster.update("kubectl-client-side-apply", |o| {
        o["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/last-applied-configuration": last});
        o["spec"] = json!({"size": 1, "color": "red"});
    });
    let error = cluster
        .try_apply("other", json!({"size": 2}), false)
        .expect_err("conflicts");
    assert!(
        error.to_string().contains("kubectl-client-side-apply"),
        "{error}"
    );
    assert!(
        cluster
            .try_apply("kubectl", json!({"size": 2}), false)
            .expect("taken over")
    );
    let error = cluster
        .try_apply("kubectl", json!({"size": 2, "color": "blue"}), false)
        .expect_err("not applied");
    assert!(error.to_string().ends_with(": .spec.color"), "{error}");
    let annotation = cluster.live.as_ref().expect("exists")["metadata"]["annotations"]
        ["kubectl.kubernetes.io/last-applied-configuration"]
        .clone();
    assert_eq!(
        annotation,
        json!(
            "{\"apiVersion\":\"demo.io/v1\",\"kind\":\"Widget\",\"metadata\":{\"name\":\"w\"},\"spec\":{\"size\":2}}\n"
        )
    );
}

#[test]
fn the_wrong_kind_is_refused() {
    let mut cluster = Cluster::new();
    cluster.apply("a", json!({}));
    let now = cluster.now();
    let versions = OneVersion {
        api_version: VERSION,
        schema: &cluster.schema,
    };
    let request = Request {
        versions: &versions,
        api_version: VERSION,
        kind: "Widget",
        manager: "a",
        subresource: "",
        now: &now,
        filter: &Filter::Everything,
    };
    for (applied, message) in [
        (
            json!({"kind": "Widget"}),
            "invalid object type: /, Kind=Widget",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod"}),
            "invalid object type: /v1, Kind=Pod",
        ),
        (
            json!({"apiVersion": VERSION, "kind": "Widget", "metadata": {"managedFields": []}}),
            "metadata.managedFields must be nil",
        ),
    ] {
        let error = apply(&request, cluster.live.as_ref(), &applied, false).expect_err("refused");
        assert_eq!(error, ApplyError::BadRequest(message.to_owned()));
    }
}
