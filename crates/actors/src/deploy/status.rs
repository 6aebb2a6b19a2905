//! What is said of a pod: states of its containers, and the Pod status that they add up to.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod};
use serde_json::{Value, json};

use crate::conditions::now;

/// What is known of one container; becomes its entry in the Pod's status.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    name: String,
    image: String,
    pub(super) image_id: String,
    pub(super) ready: bool,
    /// It runs, and its startup probe (if any) went well.
    pub(super) started: bool,
    pub(super) restarts: i32,
    pub(super) now: Now,
    pub(super) last: Option<Ended>,
    /// Where its first port really is.
    pub(super) port: Option<u16>,
}

/// `state` of a container.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Now {
    Waiting { reason: String, message: String },
    Running { since: String },
    Ended(Ended),
}

/// How a run of a container ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) since: Option<String>,
    pub(super) at: String,
}

impl Now {
    pub(super) fn waiting(reason: &str, message: &str) -> Self {
        Self::Waiting {
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }

    /// How it ended, if it did.
    pub(super) fn ended(&self) -> Option<&Ended> {
        match self {
            Self::Ended(ended) => Some(ended),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        // A merge patch removes the states that are not meant.
        let mut value = json!({"waiting": null, "running": null, "terminated": null});
        match self {
            Self::Waiting { reason, message } => {
                value["waiting"] = json!({"reason": reason, "message": text(message)});
            }
            Self::Running { since } => value["running"] = json!({"startedAt": since}),
            Self::Ended(ended) => value["terminated"] = ended.to_value(),
        }
        value
    }
}

/// Absent when there is nothing to say.
fn text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

impl Ended {
    /// An end with an exit code, after a run that began at `since`.
    pub(super) fn with(code: i32, since: Option<String>) -> Self {
        let reason = if code == 0 { "Completed" } else { "Error" };
        Self {
            code,
            reason: reason.to_owned(),
            message: String::new(),
            since,
            at: now(),
        }
    }

    fn to_value(&self) -> Value {
        json!({
            "exitCode": self.code, "reason": self.reason, "message": text(&self.message),
            "startedAt": self.since, "finishedAt": self.at,
        })
    }
}

impl State {
    /// The state before the first run, or after what a former life of the home left in the Pod's status.
    pub(super) fn of(pod: &Pod, container: &Container, init: bool) -> Self {
        let mut state = Self {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            image_id: String::new(),
            ready: false,
            started: false,
            restarts: 0,
            now: Now::waiting(
                if init {
                    "PodInitializing"
                } else {
                    "ContainerCreating"
                },
                "",
            ),
            last: None,
            port: None,
        };
        let status = pod.status.as_ref();
        let known = status
            .into_iter()
            .flat_map(|status| {
                let inits = status.init_container_statuses.iter().flatten();
                inits.chain(status.container_statuses.iter().flatten())
            })
            .find(|known| known.name == container.name);
        if let Some(known) = known {
            state.go_on_from(known);
        }
        state
    }

    fn go_on_from(&mut self, known: &ContainerStatus) {
        self.restarts = known.restart_count;
        let before = known.state.as_ref();
        if let Some(running) = before.and_then(|state| state.running.as_ref()) {
            self.restarts += 1;
            let since = running.started_at.as_ref().map(|time| whole(time.0));
            let mut ended = Ended::with(137, since);
            "Unknown".clone_into(&mut ended.reason);
            "the home on this machine was stopped".clone_into(&mut ended.message);
            self.last = Some(ended);
        } else if let Some(ended) = before.and_then(|state| state.terminated.as_ref()) {
            self.restarts += 1;
            let mut last = Ended::with(
                ended.exit_code,
                ended.started_at.as_ref().map(|t| whole(t.0)),
            );
            last.reason = ended.reason.clone().unwrap_or_default();
            if let Some(at) = &ended.finished_at {
                last.at = whole(at.0);
            }
            self.last = Some(last);
        }
    }

    /// Why it does not run, in words for people.
    fn to_value(&self) -> Value {
        json!({
            "name": self.name, "image": self.image, "imageID": self.image_id,
            "ready": self.ready, "started": self.started, "restartCount": self.restarts,
            "state": self.now.to_value(),
            "lastState": {"terminated": self.last.as_ref().map(Ended::to_value)},
        })
    }
}

fn whole(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The states of all containers of a pod at one moment.
pub(super) struct Seen {
    pub(super) inits: Vec<State>,
    pub(super) mains: Vec<State>,
}

impl Seen {
    /// Whether every container is ready.
    pub(super) fn is_ready(&self) -> bool {
        self.mains.iter().all(|state| state.ready)
    }

    fn phase(&self, restart_policy: &str) -> &'static str {
        let failed = |state: &State| state.now.ended().is_some_and(|ended| ended.code != 0);
        if restart_policy == "Never" && self.inits.iter().any(failed) {
            return "Failed";
        }
        let begun = self
            .mains
            .iter()
            .all(|state| state.last.is_some() || !matches!(state.now, Now::Waiting { .. }));
        if !begun {
            return "Pending";
        }
        let for_good = |state: &State| match (restart_policy, state.now.ended()) {
            ("Never", Some(_)) => true,
            ("OnFailure", Some(ended)) => ended.code == 0,
            _ => false,
        };
        if !self.mains.iter().all(for_good) {
            return "Running";
        }
        if self.mains.iter().any(failed) {
            "Failed"
        } else {
            "Succeeded"
        }
    }

    /// The Pod's status; `before` is the one that was written last.
    pub(super) fn status(&self, restart_policy: &str, started: &str, before: &Value) -> Value {
        let phase = self.phase(restart_policy);
        let ended = matches!(phase, "Succeeded" | "Failed");
        let initialized = self
            .inits
            .iter()
            .all(|state| state.now.ended().is_some_and(|ended| ended.code == 0));
        let unready = |states: &[State], is_ready: fn(&State) -> bool| -> Vec<String> {
            let names = states.iter().filter(|state| !is_ready(state));
            names.map(|state| state.name.clone()).collect()
        };
        let waiting = unready(&self.mains, |state| state.ready);
        let why = if ended {
            ("PodCompleted", String::new())
        } else {
            let message = format!("containers with unready status: [{}]", waiting.join(" "));
            ("ContainersNotReady", message)
        };
        let incomplete = unready(&self.inits, |state| {
            state.now.ended().is_some_and(|ended| ended.code == 0)
        });
        let init_why = (
            "ContainersNotInitialized",
            format!(
                "containers with incomplete status: [{}]",
                incomplete.join(" ")
            ),
        );
        let ready = !ended && initialized && self.is_ready();
        let condition = |kind, holds, why| condition(before, kind, holds, why);
        let values = |states: &[State]| states.iter().map(State::to_value).collect::<Vec<_>>();
        let mut status = json!({
            "phase": phase,
            "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}],
            "hostIP": "127.0.0.1", "hostIPs": [{"ip": "127.0.0.1"}],
            "startTime": started,
            "conditions": [
                condition("PodScheduled", true, None),
                condition("Initialized", initialized, Some(&init_why)),
                condition("ContainersReady", ready, Some(&why)),
                condition("Ready", ready, Some(&why)),
            ],
            "containerStatuses": values(&self.mains),
        });
        if !self.inits.is_empty() {
            status["initContainerStatuses"] = json!(values(&self.inits));
        }
        status
    }
}

fn condition(before: &Value, kind: &str, holds: bool, why: Option<&(&str, String)>) -> Value {
    let word = if holds { "True" } else { "False" };
    let known = before["conditions"].as_array().into_iter().flatten();
    let since = known
        .filter(|known| known["type"] == kind && known["status"] == word)
        .find_map(|known| known["lastTransitionTime"].as_str().map(str::to_owned))
        .unwrap_or_else(now);
    let mut condition = json!({"type": kind, "status": word, "lastTransitionTime": since});
    if let Some((reason, message)) = why.filter(|_why| !holds) {
        condition["reason"] = json!(reason);
        if !message.is_empty() {
            condition["message"] = json!(message);
        }
    }
    condition
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(now: Now) -> State {
        let pod = Pod::default();
        let container = Container {
            name: "c".to_owned(),
            ..Container::default()
        };
        let mut state = State::of(&pod, &container, false);
        state.now = now;
        state
    }

    fn phase(policy: &str, inits: Vec<State>, mains: Vec<State>) -> &'static str {
        Seen { inits, mains }.phase(policy)
    }

    #[test]
    fn phases_follow_the_containers_and_the_restart_policy() {
        let waiting = || state(Now::waiting("ContainerCreating", ""));
        let running = || state(Now::Running { since: now() });
        let ended = |code| state(Now::Ended(Ended::with(code, None)));
        for (policy, mains, expect) in [
            ("Always", vec![waiting()], "Pending"),
            ("Always", vec![running(), waiting()], "Pending"),
            ("Always", vec![running()], "Running"),
            ("Always", vec![ended(0)], "Running"),
            ("Never", vec![ended(0), ended(0)], "Succeeded"),
            ("Never", vec![ended(0), ended(3)], "Failed"),
            ("Never", vec![ended(0), running()], "Running"),
            ("OnFailure", vec![ended(0)], "Succeeded"),
            ("OnFailure", vec![ended(1)], "Running"),
        ] {
            assert_eq!(
                phase(policy, vec![], mains.clone()),
                expect,
                "{policy} {mains:?}"
            );
        }
        assert_eq!(phase("Never", vec![ended(1)], vec![waiting()]), "Failed");
        assert_eq!(phase("Always", vec![ended(1)], vec![waiting()]), "Pending");
    }

    #[test]
    fn a_restart_of_the_home_counts_as_one_of_the_container() {
        let pod: Pod = serde_json::from_value(json!({"status": {"containerStatuses": [{
            "name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 2,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }]}}))
        .unwrap();
        let container = Container {
            name: "c".to_owned(),
            ..Container::default()
        };
        let state = State::of(&pod, &container, false);
        assert_eq!(state.restarts, 3);
        let last = state.last.unwrap();
        assert_eq!(
            (last.code, last.since.as_deref()),
            (137, Some("2026-01-01T00:00:00Z"))
        );
    }

    #[test]
    fn a_condition_keeps_its_time_until_it_changes() {
        let old =
            json!({"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "t"}]});
        assert_eq!(
            condition(&old, "Ready", true, None)["lastTransitionTime"],
            "t"
        );
        assert_ne!(
            condition(&old, "Ready", false, None)["lastTransitionTime"],
            "t"
        );
    }
}
