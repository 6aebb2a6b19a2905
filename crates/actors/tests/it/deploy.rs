//! Deployments, ReplicaSets, Pods and Services: processes of this machine.

use carto_actors::{Actor, Isolate};
use carto_artifacts::oci::credentials::Keychain;
use serde_json::{Value, json};

use crate::home::{Home, condition, processes_of, wait_for};
use crate::image::{self, SERVE};

const APPS: &str = "apps/v1";

/// A shell script that serves a page, as the whole command of a container.
fn page(text: &str) -> String {
    format!("mkdir -p /site && echo \"{text}\" >/site/index.html && {SERVE} /site")
}

fn deployment(image: &str, script: &str, more: Value) -> Value {
    let mut container = json!({
        "name": "app", "image": image, "args": [script],
        "ports": [{"name": "http", "containerPort": 8080}],
    });
    container
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({
        "apiVersion": APPS, "kind": "Deployment",
        "metadata": {"name": "app", "namespace": "default"},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "app"}},
            "template": {
                "metadata": {"labels": {"app": "app"}},
                "spec": {"terminationGracePeriodSeconds": 2, "containers": [container]},
            },
        },
    })
}

fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "app", "namespace": "default"},
        "spec": {"selector": {"app": "app"}, "ports": [{"port": 80, "targetPort": "http"}]},
    })
}

fn is_rolled_out(object: &Value) -> bool {
    let (spec, status) = (&object["spec"], &object["status"]);
    status["observedGeneration"] == object["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "availableReplicas"]
            .iter()
            .all(|count| status[*count] == spec["replicas"])
        && condition(object, "Progressing").1 == "NewReplicaSetAvailable"
}

async fn url_of(home: &Home) -> String {
    let service = home
        .until("v1", "Service", "app", |service| {
            service["metadata"]["annotations"]["carto.run/url"].is_string()
        })
        .await;
    service["metadata"]["annotations"]["carto.run/url"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn get(url: &str) -> String {
    let answer = reqwest::get(url).await.unwrap();
    assert!(answer.status().is_success(), "{url}: {}", answer.status());
    answer.text().await.unwrap().trim().to_owned()
}

async fn all(home: &Home, api_version: &str, kind: &str) -> Vec<Value> {
    let objects = home.objects(api_version, kind);
    let list = objects.list(&Default::default()).await.unwrap();
    list.items
        .into_iter()
        .map(|object| serde_json::to_value(object).unwrap())
        .collect()
}

/// Waits for the only object of a kind that is as wanted.
async fn some(home: &Home, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut found = None;
    let waited = wait_for(async || {
        found = all(home, "v1", kind).await.into_iter().find(&wanted);
        found.is_some()
    })
    .await;
    assert!(waited, "{:#?}", all(home, "v1", kind).await);
    found.unwrap()
}

fn container_state<'a>(pod: &'a Value, state: &str) -> &'a Value {
    &pod["status"]["containerStatuses"][0]["state"][state]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_owns_sets_that_own_pods_and_rolls_to_what_answers() {
    let mut home = Home::start(&[Actor::Deploy]).await;
    let tag = format!("{}/apps/test:latest", home.registry);
    let image = image::push(home.dir.path(), &tag, &Keychain::new()).await;
    home.apply(service()).await;
    let mut object = deployment(
        &image,
        &page("one $FROM_IMAGE $POD"),
        json!({
            "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        }),
    );
    object["spec"]["replicas"] = json!(2);
    home.apply(object.clone()).await;
    let rolled = home.until(APPS, "Deployment", "app", is_rolled_out).await;
    assert_eq!(
        rolled["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "1"
    );
    let sets = all(&home, APPS, "ReplicaSet").await;
    let [set] = &sets[..] else {
        panic!("{sets:#?}")
    };
    assert_eq!(
        set["metadata"]["ownerReferences"][0]["uid"],
        rolled["metadata"]["uid"]
    );
    let pods = all(&home, "v1", "Pod").await;
    assert_eq!(pods.len(), 2);
    for pod in &pods {
        assert_eq!(
            pod["metadata"]["ownerReferences"][0]["uid"],
            set["metadata"]["uid"]
        );
        assert_eq!(pod["status"]["phase"], "Running");
    }
    // Both answer in turn.
    let url = url_of(&home).await;
    let mut answers = std::collections::BTreeSet::new();
    for _ask in 0..8 {
        answers.insert(get(&url).await);
    }
    let expect: std::collections::BTreeSet<String> = pods
        .iter()
        .map(|pod| format!("one yes {}", pod["metadata"]["name"].as_str().unwrap()))
        .collect();
    assert_eq!(answers, expect);

    // One that ends at once never takes over.
    let broken = deployment(&image, "echo broken; exit 3", json!({}));
    home.apply(broken).await;
    let said = home
        .until(APPS, "Deployment", "app", |object| {
            condition(object, "Progressing")
                .2
                .contains("CrashLoopBackOff")
        })
        .await;
    assert_eq!(condition(&said, "Available").0, "True", "{said:#}");
    assert!(get(&url).await.starts_with("one"));
    let crashing = some(&home, "Pod", |pod| {
        container_state(pod, "waiting")["reason"] == "CrashLoopBackOff"
    })
    .await;
    assert_eq!(
        crashing["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"],
        3
    );

    // A good one does, and a restart of the home runs the same pods at the same address.
    let object = deployment(&image, &page("three"), json!({}));
    home.apply(object).await;
    home.until(APPS, "Deployment", "app", is_rolled_out).await;
    let one = wait_for(async || all(&home, "v1", "Pod").await.len() == 1).await;
    assert!(one, "{:#?}", all(&home, "v1", "Pod").await);
    assert_eq!(get(&url).await, "three");
    assert_eq!(all(&home, APPS, "ReplicaSet").await.len(), 3);
    let before = all(&home, "v1", "Pod").await;
    home.pause().await;
    assert_eq!(processes_of(home.dir.path()), Vec::<String>::new());
    home.resume().await;
    assert!(wait_for(async || reqwest::get(&url).await.is_ok()).await);
    assert_eq!(get(&url).await, "three");
    let after = all(&home, "v1", "Pod").await;
    assert_eq!(after[0]["metadata"]["uid"], before[0]["metadata"]["uid"]);

    home.objects(APPS, "Deployment")
        .delete("app", &Default::default())
        .await
        .unwrap();
    let gone = wait_for(async || {
        all(&home, "v1", "Pod").await.is_empty() && processes_of(home.dir.path()).is_empty()
    });
    assert!(gone.await, "{:?}", processes_of(home.dir.path()));
    let containers = home.config.state_dir.join("containers");
    assert!(wait_for(async || std::fs::read_dir(&containers).unwrap().count() == 0).await);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn init_containers_volumes_and_probes_work_as_in_a_cluster() {
    let home = Home::start(&[Actor::Deploy]).await;
    let tag = format!("{}/apps/test:latest", home.registry);
    let image = image::push(home.dir.path(), &tag, &Keychain::new()).await;
    for (kind, values) in [
        (
            "ConfigMap",
            json!({"data": {"greeting": "hello", "other": "no"}}),
        ),
        ("Secret", json!({"stringData": {"password": "s3cret"}})),
    ] {
        let mut object = json!({
            "apiVersion": "v1", "kind": kind, "metadata": {"name": "app", "namespace": "default"},
        });
        object
            .as_object_mut()
            .unwrap()
            .extend(values.as_object().unwrap().clone());
        home.apply(object).await;
    }
    home.apply(service()).await;
    let mut object = deployment(
        &image,
        &format!("cat /config/hi /secret/password /shared/init >/site/index.html && {SERVE} /site"),
        json!({
            "volumeMounts": [
                {"name": "config", "mountPath": "/config"}, {"name": "secret", "mountPath": "/secret"},
                {"name": "shared", "mountPath": "/shared"}, {"name": "site", "mountPath": "/site"},
            ],
            "readinessProbe": {"httpGet": {"path": "/index.html", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1},
            "livenessProbe": {"exec": {"command": ["sh", "-c", "test -f /site/index.html"]}, "periodSeconds": 1, "failureThreshold": 1},
        }),
    );
    let spec = &mut object["spec"]["template"]["spec"];
    spec["initContainers"] = json!([{
        "name": "init", "image": image, "args": ["echo $A >/shared/init"],
        "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "app", "key": "greeting"}}}],
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
    }]);
    spec["volumes"] = json!([
        {"name": "config", "configMap": {"name": "app", "items": [{"key": "greeting", "path": "hi"}]}},
        {"name": "secret", "secret": {"secretName": "app"}},
        {"name": "shared", "emptyDir": {}}, {"name": "site", "emptyDir": {}},
    ]);
    home.apply(object.clone()).await;
    home.until(APPS, "Deployment", "app", is_rolled_out).await;
    let url = url_of(&home).await;
    assert_eq!(get(&url).await, "hellos3crethello");
    let [pod] = &all(&home, "v1", "Pod").await[..] else {
        panic!()
    };
    let init = &pod["status"]["initContainerStatuses"][0]["state"]["terminated"];
    assert_eq!(init["exitCode"], 0, "{pod:#}");

    // The page goes: first readiness is lost, then liveness, and the container starts again with a page.
    let volumes = home.config.state_dir.join("containers");
    let folder = volumes.join(pod["metadata"]["uid"].as_str().unwrap());
    std::fs::remove_file(folder.join("volumes/site/index.html")).unwrap();
    let name = pod["metadata"]["name"].as_str().unwrap();
    let again = home
        .until("v1", "Pod", name, |pod| {
            pod["status"]["containerStatuses"][0]["restartCount"] == 1
                && condition(pod, "Ready").0 == "True"
        })
        .await;
    assert!(container_state(&again, "running")["startedAt"].is_string());
    let told = some(&home, "Event", |event| {
        event["message"]
            .as_str()
            .unwrap()
            .starts_with("Liveness probe failed")
    })
    .await;
    assert_eq!(told["involvedObject"]["name"], name);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_where_users_look() {
    let home = Home::start(&[Actor::Deploy]).await;
    let tag = format!("{}/apps/test:latest", home.registry);
    let image = image::push(home.dir.path(), &tag, &Keychain::new()).await;
    let missing = format!("{}/apps/none:1", home.registry);
    let claim = json!({"volumeMounts": [{"name": "data", "mountPath": "/data"}]});
    let secret =
        json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k"}}}]});
    for (name, mut object, expect) in [
        (
            "pull",
            deployment(&missing, "", json!({})),
            "ImagePullBackOff: Back-off pulling image",
        ),
        (
            "claim",
            deployment(&image, "true", claim),
            "persistentVolumeClaim is not supported",
        ),
        (
            "secret",
            deployment(&image, "true", secret),
            "secret \"no\" not found",
        ),
        (
            "program",
            deployment(&image, "", json!({"command": ["/none"]})),
            "CrashLoopBackOff",
        ),
        (
            "grpc",
            deployment(
                &image,
                "true",
                json!({"livenessProbe": {"grpc": {"port": 1}}}),
            ),
            "grpc is not supported",
        ),
    ] {
        object["metadata"]["name"] = json!(name);
        object["spec"]["progressDeadlineSeconds"] = json!(1);
        for labels in [
            "/spec/selector/matchLabels",
            "/spec/template/metadata/labels",
        ] {
            *object.pointer_mut(labels).unwrap() = json!({"app": name});
        }
        if name == "claim" {
            object["spec"]["template"]["spec"]["volumes"] =
                json!([{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}]);
        }
        home.apply(object).await;
        let object = home
            .until(APPS, "Deployment", name, |object| {
                let (word, _, message) = condition(object, "Progressing");
                word == "False" && message.contains(expect)
            })
            .await;
        assert_eq!(
            condition(&object, "Progressing").1,
            "ProgressDeadlineExceeded"
        );
        assert_eq!(condition(&object, "Available").0, "False");
    }
    let limited = json!({"resources": {"limits": {"memory": "1Gi"}}});
    home.apply(deployment(&image, &page("x"), limited)).await;
    let told = some(&home, "Event", |event| event["reason"] == "FieldsIgnored").await;
    assert_eq!(
        told["message"],
        "without effect on this machine: resources.limits of container \"app\""
    );
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_namespaces_processes_run_and_end_all_the_same() {
    let mut home = Home::start_with(&[Actor::Deploy], Isolate::Never).await;
    let tag = format!("{}/apps/test:latest", home.registry);
    let image = image::push(home.dir.path(), &tag, &Keychain::new()).await;
    home.apply(service()).await;
    // A child in a session of its own does not get away either.
    let marker = home.dir.path().display().to_string();
    let script = format!("(setsid sleep 1000 {marker} || sleep 1000) & sleep 1000");
    let mut object = deployment(&image, &script, json!({"ports": null}));
    object["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(0);
    home.apply(object).await;
    home.until(APPS, "Deployment", "app", is_rolled_out).await;
    assert!(!processes_of(home.dir.path()).is_empty());
    home.pause().await;
    let gone = wait_for(async || processes_of(home.dir.path()).is_empty());
    assert!(gone.await, "{:?}", processes_of(home.dir.path()));
    home.resume().await;
    home.until(APPS, "Deployment", "app", is_rolled_out).await;
    home.stop().await;
}
