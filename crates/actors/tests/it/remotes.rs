//! `GitRepository` over the network: a real sshd, and git's own HTTP server behind a password.

use std::collections::HashMap;
use std::net::TcpListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use carto_actors::Actor;
use carto_testkit::real;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::home::{Home, commit, condition, git_repository, repository, wait_for};

const V1: &str = "source.toolkit.fluxcd.io/v1";
const KIND: &str = "GitRepository";

fn secret(name: &str, data: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": data,
        "metadata": {"name": name, "namespace": "default"},
    })
}

/// A repository that is looked at every second, with the credentials of a Secret.
fn with_secret(name: &str, url: &str, secret: Option<&str>) -> Value {
    let mut object = git_repository(name, url);
    object["spec"]["interval"] = json!("1s");
    if let Some(secret) = secret {
        object["spec"]["secretRef"] = json!({"name": secret});
    }
    object
}

async fn until_revision(home: &Home, name: &str, commit: &str) {
    let revision = format!("main@sha1:{commit}");
    home.until(V1, KIND, name, |object| {
        object["status"]["artifact"]["revision"] == revision
    })
    .await;
}

async fn problem(home: &Home, name: &str) -> (String, String) {
    let object = home
        .until(V1, KIND, name, |object| {
            condition(object, "Ready").0 == "False"
        })
        .await;
    let (_, reason, message) = condition(&object, "Ready");
    (reason, message)
}

/// An sshd of this test alone.
struct Sshd {
    folder: PathBuf,
    port: u16,
    process: Child,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn keygen(file: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(file)
        .status()
        .unwrap();
    assert!(made.success());
}

impl Sshd {
    async fn start(program: &Path, folder: &Path) -> Sshd {
        std::fs::create_dir_all(folder).unwrap();
        // Where sshd drops its rights; only root has and needs it.
        drop(std::fs::create_dir_all("/run/sshd"));
        for key in ["host", "user", "stranger"] {
            keygen(&folder.join(key));
        }
        let free = StdListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/user.pub\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n",
            folder.display()
        );
        let file = folder.join("sshd_config");
        std::fs::write(&file, config).unwrap();
        let process = Command::new(program)
            .args(["-D", "-e", "-f"])
            .arg(&file)
            .stderr(Stdio::from(
                std::fs::File::create(folder.join("log")).unwrap(),
            ))
            .spawn()
            .unwrap();
        let sshd = Sshd {
            folder: folder.to_owned(),
            port,
            process,
        };
        let up = wait_for(async || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(up.await, "{}", sshd.read("log"));
        sshd
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap()
    }

    fn keys(&self, identity: &str, host: &str) -> Value {
        let host = self.read(&format!("{host}.pub"));
        json!({
            "identity": self.read(identity),
            "known_hosts": format!("[127.0.0.1]:{} {host}", self.port),
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_open_repositories_over_ssh_and_strangers_are_told_so() {
    let Some(program) = real::program("keys_open_repositories_over_ssh", "sshd") else {
        return;
    };
    let home = Home::start(&[Actor::Git]).await;
    let sshd = Sshd::start(&program, &home.dir.path().join("sshd")).await;
    let folder = home.dir.path().join("app");
    repository(&folder);
    let first = commit(&folder, &[("a", "1")]);
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let url = format!(
        "ssh://{}@127.0.0.1:{}{}",
        user.trim(),
        sshd.port,
        folder.display()
    );
    home.apply(secret("right", sshd.keys("user", "host"))).await;
    home.apply(secret("stranger", sshd.keys("stranger", "host")))
        .await;
    home.apply(secret("imposter", sshd.keys("user", "stranger")))
        .await;
    home.apply(with_secret("right", &url, Some("right"))).await;
    until_revision(&home, "right", &first).await;
    let second = commit(&folder, &[("a", "2")]);
    until_revision(&home, "right", &second).await;

    home.apply(with_secret("stranger", &url, Some("stranger")))
        .await;
    let (reason, message) = problem(&home, "stranger").await;
    assert_eq!(reason, "GitOperationFailed");
    assert!(message.contains("authentication required"), "{message}");
    home.apply(with_secret("imposter", &url, Some("imposter")))
        .await;
    let (_, message) = problem(&home, "imposter").await;
    assert!(message.contains("knownhosts: key mismatch"), "{message}");
    home.stop().await;
}

/// Serves the repositories of a folder to whoever knows the password, with git's own CGI program.
async fn serve_http(root: PathBuf, password: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("user:{password}"));
    let expected = format!("Basic {pair}");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (root, expected) = (root.clone(), expected.clone());
            let service =
                service_fn(move |request| answer(root.clone(), expected.clone(), request));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    port
}

async fn answer(
    root: PathBuf,
    expected: String,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let header = |name: &str| {
        let value = head.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    if header("authorization") != expected {
        let refused = Response::builder()
            .status(401)
            .header("WWW-Authenticate", "Basic realm=\"test\"");
        return Ok(refused.body(Full::default()).unwrap());
    }
    let body = body.collect().await?.to_bytes();
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .envs(HashMap::from([
            ("GIT_PROJECT_ROOT", root.display().to_string()),
            ("GIT_HTTP_EXPORT_ALL", "1".to_owned()),
            ("PATH_INFO", head.uri.path().to_owned()),
            (
                "QUERY_STRING",
                head.uri.query().unwrap_or_default().to_owned(),
            ),
            ("REQUEST_METHOD", head.method.to_string()),
            ("CONTENT_TYPE", header("content-type")),
            ("CONTENT_LENGTH", body.len().to_string()),
            ("HTTP_CONTENT_ENCODING", header("content-encoding")),
            ("GIT_PROTOCOL", header("git-protocol")),
            ("GIT_CONFIG_COUNT", "1".to_owned()),
            ("GIT_CONFIG_KEY_0", "safe.directory".to_owned()),
            ("GIT_CONFIG_VALUE_0", "*".to_owned()),
        ]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&body).await.unwrap();
    let output = child.wait_with_output().await.unwrap().stdout;
    let end = output
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap();
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(&value[..3]),
            _ => response.header(name, value),
        };
    }
    let content = Bytes::copy_from_slice(&output[end + 4..]);
    Ok(response.body(Full::from(content)).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_open_repositories_over_http_and_commits_are_found_by_interval() {
    let home = Home::start(&[Actor::Git]).await;
    let folder = home.dir.path().join("repositories/app");
    repository(&folder);
    let first = commit(&folder, &[("a", "1")]);
    let port = serve_http(home.dir.path().join("repositories"), "right").await;
    let url = format!("http://127.0.0.1:{port}/app/.git");
    for password in ["right", "wrong"] {
        let data = json!({"username": "user", "password": password});
        home.apply(secret(password, data)).await;
    }
    home.apply(with_secret("right", &url, Some("right"))).await;
    until_revision(&home, "right", &first).await;
    let second = commit(&folder, &[("a", "2")]);
    until_revision(&home, "right", &second).await;
    for (name, secret) in [("wrong", Some("wrong")), ("none", None)] {
        home.apply(with_secret(name, &url, secret)).await;
        let (reason, message) = problem(&home, name).await;
        assert_eq!(reason, "GitOperationFailed");
        assert!(message.contains("authentication required"), "{message}");
        assert!(!message.contains("user:"), "{message}");
    }
    let missing = format!("http://127.0.0.1:{port}/nothing/.git");
    home.apply(with_secret("missing", &missing, Some("right")))
        .await;
    let (_, message) = problem(&home, "missing").await;
    assert!(message.contains("repository not found"), "{message}");
    home.stop().await;
}
