//! `/healthz`, `/readyz` and `/metrics` of running controllers.

use std::sync::{Arc, Weak};

use carto_controllers::Controllers;
use http::StatusCode;

use crate::serving::{Answer, Answers};

/// Answers probes for as long as the controllers live.
pub(crate) struct Probes(pub(crate) Weak<Controllers>);

impl Answers for Probes {
    fn answer(&self, path: &str, _: &[u8]) -> Answer {
        let Some(controllers) = self.0.upgrade() else {
            return Answer::text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
        };
        match path {
            "/healthz" | "/livez" => Answer::text(StatusCode::OK, "ok\n"),
            "/readyz" => readiness(&controllers),
            "/metrics" => Answer {
                content: "text/plain; version=0.0.4",
                ..Answer::text(StatusCode::OK, controllers.metrics().prometheus())
            },
            _ => Answer::text(
                StatusCode::NOT_FOUND,
                "there are /healthz, /readyz and /metrics\n",
            ),
        }
    }
}

/// A replica that does not lead is ready too: it takes over at once.
fn readiness(controllers: &Arc<Controllers>) -> Answer {
    if controllers.is_synced() {
        Answer::text(StatusCode::OK, "ok\n")
    } else {
        Answer::text(
            StatusCode::SERVICE_UNAVAILABLE,
            "waiting for the first lists of what is watched\n",
        )
    }
}
