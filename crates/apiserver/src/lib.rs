//! An embedded, Kubernetes-compatible API server.
//!
//! [`ApiServer::start`] opens a store (a folder, or memory only) and serves the Kubernetes API from
//! it: to clients in the same process through [`ApiServer::service`], which `kube::Client::new`
//! accepts, and, when a port is configured, over TLS on the loopback address for `kubectl`. The
//! server stores, validates, merges, watches and collects objects exactly as a cluster does; it runs
//! no workloads itself. Custom kinds come with their definitions; the server knows none by name.
//!
//! Behaviour follows kube-apiserver 1.36.

mod body;
mod builtin;
mod config;
pub mod error;
pub(crate) mod kind;
mod logs;
mod names;
mod schema;
mod server;
mod service;
mod user;

pub use body::ApiBody;
pub use config::{Config, StartError};
pub use error::{ApiError, FieldError, FieldErrorKind};
pub use logs::{LogError, LogOptions, LogStream, PodLogs};
pub use server::ApiServer;
pub use service::ApiService;
pub use user::UserInfo;
