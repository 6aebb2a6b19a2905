//! Each rule with the object that breaks it; objects are written as they differ from a good one.

use serde_json::{Value, json};

use super::*;

fn chain(spec: Value) -> Value {
    let mut chain = json!({
        "apiVersion": "carto.run/v1alpha1", "kind": "ClusterSupplyChain",
        "metadata": {"name": "chain"},
        "spec": {"selector": {"a": "b"}, "resources": []}
    });
    merge(&mut chain["spec"], spec);
    chain
}

fn delivery(spec: Value) -> Value {
    let mut delivery = chain(spec);
    delivery["kind"] = json!("ClusterDelivery");
    delivery
}

fn template(kind: &str, spec: Value) -> Value {
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}});
    let mut template = json!({
        "apiVersion": "carto.run/v1alpha1", "kind": kind,
        "metadata": {"name": "template"}, "spec": {"template": body}
    });
    merge(&mut template["spec"], spec);
    template
}

/// A JSON merge patch: `null` removes.
fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        panic!("a patch is an object")
    };
    let into = into.as_object_mut().expect("patched values are objects");
    for (key, value) in patch {
        if value.is_null() {
            into.remove(&key);
        } else {
            into.insert(key, value);
        }
    }
}

fn step(name: &str, kind: &str) -> Value {
    json!({"name": name, "templateRef": {"kind": kind, "name": name}})
}

fn with(mut step: Value, key: &str, value: Value) -> Value {
    step[key] = value;
    step
}

fn source(name: &str) -> Value {
    step(name, "ClusterSourceTemplate")
}

fn from(name: &str, resource: &str) -> Value {
    json!([{"name": name, "resource": resource}])
}

fn optional(options: Value) -> Value {
    json!({"name": "pick", "sources": from("in", "first"),
           "templateRef": {"kind": "ClusterSourceTemplate", "options": options}})
}

fn option(name: &str, label: &str) -> Value {
    json!({"name": name, "selector": {"matchLabels": {label: "yes"}}})
}

fn picks(options: Value) -> Value {
    chain(json!({"resources": [source("first"), optional(options)]}))
}

fn denied(object: &Value) -> String {
    denial(object).unwrap_or_else(|| panic!("admitted: {object}"))
}

#[test]
fn what_is_good_has_no_findings() {
    let good = [
        picks(json!([option("x", "x"), option("y", "y"),
                     {"passThrough": "in", "selector": {"matchLabels": {"z": "yes"}}}])),
        chain(json!({"resources": [
            with(step("app", "ClusterTemplate"), "sources", from("s", "src")), source("src")]})),
        delivery(json!({"resources": [
            source("src"),
            with(step("go", "ClusterDeploymentTemplate"), "deployment", json!({"resource": "src"})),
            with(step("next", "ClusterTemplate"), "sources", from("s", "go"))]})),
        template("ClusterTemplate", json!({})),
        template("ClusterTemplate", json!({"template": null, "ytt": "a: 1"})),
        template(
            "ClusterRunTemplate",
            json!({
            "template": {"apiVersion": "v1", "kind": "Run", "spec": {}}}),
        ),
        template(
            "ClusterImageTemplate",
            json!({
            "lifecycle": "immutable", "retentionPolicy": {"maxFailedRuns": 1, "maxSuccessfulRuns": 1}}),
        ),
    ];
    for object in good {
        assert_eq!(findings(&object), [], "{object}");
    }
}

#[test]
fn other_kinds_are_nobody_s_business() {
    let foreign = json!({"apiVersion": "v1", "kind": "ClusterTemplate", "spec": {}});
    assert_eq!(findings(&foreign), []);
    let owner = json!({"apiVersion": "carto.run/v1alpha1", "kind": "Workload", "spec": {}});
    assert_eq!(findings(&owner), []);
}

#[test]
fn the_webhook_s_texts_for_supply_chains() {
    let cases = [
        (
            chain(json!({"selector": null})),
            "at least one selector, selectorMatchExpression, selectorMatchField must be specified",
        ),
        (
            chain(json!({"params": [{"name": "p", "value": 1, "default": 2}]})),
            "param [p] is invalid: must set exactly one of value and default",
        ),
        (
            chain(json!({"params": [{"name": "p"}]})),
            "param [p] is invalid: must set exactly one of value and default",
        ),
        (
            chain(json!({"resources": [with(source("s"), "params", json!([{"name": "p"}]))]})),
            "resource [s] is invalid: param [p] is invalid: must set exactly one of value and default",
        ),
        (
            chain(json!({"selectorMatchFields": [
                {"key": "spec.image", "operator": "Exists", "values": ["x"]}]})),
            "cannot specify values with operator [Exists]",
        ),
        (
            chain(json!({"selectorMatchFields": [{"key": "spec.image", "operator": "In"}]})),
            "must specify values with operator [In]",
        ),
        (
            chain(json!({"selectorMatchFields": [{"key": "spec.image", "operator": "Like"}]})),
            "operator [Like] is invalid",
        ),
        (
            chain(
                json!({"selectorMatchFields": [{"key": "workload.spec.image", "operator": "Exists"}]}),
            ),
            "requirement key [workload.spec.image] is not a valid path",
        ),
        (
            chain(json!({"resources": [source("s"), source("s")]})),
            "duplicate resource name [s] found",
        ),
        (
            picks(json!([option("x", "x"), option("x", "y")])),
            "duplicate template name [x] found in options for resource [pick]",
        ),
        (
            chain(json!({"resources": [{"name": "s", "templateRef": {
                "kind": "ClusterSourceTemplate", "name": "s",
                "options": [option("x", "x"), option("y", "y")]}}]})),
            "error validating resource [s]: exactly one of templateRef.Name or templateRef.Options must be specified, found both",
        ),
        (
            picks(json!([option("x", "x")])),
            "error validating resource [pick]: templateRef.Options must have more than one option",
        ),
        (
            chain(
                json!({"resources": [{"name": "s", "templateRef": {"kind": "ClusterSourceTemplate"}}]}),
            ),
            "error validating resource [s]: exactly one of templateRef.Name or templateRef.Options must be specified, found neither",
        ),
        (
            picks(json!([option("x", "x"),
                {"name": "y", "passThrough": "in", "selector": {"matchLabels": {"y": "yes"}}}])),
            "error validating resource [pick]: exactly one of option.Name or option.PassThrough must be specified, found both",
        ),
        (
            picks(json!([option("x", "x"), {"selector": {"matchLabels": {"y": "yes"}}}])),
            "error validating resource [pick]: exactly one of option.Name or option.PassThrough must be specified, found neither",
        ),
        (
            picks(json!([option("x", "x"), {"name": "y", "selector": {}}])),
            "error validating resource [pick]: error validating option [y] selector: at least one of matchLabels, matchExpressions or MatchFields must be specified",
        ),
        (
            picks(json!([option("x", "x"), option("y", "x")])),
            "error validating resource [pick]: duplicate selector found in options [x, y]",
        ),
        (
            chain(
                json!({"resources": [{"name": "s", "templateRef": {"kind": "ClusterTemplate", "options": [
                option("x", "x"), {"passThrough": "in", "selector": {"matchLabels": {"y": "yes"}}}]}}]}),
            ),
            "error validating resource [s]: TemplateRef.Kind [ClusterTemplate] is not a known type",
        ),
        (
            picks(json!([option("x", "x"),
                {"passThrough": "other", "selector": {"matchLabels": {"y": "yes"}}}])),
            "error validating resource [pick]: pass through [other] does not refer to a known input",
        ),
        (
            chain(json!({"resources": [with(source("s"), "sources", from("in", "nobody"))]})),
            "invalid sources for resource [s]: [in] is provided by unknown resource [nobody]",
        ),
        (
            chain(
                json!({"resources": [source("s"), with(source("t"), "images", from("in", "s"))]}),
            ),
            "invalid images for resource [t]: resource [s] providing [in] must reference a ClusterImageTemplate",
        ),
    ];
    for (object, message) in cases {
        assert_eq!(
            denied(&object),
            format!("error validating clustersupplychain [chain]: {message}")
        );
    }
}

#[test]
fn the_webhook_s_texts_for_deliveries() {
    let deploy = |name| step(name, "ClusterDeploymentTemplate");
    let cases = [
        (
            delivery(json!({"resources": [source("s"), source("s")]})),
            "spec.resources[1].name \"s\" cannot appear twice",
        ),
        (
            delivery(json!({"resources": [deploy("d")]})),
            "spec.resources[d] is a ClusterDeploymentTemplate and must receive a deployment",
        ),
        (
            delivery(
                json!({"resources": [source("s"), with(source("t"), "deployment", json!({"resource": "s"}))]}),
            ),
            "spec.resources[t] receives a deployment but is not a ClusterDeploymentTemplate",
        ),
        (
            delivery(
                json!({"resources": [source("s"), step("c", "ClusterConfigTemplate"),
                with(with(deploy("d"), "deployment", json!({"resource": "s"})), "configs", from("c", "c"))]}),
            ),
            "spec.resources[d] is a ClusterDeploymentTemplate and must not receive config",
        ),
        (
            delivery(json!({"selectorMatchFields": [{"key": "spec.image", "operator": "Exists"}]})),
            "requirement key [spec.image] is not a valid path",
        ),
    ];
    for (object, message) in cases {
        assert_eq!(
            denied(&object),
            format!("error validating clusterdelivery [chain]: {message}")
        );
    }
}

#[test]
fn the_webhook_s_texts_for_templates() {
    let one_rule = "invalid health rule: must specify one of alwaysHealthy, singleConditionType or multiMatch, found";
    let side = json!({"matchConditions": [{"type": "A", "status": "True"}]});
    let cases = [
        (json!({"template": null}), "invalid template: must specify one of template or ytt, found neither".to_owned()),
        (json!({"ytt": "a: 1"}), "invalid template: must specify one of template or ytt, found both".to_owned()),
        (
            json!({"template": {"apiVersion": "v1"}}),
            r#"invalid template: failed to parse object: Object 'Kind' is missing in '{"apiVersion":"v1"}'"#.to_owned(),
        ),
        (
            json!({"template": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "x"}}}),
            "invalid template: template should not set metadata.namespace on the child object".to_owned(),
        ),
        (json!({"healthRule": {}}), format!("{one_rule} neither")),
        (json!({"healthRule": {"alwaysHealthy": {}, "singleConditionType": "A"}}), format!("{one_rule} multiple")),
        (
            json!({"healthRule": {"multiMatch": {"healthy": {}, "unhealthy": {}}}}),
            "invalid multi match health rule: unhealthy rule has no matchFields or matchConditions".to_owned(),
        ),
        (
            json!({"healthRule": {"multiMatch": {"healthy": {}, "unhealthy": side}}}),
            "invalid multi match health rule: healthy rule has no matchFields or matchConditions".to_owned(),
        ),
        (
            json!({"retentionPolicy": {"maxFailedRuns": 1, "maxSuccessfulRuns": 1}}),
            "invalid template: if lifecycle is mutable, no retention policy may be set".to_owned(),
        ),
    ];
    for (spec, message) in cases {
        assert_eq!(denied(&template("ClusterTemplate", spec)), message);
    }
    let completion =
        "invalid spec: must set exactly one of spec.ObservedMatches and spec.ObservedCompletion";
    assert_eq!(
        denied(&template("ClusterDeploymentTemplate", json!({}))),
        completion
    );
    assert_eq!(
        denied(&template(
            "ClusterRunTemplate",
            json!({"template": {"apiVersion": "v1", "kind": "X"}})
        )),
        "invalid template: object must have a spec; templated object: map[apiVersion:v1 kind:X]"
    );
}

#[test]
fn what_the_webhook_misses_is_found_and_admitted() {
    let long = "x".repeat(64);
    let policy = json!({"maxFailedRuns": 1, "maxSuccessfulRuns": 1});
    let cases = [
        (
            chain(json!({"resources": [with(source("s"), "sources", from("in", "s"))]})),
            "spec.resources[0]",
            "resource [s] waits for itself: s -> s".to_owned(),
        ),
        (
            chain(json!({"resources": [
                with(source("a"), "sources", from("in", "c")),
                with(source("b"), "sources", from("in", "a")),
                with(source("c"), "sources", from("in", "b"))]})),
            "spec.resources[0]",
            "resource [a] waits for itself: a -> c -> b -> a".to_owned(),
        ),
        (
            delivery(json!({"resources": [with(step("t", "ClusterTemplate"), "sources", from("in", "nobody"))]})),
            "spec.resources[0].sources[0]",
            "invalid sources for resource [t]: there is no resource [nobody]".to_owned(),
        ),
        (
            delivery(json!({"resources": [step("c", "ClusterConfigTemplate"),
                with(step("d", "ClusterDeploymentTemplate"), "deployment", json!({"resource": "c"}))]})),
            "spec.resources[1].deployment",
            "invalid deployment for resource [d]: resource [c] is a ClusterConfigTemplate, which gives no such output".to_owned(),
        ),
        (
            chain(json!({"resources": [json!({"name": long, "templateRef": {"kind": "ClusterSourceTemplate", "name": "s"}})]})),
            "spec.resources[0].name",
            format!("resource name [{long}] is 64 characters long: it becomes a label of every stamped object, which holds at most 63"),
        ),
        (
            template("ClusterTemplate", json!({"healthRule": {"alwaysHealthy": {}}, "retentionPolicy": policy})),
            "spec.retentionPolicy",
            "invalid template: if lifecycle is mutable, no retention policy may be set".to_owned(),
        ),
    ];
    for (object, path, message) in cases {
        assert_eq!(denial(&object), None, "{object}");
        let found = findings(&object);
        assert!(
            found
                .iter()
                .any(|finding| finding.path == path && finding.message == message),
            "{path} {message}: {found:?}"
        );
    }
}

#[test]
fn the_first_broken_rule_is_the_one_the_webhook_names() {
    let object = chain(json!({"selector": null, "resources": [source("s"), source("s")]}));
    let text = denied(&object);
    assert!(text.contains("at least one selector"), "{text}");
    assert!(findings(&object).len() > 1);
}
