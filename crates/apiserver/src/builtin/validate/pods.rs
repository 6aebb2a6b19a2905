//! Pods and templates of pods.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePodSpec`, `ValidatePodTemplateSpec`,
//! `ValidatePodUpdate`), v1.36.

use serde_json::Value;

use super::at::At;
use super::containers::{self, Pod};
use super::problems::Problems;
use super::volumes::Volumes;
use super::{affinity, labels, numbers, scheduling, security};
use crate::names;

const NAMESERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
const SEARCHES_MAX_BYTES: usize = 2048;
const HOSTNAME_OVERRIDE_MAX_BYTES: usize = 64;
const DEADLINE: &str = "must be between 1 and 2147483647, inclusive";

pub(super) fn pod(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let spec_at = new.get("spec");
    annotations(&new.get("metadata"), &spec_at, problems);
    spec(&spec_at, &[], problems);
    containers::image_without_space(&spec_at.get("containers"), problems);
    containers::image_without_space(&spec_at.get("initContainers"), problems);
    let Some(old) = old else {
        let ephemeral = spec_at.get("ephemeralContainers");
        if !ephemeral.is_empty() {
            problems.forbidden(&ephemeral, "cannot be set on create");
        }
        let node = spec_at.get("nodeName");
        if !node.is_empty() && !spec_at.get("schedulingGates").is_empty() {
            let detail = "cannot be set until all schedulingGates have been cleared";
            problems.forbidden(&node, detail);
        }
        return;
    };
    changed(&spec_at, &old.get("spec"), problems);
}

/// What may change in a pod that is there.
fn changed(new: &At<'_>, old: &At<'_>, problems: &mut Problems) {
    for field in ["containers", "initContainers"] {
        let (new, old) = (new.get(field), old.get(field));
        if new.len() != old.len() {
            let detail = "pod updates may not add or remove containers";
            return problems.forbidden(&new, detail);
        }
    }
    let (deadline, before) = (
        new.get("activeDeadlineSeconds"),
        old.get("activeDeadlineSeconds"),
    );
    match (deadline.integer(), before.integer()) {
        (Some(now), Some(then)) if now > then => {
            let detail = "must be less than or equal to previous value";
            return problems.invalid(&deadline, detail);
        }
        (None, Some(_)) => {
            let detail = "must not update from a positive integer to nil value";
            problems.invalid(&deadline, detail);
        }
        _ => {}
    }
    let field = |name: &str| (new.get(name), old.get(name));
    let (now, then) = field("tolerations");
    scheduling::added_tolerations(&now, &then, problems);
    let (now, then) = field("schedulingGates");
    scheduling::removed_gates(&now, &then, problems);
    if !is_same_but_for_allowed(new.value, old.value) {
        problems.forbidden(
            new,
            "pod updates may not change fields other than `spec.containers[*].image`,\
             `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only \
             additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to \
             be set to 1 if it was previously negative)\n",
        );
    }
}

/// Differs: nothing else may change in a pod that is held by gates, either.
fn is_same_but_for_allowed(new: &Value, old: &Value) -> bool {
    let fixed = |spec: &Value| {
        let mut spec = spec.clone();
        let Some(map) = spec.as_object_mut() else {
            return spec;
        };
        for field in [
            "activeDeadlineSeconds",
            "ephemeralContainers",
            "schedulingGates",
            "tolerations",
        ] {
            map.remove(field);
        }
        for field in ["containers", "initContainers"] {
            let list = map.get_mut(field).and_then(Value::as_array_mut);
            for container in list.into_iter().flatten().filter_map(Value::as_object_mut) {
                container.remove("image");
            }
        }
        spec
    };
    let (mut new, old) = (fixed(new), fixed(old));
    let grace = "terminationGracePeriodSeconds";
    if new[grace] == 1 && old[grace].as_i64().is_some_and(|grace| grace < 0) {
        new[grace] = old[grace].clone();
    }
    new == old
}

/// A template of pods; those called `claimed` are volumes that come from templates of claims.
pub(super) fn template(at: &At<'_>, claimed: &[&str], problems: &mut Problems) {
    // Upstream tells problems of the metadata without its name.
    let metadata = at.get("metadata").told_at(&*at.path);
    labels::labels(&metadata.get("labels"), problems);
    labels::annotations(&metadata.get("annotations"), problems);
    let spec_at = at.get("spec");
    annotations(&metadata, &spec_at, problems);
    spec(&spec_at, claimed, problems);
    let ephemeral = spec_at.get("ephemeralContainers");
    if !ephemeral.is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        problems.forbidden(&ephemeral, detail);
    }
}

/// Annotations that mean something for pods.
fn annotations(metadata: &At<'_>, spec: &At<'_>, problems: &mut Problems) {
    const MIRROR: &str = "kubernetes.io/config.mirror";
    const COST: &str = "controller.kubernetes.io/pod-deletion-cost";
    let annotations = metadata.get("annotations");
    let entry = |key: &str| {
        annotations
            .get(key)
            .told_at(format!("{}[{key}]", annotations.path))
    };
    if entry(MIRROR).is_set() && spec.get("nodeName").is_empty() {
        let detail = "must set spec.nodeName if mirror pod annotation is set";
        problems.invalid(&entry(MIRROR), detail);
    }
    let cost = entry(COST);
    let digits = cost.text().strip_prefix('-').unwrap_or(cost.text());
    let is_canonical = digits == "0" || !digits.starts_with(['0', '+']);
    if cost.is_set() && (cost.text().parse::<i32>().is_err() || !is_canonical) {
        problems.invalid(&cost, "must be a 32bit integer");
    }
}

fn spec(at: &At<'_>, claimed: &[&str], problems: &mut Problems) {
    let volumes = Volumes::check(&at.get("volumes"), claimed, problems);
    let pod = Pod { spec: at, volumes };
    containers::main(&at.get("containers"), &pod, problems);
    containers::initial(&at.get("initContainers"), &pod, problems);
    host_network(at, problems);
    problems.one_of(&at.get("restartPolicy"), &["Always", "OnFailure", "Never"]);
    problems.one_of(
        &at.get("dnsPolicy"),
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
    );
    labels::labels(&at.get("nodeSelector"), problems);
    security::pod(at, problems);
    affinity::affinity(&at.get("affinity"), problems);
    name_resolution(at, problems);
    for gate in at.get("readinessGates").items() {
        problems.qualified_name(&gate.get("conditionType"));
    }
    scheduling::gates(&at.get("schedulingGates"), problems);
    scheduling::spread(&at.get("topologySpreadConstraints"), problems);
    hostname_override(at, problems);
    names_of_others(at, problems);
}

fn names_of_others(at: &At<'_>, problems: &mut Problems) {
    for field in ["serviceAccountName", "nodeName"] {
        let name = at.get(field);
        if !name.is_empty() {
            problems.subdomain(&name);
        }
    }
    let deadline = at.get("activeDeadlineSeconds");
    if deadline.is_set() && !(1..=i64::from(i32::MAX)).contains(&deadline.number()) {
        problems.invalid(&deadline, DEADLINE);
    }
    for field in ["hostname", "subdomain"] {
        let name = at.get(field);
        if !name.is_empty() {
            problems.label(&name);
        }
    }
    scheduling::tolerations(&at.get("tolerations"), problems);
    for alias in at.get("hostAliases").items() {
        numbers::address(&alias.get("ip"), problems);
        for name in alias.get("hostnames").items() {
            problems.subdomain(&name);
        }
    }
    for field in ["priorityClassName", "runtimeClassName"] {
        let name = at.get(field);
        if !name.is_empty() || field == "runtimeClassName" && name.is_set() {
            problems.subdomain(&name);
        }
    }
    let preemption = at.get("preemptionPolicy");
    if preemption.is_set() {
        problems.one_of(&preemption, &["PreemptLowerPriority", "Never"]);
    }
    let system = at.get("os");
    if system.is_set() {
        problems.one_of(&system.get("name"), &["linux", "windows"]);
    }
}

/// On the network of the host, ports are those of the host.
fn host_network(at: &At<'_>, problems: &mut Problems) {
    if !at.get("hostNetwork").is_true() {
        return;
    }
    for container in at.get("containers").items() {
        for port in container.get("ports").items() {
            let (host, own) = (port.get("hostPort"), port.get("containerPort"));
            if host.number() != 0 && host.number() != own.number() {
                let detail = "must match `containerPort` when `hostNetwork` is true";
                problems.invalid(&host, detail);
            }
        }
    }
}

fn name_resolution(spec: &At<'_>, problems: &mut Problems) {
    let at = spec.get("dnsConfig");
    let (servers, searches) = (at.get("nameservers"), at.get("searches"));
    if spec.get("dnsPolicy").text() == "None" {
        if !at.is_set() {
            let detail = "must provide `dnsConfig` when `dnsPolicy` is None";
            return problems.required(&at, detail);
        }
        if servers.is_empty() {
            let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            return problems.required(&servers, detail);
        }
    }
    if servers.len() > NAMESERVERS_MAX {
        let detail = format!("must not have more than {NAMESERVERS_MAX} nameservers");
        problems.invalid(&servers, detail);
    }
    for server in servers.items() {
        numbers::address(&server, problems);
    }
    if searches.len() > SEARCHES_MAX {
        let detail = format!("must not have more than {SEARCHES_MAX} search paths");
        problems.invalid(&searches, detail);
    }
    let size_bytes: usize = searches.items().map(|search| search.len() + 1).sum();
    if size_bytes > SEARCHES_MAX_BYTES + 1 {
        let detail = format!(
            "must not have more than {SEARCHES_MAX_BYTES} characters (including spaces) in the \
             search list"
        );
        problems.invalid(&searches, detail);
    }
    for search in searches.items().filter(|search| search.text() != ".") {
        let domain = search.text().strip_suffix('.').unwrap_or(search.text());
        for problem in names::subdomain_with_underscores(domain) {
            problems.invalid_as(&search, domain, problem);
        }
    }
    for option in at.get("options").items() {
        if option.get("name").is_empty() {
            problems.required(&option, "must not be empty");
        }
    }
}

fn hostname_override(at: &At<'_>, problems: &mut Problems) {
    let name = at.get("hostnameOverride");
    if !name.is_set() {
        return;
    }
    for (field, detail) in [
        (
            "setHostnameAsFQDN",
            "may not be specified when setHostnameAsFQDN is true",
        ),
        (
            "hostNetwork",
            "may not be specified when hostNetwork is true",
        ),
    ] {
        if at.get(field).is_true() {
            problems.forbidden(&name, detail);
        }
    }
    if name.len() > HOSTNAME_OVERRIDE_MAX_BYTES {
        problems.too_long(&name, HOSTNAME_OVERRIDE_MAX_BYTES);
    }
    problems.subdomain(&name);
}
