//! The environment of a container: the image's, then ConfigMaps and Secrets, then its own.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVarSource, Pod, Secret};
use kube::{Api, Client, ResourceExt};

/// Resolves the environment of `container` in `pod`.
///
/// # Errors
/// A sentence that names what is missing.
pub(super) async fn resolve(
    client: &Client,
    pod: &Pod,
    container: &Container,
    image: &[String],
) -> Result<BTreeMap<String, String>, String> {
    let namespace = pod.namespace().unwrap_or_default();
    let mut env: BTreeMap<String, String> = image
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.clone().unwrap_or_default();
        let (values, optional) = if let Some(map) = &source.config_map_ref {
            let optional = map.optional == Some(true);
            (config_map(client, &namespace, &map.name).await, optional)
        } else if let Some(secret) = &source.secret_ref {
            let optional = secret.optional == Some(true);
            (
                secret_values(client, &namespace, &secret.name).await,
                optional,
            )
        } else {
            continue;
        };
        match values {
            Ok(values) => {
                env.extend(
                    values
                        .into_iter()
                        .map(|(name, value)| (format!("{prefix}{name}"), value)),
                );
            }
            Err(_) if optional => {}
            Err(missing) => return Err(missing),
        }
    }
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) => Some(value.clone()),
            (None, Some(source)) => from_source(client, &namespace, pod, source).await?,
            (None, None) => Some(String::new()),
        };
        if let Some(value) = value {
            let value = expand(&value, &env);
            env.insert(variable.name.clone(), value);
        }
    }
    Ok(env)
}

/// `$(NAME)` of what came before; `$$` is a dollar.
fn expand(value: &str, env: &BTreeMap<String, String>) -> String {
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

async fn from_source(
    client: &Client,
    namespace: &str,
    pod: &Pod,
    source: &EnvVarSource,
) -> Result<Option<String>, String> {
    if let Some(key) = &source.config_map_key_ref {
        let values = config_map(client, namespace, &key.name).await;
        return pick(
            values,
            &key.key,
            key.optional == Some(true),
            "ConfigMap",
            &key.name,
        );
    }
    if let Some(key) = &source.secret_key_ref {
        let values = secret_values(client, namespace, &key.name).await;
        return pick(
            values,
            &key.key,
            key.optional == Some(true),
            "Secret",
            &key.name,
        );
    }
    if let Some(field) = &source.field_ref {
        return match field.field_path.as_str() {
            "metadata.name" => Ok(Some(pod.name_any())),
            "metadata.namespace" => Ok(Some(namespace.to_owned())),
            "metadata.uid" => Ok(pod.uid()),
            "status.podIP" | "status.hostIP" => Ok(Some("127.0.0.1".to_owned())),
            "spec.nodeName" => Ok(Some("localhost".to_owned())),
            "spec.serviceAccountName" => Ok(pod
                .spec
                .as_ref()
                .and_then(|spec| spec.service_account_name.clone())),
            other => Err(format!(
                "the field \"{other}\" cannot be put into the environment here"
            )),
        };
    }
    Err("this source of a variable is not supported here".to_owned())
}

fn pick(
    values: Result<BTreeMap<String, String>, String>,
    key: &str,
    optional: bool,
    kind: &str,
    name: &str,
) -> Result<Option<String>, String> {
    match values {
        Ok(mut values) => match values.remove(key) {
            Some(value) => Ok(Some(value)),
            None if optional => Ok(None),
            None => Err(format!("couldn't find key {key} in {kind} {name}")),
        },
        Err(_) if optional => Ok(None),
        Err(missing) => Err(missing),
    }
}

async fn config_map(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<BTreeMap<String, String>, String> {
    match Api::<ConfigMap>::namespaced(client.clone(), namespace)
        .get_opt(name)
        .await
    {
        Ok(Some(map)) => Ok(map.data.unwrap_or_default()),
        Ok(None) => Err(format!("configmap \"{name}\" not found")),
        Err(error) => Err(format!("cannot read the ConfigMap \"{name}\": {error}")),
    }
}

async fn secret_values(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<BTreeMap<String, String>, String> {
    match Api::<Secret>::namespaced(client.clone(), namespace)
        .get_opt(name)
        .await
    {
        Ok(Some(secret)) => Ok(secret
            .data
            .unwrap_or_default()
            .into_iter()
            .map(|(key, bytes)| (key, String::from_utf8_lossy(&bytes.0).into_owned()))
            .collect()),
        Ok(None) => Err(format!("secret \"{name}\" not found")),
        Err(error) => Err(format!("cannot read the Secret \"{name}\": {error}")),
    }
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
