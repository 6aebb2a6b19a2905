//! Supply chains and deliveries: are their templates there?

use carto_core::key::TemplateKind;
use carto_core::realize::Dependency;
use serde_json::{Value, json};

use crate::build::{
    chain, object, one_resource, resource, source_template, stamps_config_map, template, with,
    without,
};
use crate::cluster::{Cluster, key};
use crate::drive::condition;

fn options(names: &[&str]) -> Value {
    let option = |name: &&str| match name.strip_prefix('>') {
        Some(input) => json!({"passThrough": input, "selector": {"matchLabels": {"x": input}}}),
        None => json!({"name": name, "selector": {"matchLabels": {"x": name}}}),
    };
    json!({
        "name": "options",
        "templateRef": {
            "kind": "ClusterSourceTemplate",
            "options": names.iter().map(option).collect::<Vec<_>>(),
        },
    })
}

#[test]
fn all_templates_are_there() {
    let cluster = Cluster::new();
    cluster.put(source_template("source", "s", "u", "r"));
    let resources = json!([
        resource("r", "ClusterSourceTemplate", "source"),
        with(options(&["source", ">input"]), "sources", &[("input", "r")]),
    ]);
    let chain = cluster.put(chain("c", resources));
    cluster.settle();
    let status = cluster.get(&chain).expect("there")["status"].clone();
    let good =
        |kind: &str| json!({"type": kind, "status": "True", "reason": "Ready", "message": ""});
    assert_eq!(
        without(status, &["lastTransitionTime"]),
        json!({"observedGeneration": 1, "conditions": [good("TemplatesReady"), good("Ready")]})
    );
}

#[test]
fn a_resource_is_named_once_per_missing_option() {
    let cluster = Cluster::new();
    let resources = json!([
        options(&["no", "neither", ">input"]),
        resource("r", "ClusterSourceTemplate", "source"),
    ]);
    let delivery = cluster.put(object(
        "ClusterDelivery",
        "d",
        json!({"resources": resources}),
    ));
    let outcome = cluster.pass(&delivery).expect("there");
    let status = cluster.get(&delivery).expect("there")["status"].clone();
    let text = "False TemplatesNotFound did not find the template of the resource(s) [options, \
                options, r]";
    assert_eq!(condition(&status["conditions"], "TemplatesReady"), text);
    assert_eq!(condition(&status["conditions"], "Ready"), text);
    let on = |name: &str| Dependency::Template {
        kind: TemplateKind::Source,
        name: name.into(),
    };
    assert_eq!(
        outcome.depends_on.into_iter().collect::<Vec<_>>(),
        [on("neither"), on("no"), on("source")]
    );
}

#[test]
fn mistakes_are_said_in_the_status_and_change_nothing_else() {
    let cluster = one_resource(
        template(
            "ClusterTemplate",
            "t",
            stamps_config_map("c", json!({"a": "$(workload.metadta.name)$"})),
            json!({}),
        ),
        json!({}),
    );
    cluster.settle();
    let chain = key("carto.run/v1alpha1", "ClusterSupplyChain", "chain");
    let says = |kind: &str| {
        let chain = cluster.get(&chain).expect("there");
        condition(&chain["status"]["conditions"], kind)
    };
    let text = says("TemplatesReady");
    assert!(
        text.starts_with(
            "True Ready ClusterTemplate [t]: spec.template.data.a: $(workload.metadta.name)$: a \
             workload has no \"metadta\" there"
        ),
        "{text}"
    );
    assert_eq!(says("Ready"), "True Ready");
    cluster.put(template(
        "ClusterTemplate",
        "t",
        stamps_config_map("c", json!({})),
        json!({}),
    ));
    cluster.settle();
    assert_eq!(says("TemplatesReady"), "True Ready");
}

#[test]
fn a_template_that_appears_makes_the_chain_ready_at_once() {
    let cluster = Cluster::new();
    let resources = json!([resource("r", "ClusterSourceTemplate", "source")]);
    cluster.put(object(
        "ClusterSupplyChain",
        "c",
        json!({"resources": resources}),
    ));
    cluster.settle();
    cluster.put(source_template("source", "s", "u", "r"));
    cluster.settle();
    let chain = cluster.get(&key("carto.run/v1alpha1", "ClusterSupplyChain", "c"));
    let status = chain.expect("there")["status"].clone();
    assert_eq!(condition(&status["conditions"], "Ready"), "True Ready");
}
