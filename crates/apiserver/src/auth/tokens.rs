//! Tokens of service accounts: signed statements, good until they expire or their account goes.
//!
//! Source: kubernetes `pkg/serviceaccount/{claims,jwt}.go`,
//! `pkg/registry/core/serviceaccount/storage/token.go`, v1.36.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Response, StatusCode};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde_json::{Value, json};

use crate::api::{Api, Call};
use crate::body::ApiBody;
use crate::config::StartError;
use crate::error::{ApiError, FieldError, GroupKind};
use crate::negotiate::Form;
use crate::pipeline::to_json;
use crate::router::Payload;
use crate::store::{Key, Store};
use crate::user::UserInfo;
use crate::{meta, respond, time};

const KEY: &str = "service-accounts.key";
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc";
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
const LIFETIME_SECONDS: i64 = 3600;
const LIFETIME_MIN_SECONDS: i64 = 600;
const LIFETIME_MAX_SECONDS: i64 = 1 << 32;
const ACCOUNTS: &str = "/serviceaccounts";

/// Signs and verifies.
pub(crate) struct TokenKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl TokenKey {
    /// The key of the store, made on first use.
    pub(crate) async fn load(store: &Store) -> Result<Self, StartError> {
        let failed = |reason: &str| StartError::Certificates(format!("token key: {reason}"));
        let random = SystemRandom::new();
        let stored = store
            .secret(KEY)
            .await
            .map_err(|_| failed("the store does not answer"))?;
        let document = match stored {
            Some(document) => document,
            None => {
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                    .map_err(|_| failed("it cannot be made"))?;
                store
                    .put_secret(KEY, made.as_ref())
                    .await
                    .map_err(|_| failed("the store does not answer"))?;
                made.as_ref().to_vec()
            }
        };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &document, &random)
            .map_err(|error| failed(&error.to_string()))?;
        Ok(Self { pair, random })
    }

    fn sign(&self, claims: &Value) -> Result<String, ApiError> {
        let header = json!({"alg": "ES256", "typ": "JWT"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(claims));
        let signature = self
            .pair
            .sign(&self.random, text.as_bytes())
            .map_err(|_| ApiError::Internal("the token cannot be signed".into()))?;
        Ok(format!(
            "{text}.{}",
            URL_SAFE_NO_PAD.encode(signature.as_ref())
        ))
    }

    /// The claims of a token with a good signature.
    fn claims(&self, token: &str) -> Option<Value> {
        let (text, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref())
            .verify(text.as_bytes(), &signature)
            .ok()?;
        let (_, claims) = text.split_once('.')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// The account that a token speaks for.
    pub(super) fn verify(&self, api: &Api, token: &str) -> Option<UserInfo> {
        let claims = self.claims(token)?;
        let now = time::now_seconds();
        // A clock that is a little off must not lock anybody out.
        let fresh = claims["exp"].as_i64()? > now && claims["nbf"].as_i64()? <= now + 60;
        let for_us = claims["aud"]
            .as_array()?
            .iter()
            .any(|audience| audience == ISSUER);
        if !fresh || !for_us || claims["iss"] != ISSUER {
            return None;
        }
        let about = &claims["kubernetes.io"];
        let namespace = about["namespace"].as_str()?;
        let account = &about["serviceaccount"];
        let (name, uid) = (account["name"].as_str()?, account["uid"].as_str()?);
        exists(api, ACCOUNTS, namespace, name, uid).then_some(())?;
        for (field, storage) in [("pod", "/pods"), ("secret", "/secrets")] {
            if let Some(bound) = about.get(field) {
                let (name, uid) = (bound["name"].as_str()?, bound["uid"].as_str()?);
                exists(api, storage, namespace, name, uid).then_some(())?;
            }
        }
        let mut user = UserInfo::service_account(namespace, name);
        uid.clone_into(&mut user.uid);
        if let Some(id) = claims["jti"].as_str() {
            user.extra
                .insert(CREDENTIAL_ID.into(), vec![format!("JTI={id}")]);
        }
        Some(user)
    }
}

fn exists(api: &Api, storage: &str, namespace: &str, name: &str, uid: &str) -> bool {
    let object = api.store.get(&Key::new(storage, namespace, name));
    object.is_some_and(|object| *object.uid == *uid && !object.deleting)
}

impl Api {
    /// `POST …/serviceaccounts/{name}/token`.
    pub(crate) async fn token_request(
        &self,
        call: &Call,
        body: &Payload,
        _form: Form,
    ) -> Result<Response<ApiBody>, ApiError> {
        let account = self.get(call).await?;
        let mut request = body.decode("TokenRequest")?.value;
        if !request.is_object() {
            return Err(ApiError::BadRequest("a TokenRequest is expected".into()));
        }
        let spec = &request["spec"];
        let seconds = spec["expirationSeconds"]
            .as_i64()
            .unwrap_or(LIFETIME_SECONDS);
        check_lifetime(seconds)?;
        let audiences = match spec["audiences"].as_array() {
            Some(list) if !list.is_empty() => list.clone(),
            _ => vec![ISSUER.into()],
        };
        let (namespace, name) = (call.namespace(), &*call.target.name);
        let now = time::now_seconds();
        let mut about = json!({
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": *account.uid},
        });
        if let Some((field, bound)) = self.bound_to(call, &spec["boundObjectRef"])? {
            about[field] = bound;
        }
        let claims = json!({
            "aud": audiences,
            "exp": now + seconds,
            "iat": now,
            "iss": ISSUER,
            "jti": uuid::Uuid::new_v4().to_string(),
            "kubernetes.io": about,
            "nbf": now,
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
        });
        let token = self.credentials.token_key.sign(&claims)?;
        request["kind"] = "TokenRequest".into();
        request["apiVersion"] = "authentication.k8s.io/v1".into();
        request["spec"]["audiences"] = audiences.into();
        request["spec"]["expirationSeconds"] = seconds.into();
        request["status"] =
            json!({"token": token, "expirationTimestamp": time::after_seconds(now, seconds)});
        let metadata = meta::of(&mut request);
        metadata.insert("name".into(), name.into());
        metadata.insert("namespace".into(), namespace.into());
        metadata.insert("uid".into(), (*account.uid).into());
        metadata.insert("creationTimestamp".into(), time::now().into());
        if request["spec"]["boundObjectRef"].is_null() {
            request["spec"]["boundObjectRef"] = Value::Null;
        }
        Ok(respond::json(StatusCode::CREATED, to_json(&request)))
    }

    /// The object whose end also ends the token.
    fn bound_to(
        &self,
        call: &Call,
        bound: &Value,
    ) -> Result<Option<(&'static str, Value)>, ApiError> {
        let (field, storage) = match bound["kind"].as_str() {
            None => return Ok(None),
            Some("Pod") => ("pod", "/pods"),
            Some("Secret") => ("secret", "/secrets"),
            Some(other) => {
                return Err(ApiError::BadRequest(format!(
                    "cannot bind token for serviceaccount to object of type {other}"
                )));
            }
        };
        let name = bound["name"].as_str().unwrap_or_default();
        let key = Key::new(storage, call.namespace(), name);
        let object = self.store.get(&key).ok_or_else(|| {
            ApiError::not_found(
                crate::error::GroupResource::new("", format!("{field}s")),
                name,
            )
        })?;
        if let Some(uid) = bound["uid"].as_str().filter(|uid| !uid.is_empty())
            && *uid != *object.uid
        {
            return Err(ApiError::Conflict {
                resource: crate::error::GroupResource::new("", format!("{field}s")),
                name: name.to_owned(),
                message: format!(
                    "the UID in the bound object reference ({uid}) does not match the UID in record"
                ),
            });
        }
        Ok(Some((field, json!({"name": name, "uid": *object.uid}))))
    }
}

fn check_lifetime(seconds: i64) -> Result<(), ApiError> {
    let problem = if seconds < LIFETIME_MIN_SECONDS {
        "may not specify a duration less than 10 minutes"
    } else if seconds > LIFETIME_MAX_SECONDS {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    Err(ApiError::invalid(
        GroupKind::new("authentication.k8s.io", "TokenRequest"),
        "",
        vec![FieldError::invalid(
            "spec.expirationSeconds",
            seconds,
            problem,
        )],
    ))
}
