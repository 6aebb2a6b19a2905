//! The names of what is reconciled.

use std::fmt;
use std::sync::Arc;

/// The kinds that have a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Workload,
    Deliverable,
    Runnable,
    ClusterSupplyChain,
    ClusterDelivery,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::ClusterSupplyChain,
        Self::ClusterDelivery,
        Self::Workload,
        Self::Deliverable,
        Self::Runnable,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Workload => "Workload",
            Self::Deliverable => "Deliverable",
            Self::Runnable => "Runnable",
            Self::ClusterSupplyChain => "ClusterSupplyChain",
            Self::ClusterDelivery => "ClusterDelivery",
        }
    }

    pub(crate) fn is_blueprint(self) -> bool {
        matches!(self, Self::ClusterSupplyChain | Self::ClusterDelivery)
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Workload => "workloads",
            Self::Deliverable => "deliverables",
            Self::Runnable => "runnables",
            Self::ClusterSupplyChain => "clustersupplychains",
            Self::ClusterDelivery => "clusterdeliveries",
        }
    }
}

/// One object that is reconciled. Cheap to clone; the namespace is empty for cluster-scoped kinds.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Key {
    #[cfg(test)]
    pub(crate) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind.name(), self.name)
        } else {
            write!(f, "{}/{}/{}", self.kind.name(), self.namespace, self.name)
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
