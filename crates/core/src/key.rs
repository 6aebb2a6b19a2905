//! Names of things: kinds, objects, service accounts, and how a kind is served.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;

/// A group, version and kind; one pointer wide, and cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvk(Arc<GvkParts>);

/// What a [`Gvk`] names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GvkParts {
    /// API group; empty for the core group.
    pub group: Arc<str>,
    /// Version within the group.
    pub version: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
}

impl Deref for Gvk {
    type Target = GvkParts;

    fn deref(&self) -> &GvkParts {
        &self.0
    }
}

impl fmt::Debug for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Gvk {
    /// Splits an `apiVersion` and joins it with `kind`.
    ///
    /// Shape: `v1` is the core group; of `a/b` the part before the first slash is the group.
    pub fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self(Arc::new(GvkParts {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
        }))
    }

    /// Reads `apiVersion` and `kind` of an object; `None` when either is absent or empty.
    pub fn of(object: &Value) -> Option<Self> {
        let text = |key: &str| {
            object
                .get(key)
                .and_then(Value::as_str)
                .filter(|s| !s.is_empty())
        };
        Some(Self::new(text("apiVersion")?, text("kind")?))
    }

    /// Returns `group/version`, or the bare version for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, Kind={}", self.api_version(), self.kind)
    }
}

/// Names one object of the API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its kind.
    pub gvk: Gvk,
    /// Its namespace; `None` for cluster-scoped kinds.
    pub namespace: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// Reads the key of a live object; `None` without kind or name.
    pub fn of(object: &Value) -> Option<Self> {
        let metadata = object.get("metadata")?;
        let text = |key: &str| {
            metadata
                .get(key)
                .and_then(Value::as_str)
                .filter(|s| !s.is_empty())
        };
        Some(Self {
            gvk: Gvk::of(object)?,
            namespace: text("namespace").map(Arc::from),
            name: text("name")?.into(),
        })
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        write!(f, "{} {namespace}/{}", self.gvk, self.name)
    }
}

/// The service account as which a request is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceAccountKey {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl ServiceAccountKey {
    /// Builds a key.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Reads `NAMESPACE/NAME`, as the account is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        let (namespace, name) = text.split_once('/')?;
        (!namespace.is_empty() && !name.is_empty()).then(|| Self::new(namespace, name))
    }

    /// Returns the user name that the API server knows the account by.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

impl fmt::Display for ServiceAccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// How a kind is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Plural resource name, such as `configmaps`.
    pub plural: Arc<str>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl Mapping {
    /// Returns the qualified resource: `configmaps`, `images.kpack.io`.
    pub fn qualified(&self, gvk: &Gvk) -> String {
        if gvk.group.is_empty() {
            self.plural.to_string()
        } else {
            format!("{}.{}", self.plural, gvk.group)
        }
    }
}

/// The two kinds whose objects are carried through a blueprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwnerKind {
    /// `Workload`, by a `ClusterSupplyChain`.
    Workload,
    /// `Deliverable`, by a `ClusterDelivery`.
    Deliverable,
}

impl OwnerKind {
    /// Returns the kind's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Workload => "Workload",
            Self::Deliverable => "Deliverable",
        }
    }

    /// Returns the kind of blueprint that carries it.
    pub const fn blueprint(self) -> BlueprintKind {
        match self {
            Self::Workload => BlueprintKind::SupplyChain,
            Self::Deliverable => BlueprintKind::Delivery,
        }
    }
}

/// The two kinds of blueprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlueprintKind {
    /// `ClusterSupplyChain`.
    SupplyChain,
    /// `ClusterDelivery`.
    Delivery,
}

impl BlueprintKind {
    /// Returns the kind's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SupplyChain => "ClusterSupplyChain",
            Self::Delivery => "ClusterDelivery",
        }
    }
}

/// The six kinds of template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TemplateKind {
    /// `ClusterSourceTemplate`.
    Source,
    /// `ClusterImageTemplate`.
    Image,
    /// `ClusterConfigTemplate`.
    Config,
    /// `ClusterDeploymentTemplate`.
    Deployment,
    /// `ClusterTemplate`.
    Plain,
    /// `ClusterRunTemplate`.
    Run,
}

impl TemplateKind {
    /// Every kind, in the order of this enum.
    pub const ALL: [Self; 6] = [
        Self::Source,
        Self::Image,
        Self::Config,
        Self::Deployment,
        Self::Plain,
        Self::Run,
    ];

    /// Returns the kind's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "ClusterSourceTemplate",
            Self::Image => "ClusterImageTemplate",
            Self::Config => "ClusterConfigTemplate",
            Self::Deployment => "ClusterDeploymentTemplate",
            Self::Plain => "ClusterTemplate",
            Self::Run => "ClusterRunTemplate",
        }
    }

    /// Finds the kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
