//! Who may do what, when rights are enforced.

use carto_apiserver::{ApiServer, Config, UserInfo};
use serde_json::{Value, json};

use crate::fixtures::{eventually, widgets};
use crate::raw::{Sender, sender, sender_as};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
const CLUSTER_ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const GROUP: &str = "rbac.authorization.k8s.io";

async fn strict() -> ApiServer {
    let config = Config {
        rbac: true,
        crds: vec![widgets()],
        ..Config::default()
    };
    ApiServer::start(config).await.unwrap()
}

fn role(name: &str, verbs: &[&str], resources: &[&str]) -> Value {
    json!({"metadata": {"name": name},
        "rules": [{"verbs": verbs, "apiGroups": [""], "resources": resources}]})
}

async fn bind(api: &Sender, name: &str, kind: &str, subject: Value) {
    let binding = json!({"metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name}, "subjects": [subject]});
    let bound = api.post(BINDINGS, &binding).await;
    assert_eq!(bound.code, 201, "{}", bound.text);
}

fn user(name: &str) -> Value {
    json!({"kind": "User", "apiGroup": GROUP, "name": name})
}

fn alice(server: &ApiServer) -> Sender {
    sender_as(server, UserInfo::new("alice", []))
}

#[tokio::test]
async fn what_was_not_granted_is_forbidden_in_the_usual_words() {
    let server = strict().await;
    let alice = alice(&server);
    assert_eq!(
        alice
            .get("/apis/demo.io/v1/namespaces/default/widgets")
            .await
            .message(),
        "widgets.demo.io is forbidden: User \"alice\" cannot list resource \"widgets\" in API group \
         \"demo.io\" in the namespace \"default\""
    );
    assert_eq!(
        alice.get("/api/v1/namespaces").await.message(),
        "namespaces is forbidden: User \"alice\" cannot list resource \"namespaces\" in API group \"\" \
         at the cluster scope"
    );
    assert_eq!(
        alice.get("/metrics").await.message(),
        "forbidden: User \"alice\" cannot get path \"/metrics\""
    );
    assert_eq!(alice.get("/apis").await.code, 200, "discovery is for all");
}

#[tokio::test]
async fn a_binding_grants_at_once_and_no_more_than_it_says() {
    let server = strict().await;
    let (admin, alice) = (sender(&server), alice(&server));
    admin
        .post(ROLES, &role("reader", &["get", "list"], &["configmaps"]))
        .await;
    bind(&admin, "reader", "Role", user("alice")).await;
    assert_eq!(alice.get(MAPS).await.code, 200);
    assert_eq!(
        alice
            .post(MAPS, &json!({"metadata": {"name": "c"}}))
            .await
            .code,
        403
    );
    assert_eq!(
        alice
            .get("/api/v1/namespaces/kube-system/configmaps")
            .await
            .code,
        403
    );
    let review = json!({"spec": {"resourceAttributes":
        {"verb": "get", "resource": "configmaps", "namespace": "default"}}});
    let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let answer = alice.post(reviews, &review).await;
    assert_eq!(
        (answer.code, &answer.json()["status"]["allowed"]),
        (201, &json!(true))
    );
    assert_eq!(
        answer.json()["status"]["reason"],
        "RBAC: allowed by RoleBinding \"reader/default\" of Role \"reader\" to User \"alice\""
    );
    admin
        .delete(&format!("{BINDINGS}/reader"), &Value::Null)
        .await;
    assert_eq!(alice.get(MAPS).await.code, 403);
}

#[tokio::test]
async fn nobody_gives_away_what_they_do_not_have() {
    let server = strict().await;
    let (admin, alice) = (sender(&server), alice(&server));
    admin
        .post(ROLES, &role("maker", &["get"], &["configmaps"]))
        .await;
    bind(&admin, "maker", "Role", user("alice")).await;
    let rules = json!({"metadata": {"name": "roles"}, "rules": [{"verbs": ["create"],
        "apiGroups": [GROUP], "resources": ["roles", "rolebindings"]}]});
    admin.post(ROLES, &rules).await;
    bind(&admin, "roles", "Role", user("alice")).await;
    assert_eq!(
        alice
            .post(ROLES, &role("less", &["get"], &["configmaps"]))
            .await
            .code,
        201
    );
    let more = alice
        .post(ROLES, &role("more", &["get", "delete"], &["configmaps"]))
        .await;
    assert_eq!(
        more.message(),
        "roles.rbac.authorization.k8s.io \"more\" is forbidden: user \"alice\" \
         (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently \
         held:\n{APIGroups:[\"\"], Resources:[\"configmaps\"], Verbs:[\"delete\"]}"
    );
    let binding = json!({"metadata": {"name": "b"}, "subjects": [user("alice")],
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "cluster-admin"}});
    assert_eq!(alice.post(BINDINGS, &binding).await.code, 403);
}

#[tokio::test]
async fn roles_gather_by_label() {
    let server = strict().await;
    let (admin, alice) = (sender(&server), alice(&server));
    bind(&admin, "view", "ClusterRole", user("alice")).await;
    eventually("view gathers", || async {
        alice.get(MAPS).await.code == 200
    })
    .await;
    let widgets = "/apis/demo.io/v1/namespaces/default/widgets";
    assert_eq!(alice.get(widgets).await.code, 403);
    let more = json!({"metadata": {"name": "widgets-view",
            "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"verbs": ["list"], "apiGroups": ["demo.io"], "resources": ["widgets"]}]});
    admin.post(CLUSTER_ROLES, &more).await;
    eventually("view gathers more", || async {
        alice.get(widgets).await.code == 200
    })
    .await;
}

#[tokio::test]
async fn acting_as_an_account_needs_the_right_and_gives_only_its_rights() {
    let server = strict().await;
    let admin = sender(&server);
    let account = "system:serviceaccount:default:default";
    let as_account = admin.with("impersonate-user", account);
    assert_eq!(
        as_account.get(MAPS).await.message(),
        "configmaps is forbidden: User \"system:serviceaccount:default:default\" cannot list resource \
         \"configmaps\" in API group \"\" in the namespace \"default\""
    );
    admin
        .post(ROLES, &role("reader", &["list"], &["configmaps"]))
        .await;
    let subject = json!({"kind": "ServiceAccount", "name": "default", "namespace": "default"});
    bind(&admin, "reader", "Role", subject).await;
    assert_eq!(as_account.get(MAPS).await.code, 200);
    let alice = alice(&server).with("impersonate-user", account);
    assert_eq!(
        alice.get(MAPS).await.message(),
        "serviceaccounts \"default\" is forbidden: User \"alice\" cannot impersonate resource \
         \"serviceaccounts\" in API group \"\" in the namespace \"default\""
    );
    let groups = admin.with("impersonate-group", "x").get(MAPS).await;
    assert_eq!(groups.code, 400);
    let who = as_account
        .post(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            &json!({}),
        )
        .await
        .json();
    assert_eq!(
        who["status"]["userInfo"]["groups"],
        json!([
            "system:serviceaccounts",
            "system:serviceaccounts:default",
            "system:authenticated"
        ])
    );
}

#[tokio::test]
async fn tokens_speak_for_their_account_while_it_is_there() {
    let server = strict().await;
    let admin = sender(&server);
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    admin
        .post(accounts, &json!({"metadata": {"name": "bob"}}))
        .await;
    let made = admin
        .post(
            &format!("{accounts}/bob/token"),
            &json!({"spec": {"expirationSeconds": 600}}),
        )
        .await;
    assert_eq!(made.code, 201, "{}", made.text);
    let token = made.json()["status"]["token"].as_str().unwrap().to_owned();
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let review = |token: &str| json!({"spec": {"token": token}});
    let known = admin.post(reviews, &review(&token)).await.json();
    assert_eq!(
        known["status"]["user"]["username"],
        "system:serviceaccount:default:bob"
    );
    let other = if token.ends_with('A') { 'Q' } else { 'A' };
    let forged = format!("{}{other}", &token[..token.len() - 1]);
    let unknown = admin.post(reviews, &review(&forged)).await.json();
    assert_eq!(unknown["status"].get("authenticated"), None);
    admin.delete(&format!("{accounts}/bob"), &Value::Null).await;
    let gone = admin.post(reviews, &review(&token)).await.json();
    assert_eq!(gone["status"].get("authenticated"), None);
    let short = admin
        .post(
            &format!("{accounts}/default/token"),
            &json!({"spec": {"expirationSeconds": 5}}),
        )
        .await;
    assert_eq!(short.code, 422);
}
