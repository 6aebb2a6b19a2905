//! Where a repository is, and with which credentials it is reached.

use std::path::{Path, PathBuf};

use url::Url;

/// A repository and the right to read it.
#[derive(Debug, Clone)]
pub struct Remote {
    pub(super) location: Location,
    pub(super) auth: Auth,
    pub(super) ca: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
pub(super) enum Location {
    Folder(PathBuf),
    Http(Url),
    Ssh(Url),
}

/// Credentials, never shown.
#[derive(Clone, Default)]
pub(super) enum Auth {
    #[default]
    None,
    Basic {
        username: String,
        password: String,
    },
    Bearer(String),
    Ssh {
        identity: Vec<u8>,
        known_hosts: Vec<u8>,
        passphrase: String,
    },
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Auth::None => "None",
            Auth::Basic { .. } => "Basic(…)",
            Auth::Bearer(_) => "Bearer(…)",
            Auth::Ssh { .. } => "Ssh(…)",
        })
    }
}

/// Why an address or its credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Not an address of a repository.
    #[error("failed to parse url '{url}': {why}")]
    Url {
        /// As written, without a password.
        url: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// Credentials that do not fit.
    #[error("failed to configure authentication options: {0}")]
    Auth(String),
}

/// The keys of a Secret that count; missing ones are empty.
#[derive(Debug, Clone, Default)]
pub struct SecretKeys<'a>(Vec<(&'a str, &'a [u8])>);

impl<'a> SecretKeys<'a> {
    /// From the entries of a Secret.
    pub fn new(entries: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> SecretKeys<'a> {
        SecretKeys(entries.into_iter().collect())
    }

    fn get(&self, key: &str) -> &'a [u8] {
        self.0
            .iter()
            .find(|(name, _)| *name == key)
            .map_or(&[], |(_, value)| value)
    }

    fn text(&self, key: &str) -> String {
        String::from_utf8_lossy(self.get(key))
            .trim_end_matches(['\r', '\n'])
            .to_owned()
    }
}

impl Remote {
    /// Understands `spec.url` and the entries of the Secret beside it.
    ///
    /// Messages follow fluxcd/pkg git/options.go.
    pub fn new(url: &str, secret: &SecretKeys<'_>) -> Result<Remote, RemoteError> {
        let location = Location::parse(url)?;
        let auth = match &location {
            Location::Folder(_) => Auth::None,
            Location::Http(url) => http_auth(url, secret)?,
            Location::Ssh(url) => ssh_auth(url, secret)?,
        };
        let ca = ["ca.crt", "caFile"]
            .map(|key| secret.get(key))
            .into_iter()
            .find(|pem| !pem.is_empty());
        Ok(Remote {
            location: location.without_password(),
            auth,
            ca: ca.map(<[u8]>::to_vec),
        })
    }

    /// The folder, when the repository is on this machine.
    pub fn folder(&self) -> Option<&Path> {
        match &self.location {
            Location::Folder(path) => Some(path),
            _ => None,
        }
    }

    /// The address for git and for messages; it holds no secret.
    pub fn address(&self) -> String {
        match &self.location {
            Location::Folder(path) => path.display().to_string(),
            Location::Http(url) | Location::Ssh(url) => url.to_string(),
        }
    }
}

impl Location {
    fn parse(text: &str) -> Result<Location, RemoteError> {
        let bad = |why: &str| RemoteError::Url {
            url: mask(text),
            why: why.to_owned(),
        };
        if text.starts_with('/') {
            return Ok(Location::Folder(PathBuf::from(text)));
        }
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => return Err(bad(&explain(text, &error.to_string()))),
        };
        match url.scheme() {
            "file" => match url.to_file_path() {
                Ok(path) => Ok(Location::Folder(path)),
                Err(()) => Err(bad("a file address is written file:///folder")),
            },
            "http" | "https" if url.host_str().is_some_and(|host| !host.is_empty()) => {
                Ok(Location::Http(url))
            }
            "ssh" if url.host_str().is_some_and(|host| !host.is_empty()) => {
                // ssh takes such a host or user for an option.
                if url.host_str().is_some_and(|host| host.starts_with('-'))
                    || url.username().starts_with('-')
                {
                    return Err(bad("host and user must not begin with '-'"));
                }
                Ok(Location::Ssh(url))
            }
            "http" | "https" | "ssh" => Err(bad("it names no host")),
            other => Err(bad(&explain(text, &format!("unknown transport '{other}'")))),
        }
    }

    fn without_password(mut self) -> Location {
        if let Location::Http(url) = &mut self {
            // Both only fail on addresses that cannot have them.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        self
    }
}

fn explain(text: &str, problem: &str) -> String {
    let scp = !text.contains("://")
        && text
            .split_once(':')
            .is_some_and(|(host, path)| host.contains('@') && !path.is_empty());
    if scp {
        return format!(
            "{problem}; write it as ssh://{}",
            text.replacen(':', "/", 1)
        );
    }
    format!("{problem}; use http://, https://, ssh://, file:// or an absolute folder")
}

/// An address without its password.
pub(crate) fn mask(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return text.to_owned();
    };
    if url.password().is_none() || url.set_password(Some("***")).is_err() {
        return text.to_owned();
    }
    url.to_string()
}

fn http_auth(url: &Url, secret: &SecretKeys<'_>) -> Result<Auth, RemoteError> {
    let token = secret.text("bearerToken");
    if !token.is_empty() {
        return Ok(Auth::Bearer(token));
    }
    let or = |from_secret: String, from_url: &str| {
        if from_secret.is_empty() {
            decoded(from_url)
        } else {
            from_secret
        }
    };
    let username = or(secret.text("username"), url.username());
    let password = or(secret.text("password"), url.password().unwrap_or_default());
    match (username.is_empty(), password.is_empty()) {
        (true, true) => Ok(Auth::None),
        (true, false) => Err(RemoteError::Auth(format!(
            "invalid '{}' auth option: 'password' requires 'username' to be set",
            url.scheme()
        ))),
        _ => Ok(Auth::Basic { username, password }),
    }
}

fn decoded(part: &str) -> String {
    // The query decoder also turns plus signs into blanks, so those are written out first.
    let kept = part.replace('+', "%2B");
    url::form_urlencoded::parse(kept.as_bytes())
        .next()
        .map(|(text, _)| text.into_owned())
        .unwrap_or_default()
}

fn ssh_auth(url: &Url, secret: &SecretKeys<'_>) -> Result<Auth, RemoteError> {
    for key in ["identity", "known_hosts"] {
        if secret.get(key).is_empty() {
            return Err(RemoteError::Auth(format!(
                "invalid '{}' auth option: '{key}' is required",
                url.scheme()
            )));
        }
    }
    Ok(Auth::Ssh {
        identity: secret.get("identity").to_vec(),
        known_hosts: secret.get("known_hosts").to_vec(),
        passphrase: secret.text("password"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str, secret: &[(&str, &str)]) -> Result<Remote, RemoteError> {
        let keys = SecretKeys::new(secret.iter().map(|(key, value)| (*key, value.as_bytes())));
        Remote::new(url, &keys)
    }

    #[test]
    fn addresses_of_all_transports_are_understood() {
        assert_eq!(
            remote("/srv/app", &[]).unwrap().folder(),
            Some(Path::new("/srv/app"))
        );
        assert_eq!(
            remote("file:///srv/a%20b", &[]).unwrap().folder(),
            Some(Path::new("/srv/a b"))
        );
        assert_eq!(remote("https://h/r", &[]).unwrap().address(), "https://h/r");
        let ssh = [("identity", "key"), ("known_hosts", "host")];
        assert_eq!(
            remote("ssh://git@h:2222/r", &ssh).unwrap().address(),
            "ssh://git@h:2222/r"
        );
    }

    #[test]
    fn bad_addresses_say_what_would_be_right() {
        for (url, expect) in [
            (
                "git@github.com:org/repo",
                "write it as ssh://git@github.com/org/repo",
            ),
            (
                "ftp://h/r",
                "failed to parse url 'ftp://h/r': unknown transport 'ftp'; use http://",
            ),
            (
                "relative/path",
                "use http://, https://, ssh://, file:// or an absolute folder",
            ),
            ("", "failed to parse url ''"),
            ("ssh://-oProxyCommand=x/r", "must not begin with '-'"),
        ] {
            let error = remote(url, &[("identity", "i"), ("known_hosts", "k")])
                .unwrap_err()
                .to_string();
            assert!(error.contains(expect), "{url}: {error}");
        }
    }

    #[test]
    fn credentials_come_from_the_secret_and_else_from_the_address() {
        let basic = |remote: Remote| match remote.auth {
            Auth::Basic { username, password } => (username, password),
            other => panic!("{other:?}"),
        };
        let from_url = remote("https://u:p%40s+s@h/r", &[]).unwrap();
        assert_eq!(from_url.address(), "https://h/r");
        assert_eq!(basic(from_url), ("u".into(), "p@s+s".into()));
        let from_secret =
            remote("https://u:p@h/r", &[("username", "s"), ("password", "t\n")]).unwrap();
        assert_eq!(basic(from_secret), ("s".into(), "t".into()));
    }

    #[test]
    fn missing_credentials_are_named_in_the_words_of_flux() {
        for (url, secret, expect) in [
            (
                "https://h/r",
                vec![("password", "p")],
                "invalid 'https' auth option: 'password' requires 'username' to be set",
            ),
            (
                "ssh://h/r",
                vec![],
                "invalid 'ssh' auth option: 'identity' is required",
            ),
            (
                "ssh://h/r",
                vec![("identity", "x")],
                "invalid 'ssh' auth option: 'known_hosts' is required",
            ),
        ] {
            let error = remote(url, &secret).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("failed to configure authentication options: {expect}")
            );
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let shown = format!("{:?}", remote("https://u:hidden@h/r", &[]).unwrap());
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(
            !remote("ftp://u:hidden@h", &[])
                .unwrap_err()
                .to_string()
                .contains("hidden")
        );
    }
}
