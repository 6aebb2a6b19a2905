//! Follows one Deployment: how many replicas of which template, and who takes over from whom.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::join_all;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    MANAGED, Shared,
    pod::{self, Health},
};

/// Most replicas of one Deployment that this machine is asked to run.
const MAX_REPLICAS: i32 = 100;
/// How long a rollout may take when the Deployment says nothing.
const DEADLINE: Duration = Duration::from_secs(600);

/// A replica and the template it was made from.
struct Replica {
    hash: String,
    health: watch::Receiver<Health>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Replica {
    fn is_ready(&self) -> bool {
        self.health.borrow().ready
    }

    async fn end(self) {
        self.stop.cancel();
        drop(self.task.await);
    }
}

/// Runs one Deployment until it is gone; then none of its processes is left.
pub(super) async fn follow(shared: Arc<Shared>, mut latest: watch::Receiver<Arc<Deployment>>) {
    let changed = Arc::new(Notify::new());
    let mut rollout = Rollout {
        shared,
        changed: Arc::clone(&changed),
        replicas: Vec::new(),
        since: Instant::now(),
        hash: String::new(),
        written: Value::Null,
        made: 0,
    };
    loop {
        let deployment = Arc::clone(&latest.borrow_and_update());
        let deadline = rollout.step(&deployment).await;
        tokio::select! {
            updated = latest.changed() => if updated.is_err() { break },
            () = changed.notified() => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
    }
    join_all(rollout.replicas.into_iter().map(Replica::end)).await;
}

struct Rollout {
    shared: Arc<Shared>,
    changed: Arc<Notify>,
    replicas: Vec<Replica>,
    /// When the current template appeared.
    since: Instant,
    hash: String,
    written: Value,
    /// Replicas made so far, for their names.
    made: u64,
}

impl Rollout {
    /// Moves one step towards what is wanted and says where things stand. Returns when to look
    /// again at the latest.
    async fn step(&mut self, deployment: &Deployment) -> Instant {
        let spec = &deployment.spec;
        let hash = hash_of(deployment);
        if hash != self.hash {
            self.hash.clone_from(&hash);
            self.since = Instant::now();
        }
        let wanted =
            usize::try_from(spec.replicas.unwrap_or(1).clamp(0, MAX_REPLICAS)).unwrap_or(0);
        let recreate = spec
            .strategy
            .as_ref()
            .and_then(|strategy| strategy.type_.as_deref())
            .is_some_and(|kind| kind == "Recreate");
        if recreate {
            self.end_where(|replica| replica.hash != hash).await;
        }
        let mut current = self.count(|replica| replica.hash == hash);
        while current < wanted {
            self.start(deployment, &hash);
            current += 1;
        }
        let mut surplus = current.saturating_sub(wanted);
        self.end_where(|replica| {
            let ends = replica.hash == hash && surplus > 0;
            surplus -= usize::from(ends);
            ends
        })
        .await;
        let ready = self.count(|replica| replica.hash == hash && replica.is_ready());
        if ready >= wanted {
            self.end_where(|replica| replica.hash != hash).await;
        }
        let limit = spec
            .progress_deadline_seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(DEADLINE, Duration::from_secs);
        self.report(deployment, wanted, limit).await;
        let overdue = self.since + limit;
        if Instant::now() < overdue {
            overdue
        } else {
            Instant::now() + DEADLINE
        }
    }

    fn count(&self, which: impl Fn(&Replica) -> bool) -> usize {
        self.replicas
            .iter()
            .filter(|replica| which(replica))
            .count()
    }

    async fn end_where(&mut self, mut which: impl FnMut(&Replica) -> bool) {
        let (end, keep): (Vec<_>, Vec<_>) = std::mem::take(&mut self.replicas)
            .into_iter()
            .partition(|replica| which(replica));
        self.replicas = keep;
        join_all(end.into_iter().map(Replica::end)).await;
    }

    fn start(&mut self, deployment: &Deployment, hash: &str) {
        self.made += 1;
        let pod = pod_of(
            deployment,
            hash,
            &suffix(deployment, self.made),
            &self.shared,
        );
        let (health, seen) = watch::channel(Health::default());
        let stop = CancellationToken::new();
        let task = tokio::spawn(pod::run(
            Arc::clone(&self.shared),
            pod,
            health,
            stop.clone(),
        ));
        let (mut changes, changed) = (seen.clone(), Arc::clone(&self.changed));
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                changed.notify_one();
            }
            changed.notify_one();
        });
        self.replicas.push(Replica {
            hash: hash.to_owned(),
            health: seen,
            stop,
            task,
        });
    }

    async fn report(&mut self, deployment: &Deployment, wanted: usize, limit: Duration) {
        let hash = &self.hash;
        let updated = self.count(|replica| replica.hash == *hash);
        let ready = self.count(Replica::is_ready);
        let updated_ready = self.count(|replica| replica.hash == *hash && replica.is_ready());
        let complete = updated_ready >= wanted && self.replicas.len() == wanted;
        let trouble = self.replicas.iter().find_map(|replica| {
            (replica.hash == *hash)
                .then(|| replica.health.borrow().trouble.clone())
                .flatten()
        });
        let name = deployment.name_any();
        let progressing = if complete {
            (
                "True",
                "NewReplicaSetAvailable",
                format!("Deployment \"{name}\" has successfully progressed."),
            )
        } else if self.since.elapsed() > limit {
            let more = trouble
                .map(|trouble| format!(" {trouble}"))
                .unwrap_or_default();
            (
                "False",
                "ProgressDeadlineExceeded",
                format!("Deployment \"{name}\" has timed out progressing.{more}"),
            )
        } else {
            let more = trouble.unwrap_or_else(|| format!("Deployment \"{name}\" is progressing."));
            ("True", "ReplicaSetUpdated", more)
        };
        let available = if ready >= wanted {
            (
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.".to_owned(),
            )
        } else {
            (
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.".to_owned(),
            )
        };
        let before = if self.written.is_null() {
            serde_json::to_value(&deployment.status).unwrap_or_default()
        } else {
            self.written.clone()
        };
        let condition = |kind: &str, (status, reason, message): (&str, &str, String)| {
            condition(&before, kind, status, reason, &message)
        };
        let status = json!({
            "observedGeneration": deployment.metadata.generation,
            "replicas": self.replicas.len(),
            "updatedReplicas": updated,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": wanted.saturating_sub(ready),
            "conditions": [condition("Available", available), condition("Progressing", progressing)]
        });
        if status == self.written {
            return;
        }
        let namespace = deployment.namespace().unwrap_or_default();
        let api = Api::<Deployment>::namespaced(self.shared.client.clone(), &namespace);
        let patch = Patch::Merge(json!({"status": status}));
        match api
            .patch_status(&name, &PatchParams::default(), &patch)
            .await
        {
            Ok(_) => self.written = status,
            Err(kube::Error::Api(gone)) if gone.code == 404 => {}
            Err(error) => tracing::warn!(%error, deployment = name, "cannot write the status"),
        }
    }
}

fn condition(before: &Value, kind: &str, status: &str, reason: &str, message: &str) -> Value {
    let now = format!("{:.0}", jiff::Timestamp::now());
    let old = before["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == kind);
    let kept = |key: &str, same: bool| {
        old.filter(|_condition| same)
            .and_then(|condition| condition[key].as_str())
            .map_or_else(|| now.clone(), str::to_owned)
    };
    let same_status = old.is_some_and(|condition| condition["status"] == status);
    let same_words = same_status
        && old.is_some_and(|condition| {
            condition["reason"] == reason && condition["message"] == message
        });
    json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": kept("lastTransitionTime", same_status),
        "lastUpdateTime": kept("lastUpdateTime", same_words)
    })
}

/// Ten digits that change with the template of the pods.
fn hash_of(deployment: &Deployment) -> String {
    let text = serde_json::to_string(&deployment.spec.template).unwrap_or_default();
    short_hash(&text)
}

/// FNV-1a in the alphabet of Kubernetes' generated names: a name, not a secret.
fn short_hash(text: &str) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (0..10)
        .map(|_digit| {
            let at = usize::try_from(hash % 27).unwrap_or(0);
            hash /= 27;
            char::from(ALPHABET[at])
        })
        .collect()
}

/// Five digits that no other replica of this Deployment has, in this life or the last.
fn suffix(deployment: &Deployment, number: u64) -> String {
    let moment = jiff::Timestamp::now().as_nanosecond();
    let uid = deployment.uid().unwrap_or_default();
    let mut text = short_hash(&format!("{uid}/{number}/{moment}"));
    text.truncate(5);
    text
}

fn pod_of(deployment: &Deployment, hash: &str, suffix: &str, shared: &Shared) -> Pod {
    let template = deployment.spec.template.clone();
    let metadata = template.metadata.unwrap_or_default();
    let mut labels: BTreeMap<String, String> = metadata.labels.unwrap_or_default();
    labels.insert("pod-template-hash".to_owned(), hash.to_owned());
    labels.insert(MANAGED.0.to_owned(), MANAGED.1.to_owned());
    let mut annotations = metadata.annotations.unwrap_or_default();
    annotations.insert(
        "carto.run/isolation".to_owned(),
        shared.isolation.to_string(),
    );
    let mut name = deployment.name_any();
    // Room for the hash and the suffix in the 63 characters that a name may have.
    name.truncate(46);
    let mut pod = Pod {
        spec: template.spec,
        ..Pod::default()
    };
    pod.metadata.name = Some(format!("{name}-{hash}-{suffix}"));
    pod.metadata.namespace = deployment.namespace();
    pod.metadata.labels = Some(labels);
    pod.metadata.annotations = Some(annotations);
    pod.metadata.owner_references =
        kube::Resource::controller_owner_ref(deployment, &()).map(|owner| vec![owner]);
    pod
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_keeps_its_times_until_it_changes() {
        let old = json!({"conditions": [{
            "type": "Available", "status": "True", "reason": "R", "message": "m",
            "lastTransitionTime": "t", "lastUpdateTime": "u"}]});
        let same = condition(&old, "Available", "True", "R", "m");
        assert_eq!(
            (&same["lastTransitionTime"], &same["lastUpdateTime"]),
            (&json!("t"), &json!("u"))
        );
        let reworded = condition(&old, "Available", "True", "R", "other");
        assert_eq!(reworded["lastTransitionTime"], "t");
        assert_ne!(reworded["lastUpdateTime"], "u");
        assert_ne!(
            condition(&old, "Available", "False", "R", "m")["lastTransitionTime"],
            "t"
        );
    }

    #[test]
    fn the_hash_follows_the_template_only() {
        let mut deployment = Deployment::default();
        let before = hash_of(&deployment);
        deployment.metadata.name = Some("x".to_owned());
        assert_eq!(hash_of(&deployment), before);
        let mut spec = k8s_openapi::api::apps::v1::DeploymentSpec::default();
        spec.template.spec = Some(k8s_openapi::api::core::v1::PodSpec::default());
        deployment.spec = spec;
        assert_ne!(hash_of(&deployment), before);
    }
}
