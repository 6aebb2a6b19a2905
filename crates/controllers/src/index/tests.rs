#![expect(
    clippy::needless_pass_by_value,
    reason = "objects are written where they are used"
)]

use carto_core::realize::{self, Index as _};
use carto_core::row::{Controller, Evaluated, Expression, Expressions, OwnedFields, Uid, Version};
use serde_json::json;

mod memory;

use super::*;
use crate::watch::Glance;

fn index() -> Index {
    Index::new(Arc::new(Queue::new(1000)))
}

impl Index {
    /// The keys that were woken since the last call.
    async fn woken(&self) -> Vec<String> {
        let mut keys = Vec::new();
        while let Ok(turn) = tokio::time::timeout(Duration::from_millis(1), self.queue.next()).await
        {
            self.queue.done(&turn.key, crate::queue::Next::Await);
            keys.push(turn.key.to_string());
        }
        keys.sort();
        keys
    }

    fn put(&self, own: Own, object: Value) {
        self.own_seen(OwnObject::read(own, object).unwrap(), Instant::now());
    }

    fn workload(&self, name: &str, version: u64, labels: Value, chain: Option<&str>) {
        let mut object = json!({
            "metadata": {"namespace": "team", "name": name, "uid": format!("uid-{name}"),
                "resourceVersion": version.to_string(), "labels": labels},
        });
        if let Some(chain) = chain {
            object["status"] = json!({"supplyChainRef": {"name": chain}});
        }
        self.put(Own::Owner(Kind::Workload), object);
    }

    fn chain(&self, name: &str, version: u64, spec: Value, ready: &str) {
        self.put(
            Own::Blueprint(BlueprintKind::SupplyChain),
            json!({"metadata": {"name": name, "uid": name, "resourceVersion": version.to_string()},
                "spec": spec,
                "status": {"conditions": [{"type": "Ready", "status": ready}]}}),
        );
    }

    fn depends(&self, workload: &str, on: &[Dependency]) {
        let outcome = Outcome {
            status: None,
            events: Vec::new(),
            depends_on: on.iter().cloned().collect(),
            watched: BTreeSet::from([gvk()]),
            next: realize::Next::AwaitChange,
            recall: carto_core::recall::Recall::default(),
        };
        self.end(workload, &outcome, self.moment());
    }

    fn end(&self, workload: &str, outcome: &Outcome, began: Moment) -> bool {
        let end = PassEnd {
            outcome,
            began,
            missing: BTreeSet::new(),
        };
        self.pass_ended(&key(workload), end, Instant::now())
    }
}

fn key(workload: &str) -> Key {
    Key::new(Kind::Workload, "team", workload)
}

fn gvk() -> Gvk {
    Gvk::new("v1", "ConfigMap")
}

fn object_key(name: &str) -> ObjectKey {
    ObjectKey {
        gvk: gvk(),
        namespace: Some("team".into()),
        name: name.into(),
    }
}

fn row(name: &str, version: u64, owner: &str) -> Row {
    Row {
        key: object_key(name),
        uid: Uid::new(&format!("uid-{name}")),
        resource_version: Version::new(&version.to_string()),
        generation: None,
        created: None,
        deleting: false,
        controller: Some(Arc::new(Controller {
            uid: format!("uid-{owner}").into(),
            api_version: "carto.run/v1alpha1".into(),
            kind: "Workload".into(),
            name: owner.into(),
        })),
        labels: [("carto.run/resource-name", "r")].into_iter().collect(),
        account: None,
        stamp_digest: None,
        owned: None,
        settled: None,
        has_values: true,
        legacy: false,
        expressions: Expressions::default(),
        results: Box::default(),
    }
}

/// Some owned fields.
fn owned() -> OwnedFields {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "u", "managedFields": [
        {"manager": "carto", "operation": "Apply", "fieldsV1": {"f:data": {"f:x": {}}}}
    ]}});
    let row = Row::extract_metadata(&object).unwrap();
    row.owned.unwrap()
}

fn with_output(row: Row, value: &str) -> Row {
    Row {
        expressions: [Expression::Path("data.x".into())].into_iter().collect(),
        results: Box::new([Evaluated::Value((&json!(value)).into())]),
        ..row
    }
}

fn known(index: &Index, name: &str) -> Option<Arc<Row>> {
    match index.row(&object_key(name)) {
        RowState::Known(row) => Some(row),
        RowState::Absent => None,
        RowState::Unknown => panic!("not watched"),
    }
}

async fn two_workloads() -> Index {
    let index = index();
    index.workload("a", 1, json!({"type": "web"}), None);
    index.workload("b", 2, json!({"type": "web"}), None);
    index.rows_listed(&gvk(), Flavor::Resource, 0, Vec::new());
    assert_eq!(index.woken().await, ["Workload/team/a", "Workload/team/b"]);
    index
}

#[tokio::test(start_paused = true)]
async fn a_stamped_object_wakes_its_owner_alone() {
    let index = two_workloads().await;
    index.row_seen(row("one", 5, "b"), Instant::now());
    assert_eq!(index.woken().await, ["Workload/team/b"]);
    assert_eq!(index.rows_of("uid-b").len(), 1);
    assert!(index.rows_of("uid-a").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_no_pass_looks_at_wakes_nobody() {
    let index = two_workloads().await;
    index.row_seen(with_output(row("one", 5, "b"), "x"), Instant::now());
    index.woken().await;
    index.row_seen(with_output(row("one", 6, "b"), "x"), Instant::now());
    assert!(
        index.woken().await.is_empty(),
        "only the version is another"
    );
    assert_eq!(
        known(&index, "one").unwrap().resource_version,
        Version::new("6")
    );
    index.row_seen(with_output(row("one", 7, "b"), "y"), Instant::now());
    assert_eq!(index.woken().await, ["Workload/team/b"]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_changes_hands_wakes_both_owners() {
    let index = two_workloads().await;
    index.row_seen(row("one", 5, "b"), Instant::now());
    index.woken().await;
    index.row_seen(row("one", 6, "a"), Instant::now());
    assert_eq!(index.woken().await, ["Workload/team/a", "Workload/team/b"]);
    assert!(index.rows_of("uid-b").is_empty());
    index.row_gone(row("one", 7, "a"), Instant::now());
    assert_eq!(index.woken().await, ["Workload/team/a"]);
    assert!(known(&index, "one").is_none());
    assert!(index.rows_of("uid-a").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_visible_at_once_and_its_echo_wakes_nobody() {
    let index = two_workloads().await;
    index.written_through(&key("b"), row("one", 5, "b"));
    assert!(known(&index, "one").is_some());
    index.row_seen(row("one", 5, "b"), Instant::now());
    assert!(index.woken().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_echo_of_a_reply_is_known_unless_it_tells_more() {
    let index = two_workloads().await;
    let echo = |version: &'static str| Glance {
        namespace: "team".into(),
        name: "one".into(),
        uid: "uid-one".into(),
        version: version.into(),
    };
    index.written_through(&key("b"), row("one", 5, "b"));
    assert!(index.knows_row(&gvk(), &echo("5")));
    assert!(!index.knows_row(&gvk(), &echo("6")));
    let more: Expressions = [Expression::Path(".spec.more".into())]
        .into_iter()
        .collect();
    index.want_expressions(&gvk(), &more);
    assert!(
        !index.knows_row(&gvk(), &echo("5")),
        "it was read with less than what is wanted now"
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_event_does_not_undo_a_reply() {
    let index = two_workloads().await;
    index.written_through(&key("b"), with_output(row("one", 9, "b"), "new"));
    index.row_seen(with_output(row("one", 5, "b"), "old"), Instant::now());
    assert_eq!(
        known(&index, "one").unwrap().resource_version,
        Version::new("9")
    );
    assert!(index.woken().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_only_the_writer_knows_survives_its_echo_in_any_order() {
    let owned = owned();
    let settled = |row: Row| Row {
        settled: Some(owned.clone()),
        ..row
    };
    let index = two_workloads().await;
    index.written_through(&key("b"), settled(row("first", 5, "b")));
    index.row_seen(row("first", 6, "b"), Instant::now());
    index.row_seen(row("second", 7, "b"), Instant::now());
    index.written_through(&key("b"), settled(row("second", 7, "b")));
    index.row_seen(row("third", 9, "b"), Instant::now());
    index.written_through(&key("b"), settled(row("third", 8, "b")));
    for (name, version) in [("first", "6"), ("second", "7"), ("third", "9")] {
        let row = known(&index, name).unwrap();
        assert_eq!(row.settled.as_ref(), Some(&owned), "{name}");
        assert_eq!(row.resource_version, Version::new(version));
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_removes_what_is_gone_but_not_what_was_just_written() {
    let index = two_workloads().await;
    index.row_seen(row("gone", 5, "a"), Instant::now());
    index.row_seen(row("kept", 6, "b"), Instant::now());
    index.woken().await;
    let begun = index.rows_clock(&gvk());
    index.written_through(&key("b"), row("new", 9, "b"));
    index.rows_listed(&gvk(), Flavor::Resource, begun, vec![row("kept", 6, "b")]);
    assert_eq!(index.woken().await, ["Workload/team/a"]);
    assert!(known(&index, "gone").is_none());
    assert!(known(&index, "kept").is_some() && known(&index, "new").is_some());
}

#[tokio::test(start_paused = true)]
async fn rows_that_cannot_be_watched_any_more_are_not_believed() {
    let index = two_workloads().await;
    index.row_seen(row("one", 5, "a"), Instant::now());
    index.rows_lost(&gvk(), Flavor::Resource);
    assert!(matches!(index.row(&object_key("one")), RowState::Unknown));
    assert!(index.rows_of("uid-a").is_empty());
    index.written_through(&key("a"), row("one", 6, "a"));
    assert!(matches!(index.row(&object_key("one")), RowState::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_template_wakes_those_who_used_it() {
    let index = two_workloads().await;
    let on = on_template(TemplateKind::Config, &"t".into());
    index.depends("a", std::slice::from_ref(&on));
    let template = |version: u64, path: &str| {
        json!({"metadata": {"name": "t", "uid": "t", "resourceVersion": version.to_string()},
            "spec": {"configPath": path}})
    };
    let own = Own::Template(TemplateKind::Config);
    index.put(own, template(10, "data"));
    assert_eq!(
        index.woken().await,
        ["Workload/team/a"],
        "it had been missing"
    );
    index.put(own, template(11, "data"));
    assert!(
        index.woken().await.is_empty(),
        "nothing but its metadata changed"
    );
    index.put(own, template(12, "other"));
    assert_eq!(index.woken().await, ["Workload/team/a"]);
    index.depends("a", &[]);
    index.put(own, template(13, "data"));
    assert!(index.woken().await.is_empty());
    assert!(index.template(TemplateKind::Config, "t").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_blueprint_wakes_those_it_may_select_and_those_it_did() {
    let index = index();
    index.workload("web", 1, json!({"type": "web", "lang": "java"}), None);
    index.workload("go", 2, json!({"type": "web", "lang": "go"}), None);
    index.workload("job", 3, json!({"type": "job"}), Some("chain"));
    index.woken().await;
    let java = json!({"selector": {"type": "web"}, "resources": [], "selectorMatchExpressions":
        [{"key": "lang", "operator": "In", "values": ["java"]}]});
    index.chain("chain", 10, java.clone(), "Unknown");
    let chain = "ClusterSupplyChain//chain".replace("//", "/");
    assert_eq!(
        index.woken().await,
        [chain.as_str(), "Workload/team/job", "Workload/team/web"]
    );
    index.chain("chain", 11, java.clone(), "True");
    assert_eq!(
        index.woken().await,
        [chain.as_str(), "Workload/team/job", "Workload/team/web"],
        "its readiness"
    );
    index.chain("chain", 12, java, "True");
    assert_eq!(
        index.woken().await,
        [chain.as_str()],
        "nothing that an owner looks at"
    );
    let go = json!({"selector": {"lang": "go"}, "resources": []});
    index.chain("chain", 13, go, "True");
    assert_eq!(
        index.woken().await,
        [
            chain.as_str(),
            "Workload/team/go",
            "Workload/team/job",
            "Workload/team/web"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_blueprint_by_fields_alone_wakes_all_owners_of_its_kind() {
    let index = two_workloads().await;
    let fields = json!({"resources": [], "selectorMatchFields":
        [{"key": "spec.image", "operator": "Exists"}]});
    index.chain("c", 10, fields, "True");
    assert_eq!(
        index.woken().await,
        ["ClusterSupplyChain/c", "Workload/team/a", "Workload/team/b"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_changes_while_a_pass_runs_is_not_lost() {
    let index = two_workloads().await;
    let began = index.moment();
    index.chain(
        "c",
        10,
        json!({"selector": {"no": "body"}, "resources": []}),
        "True",
    );
    index.woken().await;
    let outcome = Outcome {
        status: None,
        events: Vec::new(),
        depends_on: BTreeSet::new(),
        watched: BTreeSet::new(),
        next: realize::Next::AwaitChange,
        recall: carto_core::recall::Recall::default(),
    };
    index.end("a", &outcome, began);
    assert_eq!(index.woken().await, ["Workload/team/a"]);
    index.end("a", &outcome, index.moment());
    assert!(index.woken().await.is_empty());
}

fn account(name: &str) -> ServiceAccountKey {
    ServiceAccountKey::new("team", name)
}

fn meta(namespace: &str, name: &str, version: u64) -> Meta {
    Meta::read(&json!({"metadata": {"namespace": namespace, "name": name,
        "uid": format!("{namespace}/{name}"), "resourceVersion": version.to_string()}}))
    .unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_account_wakes_those_who_wait_for_it_when_it_comes_and_goes() {
    let index = two_workloads().await;
    assert!(
        index.service_account_exists(&account("default")),
        "unknown until listed"
    );
    index.registry_listed(Registry::Accounts, 0, Vec::new());
    assert!(!index.service_account_exists(&account("default")));
    index.depends("a", &[Dependency::ServiceAccount(account("default"))]);
    index.registry_seen(Registry::Accounts, meta("team", "default", 5));
    assert!(index.service_account_exists(&account("default")));
    assert_eq!(index.woken().await, ["Workload/team/a"]);
    index.registry_seen(Registry::Accounts, meta("team", "default", 6));
    assert!(index.woken().await.is_empty());
    index.registry_gone(Registry::Accounts, &meta("team", "default", 7));
    assert_eq!(index.woken().await, ["Workload/team/a"]);
}

fn binding(version: u64, subject: Value, role: Value) -> Binding {
    Binding::read(&json!({
        "metadata": {"namespace": "team", "name": "b", "uid": "b",
            "resourceVersion": version.to_string()},
        "subjects": [subject], "roleRef": role,
    }))
    .unwrap()
}

#[tokio::test(start_paused = true)]
async fn rights_wake_those_who_were_refused() {
    let index = two_workloads().await;
    index.depends("a", &[Dependency::Permissions(account("default"))]);
    let role = json!({"kind": "ClusterRole", "name": "edit"});
    let subjects = [
        json!({"kind": "ServiceAccount", "name": "default"}),
        json!({"kind": "ServiceAccount", "name": "default", "namespace": "team"}),
        json!({"kind": "User", "name": "system:serviceaccount:team:default"}),
        json!({"kind": "Group", "name": "system:serviceaccounts"}),
        json!({"kind": "Group", "name": "system:serviceaccounts:team"}),
        json!({"kind": "Group", "name": "system:authenticated"}),
    ];
    for (n, subject) in (10..).zip(subjects) {
        index.binding_seen(
            Bindings::Namespaced,
            binding(n, subject.clone(), role.clone()),
        );
        assert_eq!(index.woken().await, ["Workload/team/a"], "{subject}");
    }
    let other = json!({"kind": "Group", "name": "system:serviceaccounts:else"});
    index.binding_seen(
        Bindings::Namespaced,
        binding(30, other.clone(), role.clone()),
    );
    assert_eq!(
        index.woken().await,
        ["Workload/team/a"],
        "the old subject lost something"
    );
    index.binding_seen(Bindings::Namespaced, binding(31, other, role.clone()));
    assert!(index.woken().await.is_empty());
    let own = json!({"kind": "ServiceAccount", "name": "default"});
    index.binding_seen(Bindings::Namespaced, binding(32, own, role));
    index.woken().await;
    index.registry_seen(Registry::ClusterRoles, meta("", "edit", 40));
    assert_eq!(index.woken().await, ["Workload/team/a"]);
    index.registry_seen(Registry::Roles, meta("team", "edit", 41));
    assert!(
        index.woken().await.is_empty(),
        "a Role of the same name is another role"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_right_after_a_change_of_rights_is_not_believed() {
    let index = two_workloads().await;
    let on = Dependency::Permissions(account("default"));
    index.depends("a", std::slice::from_ref(&on));
    let outcome = Outcome {
        status: None,
        events: Vec::new(),
        depends_on: BTreeSet::from([on]),
        watched: BTreeSet::new(),
        next: realize::Next::AwaitChange,
        recall: carto_core::recall::Recall::default(),
    };
    assert!(!index.end("a", &outcome, index.moment()));
    let subject = json!({"kind": "Group", "name": "system:authenticated"});
    let role = json!({"kind": "ClusterRole", "name": "edit"});
    index.binding_seen(Bindings::Cluster, binding(9, subject, role));
    assert!(index.end("a", &outcome, index.moment()));
    tokio::time::advance(RIGHTS_SETTLE).await;
    assert!(!index.end("a", &outcome, index.moment()));
}

#[tokio::test(start_paused = true)]
async fn a_new_kind_wakes_those_who_missed_it() {
    let index = two_workloads().await;
    let outcome = Outcome {
        status: None,
        events: Vec::new(),
        depends_on: BTreeSet::new(),
        watched: BTreeSet::new(),
        next: realize::Next::AwaitChange,
        recall: carto_core::recall::Recall::default(),
    };
    let missing = BTreeSet::from([Arc::from("kpack.io")]);
    let end = PassEnd {
        outcome: &outcome,
        began: index.moment(),
        missing,
    };
    index.pass_ended(&key("b"), end, Instant::now());
    index.registry_seen(Registry::Crds, meta("", "images.other.io", 5));
    assert!(index.woken().await.is_empty());
    index.registry_seen(Registry::Crds, meta("", "images.kpack.io", 6));
    assert_eq!(index.woken().await, ["Workload/team/b"]);
}

#[tokio::test(start_paused = true)]
async fn our_own_status_write_wakes_nobody_but_those_who_selected_us() {
    let index = index();
    index.chain(
        "c",
        5,
        json!({"selector": {"a": "b"}, "resources": []}),
        "Unknown",
    );
    index.workload("a", 6, json!({"a": "b"}), Some("c"));
    index.woken().await;
    let chain = Key::new(Kind::ClusterSupplyChain, "", "c");
    let written = json!({"metadata": {"name": "c", "uid": "c", "resourceVersion": "7"},
        "spec": {"selector": {"a": "b"}, "resources": []},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    index.status_written(&chain, written);
    assert_eq!(index.woken().await, ["Workload/team/a"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_owner_leaves_nothing_behind() {
    let index = two_workloads().await;
    index.depends("a", &[Dependency::ServiceAccount(account("x"))]);
    assert!(index.unused_kinds().is_empty());
    let gone = json!({"metadata": {"namespace": "team", "name": "a", "uid": "uid-a",
        "resourceVersion": "50"}});
    let own = Own::Owner(Kind::Workload);
    index.own_gone(&OwnObject::read(own, gone).unwrap(), Instant::now());
    assert!(index.owner(&key("a")).is_none());
    assert!(index.read().dependents.is_empty());
    assert!(!index.read().ledgers.contains_key(&key("a")));
    assert_eq!(index.unused_kinds(), [gvk()]);
    assert!(index.woken().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_sweep_finds_what_the_queue_lost() {
    let index = two_workloads().await;
    assert_eq!(
        index.sweep(Instant::now()),
        2,
        "nobody said that these were answered"
    );
    index.woken().await;
    for name in ["a", "b"] {
        index.answered(&key(name), index.changes_of(&key(name)));
    }
    assert_eq!(index.sweep(Instant::now()), 0);
    index.row_seen(row("one", 5, "b"), Instant::now());
    assert_eq!(index.sweep(Instant::now()), 0, "the queue has it");
    index.woken().await;
    assert_eq!(index.sweep(Instant::now()), 1, "now it has not");
}

#[tokio::test(start_paused = true)]
async fn repairs_are_counted_for_ten_minutes() {
    let index = two_workloads().await;
    for _ in 0..3 {
        index.repaired(&object_key("one"), Instant::now());
    }
    assert_eq!(index.recent_repairs(&object_key("one")), 3);
    tokio::time::advance(REPAIR_WINDOW).await;
    assert_eq!(index.recent_repairs(&object_key("one")), 0);
    index.sweep(Instant::now());
    assert!(index.read().repairs.is_empty());
}

#[tokio::test(start_paused = true)]
async fn rows_know_from_statuses_what_they_will_be_read_for() {
    let index = index();
    index.put(
        Own::Template(TemplateKind::Config),
        json!({"metadata": {"name": "t", "uid": "t", "resourceVersion": "1"},
            "spec": {"configPath": "data", "template": {}}}),
    );
    index.put(
        Own::Owner(Kind::Workload),
        json!({"metadata": {"namespace": "team", "name": "a", "uid": "a", "resourceVersion": "2"},
            "status": {"resources": [{
                "templateRef": {"kind": "ClusterConfigTemplate", "name": "t"},
                "stampedRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "x"}}]}}),
    );
    assert_eq!(index.stamped_kinds(), BTreeSet::from([gvk()]));
    index.want_expressions(&gvk(), &Expressions::default());
    let template = index.template(TemplateKind::Config, "t").unwrap();
    assert!(
        index
            .expressions(&gvk())
            .unwrap()
            .contains(template.expressions())
    );
}
