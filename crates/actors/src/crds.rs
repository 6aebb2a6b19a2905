//! The custom resource definitions of the kinds that the actors stand in for, in the versions that users have.
//!
//! Structure, columns and short names follow the published ones (fluxcd/source-controller config/crd/bases,
//! buildpacks-community/kpack config), so that existing files apply and `kubectl get` prints the usual columns. Since
//! nothing converts between versions here, each version accepts the fields of all. Differs: `spec.url` has no
//! pattern, because folders and `file://` are allowed on a laptop, and a bad address is a condition.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use crate::config::Actor;

/// The definitions of all actors.
pub fn crds() -> Vec<CustomResourceDefinition> {
    Actor::ALL.into_iter().flat_map(crds_of).collect()
}

/// The definitions that one actor needs; `deploy` works on built-in kinds.
pub fn crds_of(actor: Actor) -> Vec<CustomResourceDefinition> {
    let values = match actor {
        Actor::Git => vec![git_repository()],
        Actor::Build => kpack(),
        Actor::Deploy => Vec::new(),
    };
    values
        .into_iter()
        .map(|value| serde_json::from_value(value).expect("the definitions below are well formed"))
        .collect()
}

fn column(name: &str, kind: &str, path: &str) -> Value {
    json!({"name": name, "type": kind, "jsonPath": path})
}

fn condition_column(name: &str, condition: &str, field: &str) -> Value {
    column(
        name,
        "string",
        &format!(r#".status.conditions[?(@.type=="{condition}")].{field}"#),
    )
}

fn git_repository() -> Value {
    let columns = json!([
        column("URL", "string", ".spec.url"),
        column("Age", "date", ".metadata.creationTimestamp"),
        condition_column("Ready", "Ready", "status"),
        condition_column("Status", "Ready", "message"),
    ]);
    let version = |name: &str, storage: bool| {
        let mut version = json!({
            "name": name, "served": true, "storage": storage,
            "schema": {"openAPIV3Schema": git_repository_schema()},
            "subresources": {"status": {}},
            "additionalPrinterColumns": columns,
        });
        if !storage {
            version["deprecated"] = json!(true);
            version["deprecationWarning"] =
                json!(format!("{name} GitRepository is deprecated, upgrade to v1"));
        }
        version
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gitrepositories.source.toolkit.fluxcd.io"},
        "spec": {
            "group": "source.toolkit.fluxcd.io",
            "scope": "Namespaced",
            "names": {
                "kind": "GitRepository", "listKind": "GitRepositoryList",
                "plural": "gitrepositories", "singular": "gitrepository",
                "shortNames": ["gitrepo"], "categories": ["all", "fluxcd", "fluxcd-sources"],
            },
            "versions": [version("v1", true), version("v1beta2", false), version("v1beta1", false)],
        },
    })
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn flag(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

/// An object with these properties; the names in `required` must be there.
fn object(properties: Value, required: &[&str]) -> Value {
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn reference(description: &str) -> Value {
    described(
        object(json!({"name": text("Name of the object.")}), &["name"]),
        description,
    )
}

fn open_object(description: &str) -> Value {
    json!({"type": "object", "description": description, "x-kubernetes-preserve-unknown-fields": true})
}

fn git_repository_schema() -> Value {
    described(
        object(
            json!({
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
                "spec": git_repository_spec(),
                "status": git_repository_status(),
            }),
            &[],
        ),
        "A git repository whose content is offered as an artifact, a compressed archive.",
    )
}

fn git_repository_spec() -> Value {
    let duration = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";
    let properties = json!({
        "url": text("Address of the repository: http, https, ssh, file, or an absolute folder of this machine."),
        "ref": git_reference(),
        "secretRef": reference("Secret with 'username' and 'password' or 'bearerToken' (http, https; 'ca.crt' or 'caFile' for a private authority), or with 'identity' and 'known_hosts' (ssh)."),
        "interval": {"type": "string", "pattern": duration, "description": "How often the repository is looked at. A repository on this machine is noticed at once besides."},
        "timeout": {"type": "string", "pattern": duration, "default": "60s", "description": "Limit of one git operation. Default 60s."},
        "ignore": text("Files to leave out, in the form of .gitignore; without it a default list is used (version control files, pictures, archives, CI files)."),
        "suspend": flag("Do not look at the repository until this is taken away."),
        "recurseSubmodules": flag("Fetch submodules too."),
        "gitImplementation": text("Accepted for older objects and not used."),
        "provider": {"type": "string", "enum": ["generic", "aws", "azure", "github"], "description": "Only 'generic' works here."},
        "serviceAccountName": text("For providers other than 'generic'; not used here."),
        "proxySecretRef": reference("Accepted; not supported here."),
        "sparseCheckout": {"type": "array", "items": {"type": "string"}, "description": "Folders that the artifact is limited to."},
        "verify": described(object(json!({
            "mode": {"type": "string", "default": "HEAD", "enum": ["head", "HEAD", "Tag", "TagAndHEAD"]},
            "provider": {"type": "string"},
            "secretRef": reference("Secret with the public keys."),
        }), &["secretRef"]), "Verification of signatures; not supported here: the object becomes not ready and says so."),
        "include": {"type": "array", "description": "Artifacts of other repositories to include; not supported here: the object becomes not ready and says so.", "items": object(json!({
            "repository": reference("The repository to include."),
            "fromPath": {"type": "string"}, "toPath": {"type": "string"},
        }), &["repository"])},
        "accessFrom": open_object("Accepted for older objects and not used."),
    });
    object(properties, &["interval", "url"])
}

fn git_reference() -> Value {
    described(
        object(
            json!({
                "branch": text("Branch. Default: 'master' when the repository has it, else its default branch."),
                "tag": text("Tag; counts before the branch."),
                "semver": text("Range of versions; the highest tag in it counts, before tag and branch."),
                "name": text("Full name of a reference such as refs/pull/1/head; counts before semver, tag and branch."),
                "commit": text("Commit; counts before all others."),
            }),
            &[],
        ),
        "What to check out.",
    )
}

fn git_repository_status() -> Value {
    let artifact = object(
        json!({
            "url": text("Where the archive is served."),
            "path": text("Its path below the artifact server."),
            "revision": text("Reference and commit, as in main@sha1:0a1b…"),
            "digest": {"type": "string", "pattern": r"^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$", "description": "Digest of the archive."},
            "checksum": text("The digits of the digest, for older readers."),
            "lastUpdateTime": {"type": "string", "format": "date-time", "description": "When the archive was made."},
            "size": {"type": "integer", "format": "int64", "description": "Bytes of the archive."},
            "metadata": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Further facts, such as the subject of the commit."},
        }),
        &["lastUpdateTime", "path", "revision", "url"],
    );
    let condition = object(
        json!({
            "type": {"type": "string", "maxLength": 316},
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
            "message": {"type": "string", "maxLength": 32768},
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
        }),
        &["lastTransitionTime", "message", "reason", "status", "type"],
    );
    let properties = json!({
        "observedGeneration": {"type": "integer", "format": "int64"},
        "conditions": {"type": "array", "items": condition},
        "artifact": described(artifact, "The last one that was made."),
        "url": text("The same address as artifact.url, for older readers."),
        "lastHandledReconcileAt": text("The value of the annotation reconcile.fluxcd.io/requestedAt that was last acted on."),
        "observedIgnore": {"type": "string"},
        "observedRecurseSubmodules": {"type": "boolean"},
        "observedSparseCheckout": {"type": "array", "items": {"type": "string"}},
    });
    let mut status = object(properties, &[]);
    status["default"] = json!({"observedGeneration": -1});
    status
}

struct Kpack {
    kind: &'static str,
    singular: &'static str,
    cluster: bool,
    short: &'static [&'static str],
    columns: Vec<Value>,
    /// Columns that only the newer version has.
    newer: Vec<Value>,
    alpha1: bool,
}

fn kpack() -> Vec<Value> {
    let ready = || condition_column("Ready", "Ready", "status");
    let image = |name: &str| column(name, "string", ".status.latestImage");
    let up_to_date = || vec![condition_column("UpToDate", "UpToDate", "status")];
    let kind = |kind, singular, cluster, short, columns, newer| Kpack {
        kind,
        singular,
        cluster,
        short,
        columns,
        newer,
        alpha1: true,
    };
    let kinds = [
        kind(
            "Image",
            "image",
            false,
            &["cnbimage", "cnbimages", "img", "imgs"][..],
            vec![image("LatestImage"), ready()],
            vec![],
        ),
        kind(
            "Build",
            "build",
            false,
            &["cnbbuild", "cnbbuilds", "bld", "blds"],
            vec![
                image("Image"),
                condition_column("Succeeded", "Succeeded", "status"),
            ],
            vec![],
        ),
        kind(
            "Builder",
            "builder",
            false,
            &["bldr", "bldrs"],
            vec![image("LatestImage"), ready()],
            up_to_date(),
        ),
        kind(
            "ClusterBuilder",
            "clusterbuilder",
            true,
            &["clstbldr", "clstbldrs"],
            vec![image("LatestImage"), ready()],
            up_to_date(),
        ),
        kind(
            "ClusterStore",
            "clusterstore",
            true,
            &[],
            vec![ready()],
            vec![],
        ),
        kind(
            "ClusterStack",
            "clusterstack",
            true,
            &[],
            vec![ready()],
            vec![],
        ),
        Kpack {
            alpha1: false,
            ..kind(
                "ClusterLifecycle",
                "clusterlifecycle",
                true,
                &[],
                vec![ready()],
                vec![],
            )
        },
        Kpack {
            alpha1: false,
            ..kind(
                "Buildpack",
                "buildpack",
                false,
                &["bp"],
                vec![ready()],
                vec![],
            )
        },
        Kpack {
            alpha1: false,
            ..kind(
                "ClusterBuildpack",
                "clusterbuildpack",
                true,
                &["cbp"],
                vec![ready()],
                vec![],
            )
        },
    ];
    kinds.iter().map(kpack_crd).collect()
}

fn kpack_crd(kpack: &Kpack) -> Value {
    let version = |name: &str, storage: bool, columns: Vec<Value>| {
        json!({
            "name": name, "served": true, "storage": storage,
            "schema": {"openAPIV3Schema": open_object("As published by kpack; every field is accepted.")},
            "subresources": {"status": {}},
            "additionalPrinterColumns": columns,
        })
    };
    let newer: Vec<Value> = kpack.columns.iter().chain(&kpack.newer).cloned().collect();
    let mut versions = vec![version("v1alpha2", true, newer)];
    if kpack.alpha1 {
        versions.insert(0, version("v1alpha1", false, kpack.columns.clone()));
    }
    let plural = format!("{}s", kpack.singular);
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.kpack.io")},
        "spec": {
            "group": "kpack.io",
            "scope": if kpack.cluster { "Cluster" } else { "Namespaced" },
            "names": {
                "kind": kpack.kind, "listKind": format!("{}List", kpack.kind),
                "plural": plural, "singular": kpack.singular,
                "shortNames": kpack.short, "categories": ["kpack"],
            },
            "versions": versions,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_has_one_stored_version_and_the_name_of_its_group() {
        let all = crds();
        assert_eq!(all.len(), 10);
        for crd in all {
            let plural = &crd.spec.names.plural;
            assert_eq!(
                crd.metadata.name,
                Some(format!("{plural}.{}", crd.spec.group))
            );
            assert_eq!(
                crd.spec.versions.iter().filter(|v| v.storage).count(),
                1,
                "{plural}"
            );
        }
    }

    #[test]
    fn git_repositories_are_served_in_three_versions() {
        let crd = &crds_of(Actor::Git)[0];
        let names: Vec<&str> = crd.spec.versions.iter().map(|v| v.name.as_str()).collect();
        assert_eq!(names, ["v1", "v1beta2", "v1beta1"]);
    }
}
