//! What a pass costs that finds everything as it should be, and one that stamps everything: `cargo bench -p carto-core`.
//!
//! One Workload of a chain of four resources: from the owner's JSON to the outcome. At rest all objects are on the
//! cluster and there is no status to write; when stamping none is there, and the requests are written and the replies
//! read as the shell does it. One line for each chain and pass. With `rest` or `stamp`, a chain and a number after `--` so
//! many passes are run and nothing is printed: for a profiler or a counter of instructions.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark reads the clock and prints"
)]

#[path = "../tests/it/cluster.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod cluster;
#[path = "../tests/it/drive.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod drive;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carto_core::key::{BlueprintKind, ObjectKey, OwnerKind, ServiceAccountKey, TemplateKind};
use carto_core::model::{Blueprint, RunTemplate, Template};
use carto_core::realize::{Index, Observed, Outcome, Realization, Reply, Request, Step, Watch};
use carto_core::recall::Recall;
use carto_core::row::{Live, Row, RowState};
use jiff::Timestamp;
use serde_json::{Value, json};

use cluster::Cluster;

/// How long one chain is measured.
const MEASURED: Duration = Duration::from_secs(1);
/// Passes between two looks at the clock.
const BATCH: u32 = 50;
/// The chains, by what the third of their four templates is written in.
const CHAINS: [&str; 2] = ["plain", "ytt"];

fn main() {
    // Cargo adds a flag of its own.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    if let [which, chain, passes] = &arguments[..] {
        let passes: u32 = passes.parse().expect("a number of passes");
        let settled = Settled::of(chain);
        for _ in 0..passes {
            match &**which {
                "rest" => black_box(settled.pass()),
                "stamp" => black_box(settled.stamp()),
                other => panic!("no pass {other}: there are rest and stamp"),
            };
        }
        return;
    }
    for chain in CHAINS {
        let settled = Settled::of(chain);
        println!(
            "{chain:6} {:8.1} µs a pass at rest (bar: 200 µs, its watch event included)",
            micros(|| settled.pass())
        );
        println!(
            "{chain:6} {:8.1} µs a pass that stamps four objects",
            micros(|| settled.stamp())
        );
    }
}

/// The fastest batch, by the pass: whatever is slower had company.
fn micros(pass: impl Fn() -> Outcome) -> f64 {
    let begin = Instant::now();
    let mut best = Duration::MAX;
    while begin.elapsed() < MEASURED {
        let batch = Instant::now();
        for _ in 0..BATCH {
            black_box(pass());
        }
        best = best.min(batch.elapsed() / BATCH);
    }
    best.as_secs_f64() * 1e6
}

/// An owner after its last change, and the index as it is then.
struct Settled {
    owner: Vec<u8>,
    world: Arc<World>,
    /// The owner before anything was stamped, and the index as it was then.
    fresh: Vec<u8>,
    empty: Arc<World>,
    /// The objects, as the API returns them.
    replies: BTreeMap<ObjectKey, Vec<u8>>,
}

impl Settled {
    fn of(chain: &str) -> Self {
        let cluster = Cluster::new();
        for object in objects(chain) {
            cluster.put(object);
        }
        cluster.settle();
        let mut owner = cluster
            .get(&drive::workload_key())
            .expect("the owner is there");
        assert_eq!(cluster.condition("Ready"), "True Ready", "{owner:#}");
        if let Some(metadata) = owner["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        let bytes =
            |value: &Value| serde_json::to_vec(value).expect("a JSON value can always be written");
        let world = World::of(&cluster, &owner);
        let reply = |key: &ObjectKey| bytes(&cluster.get(key).expect("it is there"));
        let mut fresh = owner.clone();
        fresh
            .as_object_mut()
            .expect("an object")
            .remove("status")
            .expect("it had one");
        let settled = Self {
            owner: bytes(&owner),
            fresh: bytes(&fresh),
            replies: world
                .rows
                .keys()
                .map(|key| (key.clone(), reply(key)))
                .collect(),
            empty: Arc::new(World {
                rows: BTreeMap::new(),
                recall: Recall::default(),
                ..world.clone()
            }),
            world: Arc::new(world),
        };
        let stamped = settled.stamp();
        assert_eq!(stamped.events.len(), 4 + 3 + 4, "{:?}", stamped.events);
        let outcome = settled.pass();
        assert_eq!(
            outcome.recall, settled.world.recall,
            "what the last pass left holds"
        );
        assert_eq!(outcome.status, None, "a pass that changes nothing");
        assert_eq!(outcome.events, []);
        settled
    }

    /// One pass at rest, as the shell makes it.
    fn pass(&self) -> Outcome {
        self.run(&self.owner, &self.world)
    }

    /// One pass over what was never stamped, as the shell makes it.
    fn stamp(&self) -> Outcome {
        self.run(&self.fresh, &self.empty)
    }

    fn run(&self, owner: &[u8], world: &Arc<World>) -> Outcome {
        let owner: Value = serde_json::from_slice(owner).expect("it was written as JSON");
        let observed = Observed {
            owner: Arc::new(owner),
            now: Timestamp::UNIX_EPOCH,
            index: Arc::clone(world) as Arc<dyn Index>,
        };
        let mut pass = Realization::new(OwnerKind::Workload, observed);
        let mut reply = None;
        loop {
            match pass.resume(reply.take()) {
                Step::Done(outcome) => return *outcome,
                Step::Do(Request::Observe { gvk, .. }) => {
                    let (mapping, watch) = (world.mappings[&gvk].clone(), Watch::Synced);
                    reply = Some(Reply::Observed { mapping, watch });
                }
                Step::Do(Request::Apply { key, object, .. }) if world.rows.is_empty() => {
                    black_box(serde_json::to_vec(&*object).expect("JSON can always be written"));
                    pass.meanwhile();
                    let object: Live = serde_json::from_slice(&self.replies[&key])
                        .expect("it was written as JSON");
                    let expressions = self.world.rows[&key].expressions.clone();
                    reply = Some(Reply::Applied {
                        row: Row::applied(&object, &expressions).map(Arc::new),
                        object,
                        created: true,
                    });
                }
                Step::Do(request) => panic!("the pass asks for {request:?}"),
            }
        }
    }
}

/// What is in an index, shared as the shell's is.
#[derive(Clone)]
struct World {
    blueprint: Arc<Blueprint>,
    templates: BTreeMap<String, Arc<Template>>,
    rows: BTreeMap<ObjectKey, Arc<Row>>,
    recall: Recall,
    mappings: BTreeMap<carto_core::key::Gvk, carto_core::key::Mapping>,
}

impl World {
    fn of(cluster: &Cluster, owner: &Value) -> Self {
        let uid = owner["metadata"]["uid"].as_str().expect("it has a uid");
        let blueprints = cluster.blueprints(BlueprintKind::SupplyChain);
        let blueprint = blueprints.into_iter().next().expect("the chain is there");
        let template = |(resource, name): (&carto_core::model::Resource, &str)| {
            let kind = resource.kind().expect("its kind is known");
            (
                name.to_owned(),
                cluster.template(kind, name).expect("the template is there"),
            )
        };
        let templates = blueprint.templates().map(template).collect();
        let rows: BTreeMap<_, _> = cluster
            .rows_of(uid)
            .into_iter()
            .map(|row| (row.key.clone(), row))
            .collect();
        assert_eq!(rows.len(), 4, "one object for each resource");
        let mappings = rows.keys().map(|key| {
            let request = Request::Resolve {
                gvk: key.gvk.clone(),
            };
            match cluster.perform(request) {
                Some(Reply::Mapping(mapping)) => (key.gvk.clone(), mapping),
                other => panic!("{} is served: {other:?}", key.gvk),
            }
        });
        let mappings = mappings.collect();
        Self {
            blueprint,
            templates,
            recall: cluster.recall(uid),
            rows,
            mappings,
        }
    }
}

impl Index for World {
    fn blueprints(&self, _: BlueprintKind) -> Vec<Arc<Blueprint>> {
        vec![Arc::clone(&self.blueprint)]
    }

    fn template(&self, _: TemplateKind, name: &str) -> Option<Arc<Template>> {
        self.templates.get(name).cloned()
    }

    fn run_template(&self, _: &str) -> Option<Arc<RunTemplate>> {
        None
    }

    fn row(&self, key: &ObjectKey) -> RowState {
        self.rows
            .get(key)
            .map_or(RowState::Absent, |row| RowState::Known(Arc::clone(row)))
    }

    fn rows_of(&self, _: &str) -> Vec<Arc<Row>> {
        self.rows.values().cloned().collect()
    }

    fn service_account_exists(&self, _: &ServiceAccountKey) -> bool {
        true
    }

    fn recent_repairs(&self, _: &ObjectKey) -> u32 {
        0
    }

    fn recall(&self, _: &str) -> Recall {
        self.recall.clone()
    }
}

/// The chain of `cargo xtask bench scale`, with the objects that the in-memory cluster serves.
fn objects(chain: &str) -> Vec<Value> {
    let stamps = |resource: &str, spec: Value| {
        json!({"template": {
            "apiVersion": "test.run/v1alpha1", "kind": "Test",
            "metadata": {"name": format!("$(workload.metadata.name)$-{resource}")}, "spec": spec,
        }})
    };
    let source = stamps(
        "source",
        json!({"url": "$(workload.spec.source.git.url)$", "revision": "$(workload.spec.source.git.ref.commit)$"}),
    );
    let image = stamps(
        "image",
        json!({"image": "registry/$(workload.metadata.name)$:$(source.revision)$"}),
    );
    let config = match chain {
        "plain" => stamps("config", json!({"config": "config of $(image)$"})),
        "ytt" => json!({"ytt": concat!(
            "#@ load(\"@ytt:data\", \"data\")\n---\napiVersion: test.run/v1alpha1\nkind: Test\n",
            "metadata:\n  name: #@ data.values.workload.metadata.name + \"-config\"\n",
            "spec:\n  config: #@ \"config of \" + data.values.image\n")}),
        other => panic!("no chain {other}: there are {CHAINS:?}"),
    };
    let template = |kind: &str, name: &str, mut spec: Value, paths: &[(&str, &str)]| {
        for (key, path) in paths {
            spec[*key] = (*path).into();
        }
        json!({"apiVersion": "carto.run/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
    };
    let reference = |kind: &str, name: &str| json!({"kind": kind, "name": name});
    vec![
        template(
            "ClusterSourceTemplate",
            "source",
            source,
            &[("urlPath", ".spec.url"), ("revisionPath", ".spec.revision")],
        ),
        template(
            "ClusterImageTemplate",
            "image",
            image,
            &[("imagePath", ".spec.image")],
        ),
        template(
            "ClusterConfigTemplate",
            "config",
            config,
            &[("configPath", ".spec.config")],
        ),
        template(
            "ClusterTemplate",
            "app",
            stamps("app", json!({"config": "$(config)$"})),
            &[],
        ),
        json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "ClusterSupplyChain", "metadata": {"name": "chain"},
            "spec": {"selector": {"bench": "yes"}, "resources": [
                {"name": "source", "templateRef": reference("ClusterSourceTemplate", "source")},
                {"name": "image", "templateRef": reference("ClusterImageTemplate", "image"),
                 "sources": [{"name": "source", "resource": "source"}]},
                {"name": "config", "templateRef": reference("ClusterConfigTemplate", "config"),
                 "images": [{"name": "image", "resource": "image"}]},
                {"name": "app", "templateRef": reference("ClusterTemplate", "app"),
                 "configs": [{"name": "config", "resource": "config"}]},
            ]}
        }),
        json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "Workload",
            "metadata": {"namespace": "ns", "name": "w", "labels": {"bench": "yes"}},
            "spec": {"source": {"git": {"url": "https://git.example.com/app", "ref": {"commit": "0123456789abcdef"}}}}
        }),
    ]
}
