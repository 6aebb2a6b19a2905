//! Probes and lifecycle handlers.

use super::at::At;
use super::numbers;
use super::problems::Problems;
use crate::names;

/// Which probe.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    Liveness,
    Readiness,
    Startup,
}

pub(super) fn probe(kind: Probe, at: &At<'_>, grace: &At<'_>, problems: &mut Problems) {
    if !at.is_set() {
        return;
    }
    handler(
        at,
        &["exec", "httpGet", "tcpSocket", "grpc"],
        grace,
        problems,
    );
    for field in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        problems.not_negative(&at.get(field));
    }
    let own_grace = at.get("terminationGracePeriodSeconds");
    if own_grace.is_set() {
        problems.positive(&own_grace, "0");
    }
    let successes = at.get("successThreshold");
    if kind != Probe::Readiness && successes.number() != 1 {
        problems.invalid_as(&successes, successes.number(), "must be 1");
    }
    if kind == Probe::Readiness && own_grace.is_set() {
        problems.invalid(&own_grace, "must not be set for readinessProbes");
    }
}

pub(super) fn lifecycle(at: &At<'_>, grace: &At<'_>, problems: &mut Problems) {
    for moment in ["postStart", "preStop"] {
        let at = at.get(moment);
        if at.is_set() {
            handler(
                &at,
                &["exec", "httpGet", "tcpSocket", "sleep"],
                grace,
                problems,
            );
        }
    }
}

/// Exactly one of several ways.
fn handler(at: &At<'_>, ways: &[&str], grace: &At<'_>, problems: &mut Problems) {
    let mut found = false;
    for way in ways {
        let handler = at.get(way);
        if !handler.is_set() {
            continue;
        }
        if found {
            problems.forbidden(&handler, "may not specify more than 1 handler type");
            continue;
        }
        found = true;
        match *way {
            "exec" if handler.get("command").is_empty() => {
                problems.required(&handler.get("command"), "");
            }
            "httpGet" => http(&handler, problems),
            "tcpSocket" => numbers::port_or_name(&handler.get("port"), problems),
            "grpc" => numbers::port(&handler.get("port"), problems),
            "sleep" => sleep(&handler, grace, problems),
            _ => {}
        }
    }
    if !found {
        problems.required(at, "must specify a handler type");
    }
}

fn http(at: &At<'_>, problems: &mut Problems) {
    if at.get("path").is_empty() {
        problems.required(&at.get("path"), "");
    }
    numbers::port_or_name(&at.get("port"), problems);
    problems.known(&at.get("scheme"), &["HTTP", "HTTPS"]);
    let headers = at.get("httpHeaders");
    for header in headers.items() {
        let name = header.get("name").text();
        for problem in names::http_header(name) {
            problems.invalid_as(&headers, name, problem);
        }
    }
}

fn sleep(at: &At<'_>, grace: &At<'_>, problems: &mut Problems) {
    let seconds = at.get("seconds").number();
    let Some(grace) = grace.integer() else {
        return;
    };
    if !(0..=grace).contains(&seconds) {
        let detail =
            format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        problems.invalid_as(at, seconds, detail);
    }
}
