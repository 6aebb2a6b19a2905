//! Who asks: client certificates, the bearer token of the kubeconfig, tokens of service accounts.

use http::Request;
use http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};

use super::TokenKey;
use crate::api::Api;
use crate::config::StartError;
use crate::error::ApiError;
use crate::store::Store;
use crate::user::UserInfo;

const ADMIN_TOKEN: &str = "admin.token";

/// What is known by heart.
pub(crate) struct Credentials {
    /// The token of the kubeconfig.
    pub(crate) admin_token: String,
    admin_digest: [u8; 32],
    pub(crate) token_key: TokenKey,
}

impl Credentials {
    /// The credentials of the store, made on first use.
    pub(crate) async fn load(store: &Store) -> Result<Self, StartError> {
        let refused = |_| StartError::Certificates("the store does not answer".into());
        let admin_token = match store.secret(ADMIN_TOKEN).await.map_err(refused)? {
            Some(token) => String::from_utf8_lossy(&token).into_owned(),
            None => {
                let token = random_token()?;
                store
                    .put_secret(ADMIN_TOKEN, token.as_bytes())
                    .await
                    .map_err(refused)?;
                token
            }
        };
        Ok(Self {
            admin_digest: Sha256::digest(&admin_token).into(),
            admin_token,
            token_key: TokenKey::load(store).await?,
        })
    }
}

/// 256 random bits.
fn random_token() -> Result<String, StartError> {
    use ring::rand::SecureRandom as _;
    let mut bytes = [0; 32];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StartError::Certificates("the system gives no random numbers".into()))?;
    Ok(hex::encode(bytes))
}

/// Paths that everybody may read.
const PUBLIC: &[&str] = &["/healthz", "/livez", "/readyz", "/version"];

/// The user of a request that came through the port.
pub(crate) fn authenticate<B>(
    api: &Api,
    peer: Option<&UserInfo>,
    request: &Request<B>,
) -> Result<UserInfo, ApiError> {
    if let Some(peer) = peer {
        return Ok(peer.clone());
    }
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = header.and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    if let Some(token) = token {
        return token_user(api, token).ok_or(ApiError::Unauthorized);
    }
    let path = request.uri().path().trim_end_matches('/');
    if header.is_none() && PUBLIC.contains(&path) {
        return Ok(UserInfo::anonymous());
    }
    Err(ApiError::Unauthorized)
}

/// The user of a bearer token.
pub(crate) fn token_user(api: &Api, token: &str) -> Option<UserInfo> {
    // Digests are compared, so that the time taken tells nothing about the token.
    let digest: [u8; 32] = Sha256::digest(token).into();
    if digest == api.credentials.admin_digest {
        return Some(UserInfo::admin());
    }
    api.credentials.token_key.verify(api, token)
}
