//! Reading and running scripts.

use std::path::Path;

use http_body_util::BodyExt as _;
use kube::Client;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::mask;
use crate::fixtures::eventually;

/// Requests in their order.
pub(super) struct Script {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
}

/// One request.
#[derive(Debug)]
pub(super) struct Step {
    method: String,
    /// `{ns}` stands for the namespace of the script.
    path: String,
    content_type: String,
    body: Value,
    accept: String,
    /// Parts of the answer that are known to differ.
    pub(super) differs: Vec<String>,
}

/// A request as it is written in a script.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Method and path.
    request: String,
    #[serde(default, rename = "type")]
    content_type: String,
    #[serde(default)]
    accept: String,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    differs: Vec<String>,
    /// Why it is expected to differ, or what it is about.
    #[serde(default, rename = "note")]
    _note: String,
}

/// What a server said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
    pub(super) body: Value,
}

impl Step {
    pub(super) fn title(&self) -> String {
        let body = self.body.to_string();
        let body: String = body.chars().take(160).collect();
        format!("{} {} {body}", self.method, self.path)
    }
}

impl Script {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let steps = carto_yaml::decode_all(&text).unwrap();
        Self {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            steps: steps
                .into_iter()
                .filter(|step| !step.is_null())
                .map(step)
                .collect(),
        }
    }

    /// Runs it in a namespace of its own.
    pub(super) async fn run(&self, client: &Client) -> Vec<Answer> {
        self.run_and(client, async |_, _| {}).await
    }

    /// Runs it; `then` looks at what was created.
    pub(super) async fn run_and(
        &self,
        client: &Client,
        mut then: impl AsyncFnMut(&str, &Answer),
    ) -> Vec<Answer> {
        let namespace = format!("carto-{}-{}", self.name, std::process::id());
        self.clear(client).await;
        let new = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        let created = send(
            client,
            "POST",
            "/api/v1/namespaces",
            "application/json",
            "",
            text(&new),
        )
        .await;
        assert_eq!(created.status, 201, "{:?}", created.body);
        let mut answers = vec![];
        for step in &self.steps {
            let path = step.path.replace("{ns}", &namespace);
            let body = match &step.body {
                Value::Null => vec![],
                Value::String(body) => body.replace("{ns}", &namespace).into_bytes(),
                body => body.to_string().replace("{ns}", &namespace).into_bytes(),
            };
            let answer = send(
                client,
                &step.method,
                &path,
                &step.content_type,
                &step.accept,
                body,
            )
            .await;
            if answer.status == 201 {
                let collection = path.split('?').next().unwrap_or_default();
                then(collection, &answer).await;
            }
            answers.push(mask::answer(answer, &namespace));
            if path.ends_with("/customresourcedefinitions") {
                established(client, &step.body).await;
            }
        }
        self.clear(client).await;
        let path = format!("/api/v1/namespaces/{namespace}");
        send(client, "DELETE", &path, "application/json", "", vec![]).await;
        answers
    }

    /// Deletes what does not go with the namespace.
    async fn clear(&self, client: &Client) {
        for step in self
            .steps
            .iter()
            .filter(|step| step.method == "POST" && !step.path.contains("{ns}"))
        {
            let Some(name) = step.body["metadata"]["name"].as_str() else {
                continue;
            };
            let path = format!("{}/{name}", step.path.split('?').next().unwrap_or_default());
            let deleted = send(client, "DELETE", &path, "application/json", "", vec![]).await;
            if deleted.status == 200 {
                eventually("it is deleted", || async {
                    send(client, "GET", &path, "", "", vec![]).await.status == 404
                })
                .await;
            }
        }
    }
}

async fn established(client: &Client, definition: &Value) {
    let Some(name) = definition["metadata"]["name"].as_str() else {
        return;
    };
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
    let spec = &definition["spec"];
    let version = spec["versions"][0]["name"].as_str().unwrap_or_default();
    let group = spec["group"].as_str().unwrap_or_default();
    let plural = spec["names"]["plural"].as_str().unwrap_or_default();
    let collection = format!("/apis/{group}/{version}/{plural}");
    if send(client, "GET", &path, "", "", vec![]).await.status != 200 {
        return;
    }
    eventually("the kind is served", || async {
        send(client, "GET", &collection, "", "", vec![])
            .await
            .status
            == 200
    })
    .await;
}

fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn step(document: Value) -> Step {
    if document.get("request").is_none() {
        return Step {
            method: "POST".into(),
            path: format!("{}?fieldManager=test", collection(&document)),
            content_type: "application/json".into(),
            body: document,
            accept: String::new(),
            differs: vec![],
        };
    }
    let request: Request = serde_json::from_value(document).unwrap();
    let (method, path) = request
        .request
        .split_once(' ')
        .expect("a method and a path");
    Step {
        method: method.to_owned(),
        path: path.to_owned(),
        content_type: match &*request.content_type {
            "" => "application/json".into(),
            "merge" => "application/merge-patch+json".into(),
            "json" => "application/json-patch+json".into(),
            "strategic" => "application/strategic-merge-patch+json".into(),
            "apply" => "application/apply-patch+yaml".into(),
            other => other.to_owned(),
        },
        accept: match &*request.accept {
            "table" => "application/json;as=Table;v=v1;g=meta.k8s.io".into(),
            other => other.to_owned(),
        },
        body: request.body,
        differs: request.differs,
    }
}

/// Where objects of this kind are created.
fn collection(object: &Value) -> String {
    const CLUSTER: &[&str] = &[
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "Namespace",
        "PersistentVolume",
        "PriorityClass",
        "StorageClass",
    ];
    let version = object["apiVersion"].as_str().expect("has a version");
    let kind = object["kind"].as_str().expect("has a kind");
    let root = if version.contains('/') { "apis" } else { "api" };
    let lower = kind.to_lowercase();
    let plural = if lower.ends_with("endpoints") {
        lower
    } else if lower.ends_with('s') {
        format!("{lower}es")
    } else if let Some(stem) = lower.strip_suffix('y') {
        format!("{stem}ies")
    } else {
        format!("{lower}s")
    };
    if CLUSTER.contains(&kind) {
        return format!("/{root}/{version}/{plural}");
    }
    format!("/{root}/{version}/namespaces/{{ns}}/{plural}")
}

async fn send(
    client: &Client,
    method: &str,
    path: &str,
    content_type: &str,
    accept: &str,
    body: Vec<u8>,
) -> Answer {
    let (status, warnings, bytes) =
        exchange(client, method, path, content_type, accept, body).await;
    let body = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into());
    Answer {
        status,
        warnings,
        body,
    }
}

/// The body of the answer to a GET.
pub(super) async fn get(client: &Client, path: &str, accept: &str) -> Vec<u8> {
    let (status, _, bytes) = exchange(client, "GET", path, "", accept, vec![]).await;
    assert_eq!(status, 200, "{path}");
    bytes
}

async fn exchange(
    client: &Client,
    method: &str,
    path: &str,
    content_type: &str,
    accept: &str,
    body: Vec<u8>,
) -> (u16, Vec<String>, Vec<u8>) {
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("user-agent", "test/1");
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    if !accept.is_empty() {
        request = request.header("accept", accept);
    }
    let request = request.body(kube::client::Body::from(body)).unwrap();
    let response = client.send(request).await.unwrap();
    let status = response.status().as_u16();
    let warnings = response
        .headers()
        .get_all("warning")
        .iter()
        .map(|value| value.to_str().unwrap().to_owned())
        .collect();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, warnings, bytes.to_vec())
}
