//! Structure of the definitions, compared with a table of facts.
//!
//! Source of the facts: cartographer `config/crd/bases` and `pkg/apis/v1alpha1`, v0.8.10.

use std::sync::LazyLock;

use serde_json::{Value, json};

static CRDS: LazyLock<Vec<Value>> = LazyLock::new(carto_api::crds_json);

struct Fact {
    kind: &'static str,
    plural: &'static str,
    short: &'static str,
    namespaced: bool,
    status: bool,
    in_all: bool,
    columns: &'static [&'static str],
}

const OWNER_TAIL: [&str; 3] = ["Ready", "Reason", "Age"];

const FACTS: &[Fact] = &[
    fact("Workload", "workloads", "wld")
        .namespaced()
        .status()
        .in_all(&["Source", "SupplyChain", "Ready", "Reason", "Age"]),
    fact("Deliverable", "deliverables", "dlv")
        .namespaced()
        .status()
        .in_all(&["Source", "Delivery", "Ready", "Reason", "Age"]),
    fact("Runnable", "runnables", "run").namespaced().status(),
    fact("ClusterSupplyChain", "clustersupplychains", "csc").status(),
    fact("ClusterDelivery", "clusterdeliveries", "cd").status(),
    fact("ClusterSourceTemplate", "clustersourcetemplates", "cst"),
    fact("ClusterImageTemplate", "clusterimagetemplates", "cit"),
    fact("ClusterConfigTemplate", "clusterconfigtemplates", "cct"),
    fact(
        "ClusterDeploymentTemplate",
        "clusterdeploymenttemplates",
        "cdt",
    ),
    fact("ClusterTemplate", "clustertemplates", "ct"),
    fact("ClusterRunTemplate", "clusterruntemplates", "crt"),
];

const fn fact(kind: &'static str, plural: &'static str, short: &'static str) -> Fact {
    Fact {
        kind,
        plural,
        short,
        namespaced: false,
        status: false,
        in_all: false,
        columns: &[],
    }
}

impl Fact {
    const fn namespaced(mut self) -> Self {
        self.namespaced = true;
        self
    }

    const fn status(mut self) -> Self {
        self.status = true;
        self.columns = &OWNER_TAIL;
        self
    }

    const fn in_all(mut self, columns: &'static [&'static str]) -> Self {
        self.in_all = true;
        self.columns = columns;
        self
    }
}

fn definition(kind: &str) -> Value {
    CRDS.iter()
        .find(|crd| crd["spec"]["names"]["kind"] == kind)
        .unwrap_or_else(|| panic!("no definition of {kind}"))
        .clone()
}

fn schema(kind: &str) -> Value {
    definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// The schema at a path of properties; `[]` steps into items, `*` into additional properties.
fn at(kind: &str, path: &str) -> Value {
    path.split('.').fold(schema(kind), |schema, step| {
        let inner = match step {
            "[]" => &schema["items"],
            "*" => &schema["additionalProperties"],
            name => &schema["properties"][name],
        };
        assert!(!inner.is_null(), "{kind}: nothing at {step} of {path}");
        inner.clone()
    })
}

#[test]
fn there_are_exactly_the_eleven_kinds() {
    let kinds: Vec<_> = CRDS
        .iter()
        .map(|crd| crd["spec"]["names"]["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds,
        FACTS.iter().map(|fact| fact.kind).collect::<Vec<_>>()
    );
}

#[test]
fn names_scopes_columns_and_subresources_are_as_published() {
    for fact in FACTS {
        let crd = definition(fact.kind);
        let spec = &crd["spec"];
        let version = &spec["versions"][0];
        assert_eq!(
            crd["metadata"]["name"],
            format!("{}.carto.run", fact.plural)
        );
        assert_eq!(spec["group"], "carto.run");
        assert_eq!(
            spec["scope"],
            if fact.namespaced {
                "Namespaced"
            } else {
                "Cluster"
            }
        );
        assert_eq!(spec["names"]["plural"], fact.plural);
        assert_eq!(spec["names"]["singular"], fact.kind.to_lowercase());
        assert_eq!(spec["names"]["listKind"], format!("{}List", fact.kind));
        assert_eq!(spec["names"]["shortNames"], json!([fact.short]));
        assert_eq!(
            spec["names"].get("categories"),
            fact.in_all.then(|| json!(["all"])).as_ref()
        );
        assert_eq!(spec["versions"].as_array().unwrap().len(), 1);
        assert_eq!(version["name"], "v1alpha1");
        assert_eq!(version["served"], true);
        assert_eq!(version["storage"], true);
        assert_eq!(
            version.get("subresources"),
            fact.status.then(|| json!({ "status": {} })).as_ref(),
            "{}",
            fact.kind
        );
        let columns: Vec<_> = version["additionalPrinterColumns"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|column| column["name"].as_str().unwrap())
            .collect();
        assert_eq!(columns, fact.columns, "{}", fact.kind);
        assert_eq!(schema(fact.kind)["required"], json!(["metadata", "spec"]));
    }
}

#[test]
fn columns_read_the_published_paths() {
    let columns = &definition("Workload")["spec"]["versions"][0]["additionalPrinterColumns"];
    let paths: Vec<_> = columns
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            (
                column["type"].as_str().unwrap(),
                column["jsonPath"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        paths,
        [
            ("string", ".spec.source['git.url','image']"),
            ("string", ".status.supplyChainRef.name"),
            ("string", ".status.conditions[?(@.type=='Ready')].status"),
            ("string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("date", ".metadata.creationTimestamp"),
        ]
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn required_fields_are_as_published() {
    for (kind, path, required) in [
        ("ClusterSupplyChain", "spec", json!(["resources"])),
        ("ClusterDelivery", "spec", json!(["resources"])),
        (
            "ClusterSupplyChain",
            "spec.resources.[]",
            json!(["name", "templateRef"]),
        ),
        (
            "ClusterSupplyChain",
            "spec.resources.[].templateRef",
            json!(["kind"]),
        ),
        (
            "ClusterSupplyChain",
            "spec.resources.[].templateRef.options.[]",
            json!(["selector"]),
        ),
        (
            "ClusterSupplyChain",
            "spec.resources.[].sources.[]",
            json!(["name", "resource"]),
        ),
        ("ClusterSupplyChain", "spec.params.[]", json!(["name"])),
        (
            "ClusterSupplyChain",
            "spec.selectorMatchFields.[]",
            json!(["key", "operator"]),
        ),
        (
            "ClusterSupplyChain",
            "spec.serviceAccountRef",
            json!(["name"]),
        ),
        (
            "ClusterDelivery",
            "spec.resources.[].deployment",
            json!(["resource"]),
        ),
        ("Workload", "spec.params.[]", json!(["name", "value"])),
        (
            "Workload",
            "spec.serviceClaims.[].ref",
            json!(["apiVersion", "kind", "name"]),
        ),
        ("Workload", "status.resources.[]", json!(["name"])),
        (
            "Workload",
            "status.resources.[].outputs.[]",
            json!(["digest", "lastTransitionTime", "name", "preview"]),
        ),
        (
            "Workload",
            "status.conditions.[]",
            json!(["lastTransitionTime", "message", "reason", "status", "type"]),
        ),
        (
            "ClusterSourceTemplate",
            "spec",
            json!(["revisionPath", "urlPath"]),
        ),
        ("ClusterImageTemplate", "spec", json!(["imagePath"])),
        ("ClusterConfigTemplate", "spec", json!(["configPath"])),
        (
            "ClusterSourceTemplate",
            "spec.params.[]",
            json!(["default", "name"]),
        ),
        (
            "ClusterTemplate",
            "spec.retentionPolicy",
            json!(["maxFailedRuns", "maxSuccessfulRuns"]),
        ),
        (
            "ClusterTemplate",
            "spec.healthRule.multiMatch",
            json!(["healthy", "unhealthy"]),
        ),
        (
            "ClusterDeploymentTemplate",
            "spec.observedCompletion",
            json!(["succeeded"]),
        ),
        ("ClusterRunTemplate", "spec", json!(["template"])),
        ("Runnable", "spec", json!(["runTemplateRef"])),
        (
            "Runnable",
            "spec.selector",
            json!(["matchingLabels", "resource"]),
        ),
    ] {
        assert_eq!(at(kind, path)["required"], required, "{kind} {path}");
    }
    for (kind, path) in [
        ("Workload", "spec"),
        ("Deliverable", "spec"),
        ("ClusterTemplate", "spec"),
        ("ClusterDeploymentTemplate", "spec"),
        ("ClusterTemplate", "spec.healthRule"),
        ("Runnable", "spec.selector.resource"),
        (
            "ClusterSupplyChain",
            "spec.resources.[].templateRef.options.[].selector",
        ),
    ] {
        assert!(at(kind, path)["required"].is_null(), "{kind} {path}");
    }
}

#[test]
fn closed_sets_of_words_are_as_published() {
    for (kind, path, words) in [
        (
            "ClusterSupplyChain",
            "spec.resources.[].templateRef.kind",
            json!([
                "ClusterSourceTemplate",
                "ClusterImageTemplate",
                "ClusterTemplate",
                "ClusterConfigTemplate"
            ]),
        ),
        (
            "ClusterDelivery",
            "spec.resources.[].templateRef.kind",
            json!([
                "ClusterSourceTemplate",
                "ClusterDeploymentTemplate",
                "ClusterTemplate",
                "ClusterConfigTemplate"
            ]),
        ),
        (
            "ClusterDelivery",
            "spec.selectorMatchFields.[].operator",
            json!(["In", "NotIn", "Exists", "DoesNotExist"]),
        ),
        (
            "ClusterTemplate",
            "spec.lifecycle",
            json!(["mutable", "immutable", "tekton"]),
        ),
        (
            "Workload",
            "status.conditions.[].status",
            json!(["True", "False", "Unknown"]),
        ),
    ] {
        assert_eq!(at(kind, path)["enum"], words, "{kind} {path}");
        assert_eq!(at(kind, path)["type"], "string", "{kind} {path}");
    }
}

#[test]
fn limits_are_as_published() {
    for (kind, path, key, limit) in [
        (
            "ClusterSupplyChain",
            "spec.resources.[].templateRef.options",
            "minItems",
            2,
        ),
        (
            "ClusterSupplyChain",
            "spec.resources.[].templateRef.name",
            "minLength",
            1,
        ),
        (
            "ClusterDelivery",
            "spec.resources.[].templateRef.options.[].name",
            "minLength",
            1,
        ),
        (
            "ClusterDelivery",
            "spec.selectorMatchFields.[].key",
            "minLength",
            1,
        ),
        (
            "ClusterTemplate",
            "spec.retentionPolicy.maxFailedRuns",
            "minimum",
            1,
        ),
        (
            "Runnable",
            "spec.retentionPolicy.maxSuccessfulRuns",
            "minimum",
            1,
        ),
        ("Runnable", "spec.runTemplateRef.name", "minLength", 1),
        (
            "Workload",
            "status.conditions.[].message",
            "maxLength",
            32768,
        ),
        ("Workload", "status.conditions.[].reason", "maxLength", 1024),
        ("Workload", "status.conditions.[].type", "maxLength", 316),
    ] {
        assert_eq!(at(kind, path)[key], json!(limit), "{kind} {path} {key}");
    }
}

#[test]
fn defaults_are_as_published_and_there_are_no_others() {
    assert_eq!(
        at("ClusterTemplate", "spec.lifecycle")["default"],
        "mutable"
    );
    assert_eq!(
        at("Runnable", "spec.retentionPolicy")["default"],
        json!({ "maxFailedRuns": 10, "maxSuccessfulRuns": 10 })
    );
    let mut defaults = 0;
    for crd in CRDS.iter() {
        visit(
            &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"],
            &mut |schema| {
                defaults += usize::from(schema.get("default").is_some());
                assert!(schema.get("nullable").is_none());
                assert!(schema.get("title").is_none());
            },
        );
    }
    assert_eq!(
        defaults,
        5 + 1,
        "lifecycle of five templates, retention of Runnables"
    );
}

#[test]
fn free_json_is_kept_where_published() {
    let free = |kind, path| at(kind, path)["x-kubernetes-preserve-unknown-fields"] == true;
    for (kind, path, of_type) in [
        ("Workload", "spec.params.[].value", None),
        ("Deliverable", "spec.params.[].value", None),
        ("ClusterSupplyChain", "spec.params.[].value", None),
        (
            "ClusterSupplyChain",
            "spec.resources.[].params.[].default",
            None,
        ),
        ("ClusterConfigTemplate", "spec.params.[].default", None),
        ("ClusterConfigTemplate", "spec.template", Some("object")),
        ("ClusterRunTemplate", "spec.template", Some("object")),
        (
            "ClusterTemplate",
            "spec.healthRule.alwaysHealthy",
            Some("object"),
        ),
        ("Runnable", "spec.inputs.*", None),
        ("Runnable", "status.outputs.*", None),
    ] {
        assert!(free(kind, path), "{kind} {path}");
        assert_eq!(
            at(kind, path).get("type").and_then(Value::as_str),
            of_type,
            "{kind} {path}"
        );
    }
    assert!(!free("Workload", "spec"));
}

#[test]
fn maps_and_lists_merge_as_published() {
    for (kind, path) in [
        (
            "ClusterSupplyChain",
            "spec.resources.[].templateRef.options.[].selector",
        ),
        ("Workload", "status.resources.[].stampedRef"),
        ("Workload", "status.resources.[].templateRef"),
        ("Workload", "spec.env.[].valueFrom.secretKeyRef"),
    ] {
        assert_eq!(
            at(kind, path)["x-kubernetes-map-type"],
            "atomic",
            "{kind} {path}"
        );
    }
    let claims = at("Workload", "spec.resources.claims");
    assert_eq!(claims["x-kubernetes-list-type"], "map");
    assert_eq!(claims["x-kubernetes-list-map-keys"], json!(["name"]));
    let conditions = at("Workload", "status.conditions");
    assert!(conditions.get("x-kubernetes-list-type").is_none());
}

#[test]
fn quantities_are_numbers_or_strings() {
    for path in [
        "spec.resources.limits.*",
        "spec.env.[].valueFrom.resourceFieldRef.divisor",
    ] {
        let quantity = at("Workload", path);
        assert_eq!(quantity["x-kubernetes-int-or-string"], true);
        assert_eq!(
            quantity["anyOf"],
            json!([{ "type": "integer" }, { "type": "string" }])
        );
        assert!(quantity["pattern"].as_str().unwrap().starts_with('^'));
    }
}

#[test]
fn every_field_is_explained() {
    for crd in CRDS.iter() {
        let root = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        visit(root, &mut |schema| {
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                let text = property["description"].as_str().unwrap_or_default();
                let free = name == "metadata";
                assert!(free || text.len() > 5, "{name}: {text:?}");
                assert!(
                    !text.contains('\n') && !text.contains("::"),
                    "{name}: {text:?}"
                );
            }
        });
    }
}

fn visit(schema: &Value, look: &mut impl FnMut(&Value)) {
    look(schema);
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            visit(&schema[key], look);
        }
    }
    for (_, property) in schema["properties"].as_object().into_iter().flatten() {
        visit(property, look);
    }
}

#[test]
fn the_committed_files_are_fresh() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/crd");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("config/crd is committed")
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut files = carto_api::definition_files();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(
        names,
        files
            .iter()
            .map(|file| file.name.clone())
            .collect::<Vec<_>>()
    );
    for file in files {
        let committed = std::fs::read_to_string(format!("{folder}/{}", file.name)).unwrap();
        assert!(
            committed == file.text,
            "{} is stale: cargo xtask gen-crds",
            file.name
        );
    }
}

#[test]
fn the_yaml_stream_reads_back_as_the_definitions() {
    let read = carto_yaml::decode_all(&carto_api::crds_yaml()).unwrap();
    assert_eq!(read, *CRDS);
}
