//! The cells of pods: what its containers do, in one word.

use serde_json::Value;

use super::row::{Row, or_none};
use crate::time;

/// What the statuses of a pod's containers amount to.
struct Summary {
    ready: usize,
    total: usize,
    reason: String,
    restarts: i64,
    /// In seconds since the epoch.
    last_restart: Option<i64>,
}

pub(super) fn pod(row: &Row<'_>) -> Vec<Value> {
    let summary = summarize(row);
    let restarts = match summary.last_restart {
        Some(at) if summary.restarts != 0 => {
            let ago = time::human_duration(row.now_seconds - at);
            format!("{} ({ago} ago)", summary.restarts)
        }
        _ => summary.restarts.to_string(),
    };
    let none = |pointer: &str| Value::from(or_none(row.text(pointer).to_owned()));
    vec![
        row.name(),
        format!("{}/{}", summary.ready, summary.total).into(),
        summary.reason.into(),
        restarts.into(),
        row.created(),
        none("/status/podIPs/0/ip"),
        none("/spec/nodeName"),
        none("/status/nominatedNodeName"),
        gates(row).into(),
    ]
}

fn gates(row: &Row<'_>) -> String {
    let gates = row.items("/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates
        .iter()
        .filter(|gate| row.is(gate["conditionType"].as_str().unwrap_or_default()))
        .count();
    format!("{open}/{}", gates.len())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Why a container ended.
fn termination(terminated: &Value) -> String {
    match (text(&terminated["reason"]), terminated["signal"].as_i64()) {
        ("", Some(signal)) if signal != 0 => format!("Signal:{signal}"),
        ("", _) => format!("ExitCode:{}", terminated["exitCode"].as_i64().unwrap_or(0)),
        (reason, _) => reason.to_owned(),
    }
}

/// Restarts of some containers and when the last of them was.
#[derive(Default, Clone, Copy)]
struct Restarts {
    count: i64,
    last: Option<i64>,
}

impl Restarts {
    fn add(&mut self, status: &Value) {
        self.count += status["restartCount"].as_i64().unwrap_or(0);
        let ended = &status["lastState"]["terminated"]["finishedAt"];
        self.last = self.last.max(ended.as_str().and_then(time::parse));
    }
}

fn summarize(row: &Row<'_>) -> Summary {
    let phase = row.text("/status/phase");
    let mut reason = row.text_or("/status/reason", phase).to_owned();
    let gated = row.items("/status/conditions").iter().any(|condition| {
        condition["type"] == "PodScheduled" && condition["reason"] == "SchedulingGated"
    });
    if gated {
        "SchedulingGated".clone_into(&mut reason);
    }
    let init = row.items("/spec/initContainers");
    let stays = |name: &Value| {
        init.iter()
            .any(|container| container["name"] == *name && container["restartPolicy"] == "Always")
    };
    let total = row.count("/spec/containers")
        + init
            .iter()
            .filter(|container| container["restartPolicy"] == "Always")
            .count();
    let (mut all, mut staying) = (Restarts::default(), Restarts::default());
    let mut ready = 0;
    let mut initializing = false;
    for (n, status) in row
        .items("/status/initContainerStatuses")
        .iter()
        .enumerate()
    {
        all.add(status);
        let stays = stays(&status["name"]);
        if stays {
            staying.add(status);
        }
        let state = &status["state"];
        let (ended, waiting) = (&state["terminated"], text(&state["waiting"]["reason"]));
        if ended.is_object() && ended["exitCode"].as_i64().unwrap_or(0) == 0 {
            continue;
        }
        if stays && status["started"] == true {
            ready += usize::from(status["ready"] == true);
            continue;
        }
        reason = if ended.is_object() {
            format!("Init:{}", termination(ended))
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            format!("Init:{waiting}")
        } else {
            format!("Init:{n}/{}", init.len())
        };
        initializing = true;
        break;
    }
    let mut restarts = all;
    if !initializing || row.is("Initialized") {
        restarts = staying;
        reason = run(row, reason, &mut restarts, &mut ready);
    }
    let ended = matches!(phase, "Succeeded" | "Failed");
    if row.is_deleting() && row.text("/status/reason") == "NodeLost" {
        "Unknown".clone_into(&mut reason);
    } else if row.is_deleting() && !ended {
        "Terminating".clone_into(&mut reason);
    }
    Summary {
        ready,
        total,
        reason,
        restarts: restarts.count,
        last_restart: restarts.last,
    }
}

/// What the containers that are not for initialisation do.
fn run(row: &Row<'_>, mut reason: String, restarts: &mut Restarts, ready: &mut usize) -> String {
    let mut running = false;
    let mut failure = None;
    for status in row.items("/status/containerStatuses").iter().rev() {
        restarts.add(status);
        let state = &status["state"];
        let (ended, waiting) = (&state["terminated"], text(&state["waiting"]["reason"]));
        if !waiting.is_empty() {
            waiting.clone_into(&mut reason);
        } else if ended.is_object() {
            reason = termination(ended);
            if ended["exitCode"].as_i64().unwrap_or(0) != 0 {
                failure = Some(reason.clone());
            }
        } else if status["ready"] == true && state["running"].is_object() {
            running = true;
            *ready += 1;
        }
    }
    if reason != "Completed" {
        return reason;
    }
    if running && row.is("Ready") {
        "Running".to_owned()
    } else if let Some(failure) = failure {
        failure
    } else if running {
        "NotReady".to_owned()
    } else {
        reason
    }
}
