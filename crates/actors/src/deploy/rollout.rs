//! Decides how a Deployment moves from one template to the next: pure, in Kubernetes' words and numbers.
//!
//! Source: kubernetes pkg/controller/deployment (`rolling.go`, `recreate.go`, `sync.go`, `util/deployment_util.go`), v1.36.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::{Resource, ResourceExt};

/// The revision of the template that a ReplicaSet runs, and a Deployment runs now.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Revisions that a ReplicaSet had before it was rolled back to.
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// Tells the pods of different templates apart.
pub(super) const HASH_LABEL: &str = "pod-template-hash";

/// Annotations of a Deployment that its ReplicaSets do not get.
const NOT_COPIED: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

/// Old ReplicaSets that stay when the Deployment says nothing.
const HISTORY: i32 = 10;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Move {
    /// Make the ReplicaSet of the current template.
    Create(Box<ReplicaSet>),
    /// Change how many pods a ReplicaSet wants.
    Scale { name: String, from: i32, to: i32 },
    /// Bring annotations and `minReadySeconds` of the current ReplicaSet up to date.
    Note {
        name: String,
        annotations: BTreeMap<String, String>,
        min_ready_seconds: i32,
    },
    /// Delete an old ReplicaSet without pods.
    Forget(String),
}

/// A Deployment and what it owns.
pub(super) struct Rollout<'a> {
    deployment: &'a Deployment,
    /// Oldest first.
    sets: Vec<&'a ReplicaSet>,
    current: Option<&'a ReplicaSet>,
}

impl<'a> Rollout<'a> {
    pub(super) fn new(deployment: &'a Deployment, owned: &'a [ReplicaSet]) -> Self {
        let mut sets: Vec<_> = owned.iter().collect();
        sets.sort_by_key(|set| (set.creation_timestamp(), set.name_any()));
        let template = plain(&deployment.spec.template);
        let current = sets.iter().copied().find(|set| {
            let theirs = set.spec.template.as_ref();
            theirs.is_some_and(|theirs| plain(theirs) == template)
        });
        Self {
            deployment,
            sets,
            current,
        }
    }

    /// The ReplicaSet of the current template.
    pub(super) fn current(&self) -> Option<&'a ReplicaSet> {
        self.current
    }

    /// How many pods are wanted.
    pub(super) fn wanted(&self) -> i32 {
        self.deployment.spec.replicas.unwrap_or(1).max(0)
    }

    /// What to do next; nothing when all is as wanted, or pods must first become ready or end.
    pub(super) fn next(&self, pods_of_others: usize) -> Vec<Move> {
        let paused = self.deployment.spec.paused == Some(true);
        let Some(current) = self.current else {
            return if paused {
                self.scale_to(self.newest(), self.wanted())
            } else {
                self.begin(pods_of_others)
            };
        };
        if let Some(note) = self.note(current) {
            return vec![note];
        }
        if paused {
            return self.scale_to(Some(current), self.wanted());
        }
        let moves = self.grow(current, pods_of_others);
        if !moves.is_empty() {
            return moves;
        }
        let moves = self.shrink_others(current);
        if !moves.is_empty() {
            return moves;
        }
        if self.is_complete() {
            self.forget()
        } else {
            Vec::new()
        }
    }

    fn newest(&self) -> Option<&'a ReplicaSet> {
        self.sets.iter().copied().rfind(|set| desired(set) > 0)
    }

    fn scale_to(&self, set: Option<&ReplicaSet>, to: i32) -> Vec<Move> {
        let changed = set.filter(|set| desired(set) != to);
        changed.map(|set| scale(set, to)).into_iter().collect()
    }

    fn is_recreate(&self) -> bool {
        let strategy = self.deployment.spec.strategy.as_ref();
        strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("Recreate")
    }

    /// `maxSurge` and `maxUnavailable` as numbers of pods.
    fn bounds(&self) -> (i32, i32) {
        if self.is_recreate() {
            return (0, self.wanted());
        }
        let rolling = self
            .deployment
            .spec
            .strategy
            .as_ref()
            .and_then(|strategy| strategy.rolling_update.clone())
            .unwrap_or_default();
        let quarter = IntOrString::String("25%".to_owned());
        let wanted = self.wanted();
        let surge = scaled(
            rolling.max_surge.as_ref().unwrap_or(&quarter),
            wanted,
            Round::Up,
        );
        let gone = scaled(
            rolling.max_unavailable.as_ref().unwrap_or(&quarter),
            wanted,
            Round::Down,
        );
        // Both zero would never move: as upstream, one pod may be missing.
        (surge, if surge == 0 && gone == 0 { 1 } else { gone })
    }

    /// Most pods that may be missing from `wanted` while the Deployment counts as available.
    pub(super) fn max_unavailable(&self) -> i32 {
        let (_, gone) = self.bounds();
        gone.min(self.wanted())
    }

    fn total(&self) -> i32 {
        self.sets.iter().map(|set| desired(set)).sum()
    }

    /// Makes the first, or the next, ReplicaSet.
    fn begin(&self, pods_of_others: usize) -> Vec<Move> {
        let first_end_others = self.is_recreate() && (self.total() > 0 || pods_of_others > 0);
        if first_end_others {
            let alive = self.sets.iter().filter(|set| desired(set) > 0);
            return alive.map(|set| scale(set, 0)).collect();
        }
        vec![Move::Create(Box::new(self.next_set()))]
    }

    fn next_set(&self) -> ReplicaSet {
        let deployment = self.deployment;
        let hash = self.hash();
        let mut template = deployment.spec.template.clone();
        let metadata = template.metadata.get_or_insert_default();
        let labels = metadata.labels.get_or_insert_default();
        labels.insert(HASH_LABEL.to_owned(), hash.clone());
        let labels = labels.clone();
        let mut selector = deployment.spec.selector.clone();
        let matched = selector.match_labels.get_or_insert_default();
        matched.insert(HASH_LABEL.to_owned(), hash.clone());
        let mut set = ReplicaSet::default();
        set.metadata.name = Some(set_name(&deployment.name_any(), &hash));
        set.metadata.namespace = deployment.namespace();
        set.metadata.labels = Some(labels);
        set.metadata.owner_references = deployment
            .controller_owner_ref(&())
            .map(|owner| vec![owner]);
        set.metadata.annotations = Some(self.annotations(None));
        set.spec = ReplicaSetSpec {
            replicas: Some(self.allowed(0)),
            min_ready_seconds: deployment.spec.min_ready_seconds,
            selector,
            template: Some(template),
        };
        set
    }

    fn hash(&self) -> String {
        let template = serde_json::to_string(&plain(&self.deployment.spec.template));
        let collisions = self
            .deployment
            .status
            .as_ref()
            .and_then(|status| status.collision_count);
        short_hash(&format!(
            "{}{}",
            template.unwrap_or_default(),
            collisions.map_or(String::new(), |count| count.to_string())
        ))
    }

    /// What the current ReplicaSet is to carry.
    fn annotations(&self, current: Option<&ReplicaSet>) -> BTreeMap<String, String> {
        let mut wanted: BTreeMap<String, String> = self
            .deployment
            .annotations()
            .iter()
            .filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let others = self
            .sets
            .iter()
            .filter(|set| current.is_none_or(|current| current.metadata.uid != set.metadata.uid));
        let newest_other = others.map(|set| revision(set)).max().unwrap_or(0);
        let own = current.map_or(0, revision);
        let mut history = current
            .and_then(|set| set.annotations().get(REVISION_HISTORY).cloned())
            .unwrap_or_default();
        let now = if own > newest_other {
            own
        } else {
            newest_other + 1
        };
        if own > 0 && now != own {
            if !history.is_empty() {
                history.push(',');
            }
            history.push_str(&own.to_string());
        }
        if !history.is_empty() {
            wanted.insert(REVISION_HISTORY.to_owned(), history);
        }
        let (surge, _) = self.bounds();
        wanted.insert(REVISION.to_owned(), now.to_string());
        wanted.insert(DESIRED.to_owned(), self.wanted().to_string());
        wanted.insert(MAX.to_owned(), (self.wanted() + surge).to_string());
        wanted
    }

    fn note(&self, current: &ReplicaSet) -> Option<Move> {
        let wanted = self.annotations(Some(current));
        let there = current.annotations();
        let min_ready_seconds = self.deployment.spec.min_ready_seconds.unwrap_or(0);
        let same_pause = current.spec.min_ready_seconds.unwrap_or(0) == min_ready_seconds;
        let same = wanted
            .iter()
            .all(|(key, value)| there.get(key) == Some(value));
        (!same || !same_pause).then(|| Move::Note {
            name: current.name_any(),
            annotations: wanted,
            min_ready_seconds,
        })
    }

    /// How many pods the current ReplicaSet, which wants `now`, may want.
    fn allowed(&self, now: i32) -> i32 {
        if self.is_recreate() {
            return self.wanted();
        }
        let (surge, _) = self.bounds();
        let room = (self.wanted() + surge - self.total()).max(0);
        now + room.min(self.wanted() - now)
    }

    fn grow(&self, current: &ReplicaSet, pods_of_others: usize) -> Vec<Move> {
        let now = desired(current);
        let to = match now.cmp(&self.wanted()) {
            std::cmp::Ordering::Greater => self.wanted(),
            std::cmp::Ordering::Equal => now,
            std::cmp::Ordering::Less if self.is_recreate() && pods_of_others > 0 => {
                return self.end_others(current);
            }
            std::cmp::Ordering::Less => self.allowed(now),
        };
        self.scale_to(Some(current), to)
    }

    fn others(&self, current: &ReplicaSet) -> Vec<&'a ReplicaSet> {
        let uid = &current.metadata.uid;
        let others = self.sets.iter().copied();
        others.filter(|set| set.metadata.uid != *uid).collect()
    }

    fn end_others(&self, current: &ReplicaSet) -> Vec<Move> {
        let others = self.others(current).into_iter();
        others
            .filter(|set| desired(set) > 0)
            .map(|set| scale(set, 0))
            .collect()
    }

    /// Takes pods from old templates as far as enough others are available.
    fn shrink_others(&self, current: &ReplicaSet) -> Vec<Move> {
        if self.is_recreate() {
            return self.end_others(current);
        }
        let others = self.others(current);
        let mut wants: Vec<i32> = others.iter().map(|set| desired(set)).collect();
        let min_available = self.wanted() - self.max_unavailable();
        let unavailable = desired(current) - available(current);
        let mut budget = self.total() - min_available - unavailable;
        if budget <= 0 {
            return Vec::new();
        }
        // A status that is older than the last scaling counts pods that are about to go.
        let available = |set: &ReplicaSet| available(set).min(desired(set));
        // First those that do not work anyway.
        for (set, want) in others.iter().zip(&mut wants) {
            let cut = (*want - available(set)).min(budget).max(0);
            *want -= cut;
            budget -= cut;
        }
        let mut surplus = self.sets.iter().map(|set| available(set)).sum::<i32>() - min_available;
        for (set, want) in others.iter().zip(&mut wants) {
            // Pods that were just cut were not available.
            let cut = (*want).min(surplus).min(available(set)).max(0);
            *want -= cut;
            surplus -= cut;
        }
        let changed = others
            .iter()
            .zip(wants)
            .filter(|(set, want)| desired(set) != *want);
        changed.map(|(set, want)| scale(set, want)).collect()
    }

    fn is_complete(&self) -> bool {
        let Some(current) = self.current else {
            return false;
        };
        let wanted = self.wanted();
        let all: i32 = self.sets.iter().map(|set| pods(set)).sum();
        pods(current) == wanted && available(current) == wanted && all == wanted
    }

    /// Old ReplicaSets beyond `revisionHistoryLimit`, oldest revision first.
    fn forget(&self) -> Vec<Move> {
        let Some(current) = self.current else {
            return Vec::new();
        };
        let limit = self.deployment.spec.revision_history_limit;
        let limit = usize::try_from(limit.unwrap_or(HISTORY)).unwrap_or(0);
        let mut idle: Vec<_> = self
            .others(current)
            .into_iter()
            .filter(|set| desired(set) == 0 && pods(set) == 0)
            .collect();
        idle.sort_by_key(|set| revision(set));
        let surplus = idle.len().saturating_sub(limit);
        let surplus = idle.into_iter().take(surplus);
        surplus.map(|set| Move::Forget(set.name_any())).collect()
    }
}

fn scale(set: &ReplicaSet, to: i32) -> Move {
    Move::Scale {
        name: set.name_any(),
        from: desired(set),
        to,
    }
}

/// Pods that a ReplicaSet is to have.
pub(super) fn desired(set: &ReplicaSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

/// Pods that a ReplicaSet has.
pub(super) fn pods(set: &ReplicaSet) -> i32 {
    set.status.as_ref().map_or(0, |status| status.replicas)
}

/// Pods that are ready.
pub(super) fn ready(set: &ReplicaSet) -> i32 {
    let status = set.status.as_ref();
    status.and_then(|status| status.ready_replicas).unwrap_or(0)
}

/// Pods that have been ready for long enough.
pub(super) fn available(set: &ReplicaSet) -> i32 {
    let status = set.status.as_ref();
    status
        .and_then(|status| status.available_replicas)
        .unwrap_or(0)
}

/// The revision of a ReplicaSet; 0 when it has none.
pub(super) fn revision(set: &ReplicaSet) -> i64 {
    let text = set.annotations().get(REVISION);
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The template without the label that tells templates apart.
fn plain(template: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = template.clone();
    if let Some(metadata) = &mut template.metadata {
        metadata.creation_timestamp = None;
        if let Some(labels) = &mut metadata.labels {
            labels.remove(HASH_LABEL);
        }
        metadata.labels = metadata.labels.take().filter(|labels| !labels.is_empty());
    }
    let empty = template
        .metadata
        .as_ref()
        .is_some_and(|metadata| *metadata == ObjectMeta::default());
    template.metadata = template.metadata.filter(|_metadata| !empty);
    template
}

#[derive(Clone, Copy, PartialEq)]
enum Round {
    Up,
    Down,
}

/// A number of pods, or a share of all.
fn scaled(bound: &IntOrString, of: i32, round: Round) -> i32 {
    match bound {
        IntOrString::Int(number) => (*number).max(0),
        IntOrString::String(text) => {
            let percent = text.trim_end_matches('%').parse::<i32>().unwrap_or(0);
            let hundredths = percent.max(0).saturating_mul(of);
            match round {
                Round::Up => hundredths.saturating_add(99) / 100,
                Round::Down => hundredths / 100,
            }
        }
    }
}

fn set_name(deployment: &str, hash: &str) -> String {
    // Room for the hash and a pod's suffix in the 63 characters that a host name may have.
    const MAX_BASE: usize = 63 - 1 - 10 - 1 - 5;
    let base: String = deployment.chars().take(MAX_BASE).collect();
    format!("{base}-{hash}")
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

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::ReplicaSetStatus;
    use serde_json::{Value, json};

    use super::*;

    fn deployment(replicas: i32, image: &str, strategy: Value) -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"name": "app", "namespace": "n", "uid": "u"},
            "spec": {
                "replicas": replicas, "selector": {"matchLabels": {"app": "app"}},
                "strategy": strategy,
                "template": {
                    "metadata": {"labels": {"app": "app"}},
                    "spec": {"containers": [{"name": "c", "image": image}]},
                },
            },
        }))
        .unwrap()
    }

    /// What a cluster would do with the moves, with pods that become available at once if `works`.
    fn perform(sets: &mut Vec<ReplicaSet>, moves: Vec<Move>, works: impl Fn(&ReplicaSet) -> bool) {
        for one in moves {
            match one {
                Move::Create(mut set) => {
                    set.metadata.uid = set.metadata.name.clone();
                    sets.push(*set);
                }
                Move::Scale { name, to, .. } => {
                    let set = sets.iter_mut().find(|set| set.name_any() == name).unwrap();
                    set.spec.replicas = Some(to);
                }
                Move::Note {
                    name, annotations, ..
                } => {
                    let set = sets.iter_mut().find(|set| set.name_any() == name).unwrap();
                    set.annotations_mut().extend(annotations);
                }
                Move::Forget(name) => sets.retain(|set| set.name_any() != name),
            }
        }
        for set in sets {
            let count = desired(set);
            let good = if works(set) { count } else { 0 };
            set.status = Some(ReplicaSetStatus {
                replicas: count,
                ready_replicas: Some(good),
                available_replicas: Some(good),
                ..ReplicaSetStatus::default()
            });
        }
    }

    /// Moves until nothing is left to do; checks the bounds on the way.
    fn roll(
        deployment: &Deployment,
        sets: &mut Vec<ReplicaSet>,
        works: impl Fn(&ReplicaSet) -> bool,
    ) -> usize {
        for step in 0..100 {
            let moves = Rollout::new(deployment, sets).next(0);
            if moves.is_empty() {
                return step;
            }
            perform(sets, moves, &works);
            let rollout = Rollout::new(deployment, sets);
            let (surge, _) = rollout.bounds();
            assert!(rollout.total() <= rollout.wanted() + surge, "{sets:#?}");
        }
        panic!("it never came to rest: {sets:#?}");
    }

    fn image(set: &ReplicaSet) -> &str {
        let spec = set.spec.template.as_ref().unwrap();
        spec.spec.as_ref().unwrap().containers[0]
            .image
            .as_deref()
            .unwrap()
    }

    #[test]
    fn a_new_template_takes_over_when_its_pods_are_available() {
        for replicas in [1, 2, 5, 10] {
            let mut sets = Vec::new();
            roll(&deployment(replicas, "one", json!({})), &mut sets, |_| true);
            roll(&deployment(replicas, "two", json!({})), &mut sets, |_| true);
            let counts: Vec<_> = sets.iter().map(|set| (image(set), desired(set))).collect();
            assert_eq!(counts, [("one", 0), ("two", replicas)]);
            assert_eq!(sets.iter().map(revision).collect::<Vec<_>>(), [1, 2]);
        }
    }

    #[test]
    fn a_template_that_does_not_work_never_replaces_one_that_does() {
        let mut sets = Vec::new();
        roll(&deployment(4, "one", json!({})), &mut sets, |_| true);
        let broken = deployment(4, "broken", json!({}));
        roll(&broken, &mut sets, |set| image(set) == "one");
        // 25 % may be missing, 25 % may be too many.
        let counts: Vec<_> = sets.iter().map(|set| (image(set), desired(set))).collect();
        assert_eq!(counts, [("one", 3), ("broken", 2)]);
        // Another one takes over from both.
        roll(&deployment(4, "three", json!({})), &mut sets, |set| {
            image(set) != "broken"
        });
        let counts: Vec<_> = sets.iter().map(|set| (image(set), desired(set))).collect();
        assert_eq!(counts, [("one", 0), ("broken", 0), ("three", 4)]);
    }

    #[test]
    fn a_status_that_lags_behind_costs_no_pod_too_many() {
        let mut sets = Vec::new();
        roll(&deployment(2, "one", json!({})), &mut sets, |_| true);
        let status = sets[0].status.clone();
        let fewer = deployment(1, "broken", json!({}));
        for _step in 0..6 {
            let moves = Rollout::new(&fewer, &sets).next(0);
            perform(&mut sets, moves, |set| image(set) == "one");
            sets[0].status.clone_from(&status);
        }
        let counts: Vec<_> = sets.iter().map(|set| (image(set), desired(set))).collect();
        assert_eq!(counts, [("one", 1), ("broken", 1)]);
    }

    #[test]
    fn a_rollback_runs_the_old_set_again_as_a_new_revision() {
        let mut sets = Vec::new();
        let one = deployment(1, "one", json!({}));
        roll(&one, &mut sets, |_| true);
        roll(&deployment(1, "two", json!({})), &mut sets, |_| true);
        roll(&one, &mut sets, |_| true);
        assert_eq!(sets.len(), 2);
        assert_eq!((revision(&sets[0]), desired(&sets[0])), (3, 1));
        assert_eq!(sets[0].annotations()[REVISION_HISTORY], "1");
    }

    #[test]
    fn recreate_waits_until_the_old_pods_are_gone() {
        let strategy = json!({"type": "Recreate"});
        let mut sets = Vec::new();
        roll(&deployment(2, "one", strategy.clone()), &mut sets, |_| true);
        let two = deployment(2, "two", strategy);
        let moves = Rollout::new(&two, &sets).next(2);
        assert!(
            matches!(&moves[..], [Move::Scale { from: 2, to: 0, .. }]),
            "{moves:?}"
        );
        perform(&mut sets, moves, |_| true);
        assert_eq!(Rollout::new(&two, &sets).next(1), []);
        let moves = Rollout::new(&two, &sets).next(0);
        assert!(matches!(&moves[..], [Move::Create(_)]), "{moves:?}");
    }

    #[test]
    fn history_is_kept_to_its_limit() {
        let mut sets = Vec::new();
        for n in 0..5 {
            let mut one = deployment(1, &n.to_string(), json!({}));
            one.spec.revision_history_limit = Some(2);
            roll(&one, &mut sets, |_| true);
        }
        let images: Vec<_> = sets.iter().map(image).collect();
        assert_eq!(images, ["2", "3", "4"]);
    }

    #[test]
    fn a_paused_deployment_scales_and_does_not_roll() {
        let mut sets = Vec::new();
        roll(&deployment(1, "one", json!({})), &mut sets, |_| true);
        let mut two = deployment(3, "two", json!({}));
        two.spec.paused = Some(true);
        roll(&two, &mut sets, |_| true);
        let counts: Vec<_> = sets.iter().map(|set| (image(set), desired(set))).collect();
        assert_eq!(counts, [("one", 3)]);
    }

    #[test]
    fn shares_are_rounded_as_upstream_does() {
        for (bound, of, up, down) in [("25%", 1, 1, 0), ("25%", 10, 3, 2), ("100%", 3, 3, 3)] {
            let bound = IntOrString::String(bound.to_owned());
            assert_eq!(scaled(&bound, of, Round::Up), up);
            assert_eq!(scaled(&bound, of, Round::Down), down);
        }
    }
}
