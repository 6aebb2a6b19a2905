//! The validating webhook: says what is wrong with a blueprint or template before it is stored.
//!
//! The rules are those of `carto_core::validate`, the texts and their order those of the original's webhook; what can
//! never work although the original accepts it is denied too, and what is probably not meant comes as a warning.
//!
//! Each replica issues its own certificate and adds it to the bundle in the `ValidatingWebhookConfiguration`, from which
//! it also learns the names that it is called by. No key leaves the process, no Secret is read, no other controller is
//! needed.

mod certificate;
mod configuration;
mod review;

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::serving;
use configuration::Configuration;

/// How often the bundle is looked at: another replica may have dropped what it thinks is old.
const LOOK_EVERY: Duration = Duration::from_mins(10);
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// Serves the webhook until the token is cancelled.
pub(crate) async fn run(
    listener: TcpListener,
    client: Client,
    configuration: String,
    stop: CancellationToken,
) {
    let (send, acceptors) = watch::channel(None);
    let trusted = Configuration::new(client, configuration);
    let serving = serving::serve(
        listener,
        Some(acceptors),
        Arc::new(review::Reviews),
        stop.clone(),
    );
    tokio::select! {
        () = serving => {}
        _ = stop.run_until_cancelled(keep_trusted(trusted, send)) => {}
    }
}

/// Sees to it that the API server trusts what is served with, for ever.
async fn keep_trusted(
    mut trusted: Configuration,
    acceptors: watch::Sender<Option<tokio_rustls::TlsAcceptor>>,
) {
    loop {
        let wait = match trusted.ensure().await {
            Ok(None) => LOOK_EVERY,
            Ok(Some(acceptor)) => {
                acceptors.send_replace(Some(acceptor));
                LOOK_EVERY
            }
            Err(error) => {
                tracing::warn!(%error, "the webhook cannot be called yet");
                RETRY_EVERY
            }
        };
        tokio::time::sleep(wait).await;
    }
}
