//! Columns and cells of tables.
//!
//! Descriptions of columns are left out, as those of fields are.
//!
//! Source: kubernetes `pkg/printers/internalversion/printers.go`, apiserver `pkg/registry/rest/table.go`, v1.36.

mod cells;
mod pods;
mod row;

use serde_json::Value;

use self::row::Row;
use crate::kind::Column;

/// How objects of a kind are printed.
struct Table {
    /// Headings between bars; behind a colon the type unless it is `string`, with a plus in front only for wide output.
    columns: &'static str,
    cells: fn(&Row<'_>) -> Vec<Value>,
}

/// The table of a kind; most kinds without one of their own show when they were created.
fn of(kind: &str) -> Table {
    let (columns, cells): (&'static str, fn(&Row<'_>) -> Vec<Value>) = match kind {
        "ConfigMap" => ("Name|Data|Age", cells::config_map),
        "ControllerRevision" => ("Name|Controller|Revision|Age", cells::controller_revision),
        "CronJob" => (
            "Name|Schedule|Timezone|Suspend:boolean|Active:integer|Last Schedule|Age|+Containers|+Images|+Selector",
            cells::cron_job,
        ),
        "DaemonSet" => (
            "Name|Desired:integer|Current:integer|Ready:integer|Up-to-date:integer|Available:integer|Node Selector|Age|+Containers|+Images|+Selector",
            cells::daemon_set,
        ),
        "Deployment" => (
            "Name|Ready|Up-to-date|Available|Age|+Containers|+Images|+Selector",
            cells::deployment,
        ),
        "EndpointSlice" => (
            "Name|AddressType|Ports|Endpoints|Age",
            cells::endpoint_slice,
        ),
        "Endpoints" => ("Name|Endpoints|Age", cells::endpoints),
        "Event" => (
            "Last Seen|Type|Reason|Object|+Subobject|+Source|Message|+First Seen|+Count|+Name",
            cells::event,
        ),
        "HorizontalPodAutoscaler" => (
            "Name|Reference|Targets|MinPods|MaxPods|Replicas|Age",
            cells::autoscaler,
        ),
        "Ingress" => ("Name|Class|Hosts|Address|Ports|Age", cells::ingress),
        "Job" => (
            "Name|Status|Completions|Duration|Age|+Containers|+Images|+Selector",
            cells::job,
        ),
        "Lease" => ("Name|Holder|Age", cells::lease),
        "Namespace" => ("Name|Status|Age", cells::namespace),
        "NetworkPolicy" => ("Name|Pod-Selector|Age", cells::network_policy),
        "Node" => (
            "Name|Status|Roles|Age|Version|+Internal-IP|+External-IP|+OS-Image|+Kernel-Version|+Container-Runtime",
            cells::node,
        ),
        "PersistentVolume" => (
            "Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|+VolumeMode",
            cells::volume,
        ),
        "PersistentVolumeClaim" => (
            "Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|+VolumeMode",
            cells::claim,
        ),
        "Pod" => (
            "Name|Ready|Status|Restarts|Age|+IP|+Node|+Nominated Node|+Readiness Gates",
            pods::pod,
        ),
        "PodDisruptionBudget" => (
            "Name|Min Available|Max Unavailable|Allowed Disruptions:integer|Age",
            cells::budget,
        ),
        "PriorityClass" => (
            "Name|Value:integer|Global-Default:boolean|Age|PreemptionPolicy",
            cells::priority_class,
        ),
        "ReplicaSet" | "ReplicationController" => (
            "Name|Desired:integer|Current:integer|Ready:integer|Age|+Containers|+Images|+Selector",
            cells::replica_set,
        ),
        "ResourceQuota" => ("Name|Request|Limit|Age", cells::quota),
        "ClusterRoleBinding" | "RoleBinding" => (
            "Name|Role|Age|+Users|+Groups|+ServiceAccounts",
            cells::binding,
        ),
        "Secret" => ("Name|Type|Data|Age", cells::secret),
        "Service" => (
            "Name|Type|Cluster-IP|External-IP|Port(s)|Age|+Selector",
            cells::service,
        ),
        "ServiceAccount" => ("Name|Age", |row| vec![row.name(), row.created()]),
        "StatefulSet" => ("Name|Ready|Age|+Containers|+Images", cells::stateful_set),
        "StorageClass" => (
            "Name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age",
            cells::storage_class,
        ),
        _ => ("Name|Created At:date", |row| {
            vec![row.name(), row.value("/metadata/creationTimestamp").clone()]
        }),
    };
    Table { columns, cells }
}

/// The columns of a kind.
pub(super) fn columns(kind: &str) -> Vec<Column> {
    let column = |heading: &str| {
        let (heading, kind) = heading.split_once(':').unwrap_or((heading, "string"));
        let name = heading.trim_start_matches('+');
        Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            format: if name == "Name" { "name" } else { "" }.to_owned(),
            description: String::new(),
            priority: i32::from(heading.starts_with('+')),
        }
    };
    of(kind).columns.split('|').map(column).collect()
}

/// The cells of an object of a kind.
pub(super) fn cells(kind: &str, object: &Value, now_seconds: i64) -> Vec<Value> {
    (of(kind).cells)(&Row {
        object,
        now_seconds,
    })
}

#[cfg(test)]
mod tests;
