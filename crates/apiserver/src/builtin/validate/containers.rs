//! Containers of pods.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go` (`validateContainerCommon` and what it calls), v1.36.

use std::collections::BTreeSet;

use super::at::At;
use super::probes::{self, Probe};
use super::problems::Problems;
use super::volumes::Volumes;
use super::{numbers, resources, security};
use crate::names;

const RULES_MAX: usize = 20;
const EXIT_CODES_MAX: usize = 255;
const RESTART_POLICIES: &[&str] = &["Always", "Never", "OnFailure"];

/// What containers need to know of their pod.
pub(super) struct Pod<'a> {
    pub(super) spec: &'a At<'a>,
    pub(super) volumes: Volumes,
}

impl Pod<'_> {
    fn grace(&self) -> At<'_> {
        self.spec.get("terminationGracePeriodSeconds")
    }

    fn own_users(&self) -> bool {
        self.spec.get("hostUsers").value == &serde_json::Value::Bool(false)
    }
}

/// The containers of a pod.
pub(super) fn main(at: &At<'_>, pod: &Pod<'_>, problems: &mut Problems) {
    if at.is_empty() {
        return problems.required(at, "");
    }
    let mut names = BTreeSet::new();
    for container in at.items() {
        common(&container, pod, problems);
        let name = container.get("name");
        if !names.insert(name.text()) {
            problems.duplicate(&name);
        }
        running(&container, pod, problems);
        restart_policy(&container, problems);
    }
    host_ports(at, at.items(), problems);
}

/// Containers that run before.
pub(super) fn initial(at: &At<'_>, pod: &Pod<'_>, problems: &mut Problems) {
    let main = pod.spec.get("containers");
    let mut names: BTreeSet<&str> = main
        .items()
        .map(|container| container.get("name").text())
        .collect();
    for (index, container) in at.items().enumerate() {
        common(&container, pod, problems);
        restart_policy(&container, problems);
        let name = container.get("name");
        if !names.insert(name.text()) {
            problems.duplicate(&name);
        }
        host_ports(at, at.items().skip(index).take(1), problems);
        if container.get("restartPolicy").text() == "Always" {
            running(&container, pod, problems);
            continue;
        }
        for field in [
            "lifecycle",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
        ] {
            if container.get(field).is_set() {
                let detail = "may not be set for init containers without restartPolicy=Always";
                problems.forbidden(&container.get(field), detail);
            }
        }
    }
}

/// What goes on while a container runs.
fn running(at: &At<'_>, pod: &Pod<'_>, problems: &mut Problems) {
    let grace = pod.grace();
    if at.get("lifecycle").is_set() {
        probes::lifecycle(&at.get("lifecycle"), &grace, problems);
    }
    for (field, kind) in [
        ("livenessProbe", Probe::Liveness),
        ("readinessProbe", Probe::Readiness),
        ("startupProbe", Probe::Startup),
    ] {
        probes::probe(kind, &at.get(field), &grace, problems);
    }
}

fn common(at: &At<'_>, pod: &Pod<'_>, problems: &mut Problems) {
    let name = at.get("name");
    if name.is_empty() {
        problems.required(&name, "");
    } else {
        problems.label(&name);
    }
    if at.get("image").is_empty() {
        problems.required(&at.get("image"), "");
    }
    problems.one_of(
        &at.get("terminationMessagePolicy"),
        &["File", "FallbackToLogsOnError"],
    );
    ports(&at.get("ports"), problems);
    environment(&at.get("env"), problems);
    environment_sources(&at.get("envFrom"), problems);
    pod.volumes.mounts(at, problems);
    pod.volumes.devices(at, problems);
    problems.one_of(
        &at.get("imagePullPolicy"),
        &["Always", "IfNotPresent", "Never"],
    );
    resources::container(&at.get("resources"), problems);
    resize_policies(at, pod, problems);
    security::container(&at.get("securityContext"), !pod.own_users(), problems);
}

/// An image without space around it: pods only, not templates.
pub(super) fn image_without_space(at: &At<'_>, problems: &mut Problems) {
    for container in at.items() {
        let image = container.get("image");
        if image.text().trim() != image.text() {
            problems.invalid(&image, "must not have leading or trailing whitespace");
        }
    }
}

fn ports(at: &At<'_>, problems: &mut Problems) {
    let mut names = BTreeSet::new();
    for port in at.items() {
        let name = port.get("name");
        if !name.is_empty() {
            let details = names::port_name(name.text());
            if !details.is_empty() {
                problems.all(&name, details);
            } else if !names.insert(name.text()) {
                problems.duplicate(&name);
            }
        }
        let number = port.get("containerPort");
        if number.number() == 0 {
            problems.required(&number, "");
        } else {
            numbers::port(&number, problems);
        }
        if port.get("hostPort").number() != 0 {
            numbers::port(&port.get("hostPort"), problems);
        }
        problems.one_of(&port.get("protocol"), numbers::PROTOCOLS);
    }
}

/// No port of the host is taken twice.
fn host_ports<'a>(
    list: &At<'a>,
    containers: impl Iterator<Item = At<'a>>,
    problems: &mut Problems,
) {
    let mut taken = BTreeSet::new();
    for (index, container) in containers.enumerate() {
        for (n, port) in container.get("ports").items().enumerate() {
            let number = port.get("hostPort").number();
            let (protocol, address) = (port.get("protocol").text(), port.get("hostIP").text());
            let key = format!("{protocol}/{address}/{number}");
            if number != 0 && !taken.insert(key.clone()) {
                let path = format!("{}[{index}].ports[{n}].hostPort", list.path);
                problems.push(crate::error::FieldError::duplicate(path, key));
            }
        }
    }
}

fn environment(at: &At<'_>, problems: &mut Problems) {
    for variable in at.items() {
        let name = variable.get("name");
        if name.is_empty() {
            problems.required(&name, "");
        } else {
            problems.all(&name, names::environment_variable(name.text()));
        }
        let from = variable.get("valueFrom");
        if from.is_set() {
            value_from(&from, &variable, problems);
        }
    }
}

fn value_from(at: &At<'_>, variable: &At<'_>, problems: &mut Problems) {
    let mut sources = 0;
    for way in [
        "fieldRef",
        "resourceFieldRef",
        "configMapKeyRef",
        "secretKeyRef",
        "fileKeyRef",
    ] {
        let source = at.get(way);
        if !source.is_set() {
            continue;
        }
        sources += 1;
        match way {
            "fieldRef" => field_of_pod(&source, FIELDS_FOR_VARIABLES, problems),
            "resourceFieldRef" => resource_of_container(&source, false, problems),
            "fileKeyRef" => file_key(&source, problems),
            _ => key_reference(&source, problems),
        }
    }
    let detail = match sources {
        0 => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, \
             `secretKeyRef` or `fileKeyRef`"
        }
        _ if !variable.get("value").is_empty() => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    problems.invalid_as(at, "", detail);
}

fn key_reference(at: &At<'_>, problems: &mut Problems) {
    let (name, key) = (at.get("name"), at.get("key"));
    problems.subdomain(&name);
    if key.is_empty() {
        problems.required(&key, "");
    } else {
        problems.all(&key, names::config_map_key(key.text()));
    }
}

fn file_key(at: &At<'_>, problems: &mut Problems) {
    let (key, volume, path) = (at.get("key"), at.get("volumeName"), at.get("path"));
    if key.is_empty() {
        problems.required(&key, "");
    } else {
        problems.all(&key, names::environment_variable(key.text()));
    }
    if volume.is_empty() {
        problems.required(&volume, "");
    } else {
        problems.label(&volume);
    }
    if path.is_empty() {
        problems.required(&path, "");
    } else {
        problems.no_backsteps(&path);
    }
}

/// Fields of the pod that variables may have, sorted.
const FIELDS_FOR_VARIABLES: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields that exist for this purpose at all.
const FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// A field of the pod: `metadata.name`, `metadata.labels['app']`.
pub(super) fn field_of_pod(at: &At<'_>, allowed: &[&str], problems: &mut Problems) {
    let (version, path) = (at.get("apiVersion"), at.get("fieldPath"));
    if version.is_empty() {
        return problems.required(&version, "");
    }
    if path.is_empty() {
        return problems.required(&path, "");
    }
    let text = path.text();
    let subscripted = text
        .strip_suffix("']")
        .and_then(|rest| rest.split_once("['"));
    let unknown = match subscripted {
        _ if version.text() != "v1" => format!("unsupported pod version: {}", version.text()),
        Some(("metadata.annotations" | "metadata.labels", _)) => String::new(),
        Some(_) => format!("field label does not support subscript: {text}"),
        None if FIELDS.contains(&text) => String::new(),
        None => format!("field label not supported: {text}"),
    };
    if !unknown.is_empty() {
        return problems.invalid(&path, format!("error converting fieldPath: {unknown}"));
    }
    match subscripted {
        Some((field, key)) => {
            let key = match field {
                "metadata.annotations" => key.to_lowercase(),
                _ => key.to_owned(),
            };
            for problem in names::qualified_name(&key) {
                problems.invalid_as(at, key.clone(), problem);
            }
        }
        None => problems.known(&path, allowed),
    }
}

/// Resources of a container that variables and files may have, sorted.
const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub(super) fn resource_of_container(at: &At<'_>, in_file: bool, problems: &mut Problems) {
    let (container, resource) = (at.get("containerName"), at.get("resource"));
    let is_huge_page = ["limits.hugepages-", "requests.hugepages-"]
        .iter()
        .any(|prefix| resource.text().starts_with(prefix));
    if in_file && container.is_empty() {
        problems.required(&container, "");
    } else if resource.is_empty() {
        problems.required(&resource, "");
    } else if !is_huge_page {
        problems.known(&resource, RESOURCES);
    }
    divisor(at, &resource, is_huge_page, problems);
}

fn divisor(at: &At<'_>, resource: &At<'_>, is_huge_page: bool, problems: &mut Problems) {
    const SIZES: &str = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
    let divisor = at.get("divisor");
    if matches!(divisor.text(), "" | "0") {
        return;
    }
    let kind = resource.text().split('.').next_back().unwrap_or_default();
    let (allowed, what) = match kind {
        "cpu" => ("1m, 1", "cpu resource"),
        "memory" => (SIZES, "memory resource"),
        "ephemeral-storage" => (SIZES, "local ephemeral storage resource"),
        _ if is_huge_page => (SIZES, "hugepages resource"),
        _ => return,
    };
    if !allowed.split(", ").any(|one| one == divisor.text()) {
        let allowed = allowed.replace("1m, 1", "1m and 1");
        let detail = format!("only divisor's values {allowed} are supported with the {what}");
        problems.invalid_as(&divisor, resource.text(), detail);
    }
}

fn environment_sources(at: &At<'_>, problems: &mut Problems) {
    for source in at.items() {
        let prefix = source.get("prefix");
        if !prefix.is_empty() {
            problems.all(&prefix, names::environment_variable(prefix.text()));
        }
        let mut sources = 0;
        for way in ["configMapRef", "secretRef"] {
            if !source.get(way).is_set() {
                continue;
            }
            sources += 1;
            let name = source.get(way).get("name");
            if name.is_empty() {
                problems.required(&name, "");
            } else {
                problems.subdomain(&name);
            }
        }
        let detail = match sources {
            0 => "must specify one of: `configMapRef` or `secretRef`",
            1 => continue,
            _ => "may not have more than one field specified at a time",
        };
        problems.invalid_as(at, "", detail);
    }
}

fn resize_policies(container: &At<'_>, pod: &Pod<'_>, problems: &mut Problems) {
    let at = container.get("resizePolicy");
    let never_restarts = pod.spec.get("restartPolicy").text() == "Never";
    let mut seen = BTreeSet::new();
    for policy in at.items() {
        let resource = policy.get("resourceName");
        let restart = policy.get("restartPolicy");
        if !seen.insert(resource.text()) {
            problems.duplicate(&resource.told_at(&*policy.path));
        }
        problems.one_of(&resource.told_at(&*at.path), &["cpu", "memory"]);
        let restart = restart.told_at(&*at.path);
        problems.one_of(&restart, &["NotRequired", "RestartContainer"]);
        if never_restarts && restart.text() != "NotRequired" {
            let detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            problems.invalid(&restart, detail);
        }
    }
}

fn restart_policy(at: &At<'_>, problems: &mut Problems) {
    let (policy, rules) = (at.get("restartPolicy"), at.get("restartPolicyRules"));
    if policy.is_set() {
        problems.known(&policy, RESTART_POLICIES);
    } else if !rules.is_empty() {
        let detail = "must specify restartPolicy when restart rules are used";
        problems.required(&policy, detail);
    }
    if rules.len() > RULES_MAX {
        problems.too_many(&rules, RULES_MAX);
    }
    for rule in rules.items() {
        problems.known(&rule.get("action"), &["Restart", "RestartAllContainers"]);
        let codes = rule.get("exitCodes");
        if !codes.is_set() {
            problems.required(&codes, "must be specified");
            continue;
        }
        problems.known(&codes.get("operator"), &["In", "NotIn"]);
        let values = codes.get("values");
        if values.len() > EXIT_CODES_MAX {
            problems.too_many(&values, EXIT_CODES_MAX);
        }
    }
}
