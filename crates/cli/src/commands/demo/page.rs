//! Asks the running application for its page: one bounded HTTP/1.1 request over loopback.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 20;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The body at `url` (`http://HOST:PORT[/PATH]`), or why there is none.
pub(super) async fn get(url: &str) -> Result<String, String> {
    timeout(PATIENCE, request(url))
        .await
        .map_err(|_elapsed| format!("{url} did not answer in {} s", PATIENCE.as_secs()))?
        .map_err(|error| format!("{url}: {error}"))
}

async fn request(url: &str) -> std::io::Result<String> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).await?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream
        .take(MAX_ANSWER_BYTES)
        .read_to_end(&mut answer)
        .await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split_whitespace().nth(1).unwrap_or("no status");
    if status == "200" {
        return Ok(body.to_owned());
    }
    Err(std::io::Error::other(format!("answered {status}")))
}
