//! Credentials of a service account: what its Secrets allow to read and write.

use carto_artifacts::git::SecretKeys;
use carto_artifacts::oci::credentials::{Credential, Keychain};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{LocalObjectReference, Pod, Secret, ServiceAccount};
use kube::{Api, Client, ResourceExt};
use std::collections::BTreeMap;

use crate::shell::{PassError, is_not_found};

/// Secrets of one service account that are looked at.
const MAX_SECRETS: usize = 50;

/// Marks a basic-auth Secret as one for a registry; the value is its address.
const DOCKER: &str = "kpack.io/docker";
/// Marks a basic-auth or ssh-auth Secret as one for git.
const GIT: &str = "kpack.io/git";

/// The Secrets of a service account (or a list of names), read once for one piece of work.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    secrets: Vec<Secret>,
}

impl Credentials {
    /// Those of the account, with its image pull Secrets; the message when there is no such account.
    pub(crate) async fn of_account(
        client: &Client,
        namespace: &str,
        account: &str,
    ) -> Result<Result<Credentials, String>, PassError> {
        let api: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
        let account = match api.get(account).await {
            Ok(account) => account,
            // Every namespace has one; a namespace so young that it has not needs no credentials.
            Err(error) if is_not_found(&error) && account == "default" => {
                return Ok(Ok(Credentials::default()));
            }
            Err(error) if is_not_found(&error) => {
                return Ok(Err(format!("serviceaccounts \"{account}\" not found")));
            }
            Err(error) => return Err(error.into()),
        };
        let secrets = account
            .secrets
            .unwrap_or_default()
            .into_iter()
            .filter_map(|secret| secret.name);
        let pull = account
            .image_pull_secrets
            .unwrap_or_default()
            .into_iter()
            .map(|secret| secret.name);
        let names: Vec<String> = secrets.chain(pull).collect();
        Credentials::named(client, namespace, &names).await.map(Ok)
    }

    /// Those with which the images of a pod are pulled: its own, else those of its service account.
    pub(crate) async fn for_pulling(client: &Client, pod: &Pod) -> Result<Credentials, PassError> {
        let namespace = pod.namespace().unwrap_or_default();
        let spec = pod.spec.as_ref();
        let names = |list: &Option<Vec<LocalObjectReference>>| -> Vec<String> {
            let list = list.iter().flatten();
            list.map(|secret| secret.name.clone()).collect()
        };
        let own = spec.map(|spec| names(&spec.image_pull_secrets));
        if let Some(own) = own.filter(|own| !own.is_empty()) {
            return Credentials::named(client, &namespace, &own).await;
        }
        let account = spec.and_then(|spec| spec.service_account_name.clone());
        let account = account.unwrap_or_else(|| "default".to_owned());
        let api: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
        let found = api.get_opt(&account).await?;
        let shared = found.map(|account| names(&account.image_pull_secrets));
        Credentials::named(client, &namespace, &shared.unwrap_or_default()).await
    }

    /// Those with these names; missing ones are passed over, as the kubelet does.
    pub(crate) async fn named(
        client: &Client,
        namespace: &str,
        names: &[String],
    ) -> Result<Credentials, PassError> {
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let mut found = Credentials::default();
        for name in names.iter().take(MAX_SECRETS) {
            match api.get(name).await {
                Ok(secret) => found.secrets.push(secret),
                Err(error) if is_not_found(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    /// Names and passwords for registries; with a note for every Secret that cannot be read.
    pub(crate) fn keychain(&self) -> (Keychain, Vec<String>) {
        let (mut keys, mut notes) = (Keychain::new(), Vec::new());
        for secret in &self.secrets {
            let read = match secret.type_.as_deref().unwrap_or_default() {
                "kubernetes.io/dockerconfigjson" => {
                    keys.add_docker_config(data(secret, ".dockerconfigjson"))
                }
                "kubernetes.io/dockercfg" => keys.add_docker_cfg(data(secret, ".dockercfg")),
                "kubernetes.io/basic-auth" => {
                    if let Some(registry) = secret.annotations().get(DOCKER) {
                        keys.add(registry, basic(secret));
                    }
                    Ok(())
                }
                _ => Ok(()),
            };
            if let Err(error) = read {
                notes.push(format!(
                    "Secret '{}' is not used: {error}",
                    secret.name_any()
                ));
            }
        }
        (keys, notes)
    }

    /// The entries for a git server, in the form that Flux Secrets have.
    pub(crate) fn for_git(&self, url: &str) -> BTreeMap<String, Vec<u8>> {
        let covers = |secret: &&Secret| {
            secret.annotations().get(GIT).is_some_and(|server| {
                let host = |text: &str| {
                    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
                    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
                    rest.split(['/', ':']).next().unwrap_or_default().to_owned()
                };
                host(server) == host(url)
            })
        };
        let mut entries = BTreeMap::new();
        if let Some(secret) = self.secrets.iter().find(covers) {
            let renamed = |key: &str| match key {
                "ssh-privatekey" => "identity".to_owned(),
                other => other.to_owned(),
            };
            let all = secret.data.iter().flatten();
            entries.extend(all.map(|(key, ByteString(value))| (renamed(key), value.clone())));
        }
        entries
    }
}

/// Entries in the form that [`carto_artifacts::git`] takes.
pub(crate) fn secret_keys(entries: &BTreeMap<String, Vec<u8>>) -> SecretKeys<'_> {
    SecretKeys::new(
        entries
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_slice())),
    )
}

fn data<'a>(secret: &'a Secret, key: &str) -> &'a [u8] {
    secret
        .data
        .as_ref()
        .and_then(|data| data.get(key))
        .map_or(&[], |ByteString(value)| value)
}

fn basic(secret: &Secret) -> Credential {
    let text = |key: &str| String::from_utf8_lossy(data(secret, key)).into_owned();
    Credential {
        username: text("username"),
        password: text("password"),
    }
}
