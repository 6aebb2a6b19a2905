//! Fetches a file over HTTP into a temporary one, within a time and a size.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::time::Duration;

use futures::StreamExt;
use tokio::io::AsyncWriteExt;

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum DownloadError {
    #[error("cannot fetch {url}")]
    Request {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("cannot fetch {url}: the server answered {status}")]
    Status { url: String, status: u16 },
    #[error("cannot fetch {url}: it is larger than {limit_bytes} bytes")]
    TooLarge { url: String, limit_bytes: u64 },
    #[error("cannot keep what was fetched")]
    Disk(#[from] io::Error),
}

/// Fetches `url`; the file is open at its beginning, and gone when closed.
pub async fn to_file(
    url: &str,
    timeout: Duration,
    limit_bytes: u64,
) -> Result<File, DownloadError> {
    // Whoever came first has set the provider; all of us use the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    let request = |source: reqwest::Error| DownloadError::Request {
        url: url.to_owned(),
        source: source.without_url(),
    };
    let client = reqwest::Client::builder()
        .timeout(timeout)
        .build()
        .map_err(request)?;
    let response = client.get(url).send().await.map_err(request)?;
    if !response.status().is_success() {
        return Err(DownloadError::Status {
            url: url.to_owned(),
            status: response.status().as_u16(),
        });
    }
    let mut file = tokio::fs::File::from_std(tempfile::tempfile()?);
    let mut size_bytes = 0u64;
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(request)?;
        size_bytes += chunk.len() as u64;
        if size_bytes > limit_bytes {
            return Err(DownloadError::TooLarge {
                url: url.to_owned(),
                limit_bytes,
            });
        }
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    let mut file = file.into_std().await;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}
