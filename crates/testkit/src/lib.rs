//! Fixtures and an in-process cluster for tests. Never shipped.
//!
//! - [`Cluster`]: an embedded API server in memory, with Carto's definitions and whatever a test
//!   brings, and a client for it;
//! - [`real`]: the parts that only some machines have, or the note that a test was skipped;
//! - [`scenario`]: what people do to a cluster, as data, and what it looks like afterwards;
//! - [`eventually`]: waits for a condition with a deadline.

mod cluster;
mod patience;
pub mod real;
pub mod scenario;

pub use cluster::Cluster;
pub use patience::{PATIENCE, eventually};
