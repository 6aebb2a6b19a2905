//! A scripted API for unit tests: each request waits until the test answers it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

type Frames = StreamBody<futures::stream::BoxStream<'static, Result<Frame<Bytes>, std::io::Error>>>;

/// The server's end.
pub(crate) struct Fake(mpsc::UnboundedReceiver<Exchange>);

/// One request that waits for its answer.
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    reply: oneshot::Sender<Response<Frames>>,
}

/// A client and the server that it talks to.
pub(crate) fn client() -> (kube::Client, Fake) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let service = tower::service_fn(move |request: Request<Body>| {
        let sender = sender.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("a test's body").to_bytes();
            let (reply, answer) = oneshot::channel();
            let exchange = Exchange {
                method: head.method,
                uri: head.uri.to_string(),
                headers: head.headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
                reply,
            };
            sender
                .send(exchange)
                .map_err(|_| std::io::Error::other("server gone"))?;
            answer
                .await
                .map_err(|_| std::io::Error::other("connection reset"))
        }
    });
    (kube::Client::new(service, "default"), Fake(receiver))
}

impl Fake {
    /// The next request.
    pub(crate) async fn next(&mut self) -> Exchange {
        let next = tokio::time::timeout(Duration::from_hours(1), self.0.recv());
        next.await.expect("a request in time").expect("a client")
    }

    /// The next request, which must begin like this.
    pub(crate) async fn expect(&mut self, method: Method, path: &str) -> Exchange {
        let exchange = self.next().await;
        assert_eq!(exchange.method, method, "{}", exchange.uri);
        assert!(
            exchange.uri.starts_with(path),
            "{} is not {path}",
            exchange.uri
        );
        exchange
    }
}

impl Exchange {
    pub(crate) fn json(self, body: &Value) {
        self.with_code(200, body);
    }

    pub(crate) fn with_code(self, code: u16, body: &Value) {
        let bytes = Bytes::from(serde_json::to_vec(body).unwrap());
        let frames = futures::stream::iter([Ok(Frame::data(bytes))]);
        self.respond(code, StreamBody::new(Box::pin(frames)));
    }

    pub(crate) fn fail(self, code: u16, reason: &str, message: &str) {
        let status = json!({"kind": "Status", "code": code, "reason": reason, "message": message});
        self.with_code(code, &status);
    }

    /// Answers with a body that stays open until the handle is dropped.
    pub(crate) fn stream(self) -> Stream {
        let (sender, receiver) = mpsc::unbounded_channel::<Bytes>();
        let frames = futures::stream::unfold(receiver, |mut receiver| async move {
            receiver
                .recv()
                .await
                .map(|bytes| (Ok(Frame::data(bytes)), receiver))
        });
        self.respond(200, StreamBody::new(Box::pin(frames)));
        Stream(sender)
    }

    /// Breaks the connection without an answer.
    pub(crate) fn break_off(self) {
        drop(self.reply);
    }

    fn respond(self, code: u16, body: Frames) {
        let response = Response::builder().status(code).body(body).unwrap();
        // A client that gave up is part of some tests.
        drop(self.reply.send(response));
    }
}

/// A body that is being sent.
pub(crate) struct Stream(mpsc::UnboundedSender<Bytes>);

impl Stream {
    pub(crate) fn event(&self, kind: &str, object: &Value) {
        let line = format!("{}\n", json!({"type": kind, "object": object}));
        self.bytes(&line);
    }

    pub(crate) fn bytes(&self, bytes: &str) {
        self.0
            .send(Bytes::from(bytes.to_owned()))
            .expect("the client reads");
    }
}
