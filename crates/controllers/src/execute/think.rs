//! Where passes think, and what becomes of everybody else meanwhile.
//!
//! A thought is short as a rule, some tens of microseconds, and shorter than the change of threads that would keep it
//! out of the way; a template that uses up its budget takes a thousand times as long. So thoughts stay where they are,
//! like any other task, until one has taken [`LONG`]; after that the next [`WARY`] let the other tasks of their thread
//! move away first. What counts is the time of the processor: on a busy machine a short thought takes long by the clock.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

use super::Broken;

/// Passes that may think at a time, per processor: more than one, so that a template that uses up its whole budget of
/// steps does not keep everybody else waiting.
const PER_PROCESSOR: usize = 2;
/// Others need not wait longer than this for a thought that nobody expected to be long.
const LONG: Duration = Duration::from_millis(2);
/// So many thoughts are expected to be long after one that was.
const WARY: u32 = 1000;

/// The places where passes think.
pub(crate) struct Thinking {
    places: Arc<Semaphore>,
    /// How many of the next thoughts are expected to be long.
    wary: AtomicU32,
}

impl Thinking {
    /// Places for a machine of so many processors.
    pub(crate) fn new(processors: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(PER_PROCESSOR * processors.max(1))),
            wary: AtomicU32::new(0),
        }
    }

    /// Lets the core think.
    pub(super) async fn think<T: Send + 'static>(
        &self,
        thought: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Broken> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let think = move || {
            let begun = processor_time();
            let result = std::panic::catch_unwind(AssertUnwindSafe(thought));
            drop(place);
            (result, processor_time().saturating_sub(begun))
        };
        let (result, taken) = match Handle::current().runtime_flavor() {
            // Nobody could move away.
            RuntimeFlavor::CurrentThread => tokio::task::spawn_blocking(think)
                .await
                .map_err(|_| Broken::Panicked)?,
            _ if self.is_wary() => tokio::task::block_in_place(think),
            _ => think(),
        };
        if taken >= LONG {
            self.wary.store(WARY, Ordering::Relaxed);
        }
        result.map_err(|_| Broken::Panicked)
    }

    /// Whether the next thought is expected to be long.
    fn is_wary(&self) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        self.wary
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }
}

/// How long this thread has had a processor.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brood() {
        let begun = processor_time();
        while processor_time().saturating_sub(begun) < LONG {
            std::hint::spin_loop();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_long_thought_makes_the_next_ones_wary() {
        let thinking = Thinking::new(1);
        assert!(!thinking.is_wary());
        thinking
            .think(|| std::thread::sleep(LONG))
            .await
            .expect("it does not panic");
        assert!(!thinking.is_wary(), "it only took long by the clock");
        thinking.think(brood).await.expect("it does not panic");
        for _ in 0..WARY {
            assert!(thinking.is_wary());
        }
        assert!(!thinking.is_wary());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_panic_ends_its_thought_alone() {
        let thinking = Thinking::new(1);
        let broken = thinking.think(|| panic!("on purpose")).await;
        assert!(matches!(broken, Err::<(), _>(Broken::Panicked)));
        for _ in 0..3 {
            assert_eq!(thinking.think(|| 7).await.expect("there is a place"), 7);
        }
    }
}
