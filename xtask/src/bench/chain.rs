//! What the benchmarks choreograph: chains whose outputs exist as soon as their objects do, so that nobody else's work
//! is timed.

use serde_json::{Value, json};

/// Group of the kinds that belong to the benchmarks.
pub(super) const GROUP: &str = "bench.carto.run";
/// Name of the chain, and prefix of everything cluster-wide.
pub(super) const PREFIX: &str = "carto-bench";
/// Resources of each chain, one object each.
pub(super) const OBJECTS: usize = 4;

/// Which chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Chain {
    /// Four objects from `$(…)$` templates.
    Plain,
    /// The same, one of them from ytt.
    Ytt,
    /// Four ConfigMaps: objects without `spec`.
    Configmaps,
    /// As ytt, two of the resources with options to choose from.
    Options,
    /// As plain, the last object a Runnable that stamps a run; its run is a fifth object.
    Runnable,
    /// Deliverables, one of the resources a deployment with a condition to wait for.
    Delivery,
}

impl Chain {
    /// The kind of the owners.
    pub(super) fn owner(self) -> &'static str {
        if self == Self::Delivery {
            "Deliverable"
        } else {
            "Workload"
        }
    }

    /// The kind of the objects that carry the source on to the end.
    pub(super) fn object(self) -> &'static str {
        if self == Self::Configmaps {
            "ConfigMap"
        } else {
            "BenchObject"
        }
    }

    /// Objects on the cluster per owner.
    pub(super) fn objects(self) -> usize {
        if self == Self::Runnable {
            OBJECTS + 1
        } else {
            OBJECTS
        }
    }

    /// Owners and Runnables per member, each with a status of its own.
    pub(super) fn statuses(self) -> usize {
        if self == Self::Runnable { 2 } else { 1 }
    }

    /// Kind and name of the object that a change of the source reaches last.
    pub(super) fn last(self, owner: &str) -> (&'static str, String) {
        let kind = if self == Self::Runnable {
            "Runnable"
        } else {
            self.object()
        };
        (kind, format!("{owner}-app"))
    }

    /// The owner of a name at a revision.
    pub(super) fn instance(self, namespace: &str, name: &str, revision: &str) -> Value {
        json!({
            "apiVersion": "carto.run/v1alpha1", "kind": self.owner(),
            "metadata": {"namespace": namespace, "name": name, "labels": {"carto-bench": "yes"}},
            "spec": {"source": {"git": {"url": "https://git.example.com/app", "ref": {"commit": revision}}}}
        })
    }

    /// Where the objects keep a value: `.spec` or `.data`.
    fn field(self) -> &'static str {
        if self == Self::Configmaps {
            "data"
        } else {
            "spec"
        }
    }

    fn path(self, name: &str) -> String {
        format!(".{}.{name}", self.field())
    }

    fn stamps(self, resource: &str, values: Value) -> Value {
        let owner = self.owner().to_lowercase();
        let version = if self == Self::Configmaps {
            "v1".to_owned()
        } else {
            format!("{GROUP}/v1")
        };
        let mut object = json!({
            "apiVersion": version, "kind": self.object(),
            "metadata": {"name": format!("$({owner}.metadata.name)$-{resource}")},
        });
        object[self.field()] = values;
        object
    }

    /// Templates and blueprint.
    pub(super) fn blueprint(self) -> Vec<Value> {
        let source = template(
            "ClusterSourceTemplate",
            "source",
            json!({
                "urlPath": self.path("url"), "revisionPath": self.path("revision"),
                "template": self.stamps("source", json!({
                    "url": format!("$({}.spec.source.git.url)$", self.owner().to_lowercase()),
                    "revision": format!("$({}.spec.source.git.ref.commit)$", self.owner().to_lowercase()),
                }))
            }),
        );
        let mut objects = vec![source];
        if self == Self::Delivery {
            objects.extend(self.delivery());
        } else {
            objects.extend(self.supply_chain());
        }
        objects
    }

    fn supply_chain(self) -> Vec<Value> {
        let image = template(
            "ClusterImageTemplate",
            "image",
            json!({
                "imagePath": self.path("image"),
                "template": self.stamps("image", json!({"image": "registry/$(workload.metadata.name)$:$(source.revision)$"}))
            }),
        );
        let mut objects = vec![image, self.config("config"), self.app()];
        if self == Self::Options {
            objects.push(self.config("config-other"));
        }
        if self == Self::Runnable {
            objects.push(run_template());
        }
        let reference =
            |kind: &str, name: &str| json!({"kind": kind, "name": format!("{PREFIX}-{name}")});
        let config = if self == Self::Options {
            options()
        } else {
            reference("ClusterConfigTemplate", "config")
        };
        objects.push(json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "ClusterSupplyChain", "metadata": {"name": PREFIX},
            "spec": {"selector": {"carto-bench": "yes"}, "resources": [
                {"name": "source", "templateRef": reference("ClusterSourceTemplate", "source")},
                {"name": "image", "templateRef": reference("ClusterImageTemplate", "image"),
                 "sources": [{"name": "source", "resource": "source"}]},
                {"name": "config", "templateRef": config, "images": [{"name": "image", "resource": "image"}]},
                {"name": "app", "templateRef": reference("ClusterTemplate", "app"),
                 "configs": [{"name": "config", "resource": "config"}]},
            ]}
        }));
        objects
    }

    fn config(self, name: &str) -> Value {
        let path = self.path("config");
        let spec = match self {
            Self::Ytt | Self::Options => json!({"configPath": path, "ytt": concat!(
                "#@ load(\"@ytt:data\", \"data\")\n---\napiVersion: bench.carto.run/v1\nkind: BenchObject\n",
                "metadata:\n  name: #@ data.values.workload.metadata.name + \"-config\"\n",
                "spec:\n  config: #@ \"config of \" + data.values.image\n")}),
            _ => {
                json!({"configPath": path, "template": self.stamps("config", json!({"config": "config of $(image)$"}))})
            }
        };
        template("ClusterConfigTemplate", name, spec)
    }

    fn app(self) -> Value {
        let stamps = if self == Self::Runnable {
            json!({
                "apiVersion": "carto.run/v1alpha1", "kind": "Runnable",
                "metadata": {"name": "$(workload.metadata.name)$-app"},
                "spec": {"runTemplateRef": {"name": format!("{PREFIX}-run")}, "inputs": {"config": "$(config)$"}}
            })
        } else {
            self.stamps("app", json!({"config": "$(config)$"}))
        };
        template("ClusterTemplate", "app", json!({"template": stamps}))
    }

    fn delivery(self) -> Vec<Value> {
        let deployment = template(
            "ClusterDeploymentTemplate",
            "deployment",
            json!({
                "observedMatches": [{"input": ".spec.wanted", "output": ".spec.state"}],
                "template": self.stamps("deployment", json!({"wanted": "done", "state": "done", "config": "$(deployment.revision)$"}))
            }),
        );
        let config = template(
            "ClusterConfigTemplate",
            "config",
            json!({
                "configPath": ".spec.config",
                "template": self.stamps("config", json!({"config": "config of $(source.revision)$"}))
            }),
        );
        let app = template(
            "ClusterTemplate",
            "app",
            json!({
                "template": self.stamps("app", json!({"config": "$(config)$"}))
            }),
        );
        let reference =
            |kind: &str, name: &str| json!({"kind": kind, "name": format!("{PREFIX}-{name}")});
        let blueprint = json!({
            "apiVersion": "carto.run/v1alpha1", "kind": "ClusterDelivery", "metadata": {"name": PREFIX},
            "spec": {"selector": {"carto-bench": "yes"}, "resources": [
                {"name": "source", "templateRef": reference("ClusterSourceTemplate", "source")},
                {"name": "deployment", "templateRef": reference("ClusterDeploymentTemplate", "deployment"),
                 "deployment": {"resource": "source"}},
                {"name": "config", "templateRef": reference("ClusterConfigTemplate", "config"),
                 "sources": [{"name": "source", "resource": "deployment"}]},
                {"name": "app", "templateRef": reference("ClusterTemplate", "app"),
                 "configs": [{"name": "config", "resource": "config"}]},
            ]}
        });
        vec![deployment, config, app, blueprint]
    }
}

fn template(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "carto.run/v1alpha1", "kind": kind,
        "metadata": {"name": format!("{PREFIX}-{name}")}, "spec": spec
    })
}

fn run_template() -> Value {
    template(
        "ClusterRunTemplate",
        "run",
        json!({
            "outputs": {"result": ".spec.config"},
            "template": {
                "apiVersion": format!("{GROUP}/v1"), "kind": "BenchObject",
                "metadata": {"generateName": "$(runnable.metadata.name)$-"},
                "spec": {"config": "$(runnable.spec.inputs.config)$"}
            }
        }),
    )
}

fn options() -> Value {
    let option = |name: &str, operator: &str| {
        json!({"name": format!("{PREFIX}-{name}"), "selector": {"matchFields": [
            {"key": "spec.source.git.url", "operator": operator}]}})
    };
    json!({"kind": "ClusterConfigTemplate",
        "options": [option("config", "Exists"), option("config-other", "DoesNotExist")]})
}

/// The kinds that belong to the benchmarks: of the stamped objects, any `spec` and no controller; and of the bare
/// client's owners, which nobody else is to look at.
pub(super) fn definitions() -> [Value; 2] {
    let anything = || json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = |kind: &str, properties: Value, subresources: Value| {
        let singular = kind.to_lowercase();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{singular}s.{GROUP}")},
            "spec": {
                "group": GROUP, "scope": "Namespaced",
                "names": {"kind": kind, "plural": format!("{singular}s"), "singular": singular},
                "versions": [{
                    "name": "v1", "served": true, "storage": true, "subresources": subresources,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}}
                }]
            }
        })
    };
    [
        definition("BenchObject", json!({"spec": anything()}), json!({})),
        definition(
            "BenchOwner",
            json!({"spec": anything(), "status": anything()}),
            json!({"status": {}}),
        ),
    ]
}
