//! The controllers against whole APIs: the embedded one, and the real one named by `CARTO_TEST_KUBECONFIG`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

mod abandoned;
mod chains;
mod home;
mod install;
mod restart;
mod rights;
mod silence;
mod swap_in;
mod triggers;
