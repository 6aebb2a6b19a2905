//! Puts the parts together, starts and stops them.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::sync::watch::{Receiver, Sender};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::discovery::Discovery;
use crate::events::Recorder;
use crate::execute::{Begin, Executor, Thinking};
use crate::index::Index;
use crate::lease::{Elector, LeaderElection};
use crate::metrics::{Metrics, Snapshot, Verb};
use crate::queue::{Next, Queue};
use crate::transport::Transport;
use crate::watches::{Parts, Watches};
use crate::wire::{Call, Failure, Wire};

/// How long running passes and pending events are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// At the start, blueprints are examined before any owner, but owners do not wait longer than this.
const BLUEPRINTS_FIRST: Duration = Duration::from_secs(3);

/// How the controllers are run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Passes at a time. Each has at most one request under way.
    pub concurrency: usize,
    /// How long a reply is waited for.
    pub request_timeout: Duration,
    /// The lease to hold before anything is written; `None` for a single replica.
    pub leader_election: Option<LeaderElection>,
    /// Whether events are written.
    pub events: bool,
    /// How often the index is swept for changes that nobody has answered. Costs no requests.
    pub sweep_every: Duration,
    /// How long a watch may say nothing at all, not even a bookmark, until it is opened again. Servers send a bookmark
    /// about once a minute; one that has not sent any yet is given three times as long.
    pub watch_silence: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: 32,
            request_timeout: Duration::from_secs(30),
            leader_election: None,
            events: true,
            sweep_every: Duration::from_mins(1),
            watch_silence: Duration::from_secs(200),
        }
    }
}

/// Why the controllers cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The API does not know who asks.
    #[error("the API server refuses the credentials: {message}")]
    Unauthorized {
        /// What the API says.
        message: String,
    },
}

/// Runs the controllers until `shutdown` is cancelled.
///
/// # Errors
/// [`RunError::Unauthorized`] when the first request is refused for want of valid credentials. An API that cannot be
/// reached is waited for.
pub async fn run(
    transport: impl Into<Transport>,
    config: Config,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let controllers = Controllers::start(transport, config).await?;
    shutdown.cancelled().await;
    controllers.stop().await;
    Ok(())
}

/// Running controllers. Dropping the handle stops them at once; [`Controllers::stop`] does so in good order.
pub struct Controllers {
    executor: Arc<Executor>,
    cancel: CancellationToken,
    tasks: TaskTracker,
    /// Cancelled when events need not be waited for any more.
    writers: TaskTracker,
    ready: Receiver<bool>,
    leading: Receiver<bool>,
}

impl Controllers {
    /// Starts watching, and working as soon as everything is in sync.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn start(transport: impl Into<Transport>, config: Config) -> Result<Self, RunError> {
        Self::start_with(transport.into(), config, Arc::new(crate::execute::begin)).await
    }

    pub(crate) async fn start_with(
        transport: Transport,
        config: Config,
        begin: Begin,
    ) -> Result<Self, RunError> {
        // A setting that is forgotten here does not compile.
        let Config {
            concurrency,
            request_timeout,
            leader_election,
            events,
            sweep_every,
            watch_silence,
        } = config;
        let metrics = Arc::new(Metrics::default());
        let wire = Wire::new(transport, Arc::clone(&metrics), request_timeout);
        check_credentials(&wire).await?;

        let (cancel, tasks, writers) = (
            CancellationToken::new(),
            TaskTracker::new(),
            TaskTracker::new(),
        );
        let concurrency = concurrency.max(1);
        let queue = Arc::new(Queue::new(concurrency));
        let index = Arc::new(Index::new(Arc::clone(&queue)));
        let discovery = Arc::new(Discovery::new(wire.clone()));
        let watches = Watches::new(Parts {
            wire: wire.clone(),
            index: Arc::clone(&index),
            queue: Arc::clone(&queue),
            discovery: Arc::clone(&discovery),
            silence: watch_silence,
            cancel: cancel.clone(),
            tasks: tasks.clone(),
        });
        let recorder = events.then(|| {
            let waiting = Arc::clone(&queue);
            let busy = move || waiting.depth().0 > 0;
            let (recorder, run) = Recorder::new(&wire, &metrics, Box::new(busy));
            for writer in run {
                writers.spawn(writer);
            }
            recorder
        });
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let executor = Arc::new(Executor {
            wire: wire.clone(),
            index,
            queue,
            watches,
            discovery,
            recorder,
            metrics,
            begin,
            thinking: Thinking::new(processors),
        });

        let (leading, ready) = (Sender::new(leader_election.is_none()), Sender::new(false));
        let (ready_seen, leading_seen) = (ready.subscribe(), leading.subscribe());
        executor.watches.start();
        tasks.spawn(dispatch(Dispatch {
            executor: Arc::clone(&executor),
            concurrency,
            leading: leading.clone(),
            ready,
            cancel: cancel.clone(),
            tasks: tasks.clone(),
        }));
        tasks.spawn(cancel.clone().run_until_cancelled_owned(sweep(
            Arc::clone(&executor),
            leading.clone(),
            sweep_every,
        )));
        if let Some(election) = leader_election {
            let mut elector = Elector::new(wire, election, leading);
            let cancel = cancel.clone();
            tasks.spawn(async move {
                cancel.run_until_cancelled(elector.run()).await;
                elector.release().await;
            });
        }
        Ok(Self {
            executor,
            cancel,
            tasks,
            writers,
            ready: ready_seen,
            leading: leading_seen,
        })
    }

    /// Waits until everything that is watched from the start is in the index.
    pub async fn synced(&self) {
        let mut ready = self.ready.clone();
        // The other end lives as long as the dispatcher; when that is gone nobody needs to know.
        drop(ready.wait_for(|ready| *ready).await);
    }

    /// Whether everything that is watched from the start is in the index.
    pub fn is_synced(&self) -> bool {
        *self.ready.borrow()
    }

    /// Loses what the index tells the queue from now on, or stops doing so.
    #[cfg(test)]
    pub(crate) fn lose_for_tests(&self, lose: bool) {
        self.executor.queue.lose(lose);
    }

    #[cfg(test)]
    pub(crate) fn ready_for_tests(&self) -> Receiver<bool> {
        self.ready.clone()
    }

    /// The counters and gauges now.
    pub fn metrics(&self) -> Snapshot {
        let (waiting, running) = self.executor.queue.depth();
        let (owners, rows) = self.executor.index.sizes();
        Snapshot {
            queue: waiting as u64,
            running: running as u64,
            delayed: self.executor.queue.delayed() as u64,
            events_pending: self.executor.recorder.as_ref().map_or(0, Recorder::pending) as u64,
            watches: self.executor.watches.count() as u64,
            owners: owners as u64,
            rows: rows as u64,
            leading: *self.leading.borrow(),
            ..self.executor.metrics.snapshot()
        }
    }

    /// Every hop from now on; a listener that falls far behind misses some.
    pub fn hops(&self) -> tokio::sync::broadcast::Receiver<crate::Hop> {
        self.executor.metrics.feed.subscribe()
    }

    /// Whether there is nothing to do now: no key waits or runs, and all events are written. An owner that waits for
    /// its next try after a failure is nothing to do until then; [`Snapshot::delayed`] counts those.
    pub fn is_idle(&self) -> bool {
        self.executor.queue.depth() == (0, 0)
            && self
                .executor
                .recorder
                .as_ref()
                .is_none_or(|recorder| recorder.pending() == 0)
    }

    /// Stops: no new passes, a moment for those that run and for events, and the lease is let go.
    pub async fn stop(&self) {
        self.cancel.cancel();
        self.tasks.close();
        if tokio::time::timeout(FAREWELL, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some passes did not end in time");
        }
        self.writers.close();
        let pending = self.executor.recorder.as_ref().map_or(0, Recorder::pending);
        if pending > 0 {
            let written = async {
                while self
                    .executor
                    .recorder
                    .as_ref()
                    .is_some_and(|r| r.pending() > 0)
                {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            if tokio::time::timeout(FAREWELL, written).await.is_err() {
                tracing::warn!(pending, "some events were not written in time");
            }
        }
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// An API that is not there yet is waited for; one that will never let us in is not.
async fn check_credentials(wire: &Wire) -> Result<(), RunError> {
    match wire
        .call(Call::get(Verb::Discovery, "/api".to_owned()))
        .await
    {
        Err(Failure {
            code: 401, message, ..
        }) => Err(RunError::Unauthorized { message }),
        Err(failure) => {
            tracing::warn!(%failure, "the API does not answer yet");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

struct Dispatch {
    executor: Arc<Executor>,
    concurrency: usize,
    leading: Sender<bool>,
    ready: Sender<bool>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// Hands out keys while this process leads.
async fn dispatch(dispatch: Dispatch) {
    let Dispatch {
        executor,
        concurrency,
        leading,
        ready,
        cancel,
        tasks,
    } = dispatch;
    if cancel
        .run_until_cancelled(executor.watches.synced())
        .await
        .is_none()
    {
        return;
    }
    ready.send_replace(true);
    let slots = Arc::new(Semaphore::new(concurrency));
    let mut leading = leading.subscribe();
    loop {
        let led = cancel
            .run_until_cancelled(leading.wait_for(|leading| *leading))
            .await;
        if led.is_none_or(|led| led.is_err()) {
            return;
        }
        // Whatever happened while another led was its work; what it left undone is ours.
        executor.index.wake_all();
        let watches = Arc::clone(&executor.watches);
        tasks.spawn(
            cancel
                .clone()
                .run_until_cancelled_owned(async move { watches.look_for_abandoned().await }),
        );
        let term = CancellationToken::new();
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = leading.wait_for(|leading| !*leading) => {}
            ((), ()) = async { tokio::join!(begin_with_blueprints(&executor), hand_out(&executor, &slots, &term, &tasks)) } => {}
        }
        term.cancel();
    }
}

/// Owners that find their blueprint unexamined would say so in a status, and all of them again a moment later.
async fn begin_with_blueprints(executor: &Executor) {
    executor.queue.blueprints_only(true);
    let done = async {
        while !executor.queue.blueprints_done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    if tokio::time::timeout(BLUEPRINTS_FIRST, done).await.is_err() {
        tracing::info!("going on although not all blueprints could be examined");
    }
    executor.queue.blueprints_only(false);
}

async fn hand_out(
    executor: &Arc<Executor>,
    slots: &Arc<Semaphore>,
    term: &CancellationToken,
    tasks: &TaskTracker,
) {
    loop {
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
            return;
        };
        let turn = executor.queue.next().await;
        let (executor, term) = (Arc::clone(executor), term.clone());
        tasks.spawn(async move {
            let key = turn.key.clone();
            if term.run_until_cancelled(executor.run(turn)).await.is_none() {
                // The lease is lost: nothing more is written in its name.
                executor.queue.done(&key, Next::Retry);
            }
            drop(slot);
        });
    }
}

/// Looks after what nobody else does, now and then; while this process leads, without a request.
async fn sweep(executor: Arc<Executor>, leading: Sender<bool>, every: Duration) {
    executor.watches.synced().await;
    let mut warmed = BTreeSet::new();
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let leads = *leading.borrow();
        let swept = AssertUnwindSafe(async {
            if leads {
                let lost = executor.index.sweep(Instant::now());
                if lost > 0 {
                    tracing::info!(keys = lost, "found changes that no pass has answered");
                    executor.metrics.swept(lost);
                }
                executor.watches.retire();
            } else {
                executor.watches.warm(&mut warmed).await;
            }
        });
        if swept.catch_unwind().await.is_err() {
            executor.metrics.panicked();
        }
    }
}
