//! Rules of roles, and what they allow.
//!
//! Source: kubernetes `pkg/apis/rbac/v1/evaluation_helpers.go`,
//! component-helpers `auth/rbac/validation/policy_comparator.go`, v1.36.

use serde_json::{Map, Value};

/// One rule of a role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rule {
    pub(crate) verbs: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) names: Vec<String>,
    pub(crate) paths: Vec<String>,
}

const ALL: &str = "*";

fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|entry| entry == word)
}

fn has_or_all(list: &[String], word: &str) -> bool {
    list.iter().any(|entry| entry == ALL || entry == word)
}

impl Rule {
    /// All rules of a role.
    pub(crate) fn of_role(role: &Value) -> Vec<Self> {
        role["rules"]
            .as_array()
            .into_iter()
            .flatten()
            .map(Self::parse)
            .collect()
    }

    pub(crate) fn parse(rule: &Value) -> Self {
        let list = |field: &str| -> Vec<String> {
            let list = rule[field].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            verbs: list("verbs"),
            groups: list("apiGroups"),
            resources: list("resources"),
            names: list("resourceNames"),
            paths: list("nonResourceURLs"),
        }
    }

    /// In the form of `ResourceRule` and `NonResourceRule`, which is the form of the role.
    pub(crate) fn to_value(&self) -> Value {
        let mut rule = Map::new();
        for (name, list) in [
            ("verbs", &self.verbs),
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.names),
            ("nonResourceURLs", &self.paths),
        ] {
            if !list.is_empty() || name == "verbs" {
                rule.insert(name.to_owned(), list.clone().into());
            }
        }
        Value::Object(rule)
    }

    /// Whether the rule allows `verb` on a resource.
    pub(crate) fn allows(
        &self,
        verb: &str,
        group: &str,
        resource: &str,
        subresource: &str,
        name: &str,
    ) -> bool {
        has_or_all(&self.verbs, verb)
            && has_or_all(&self.groups, group)
            && self.covers_resource(resource, subresource)
            && (self.names.is_empty() || has(&self.names, name))
    }

    fn covers_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|entry| {
            if entry == ALL {
                return true;
            }
            match entry.split_once('/') {
                None => subresource.is_empty() && entry == resource,
                Some(("*", of)) => of == subresource,
                Some((of, sub)) => of == resource && sub == subresource,
            }
        })
    }

    /// Whether the rule allows `verb` on a path.
    pub(crate) fn allows_path(&self, verb: &str, path: &str) -> bool {
        has_or_all(&self.verbs, verb)
            && self.paths.iter().any(|entry| {
                entry == ALL
                    || entry == path
                    || entry
                        .strip_suffix('*')
                        .is_some_and(|prefix| path.starts_with(prefix))
            })
    }

    /// One rule for each verb and thing, so that rules can be compared.
    fn break_down(&self) -> Vec<Self> {
        let mut parts = vec![];
        let one = |text: &String| vec![text.clone()];
        for verb in &self.verbs {
            for group in &self.groups {
                for resource in &self.resources {
                    let part = Self {
                        verbs: one(verb),
                        groups: one(group),
                        resources: one(resource),
                        ..Self::default()
                    };
                    if self.names.is_empty() {
                        parts.push(part);
                    } else {
                        let named = self.names.iter().map(|name| Self {
                            names: one(name),
                            ..part.clone()
                        });
                        parts.extend(named);
                    }
                }
            }
            for path in &self.paths {
                parts.push(Self {
                    verbs: one(verb),
                    paths: one(path),
                    ..Self::default()
                });
            }
        }
        parts
    }

    /// Whether the rule allows all that `part`, which was broken down, allows.
    fn covers(&self, part: &Self) -> bool {
        let verb = &part.verbs[0];
        if !has_or_all(&self.verbs, verb) {
            return false;
        }
        if let Some(path) = part.paths.first() {
            return self.paths.iter().any(|entry| {
                entry == ALL
                    || entry == path
                    || entry
                        .strip_suffix('*')
                        .is_some_and(|prefix| path.starts_with(prefix))
            });
        }
        let (group, resource) = (&part.groups[0], &part.resources[0]);
        let resource_is_covered = self.resources.iter().any(|entry| {
            entry == ALL
                || entry == resource
                || resource
                    .split_once('/')
                    .is_some_and(|(_, sub)| entry.strip_prefix("*/") == Some(sub))
        });
        has_or_all(&self.groups, group)
            && resource_is_covered
            && (self.names.is_empty()
                || part
                    .names
                    .first()
                    .is_some_and(|name| has(&self.names, name)))
    }
}

/// What of `wanted` is not allowed by `held`: a rule for each thing, with all its verbs, sorted by text.
pub(crate) fn missing(held: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let lacking = wanted
        .iter()
        .flat_map(Rule::break_down)
        .filter(|part| !held.iter().any(|rule| rule.covers(part)));
    let mut rules: Vec<Rule> = vec![];
    for part in lacking {
        let same_thing = |rule: &&mut Rule| {
            rule.groups == part.groups
                && rule.resources == part.resources
                && rule.names == part.names
                && rule.paths == part.paths
        };
        match rules.iter_mut().find(same_thing) {
            Some(rule) => rule.verbs.extend(part.verbs),
            None => rules.push(part),
        }
    }
    rules.sort_by_key(ToString::to_string);
    rules
}

/// A rule as upstream prints it in refusals.
impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |items: &[String]| {
            let quoted: Vec<String> = items.iter().map(|item| crate::error::quote(item)).collect();
            format!("[{}]", quoted.join(" "))
        };
        let mut parts = vec![];
        if !self.groups.is_empty() {
            parts.push(format!("APIGroups:{}", list(&self.groups)));
        }
        if !self.resources.is_empty() {
            parts.push(format!("Resources:{}", list(&self.resources)));
        }
        if !self.paths.is_empty() {
            parts.push(format!("NonResourceURLs:{}", list(&self.paths)));
        }
        if !self.names.is_empty() {
            parts.push(format!("ResourceNames:{}", list(&self.names)));
        }
        parts.push(format!("Verbs:{}", list(&self.verbs)));
        write!(f, "{{{}}}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(value: Value) -> Rule {
        Rule::parse(&value)
    }

    #[test]
    fn resources_subresources_and_names() {
        let r = rule(
            json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "*/scale", "pods/log"]}),
        );
        assert!(r.allows("get", "", "pods", "", "a"));
        assert!(r.allows("get", "", "pods", "log", "a"));
        assert!(r.allows("get", "", "deployments", "scale", "a"));
        assert!(!r.allows("get", "", "pods", "exec", "a"));
        assert!(!r.allows("list", "", "pods", "", ""));
        assert!(!r.allows("get", "apps", "pods", "", "a"));
        let named = rule(
            json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "resourceNames": ["a"]}),
        );
        assert!(named.allows("delete", "x", "ys", "", "a"));
        assert!(!named.allows("list", "x", "ys", "", ""));
    }

    #[test]
    fn paths_may_end_in_anything() {
        let r = rule(json!({"verbs": ["get"], "nonResourceURLs": ["/apis/*", "/version"]}));
        assert!(r.allows_path("get", "/apis/demo.io"));
        assert!(r.allows_path("get", "/version"));
        assert!(!r.allows_path("get", "/api"));
    }

    #[test]
    fn what_is_missing_is_told_one_by_one() {
        let held = [rule(
            json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}),
        )];
        let wanted = [rule(
            json!({"verbs": ["get", "delete"], "apiGroups": [""], "resources": ["pods", "secrets"]}),
        )];
        let texts: Vec<String> = missing(&held, &wanted)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            texts,
            [
                "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\"]}",
                "{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"delete\"]}",
            ]
        );
    }
}
