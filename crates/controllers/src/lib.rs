//! The shell around the core: watches, index, queue, execution, status.
//!
//! A watch event updates one row of the index; the index knows whom that concerns; their keys enter a queue that is fair
//! between namespaces; for each key the pure core is asked what to do, and what it says is done as the owner's service
//! account. All kinds share one loop. Nothing polls the API: an idle cluster gets no requests but watches that are
//! opened again and, with leader election, the lease.
//!
//! ```no_run
//! # async fn example(client: kube::Client) -> Result<(), carto_controllers::RunError> {
//! let stop = tokio_util::sync::CancellationToken::new();
//! carto_controllers::run(client, carto_controllers::Config::default(), stop).await
//! # }
//! ```
//!
//! Who knows what: [`wire`] how requests are made, [`watch`] how one resource is followed, [`watches`] which are,
//! [`index`] what is known and whom a change concerns, [`queue`] who is next, [`execute`] how one pass is carried out,
//! [`events`], [`lease`] and [`metrics`] what their names say.

mod discovery;
mod events;
mod execute;
mod hop;
mod index;
mod key;
mod lease;
pub mod metrics;
mod queue;
mod run;
mod transport;
mod watch;
mod watches;
mod wire;

#[cfg(test)]
mod fake;

pub use hop::Hop;
pub use lease::LeaderElection;
pub use run::{Config, Controllers, RunError, run};
pub use transport::Transport;
