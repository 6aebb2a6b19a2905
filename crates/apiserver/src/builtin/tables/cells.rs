//! The cells of every kind but pods.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::row::{Row, labels, or_none};

type Cells = Vec<Value>;

/// Items shown of a list in a cell.
const SHOWN: usize = 3;
const TEMPLATE: &str = "/spec/template/spec/containers";

/// `a,b,c + 2 more...`
fn shortened(shown: &[String], total: usize, separator: &str) -> String {
    let text = shown.join(separator);
    if total > shown.len() {
        format!("{text} + {} more...", total - shown.len())
    } else {
        text
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A number or a text, as `IntOrString` prints itself.
fn either(value: &Value, absent: &str) -> Value {
    match value {
        Value::Null => absent.into(),
        Value::String(_) => value.clone(),
        other => other.to_string().into(),
    }
}

/// The usual last three cells of what has a template.
fn template(row: &Row<'_>, containers: &str, selector: &str) -> Cells {
    let [names, images] = row.containers(containers);
    vec![names, images, or_none(row.selector(selector)).into()]
}

pub(super) fn config_map(row: &Row<'_>) -> Cells {
    let entries = row.count("/data") + row.count("/binaryData");
    vec![row.name(), entries.into(), row.created()]
}

pub(super) fn controller_revision(row: &Row<'_>) -> Cells {
    let owner = row
        .items("/metadata/ownerReferences")
        .iter()
        .find(|owner| owner["controller"] == true);
    let owner = owner.map_or_else(
        || "<none>".to_owned(),
        |owner| {
            let kind = text(&owner["kind"]).to_lowercase();
            let name = text(&owner["name"]);
            match text(&owner["apiVersion"]).split_once('/') {
                Some((group, _)) => format!("{kind}.{group}/{name}"),
                None => format!("{kind}/{name}"),
            }
        },
    );
    vec![
        row.name(),
        owner.into(),
        row.number("/revision").into(),
        row.created(),
    ]
}

pub(super) fn cron_job(row: &Row<'_>) -> Cells {
    let suspend = match row.value("/spec/suspend") {
        Value::Bool(true) => "True",
        Value::Bool(false) => "False",
        _ => "<unset>",
    };
    let last = row.since("/status/lastScheduleTime");
    let mut cells = vec![
        row.name(),
        row.text("/spec/schedule").into(),
        row.text_or("/spec/timeZone", "<none>").into(),
        suspend.into(),
        row.count("/status/active").into(),
        or_none(last.unwrap_or_default()).into(),
        row.created(),
    ];
    cells.extend(template(
        row,
        "/spec/jobTemplate/spec/template/spec/containers",
        "/spec/jobTemplate/spec/selector",
    ));
    cells
}

pub(super) fn daemon_set(row: &Row<'_>) -> Cells {
    let mut cells = vec![row.name()];
    cells.extend(
        [
            "desiredNumberScheduled",
            "currentNumberScheduled",
            "numberReady",
            "updatedNumberScheduled",
            "numberAvailable",
        ]
        .map(|field| row.number(&format!("/status/{field}")).into()),
    );
    cells.push(labels(row.value("/spec/template/spec/nodeSelector")).into());
    cells.push(row.created());
    cells.extend(template(row, TEMPLATE, "/spec/selector"));
    cells
}

pub(super) fn deployment(row: &Row<'_>) -> Cells {
    let (ready, desired) = (
        row.number("/status/readyReplicas"),
        row.number("/spec/replicas"),
    );
    let [names, images] = row.containers(TEMPLATE);
    vec![
        row.name(),
        format!("{ready}/{desired}").into(),
        row.number("/status/updatedReplicas").into(),
        row.number("/status/availableReplicas").into(),
        row.created(),
        names,
        images,
        row.selector("/spec/selector").into(),
    ]
}

fn or_unset(text: String) -> Value {
    if text.is_empty() {
        "<unset>".into()
    } else {
        text.into()
    }
}

pub(super) fn endpoint_slice(row: &Row<'_>) -> Cells {
    let ports = row.items("/ports");
    let shown: Vec<String> = ports
        .iter()
        .take(SHOWN)
        .map(|port| match (&port["port"], &port["name"]) {
            (Value::Number(port), _) => port.to_string(),
            (_, Value::String(name)) => name.clone(),
            _ => "*".to_owned(),
        })
        .collect();
    let addresses: Vec<String> = row
        .items("/endpoints")
        .iter()
        .flat_map(|endpoint| endpoint["addresses"].as_array().into_iter().flatten())
        .map(|address| text(address).to_owned())
        .collect();
    let first = &addresses[..addresses.len().min(SHOWN)];
    vec![
        row.name(),
        row.text("/addressType").into(),
        or_unset(shortened(&shown, ports.len(), ",")),
        or_unset(shortened(first, addresses.len(), ",")),
        row.created(),
    ]
}

pub(super) fn endpoints(row: &Row<'_>) -> Cells {
    let mut all = vec![];
    for subset in row.items("/subsets") {
        let addresses = subset["addresses"].as_array().into_iter().flatten();
        let ips: Vec<&str> = addresses.map(|address| text(&address["ip"])).collect();
        match subset["ports"].as_array() {
            Some(ports) if !ports.is_empty() => {
                for port in ports {
                    let join = |ip: &&str| {
                        if ip.contains(':') {
                            format!("[{ip}]:{}", port["port"])
                        } else {
                            format!("{ip}:{}", port["port"])
                        }
                    };
                    all.extend(ips.iter().map(join));
                }
            }
            _ => all.extend(ips.iter().map(|ip| (*ip).to_owned())),
        }
    }
    let shown = shortened(&all[..all.len().min(SHOWN)], all.len(), ",");
    let shown = if row.items("/subsets").is_empty() {
        "<none>".to_owned()
    } else {
        shown
    };
    vec![row.name(), shown.into(), row.created()]
}

/// Events look different in their two groups.
pub(super) fn event(row: &Row<'_>) -> Cells {
    let first_of = |pointers: [&'static str; 2]| {
        pointers
            .into_iter()
            .find(|pointer| !row.value(pointer).is_null())
            .unwrap_or(pointers[0])
    };
    let since = |pointer: &str| row.since(pointer);
    let unknown = || "<unknown>".to_owned();
    let first = since(first_of(["/firstTimestamp", "/deprecatedFirstTimestamp"]))
        .or_else(|| since("/eventTime"))
        .unwrap_or_else(unknown);
    let mut last = since(first_of(["/lastTimestamp", "/deprecatedLastTimestamp"]))
        .unwrap_or_else(|| first.clone());
    let mut count = row.number(first_of(["/count", "/deprecatedCount"])).max(1);
    if row.value("/series").is_object() {
        last = since("/series/lastObservedTime").unwrap_or_else(unknown);
        count = row.number("/series/count");
    }
    let object = row.value(first_of(["/involvedObject", "/regarding"]));
    let kind = text(&object["kind"]).to_lowercase();
    let target = match text(&object["name"]) {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let source = row.value(first_of(["/source", "/deprecatedSource"]));
    let either = |a: &'_ Value, pointers| match text(a) {
        "" => row.text(first_of(pointers)).to_owned(),
        text => text.to_owned(),
    };
    let component = either(
        &source["component"],
        ["/reportingComponent", "/reportingController"],
    );
    let host = either(
        &source["host"],
        ["/reportingInstance", "/reportingInstance"],
    );
    let source = if host.is_empty() {
        component
    } else {
        format!("{component}, {host}")
    };
    vec![
        last.into(),
        row.text("/type").into(),
        row.text("/reason").into(),
        target.into(),
        text(&object["fieldPath"]).into(),
        source.into(),
        row.text(first_of(["/message", "/note"])).trim().into(),
        first.into(),
        count.into(),
        row.name(),
    ]
}

pub(super) fn autoscaler(row: &Row<'_>) -> Cells {
    let reference = format!(
        "{}/{}",
        row.text("/spec/scaleTargetRef/kind"),
        row.text("/spec/scaleTargetRef/name")
    );
    vec![
        row.name(),
        reference.into(),
        metrics(row).into(),
        either(row.value("/spec/minReplicas"), "<unset>"),
        row.number("/spec/maxReplicas").into(),
        row.number("/status/currentReplicas").into(),
        row.created(),
    ]
}

fn metrics(row: &Row<'_>) -> String {
    const METRICS: usize = 2;
    let specs = row.items("/spec/metrics");
    if specs.is_empty() {
        return "<none>".to_owned();
    }
    let statuses = row.items("/status/currentMetrics");
    let shown: Vec<String> = specs
        .iter()
        .take(METRICS)
        .enumerate()
        .map(|(n, spec)| metric(spec, statuses.get(n).unwrap_or(&Value::Null)))
        .collect();
    shortened(&shown, specs.len(), ", ")
}

fn metric(spec: &Value, status: &Value) -> String {
    let (field, of_resource) = match text(&spec["type"]) {
        "External" => ("external", false),
        "Pods" => ("pods", false),
        "Object" => ("object", false),
        "Resource" => ("resource", true),
        "ContainerResource" => ("containerResource", true),
        _ => return "<unknown type>".to_owned(),
    };
    let (target, current) = (&spec[field]["target"], &status[field]["current"]);
    let known = |value: &Value| match value {
        Value::Null => "<unknown>".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let percent = |value: &Value, absent: &str| match value {
        Value::Null => absent.to_owned(),
        value => format!("{value}%"),
    };
    let prefix = if of_resource {
        format!("{}: ", text(&spec[field]["name"]))
    } else {
        String::new()
    };
    let average = &target["averageValue"];
    if !average.is_null() {
        let suffix = if matches!(field, "external" | "object") {
            " (avg)"
        } else {
            ""
        };
        let current = known(&current["averageValue"]);
        return format!("{prefix}{current}/{}{suffix}", text(average));
    }
    if of_resource {
        let current = percent(&current["averageUtilization"], "<unknown>");
        let target = percent(&target["averageUtilization"], "<auto>");
        return format!("{prefix}{current}/{target}");
    }
    format!("{}/{}", known(&current["value"]), known(&target["value"]))
}

/// Characters of the addresses of a load balancer; tables are always asked for in full width.
fn balancer(row: &Row<'_>) -> String {
    let ingress = row.items("/status/loadBalancer/ingress").iter();
    let addresses: BTreeSet<&str> = ingress
        .map(|ingress| match text(&ingress["ip"]) {
            "" => text(&ingress["hostname"]),
            ip => ip,
        })
        .filter(|address| !address.is_empty())
        .collect();
    addresses.into_iter().collect::<Vec<_>>().join(",")
}

pub(super) fn ingress(row: &Row<'_>) -> Cells {
    let rules = row.items("/spec/rules");
    let named = rules.iter().map(|rule| text(&rule["host"]).to_owned());
    let mut shown = vec![];
    let mut more = false;
    for host in named {
        more |= shown.len() == SHOWN;
        if !more && !host.is_empty() {
            shown.push(host);
        }
    }
    let hosts = match (shown.is_empty(), more) {
        (true, _) => "*".to_owned(),
        (_, true) => shortened(&shown, rules.len(), ","),
        _ => shown.join(","),
    };
    let ports = if row.items("/spec/tls").is_empty() {
        "80"
    } else {
        "80, 443"
    };
    vec![
        row.name(),
        row.text_or("/spec/ingressClassName", "<none>").into(),
        hosts.into(),
        balancer(row).into(),
        ports.into(),
        row.created(),
    ]
}

pub(super) fn job(row: &Row<'_>) -> Cells {
    let succeeded = row.number("/status/succeeded");
    let completions = match row.value("/spec/completions").as_i64() {
        Some(completions) => format!("{succeeded}/{completions}"),
        None => match row.number("/spec/parallelism") {
            parallelism @ 2.. => format!("{succeeded}/1 of {parallelism}"),
            _ => format!("{succeeded}/1"),
        },
    };
    let status = if row.is("Complete") {
        "Complete"
    } else if row.is("Failed") {
        "Failed"
    } else if row.is_deleting() {
        "Terminating"
    } else if row.is("Suspended") {
        "Suspended"
    } else if row.is("FailureTarget") {
        "FailureTarget"
    } else if row.is("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    };
    let duration = row.between("/status/startTime", "/status/completionTime");
    let mut cells = vec![
        row.name(),
        status.into(),
        completions.into(),
        duration.unwrap_or_default().into(),
        row.created(),
    ];
    cells.extend(template(row, TEMPLATE, "/spec/selector"));
    cells
}

pub(super) fn lease(row: &Row<'_>) -> Cells {
    let holder = row.text("/spec/holderIdentity");
    vec![row.name(), holder.into(), row.created()]
}

pub(super) fn namespace(row: &Row<'_>) -> Cells {
    let phase = row.text("/status/phase");
    vec![row.name(), phase.into(), row.created()]
}

pub(super) fn network_policy(row: &Row<'_>) -> Cells {
    let selector = or_none(row.selector("/spec/podSelector"));
    vec![row.name(), selector.into(), row.created()]
}

pub(super) fn node(row: &Row<'_>) -> Cells {
    let ready = row
        .items("/status/conditions")
        .iter()
        .rfind(|condition| condition["type"] == "Ready");
    let mut status = match ready {
        Some(ready) if ready["status"] == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if row.value("/spec/unschedulable") == true {
        status.push_str(",SchedulingDisabled");
    }
    let labels = row.value("/metadata/labels").as_object();
    let roles: BTreeSet<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(
            |(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
                Some(role) => Some(role),
                None if key == "kubernetes.io/role" => value.as_str(),
                None => None,
            },
        )
        .filter(|role| !role.is_empty())
        .collect();
    let roles: Vec<&str> = roles.into_iter().collect();
    let address = |kind: &str| {
        let addresses = row.items("/status/addresses").iter();
        let found = addresses.clone().find(|address| address["type"] == kind);
        or_none(found.map_or_else(String::new, |found| text(&found["address"]).to_owned()))
    };
    let info = |field: &str| row.text_or(field, "<unknown>").to_owned();
    let mut kernel = info("/status/nodeInfo/kernelVersion");
    let architecture = row.text("/status/nodeInfo/architecture");
    if !architecture.is_empty() {
        kernel.push_str(&format!(" ({architecture})"));
    }
    vec![
        row.name(),
        status.into(),
        or_none(roles.join(",")).into(),
        row.created(),
        row.text("/status/nodeInfo/kubeletVersion").into(),
        address("InternalIP").into(),
        address("ExternalIP").into(),
        info("/status/nodeInfo/osImage").into(),
        kernel.into(),
        info("/status/nodeInfo/containerRuntimeVersion").into(),
    ]
}

/// Modes of access in short, in the order in which they are always told.
fn access_modes(given: &[Value]) -> String {
    const MODES: [(&str, &str); 4] = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let modes: Vec<&str> = MODES
        .into_iter()
        .filter(|(mode, _)| given.iter().any(|given| given == mode))
        .map(|(_, short)| short)
        .collect();
    modes.join(",")
}

/// The class of storage that a volume or a claim names.
fn storage_class_of<'a>(row: &'a Row<'_>) -> &'a str {
    let beta = "/metadata/annotations/volume.beta.kubernetes.io~1storage-class";
    row.text_or(beta, row.text("/spec/storageClassName"))
}

pub(super) fn volume(row: &Row<'_>) -> Cells {
    let claim = row.value("/spec/claimRef");
    let claim = match claim {
        Value::Null => String::new(),
        claim => format!("{}/{}", text(&claim["namespace"]), text(&claim["name"])),
    };
    let phase = if row.is_deleting() {
        "Terminating"
    } else {
        row.text("/status/phase")
    };
    vec![
        row.name(),
        row.text_or("/spec/capacity/storage", "0").into(),
        access_modes(row.items("/spec/accessModes")).into(),
        row.text("/spec/persistentVolumeReclaimPolicy").into(),
        phase.into(),
        claim.into(),
        storage_class_of(row).into(),
        row.text_or("/spec/volumeAttributesClassName", "<unset>")
            .into(),
        row.text("/status/reason").into(),
        row.created(),
        row.text_or("/spec/volumeMode", "<unset>").into(),
    ]
}

pub(super) fn claim(row: &Row<'_>) -> Cells {
    let phase = if row.is_deleting() {
        "Terminating"
    } else {
        row.text("/status/phase")
    };
    let volume = row.text("/spec/volumeName");
    let (capacity, modes) = if volume.is_empty() {
        ("", String::new())
    } else {
        (
            row.text_or("/status/capacity/storage", "0"),
            access_modes(row.items("/status/accessModes")),
        )
    };
    vec![
        row.name(),
        phase.into(),
        volume.into(),
        capacity.into(),
        modes.into(),
        storage_class_of(row).into(),
        row.text_or("/spec/volumeAttributesClassName", "<unset>")
            .into(),
        row.created(),
        row.text_or("/spec/volumeMode", "<unset>").into(),
    ]
}

pub(super) fn budget(row: &Row<'_>) -> Cells {
    vec![
        row.name(),
        either(row.value("/spec/minAvailable"), "N/A"),
        either(row.value("/spec/maxUnavailable"), "N/A"),
        row.number("/status/disruptionsAllowed").into(),
        row.created(),
    ]
}

pub(super) fn priority_class(row: &Row<'_>) -> Cells {
    vec![
        row.name(),
        row.number("/value").into(),
        (row.value("/globalDefault") == true).into(),
        row.created(),
        row.text("/preemptionPolicy").into(),
    ]
}

pub(super) fn replica_set(row: &Row<'_>) -> Cells {
    let mut cells = vec![
        row.name(),
        row.number("/spec/replicas").into(),
        row.number("/status/replicas").into(),
        row.number("/status/readyReplicas").into(),
        row.created(),
    ];
    cells.extend(template(row, TEMPLATE, "/spec/selector"));
    cells
}

pub(super) fn quota(row: &Row<'_>) -> Cells {
    let (mut requests, mut limits) = (vec![], vec![]);
    let hard = row.value("/status/hard").as_object();
    let used = row.value("/status/used");
    for (resource, hard) in hard.into_iter().flatten() {
        let used = used[resource.as_str()].as_str().unwrap_or("0");
        let cell = format!("{resource}: {used}/{}", text(hard));
        if resource.starts_with("limits.") {
            limits.push(cell);
        } else {
            requests.push(cell);
        }
    }
    requests.sort();
    limits.sort();
    vec![
        row.name(),
        requests.join(", ").into(),
        limits.join(", ").into(),
        row.created(),
    ]
}

pub(super) fn binding(row: &Row<'_>) -> Cells {
    let subjects = |kind: &str| {
        let subjects = row.items("/subjects").iter();
        let names: Vec<String> = subjects
            .filter(|subject| subject["kind"] == kind)
            .map(|subject| match text(&subject["namespace"]) {
                namespace if kind == "ServiceAccount" => {
                    format!("{namespace}/{}", text(&subject["name"]))
                }
                _ => text(&subject["name"]).to_owned(),
            })
            .collect();
        Value::from(names.join(", "))
    };
    let role = format!(
        "{}/{}",
        row.text("/roleRef/kind"),
        row.text("/roleRef/name")
    );
    vec![
        row.name(),
        role.into(),
        row.created(),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

pub(super) fn secret(row: &Row<'_>) -> Cells {
    vec![
        row.name(),
        row.text("/type").into(),
        row.count("/data").into(),
        row.created(),
    ]
}

pub(super) fn service(row: &Row<'_>) -> Cells {
    let texts = |items: &[Value]| {
        items
            .iter()
            .map(|item| text(item).to_owned())
            .collect::<Vec<_>>()
    };
    let external = texts(row.items("/spec/externalIPs"));
    let external = match row.text("/spec/type") {
        "ClusterIP" | "NodePort" => or_none(external.join(",")),
        "LoadBalancer" => {
            let balancer = balancer(row);
            let all: Vec<String> = (!balancer.is_empty())
                .then_some(balancer)
                .into_iter()
                .chain(external)
                .collect();
            if all.is_empty() {
                "<pending>".to_owned()
            } else {
                all.join(",")
            }
        }
        "ExternalName" => row.text("/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    };
    let ports: Vec<String> = row
        .items("/spec/ports")
        .iter()
        .map(|port| {
            let protocol = text(&port["protocol"]);
            match port["nodePort"].as_i64() {
                Some(node @ 1..) => format!("{}:{node}/{protocol}", port["port"]),
                _ => format!("{}/{protocol}", port["port"]),
            }
        })
        .collect();
    let cluster = match row.text("/spec/clusterIPs/0") {
        "" => row.text("/spec/clusterIP"),
        address => address,
    };
    vec![
        row.name(),
        row.text("/spec/type").into(),
        or_none(cluster.to_owned()).into(),
        external.into(),
        or_none(ports.join(",")).into(),
        row.created(),
        labels(row.value("/spec/selector")).into(),
    ]
}

pub(super) fn stateful_set(row: &Row<'_>) -> Cells {
    let (ready, desired) = (
        row.number("/status/readyReplicas"),
        row.number("/spec/replicas"),
    );
    let [names, images] = row.containers(TEMPLATE);
    vec![
        row.name(),
        format!("{ready}/{desired}").into(),
        row.created(),
        names,
        images,
    ]
}

pub(super) fn storage_class(row: &Row<'_>) -> Cells {
    let is_default = [
        "storageclass.kubernetes.io",
        "storageclass.beta.kubernetes.io",
    ]
    .iter()
    .any(|prefix| row.text(&format!("/metadata/annotations/{prefix}~1is-default-class")) == "true");
    let name = if is_default {
        format!("{} (default)", row.text("/metadata/name")).into()
    } else {
        row.name()
    };
    vec![
        name,
        row.text("/provisioner").into(),
        row.text_or("/reclaimPolicy", "Delete").into(),
        row.text_or("/volumeBindingMode", "Immediate").into(),
        json!(row.value("/allowVolumeExpansion") == true),
        row.created(),
    ]
}
