//! Kinds that make pods and keep them.
//!
//! Source: kubernetes `pkg/apis/apps/validation/validation.go`, v1.36.

use serde_json::json;

use super::at::At;
use super::problems::Problems;
use super::{labels, numbers, pods, storage};

const UNSELECTED: &str = "`selector` does not match template `labels`";
const ABOVE: &str = "cannot be greater than status.replicas";

pub(super) fn deployment(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let spec = new.get("spec");
    problems.not_negative(&spec.get("replicas"));
    selected_template(&spec, "deployment", "invalid label selector", problems);
    strategy(&spec.get("strategy"), problems);
    problems.not_negative(&spec.get("minReadySeconds"));
    problems.not_negative(&spec.get("revisionHistoryLimit"));
    let deadline = spec.get("progressDeadlineSeconds");
    if deadline.is_set() {
        problems.not_negative(&deadline);
        if deadline.number() <= spec.get("minReadySeconds").number() {
            problems.invalid(&deadline, "must be greater than minReadySeconds");
        }
    }
    if let Some(old) = old {
        problems.immutable(&spec.get("selector"), &old.get("spec").get("selector"));
    }
}

pub(super) fn replica_set(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let spec = new.get("spec");
    problems.not_negative(&spec.get("replicas"));
    problems.not_negative(&spec.get("minReadySeconds"));
    selected_template(&spec, "deployment", "invalid label selector", problems);
    if let Some(old) = old {
        problems.immutable(&spec.get("selector"), &old.get("spec").get("selector"));
    }
}

pub(super) fn replication_controller(new: &At<'_>, problems: &mut Problems) {
    let spec = new.get("spec");
    let (selector, template) = (spec.get("selector"), spec.get("template"));
    problems.not_negative(&spec.get("minReadySeconds"));
    if selector.is_empty() {
        problems.required(&selector, "");
    }
    problems.not_negative(&spec.get("replicas"));
    if !template.is_set() {
        return problems.required(&template, "");
    }
    let own = template.get("metadata").get("labels");
    if selector
        .entries()
        .any(|(key, value)| own.get(key).value != value.value)
    {
        problems.invalid(&own, UNSELECTED);
    }
    pods::template(&template, &[], problems);
    always_running(&template, "ReplicationController", problems);
}

/// A selector and a template that it selects, as deployments and their replica sets have them.
fn selected_template(spec: &At<'_>, kind: &str, not_one: &str, problems: &mut Problems) {
    let (selector, template) = (spec.get("selector"), spec.get("template"));
    required_selector(&selector, kind, problems);
    let metadata = template.get("metadata");
    match labels::matches(&selector, &metadata.get("labels")) {
        None => problems.invalid(&selector, not_one),
        Some(matches) => {
            // Nothing is selected without a selector, and everything by an empty one.
            if !matches {
                problems.invalid(&metadata.get("labels"), UNSELECTED);
            }
            pods::template(&template, &[], problems);
            always_running(&template, "ReplicaSet", problems);
        }
    }
}

fn required_selector(selector: &At<'_>, kind: &str, problems: &mut Problems) {
    if !selector.is_set() {
        return problems.required(selector, "");
    }
    labels::selector(selector, problems);
    if labels::is_empty(selector) {
        let detail = format!("empty selector is invalid for {kind}");
        problems.invalid(selector, detail);
    }
}

fn always_running(template: &At<'_>, kind: &str, problems: &mut Problems) {
    let spec = template.get("spec");
    problems.known(&spec.get("restartPolicy"), &["Always"]);
    let deadline = spec.get("activeDeadlineSeconds");
    if deadline.is_set() {
        let detail = format!("activeDeadlineSeconds in {kind} is not Supported");
        problems.forbidden(&deadline, detail);
    }
}

fn strategy(at: &At<'_>, problems: &mut Problems) {
    let rolling = at.get("rollingUpdate");
    match at.get("type").text() {
        "Recreate" if rolling.is_set() => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            problems.forbidden(&rolling, detail);
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
            numbers::amount_or_percent(&unavailable, problems);
            numbers::amount_or_percent(&surge, problems);
            if numbers::amount(&unavailable) == 0 && numbers::amount(&surge) == 0 {
                problems.invalid(&unavailable, "may not be 0 when `maxSurge` is 0");
            }
            numbers::at_most_all(&unavailable, problems);
        }
        other => unknown_strategy(at, other, &["Recreate", "RollingUpdate"], problems),
    }
}

/// Upstream tells the whole strategy, with the names of its Go fields.
fn unknown_strategy(at: &At<'_>, kind: &str, supported: &[&str], problems: &mut Problems) {
    let told = json!({"RollingUpdate": null, "Type": kind});
    let told = At {
        value: &told,
        path: at.path.clone(),
    };
    problems.not_supported(&told, supported);
}

pub(super) fn stateful_set(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let spec = new.get("spec");
    let policy = spec.get("podManagementPolicy");
    match policy.text() {
        "" => problems.required(&policy, ""),
        "OrderedReady" | "Parallel" => {}
        _ => problems.invalid(&policy, "must be 'OrderedReady' or 'Parallel'"),
    }
    stateful_strategy(&spec.get("updateStrategy"), problems);
    let retention = spec.get("persistentVolumeClaimRetentionPolicy");
    if retention.is_set() {
        problems.known(&retention.get("whenDeleted"), &["Retain", "Delete"]);
        problems.known(&retention.get("whenScaled"), &["Retain", "Delete"]);
    }
    let claims = spec.get("volumeClaimTemplates");
    if old.is_none() {
        for claim in claims.items() {
            storage::claim_spec(&claim.get("spec"), problems);
        }
    }
    problems.not_negative(&spec.get("replicas"));
    problems.not_negative(&spec.get("minReadySeconds"));
    problems.not_negative(&spec.get("ordinals").get("start"));
    let service = spec.get("serviceName");
    if old.is_none() && !service.is_empty() {
        problems.label(&service);
    }
    stateful_template(&spec, &claims, problems);
    if let Some(old) = old {
        stateful_changes(&spec, &old.get("spec"), problems);
    }
}

fn stateful_template(spec: &At<'_>, claims: &At<'_>, problems: &mut Problems) {
    let (selector, template) = (spec.get("selector"), spec.get("template"));
    required_selector(&selector, "statefulset", problems);
    let metadata = template.get("metadata");
    match labels::matches(&selector, &metadata.get("labels")) {
        None => problems.invalid(&selector, ""),
        Some(matches) => {
            if !matches {
                problems.invalid(&metadata.get("labels"), UNSELECTED);
            }
            let claims: Vec<At<'_>> = claims
                .items()
                .map(|claim| claim.get("metadata").get("name"))
                .collect();
            let claimed: Vec<&str> = claims.iter().map(At::text).collect();
            pods::template(&template, &claimed, problems);
            labels::labels(
                &metadata.get("labels").told_at(template.get("labels").path),
                problems,
            );
        }
    }
    always_running(&template, "StatefulSet", problems);
}

fn stateful_strategy(at: &At<'_>, problems: &mut Problems) {
    let rolling = at.get("rollingUpdate");
    match at.get("type").text() {
        "" => problems.required(at, ""),
        "OnDelete" if rolling.is_set() => {
            let detail = "only allowed for updateStrategy 'RollingUpdate'";
            problems.invalid(&rolling, detail);
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            problems.not_negative(&rolling.get("partition"));
            let unavailable = rolling.get("maxUnavailable");
            if unavailable.is_set() {
                numbers::amount_or_percent(&unavailable, problems);
                if numbers::amount(&unavailable) == 0 {
                    problems.invalid(&unavailable, "cannot be 0");
                }
                numbers::at_most_all(&unavailable, problems);
            }
        }
        other => {
            let told = json!({"RollingUpdate": null, "Type": other});
            problems.invalid_as(at, told, "must be 'RollingUpdate' or 'OnDelete'");
        }
    }
}

/// Fields of a stateful set that may change.
const CHANGEABLE: &[&str] = &[
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

fn stateful_changes(new: &At<'_>, old: &At<'_>, problems: &mut Problems) {
    let fixed = |spec: &At<'_>| {
        let mut fields = spec.value.as_object().cloned().unwrap_or_default();
        fields.retain(|name, _| !CHANGEABLE.contains(&&**name));
        fields
    };
    if fixed(new) != fixed(old) {
        problems.forbidden(
            new,
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
             'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
             'minReadySeconds' are forbidden",
        );
    }
}

pub(super) fn daemon_set(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let spec = new.get("spec");
    let (selector, template) = (spec.get("selector"), spec.get("template"));
    if let Some(old) = old {
        problems.immutable(&selector, &old.get("spec").get("selector"));
    }
    labels::selector(&selector, problems);
    let own = template.get("metadata").get("labels");
    if labels::matches(&selector, &own) == Some(false) {
        problems.invalid(&own, UNSELECTED);
    }
    if selector.is_set() && labels::is_empty(&selector) {
        problems.invalid(&selector, "empty selector is invalid for daemonset");
    }
    pods::template(&template, &[], problems);
    always_running(&template, "DaemonSet", problems);
    problems.not_negative(&spec.get("minReadySeconds"));
    daemon_strategy(&spec.get("updateStrategy"), problems);
    problems.not_negative(&spec.get("revisionHistoryLimit"));
}

fn daemon_strategy(at: &At<'_>, problems: &mut Problems) {
    let rolling = at.get("rollingUpdate");
    match at.get("type").text() {
        "OnDelete" => {}
        "RollingUpdate" if !rolling.is_set() => problems.required(&rolling, ""),
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
            for at in [&unavailable, &surge] {
                numbers::amount_or_percent(at, problems);
            }
            for at in [&unavailable, &surge] {
                numbers::at_most_all(at, problems);
            }
            match (numbers::amount(&unavailable), numbers::amount(&surge)) {
                (0, 0) => problems.required(&unavailable, "cannot be 0 when maxSurge is 0"),
                (0, _) | (_, 0) => {}
                _ => problems.invalid(&surge, "may not be set when maxUnavailable is non-zero"),
            }
        }
        other => unknown_strategy(at, other, &["RollingUpdate", "OnDelete"], problems),
    }
}

pub(super) fn revision(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let data = new.get("data");
    problems.not_negative(&new.get("revision"));
    match old {
        Some(old) => problems.immutable(&data, &old.get("data")),
        None if !data.is_set() => problems.required(&data, "data is mandatory"),
        None if !data.value.is_object() => {
            problems.required(&data, "data must be a valid JSON object");
        }
        None => {}
    }
}

/// Checks counts of a status: none below zero.
fn counts(status: &At<'_>, fields: &[&str], problems: &mut Problems) {
    for field in fields {
        problems.not_negative(&status.get(field));
    }
}

/// Checks that one count is not above another.
fn at_most(status: &At<'_>, field: &str, most: &str, detail: &str, problems: &mut Problems) {
    let count = status.get(field);
    if count.number() > status.get(most).number() {
        problems.invalid(&count, detail);
    }
}

fn not_decremented(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let count = new.get("status").get("collisionCount");
    let before = old.map_or(0, |old| old.get("status").get("collisionCount").number());
    if count.number() < before {
        problems.invalid_as(&count, count.number(), "cannot be decremented");
    }
}

pub(super) fn deployment_status(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let status = new.get("status");
    let fields = [
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ];
    counts(&status, &fields, problems);
    for field in ["updatedReplicas", "readyReplicas", "availableReplicas"] {
        at_most(&status, field, "replicas", ABOVE, problems);
    }
    let detail = "cannot be greater than readyReplicas";
    at_most(
        &status,
        "availableReplicas",
        "readyReplicas",
        detail,
        problems,
    );
    not_decremented(new, old, problems);
}

pub(super) fn replica_set_status(new: &At<'_>, problems: &mut Problems) {
    let status = new.get("status");
    let fields = [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
    ];
    counts(&status, &fields, problems);
    for field in ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"] {
        at_most(&status, field, "replicas", ABOVE, problems);
    }
    let detail = "cannot be greater than readyReplicas";
    at_most(
        &status,
        "availableReplicas",
        "readyReplicas",
        detail,
        problems,
    );
}

pub(super) fn stateful_set_status(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let status = new.get("status");
    let fields = [
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    ];
    counts(&status, &fields, problems);
    for field in [
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
    ] {
        at_most(&status, field, "replicas", ABOVE, problems);
    }
    let detail = "cannot be greater than status.readyReplicas";
    at_most(
        &status,
        "availableReplicas",
        "readyReplicas",
        detail,
        problems,
    );
    not_decremented(new, old, problems);
}

pub(super) fn daemon_set_status(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let fields = [
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ];
    counts(&new.get("status"), &fields, problems);
    not_decremented(new, old, problems);
}
