//! The API behind HTTP: the store, what is served, and one request at a time.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use crate::auth::{Credentials, PolicyCache};
use crate::catalogue::{Catalogue, Resource};
use crate::error::ApiError;
use crate::logs::PodLogs;
use crate::openapi::Documents;
use crate::request::{Query, Target, Verb};
use crate::store::{Store, WriteError};
use crate::user::UserInfo;

/// What requests and workers share.
pub(crate) struct Api {
    pub(crate) store: Store,
    /// The built-in part of the catalogue; definitions add to it.
    builtin: Vec<Arc<Resource>>,
    catalogue: RwLock<Arc<Catalogue>>,
    pub(crate) rbac: bool,
    pub(crate) policy: PolicyCache,
    pub(crate) documents: Documents,
    pub(crate) credentials: Credentials,
    /// The certificate that clients trust, as PEM.
    pub(crate) trust: String,
    pub(crate) pod_logs: Option<Arc<dyn PodLogs>>,
    /// Workers that have seen everything that was there at the start.
    ready: tokio::sync::watch::Sender<usize>,
    /// `host:port` for clients outside; empty without a listener.
    address: OnceLock<String>,
}

/// Number of workers that report; see `workers::start`.
const WORKERS: usize = 6;

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl Api {
    pub(crate) fn new(
        store: Store,
        builtin: Vec<Arc<Resource>>,
        credentials: Credentials,
        trust: String,
        rbac: bool,
        pod_logs: Option<Arc<dyn PodLogs>>,
    ) -> Self {
        let catalogue = RwLock::new(Arc::new(Catalogue::new(builtin.iter().cloned())));
        let ready = tokio::sync::watch::Sender::new(0);
        let address = OnceLock::new();
        let policy = PolicyCache::default();
        let documents = Documents::default();
        Self {
            store,
            builtin,
            catalogue,
            rbac,
            policy,
            documents,
            credentials,
            trust,
            pod_logs,
            ready,
            address,
        }
    }

    /// A worker has seen everything that was there at the start. Only its first call counts.
    pub(crate) fn worker_is_ready(&self, reported: &mut bool) {
        if !std::mem::replace(reported, true) {
            self.ready.send_modify(|count| *count += 1);
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow() >= WORKERS
    }

    /// Waits until all workers have seen everything that was there at the start.
    pub(crate) async fn until_ready(&self) {
        // The sender lives as long as `self`.
        drop(
            self.ready
                .subscribe()
                .wait_for(|count| *count >= WORKERS)
                .await,
        );
    }

    /// `host:port` for clients outside.
    pub(crate) fn address(&self) -> &str {
        self.address.get().map_or("", String::as_str)
    }

    pub(crate) fn set_address(&self, address: String) {
        // Set once, by the start; a second listener does not exist.
        drop(self.address.set(address));
    }

    /// What is served now.
    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Serves the built-in resources and `custom`.
    pub(crate) fn serve_custom(&self, custom: impl IntoIterator<Item = Arc<Resource>>) {
        let new = Arc::new(Catalogue::new(self.builtin.iter().cloned().chain(custom)));
        *self
            .catalogue
            .write()
            .unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// A request of the server itself for `resource`.
    pub(crate) fn own_call(&self, resource: &Arc<Resource>, namespace: &str, name: &str) -> Call {
        Call {
            user: UserInfo::new("system:apiserver", [UserInfo::MASTERS]),
            catalogue: self.catalogue(),
            target: Target {
                group: resource.group.to_string(),
                version: resource.version.to_string(),
                namespace: namespace.to_owned(),
                plural: resource.plural.to_string(),
                name: name.to_owned(),
                subresource: String::new(),
            },
            resource: resource.clone(),
            verb: Verb::Get,
            query: Query::default(),
            agent: "kube-apiserver".to_owned(),
            warns_inert: false,
            warnings: Arc::default(),
        }
    }
}

/// One request for a resource.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) user: UserInfo,
    /// What was served when the request came.
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) resource: Arc<Resource>,
    pub(crate) target: Target,
    pub(crate) verb: Verb,
    pub(crate) query: Query,
    /// The user agent up to its first slash: the field manager when none is given.
    pub(crate) agent: String,
    /// Nothing runs workloads, and clients are told.
    pub(crate) warns_inert: bool,
    pub(crate) warnings: Arc<Mutex<Vec<String>>>,
}

impl Call {
    pub(crate) fn warn(&self, warning: impl Into<String>) {
        self.warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(warning.into());
    }

    pub(crate) fn namespace(&self) -> &str {
        if self.resource.namespaced {
            &self.target.namespace
        } else {
            ""
        }
    }

    pub(crate) fn not_found(&self) -> ApiError {
        ApiError::not_found(self.resource.group_resource(), &*self.target.name)
    }

    /// The answer to a write that the store refused.
    pub(crate) fn refused(&self, error: WriteError, name: &str) -> ApiError {
        let resource = self.resource.group_resource();
        match error {
            WriteError::Exists(there) => ApiError::AlreadyExists {
                resource,
                name: name.to_owned(),
                terminating: there.deleting,
            },
            WriteError::Changed(Some(_)) => ApiError::modified(resource, name),
            WriteError::Changed(None) => ApiError::not_found(resource, name),
            WriteError::Guard(key) if &*key.resource == "/namespaces" => {
                crate::admission::namespace_is_gone(self, &key.name, name)
            }
            WriteError::Guard(_) => ApiError::MethodNotAllowed,
            WriteError::Disk(reason) => {
                ApiError::Internal(format!("nothing was written: {reason}"))
            }
            WriteError::Closed => ApiError::Internal("the server is shutting down".into()),
        }
    }
}
