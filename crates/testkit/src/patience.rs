//! Waiting without guessing how long.

use std::time::{Duration, Instant};

/// How long a test waits for something that should come at once on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
const TICK: Duration = Duration::from_millis(10);

/// Calls `look` until it gives a value.
///
/// # Panics
/// After [`PATIENCE`], naming `what`.
pub async fn eventually<T, Look, Seen>(what: &str, mut look: Look) -> T
where
    Look: FnMut() -> Seen,
    Seen: Future<Output = Option<T>>,
{
    let begin = Instant::now();
    loop {
        if let Some(value) = look().await {
            return value;
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "not within {} s: {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(TICK).await;
    }
}
