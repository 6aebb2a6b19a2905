//! The environment of a container: the image's, the Services beside it, ConfigMaps and Secrets, then its own.

use std::collections::BTreeMap;

use carto_artifacts::listen::Ports;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVarSource, Pod, Secret, Service};
use kube::{Api, Client, ResourceExt};

use super::service;
use crate::names::NODE;

/// Where the values of a pod's containers come from.
pub(super) struct Objects<'a> {
    pub(super) client: &'a Client,
    pub(super) pod: &'a Pod,
}

impl Objects<'_> {
    /// Resolves the environment of `container`, on top of the image's.
    ///
    /// # Errors
    /// A sentence that names what is missing.
    pub(super) async fn environment(
        &self,
        container: &Container,
        image: &[String],
        ports: &Ports,
    ) -> Result<BTreeMap<String, String>, String> {
        let mut env: BTreeMap<String, String> = image
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let spec = self.pod.spec.as_ref();
        if spec.and_then(|spec| spec.enable_service_links) != Some(false) {
            env.extend(self.services(ports).await?);
        }
        for source in container.env_from.iter().flatten() {
            let prefix = source.prefix.clone().unwrap_or_default();
            let values = if let Some(map) = &source.config_map_ref {
                self.config_map(&map.name, map.optional == Some(true))
                    .await?
            } else if let Some(secret) = &source.secret_ref {
                self.secret(&secret.name, secret.optional == Some(true))
                    .await?
            } else {
                continue;
            };
            env.extend(values.into_iter().map(|(name, value)| {
                (
                    format!("{prefix}{name}"),
                    String::from_utf8_lossy(&value).into_owned(),
                )
            }));
        }
        for variable in container.env.iter().flatten() {
            let value = match (&variable.value, &variable.value_from) {
                (Some(value), _) => Some(value.clone()),
                (None, Some(source)) => self.value_of(source).await?,
                (None, None) => Some(String::new()),
            };
            if let Some(value) = value {
                let value = expand(&value, &env);
                env.insert(variable.name.clone(), value);
            }
        }
        Ok(env)
    }

    /// The variables through which Services are found: there is no cluster DNS on this machine.
    async fn services(&self, ports: &Ports) -> Result<BTreeMap<String, String>, String> {
        let namespace = self.pod.namespace().unwrap_or_default();
        let api = Api::<Service>::namespaced(self.client.clone(), &namespace);
        let services = api
            .list(&kube::api::ListParams::default())
            .await
            .map_err(|error| format!("cannot list the Services: {error}"))?;
        let mut env = BTreeMap::new();
        for service in services {
            let name = service.name_any();
            let stem = name.to_uppercase().replace(['-', '.'], "_");
            let listed = service.spec.clone().and_then(|spec| spec.ports);
            let reached = listed.iter().flatten().filter_map(|port| {
                let number = ports.get(&service::note(&namespace, &name, port.port))?;
                Some((port.name.clone(), number))
            });
            for (position, (port_name, number)) in reached.enumerate() {
                if position == 0 {
                    env.insert(format!("{stem}_SERVICE_HOST"), "127.0.0.1".to_owned());
                    env.insert(format!("{stem}_SERVICE_PORT"), number.to_string());
                }
                if let Some(port_name) = port_name {
                    let port_name = port_name.to_uppercase().replace('-', "_");
                    env.insert(
                        format!("{stem}_SERVICE_PORT_{port_name}"),
                        number.to_string(),
                    );
                }
            }
        }
        Ok(env)
    }

    async fn value_of(&self, source: &EnvVarSource) -> Result<Option<String>, String> {
        if let Some(key) = &source.config_map_key_ref {
            let optional = key.optional == Some(true);
            let values = self.config_map(&key.name, optional).await?;
            return pick(values, &key.key, optional, "ConfigMap", &key.name);
        }
        if let Some(key) = &source.secret_key_ref {
            let optional = key.optional == Some(true);
            let values = self.secret(&key.name, optional).await?;
            return pick(values, &key.key, optional, "Secret", &key.name);
        }
        if let Some(reference) = &source.field_ref {
            return field(self.pod, &reference.field_path).map(Some);
        }
        Err("resourceFieldRef is not supported on this machine".to_owned())
    }

    /// What a ConfigMap holds; nothing when it is optional and not there.
    pub(super) async fn config_map(
        &self,
        name: &str,
        optional: bool,
    ) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let namespace = self.pod.namespace().unwrap_or_default();
        let api = Api::<ConfigMap>::namespaced(self.client.clone(), &namespace);
        match api.get_opt(name).await {
            Ok(Some(map)) => {
                let texts = map.data.unwrap_or_default().into_iter();
                let mut values: BTreeMap<String, Vec<u8>> = texts
                    .map(|(key, value)| (key, value.into_bytes()))
                    .collect();
                let bytes = map.binary_data.unwrap_or_default().into_iter();
                values.extend(bytes.map(|(key, ByteString(value))| (key, value)));
                Ok(values)
            }
            Ok(None) if optional => Ok(BTreeMap::new()),
            Ok(None) => Err(format!("configmap \"{name}\" not found")),
            Err(error) => Err(format!("cannot read the ConfigMap \"{name}\": {error}")),
        }
    }

    /// What a Secret holds; nothing when it is optional and not there.
    pub(super) async fn secret(
        &self,
        name: &str,
        optional: bool,
    ) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let namespace = self.pod.namespace().unwrap_or_default();
        let api = Api::<Secret>::namespaced(self.client.clone(), &namespace);
        match api.get_opt(name).await {
            Ok(Some(secret)) => {
                let data = secret.data.unwrap_or_default().into_iter();
                Ok(data.map(|(key, ByteString(value))| (key, value)).collect())
            }
            Ok(None) if optional => Ok(BTreeMap::new()),
            Ok(None) => Err(format!("secret \"{name}\" not found")),
            Err(error) => Err(format!("cannot read the Secret \"{name}\": {error}")),
        }
    }
}

/// The value of a field of the pod, as the downward API names it.
pub(super) fn field(pod: &Pod, path: &str) -> Result<String, String> {
    let entry = |prefix: &str| {
        let key = path.strip_prefix(prefix)?.strip_suffix("']")?;
        Some(key.to_owned())
    };
    if let Some(key) = entry("metadata.labels['") {
        return Ok(pod.labels().get(&key).cloned().unwrap_or_default());
    }
    if let Some(key) = entry("metadata.annotations['") {
        return Ok(pod.annotations().get(&key).cloned().unwrap_or_default());
    }
    let lines = |map: &BTreeMap<String, String>| {
        let lines: Vec<String> = map
            .iter()
            .map(|(key, value)| format!("{key}={value:?}"))
            .collect();
        lines.join("\n")
    };
    match path {
        "metadata.name" => Ok(pod.name_any()),
        "metadata.namespace" => Ok(pod.namespace().unwrap_or_default()),
        "metadata.uid" => Ok(pod.uid().unwrap_or_default()),
        "metadata.labels" => Ok(lines(pod.labels())),
        "metadata.annotations" => Ok(lines(pod.annotations())),
        "status.podIP" | "status.podIPs" | "status.hostIP" | "status.hostIPs" => {
            Ok("127.0.0.1".to_owned())
        }
        "spec.nodeName" => Ok(NODE.to_owned()),
        "spec.serviceAccountName" => Ok(pod
            .spec
            .as_ref()
            .and_then(|spec| spec.service_account_name.clone())
            .unwrap_or_else(|| "default".to_owned())),
        other => Err(format!("fieldPath \"{other}\" is not supported")),
    }
}

fn pick(
    mut values: BTreeMap<String, Vec<u8>>,
    key: &str,
    optional: bool,
    kind: &str,
    name: &str,
) -> Result<Option<String>, String> {
    match values.remove(key) {
        Some(value) => Ok(Some(String::from_utf8_lossy(&value).into_owned())),
        None if optional => Ok(None),
        None => Err(format!("couldn't find key {key} in {kind} {name}")),
    }
}

/// `$(NAME)` of what came before; `$$` is a dollar.
pub(super) fn expand(value: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest
            .strip_prefix("$(")
            .and_then(|inside| inside.split_once(')'))
            && let Some(known) = env.get(name)
        {
            out.push_str(known);
            rest = after;
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_expanded_and_unknown_ones_kept() {
        let env = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        for (value, wanted) in [
            ("x$(A)y", "x1y"),
            ("$(B)", "$(B)"),
            ("$$(A)", "$(A)"),
            ("$", "$"),
            ("$(A", "$(A"),
        ] {
            assert_eq!(expand(value, &env), wanted, "{value}");
        }
    }
}
