//! The load: owners in a few namespaces, and a bare client that makes the same writes.

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::chain::{Chain, GROUP, OBJECTS, PREFIX};

/// Requests of the load generator that may be under way at once: as many as the controllers have.
pub(super) const IN_FLIGHT: usize = 32;

/// The kind of the bare client's owners.
const BARE_OWNER: &str = "BenchOwner";

/// One owner of the fleet.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// The owners, spread over the namespaces.
pub(super) fn members(count: usize, namespaces: usize) -> Vec<Member> {
    let namespaces = namespaces.max(1);
    (0..count)
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

/// How a kind of the load is reached.
pub(super) fn resource(kind: &str) -> ApiResource {
    let (group, version) = match kind {
        "BenchObject" | "BenchOwner" => (GROUP, "v1"),
        "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1"),
        "Namespace" | "ServiceAccount" | "ConfigMap" => ("", "v1"),
        "ClusterRoleBinding" => ("rbac.authorization.k8s.io", "v1"),
        _ => ("carto.run", "v1alpha1"),
    };
    let gvk = GroupVersionKind::gvk(group, version, kind);
    match kind {
        "ClusterDelivery" => ApiResource::from_gvk_with_plural(&gvk, "clusterdeliveries"),
        _ => ApiResource::from_gvk(&gvk),
    }
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

/// Does something for every member, with [`IN_FLIGHT`] requests under way.
pub(super) async fn for_each<'a, F>(
    members: &'a [Member],
    act: impl Fn(&'a Member) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    stream::iter(members)
        .map(act)
        .buffer_unordered(IN_FLIGHT)
        .try_for_each(async |()| Ok(()))
        .await
}

/// Creates all members' owners.
pub(super) async fn create(
    client: &Client,
    chain: Chain,
    members: &[Member],
) -> anyhow::Result<()> {
    for_each(members, |member| async move {
        let object = chain.instance(&member.namespace, &member.name, "r1");
        create_one(client, &object).await.map(drop)
    })
    .await
}

async fn create_one(client: &Client, object: &Value) -> anyhow::Result<DynamicObject> {
    let object: DynamicObject = serde_json::from_value(object.clone())?;
    let kind = object.types.clone().unwrap_or_default().kind;
    api(client, object.metadata.namespace.as_deref(), &kind)
        .create(&PostParams::default(), &object)
        .await
        .with_context(|| format!("cannot create {kind} {:?}", object.metadata.name))
}

/// Changes something of every owner that changes no outcome.
pub(super) async fn touch(
    client: &Client,
    chain: Chain,
    members: &[Member],
    mark: &str,
) -> anyhow::Result<()> {
    let patch = json!({"metadata": {"annotations": {"bench": mark}}});
    for_each(members, |member| {
        let patch = &patch;
        async move {
            api(client, Some(&member.namespace), chain.owner())
                .patch(&member.name, &PatchParams::default(), &Patch::Merge(patch))
                .await
                .context("cannot touch an owner")?;
            Ok(())
        }
    })
    .await
}

/// Makes the writes that a perfect choreographer and its user would make, as a bare client: the owner created, its
/// objects applied one after the other, its status written, and of everything the size that ours have.
pub(super) async fn bare_writes(
    client: &Client,
    chain: Chain,
    members: &[Member],
) -> anyhow::Result<()> {
    for_each(members, |member| bare_writes_for(client, chain, member)).await
}

async fn bare_writes_for(client: &Client, chain: Chain, member: &Member) -> anyhow::Result<()> {
    let name = format!("bare-{}", member.name);
    let mut owner = chain.instance(&member.namespace, &name, "r1");
    // Nobody choreographs it.
    owner["apiVersion"] = format!("{GROUP}/v1").into();
    owner["kind"] = BARE_OWNER.into();
    let owner = create_one(client, &owner).await?;
    let uid = owner.metadata.uid.unwrap_or_default();
    bare_applies(client, chain, member, &uid, "r1").await?;
    if chain == Chain::Runnable {
        bare_apply(client, chain, member, &uid, "run", "r1").await?;
        write_status(client, member, &name).await?;
    }
    write_status(client, member, &name).await
}

async fn write_status(client: &Client, member: &Member, name: &str) -> anyhow::Result<()> {
    let entry = |number: usize| {
        json!({
            "name": format!("resource-{number}"),
            "templateRef": {"apiVersion": "carto.run/v1alpha1", "kind": "ClusterConfigTemplate", "name": "carto-bench-config"},
            "stampedRef": {"apiVersion": "bench.carto.run/v1", "kind": "BenchObject", "name": name, "namespace": member.namespace,
                "resource": "benchobjects.bench.carto.run"},
            "outputs": [{"name": "config", "preview": "config of registry/app:r1\n", "digest": format!("sha256:{number:064}"),
                "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "conditions": [condition("ResourceSubmitted"), condition("Healthy"), condition("Ready")],
        })
    };
    let status = json!({"status": {
        "observedGeneration": 1,
        "conditions": [condition("Ready"), condition("ResourcesHealthy"), condition("ResourcesSubmitted")],
        "resources": (0..OBJECTS).map(entry).collect::<Vec<_>>(),
    }});
    api(client, Some(&member.namespace), BARE_OWNER)
        .patch_status(name, &PatchParams::default(), &Patch::Merge(&status))
        .await
        .context("cannot write a status")?;
    Ok(())
}

fn condition(kind: &str) -> Value {
    json!({"type": kind, "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

/// Applies as many objects as a chain has, one after the other.
pub(super) async fn bare_applies(
    client: &Client,
    chain: Chain,
    member: &Member,
    uid: &str,
    revision: &str,
) -> anyhow::Result<()> {
    for part in ["source", "image", "config", "app"] {
        bare_apply(client, chain, member, uid, part, revision).await?;
    }
    Ok(())
}

async fn bare_apply(
    client: &Client,
    chain: Chain,
    member: &Member,
    uid: &str,
    part: &str,
    revision: &str,
) -> anyhow::Result<()> {
    let name = format!("bare-{}-{part}", member.name);
    let labels = json!({
        "bare.run/workload-name": member.name, "bare.run/workload-namespace": member.namespace,
        "bare.run/supply-chain-name": PREFIX, "bare.run/resource-name": part,
        "bare.run/template-kind": "ClusterConfigTemplate", "bare.run/cluster-template-name": "carto-bench-config",
        "bare.run/template-lifecycle": "mutable",
    });
    let values = json!({"image": format!("registry/{}:{revision}", member.name)});
    let is_map = chain == Chain::Configmaps;
    let mut object = json!({
        "apiVersion": if is_map { "v1".to_owned() } else { format!("{GROUP}/v1") },
        "kind": chain.object(),
        "metadata": {
            "name": name, "namespace": member.namespace, "labels": labels,
            "annotations": {"bare.run/stamp-digest": format!("{:0>64}", revision)},
            "ownerReferences": [{"apiVersion": format!("{GROUP}/v1"), "kind": BARE_OWNER, "name": format!("bare-{}", member.name),
                "uid": uid, "controller": true, "blockOwnerDeletion": true}],
        },
    });
    object[if is_map { "data" } else { "spec" }] = values;
    let parameters = PatchParams::apply("carto-bench-bare").force();
    api(client, Some(&member.namespace), chain.object())
        .patch(&name, &parameters, &Patch::Apply(&object))
        .await
        .context("cannot apply an object")?;
    Ok(())
}
