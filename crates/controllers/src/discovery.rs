//! From a kind to the resource that serves it.
//!
//! Documents are fetched on first use and kept per group and version. A kind that a kept document does not have is
//! looked for once more, since it may have been added; a change of the cluster's CRDs drops what was kept of its group.
//!
//! Bound: one document per group and version that some template names, each as large as the API serves it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use carto_core::key::{Gvk, Mapping};
use serde::Deserialize;
use tokio::time::Instant;

use crate::metrics::Verb;
use crate::wire::{Call, Failure, Path, Wire};

/// A document as young as this is believed when it does not have a kind: many owners ask for the same at once.
const FRESH: Duration = Duration::from_millis(500);

/// Why a kind has no resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unmapped {
    /// The group and version are served, without such a kind.
    Kind,
    /// Nobody serves this group and version.
    Group,
    /// The API did not answer.
    Failed(Failure),
}

#[derive(Deserialize)]
struct ResourceList {
    #[serde(default)]
    resources: Vec<ResourceEntry>,
}

#[derive(Deserialize)]
struct ResourceEntry {
    name: String,
    kind: String,
    namespaced: bool,
}

#[derive(Clone)]
struct Document {
    kinds: Arc<HashMap<String, Mapping>>,
    read_at: Instant,
}

type GroupVersion = (Arc<str>, Arc<str>);

/// The discovery documents in use.
pub(crate) struct Discovery {
    wire: Wire,
    documents: Mutex<HashMap<GroupVersion, Document>>,
    /// One fetch at a time, so that a thousand owners with the same new kind cost one request.
    fetching: tokio::sync::Mutex<()>,
}

impl Discovery {
    pub(crate) fn new(wire: Wire) -> Self {
        Self {
            wire,
            documents: Mutex::default(),
            fetching: tokio::sync::Mutex::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GroupVersion, Document>> {
        self.documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The resource of a kind.
    pub(crate) async fn resolve(&self, gvk: &Gvk) -> Result<Mapping, Unmapped> {
        if let Some(found) = self.kept(gvk, None) {
            return found;
        }
        let _turn = self.fetching.lock().await;
        if let Some(found) = self.kept(gvk, Some(FRESH)) {
            return found;
        }
        self.fetch(gvk).await?;
        self.kept(gvk, Some(FRESH)).unwrap_or(Err(Unmapped::Kind))
    }

    /// The resource of a kind, if a kept document has it.
    pub(crate) fn known(&self, gvk: &Gvk) -> Option<Mapping> {
        self.kept(gvk, None)?.ok()
    }

    /// What the kept document says: the resource; with `believed` also its absence; else nothing.
    fn kept(&self, gvk: &Gvk, believed: Option<Duration>) -> Option<Result<Mapping, Unmapped>> {
        let documents = self.lock();
        let document = documents.get(&(Arc::clone(&gvk.group), Arc::clone(&gvk.version)))?;
        match document.kinds.get(&*gvk.kind) {
            Some(mapping) => Some(Ok(mapping.clone())),
            None if believed.is_some_and(|age| document.read_at.elapsed() < age) => {
                Some(Err(Unmapped::Kind))
            }
            None => None,
        }
    }

    async fn fetch(&self, gvk: &Gvk) -> Result<(), Unmapped> {
        let mut path = Path::collection(&gvk.group, &gvk.version, "", None).done();
        path.truncate(path.trim_end_matches('/').len());
        let body = match self.wire.call(Call::get(Verb::Discovery, path)).await {
            Ok(body) => body,
            Err(failure) if failure.is_not_found() => return Err(Unmapped::Group),
            Err(failure) => return Err(Unmapped::Failed(failure)),
        };
        let list: ResourceList =
            serde_json::from_slice(&body).map_err(|e| Unmapped::Failed(Failure::lost(&e)))?;
        let mut kinds = HashMap::new();
        for entry in list.resources {
            // Subresources repeat the kind they belong to, or bring one of their own.
            if !entry.name.contains('/') {
                let mapping = Mapping {
                    plural: entry.name.into(),
                    namespaced: entry.namespaced,
                };
                kinds.entry(entry.kind).or_insert(mapping);
            }
        }
        let document = Document {
            kinds: Arc::new(kinds),
            read_at: Instant::now(),
        };
        let group_version = (Arc::clone(&gvk.group), Arc::clone(&gvk.version));
        self.lock().insert(group_version, document);
        Ok(())
    }

    /// Forgets what is known of a group, because its kinds may have changed.
    pub(crate) fn forget(&self, group: &str) {
        self.lock().retain(|(kept, _), _| **kept != *group);
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::*;
    use crate::fake;
    use crate::metrics::Metrics;

    fn start() -> (Arc<Discovery>, fake::Fake) {
        let (client, fake) = fake::client();
        let wire = Wire::new(client, Arc::new(Metrics::default()), Duration::from_secs(5));
        (Arc::new(Discovery::new(wire)), fake)
    }

    fn resolve(
        discovery: &Arc<Discovery>,
        kind: &'static str,
    ) -> tokio::task::JoinHandle<Result<Mapping, Unmapped>> {
        let discovery = Arc::clone(discovery);
        let gvk = Gvk::new("kpack.io/v1alpha2", kind);
        tokio::spawn(async move { discovery.resolve(&gvk).await })
    }

    fn document() -> serde_json::Value {
        json!({"kind": "APIResourceList", "groupVersion": "kpack.io/v1alpha2", "resources": [
            {"name": "images", "kind": "Image", "namespaced": true, "verbs": []},
            {"name": "images/status", "kind": "Image", "namespaced": true, "verbs": []},
            {"name": "clusterbuilders", "kind": "ClusterBuilder", "namespaced": false, "verbs": []},
        ]})
    }

    #[tokio::test(start_paused = true)]
    async fn a_document_is_read_once_for_all_who_ask() {
        let (discovery, mut fake) = start();
        let asked: Vec<_> = ["Image", "ClusterBuilder", "Image"]
            .into_iter()
            .map(|kind| resolve(&discovery, kind))
            .collect();
        fake.expect(Method::GET, "/apis/kpack.io/v1alpha2")
            .await
            .json(&document());
        let mut got = Vec::new();
        for one in asked {
            got.push(one.await.unwrap().unwrap());
        }
        assert_eq!(
            got[0],
            Mapping {
                plural: "images".into(),
                namespaced: true
            }
        );
        assert_eq!(
            got[1],
            Mapping {
                plural: "clusterbuilders".into(),
                namespaced: false
            }
        );
        assert_eq!(got[2], got[0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_kind_is_looked_for_again() {
        let (discovery, mut fake) = start();
        let first = resolve(&discovery, "Build");
        fake.next().await.json(&document());
        assert_eq!(first.await.unwrap(), Err(Unmapped::Kind));
        tokio::time::advance(FRESH).await;
        let second = resolve(&discovery, "Build");
        let mut more = document();
        more["resources"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "builds", "kind": "Build", "namespaced": true}));
        fake.next().await.json(&more);
        assert_eq!(&*second.await.unwrap().unwrap().plural, "builds");
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_group_is_told_apart_from_an_api_that_fails() {
        let (discovery, mut fake) = start();
        let first = resolve(&discovery, "Image");
        fake.next().await.fail(404, "NotFound", "not found");
        assert_eq!(first.await.unwrap(), Err(Unmapped::Group));
        let second = resolve(&discovery, "Image");
        fake.next().await.fail(503, "ServiceUnavailable", "later");
        assert!(matches!(second.await.unwrap(), Err(Unmapped::Failed(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_forgotten_group_is_read_again() {
        let (discovery, mut fake) = start();
        let first = resolve(&discovery, "Image");
        fake.next().await.json(&document());
        first.await.unwrap().unwrap();
        discovery.forget("kpack.io");
        let second = resolve(&discovery, "Image");
        fake.next().await.json(&document());
        second.await.unwrap().unwrap();
    }
}
