//! The validating webhook, called by a real kube-apiserver.

use std::process::Command;

use kube::api::{DeleteParams, DynamicObject};
use serde_json::{Value, json};

use crate::api::{TestApi, controller, free_port};
use crate::process::Serving;

/// The configuration that `carto install` prints, calling this machine and for the test's own objects only.
fn configuration(api: &TestApi, port: u16) -> Value {
    let text = include_str!("../../../../config/webhook/webhook.yaml");
    let objects = carto_yaml::decode_all(text).unwrap();
    let mut object = objects
        .into_iter()
        .find(|object| object["kind"] == "ValidatingWebhookConfiguration")
        .unwrap();
    object["metadata"]["name"] = api.name.as_str().into();
    for webhook in object["webhooks"].as_array_mut().unwrap() {
        let path = webhook["clientConfig"]["service"]["path"].as_str().unwrap();
        let url = format!("https://127.0.0.1:{port}{path}");
        webhook["clientConfig"] = json!({"url": url});
        webhook["objectSelector"] = json!({"matchLabels": {"test": api.name}});
    }
    object
}

/// With each kubectl that is named.
fn kubectl_prints_the_words(api: &TestApi) {
    let mut bad = api.chain(&json!({}));
    bad["spec"].as_object_mut().unwrap().remove("selector");
    bad["metadata"]["name"] = format!("{}-bad", api.name).into();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.json");
    std::fs::write(&file, bad.to_string()).unwrap();
    for kubectl in carto_testkit::real::kubectls("refused, by kubectl") {
        let output = Command::new(&kubectl)
            .arg("--kubeconfig")
            .arg(&api.kubeconfig)
            .args(["create", "-f"])
            .arg(&file)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = format!(
            "admission webhook \"supply-chain-validator.cartographer.com\" denied the request: error validating \
             clustersupplychain [{}-bad]: at least one selector, selectorMatchExpression, selectorMatchField must be \
             specified",
            api.name
        );
        assert!(
            said.trim_end().ends_with(&expected),
            "{}: {said}",
            kubectl.display()
        );
    }
}

fn has_bundles(object: &DynamicObject) -> bool {
    let webhooks = object.data["webhooks"].as_array().unwrap();
    webhooks
        .iter()
        .all(|webhook| !webhook["clientConfig"]["caBundle"].is_null())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_cannot_work_is_refused_in_the_words_of_the_original() {
    let Some(api) = TestApi::real("refused").await else {
        return;
    };
    let port = free_port();
    api.apply(configuration(&api, port)).await;
    let mut command = controller(&api.kubeconfig);
    command.arg(format!("--webhook-port={port}"));
    command.arg(format!("--webhook-configuration={}", api.name));
    let serving = Serving::start(&mut command);
    let configurations = api.objects(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
    );
    api.until("the API server is told whom to trust", async || {
        has_bundles(&configurations.get(&api.name).await.unwrap())
    })
    .await;
    // The API server reads the configuration anew a moment later.
    api.until("a good chain passes", async || {
        api.try_apply(api.chain(&json!({"test": api.name})))
            .await
            .is_ok()
    })
    .await;

    let mut without_selector = api.chain(&json!({}));
    without_selector["spec"]
        .as_object_mut()
        .unwrap()
        .remove("selector");
    let refused = |error: kube::Error| match error {
        kube::Error::Api(status) => status.message,
        error => panic!("{error}"),
    };
    // Applied on top of the good one it would keep that one's selector.
    without_selector["metadata"]["name"] = format!("{}-bad", api.name).into();
    let message = refused(api.try_apply(without_selector).await.unwrap_err());
    assert_eq!(
        message,
        format!(
            "admission webhook \"supply-chain-validator.cartographer.com\" denied the request: error validating \
             clustersupplychain [{}-bad]: at least one selector, selectorMatchExpression, selectorMatchField must be \
             specified",
            api.name
        )
    );
    let template = json!({
        "apiVersion": "carto.run/v1alpha1", "kind": "ClusterTemplate",
        "metadata": {"name": api.name, "labels": {"test": api.name}}, "spec": {}
    });
    let message = refused(api.try_apply(template).await.unwrap_err());
    assert!(
        message.ends_with("invalid template: must specify one of template or ytt, found neither"),
        "{message}"
    );
    kubectl_prints_the_words(&api);

    assert_eq!(serving.terminate(), Some(0));
    // failurePolicy Fail, as the original's: when nobody answers, nothing is let through unseen.
    let mut other = api.chain(&json!({"test": api.name}));
    other["metadata"]["name"] = format!("{}-unseen", api.name).into();
    let message = refused(api.try_apply(other).await.unwrap_err());
    assert!(
        message.starts_with(
            "Internal error occurred: failed calling webhook \"supply-chain-validator.cartographer.com\""
        ),
        "{message}"
    );
    configurations
        .delete(&api.name, &DeleteParams::default())
        .await
        .unwrap();
    api.clear().await;
}
