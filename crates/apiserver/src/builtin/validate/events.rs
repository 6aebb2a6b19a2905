//! Events of both groups, and leases.
//!
//! Source: kubernetes `pkg/apis/core/validation/events.go`, `pkg/apis/coordination/validation/validation.go`, v1.36.

use super::at::At;
use super::problems::Problems;
use crate::names;

const SERIES_MIN: i64 = 2;
const MISMATCH: &str = "does not match event.namespace";
const UNSET: &str = "needs to be unset";

/// An event of the core group.
pub(super) fn event(new: &At<'_>, problems: &mut Problems) {
    let names = Names {
        object: "involvedObject",
        controller: "reportingComponent",
        note: "message",
    };
    common(new, &names, problems);
}

/// An event of the events group. Problems are told with the names of fields of the core group, as upstream does.
pub(super) fn new_event(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let names = Names {
        object: "regarding",
        controller: "reportingController",
        note: "note",
    };
    common(new, &names, problems);
    match old {
        None => strict(new, problems),
        Some(old) => unchanged(new, old, problems),
    }
}

/// How fields are called in a group.
struct Names {
    object: &'static str,
    controller: &'static str,
    note: &'static str,
}

fn common(new: &At<'_>, names: &Names, problems: &mut Problems) {
    let own = new.get("metadata").get("namespace");
    let of_object = new
        .get(names.object)
        .get("namespace")
        .told_at("involvedObject.namespace");
    if new.get("eventTime").is_set() {
        if of_object.is_empty() && !matches!(own.text(), "default" | "kube-system") {
            problems.invalid_as(&of_object, "", MISMATCH);
        }
        timed(new, names, problems);
    } else if of_object.is_empty() {
        if !matches!(own.text(), "" | "default") {
            problems.invalid_as(&of_object, "", MISMATCH);
        }
    } else if of_object.text() != own.text() {
        problems.invalid(&of_object, MISMATCH);
    }
    problems.all(
        &own.told_at("namespace"),
        names::dns1123_subdomain(own.text()),
    );
}

fn timed(new: &At<'_>, names: &Names, problems: &mut Problems) {
    let controller = new.get(names.controller);
    if controller.is_empty() {
        problems.required(&controller, "");
    }
    problems.qualified_name(&controller);
    for (field, told, required, max) in [
        ("reportingInstance", "reportingInstance", true, 128),
        ("action", "action", true, 128),
        ("reason", "reason", true, 128),
        (names.note, "message", false, 1024),
    ] {
        let text = new.get(field).told_at(told);
        if required && text.is_empty() {
            problems.required(&text, "");
        }
        if text.len() > max {
            problems.invalid_as(&text, "", format!("can have at most {max} characters"));
        }
    }
}

fn strict(new: &At<'_>, problems: &mut Problems) {
    series(new, problems);
    if !new.get("eventTime").is_set() {
        problems.required(&new.get("eventTime"), "");
    }
    let kind = new.get("type");
    if !matches!(kind.text(), "Normal" | "Warning") {
        problems.invalid_as(&kind, "", format!("has invalid value: {}", kind.text()));
    }
    for (field, told) in [
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
    ] {
        let at = new.get(field).told_at(told);
        if at.is_set() {
            problems.invalid_as(&at, "", UNSET);
        }
    }
    let count = new.get("deprecatedCount").told_at("count");
    if count.number() != 0 {
        problems.invalid_as(&count, "", UNSET);
    }
    let source = new.get("deprecatedSource").told_at("source");
    if !source.get("component").is_empty() || !source.get("host").is_empty() {
        problems.invalid_as(&source, "", UNSET);
    }
}

fn series(new: &At<'_>, problems: &mut Problems) {
    let series = new.get("series");
    if !series.is_set() {
        return;
    }
    if series.get("count").number() < SERIES_MIN {
        problems.invalid_as(&series.get("count"), "", "should be at least 2");
    }
    let observed = series.get("lastObservedTime");
    if !observed.is_set() {
        problems.required(&observed, "");
    }
}

fn unchanged(new: &At<'_>, old: &At<'_>, problems: &mut Problems) {
    if new.get("series").value != old.get("series").value {
        series(new, problems);
    }
    for (field, told) in [
        ("regarding", "involvedObject"),
        ("reason", "reason"),
        ("note", "message"),
        ("deprecatedSource", "source"),
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
        ("reason", "reason"),
        ("type", "type"),
        ("eventTime", "eventTime"),
        ("action", "action"),
        ("related", "related"),
        ("reportingController", "reportingController"),
        ("reportingInstance", "reportingInstance"),
    ] {
        problems.immutable(&new.get(field).told_at(told), &old.get(field));
    }
}

pub(super) fn lease(new: &At<'_>, problems: &mut Problems) {
    let spec = new.get("spec");
    let duration = spec.get("leaseDurationSeconds");
    if duration.is_set() {
        problems.positive(&duration, "0");
    }
    problems.not_negative(&spec.get("leaseTransitions"));
}
