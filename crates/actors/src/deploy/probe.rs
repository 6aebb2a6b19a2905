//! Whether a container answers: startup, readiness and liveness probes as the kubelet runs them.
//!
//! Differs in pace: until a container is ready for the first time it is looked at often, since nobody on a laptop wants to
//! wait for `periodSeconds` after every commit. A container that declares ports and has no readiness probe is ready when
//! its first port accepts connections.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::process::{Executed, Orders};

/// Longest head of an answer that is read.
const MAX_HEAD_BYTES: usize = 1024;
/// Pause between two looks at a container that was never ready.
const FIRST_PERIOD: Duration = Duration::from_millis(25);

/// One way to look at a container, and how often.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    way: Way,
    pub(super) initial_delay: Duration,
    /// Pause between two looks.
    pub(super) period: Duration,
    /// Pause until the first look that went well.
    pub(super) first_period: Duration,
    timeout: Duration,
    pub(super) successes: i32,
    pub(super) failures: i32,
}

#[derive(Debug, Clone, PartialEq)]
enum Way {
    /// It accepts connections.
    Tcp(u16),
    /// It answers a GET with 2xx or 3xx.
    Http {
        port: u16,
        path: String,
        headers: Vec<(String, String)>,
    },
    /// A command inside ends with 0.
    Execute(Vec<String>),
}

/// The three probes of a container; `port` is where its first port really is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Looks {
    pub(super) startup: Option<Look>,
    /// Without one the container is ready when it runs.
    pub(super) readiness: Option<Look>,
    pub(super) liveness: Option<Look>,
}

impl Looks {
    pub(super) fn of(container: &Container, port: u16) -> Self {
        let look = |probe: &Option<Probe>| {
            let probe = probe.as_ref()?;
            Look::of(probe, container, port)
        };
        let has_ports = container
            .ports
            .as_ref()
            .is_some_and(|ports| !ports.is_empty());
        let connects = has_ports.then(|| Look {
            first_period: FIRST_PERIOD,
            ..Look::every(Duration::from_secs(10), Way::Tcp(port))
        });
        let readiness = look(&container.readiness_probe).map(|mut look| {
            look.first_period = look.period.min(Duration::from_millis(250));
            look
        });
        let startup = look(&container.startup_probe).map(|mut look| {
            look.first_period = look.period;
            look
        });
        Self {
            startup,
            // What only connects is looked at until it is ready, never after.
            readiness: readiness.or(connects),
            liveness: look(&container.liveness_probe),
        }
    }

    /// Whether readiness can be lost again.
    pub(super) fn stays_under_watch(container: &Container) -> bool {
        container.readiness_probe.is_some()
    }
}

/// The field that cannot be carried out, if one of the probes has one.
pub(super) fn unsupported(container: &Container) -> Option<String> {
    let probes = [
        ("startupProbe", &container.startup_probe),
        ("readinessProbe", &container.readiness_probe),
        ("livenessProbe", &container.liveness_probe),
    ];
    probes.into_iter().find_map(|(name, probe)| {
        let probe = probe.as_ref()?;
        let https = probe
            .http_get
            .as_ref()
            .is_some_and(|get| get.scheme.as_deref() == Some("HTTPS"));
        let problem = if probe.grpc.is_some() {
            "grpc is not supported on this machine"
        } else if https {
            "httpGet with scheme HTTPS is not supported on this machine"
        } else if probe.http_get.is_none() && probe.tcp_socket.is_none() && probe.exec.is_none() {
            "it names no way to look"
        } else {
            return None;
        };
        Some(format!("{name}: {problem}; use httpGet, tcpSocket or exec"))
    })
}

impl Look {
    fn every(period: Duration, way: Way) -> Self {
        Self {
            way,
            initial_delay: Duration::ZERO,
            period,
            first_period: period,
            timeout: Duration::from_secs(1),
            successes: 1,
            failures: 3,
        }
    }

    fn of(probe: &Probe, container: &Container, port: u16) -> Option<Self> {
        let way = if let Some(get) = &probe.http_get {
            http(get, container, port)
        } else if let Some(socket) = &probe.tcp_socket {
            Way::Tcp(real_port(container, &socket.port, port))
        } else {
            let command = probe.exec.as_ref()?.command.clone();
            Way::Execute(command.unwrap_or_default())
        };
        let seconds = |value: Option<i32>, default: u64| {
            let value = value.and_then(|value| u64::try_from(value).ok());
            Duration::from_secs(value.unwrap_or(default))
        };
        let period = seconds(probe.period_seconds, 10).max(Duration::from_secs(1));
        Some(Self {
            way,
            initial_delay: seconds(probe.initial_delay_seconds, 0),
            period,
            first_period: period,
            timeout: seconds(probe.timeout_seconds, 1).max(Duration::from_secs(1)),
            successes: probe.success_threshold.unwrap_or(1).max(1),
            failures: probe.failure_threshold.unwrap_or(3).max(1),
        })
    }

    /// Looks once.
    ///
    /// # Errors
    /// What was seen instead.
    pub(super) async fn once(&self, orders: &Orders) -> Result<(), String> {
        let look = async {
            match &self.way {
                Way::Tcp(port) => TcpStream::connect(("127.0.0.1", *port))
                    .await
                    .map(drop)
                    .map_err(|error| format!("dial tcp 127.0.0.1:{port}: {error}")),
                Way::Http {
                    port,
                    path,
                    headers,
                } => answers(*port, path, headers).await,
                Way::Execute(command) => {
                    return judge(orders.execute(command, self.timeout).await);
                }
            }
        };
        if matches!(self.way, Way::Execute(_)) {
            // The supervisor keeps the time.
            return look.await;
        }
        timeout(self.timeout, look)
            .await
            .unwrap_or_else(|_elapsed| Err("context deadline exceeded".to_owned()))
    }
}

fn judge(executed: Option<Executed>) -> Result<(), String> {
    match executed {
        Some(Executed { code: Some(0), .. }) => Ok(()),
        Some(Executed {
            code: Some(_),
            output,
        }) => Err(output.trim_end().to_owned()),
        Some(Executed { code: None, .. }) => Err("command timed out".to_owned()),
        None => Err("the container ended".to_owned()),
    }
}

fn http(get: &HTTPGetAction, container: &Container, port: u16) -> Way {
    let path = get.path.clone().unwrap_or_default();
    let path = if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    };
    let headers = get.http_headers.iter().flatten();
    Way::Http {
        port: real_port(container, &get.port, port),
        path,
        headers: headers
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect(),
    }
}

/// Where a port of the specification really is: the container got one port of this machine, its
/// first one; others are taken as they are.
fn real_port(container: &Container, asked: &IntOrString, first: u16) -> u16 {
    let ports = container.ports.as_deref().unwrap_or_default();
    let position = ports.iter().position(|port| match asked {
        IntOrString::Int(number) => port.container_port == *number,
        IntOrString::String(name) => port.name.as_deref() == Some(name.as_str()),
    });
    match (position, asked) {
        (Some(0) | None, IntOrString::String(_)) | (Some(0), IntOrString::Int(_)) => first,
        (_, IntOrString::Int(number)) => u16::try_from(*number).unwrap_or(first),
        (Some(other), IntOrString::String(_)) => {
            u16::try_from(ports[other].container_port).unwrap_or(first)
        }
    }
}

async fn answers(port: u16, path: &str, headers: &[(String, String)]) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("Get \"http://127.0.0.1:{port}{path}\": {error}");
    let mut stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .map_err(fail)?;
    let mut request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n");
    let names_host = headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"));
    if !names_host {
        request.push_str("Host: 127.0.0.1\r\n");
    }
    // A line break would make another header of the rest.
    let sound = |text: &str| !text.contains(['\r', '\n']);
    for (name, value) in headers {
        if sound(name) && sound(value) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(fail)?;
    let mut head = vec![0; MAX_HEAD_BYTES];
    let read = stream.read(&mut head).await.map_err(fail)?;
    let text = String::from_utf8_lossy(&head[..read]);
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    match status {
        Some(200..400) => Ok(()),
        Some(code @ 0..=u16::MAX) => Err(format!("HTTP probe failed with statuscode: {code}")),
        None => Err("the answer is not HTTP".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn container(more: Value) -> Container {
        let mut value = json!({
            "name": "c", "ports": [{"containerPort": 8080, "name": "http"}, {"containerPort": 9090, "name": "admin"}],
        });
        value
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn ports_of_probes_are_found_where_they_really_are() {
        let c = container(json!({}));
        for (asked, expect) in [
            (IntOrString::Int(8080), 20_001),
            (IntOrString::String("http".into()), 20_001),
            (IntOrString::String("admin".into()), 9090),
            (IntOrString::Int(9090), 9090),
            (IntOrString::Int(7000), 7000),
        ] {
            assert_eq!(real_port(&c, &asked, 20_001), expect, "{asked:?}");
        }
    }

    #[test]
    fn without_a_probe_a_declared_port_must_accept() {
        let looks = Looks::of(&container(json!({})), 20_001);
        assert_eq!(looks.readiness.unwrap().way, Way::Tcp(20_001));
        assert_eq!(
            Looks::of(&container(json!({"ports": null})), 1).readiness,
            None
        );
    }

    #[test]
    fn what_cannot_be_probed_is_named() {
        let c = container(json!({"livenessProbe": {"grpc": {"port": 1}}}));
        assert!(
            unsupported(&c)
                .unwrap()
                .starts_with("livenessProbe: grpc is not supported")
        );
        assert_eq!(
            unsupported(&container(
                json!({"readinessProbe": {"exec": {"command": ["true"]}}})
            )),
            None
        );
    }
}
