//! Order and waiting: producers first, nothing half-configured, no false alarm.

use serde_json::{Value, json};

use crate::build::{
    app_template, chain, image_template, object, resource, source_template, stamps_config_map,
    template, three_hops, with, workload,
};
use crate::cluster::{Cluster, config_map, test};

fn cluster(templates: &[Value], resources: Value) -> Cluster {
    let cluster = Cluster::new();
    templates.iter().for_each(|template| {
        cluster.put(template.clone());
    });
    cluster.put(chain("chain", resources));
    cluster.put(workload(json!({})));
    cluster.settle();
    cluster
}

#[test]
fn a_resource_waits_for_the_input_it_uses_and_is_not_to_blame() {
    let cluster = three_hops();
    cluster.settle();
    assert_eq!(
        cluster.resource_condition("app", "ResourceSubmitted"),
        "Unknown InputNotAvailable waiting for image [i] from resource [image]"
    );
    assert!(
        cluster
            .resource_condition("app", "Ready")
            .starts_with("Unknown InputNotAvailable")
    );
    assert_eq!(
        cluster.resource_condition("app", "Healthy"),
        "Unknown NoStampedObject"
    );
}

#[test]
fn an_input_that_is_lost_leaves_the_object_as_it_was() {
    let cluster = three_hops();
    cluster.settle();
    cluster.set_status(&test("w-image"), json!({"image": "one"}));
    cluster.settle();
    let app = cluster.get(&config_map("w-app"));
    let entry = cluster.resource("app");
    cluster.set_status(&test("w-image"), json!({}));
    cluster.settle();
    assert_eq!(cluster.get(&config_map("w-app")), app);
    assert_eq!(cluster.resource("app")["stampedRef"], entry["stampedRef"]);
    assert_eq!(
        cluster.resource_condition("app", "Healthy"),
        "True AlwaysHealthy"
    );
    assert!(
        cluster
            .resource_condition("app", "Ready")
            .starts_with("Unknown InputNotAvailable")
    );
    assert!(
        cluster
            .condition("ResourcesSubmitted")
            .starts_with("Unknown MissingValueAtPath")
    );
}

#[test]
fn a_resource_that_does_not_use_a_missing_input_is_stamped() {
    let app = template(
        "ClusterTemplate",
        "app",
        stamps_config_map("w-app", json!({"name": "$(workload.metadata.name)$"})),
        json!({}),
    );
    let cluster = cluster(
        &[
            source_template("source", "w-source", "u", "r"),
            image_template("image", "w-image"),
            app,
        ],
        json!([
            resource("source", "ClusterSourceTemplate", "source"),
            with(
                resource("image", "ClusterImageTemplate", "image"),
                "sources",
                &[("s", "source")]
            ),
            with(
                resource("app", "ClusterTemplate", "app"),
                "images",
                &[("i", "image")]
            ),
        ]),
    );
    assert_eq!(cluster.resource_condition("app", "Ready"), "True Ready");
}

#[test]
fn the_single_shortcut_waits_for_all_that_are_declared() {
    let image = image_template("other", "w-other");
    let cluster = cluster(
        &[
            source_template("source", "w-source", "u", "r"),
            template(
                "ClusterSourceTemplate",
                "later",
                stamps_config_map("w-later", json!({})),
                json!({"urlPath": ".data.url", "revisionPath": ".data.url"}),
            ),
            image,
        ],
        json!([
            resource("source", "ClusterSourceTemplate", "source"),
            resource("later", "ClusterSourceTemplate", "later"),
            with(
                resource("image", "ClusterImageTemplate", "other"),
                "sources",
                &[("a", "source"), ("b", "later")],
            ),
        ]),
    );
    assert!(cluster.get(&test("w-other")).is_none());
    assert_eq!(
        cluster.resource_condition("image", "ResourceSubmitted"),
        "Unknown InputNotAvailable waiting for source [b] from resource [later]"
    );
}

#[test]
fn forward_references_are_ordered_and_the_status_keeps_the_written_order() {
    let cluster = cluster(
        &[
            source_template("source", "w-source", "u", "r"),
            image_template("image", "w-image"),
            app_template("app", "w-app"),
        ],
        json!([
            with(
                resource("app", "ClusterTemplate", "app"),
                "images",
                &[("i", "image")]
            ),
            with(
                resource("image", "ClusterImageTemplate", "image"),
                "sources",
                &[("s", "source")]
            ),
            resource("source", "ClusterSourceTemplate", "source"),
        ]),
    );
    cluster.set_status(&test("w-image"), json!({"image": "one"}));
    cluster.settle();
    assert_eq!(cluster.condition("Ready"), "True Ready");
    let names: Vec<Value> = cluster.status()["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| entry["name"].clone())
        .collect();
    assert_eq!(names, ["app", "image", "source"]);
}

#[test]
fn the_cause_comes_first_even_when_it_is_written_later() {
    let cluster = cluster(
        &[
            source_template("source", "w-source", "u", "r"),
            image_template("image", "w-image"),
            app_template("app", "w-app"),
        ],
        json!([
            with(
                resource("app", "ClusterTemplate", "app"),
                "images",
                &[("i", "image")]
            ),
            with(
                resource("image", "ClusterImageTemplate", "image"),
                "sources",
                &[("s", "source")]
            ),
            resource("source", "ClusterSourceTemplate", "source"),
        ]),
    );
    assert!(
        cluster
            .condition("ResourcesSubmitted")
            .starts_with("Unknown MissingValueAtPath")
    );
}

#[test]
fn circles_are_reported_and_the_rest_goes_on() {
    let cluster = cluster(
        &[
            source_template("free", "w-free", "u", "r"),
            image_template("image", "w-image"),
            {
                template(
                    "ClusterSourceTemplate",
                    "from-image",
                    stamps_config_map("w-circle", json!({"image": "$(image)$"})),
                    json!({"urlPath": ".data.image", "revisionPath": ".data.image"}),
                )
            },
        ],
        json!([
            with(
                resource("a", "ClusterSourceTemplate", "from-image"),
                "images",
                &[("i", "b")]
            ),
            with(
                resource("b", "ClusterImageTemplate", "image"),
                "sources",
                &[("s", "a")]
            ),
            resource("free", "ClusterSourceTemplate", "free"),
        ]),
    );
    assert_eq!(
        cluster.resource_condition("a", "ResourceSubmitted"),
        "False TemplateStampFailure unable to stamp object for resource [a] for template \
         [ClusterSourceTemplate/from-image] in supply chain [chain]: its inputs form a circle: they \
         come from [b], which in turn need [a]"
    );
    assert_eq!(cluster.resource_condition("free", "Ready"), "True Ready");
}

#[test]
fn inputs_that_can_never_come_are_said_to_be() {
    let cluster = cluster(
        &[
            source_template("source", "w-source", "u", "r"),
            image_template("image", "w-image"),
            app_template("uses-image", "w-two"),
        ],
        json!([
            resource("source", "ClusterSourceTemplate", "source"),
            with(
                resource("one", "ClusterImageTemplate", "image"),
                "sources",
                &[("s", "nobody")]
            ),
            with(
                resource("two", "ClusterTemplate", "uses-image"),
                "images",
                &[("i", "source")]
            ),
        ]),
    );
    let text = |resource: &str, kind: &str, name: &str, why: &str| {
        format!(
            "False TemplateStampFailure unable to stamp object for resource [{resource}] for \
             template [{kind}/{name}] in supply chain [chain]: {why}"
        )
    };
    assert_eq!(
        cluster.resource_condition("one", "ResourceSubmitted"),
        text(
            "one",
            "ClusterImageTemplate",
            "image",
            "source [s] is provided by unknown resource [nobody]"
        )
    );
    assert_eq!(
        cluster.resource_condition("two", "ResourceSubmitted"),
        text(
            "two",
            "ClusterTemplate",
            "uses-image",
            "image [i]: resource [source] does not provide a image"
        )
    );
}

#[test]
fn one_failing_resource_does_not_stop_the_others() {
    let cluster = cluster(
        &[
            source_template("source", "w-source", "$(workload.none)$", "r"),
            source_template("fine", "w-fine", "u", "r"),
        ],
        json!([
            resource("bad", "ClusterSourceTemplate", "source"),
            resource("good", "ClusterSourceTemplate", "fine"),
        ]),
    );
    assert_eq!(
        cluster.condition("ResourcesSubmitted"),
        "False TemplateStampFailure unable to stamp object for resource [bad] for template \
         [ClusterSourceTemplate/source] in supply chain [chain]: failed to recursively evaluate \
         template: failed to interpolate template at path [data.url]: evaluate tag \
         $(workload.none)$: jsonpath returned empty list: workload.none"
    );
    assert_eq!(cluster.resource_condition("good", "Ready"), "True Ready");
}

#[test]
fn pass_through_gives_the_current_input() {
    let cluster = three_hops();
    let option = |name: &str, operator: &str| {
        let mut option = json!({
            "selector": {"matchExpressions": [{"key": "has-tests", "operator": operator}]}
        });
        let field = if name == "s" { "passThrough" } else { "name" };
        option[field] = name.into();
        option
    };
    let tester = json!({
        "name": "tester",
        "sources": [{"name": "s", "resource": "source"}],
        "templateRef": {
            "kind": "ClusterSourceTemplate",
            "options": [option("tested", "Exists"), option("s", "DoesNotExist")],
        },
    });
    cluster.put(source_template("tested", "w-tested", "tested", "yes"));
    cluster.put(object(
        "ClusterSupplyChain",
        "chain",
        json!({"selector": {"app": "web"}, "resources": [
            resource("source", "ClusterSourceTemplate", "source"),
            tester,
            with(resource("image", "ClusterImageTemplate", "image"), "sources", &[("s", "tester")]),
        ]}),
    ));
    cluster.settle();
    let url = || cluster.get(&test("w-image")).expect("stamped")["spec"]["value"]["url"].clone();
    assert_eq!(url(), "https://git");
    assert_eq!(
        cluster.resource_condition("tester", "ResourceSubmitted"),
        "True PassThrough"
    );
    assert_eq!(cluster.resource_condition("tester", "Healthy"), "absent");
    assert_eq!(cluster.resource("tester")["stampedRef"], Value::Null);
    assert_eq!(
        cluster.resource("tester")["outputs"][0]["preview"],
        "https://git\n"
    );
    // The status follows the input, and so do the events.
    cluster.take_log();
    cluster.edit(&crate::drive::workload_key(), "kubectl", |workload| {
        workload["spec"]["source"]["git"]["url"] = "https://new".into();
    });
    cluster.settle();
    assert_eq!(url(), "https://new");
    assert_eq!(
        cluster.resource("tester")["outputs"][0]["preview"],
        "https://new\n"
    );
    let event = "event ResourceOutputChanged [tester] passed through a new output";
    assert!(cluster.take_log().iter().any(|line| line == event));
    // Switching to a template and back leaves nothing behind.
    cluster.edit(&crate::drive::workload_key(), "kubectl", |workload| {
        workload["metadata"]["labels"]["has-tests"] = "true".into();
    });
    cluster.settle();
    assert_eq!(url(), "tested");
    assert!(cluster.get(&config_map("w-tested")).is_some());
    cluster.edit(&crate::drive::workload_key(), "kubectl", |workload| {
        workload["metadata"]["labels"] = json!({"app": "web"});
    });
    cluster.settle();
    assert_eq!(url(), "https://new");
    assert!(cluster.get(&config_map("w-tested")).is_none());
    assert_eq!(cluster.resource("tester")["templateRef"], Value::Null);
    assert_eq!(cluster.resource_condition("tester", "Healthy"), "absent");
}

#[test]
fn options_have_their_own_reasons_and_wait_for_a_change() {
    let cluster = three_hops();
    let option =
        |name: &str, label: &str| json!({"name": name, "selector": {"matchLabels": {label: "x"}}});
    let put = |options: Value| {
        let tester = json!({"name": "t", "templateRef": {"kind": "ClusterSourceTemplate", "options": options}});
        cluster.put(chain("chain", json!([tester])));
        cluster.settle();
        cluster.condition("ResourcesSubmitted")
    };
    cluster.put(source_template("other", "w-other", "u", "r"));
    assert_eq!(
        put(json!([option("source", "a"), option("other", "b")])),
        "False TemplateOptionsMatchError expected exactly 1 option to match, found [0] matching \
         options for resource [t] in supply chain [chain]"
    );
    cluster.edit(&crate::drive::workload_key(), "kubectl", |workload| {
        workload["metadata"]["labels"] = json!({"app": "web", "a": "x", "b": "x"});
    });
    assert_eq!(
        put(json!([option("source", "a"), option("other", "b")])),
        "False TemplateOptionsMatchError expected exactly 1 option to match, found [2] matching \
         options [source, other] for resource [t] in supply chain [chain]"
    );
    let odd = json!({"name": "other", "selector": {"matchFields": [
        {"key": "metadata[", "operator": "Exists"}
    ]}});
    let text = put(json!([option("source", "a"), odd]));
    assert!(
        text.starts_with(
            "False ResolveTemplateOptionsError error matching against template option [other] for \
             resource [t] in supply chain [chain]: failed to evaluate selector matchFields: unable \
             to match field requirement with key [metadata[] operator [Exists] values [[]]: "
        ),
        "{text}"
    );
    let outcome = cluster.pass(&crate::drive::workload_key()).expect("there");
    assert_eq!(outcome.next, carto_core::realize::Next::AwaitChange);
}
