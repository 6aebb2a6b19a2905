//! Extracts what the embedded API server must know of built-in kinds from a running kube-apiserver and the Go
//! modules it was built from.
//!
//! The result is `crates/apiserver/data/builtin.json.gz`: discovery of the kinds that the server offers, their
//! `OpenAPI` schemas without descriptions, and their Go types (which zero values are written, which names and
//! numbers fields have in protobuf). Only kinds named in [`KEPT`] and what they refer to are kept. The descriptions
//! stand in `descriptions.json.gz`, because only documents need them.
//!
//! Needs `kubectl` (or `CARTO_TEST_KUBECTL`) and `go` on the path.

mod go_types;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

/// Group, version, plural, and which subresources the server answers.
const KEPT: &[(&str, &str, &str, &[&str])] = &[
    ("", "v1", "configmaps", &[]),
    ("", "v1", "endpoints", &[]),
    ("", "v1", "events", &[]),
    ("", "v1", "limitranges", &[]),
    ("", "v1", "namespaces", &["finalize", "status"]),
    ("", "v1", "nodes", &["status"]),
    ("", "v1", "persistentvolumeclaims", &["status"]),
    ("", "v1", "persistentvolumes", &["status"]),
    (
        "",
        "v1",
        "pods",
        &[
            "attach",
            "ephemeralcontainers",
            "exec",
            "log",
            "portforward",
            "status",
        ],
    ),
    ("", "v1", "replicationcontrollers", &["scale", "status"]),
    ("", "v1", "resourcequotas", &["status"]),
    ("", "v1", "secrets", &[]),
    ("", "v1", "serviceaccounts", &["token"]),
    ("", "v1", "services", &["status"]),
    (
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        &[],
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingadmissionpolicies",
        &["status"],
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingadmissionpolicybindings",
        &[],
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        &[],
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        &["status"],
    ),
    ("apps", "v1", "controllerrevisions", &[]),
    ("apps", "v1", "daemonsets", &["status"]),
    ("apps", "v1", "deployments", &["scale", "status"]),
    ("apps", "v1", "replicasets", &["scale", "status"]),
    ("apps", "v1", "statefulsets", &["scale", "status"]),
    ("authentication.k8s.io", "v1", "selfsubjectreviews", &[]),
    ("authentication.k8s.io", "v1", "tokenreviews", &[]),
    (
        "authorization.k8s.io",
        "v1",
        "localsubjectaccessreviews",
        &[],
    ),
    (
        "authorization.k8s.io",
        "v1",
        "selfsubjectaccessreviews",
        &[],
    ),
    ("authorization.k8s.io", "v1", "selfsubjectrulesreviews", &[]),
    ("authorization.k8s.io", "v1", "subjectaccessreviews", &[]),
    ("autoscaling", "v2", "horizontalpodautoscalers", &["status"]),
    ("batch", "v1", "cronjobs", &["status"]),
    ("batch", "v1", "jobs", &["status"]),
    ("coordination.k8s.io", "v1", "leases", &[]),
    ("discovery.k8s.io", "v1", "endpointslices", &[]),
    ("events.k8s.io", "v1", "events", &[]),
    ("networking.k8s.io", "v1", "ingresses", &["status"]),
    ("networking.k8s.io", "v1", "networkpolicies", &[]),
    ("policy", "v1", "poddisruptionbudgets", &["status"]),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "clusterrolebindings",
        &[],
    ),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", &[]),
    ("rbac.authorization.k8s.io", "v1", "rolebindings", &[]),
    ("rbac.authorization.k8s.io", "v1", "roles", &[]),
    ("scheduling.k8s.io", "v1", "priorityclasses", &[]),
    ("storage.k8s.io", "v1", "storageclasses", &[]),
];

/// Types that requests and replies use besides the kinds themselves.
const EXTRA: &[&str] = &[
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
    "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent",
];

/// Runs the extraction against the server that `kubeconfig` names.
pub(crate) fn run(kubeconfig: &Path) -> Result<()> {
    let server = Server { kubeconfig };
    let version = server.get("/version")?;
    let git_version = version["gitVersion"]
        .as_str()
        .context("/version has no gitVersion")?;
    let (resources, group_versions) = discovery(&server)?;
    let mut schemas = schemas(&server, &group_versions, &resources)?;
    let descriptions: Map<String, Value> = schemas
        .iter()
        .map(|(name, schema)| (name.clone(), described(schema)))
        .collect();
    schemas.values_mut().for_each(strip);
    let types = go_types::extract(&module_version(git_version)?, &roots(&schemas))?;
    let data = json!({
        "origin": format!("kube-apiserver {git_version}, k8s.io/api, k8s.io/apimachinery, \
                           k8s.io/apiextensions-apiserver; Apache-2.0; descriptions removed"),
        "resources": resources,
        "schemas": schemas,
        "types": types,
    });
    eprintln!(
        "{} resources, {} schemas, {} types",
        data["resources"].as_array().map_or(0, Vec::len),
        data["schemas"].as_object().map_or(0, Map::len),
        data["types"].as_object().map_or(0, Map::len),
    );
    write("builtin.json.gz", &data)?;
    write("descriptions.json.gz", &Value::Object(descriptions))
}

fn write(name: &str, data: &Value) -> Result<()> {
    let path = data_folder().join(name);
    std::fs::create_dir_all(data_folder())?;
    let bytes = compress(data.to_string().as_bytes())?;
    std::fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("{}: {} bytes", path.display(), bytes.len());
    Ok(())
}

/// The descriptions of a schema, under an empty name, and of its properties.
fn described(schema: &Value) -> Value {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let all = properties.map(|(name, property)| (name.as_str(), property));
    let texts = all
        .chain([("", schema)])
        .filter_map(|(name, of)| Some((name.to_owned(), of.get("description")?.clone())));
    Value::Object(texts.collect())
}

fn data_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/apiserver/data")
}

/// `v1.36.3` was built from modules `v0.36.3`.
fn module_version(git_version: &str) -> Result<String> {
    let release = git_version.split(['+', '-']).next().unwrap_or_default();
    let rest = release
        .strip_prefix("v1.")
        .with_context(|| format!("odd version {git_version}"))?;
    Ok(format!("v0.{rest}"))
}

/// The same input gives the same bytes.
fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

struct Server<'a> {
    kubeconfig: &'a Path,
}

impl Server<'_> {
    fn get(&self, path: &str) -> Result<Value> {
        let kubectl = std::env::var("CARTO_TEST_KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
        let output = Command::new(&kubectl)
            .args(["get", "--raw", path, "--kubeconfig"])
            .arg(self.kubeconfig)
            .output()
            .with_context(|| format!("cannot run {kubectl}"))?;
        if !output.status.success() {
            bail!(
                "GET {path}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("GET {path} is not JSON"))
    }
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

fn api_path(group: &str, version: &str) -> String {
    let prefix = if group.is_empty() { "api" } else { "apis" };
    format!("{prefix}/{}", group_version(group, version))
}

/// Returns the kept resources with their subresources, and the group versions they are in.
fn discovery(server: &Server<'_>) -> Result<(Vec<Value>, BTreeSet<(String, String)>)> {
    let mut lists: BTreeMap<(String, String), Value> = BTreeMap::new();
    let mut resources = Vec::new();
    for (group, version, plural, subresources) in KEPT {
        let key = ((*group).to_owned(), (*version).to_owned());
        if !lists.contains_key(&key) {
            let list = server.get(&format!("/{}", api_path(group, version)))?;
            lists.insert(key.clone(), list);
        }
        let list = &lists[&key]["resources"];
        let find = |name: &str| {
            list.as_array()
                .and_then(|list| list.iter().find(|resource| resource["name"] == name))
                .cloned()
                .with_context(|| format!("{} has no {name}", group_version(group, version)))
        };
        let mut resource = find(plural)?;
        let fields = resource
            .as_object_mut()
            .context("a resource is an object")?;
        fields.insert("group".to_owned(), json!(group));
        fields.insert("version".to_owned(), json!(version));
        let found: Result<Vec<Value>> = subresources
            .iter()
            .map(|name| {
                let mut subresource = find(&format!("{plural}/{name}"))?;
                subresource["name"] = json!(name);
                Ok(subresource)
            })
            .collect();
        fields.insert("subresources".to_owned(), Value::Array(found?));
        resources.push(resource);
    }
    Ok((resources, lists.into_keys().collect()))
}

/// Returns the schemas of the kept kinds, their lists and everything those refer to.
fn schemas(
    server: &Server<'_>,
    group_versions: &BTreeSet<(String, String)>,
    resources: &[Value],
) -> Result<Map<String, Value>> {
    let mut all = Map::new();
    let scale = ("autoscaling".to_owned(), "v1".to_owned());
    for (group, version) in group_versions.iter().chain([&scale]) {
        let document = server.get(&format!("/openapi/v3/{}", api_path(group, version)))?;
        let schemas = document["components"]["schemas"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        all.extend(schemas);
    }
    let mut wanted: Vec<String> = EXTRA.iter().map(|name| (*name).to_owned()).collect();
    for resource in resources {
        let text = |name: &str| resource[name].as_str().unwrap_or_default();
        let name = all
            .iter()
            .find(|(_, schema)| is_kind(schema, text("group"), text("version"), text("kind")))
            .map(|(name, _)| name.clone())
            .with_context(|| format!("no schema for {}", text("kind")))?;
        let list = format!("{name}List");
        if all.contains_key(&list) {
            wanted.push(list);
        }
        wanted.push(name);
    }
    let mut kept = Map::new();
    while let Some(name) = wanted.pop() {
        if kept.contains_key(&name) {
            continue;
        }
        let schema = all
            .get(&name)
            .with_context(|| format!("no schema {name}"))?
            .clone();
        references(&schema, &mut wanted);
        kept.insert(name, schema);
    }
    Ok(kept)
}

fn is_kind(schema: &Value, group: &str, version: &str, kind: &str) -> bool {
    let own = json!({"group": group, "kind": kind, "version": version});
    let kinds = schema["x-kubernetes-group-version-kind"].as_array();
    kinds.is_some_and(|kinds| kinds.contains(&own))
        && schema["properties"]
            .get("metadata")
            .is_some_and(|m| !m.to_string().contains("ListMeta"))
}

/// Removes descriptions and what only documents.
fn strip(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let is_properties = |name: &str| name == "properties";
            fields.remove("description");
            for (name, field) in fields.iter_mut() {
                if is_properties(name) {
                    for property in field.as_object_mut().into_iter().flat_map(Map::values_mut) {
                        strip(property);
                    }
                } else {
                    strip(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

fn references(schema: &Value, into: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str().filter(|_| name == "$ref") {
                    Some(reference) => {
                        into.extend(reference.rsplit('/').next().map(str::to_owned));
                    }
                    None => references(field, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        _ => {}
    }
}

/// The Go types to begin with: everything that has a schema.
fn roots(schemas: &Map<String, Value>) -> Vec<String> {
    schemas.keys().cloned().collect()
}
