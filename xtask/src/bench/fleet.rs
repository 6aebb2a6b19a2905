//! The load: a chain of four objects whose outputs exist at once, and workloads that follow it.

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

/// Requests of the load generator that may be under way at once.
pub(super) const IN_FLIGHT: usize = 32;
/// Objects that the chain stamps for each workload.
pub(super) const OBJECTS: usize = 4;

const GROUP: &str = "bench.carto.run";
const PREFIX: &str = "carto-bench";

/// The kind of the stamped objects: any `spec`, no controller.
pub(super) fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("benchobjects.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": "BenchObject", "plural": "benchobjects", "singular": "benchobject"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}
                }}}
            }]
        }
    })
}

/// The templates and the chain.
pub(super) fn blueprint(ytt: bool) -> Vec<Value> {
    let object = |resource: &str, spec: Value| {
        json!({
            "apiVersion": format!("{GROUP}/v1"),
            "kind": "BenchObject",
            "metadata": {"name": format!("$(workload.metadata.name)$-{resource}")},
            "spec": spec
        })
    };
    let template = |kind: &str, resource: &str, spec: Value| {
        let mut template = json!({
            "apiVersion": "carto.run/v1alpha1",
            "kind": kind,
            "metadata": {"name": format!("{PREFIX}-{resource}")},
            "spec": spec
        });
        if template["spec"].get("ytt").is_none() && template["spec"].get("template").is_none() {
            template["spec"]["template"] = Value::Null;
        }
        template
    };
    let config = if ytt {
        json!({"configPath": ".spec.config", "ytt": concat!(
            "#@ load(\"@ytt:data\", \"data\")\n---\napiVersion: bench.carto.run/v1\nkind: BenchObject\n",
            "metadata:\n  name: #@ data.values.workload.metadata.name + \"-config\"\n",
            "spec:\n  config:\n    image: #@ data.values.image\n")})
    } else {
        json!({"configPath": ".spec.config",
               "template": object("config", json!({"config": {"image": "$(image)$"}}))})
    };
    vec![
        template(
            "ClusterSourceTemplate",
            "source",
            json!({
                "urlPath": ".spec.url", "revisionPath": ".spec.revision",
                "template": object("source", json!({
                    "url": "$(workload.spec.source.git.url)$",
                    "revision": "$(workload.spec.source.git.ref.commit)$"
                }))
            }),
        ),
        template(
            "ClusterImageTemplate",
            "image",
            json!({
                "imagePath": ".spec.image",
                "template": object("image", json!({"image": "registry/$(workload.metadata.name)$:$(source.revision)$"}))
            }),
        ),
        template("ClusterConfigTemplate", "config", config),
        template(
            "ClusterTemplate",
            "app",
            json!({
                "template": object("app", json!({"config": "$(config)$"}))
            }),
        ),
        json!({
            "apiVersion": "carto.run/v1alpha1",
            "kind": "ClusterSupplyChain",
            "metadata": {"name": PREFIX},
            "spec": {
                "selector": {"carto-bench": "yes"},
                "resources": [
                    {"name": "source", "templateRef": {"kind": "ClusterSourceTemplate", "name": format!("{PREFIX}-source")}},
                    {"name": "image", "templateRef": {"kind": "ClusterImageTemplate", "name": format!("{PREFIX}-image")},
                     "sources": [{"name": "source", "resource": "source"}]},
                    {"name": "config", "templateRef": {"kind": "ClusterConfigTemplate", "name": format!("{PREFIX}-config")},
                     "images": [{"name": "image", "resource": "image"}]},
                    {"name": "app", "templateRef": {"kind": "ClusterTemplate", "name": format!("{PREFIX}-app")},
                     "configs": [{"name": "config", "resource": "config"}]}
                ]
            }
        }),
    ]
}

/// One workload of the fleet.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// The workloads, spread over the namespaces.
pub(super) fn members(workloads: usize, namespaces: usize) -> Vec<Member> {
    let namespaces = namespaces.max(1);
    (0..workloads)
        .map(|number| Member {
            namespace: namespace(number % namespaces),
            name: format!("bench-{number}"),
        })
        .collect()
}

/// The name of one namespace of the fleet.
pub(super) fn namespace(number: usize) -> String {
    format!("{PREFIX}-{number}")
}

impl Member {
    /// The Workload that nobody choreographs: the bare client writes its status.
    fn bare(&self) -> Value {
        json!({
            "apiVersion": "carto.run/v1alpha1",
            "kind": "Workload",
            "metadata": {"namespace": self.namespace, "name": format!("bare-{}", self.name)},
            "spec": {}
        })
    }

    /// The Workload, at a revision.
    pub(super) fn workload(&self, revision: &str) -> Value {
        json!({
            "apiVersion": "carto.run/v1alpha1",
            "kind": "Workload",
            "metadata": {"namespace": self.namespace, "name": self.name, "labels": {"carto-bench": "yes"}},
            "spec": {"source": {"git": {"url": "https://git.example.com/app", "ref": {"commit": revision}}}}
        })
    }
}

/// How a kind of the load is reached.
pub(super) fn resource(kind: &str) -> ApiResource {
    let (group, version) = match kind {
        "BenchObject" => (GROUP, "v1"),
        "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1"),
        "Namespace" | "ServiceAccount" => ("", "v1"),
        "ClusterRoleBinding" => ("rbac.authorization.k8s.io", "v1"),
        _ => ("carto.run", "v1alpha1"),
    };
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// The API of a kind in a namespace, or of a cluster-scoped kind.
pub(super) fn api(client: &Client, namespace: Option<&str>, kind: &str) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource(kind)),
        None => Api::all_with(client.clone(), &resource(kind)),
    }
}

/// Applies one object as the load generator.
pub(super) async fn apply(client: &Client, object: &Value) -> anyhow::Result<()> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let kind = text("/kind").context("no kind")?;
    let name = text("/metadata/name").context("no name")?;
    let parameters = PatchParams::apply("carto-bench").force();
    api(client, text("/metadata/namespace"), kind)
        .patch(name, &parameters, &Patch::Apply(object))
        .await
        .with_context(|| format!("cannot apply {kind} {name}"))?;
    Ok(())
}

/// Creates all members' workloads, with [`IN_FLIGHT`] requests under way.
pub(super) async fn create(client: &Client, members: &[Member]) -> anyhow::Result<()> {
    stream::iter(members)
        .map(|member| async move {
            let object: DynamicObject = serde_json::from_value(member.workload("r1"))?;
            api(client, Some(&member.namespace), "Workload")
                .create(&PostParams::default(), &object)
                .await
                .with_context(|| format!("cannot create the workload {}", member.name))?;
            anyhow::Ok(())
        })
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

/// Creates what [`bare_writes`] needs.
pub(super) async fn prepare_bare(client: &Client, members: &[Member]) -> anyhow::Result<()> {
    stream::iter(members)
        .map(|member| async move { apply(client, &member.bare()).await })
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

/// Makes the writes that a perfect choreographer would make, as a bare client: four applies and
/// one status write for each member.
pub(super) async fn bare_writes(client: &Client, members: &[Member]) -> anyhow::Result<()> {
    stream::iter(members)
        .map(|member| bare_writes_for(client, member))
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

async fn bare_writes_for(client: &Client, member: &Member) -> anyhow::Result<()> {
    let parameters = PatchParams::apply("carto-bench-bare").force();
    let objects = api(client, Some(&member.namespace), "BenchObject");
    for number in 0..OBJECTS {
        let name = format!("{}-bare-{number}", member.name);
        let labels = json!({"bench": "bare", "carto-bench-member": member.name});
        let object = json!({
            "apiVersion": format!("{GROUP}/v1"), "kind": "BenchObject",
            "metadata": {"name": name, "namespace": member.namespace, "labels": labels},
            "spec": {"url": "https://git.example.com/app", "revision": "r1", "image": "registry/app:r1"}
        });
        objects
            .patch(&name, &parameters, &Patch::Apply(&object))
            .await?;
    }
    let status = json!({"status": {"observedGeneration": 1}});
    api(client, Some(&member.namespace), "Workload")
        .patch_status(
            &format!("bare-{}", member.name),
            &PatchParams::default(),
            &Patch::Merge(&status),
        )
        .await?;
    Ok(())
}
