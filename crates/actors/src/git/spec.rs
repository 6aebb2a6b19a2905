//! `spec` of a GitRepository as we read it, in every served version.

use std::time::Duration;

use carto_artifacts::git::Reference;
use serde::Deserialize;

/// Flux's default limit of one git operation.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A shorter interval would be polling.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GitRepositorySpec {
    pub(crate) url: String,
    #[serde(rename = "ref")]
    pub(crate) reference: GitRef,
    pub(crate) secret_ref: Option<LocalName>,
    pub(crate) interval: String,
    pub(crate) timeout: Option<String>,
    pub(crate) ignore: Option<String>,
    pub(crate) suspend: bool,
    pub(crate) recurse_submodules: bool,
    pub(crate) sparse_checkout: Vec<String>,
    provider: Option<String>,
    proxy_secret_ref: Option<LocalName>,
    verify: Option<serde_json::Value>,
    include: Vec<serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct LocalName {
    pub(crate) name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct GitRef {
    branch: Option<String>,
    tag: Option<String>,
    semver: Option<String>,
    name: Option<String>,
    commit: Option<String>,
}

impl GitRepositorySpec {
    pub(crate) fn reference(&self) -> Reference {
        let GitRef {
            branch,
            tag,
            semver,
            name,
            commit,
        } = self.reference.clone();
        Reference {
            branch,
            tag,
            semver,
            name,
            commit,
        }
    }

    /// When to look again.
    pub(crate) fn interval(&self) -> Result<Duration, String> {
        let interval = parse_duration(&self.interval).ok_or_else(|| {
            format!(
                "spec.interval '{}' is not a duration such as 1m30s",
                self.interval
            )
        })?;
        Ok(interval.max(SHORTEST_INTERVAL))
    }

    pub(crate) fn timeout(&self) -> Result<Duration, String> {
        match self.timeout.as_deref() {
            None => Ok(TIMEOUT),
            Some(text) => parse_duration(text)
                .ok_or_else(|| format!("spec.timeout '{text}' is not a duration such as 90s")),
        }
    }

    /// A field that is accepted and that we cannot carry out: silence would be a wrong artifact.
    pub(crate) fn unsupported(&self) -> Option<String> {
        let provider = self
            .provider
            .as_deref()
            .filter(|provider| *provider != "generic");
        let field = match () {
            () if provider.is_some() => "provider",
            () if self.proxy_secret_ref.is_some() => "proxySecretRef",
            () if self.verify.is_some() => "verify",
            () if !self.include.is_empty() => "include",
            () => return None,
        };
        Some(format!(
            "spec.{field} is not supported by the stand-in on this machine; remove it, or use Flux's source-controller"
        ))
    }
}

/// A duration as Go writes it: `1m30s`, `1.5h`, `500ms`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit_seconds = match &rest[..end] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(amount * unit_seconds).ok()?)?;
        rest = &rest[end..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, seconds) in [
            ("1m0s", 60.0),
            ("1h30m", 5400.0),
            ("500ms", 0.5),
            ("1.5m", 90.0),
            ("0s", 0.0),
        ] {
            assert_eq!(
                parse_duration(text).map(|d| d.as_secs_f64()),
                Some(seconds),
                "{text}"
            );
        }
        for bad in ["", "1", "s", "1x", "-1s", "1..2s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_carried_out_is_named() {
        let spec: GitRepositorySpec = serde_json::from_value(serde_json::json!({
            "url": "https://h/r", "interval": "1m", "verify": {"secretRef": {"name": "keys"}}
        }))
        .unwrap();
        assert!(
            spec.unsupported()
                .unwrap()
                .starts_with("spec.verify is not supported")
        );
    }
}
