//! Fetching what a command line names by URL.

use std::io::Read as _;
use std::time::Duration;

use carto_artifacts::download::{self, DownloadError};

/// The body of a successful GET request.
///
/// # Errors
/// Why there is none, without the URL: an answer such as `404 Not Found`, no answer in time, or a
/// body larger than `limit_bytes`.
pub async fn fetch(url: &str, timeout: Duration, limit_bytes: u64) -> Result<Vec<u8>, String> {
    let fetched = download::to_file(url, timeout, limit_bytes).await;
    let mut file = fetched.map_err(|error| match error {
        DownloadError::Status { status, .. } => http::StatusCode::from_u16(status)
            .map_or_else(|_| status.to_string(), |status| status.to_string()),
        DownloadError::Request { source, .. } => innermost(&source),
        DownloadError::TooLarge { limit_bytes, .. } => {
            format!("the body is larger than {limit_bytes} bytes")
        }
        DownloadError::Disk(error) => error.to_string(),
    })?;
    let mut body = Vec::new();
    let read = file.read_to_end(&mut body);
    read.map(|_| body).map_err(|error| error.to_string())
}

/// What went wrong at the bottom of things.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
