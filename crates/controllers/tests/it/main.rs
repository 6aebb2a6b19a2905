//! The controllers against whole APIs: the real one named by `CARTO_TEST_KUBECONFIG`.

mod chains;
mod home;
mod rights;
mod triggers;
