//! Objects for tests, as sentences.

use serde_json::{Map, Value, json};

use crate::cluster::Cluster;

const API: &str = "carto.run/v1alpha1";

/// Makes an object of ours; cluster-scoped kinds begin with `Cluster`.
pub(crate) fn object(kind: &str, name: &str, spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec,
    });
    if !kind.starts_with("Cluster") {
        object["metadata"]["namespace"] = "ns".into();
    }
    object
}

/// Makes the workload `w`, labelled `app: web`.
pub(crate) fn workload(spec: Value) -> Value {
    let mut workload = object("Workload", "w", spec);
    workload["metadata"]["labels"] = json!({"app": "web"});
    workload
}

/// Makes a supply chain that selects `app: web`.
pub(crate) fn chain(name: &str, resources: Value) -> Value {
    object(
        "ClusterSupplyChain",
        name,
        json!({"selector": {"app": "web"}, "resources": resources}),
    )
}

/// Makes a resource of a blueprint.
pub(crate) fn resource(name: &str, kind: &str, template: &str) -> Value {
    json!({"name": name, "templateRef": {"kind": kind, "name": template}})
}

/// Adds inputs to a resource: `with(resource, "sources", &[("name", "producer")])`.
pub(crate) fn with(mut resource: Value, kind: &str, inputs: &[(&str, &str)]) -> Value {
    let input = |(name, producer): &(&str, &str)| json!({"name": name, "resource": producer});
    resource[kind] = inputs.iter().map(input).collect();
    resource
}

/// Makes a template of a kind from its spec and the object it stamps.
pub(crate) fn template(kind: &str, name: &str, stamps: Value, spec: Value) -> Value {
    let mut all = spec;
    all["template"] = stamps;
    object(kind, name, all)
}

/// Makes a config map to stamp.
pub(crate) fn stamps_config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

/// Makes a test object to stamp.
pub(crate) fn stamps_test(name: &str, value: Value) -> Value {
    json!({
        "apiVersion": "test.run/v1alpha1", "kind": "Test",
        "metadata": {"name": name}, "spec": {"value": value},
    })
}

/// Makes a test object to stamp under a generated name.
pub(crate) fn stamps_run(base: &str, value: Value) -> Value {
    json!({
        "apiVersion": "test.run/v1alpha1", "kind": "Test",
        "metadata": {"generateName": base}, "spec": {"value": value},
    })
}

/// Makes a source template whose object's `data.url` and `data.revision` are the outputs.
pub(crate) fn source_template(name: &str, stamped: &str, url: &str, revision: &str) -> Value {
    template(
        "ClusterSourceTemplate",
        name,
        stamps_config_map(stamped, json!({"url": url, "revision": revision})),
        json!({"urlPath": ".data.url", "revisionPath": ".data.revision"}),
    )
}

/// Makes an image template whose object's status gives the image.
pub(crate) fn image_template(name: &str, stamped: &str) -> Value {
    template(
        "ClusterImageTemplate",
        name,
        stamps_test(stamped, json!({"url": "$(source.url)$"})),
        json!({"imagePath": ".status.image"}),
    )
}

/// Makes a plain template that writes the image into a config map.
pub(crate) fn app_template(name: &str, stamped: &str) -> Value {
    template(
        "ClusterTemplate",
        name,
        stamps_config_map(stamped, json!({"image": "$(image)$"})),
        json!({}),
    )
}

/// Makes a cluster with a chain of source, image and app for the workload `w`, not settled.
pub(crate) fn three_hops() -> Cluster {
    let cluster = Cluster::new();
    cluster.put(source_template(
        "source",
        "w-source",
        "$(workload.spec.source.git.url)$",
        "main",
    ));
    cluster.put(image_template("image", "w-image"));
    cluster.put(app_template("app", "w-app"));
    cluster.put(chain(
        "chain",
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
    ));
    cluster.put(workload(json!({"source": {"git": {"url": "https://git"}}})));
    cluster
}

/// Makes a chain of one resource, `only`, of that template, and the workload `w`.
pub(crate) fn one_resource(template: Value, spec: Value) -> Cluster {
    let cluster = Cluster::new();
    let kind = template["kind"]
        .as_str()
        .expect("templates have a kind")
        .to_owned();
    let name = template["metadata"]["name"]
        .as_str()
        .expect("and a name")
        .to_owned();
    cluster.put(template);
    cluster.put(chain("chain", json!([resource("only", &kind, &name)])));
    cluster.put(workload(spec));
    cluster
}

/// Takes keys out of a map, at any depth.
pub(crate) fn without(value: Value, keys: &[&str]) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map
                .into_iter()
                .filter(|(key, _)| !keys.contains(&key.as_str()));
            Value::Object(
                kept.map(|(key, value)| (key, without(value, keys)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => items.into_iter().map(|item| without(item, keys)).collect(),
        other => other,
    }
}
