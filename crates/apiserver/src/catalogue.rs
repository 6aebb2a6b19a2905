//! What is served: every resource in every version, and how requests find it.
//!
//! A catalogue is a value that never changes; installing, changing or removing a definition makes a
//! new one and puts it in place at once, so that discovery, documents and routing always agree.

mod builtin;
mod custom;
mod order;
mod resource;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub(crate) use builtin::resources as builtin_resources;
pub(crate) use custom::{Custom, template};
pub(crate) use order::compare_versions;
pub(crate) use resource::{Extra, Resource, Rows, Scaling, Stored};

/// A group and the versions in which it is served, best first.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: Arc<str>,
    pub(crate) versions: Vec<GroupVersion>,
}

/// A version of a group and its resources, by name.
#[derive(Debug)]
pub(crate) struct GroupVersion {
    pub(crate) name: Arc<str>,
    pub(crate) resources: Vec<Arc<Resource>>,
}

/// Everything that is served.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    groups: Vec<Group>,
    by_path: HashMap<(Arc<str>, Arc<str>, Arc<str>), Arc<Resource>>,
    by_storage: BTreeMap<Arc<str>, Arc<Resource>>,
    by_kind: HashMap<(Arc<str>, Arc<str>), Arc<Resource>>,
}

impl Catalogue {
    pub(crate) fn new(resources: impl IntoIterator<Item = Arc<Resource>>) -> Self {
        let mut catalogue = Self::default();
        let mut groups: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Vec<Arc<Resource>>>> =
            BTreeMap::new();
        for resource in resources {
            let r = &resource;
            let path = (r.group.clone(), r.version.clone(), r.plural.clone());
            catalogue.by_path.insert(path, resource.clone());
            if r.is_storage_version() {
                catalogue
                    .by_storage
                    .insert(r.storage.clone(), resource.clone());
                catalogue
                    .by_kind
                    .insert((r.group.clone(), r.kind.clone()), resource.clone());
            }
            groups
                .entry(r.group.clone())
                .or_default()
                .entry(r.version.clone())
                .or_default()
                .push(resource);
        }
        catalogue.groups = groups
            .into_iter()
            .map(|(name, versions)| group(name, versions))
            .collect();
        catalogue
            .groups
            .sort_by(|a, b| order::compare_groups(&a.name, &b.name));
        catalogue
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(crate) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| &*group.name == name)
    }

    pub(crate) fn group_version(&self, group: &str, version: &str) -> Option<&GroupVersion> {
        self.group(group)?
            .versions
            .iter()
            .find(|v| &*v.name == version)
    }

    /// The resource that a path names.
    pub(crate) fn resource(
        &self,
        group: &str,
        version: &str,
        plural: &str,
    ) -> Option<&Arc<Resource>> {
        self.by_path
            .get(&(group.into(), version.into(), plural.into()))
    }

    /// The resource in its storage version.
    pub(crate) fn stored(&self, storage: &str) -> Option<&Arc<Resource>> {
        self.by_storage.get(storage)
    }

    /// All stored resources, in their storage versions.
    pub(crate) fn all_stored(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.by_storage.values()
    }

    /// The stored resource of a kind, whatever the version.
    pub(crate) fn kind(&self, group: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.by_kind.get(&(group.into(), kind.into()))
    }

    /// The versions of a resource that are served.
    pub(crate) fn versions<'a>(
        &'a self,
        resource: &'a Resource,
    ) -> impl Iterator<Item = &'a Arc<Resource>> {
        self.group(&resource.group)
            .into_iter()
            .flat_map(|group| &group.versions)
            .flat_map(|version| &version.resources)
            .filter(|other| other.storage == resource.storage)
    }
}

fn group(name: Arc<str>, versions: BTreeMap<Arc<str>, Vec<Arc<Resource>>>) -> Group {
    let mut versions: Vec<GroupVersion> = versions
        .into_iter()
        .map(|(name, mut resources)| {
            resources.sort_by(|a, b| a.plural.cmp(&b.plural));
            GroupVersion { name, resources }
        })
        .collect();
    versions.sort_by(|a, b| compare_versions(&a.name, &b.name));
    Group { name, versions }
}
