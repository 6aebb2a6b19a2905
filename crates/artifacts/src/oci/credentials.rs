//! Credentials for registries, as Secrets hold them: `.dockerconfigjson`, `.dockercfg`, or kpack's basic-auth Secrets
//! with the annotation `kpack.io/docker`.

use std::collections::BTreeMap;
use std::fmt;

use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

/// A user's name and password, or token.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The name.
    pub username: String,
    /// Never shown.
    pub password: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, …)", self.username)
    }
}

/// Credentials by registry, in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub struct Keychain {
    entries: Vec<(String, Credential)>,
}

/// A Secret that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeychainError {
    /// Not the JSON that docker writes.
    #[error("it is not a docker configuration: {0}")]
    Json(String),
    /// A field `auth` that is not base64 of `user:password`.
    #[error("its entry for '{0}' has no readable 'auth'")]
    Auth(String),
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, DockerAuth>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct DockerAuth {
    username: String,
    password: String,
    auth: String,
}

impl Keychain {
    /// No credentials.
    pub fn new() -> Keychain {
        Keychain::default()
    }

    /// Adds one for a registry (`index.docker.io`, `ghcr.io`, `https://registry.example.org/v1/`).
    pub fn add(&mut self, registry: &str, credential: Credential) {
        self.entries.push((pattern(registry), credential));
    }

    /// Adds what a `.dockerconfigjson` holds.
    pub fn add_docker_config(&mut self, json: &[u8]) -> Result<(), KeychainError> {
        let config: DockerConfig =
            serde_json::from_slice(json).map_err(|error| KeychainError::Json(error.to_string()))?;
        self.add_auths(config.auths)
    }

    /// Adds what a `.dockercfg` (the older form) holds.
    pub fn add_docker_cfg(&mut self, json: &[u8]) -> Result<(), KeychainError> {
        let auths =
            serde_json::from_slice(json).map_err(|error| KeychainError::Json(error.to_string()))?;
        self.add_auths(auths)
    }

    fn add_auths(&mut self, auths: BTreeMap<String, DockerAuth>) -> Result<(), KeychainError> {
        for (registry, auth) in auths {
            let credential = auth
                .read()
                .ok_or_else(|| KeychainError::Auth(registry.clone()))?;
            self.add(&registry, credential);
        }
        Ok(())
    }

    /// The most specific one for a repository of a host: entries may name a path below the host.
    pub fn find(&self, host: &str, repository: &str) -> Option<&Credential> {
        let host = if host == "docker.io" {
            "index.docker.io"
        } else {
            host
        };
        let wanted = format!("{host}/{repository}");
        let covers = |pattern: &str| {
            wanted == *pattern
                || wanted
                    .strip_prefix(pattern)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        let matching = self.entries.iter().filter(|(pattern, _)| covers(pattern));
        // Of equals the first: `max_by_key` takes the last, so the order is turned.
        matching
            .rev()
            .max_by_key(|(pattern, _)| pattern.len())
            .map(|(_, credential)| credential)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The form in which command line tools take credentials: a docker configuration. It holds the secrets.
    pub fn docker_config(&self) -> String {
        use base64::Engine as _;
        let mut auths = serde_json::Map::new();
        // Of equals the first counts.
        for (registry, credential) in self.entries.iter().rev() {
            let pair = format!("{}:{}", credential.username, credential.password);
            let auth = base64::engine::general_purpose::STANDARD.encode(pair);
            let registry = match registry.as_str() {
                "index.docker.io" => "https://index.docker.io/v1/",
                other => other,
            };
            auths.insert(registry.to_owned(), serde_json::json!({"auth": auth}));
        }
        serde_json::json!({"auths": auths}).to_string()
    }

    pub(crate) fn auth(&self, host: &str, repository: &str) -> RegistryAuth {
        match self.find(host, repository) {
            Some(found) => RegistryAuth::Basic(found.username.clone(), found.password.clone()),
            None => RegistryAuth::Anonymous,
        }
    }
}

impl DockerAuth {
    fn read(&self) -> Option<Credential> {
        if !self.username.is_empty() {
            return Some(Credential {
                username: self.username.clone(),
                password: self.password.clone(),
            });
        }
        let decoded = decode_base64(self.auth.trim())?;
        let (username, password) = decoded.split_once(':')?;
        Some(Credential {
            username: username.to_owned(),
            password: password.trim_end_matches('\0').to_owned(),
        })
    }
}

/// Standard base64, with or without padding, of a text.
fn decode_base64(text: &str) -> Option<String> {
    use base64::Engine as _;
    use base64::alphabet::STANDARD;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    String::from_utf8(GeneralPurpose::new(&STANDARD, config).decode(text).ok()?).ok()
}

/// Docker writes keys as hosts, as addresses, and with the path of an old API.
fn pattern(registry: &str) -> String {
    let rest = registry
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let rest = rest
        .strip_suffix("/v1")
        .or_else(|| rest.strip_suffix("/v2"))
        .unwrap_or(rest);
    if rest == "docker.io" {
        "index.docker.io".to_owned()
    } else {
        rest.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_entry_counts() {
        let mut keys = Keychain::new();
        let auth = "dXNlcjpwYTpzcw=="; // user:pa:ss
        let json = serde_json::json!({"auths": {
            "https://index.docker.io/v1/": {"auth": auth},
            "ghcr.io": {"username": "all", "password": "p"},
            "ghcr.io/org": {"username": "org", "password": "p"},
        }});
        keys.add_docker_config(json.to_string().as_bytes()).unwrap();
        let name = |host, repository| {
            keys.find(host, repository)
                .map(|found| found.username.as_str())
        };
        assert_eq!(name("docker.io", "library/nginx"), Some("user"));
        assert_eq!(keys.find("docker.io", "x").unwrap().password, "pa:ss");
        assert_eq!(name("ghcr.io", "other/app"), Some("all"));
        assert_eq!(name("ghcr.io", "org/app"), Some("org"));
        assert_eq!(name("ghcr.io", "organisation/app"), Some("all"));
        assert_eq!(name("quay.io", "a"), None);
    }

    #[test]
    fn a_configuration_that_is_written_is_read_again() {
        let mut keys = Keychain::new();
        let credential = |name: &str| Credential {
            username: name.into(),
            password: "p:w".into(),
        };
        keys.add("docker.io", credential("first"));
        keys.add("docker.io", credential("second"));
        keys.add("ghcr.io/org", credential("org"));
        let mut again = Keychain::new();
        again
            .add_docker_config(keys.docker_config().as_bytes())
            .unwrap();
        assert_eq!(again.find("docker.io", "a"), Some(&credential("first")));
        assert_eq!(again.find("ghcr.io", "org/a"), Some(&credential("org")));
    }

    #[test]
    fn what_cannot_be_read_is_said_and_nothing_is_shown() {
        let mut keys = Keychain::new();
        assert!(keys.add_docker_config(b"{").is_err());
        let error = keys
            .add_docker_config(br#"{"auths":{"ghcr.io":{"auth":"!"}}}"#)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "its entry for 'ghcr.io' has no readable 'auth'"
        );
        keys.add(
            "ghcr.io",
            Credential {
                username: "u".into(),
                password: "hidden".into(),
            },
        );
        assert!(!format!("{keys:?}").contains("hidden"));
    }
}
