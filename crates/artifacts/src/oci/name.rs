//! Names of images: `[host[:port]/]repository[:tag][@digest]`, as Docker reads them.

use std::fmt;
use std::str::FromStr;

use oci_client::Reference;

use crate::digest::Digest;

/// A name that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    /// With port; `docker.io` when the name has none.
    pub host: String,
    /// With `library/` for the short names of Docker Hub.
    pub repository: String,
    /// `latest` when the name has neither tag nor digest.
    pub tag: Option<String>,
    /// Exactly this content.
    pub digest: Option<Digest>,
}

/// A text that is no name of an image.
#[derive(Debug, thiserror::Error)]
#[error("'{name}' is not a name of an image: {why}")]
pub struct ParseNameError {
    name: String,
    why: String,
}

impl ImageName {
    /// The name without tag and digest.
    pub fn path(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// The same image by content.
    pub fn at(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.path())
    }

    /// What a registry is asked for.
    pub fn reference(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// Whether a registry on this machine is meant, which speaks plain HTTP.
    pub fn is_loopback(&self) -> bool {
        let host = self
            .host
            .rsplit_once(':')
            .map_or(self.host.as_str(), |(host, _)| host);
        host == "localhost"
            || host == "[::1]"
            || host
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|ip| ip.is_loopback())
    }

    pub(crate) fn for_client(&self) -> Reference {
        let (host, repository) = (self.host.clone(), self.repository.clone());
        match &self.digest {
            Some(digest) => Reference::with_digest(host, repository, digest.to_string()),
            None => Reference::with_tag(host, repository, self.reference()),
        }
    }
}

impl FromStr for ImageName {
    type Err = ParseNameError;

    fn from_str(name: &str) -> Result<ImageName, ParseNameError> {
        let bad = |why: String| ParseNameError {
            name: name.to_owned(),
            why,
        };
        let parsed: Reference = name
            .parse()
            .map_err(|error: oci_client::ParseError| bad(error.to_string()))?;
        let digest = parsed.digest().map(str::parse).transpose();
        let digest =
            digest.map_err(|error: crate::digest::ParseDigestError| bad(error.to_string()))?;
        let tag = parsed.tag().map(str::to_owned);
        let tag = if tag.is_none() && digest.is_none() {
            Some("latest".to_owned())
        } else {
            tag
        };
        Ok(ImageName {
            host: parsed.registry().to_owned(),
            repository: parsed.repository().to_owned(),
            tag,
            digest,
        })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest
            .iter()
            .try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// Whether a repository name is one that registries accept.
pub(crate) fn is_repository(name: &str) -> bool {
    let component = |part: &str| {
        let bytes = part.as_bytes();
        let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        bytes.first().is_some_and(alphanumeric)
            && bytes.last().is_some_and(alphanumeric)
            && bytes.iter().all(|b| alphanumeric(b) || b"._-".contains(b))
            && !part.contains("..")
    };
    name.len() <= 255 && name.split('/').all(component)
}

/// Whether a tag is one that registries accept.
pub(crate) fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = tag.as_bytes();
    bytes.len() <= 128
        && bytes.first().is_some_and(|b| word(*b))
        && bytes.iter().all(|b| word(*b) || b".-".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_docker_reads_them() {
        let digest = Digest::of(b"");
        for (text, path, reference, loopback) in [
            (
                "nginx",
                "docker.io/library/nginx",
                "latest".to_owned(),
                false,
            ),
            (
                "127.0.0.1:5000/dev/app:1",
                "127.0.0.1:5000/dev/app",
                "1".to_owned(),
                true,
            ),
            (
                "localhost:5000/app",
                "localhost:5000/app",
                "latest".to_owned(),
                true,
            ),
            (
                &format!("ghcr.io/a/b@{digest}"),
                "ghcr.io/a/b",
                digest.to_string(),
                false,
            ),
        ] {
            let name: ImageName = text.parse().unwrap();
            assert_eq!((name.path().as_str(), name.reference()), (path, reference));
            assert_eq!(name.is_loopback(), loopback, "{text}");
        }
        for bad in ["", "a/UPPER", "a b", "x@sha256:12"] {
            assert!(bad.parse::<ImageName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn repositories_and_tags_that_could_be_paths_are_refused() {
        assert!(is_repository("a/b-c/d.e__f") && is_tag("v1.2_x-3"));
        for bad in ["", "/", "a//b", "../a", "a/..", "A", "a/", "-a"] {
            assert!(!is_repository(bad), "{bad}");
        }
        for bad in ["", ".a", "-a", "a/b", "a b"] {
            assert!(!is_tag(bad), "{bad}");
        }
    }
}
