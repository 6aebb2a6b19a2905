//! Whether a container answers.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longest head of an answer that is read.
const MAX_HEAD_BYTES: usize = 1024;

/// How a container shows that it is ready.
#[derive(Debug, Clone)]
pub(super) enum Readiness {
    /// It runs.
    Running,
    /// It accepts connections on its port.
    Tcp(u16),
    /// It answers a GET with 2xx or 3xx.
    Http { port: u16, path: String },
}

/// Pause between two looks at a container that is not ready.
pub(super) const PERIOD: Duration = Duration::from_millis(25);

impl Readiness {
    /// Reads the container's probe; one that declares ports must at least accept connections.
    /// `port` is where its first port really is.
    pub(super) fn of(container: &Container, port: u16) -> Self {
        if let Some(probe) = &container.readiness_probe {
            return Self::from_probe(probe, container, port);
        }
        if container
            .ports
            .as_ref()
            .is_some_and(|ports| !ports.is_empty())
        {
            return Self::Tcp(port);
        }
        Self::Running
    }

    fn from_probe(probe: &Probe, container: &Container, port: u16) -> Self {
        if let Some(get) = &probe.http_get {
            let path = get.path.clone().unwrap_or_else(|| "/".to_owned());
            return Self::Http {
                port: real_port(container, &get.port, port),
                path,
            };
        }
        if let Some(socket) = &probe.tcp_socket {
            return Self::Tcp(real_port(container, &socket.port, port));
        }
        Self::Tcp(port)
    }

    /// Looks once.
    pub(super) async fn holds(&self) -> bool {
        let look = async {
            match self {
                Self::Running => true,
                Self::Tcp(port) => TcpStream::connect(("127.0.0.1", *port)).await.is_ok(),
                Self::Http { port, path } => answers(*port, path).await.unwrap_or(false),
            }
        };
        timeout(Duration::from_secs(1), look).await.unwrap_or(false)
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

async fn answers(port: u16, path: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = vec![0; MAX_HEAD_BYTES];
    let read = stream.read(&mut head).await?;
    let text = String::from_utf8_lossy(&head[..read]);
    let status: u16 = text
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    Ok((200..400).contains(&status))
}
