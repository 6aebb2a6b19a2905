//! Roles and bindings, ready to be asked.
//!
//! Parsed roles are kept by revision; the index of subjects is made again after a write to any of them.
//!
//! Source: kubernetes `pkg/registry/rbac/validation/rule.go`, `plugin/pkg/auth/authorizer/rbac`, v1.36.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::GROUP;
use super::rules::Rule;
use crate::api::Api;
use crate::store::{Key, Object, Revision, State};
use crate::user::UserInfo;

/// A question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) subresource: &'a str,
    /// Empty for cluster scope.
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

/// Whom a binding is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    User(String),
    Group(String),
}

/// Rules that a subject has, everywhere or in one namespace.
#[derive(Debug, Clone)]
struct Grant {
    /// `None` for everywhere.
    namespace: Option<Arc<str>>,
    rules: Arc<Vec<Rule>>,
    because: Arc<str>,
}

/// Who has which rules.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    grants: HashMap<Subject, Vec<Grant>>,
}

/// The policy as of the last write to a role or a binding.
#[derive(Debug, Default)]
pub(crate) struct PolicyCache(Mutex<Cached>);

#[derive(Debug, Default)]
struct Cached {
    policy: Option<Arc<Policy>>,
    rules: HashMap<Key, (Revision, Arc<Vec<Rule>>)>,
}

impl PolicyCache {
    /// A role or a binding was written.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).policy = None;
    }

    fn get(&self, state: &State) -> Arc<Policy> {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(policy) = &cached.policy {
            return policy.clone();
        }
        let policy = Arc::new(Policy::build(state, &mut cached.rules));
        cached.policy = Some(policy.clone());
        policy
    }
}

fn storage(plural: &str) -> String {
    format!("{GROUP}/{plural}")
}

impl Policy {
    fn build(state: &State, parsed: &mut HashMap<Key, (Revision, Arc<Vec<Rule>>)>) -> Self {
        let mut policy = Self::default();
        let mut used = HashMap::new();
        let mut rules_of = |role: &Arc<Object>| -> Arc<Vec<Rule>> {
            let known = parsed
                .get(&role.key)
                .filter(|(revision, _)| *revision == role.revision);
            let rules = known.map_or_else(
                || Arc::new(Rule::of_role(&role.value())),
                |(_, rules)| rules.clone(),
            );
            used.insert(role.key.clone(), (role.revision, rules.clone()));
            rules
        };
        for (plural, namespaced) in [("clusterrolebindings", false), ("rolebindings", true)] {
            for binding in state.list(&storage(plural), None) {
                let value = binding.value();
                let namespace = namespaced.then(|| binding.key.namespace.clone());
                let role = &value["roleRef"];
                let name = role["name"].as_str().unwrap_or_default();
                let key = match (role["kind"].as_str(), &namespace) {
                    (Some("Role"), Some(namespace)) => {
                        Key::new(storage("roles"), namespace.clone(), name)
                    }
                    _ => Key::new(storage("clusterroles"), "", name),
                };
                let Some(rules) = state.get(&key).map(&mut rules_of) else {
                    continue;
                };
                let because: Arc<str> = because(&value, role, namespace.as_deref()).into();
                for subject in subjects(&value, namespace.as_deref()) {
                    let grant = Grant {
                        namespace: namespace.clone(),
                        rules: rules.clone(),
                        because: because.clone(),
                    };
                    policy.grants.entry(subject).or_default().push(grant);
                }
            }
        }
        *parsed = used;
        policy
    }

    /// The grants of a user that hold in `namespace`.
    fn of<'a>(
        &'a self,
        user: &UserInfo,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Grant> + use<'a> {
        let mut subjects = vec![Subject::User(user.name.clone())];
        subjects.extend(user.groups.iter().cloned().map(Subject::Group));
        subjects
            .into_iter()
            .filter_map(|subject| self.grants.get(&subject))
            .flatten()
            .filter(move |grant| grant.namespace.as_deref().is_none_or(|of| of == namespace))
    }

    /// All rules of a user in a namespace.
    pub(crate) fn rules(&self, user: &UserInfo, namespace: &str) -> Vec<Rule> {
        self.of(user, namespace)
            .flat_map(|grant| grant.rules.iter().cloned())
            .collect()
    }
}

fn because(binding: &Value, role: &Value, namespace: Option<&str>) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, role_kind, role_name) = (
        text(&binding["metadata"]["name"]),
        text(&role["kind"]),
        text(&role["name"]),
    );
    let binding = match namespace {
        Some(namespace) => format!("RoleBinding \"{name}/{namespace}\""),
        None => format!("ClusterRoleBinding \"{name}\""),
    };
    format!("RBAC: allowed by {binding} of {role_kind} \"{role_name}\"")
}

fn subjects(binding: &Value, namespace: Option<&str>) -> Vec<Subject> {
    let list = binding["subjects"].as_array().into_iter().flatten();
    list.filter_map(|subject| {
        let name = subject["name"].as_str()?.to_owned();
        match subject["kind"].as_str()? {
            "User" => Some(Subject::User(name)),
            "Group" => Some(Subject::Group(name)),
            "ServiceAccount" => {
                let of = subject["namespace"]
                    .as_str()
                    .filter(|n| !n.is_empty())
                    .or(namespace)?;
                Some(Subject::User(format!("system:serviceaccount:{of}:{name}")))
            }
            _ => None,
        }
    })
    .collect()
}

impl Api {
    fn policy(&self) -> Arc<Policy> {
        let state = self.store.read();
        self.policy.get(&state)
    }

    /// Whether the user may, and why.
    pub(crate) fn decide(&self, user: &UserInfo, ask: &Ask<'_>) -> Option<String> {
        if !self.rbac {
            return Some("rights are not enforced: every known user may do everything".to_owned());
        }
        if user.is_master() {
            return Some(String::new());
        }
        let policy = self.policy();
        let grant = policy.of(user, ask.namespace).find(|grant| {
            grant
                .rules
                .iter()
                .any(|r| r.allows(ask.verb, ask.group, ask.resource, ask.subresource, ask.name))
        })?;
        Some(format!("{} to {}", grant.because, subject_text(user)))
    }

    /// Whether the user may.
    pub(crate) fn may(&self, user: &UserInfo, ask: &Ask<'_>) -> bool {
        self.decide(user, ask).is_some()
    }

    /// Whether the user may use a path.
    pub(crate) fn may_path(&self, user: &UserInfo, verb: &str, path: &str) -> bool {
        if !self.rbac || user.is_master() {
            return true;
        }
        let policy = self.policy();
        policy.of(user, "").any(|grant| {
            grant.namespace.is_none() && grant.rules.iter().any(|r| r.allows_path(verb, path))
        })
    }

    /// All rules of a user in a namespace.
    pub(crate) fn rules_of(&self, user: &UserInfo, namespace: &str) -> Vec<Rule> {
        let everything = Rule {
            verbs: vec!["*".into()],
            groups: vec!["*".into()],
            resources: vec!["*".into()],
            ..Rule::default()
        };
        let every_path = Rule {
            verbs: vec!["*".into()],
            paths: vec!["*".into()],
            ..Rule::default()
        };
        let mut rules = vec![];
        if !self.rbac || user.is_master() {
            rules.extend([everything, every_path]);
        }
        rules.extend(self.policy().rules(user, namespace));
        rules
    }
}

fn subject_text(user: &UserInfo) -> String {
    match super::impersonate::account(&user.name) {
        Some((namespace, name)) => format!("ServiceAccount \"{name}/{namespace}\""),
        None => format!("User \"{}\"", user.name),
    }
}
