//! Get and list.
//!
//! Source: apiserver `pkg/endpoints/handlers/get.go`, `pkg/storage/continue.go`,
//! `pkg/storage/cacher`, v1.36.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::api::{Api, Call};
use crate::error::ApiError;
use crate::request::{Match, Query};
use crate::selectors::Selection;
use crate::store::{Listing, Object, Revision};

/// How long a read waits for a revision that is not there yet.
const WAIT: Duration = Duration::from_secs(3);

const TOO_OLD: &str = "The resourceVersion for the provided list is too old.";
const TOKEN_TOO_OLD: &str = "The provided continue parameter is too old to display a consistent \
    list result. You can start a new list without the continue parameter, or use the continue token \
    in this response to retrieve the remainder of the results. Continuing with the provided token \
    results in an inconsistent list - objects that were created, modified, or deleted between the \
    time the first chunk was returned and now may show up in the list.";

/// What part of a list is wanted.
#[derive(Debug)]
pub(crate) struct ListRequest {
    pub(crate) selection: Selection,
    limit: usize,
    at: At,
}

#[derive(Debug)]
enum At {
    Now,
    NotOlderThan(Revision),
    Exact(Revision),
    Continue(Token),
}

/// Where a list goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Token {
    v: String,
    /// -1 to go on with what is there now.
    rv: i64,
    start: String,
}

const VERSION: &str = "meta.k8s.io/v1";

/// A page of a list.
#[derive(Debug)]
pub(crate) struct ListPage {
    pub(crate) revision: Revision,
    pub(crate) objects: Vec<Arc<Object>>,
    pub(crate) continue_token: Option<String>,
    pub(crate) remaining: Option<usize>,
}

impl ListRequest {
    pub(crate) fn parse(call: &Call) -> Result<Self, ApiError> {
        let query = &call.query;
        query.validate_list(false)?;
        let selection = Selection::parse(query, &call.resource, &call.target.name)?;
        let limit = usize::try_from(query.number("limit")?.unwrap_or(0)).unwrap_or(0);
        let at = match query.text("continue") {
            Some(token) => At::Continue(decode_token(token, query)?),
            None => at(query, limit)?,
        };
        Ok(Self {
            selection,
            limit,
            at,
        })
    }
}

fn at(query: &Query, limit: usize) -> Result<At, ApiError> {
    Ok(match (query.revision()?, query.revision_match()) {
        (None | Some(0), _) => At::Now,
        (Some(revision), Match::Exact) => At::Exact(revision),
        (Some(revision), Match::Unset) if limit > 0 => At::Exact(revision),
        (Some(revision), _) => At::NotOlderThan(revision),
    })
}

fn decode_token(text: &str, query: &Query) -> Result<Token, ApiError> {
    let bad = |reason: String| {
        ApiError::BadRequest(format!(
            "invalid continue token: continue key is not valid: {reason}"
        ))
    };
    if query
        .text("resourceVersion")
        .is_some_and(|revision| revision != "0")
    {
        return Err(ApiError::BadRequest(
            "specifying resource version is not allowed when using continue".into(),
        ));
    }
    let encoded = text.trim_end_matches('=');
    let bytes = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|error| bad(crate::codec::bad_base64(&error, encoded)))?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    if token.v != VERSION || token.rv == 0 || token.rv < -1 {
        return Err(bad("unrecognized encoded version".into()));
    }
    Ok(token)
}

fn encode_token(revision: i64, start: String) -> String {
    let token = Token {
        v: VERSION.to_owned(),
        rv: revision,
        start,
    };
    URL_SAFE.encode(serde_json::to_vec(&token).expect("a token is plain text"))
}

/// The token that goes on after `last`.
pub(crate) fn continue_after(revision: Revision, last: &Object) -> String {
    let start = format!("{}/{}\0", last.key.namespace, last.key.name);
    encode_token(i64::try_from(revision).unwrap_or(i64::MAX), start)
}

impl Token {
    fn start(&self) -> (&str, &str) {
        let start = self.start.strip_suffix('\0').unwrap_or(&self.start);
        start.split_once('/').unwrap_or(("", start))
    }
}

impl Api {
    /// One object.
    pub(crate) async fn get(&self, call: &Call) -> Result<Arc<Object>, ApiError> {
        if let Some(revision) = call.query.revision()? {
            self.wait_until(revision).await?;
        }
        let key = call.resource.key(call.namespace(), &call.target.name);
        self.store.get(&key).ok_or_else(|| call.not_found())
    }

    /// Waits a little for a revision that is not there yet.
    pub(crate) async fn wait_until(&self, revision: Revision) -> Result<(), ApiError> {
        let current = self.store.revision();
        if revision <= current {
            return Ok(());
        }
        tokio::time::timeout(WAIT, self.store.wait_for(revision))
            .await
            .map_err(|_| ApiError::RevisionTooLarge {
                requested: revision,
                current: self.store.revision(),
            })
    }

    /// A page of a list.
    pub(crate) async fn list(
        &self,
        call: &Call,
        request: &ListRequest,
    ) -> Result<ListPage, ApiError> {
        let listing = self.listing(call, request).await?;
        let resource = &call.resource;
        let everything = request.selection.is_everything();
        let mut objects = listing.objects;
        if !everything {
            objects.retain(|object| request.selection.matches(resource, object));
        }
        let mut page = ListPage {
            revision: listing.revision,
            objects,
            continue_token: None,
            remaining: None,
        };
        if request.limit > 0 && page.objects.len() > request.limit {
            let rest = page.objects.len() - request.limit;
            page.objects.truncate(request.limit);
            let last = page.objects.last().expect("a limit is at least one");
            page.continue_token = Some(continue_after(page.revision, last));
            page.remaining = everything.then_some(rest);
        }
        Ok(page)
    }

    async fn listing(&self, call: &Call, request: &ListRequest) -> Result<Listing, ApiError> {
        let namespace = (!call.namespace().is_empty()).then(|| call.namespace());
        let resource = &*call.resource.storage;
        match &request.at {
            At::Now => {}
            At::NotOlderThan(revision) => self.wait_until(*revision).await?,
            At::Exact(revision) => {
                self.wait_until(*revision).await?;
                return self
                    .store
                    .read()
                    .list_at(resource, namespace, *revision, None)
                    .map_err(|_| ApiError::Expired {
                        message: TOO_OLD.into(),
                        continue_token: None,
                    });
            }
            At::Continue(token) => {
                let state = self.store.read();
                let revision = Revision::try_from(token.rv).unwrap_or(state.revision());
                return state
                    .list_at(resource, namespace, revision, Some(token.start()))
                    .map_err(|_| ApiError::Expired {
                        message: TOKEN_TOO_OLD.into(),
                        continue_token: Some(encode_token(-1, token.start.clone())),
                    });
            }
        }
        let state = self.store.read();
        // One name needs no walk.
        if let (Some(name), true) = (
            request.selection.name(),
            namespace.is_some() || !call.resource.namespaced,
        ) {
            let key = call.resource.key(call.namespace(), name);
            let objects = state.get(&key).cloned().into_iter().collect();
            return Ok(Listing {
                revision: state.revision(),
                objects,
            });
        }
        let objects = state.list(resource, namespace).cloned().collect();
        Ok(Listing {
            revision: state.revision(),
            objects,
        })
    }
}
