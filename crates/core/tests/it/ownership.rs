//! Whose object it is: adopting, never stealing, repairing, and fights.

use carto_core::key::ServiceAccountKey;
use carto_core::realize::{Dependency, Next, Watch};
use serde_json::{Value, json};

use crate::build::{one_resource, stamps_config_map, stamps_test, template, three_hops, workload};
use crate::cluster::{Cluster, config_map, key, test};
use crate::drive::workload_key;

fn plain(stamps: Value) -> Value {
    template("ClusterTemplate", "plain", stamps, json!({}))
}

fn applies(cluster: &Cluster) -> Vec<String> {
    let written = |line: &String| !line.starts_with("event") && !line.starts_with("status");
    cluster.take_log().into_iter().filter(written).collect()
}

#[test]
fn an_object_of_nobody_is_adopted() {
    let cluster = one_resource(
        plain(stamps_config_map("c", json!({"a": "ours"}))),
        json!({}),
    );
    cluster.put(stamps_ns(stamps_config_map(
        "c",
        json!({"a": "theirs", "b": "kept"}),
    )));
    cluster.settle();
    let object = cluster.get(&config_map("c")).expect("there");
    assert_eq!(object["data"], json!({"a": "ours", "b": "kept"}));
    assert_eq!(object["metadata"]["ownerReferences"][0]["name"], "w");
    assert_eq!(cluster.condition("Ready"), "True Ready");
}

fn stamps_ns(mut object: Value) -> Value {
    object["metadata"]["namespace"] = "ns".into();
    object
}

#[test]
fn an_object_of_another_owner_is_left_alone_and_named() {
    let cluster = one_resource(
        plain(stamps_config_map("c", json!({"a": "ours"}))),
        json!({}),
    );
    let mut theirs = stamps_ns(stamps_config_map("c", json!({"a": "theirs"})));
    theirs["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "u", "controller": true,
    }]);
    cluster.put(theirs);
    cluster.settle();
    let object = cluster.get(&config_map("c")).expect("there");
    assert_eq!(object["data"], json!({"a": "theirs"}));
    assert_eq!(
        cluster.condition("ResourcesSubmitted"),
        "False TemplateRejectedByAPIServer unable to apply object [ns/c] for resource [only] in \
         supply chain [chain]: ConfigMap [c] is controlled by Deployment [d] (apps/v1) and is not \
         taken over; give the object another name, or remove it there"
    );
    let outcome = cluster.pass(&workload_key()).expect("there");
    assert!(
        outcome
            .depends_on
            .contains(&Dependency::Object(config_map("c")))
    );
    assert_eq!(outcome.next, Next::AwaitChange);
}

#[test]
fn two_workloads_with_one_name_for_their_object_do_not_steal() {
    let cluster = one_resource(
        plain(stamps_config_map(
            "c",
            json!({"o": "$(workload.metadata.name)$"}),
        )),
        json!({}),
    );
    cluster.settle();
    let mut second = workload(json!({}));
    second["metadata"]["name"] = "second".into();
    let second = cluster.put(second);
    cluster.take_log();
    cluster.settle();
    assert_eq!(
        cluster.get(&config_map("c")).expect("there")["data"]["o"],
        "w"
    );
    assert_eq!(applies(&cluster), [""; 0]);
    let status = cluster.get(&second).expect("there")["status"].clone();
    let text = crate::drive::condition(&status["conditions"], "Ready");
    assert!(
        text.contains("ConfigMap [c] is controlled by Workload [w]"),
        "{text}"
    );
    // When the first goes, the second gets its turn.
    cluster.remove(&workload_key());
    cluster.settle();
    assert_eq!(
        cluster.get(&config_map("c")).expect("there")["data"]["o"],
        "second"
    );
}

#[test]
fn drift_is_repaired_wherever_it_is() {
    let cluster = three_hops();
    cluster.settle();
    let source = config_map("w-source");
    let changes: [fn(&mut Value); 4] = [
        |object| object["data"]["url"] = "drifted".into(),
        |object| object["metadata"]["labels"]["carto.run/resource-name"] = "x".into(),
        |object| {
            object["data"]
                .as_object_mut()
                .expect("a map")
                .remove("revision");
        },
        |object| object["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = false.into(),
    ];
    for change in changes {
        let before = cluster.get(&source).expect("there");
        cluster.edit(&source, "kubectl-edit", change);
        cluster.take_log();
        cluster.settle();
        assert_eq!(applies(&cluster), ["apply ConfigMap/w-source"]);
        let after = cluster.get(&source).expect("there");
        assert_eq!(after["data"], before["data"]);
        assert_eq!(after["metadata"]["labels"], before["metadata"]["labels"]);
    }
}

#[test]
fn fields_of_others_are_nobodys_business() {
    let cluster = three_hops();
    cluster.settle();
    let source = config_map("w-source");
    cluster.edit(&source, "somebody", |object| {
        object["metadata"]["annotations"]["theirs"] = "x".into();
        object["metadata"]["finalizers"] = json!(["a/b"]);
        object["data"]["extra"] = "y".into();
    });
    cluster.take_log();
    cluster.settle();
    assert_eq!(applies(&cluster), [""; 0]);
    cluster.edit(&workload_key(), "kubectl", |workload| {
        workload["spec"]["source"]["git"]["url"] = "https://new".into();
    });
    cluster.settle();
    let object = cluster.get(&source).expect("there");
    assert_eq!(object["data"]["extra"], "y");
    assert_eq!(object["data"]["url"], "https://new");
    assert_eq!(object["metadata"]["finalizers"], json!(["a/b"]));
}

#[test]
fn a_field_that_leaves_the_template_leaves_the_object() {
    let cluster = one_resource(
        plain(stamps_config_map("c", json!({"a": "1", "b": "2"}))),
        json!({}),
    );
    cluster.settle();
    cluster.put(plain(stamps_config_map("c", json!({"a": "1"}))));
    cluster.settle();
    assert_eq!(
        cluster.get(&config_map("c")).expect("there")["data"],
        json!({"a": "1"})
    );
}

#[test]
fn a_fight_is_given_up_and_the_rival_named() {
    let cluster = one_resource(plain(stamps_test("t", json!({"replicas": 1}))), json!({}));
    cluster.settle();
    for round in 0..10 {
        cluster.edit(&test("t"), "hpa", |object| {
            object["spec"]["value"]["replicas"] = (100 + round).into();
        });
        cluster.settle();
    }
    assert_eq!(
        cluster.get(&test("t")).expect("there")["spec"]["value"]["replicas"],
        109
    );
    assert_eq!(
        cluster.condition("ResourcesSubmitted"),
        "False FieldConflict object [tests.test.run/t] is not repaired any more: [hpa] keeps \
         changing .spec.value.replicas; let only one of the two set them"
    );
    assert_eq!(
        cluster.pass(&workload_key()).expect("there").next,
        Next::Later
    );
}

#[test]
fn rights_that_are_missing_wait_for_roles() {
    let cluster = three_hops();
    cluster.with(|state| {
        state.forbidden.insert(("patch".into(), "ConfigMap".into()));
    });
    cluster.settle();
    assert_eq!(
        cluster.condition("ResourcesSubmitted"),
        "False TemplateRejectedByAPIServer unable to apply object [ns/w-source] for resource \
         [source] in supply chain [chain]: create: configmaps is forbidden: User \
         \"system:serviceaccount:ns:default\" cannot patch resource \"configmaps\" in API group \
         \"\" in the namespace \"ns\""
    );
    let outcome = cluster.pass(&workload_key()).expect("there");
    assert_eq!(outcome.next, Next::AwaitChange);
    let account = ServiceAccountKey::new("ns", "default");
    assert!(
        outcome
            .depends_on
            .contains(&Dependency::Permissions(account))
    );
    cluster.with(|state| state.forbidden.clear());
    cluster.settle();
    assert!(cluster.get(&config_map("w-source")).is_some());
}

#[test]
fn kinds_and_names_that_are_missing_are_worded_as_by_the_original() {
    let rejected = |stamps: Value, name: &str| {
        let cluster = one_resource(plain(stamps), json!({}));
        cluster.settle();
        let text = cluster.condition("ResourcesSubmitted");
        let head = format!(
            "False TemplateRejectedByAPIServer unable to apply object [ns/{name}] for resource \
             [only] in supply chain [chain]: failed to get unstructured [ns/{name}] from api \
             server: "
        );
        text.strip_prefix(&head).map_or(text.clone(), str::to_owned)
    };
    let named = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}});
    assert_eq!(
        rejected(named("test.run/v1alpha1", "Unknown"), "x"),
        "no matches for kind \"Unknown\" in version \"test.run/v1alpha1\""
    );
    assert_eq!(
        rejected(named("nope.run/v1alpha1", "Unknown"), "x"),
        "failed to get API group resources: unable to retrieve the complete list of server APIs: \
         nope.run/v1alpha1: the server could not find the requested resource"
    );
    let generated = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}
    });
    assert_eq!(rejected(generated, ""), "resource name may not be empty");
    assert_eq!(
        rejected(json!({"metadata": {"name": "x"}}), "x"),
        "Object 'Kind' is missing in 'unstructured object has no kind'"
    );
}

#[test]
fn a_namespace_may_be_repeated_and_not_chosen() {
    let stamp = |namespace: &str| {
        let mut stamps = stamps_config_map("c", json!({}));
        stamps["metadata"]["namespace"] = namespace.into();
        let cluster = one_resource(plain(stamps), json!({}));
        cluster.settle();
        cluster.condition("ResourcesSubmitted")
    };
    assert_eq!(stamp("ns"), "True ResourceSubmissionComplete");
    assert_eq!(
        stamp("other"),
        "False TemplateStampFailure unable to stamp object for resource [only] for template \
         [ClusterTemplate/plain] in supply chain [chain]: cannot set namespace in resource template"
    );
}

#[test]
fn a_cluster_scoped_object_has_no_namespace() {
    let stamps = json!({
        "apiVersion": "test.run/v1alpha1", "kind": "ClusterTest", "metadata": {"name": "ct"}
    });
    let cluster = one_resource(plain(stamps), json!({}));
    cluster.settle();
    assert_eq!(cluster.condition("Ready"), "True Ready");
    let made = cluster
        .get(&key("test.run/v1alpha1", "ClusterTest", "ct"))
        .expect("created");
    assert_eq!(made["metadata"].get("namespace"), None);
    // Nobody else deletes it when its owner is gone.
    assert_eq!(
        made["metadata"]["annotations"]["carto.run/service-account"],
        "ns/default"
    );
    assert_eq!(
        cluster.resource("only")["stampedRef"].get("namespace"),
        None
    );
}

#[test]
fn a_kind_that_cannot_be_watched_works_and_says_so() {
    let cluster = three_hops();
    let gvk = config_map("x").gvk;
    cluster.with(|state| {
        state
            .watches
            .insert(gvk, Watch::Denied("configmaps is forbidden".into()));
    });
    cluster.settle();
    assert_eq!(
        cluster.resource_condition("source", "ResourceSubmitted"),
        "True ResourceSubmissionComplete changes of [configmaps] are only looked for now and then: \
         configmaps is forbidden; add to a ClusterRole of the controller: {apiGroups: [\"\"], \
         resources: [\"configmaps\"], verbs: [\"get\", \"list\", \"watch\"]}"
    );
    cluster.take_log();
    let outcome = cluster.pass(&workload_key()).expect("there");
    assert_eq!(outcome.next, Next::Later);
    assert_eq!(cluster.take_log(), ["get ConfigMap/w-source"]);
}

#[test]
fn kinds_watched_by_metadata_are_read_as_the_tenant() {
    let cluster = three_hops();
    let gvk = config_map("x").gvk;
    cluster.with(|state| {
        state.watches.insert(gvk, Watch::MetadataOnly);
    });
    cluster.settle();
    assert_eq!(cluster.resource_condition("source", "Ready"), "True Ready");
    cluster.take_log();
    cluster.pass(&workload_key());
    assert_eq!(cluster.take_log(), ["get ConfigMap/w-source"]);
}

#[test]
fn kinds_watched_by_metadata_are_not_read_for_nothing() {
    let cluster = one_resource(plain(stamps_config_map("w", json!({"a": "b"}))), json!({}));
    let gvk = config_map("x").gvk;
    cluster.with(|state| {
        state.watches.insert(gvk, Watch::MetadataOnly);
    });
    cluster.settle();
    assert_eq!(cluster.condition("Ready"), "True Ready");
    cluster.restart();
    cluster.take_log();
    cluster.pass(&workload_key());
    assert_eq!(cluster.take_log(), [""; 0]);
    // What somebody else changed or removed shows in the metadata.
    for data in [json!({"a": "c"}), json!({})] {
        cluster.edit(&config_map("w"), "somebody", |object| object["data"] = data);
        cluster.settle();
        assert_eq!(
            cluster.get(&config_map("w")).expect("there")["data"],
            json!({"a": "b"})
        );
    }
}

#[test]
fn an_object_on_its_way_out_is_replaced_when_it_is_gone() {
    let cluster = three_hops();
    cluster.settle();
    let source = config_map("w-source");
    cluster.edit(&source, "user", |object| {
        object["metadata"]["finalizers"] = json!(["a/b"]);
        object["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z".into();
    });
    cluster.take_log();
    cluster.settle();
    assert_eq!(applies(&cluster), [""; 0]);
    cluster.remove(&source);
    cluster.settle();
    assert!(cluster.get(&source).is_some());
}

#[test]
fn templates_with_new_paths_cost_one_read() {
    let cluster = three_hops();
    cluster.settle();
    cluster.take_log();
    let mut changed = crate::build::source_template(
        "source",
        "w-source",
        "$(workload.spec.source.git.url)$",
        "main",
    );
    changed["spec"]["revisionPath"] = ".metadata.name".into();
    cluster.put(changed);
    cluster.with(|state| state.stale = true);
    cluster.pass(&workload_key());
    let log = cluster.take_log();
    assert_eq!(
        log.iter().filter(|line| line.starts_with("get")).count(),
        1,
        "{log:?}"
    );
    assert_eq!(
        cluster.resource("source")["outputs"][1]["preview"],
        "w-source\n"
    );
}
