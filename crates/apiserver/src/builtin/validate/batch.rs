//! Jobs.
//!
//! Source: kubernetes `pkg/apis/batch/validation/validation.go`, v1.36. Differs: success policies are not checked, and of
//! schedules only the number of fields and their characters.

use std::collections::BTreeSet;

use super::at::At;
use super::problems::Problems;
use super::{labels, pods};
use crate::names;

const RULES_MAX: usize = 20;
const CODES_MAX: usize = 255;
const CONDITIONS_MAX: usize = 20;
const PARALLELISM_OF_INDEXED_MAX: i64 = 100_000;
const CRON_NAME_MAX_BYTES: usize = 52;

pub(super) fn job(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let at = new.get("spec");
    spec(&at, problems);
    let selector = at.get("selector");
    if selector.is_set() {
        labels::selector(&selector, problems);
    } else {
        problems.required(&selector, "");
    }
    let own = at.get("template").get("metadata").get("labels");
    if labels::matches(&selector, &own) == Some(false) {
        problems.invalid(&own, "`selector` does not match template `labels`");
    }
    if old.is_none() {
        pod_names(new, &at, problems);
    }
    if let Some(old) = old {
        changes(&at, &old.get("spec"), problems);
    }
}

/// The last pod of an indexed job must have a name, too.
fn pod_names(job: &At<'_>, spec: &At<'_>, problems: &mut Problems) {
    let completions = spec.get("completions").number();
    if spec.get("completionMode").text() != "Indexed" || completions < 1 {
        return;
    }
    let name = job.get("metadata").get("name");
    let last = format!("{}-{}", name.text(), completions - 1);
    if !names::dns1123_label(&last).is_empty() {
        let detail = format!("will not able to create pod with invalid DNS label: {last}");
        problems.invalid(&name, detail);
    }
}

fn changes(new: &At<'_>, old: &At<'_>, problems: &mut Problems) {
    let is_indexed = new.get("completionMode").text() == "Indexed";
    let completions = new.get("completions");
    if !is_indexed {
        problems.immutable(&completions, &old.get("completions"));
    } else if completions.is_set()
        && completions.value != old.get("completions").value
        && completions.number() != new.get("parallelism").number()
    {
        let detail = "can only be modified in tandem with spec.parallelism";
        problems.invalid(&completions, detail);
    }
    problems.immutable(&new.get("selector"), &old.get("selector"));
    if !old.get("suspend").is_true() {
        problems.immutable(&new.get("template"), &old.get("template"));
    }
    for field in [
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ] {
        problems.immutable(&new.get(field), &old.get(field));
    }
}

fn spec(at: &At<'_>, problems: &mut Problems) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        problems.not_negative(&at.get(field));
    }
    if at.get("maxFailedIndexes").is_set() && !at.get("backoffLimitPerIndex").is_set() {
        let detail = "when maxFailedIndexes is specified";
        problems.required(&at.get("backoffLimitPerIndex"), detail);
    }
    completion(at, problems);
    failure_policy(at, problems);
    let replacement = at.get("podReplacementPolicy");
    if replacement.is_set() {
        let supported: &[&str] = if at.get("podFailurePolicy").is_set() {
            &["Failed"]
        } else {
            &["Failed", "TerminatingOrFailed"]
        };
        problems.known(&replacement, supported);
    }
    let template = at.get("template");
    pods::template(&template, &[], problems);
    let restart = template.get("spec").get("restartPolicy");
    match restart.text() {
        "" | "Always" => problems.required(&restart, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if at.get("podFailurePolicy").is_set() => {
            let detail = "only \"Never\" is supported when podFailurePolicy is specified";
            problems.invalid(&restart, detail);
        }
        "OnFailure" | "Never" => {}
        _ => problems.not_supported(&restart, &["OnFailure", "Never"]),
    }
}

fn completion(at: &At<'_>, problems: &mut Problems) {
    let (mode, completions) = (at.get("completionMode"), at.get("completions"));
    if mode.is_set() {
        problems.known(&mode, &["NonIndexed", "Indexed"]);
    }
    if mode.text() == "Indexed" {
        if !completions.is_set() {
            problems.required(&completions, "when completion mode is Indexed");
        }
        let parallelism = at.get("parallelism");
        if parallelism.number() > PARALLELISM_OF_INDEXED_MAX {
            let detail = format!(
                "must be less than or equal to {PARALLELISM_OF_INDEXED_MAX} when completion mode is \
                 Indexed"
            );
            problems.invalid(&parallelism, detail);
        }
        let failed = at.get("maxFailedIndexes");
        if completions.is_set() && failed.number() > completions.number() {
            problems.invalid(&failed, "must be less than or equal to completions");
        }
    }
    if matches!(mode.text(), "" | "NonIndexed") {
        for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if at.get(field).is_set() {
                problems.invalid(&at.get(field), "requires indexed completion mode");
            }
        }
    }
}

fn failure_policy(spec: &At<'_>, problems: &mut Problems) {
    let rules = spec.get("podFailurePolicy").get("rules");
    if rules.len() > RULES_MAX {
        problems.too_many(&rules, RULES_MAX);
    }
    for rule in rules.items() {
        let action = rule.get("action");
        match action.text() {
            "" => problems.required(
                &action,
                "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]",
            ),
            "FailIndex" if !spec.get("backoffLimitPerIndex").is_set() => {
                problems.invalid(&action, "requires the backoffLimitPerIndex to be set");
            }
            _ => problems.known(&action, &["Count", "FailIndex", "FailJob", "Ignore"]),
        }
        let (codes, conditions) = (rule.get("onExitCodes"), rule.get("onPodConditions"));
        if codes.is_set() {
            exit_codes(&codes, spec, problems);
        }
        if conditions.len() > CONDITIONS_MAX {
            problems.too_many(&conditions, CONDITIONS_MAX);
        }
        for condition in conditions.items() {
            problems.qualified_name(&condition.get("type"));
            problems.known(&condition.get("status"), &["False", "True", "Unknown"]);
        }
        let detail = match (codes.is_set(), !conditions.is_empty()) {
            (true, true) => "specifying both OnExitCodes and OnPodConditions is not supported",
            (false, false) => "specifying one of OnExitCodes and OnPodConditions is required",
            _ => continue,
        };
        problems.push(crate::error::FieldError::invalid_without_value(
            &*rule.path,
            detail,
        ));
    }
}

fn exit_codes(at: &At<'_>, spec: &At<'_>, problems: &mut Problems) {
    let (operator, values) = (at.get("operator"), at.get("values"));
    if operator.is_empty() {
        problems.required(&operator, "valid values: [\"In\" \"NotIn\"]");
    } else {
        problems.known(&operator, &["In", "NotIn"]);
    }
    let container = at.get("containerName");
    let pod = spec.get("template").get("spec");
    let is_there = ["containers", "initContainers"].iter().any(|list| {
        let list = pod.get(list);
        list.items()
            .any(|one| one.get("name").text() == container.text())
    });
    if container.is_set() && !is_there {
        let detail = "must be one of the container or initContainer names in the pod template";
        problems.invalid(&container, detail);
    }
    if values.is_empty() {
        problems.invalid(&values, "at least one value is required");
    } else if values.len() > CODES_MAX {
        problems.too_many(&values, CODES_MAX);
    }
    let (mut seen, mut last, mut is_ordered) = (BTreeSet::new(), i64::MIN, true);
    for value in values.items() {
        let code = value.number();
        if operator.text() == "In" && code == 0 {
            problems.invalid(&value, "must not be 0 for the In operator");
        }
        if !seen.insert(code) {
            problems.duplicate(&value);
        }
        is_ordered &= last <= code;
        last = code;
    }
    if !is_ordered {
        problems.invalid(&values, "must be ordered");
    }
}

pub(super) fn cron_job(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let at = new.get("spec");
    let schedule = at.get("schedule");
    if schedule.is_empty() {
        problems.required(&schedule, "");
    } else {
        self::schedule(&schedule, problems);
    }
    let zone = at.get("timeZone");
    if zone.is_set() && zone.is_empty() {
        problems.invalid(&zone, "timeZone must be nil or non-empty string");
    }
    problems.not_negative(&at.get("startingDeadlineSeconds"));
    problems.one_of(
        &at.get("concurrencyPolicy"),
        &["Allow", "Forbid", "Replace"],
    );
    let template = at.get("jobTemplate").get("spec");
    spec(&template, problems);
    if template.get("selector").is_set() {
        problems.invalid(
            &template.get("selector"),
            "`selector` will be auto-generated",
        );
    }
    if template.get("manualSelector").is_true() {
        problems.not_supported(&template.get("manualSelector"), &["nil", "false"]);
    }
    problems.not_negative(&at.get("successfulJobsHistoryLimit"));
    problems.not_negative(&at.get("failedJobsHistoryLimit"));
    let name = new.get("metadata").get("name");
    if old.is_none() && name.len() > CRON_NAME_MAX_BYTES {
        let detail = format!("must be no more than {CRON_NAME_MAX_BYTES} characters");
        problems.invalid(&name, detail);
    }
}

fn schedule(at: &At<'_>, problems: &mut Problems) {
    let text = at.text();
    if text.contains("TZ") {
        let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        return problems.invalid(at, detail);
    }
    if text.starts_with('@') {
        return descriptor(at, problems);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != 5 {
        let detail = format!(
            "expected exactly 5 fields, found {}: {}",
            fields.len(),
            carto_query::go::display_list(&fields)
        );
        return problems.invalid(at, detail);
    }
    let is_field = |field: &&str| {
        field
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"*,-/?".contains(&byte))
    };
    if let Some(field) = fields.iter().find(|field| !is_field(field)) {
        problems.invalid(at, format!("failed to parse int from {field}"));
    }
}

fn descriptor(at: &At<'_>, problems: &mut Problems) {
    const KNOWN: &[&str] = &[
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
    ];
    if !KNOWN.contains(&at.text()) && !at.text().starts_with("@every ") {
        problems.invalid(at, format!("unrecognized descriptor: {}", at.text()));
    }
}
