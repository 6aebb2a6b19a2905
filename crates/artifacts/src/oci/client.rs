//! Foreign registries: images come into the local store and go out of it.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use http::HeaderValue;
use oci_client::RegistryOperation;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::io::ReaderStream;

use crate::digest::Digest;
use crate::oci::credentials::Keychain;
use crate::oci::manifest::{ACCEPTED, Descriptor, Document, MANIFEST, Platform};
use crate::oci::name::ImageName;
use crate::oci::registry::{Registry, RegistryError, StoredManifest};

/// Layers beyond this are refused; Docker's own limit is 127.
const MAX_LAYERS: usize = 512;

/// Largest single blob that is fetched.
const MAX_BLOB_BYTES: u64 = 16 << 30;

/// How long a registry of this machine may take to show whether it speaks TLS.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

/// A client of any registry.
#[derive(Clone)]
pub struct Client {
    /// Without credentials, for whoever has none: the library keeps tokens, and those of one user are not another's.
    anonymous: [Arc<oci_client::Client>; 3],
}

/// How a registry is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speech {
    /// TLS with a certificate that is checked: every registry that is not on this machine.
    Secure,
    /// TLS with any certificate: this machine, where nobody can come in between.
    Local,
    /// Neither: this machine.
    Plain,
}

/// Why an image did not come or go.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ClientError {
    #[error(
        "image '{0}' does not exist, or the registry does not show it without (other) credentials"
    )]
    NotFound(String),
    #[error(
        "registry '{host}' refuses access to '{image}': give the service account a Secret of type kubernetes.io/dockerconfigjson for it"
    )]
    Unauthorized { host: String, image: String },
    #[error("cannot reach registry '{host}': {detail}")]
    Unreachable { host: String, detail: String },
    #[error("image '{image}' is not available for {platform}")]
    NoPlatform { image: String, platform: String },
    #[error("image '{image}' {why}")]
    Refused { image: String, why: String },
    #[error(transparent)]
    Store(#[from] RegistryError),
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl Default for Client {
    fn default() -> Client {
        Client::new()
    }
}

impl Client {
    /// TLS, for registries on this machine also plain HTTP, as docker does.
    pub fn new() -> Client {
        // Whoever came first has set the provider; all of us use the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        Client {
            anonymous: [Speech::Secure, Speech::Local, Speech::Plain].map(library),
        }
    }

    /// The library's client for one piece of work.
    async fn session(&self, name: &ImageName, auth: &RegistryAuth) -> Arc<oci_client::Client> {
        let speech = if !name.is_loopback() {
            Speech::Secure
        } else if speaks_tls(&name.host).await {
            Speech::Local
        } else {
            Speech::Plain
        };
        match auth {
            RegistryAuth::Anonymous => Arc::clone(&self.anonymous[speech as usize]),
            _ => library(speech),
        }
    }

    /// What the name stands for now, without fetching it.
    pub async fn resolve(&self, name: &ImageName, keys: &Keychain) -> Result<Digest, ClientError> {
        let auth = keys.auth(&name.host, &name.repository);
        let client = self.session(name, &auth).await;
        let found = client
            .fetch_manifest_digest(&name.for_client(), &auth)
            .await;
        let digest = found.map_err(|error| understand(name, &error))?;
        digest
            .parse()
            .map_err(|_| refused(name, format!("has a digest that we cannot check: {digest}")))
    }

    /// Brings the image for this machine into `into`, and returns the digest of the name and of the image.
    pub async fn pull(
        &self,
        name: &ImageName,
        keys: &Keychain,
        into: &Registry,
    ) -> Result<Pulled, ClientError> {
        let auth = keys.auth(&name.host, &name.repository);
        let client = self.session(name, &auth).await;
        let manifest = async |name: &ImageName| {
            let (bytes, _) = client
                .pull_manifest_raw(&name.for_client(), &auth, &ACCEPTED)
                .await
                .map_err(|error| understand(name, &error))?;
            let digest = Digest::of(&bytes);
            if name.digest.as_ref().is_some_and(|wanted| *wanted != digest) {
                return Err(refused(
                    name,
                    format!("has content {digest} under that digest"),
                ));
            }
            let document = Document::parse(&bytes).map_err(|error| {
                refused(
                    name,
                    format!("has a manifest that cannot be understood: {error}"),
                )
            })?;
            Ok((bytes, digest, document))
        };
        let (bytes, named, document) = manifest(name).await?;
        let (bytes, digest, image) = match document {
            Document::Image(image) => (bytes, named.clone(), image),
            Document::Index(index) => {
                into.put_blob(bytes.as_ref())?;
                let platform = Platform::current();
                let entry = index
                    .pick(&platform)
                    .ok_or_else(|| ClientError::NoPlatform {
                        image: name.to_string(),
                        platform: format!("{}/{}", platform.os, platform.architecture),
                    })?;
                let one = ImageName {
                    digest: Some(entry.digest.clone()),
                    tag: None,
                    ..name.clone()
                };
                match manifest(&one).await? {
                    (bytes, digest, Document::Image(image)) => (bytes, digest, image),
                    (_, _, Document::Index(_)) => {
                        return Err(refused(name, "is an index within an index".into()));
                    }
                }
            }
        };
        if image.layers.len() > MAX_LAYERS {
            return Err(refused(name, format!("has more than {MAX_LAYERS} layers")));
        }
        for blob in std::iter::once(&image.config).chain(&image.layers) {
            pull_blob(&client, name, blob, into).await?;
        }
        into.put_blob(bytes.as_ref())?;
        Ok(Pulled { named, digest })
    }

    /// Sends an image that is stored here to a foreign registry, under the tag of `name` and the other tags.
    pub async fn push(
        &self,
        name: &ImageName,
        tags: &[String],
        keys: &Keychain,
        manifest: &StoredManifest,
        from: &Registry,
    ) -> Result<(), ClientError> {
        let Ok(Document::Image(image)) = Document::parse(&manifest.bytes) else {
            return Err(refused(name, "is not an image of one platform".into()));
        };
        let auth = keys.auth(&name.host, &name.repository);
        let client = self.session(name, &auth).await;
        let target = name.for_client();
        let authed = client.auth(&target, &auth, RegistryOperation::Push).await;
        authed.map_err(|error| understand(name, &error))?;
        for blob in image.layers.iter().chain(std::iter::once(&image.config)) {
            push_blob(&client, name, blob, from).await?;
        }
        let media_type = HeaderValue::from_str(&manifest.media_type)
            .unwrap_or(HeaderValue::from_static(MANIFEST));
        for tag in std::iter::once(&name.reference()).chain(tags) {
            let tagged = ImageName {
                tag: Some(tag.clone()),
                digest: None,
                ..name.clone()
            };
            let pushed = client
                .push_manifest_raw(
                    &tagged.for_client(),
                    manifest.bytes.clone(),
                    media_type.clone(),
                )
                .await;
            pushed.map_err(|error| understand(name, &error))?;
        }
        Ok(())
    }
}

/// Digests of a pulled image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// What the name stands for; an index, maybe.
    pub named: Digest,
    /// The image for this machine.
    pub digest: Digest,
}

fn library(speech: Speech) -> Arc<oci_client::Client> {
    Arc::new(oci_client::Client::new(ClientConfig {
        protocol: match speech {
            Speech::Plain => ClientProtocol::Http,
            Speech::Secure | Speech::Local => ClientProtocol::Https,
        },
        accept_invalid_certificates: speech == Speech::Local,
        connect_timeout: Some(Duration::from_secs(20)),
        read_timeout: Some(Duration::from_secs(60)),
        user_agent: "carto",
        ..ClientConfig::default()
    }))
}

/// Whether a registry on this machine speaks TLS: asked in plain HTTP, such a one answers with an alert, or says so.
async fn speaks_tls(host: &str) -> bool {
    /// The first byte of an alert. Source: RFC 8446, section 5.1.
    const ALERT: u8 = 21;
    let ask = async {
        let mut stream = TcpStream::connect(host).await?;
        let request = format!("GET /v2/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(1024).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(PROBE_PATIENCE, ask).await;
    answer.ok().and_then(Result::ok).is_some_and(|answer| {
        let text = String::from_utf8_lossy(&answer);
        answer.first() == Some(&ALERT) || (text.contains(" 400 ") && text.contains("HTTPS"))
    })
}

async fn pull_blob(
    client: &oci_client::Client,
    name: &ImageName,
    blob: &Descriptor,
    into: &Registry,
) -> Result<(), ClientError> {
    if into.blob_size(&blob.digest).is_some() {
        return Ok(());
    }
    if blob.size > MAX_BLOB_BYTES {
        return Err(refused(name, format!("has a layer of {} bytes", blob.size)));
    }
    let staged = into.staging()?;
    let file = staged
        .reopen()
        .map(tokio::fs::File::from_std)
        .map_err(|source| RegistryError::Io {
            what: "store a blob",
            path: into.root().to_owned(),
            source,
        })?;
    let descriptor = OciDescriptor {
        media_type: blob.media_type.clone(),
        digest: blob.digest.to_string(),
        size: i64::try_from(blob.size).unwrap_or(i64::MAX),
        ..OciDescriptor::default()
    };
    let pulled = client
        .pull_blob(&name.for_client(), &descriptor, file)
        .await;
    pulled.map_err(|error| understand(name, &error))?;
    let (into, digest) = (into.clone(), blob.digest.clone());
    let adopted = tokio::task::spawn_blocking(move || into.adopt(staged, &digest)).await;
    adopted
        .map_err(|error| refused(name, error.to_string()))?
        .map_err(ClientError::from)
}

async fn push_blob(
    client: &oci_client::Client,
    name: &ImageName,
    blob: &Descriptor,
    from: &Registry,
) -> Result<(), ClientError> {
    let target = name.for_client();
    if client
        .blob_exists(&target, blob.digest.as_str())
        .await
        .unwrap_or(false)
    {
        return Ok(());
    }
    let opened = tokio::fs::File::open(from.blob_path(&blob.digest)).await;
    let opened = opened.map_err(|_| RegistryError::NoBlob(blob.digest.clone()))?;
    let chunks = ReaderStream::with_capacity(opened, 4 << 20).map_err(OciDistributionError::from);
    let pushed = client
        .push_blob_stream(&target, chunks, blob.digest.as_str(), Some(blob.size))
        .await;
    pushed.map(drop).map_err(|error| understand(name, &error))
}

fn refused(name: &ImageName, why: String) -> ClientError {
    ClientError::Refused {
        image: name.to_string(),
        why,
    }
}

/// Sorts the client's errors by what the user can do about them.
fn understand(name: &ImageName, error: &OciDistributionError) -> ClientError {
    use OciDistributionError as E;
    let unauthorized = || ClientError::Unauthorized {
        host: name.host.clone(),
        image: name.to_string(),
    };
    let unreachable = |detail: String| ClientError::Unreachable {
        host: name.host.clone(),
        detail,
    };
    match error {
        E::ImageManifestNotFoundError(_) => ClientError::NotFound(name.to_string()),
        E::UnauthorizedError { .. } | E::AuthenticationFailure(_) => unauthorized(),
        E::ServerError {
            code: 401 | 403, ..
        } => unauthorized(),
        E::ServerError { code: 404, .. } => ClientError::NotFound(name.to_string()),
        E::RegistryError { envelope, .. } => {
            let has = |code: &OciErrorCode| envelope.errors.iter().any(|e| e.code == *code);
            if has(&OciErrorCode::Unauthorized) || has(&OciErrorCode::Denied) {
                unauthorized()
            } else if has(&OciErrorCode::ManifestUnknown)
                || has(&OciErrorCode::NameUnknown)
                || has(&OciErrorCode::NotFound)
            {
                ClientError::NotFound(name.to_string())
            } else {
                refused(name, format!("was refused by the registry: {envelope}"))
            }
        }
        E::RequestError(request) => unreachable(causes(request)),
        other => unreachable(causes(other)),
    }
}

/// The last cause says most: "connection refused", "dns error".
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
