//! What a cluster needs to run the controllers, as YAML for `kubectl apply`.

use serde_json::Value;

const NAMESPACE: &str = "carto-system";
const CONTROLLER: &str = include_str!("../../../config/install/controller.yaml");
const WEBHOOK: &str = include_str!("../../../config/webhook/webhook.yaml");
const RBAC: [&str; 4] = [
    include_str!("../../../config/rbac/controller.yaml"),
    include_str!("../../../config/rbac/impersonate.yaml"),
    include_str!("../../../config/rbac/users.yaml"),
    include_str!("../../../config/rbac/watch.yaml"),
];

/// What differs from installation to installation.
#[derive(Debug, Clone)]
pub struct Installation {
    /// Where the controllers run.
    pub namespace: String,
    /// The image that holds `carto`; the published one of this version if none is named.
    pub image: Option<String>,
    /// How many replicas.
    pub replicas: u32,
    /// Whether the validating webhook is set up.
    pub webhook: bool,
}

impl Default for Installation {
    fn default() -> Self {
        Self {
            namespace: NAMESPACE.to_owned(),
            image: None,
            replicas: 2,
            webhook: false,
        }
    }
}

impl Installation {
    /// Namespace, custom resource definitions, rights and the Deployment, in an order in which they can be applied.
    pub fn yaml(&self) -> String {
        self.objects()
            .iter()
            .map(|object| format!("---\n{}", carto_yaml::emit::k8s(object)))
            .collect()
    }

    fn objects(&self) -> Vec<Value> {
        let mut ours = documents(CONTROLLER);
        let workload = ours.split_off(ours.len() - 1);
        let mut rest: Vec<Value> = RBAC.iter().flat_map(|text| documents(text)).collect();
        if self.webhook {
            rest.extend(documents(WEBHOOK));
        }
        rest.extend(workload);
        ours.extend(carto_api::crds_json());
        ours.extend(rest);
        for object in &mut ours {
            self.adapt(object);
        }
        ours
    }

    fn adapt(&self, object: &mut Value) {
        if self.namespace != NAMESPACE {
            rename(object, &self.namespace);
        }
        if object["kind"] == "Deployment" {
            object["spec"]["replicas"] = self.replicas.into();
            let container = &mut object["spec"]["template"]["spec"]["containers"][0];
            if let Some(image) = &self.image {
                container["image"] = image.as_str().into();
            }
            if self.webhook {
                let port = serde_json::json!({"name": "webhook", "containerPort": 9443});
                push(&mut container["args"], "--webhook-port=9443".into());
                push(&mut container["ports"], port);
            }
        }
    }
}

fn push(list: &mut Value, item: Value) {
    if let Some(list) = list.as_array_mut() {
        list.push(item);
    }
}

fn documents(text: &str) -> Vec<Value> {
    carto_yaml::decode_all(text).expect("a test reads what is shipped")
}

/// Writes another namespace wherever ours is meant: alone, and before the name of the lease.
fn rename(value: &mut Value, namespace: &str) {
    match value {
        Value::String(text) if text == NAMESPACE => namespace.clone_into(text),
        Value::String(text) => {
            let lease = format!("--lease={NAMESPACE}/");
            if let Some(name) = text.strip_prefix(&lease) {
                *text = format!("--lease={namespace}/{name}");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, namespace)),
        Value::Object(map) => map.values_mut().for_each(|item| rename(item, namespace)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(installation: &Installation) -> Vec<Value> {
        documents(&installation.yaml())
    }

    #[test]
    fn what_is_shipped_can_be_read_back_in_order() {
        let objects = objects(&Installation::default());
        let kinds: Vec<&str> = objects.iter().filter_map(|o| o["kind"].as_str()).collect();
        let first = |kind: &str| kinds.iter().position(|k| *k == kind).unwrap_or(usize::MAX);
        assert_eq!(kinds[0], "Namespace");
        assert!(first("CustomResourceDefinition") < first("ClusterRole"));
        assert_eq!(kinds.last(), Some(&"Deployment"));
        assert!(!kinds.contains(&"ValidatingWebhookConfiguration"));
    }

    #[test]
    fn nothing_of_the_usual_namespace_is_left_in_another() {
        let installation = Installation {
            namespace: "elsewhere".to_owned(),
            webhook: true,
            ..Installation::default()
        };
        let yaml = installation.yaml();
        assert!(!yaml.contains(NAMESPACE), "{yaml}");
        assert!(
            yaml.contains("--lease=elsewhere/carto-controller"),
            "{yaml}"
        );
    }

    #[test]
    fn the_controllers_have_no_wildcard_and_read_no_secrets() {
        for object in objects(&Installation {
            webhook: true,
            ..Installation::default()
        }) {
            for rule in object["rules"].as_array().into_iter().flatten() {
                let text = rule.to_string();
                assert!(!text.contains('*'), "{object}");
                assert!(!text.contains("secrets"), "{object}");
            }
        }
    }

    #[test]
    fn the_webhook_brings_its_port_and_its_configuration() {
        let objects = objects(&Installation {
            webhook: true,
            ..Installation::default()
        });
        let deployment = objects.last().unwrap();
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert!(
            container["args"]
                .to_string()
                .contains("--webhook-port=9443")
        );
        let configuration = objects
            .iter()
            .find(|object| object["kind"] == "ValidatingWebhookConfiguration")
            .unwrap();
        assert_eq!(configuration["webhooks"].as_array().unwrap().len(), 8);
    }
}
