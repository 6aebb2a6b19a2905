//! The object that a Runnable selects.
//!
//! Differs: the selected objects are watched, so that a run follows them, and a kind that does
//! not exist is said to be missing; the original watches nothing and takes it for cluster-scoped.

use std::collections::BTreeMap;
use std::sync::Arc;

use carto_query::go;
use serde_json::Value;

use crate::json;
use crate::key::{Gvk, Mapping, ServiceAccountKey};
use crate::realize::{ApiFailure, FailureKind, Reply, Request};

/// `spec.selector`.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    api_version: String,
    kind: String,
    labels: BTreeMap<String, String>,
}

impl Selector {
    /// Reads the selector of a Runnable, when it has one.
    pub(crate) fn read(runnable: &Value) -> Option<Self> {
        let selector = json::at(runnable, &["spec", "selector"]).filter(|one| one.is_object())?;
        Some(Self {
            api_version: json::string(selector, &["resource", "apiVersion"]),
            kind: json::string(selector, &["resource", "kind"]),
            labels: json::string_map(selector, &["matchingLabels"]),
        })
    }

    fn gvk(&self) -> Gvk {
        Gvk::new(&self.api_version, &self.kind)
    }

    fn pairs(&self) -> Vec<(String, String)> {
        self.labels
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

/// Resolving a selector: find out how the kind is served, list.
#[derive(Debug)]
pub(crate) struct Selecting {
    selector: Selector,
    namespace: Arc<str>,
    account: ServiceAccountKey,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    Resolving,
    Listing { namespaced: bool },
}

/// What resolving comes to.
pub(crate) enum Progress {
    Ask(Box<Selecting>, Request),
    Found(Value),
    Failed {
        text: String,
        forbidden: bool,
        retry: bool,
    },
}

impl Selecting {
    /// Begins.
    pub(crate) fn new(selector: Selector, namespace: &str, account: ServiceAccountKey) -> Self {
        Self {
            namespace: namespace.into(),
            account,
            state: State::Start,
            selector,
        }
    }

    /// Goes on with the reply to the last request.
    pub(crate) fn resume(mut self, reply: Option<Reply>) -> Progress {
        match (&self.state, reply) {
            (State::Start, _) => {
                self.state = State::Resolving;
                let request = Request::Resolve {
                    gvk: self.selector.gvk(),
                };
                Progress::Ask(Box::new(self), request)
            }
            (State::Resolving, Some(Reply::Mapping(mapping))) => self.list(&mapping),
            (State::Resolving, Some(Reply::Failed(failure))) => {
                let text = match failure.kind {
                    FailureKind::NoMatch { group_known: true } => format!(
                        "no matches for kind \"{}\" in version \"{}\"",
                        self.selector.kind, self.selector.api_version
                    ),
                    FailureKind::NoMatch { group_known: false } => {
                        "the server could not find the requested resource".to_owned()
                    }
                    _ => failure.message.clone(),
                };
                self.failed(
                    &format!("failed to list server api resources: {text}"),
                    Some(&failure),
                )
            }
            (State::Listing { .. }, Some(Reply::Objects(mut objects))) => match objects.len() {
                1 => Progress::Found(objects.remove(0)),
                0 => self.failed("selector did not match any objects", None),
                _ => self.failed("selector matched multiple objects", None),
            },
            (State::Listing { namespaced }, Some(Reply::Failed(failure))) => {
                let place = if *namespaced {
                    "in namespace"
                } else {
                    "at cluster scope"
                };
                let text = format!(
                    "failed to list objects {place} matching selector [{}]: unable to list from \
                     api server: {}",
                    go::display_map(&self.selector.labels),
                    failure.message
                );
                self.failed(&text, Some(&failure))
            }
            (state, reply) => {
                let text = format!("a reply does not fit the request ({state:?}, {reply:?})");
                self.failed(&text, None)
            }
        }
    }

    fn list(mut self, mapping: &Mapping) -> Progress {
        self.state = State::Listing {
            namespaced: mapping.namespaced,
        };
        let request = Request::List {
            gvk: self.selector.gvk(),
            namespace: mapping.namespaced.then(|| self.namespace.clone()),
            labels: self.selector.pairs(),
            account: self.account.clone(),
        };
        Progress::Ask(Box::new(self), request)
    }

    fn failed(&self, inner: &str, failure: Option<&ApiFailure>) -> Progress {
        let text = format!(
            "unable to resolve selector [{}], apiVersion [{}], kind [{}]: {inner}",
            go::display_map(&self.selector.labels),
            self.selector.api_version,
            self.selector.kind
        );
        let forbidden = failure.is_some_and(|failure| failure.kind == FailureKind::Forbidden);
        Progress::Failed {
            text,
            forbidden,
            retry: failure.is_some() && !forbidden,
        }
    }
}
