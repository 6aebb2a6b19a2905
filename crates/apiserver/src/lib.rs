//! An embedded, Kubernetes-compatible API server.
//!
//! [`ApiServer::start`] opens a store (a folder, or memory only) and serves the Kubernetes API from
//! it: to clients in the same process through [`ApiServer::service`], which `kube::Client::new`
//! accepts, and, when a port is configured, over TLS on the loopback address for `kubectl`. The
//! server stores, validates, merges, watches and collects objects exactly as a cluster does; it runs
//! no workloads itself. Custom kinds come with their definitions; the server knows none by name.
//!
//! Behaviour follows kube-apiserver 1.36.

mod admission;
mod api;
mod auth;
mod body;
mod bootstrap;
mod builtin;
mod catalogue;
mod codec;
mod config;
mod definitions;
mod discovery;
pub mod error;
mod events;
mod kind;
mod kubeconfig;
mod listen;
mod logs;
mod meta;
mod names;
mod negotiate;
mod openapi;
mod pipeline;
mod protobuf;
mod request;
mod respond;
mod router;
mod schema;
mod selectors;
mod server;
mod service;
mod store;
mod table;
mod time;
mod user;
mod watch;
mod workers;

pub use body::ApiBody;
pub use config::{Config, StartError};
pub use error::{ApiError, FieldError, FieldErrorKind};
pub use logs::{LogError, LogOptions, LogStream, PodLogs};
pub use server::ApiServer;
pub use service::ApiService;
pub use user::UserInfo;
