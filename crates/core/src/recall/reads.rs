//! What of its owner a template can tell apart.

use carto_query::Template;
use serde_json::Value;

use crate::context::Subject;
use crate::digest::Writer;

/// Paths below the owner, or all of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reads {
    /// What expressions give depends on what is at these paths.
    Some(Vec<Path>),
    /// Anything may be looked at.
    All,
}

/// Names of fields, from the outside in; empty for the whole owner.
type Path = Vec<Box<str>>;

/// The names that the owner has in a context.
const OWNER: [&str; 2] = ["workload", "deliverable"];

impl Reads {
    /// Looks through the tags of a template.
    pub(crate) fn of_tags(template: &Template) -> Self {
        let tags = template.tags();
        let paths = tags
            .iter()
            .map(|tag| tag.path.fields().map(Iterator::collect));
        Self::of_paths(paths)
    }

    /// Takes what ytt says it reads.
    pub(crate) fn of_ytt(reads: &carto_ytt::inline::Reads) -> Self {
        let Some(paths) = reads.paths() else {
            return Self::All;
        };
        Self::of_paths(paths.map(|path| Some(path.iter().map(|name| &**name).collect())))
    }

    fn of_paths<'a>(paths: impl Iterator<Item = Option<Vec<&'a str>>>) -> Self {
        let mut below = Vec::new();
        for path in paths {
            match path.as_deref() {
                Some([owner, path @ ..]) if OWNER.contains(owner) => {
                    let path: Path = path.iter().map(|name| Box::from(*name)).collect();
                    if !below.contains(&path) {
                        below.push(path);
                    }
                }
                // Parameters, inputs and labels are looked at in any case.
                Some([_, ..]) => {}
                Some([]) | None => return Self::All,
            }
        }
        Self::Some(below)
    }

    /// Writes what is read of an owner.
    pub(crate) fn write(&self, subject: &Subject, into: &mut Writer) {
        match self {
            Self::All => whole(subject.source(), into),
            Self::Some(paths) => {
                for path in paths {
                    read(subject.source(), path, into);
                }
            }
        }
    }
}

/// Writes how far a path leads, and what is there.
fn read(owner: &Value, path: &[Box<str>], into: &mut Writer) {
    let mut at = owner;
    for (depth, name) in path.iter().enumerate() {
        let below = at.get(&**name);
        let is_hidden = depth == 1 && &*path[0] == "metadata" && &**name == MANAGED;
        match below.filter(|_| !is_hidden) {
            Some(below) => at = below,
            None => {
                // What is not set has the zero of its type, or is missing: its place decides.
                into.count(depth);
                into.flag(at.is_object());
                if !at.is_object() {
                    into.value(at);
                }
                return;
            }
        }
    }
    into.count(path.len());
    match path {
        [] => whole(owner, into),
        [only] if &**only == "metadata" => without_managed(at, into),
        _ => into.value(at),
    }
}

/// Field of the metadata that nobody sees.
const MANAGED: &str = "managedFields";

fn whole(owner: &Value, into: &mut Writer) {
    let Some(map) = owner.as_object() else {
        return into.value(owner);
    };
    into.count(map.len());
    for (key, value) in map {
        into.text(key);
        if key == "metadata" {
            without_managed(value, into);
        } else {
            into.value(value);
        }
    }
}

fn without_managed(metadata: &Value, into: &mut Writer) {
    let Some(map) = metadata.as_object() else {
        return into.value(metadata);
    };
    for (key, value) in map.iter().filter(|(key, _)| *key != MANAGED) {
        into.text(key);
        into.value(value);
    }
    into.flag(false);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::context::Schema;
    use crate::digest::Fingerprint;

    fn owner() -> Value {
        json!({
            "kind": "Workload",
            "metadata": {"name": "w", "annotations": {"a": "1"}, "managedFields": [1]},
            "spec": {"source": {"git": {"url": "u"}}, "env": [{"name": "A"}]},
        })
    }

    fn digest(reads: &Reads, owner: &Value) -> Fingerprint {
        let mut into = Fingerprint::writer();
        let subject = Subject::new(Schema::Workload, &Arc::new(owner.clone()));
        reads.write(&subject, &mut into);
        into.end()
    }

    /// Whether a template of that one value sees a difference when `pointer` becomes another value.
    fn sees(tag: &str, pointer: &str, value: Value) -> bool {
        let template = Template::compile(&json!({"a": tag}));
        let reads = Reads::of_tags(&template);
        let mut other = owner();
        let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
        other.pointer_mut(parent).expect("its parent is there")[last] = value;
        digest(&reads, &owner()) != digest(&reads, &other)
    }

    #[test]
    fn what_is_named_is_seen_with_all_below_it_and_nothing_else() {
        let cases = [
            (
                "$(workload.spec.source.git.url)$",
                "/spec/source/git/url",
                true,
            ),
            (
                "$(deliverable.spec.source.git.url)$",
                "/spec/source/git/url",
                true,
            ),
            ("x $(workload.spec.source)$ y", "/spec/source/git/url", true),
            ("$(workload.metadata)$", "/metadata/annotations/a", true),
            ("$(workload)$", "/metadata/annotations/a", true),
            (
                "$(workload.spec.env[0].name)$",
                "/metadata/annotations/a",
                true,
            ),
            ("$(..url)$", "/spec/source/git/url", true),
            (
                "$(workload.metadata.name)$",
                "/metadata/annotations/a",
                false,
            ),
            ("$(workload.spec)$", "/metadata/annotations/a", false),
            ("$(params.workload)$", "/spec/source/git/url", false),
            ("$(workload)$", "/metadata/managedFields", false),
            ("$(workload.metadata)$", "/metadata/managedFields", false),
            (
                "$(workload.metadata.managedFields)$",
                "/metadata/managedFields",
                false,
            ),
            ("no tag", "/spec/source/git/url", false),
        ];
        for (tag, pointer, expected) in cases {
            assert_eq!(
                sees(tag, pointer, json!("another")),
                expected,
                "{tag} {pointer}"
            );
        }
    }

    #[test]
    fn what_appears_on_the_way_is_seen() {
        for (pointer, value) in [("/spec/image", json!("i")), ("/spec/image", Value::Null)] {
            assert!(sees("$(workload.spec.image)$", pointer, value), "{pointer}");
        }
        assert!(sees(
            "$(workload.spec.build.env)$",
            "/spec/build",
            json!({})
        ));
        assert!(sees(
            "$(workload.spec.build.env)$",
            "/spec/build",
            json!("x")
        ));
    }
}
