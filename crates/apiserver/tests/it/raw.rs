//! Requests as they are on the wire.

use bytes::Bytes;
use carto_apiserver::{ApiServer, ApiService, UserInfo};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tower::Service as _;

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) warnings: Vec<String>,
    pub(crate) media: String,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The objects of a watch.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// Sends requests for one user.
#[derive(Clone)]
pub(crate) struct Sender {
    service: ApiService,
    headers: Vec<(String, String)>,
}

pub(crate) fn sender(server: &ApiServer) -> Sender {
    Sender {
        service: server.service(UserInfo::admin()),
        headers: vec![],
    }
}

pub(crate) fn sender_as(server: &ApiServer, user: UserInfo) -> Sender {
    Sender {
        service: server.service(user),
        headers: vec![],
    }
}

impl Sender {
    pub(crate) fn with(&self, header: &str, value: &str) -> Self {
        let mut with = self.clone();
        with.headers.push((header.to_owned(), value.to_owned()));
        with
    }

    pub(crate) async fn send(&self, method: Method, uri: &str, body: impl Into<Bytes>) -> Reply {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.service.clone().call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let header = |name: &str| -> Vec<String> {
            let values = parts.headers.get_all(name).iter();
            values
                .map(|value| value.to_str().unwrap().to_owned())
                .collect()
        };
        Reply {
            code: parts.status.as_u16(),
            warnings: header("warning"),
            media: header("content-type").concat(),
            text: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, uri: &str) -> Reply {
        self.send(Method::GET, uri, "").await
    }

    pub(crate) async fn post(&self, uri: &str, body: &Value) -> Reply {
        self.send(Method::POST, uri, body.to_string()).await
    }

    pub(crate) async fn put(&self, uri: &str, body: &Value) -> Reply {
        self.send(Method::PUT, uri, body.to_string()).await
    }

    pub(crate) async fn delete(&self, uri: &str, body: &Value) -> Reply {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(Method::DELETE, uri, body).await
    }

    /// `media` is `merge`, `json`, `strategic` or `apply`.
    pub(crate) async fn patch(&self, uri: &str, media: &str, body: &Value) -> Reply {
        let media = match media {
            "merge" => "application/merge-patch+json",
            "json" => "application/json-patch+json",
            "strategic" => "application/strategic-merge-patch+json",
            "apply" => "application/apply-patch+yaml",
            other => other,
        };
        self.with("content-type", media)
            .send(Method::PATCH, uri, body.to_string())
            .await
    }
}
