//! A file of objects, with the place of everything in it.

use carto_yaml::{Node, Value as Tree};
use serde_json::Value;

/// One file.
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) objects: Vec<Object>,
    /// Why the file cannot be read: line and message.
    pub(super) broken: Option<(usize, String)>,
}

/// One document of a file.
pub(super) struct Object {
    pub(super) value: Value,
    /// Keys that are there twice: line and message.
    pub(super) duplicates: Vec<(usize, String)>,
    root: Node,
}

impl Manifest {
    /// Reads a file; what cannot be read is kept as a mistake.
    pub(super) fn read(name: String, text: &str) -> Self {
        match objects(text) {
            Ok(objects) => Self { name, objects, broken: None },
            Err(error) => {
                let line = error.place().map_or(1, |place| place.line);
                let message = format!("not YAML: {}", error.problem());
                Self { name, objects: Vec::new(), broken: Some((line, message)) }
            }
        }
    }
}

fn objects(text: &str) -> Result<Vec<Object>, carto_yaml::Error> {
    let decoded = carto_yaml::decode_strict(text)?;
    // Documents without content are left out of the JSON view, so they are left out here too.
    let trees = carto_yaml::parse(text)?
        .into_iter()
        .filter(|document| document.root.value != Tree::Null);
    Ok(decoded
        .into_iter()
        .filter(|decoded| !decoded.value.is_null())
        .zip(trees)
        .map(|(decoded, tree)| Object {
            value: decoded.value,
            duplicates: decoded
                .duplicates
                .into_iter()
                .map(|twice| (twice.line, format!("the key \"{}\" is there twice", twice.key)))
                .collect(),
            root: tree.root,
        })
        .collect())
}

impl Object {
    /// Whether it is of a kind of Carto.
    pub(super) fn is_ours(&self) -> bool {
        let version = self.value.get("apiVersion").and_then(Value::as_str);
        version.is_some_and(|version| version.starts_with("carto.run/"))
    }

    /// Kind and name.
    pub(super) fn title(&self) -> String {
        let text = |pointer: &str| self.value.pointer(pointer).and_then(Value::as_str);
        let name = text("/metadata/name").unwrap_or("without a name");
        format!("{} {name}", text("/kind").unwrap_or("object"))
    }

    /// Line and column of a field path; of the nearest field around it when it is not there.
    pub(super) fn place(&self, path: &str) -> (usize, usize) {
        let mut at = (self.root.line, self.root.column);
        let mut node = &self.root;
        for step in steps(path) {
            let next = match (&node.value, step) {
                (Tree::Map(entries), Step::Key(name)) => entries
                    .iter()
                    .rfind(|entry| matches!(&entry.key.value, Tree::String(key) if key == name))
                    .map(|entry| ((entry.key.line, entry.key.column), &entry.value)),
                (Tree::Seq(items), Step::Index(index)) => items
                    .get(index)
                    .map(|item| ((item.value.line, item.value.column), &item.value)),
                _ => None,
            };
            let Some((place, inner)) = next else { break };
            (at, node) = (place, inner);
        }
        at
    }
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Splits `spec.resources[1].name`; what is in brackets and no number is a key.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some(inside) = rest.strip_prefix('[') {
            let (word, after) = inside.split_once(']').unwrap_or((inside, ""));
            steps.push(word.parse().map_or(Step::Key(word), Step::Index));
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.is_empty() {
                break;
            }
            steps.push(Step::Key(word));
            rest = after;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# two objects\n---\napiVersion: carto.run/v1alpha1\nkind: A\nmetadata:\n  name: a\n\
                        spec:\n  resources:\n    - name: x\n    - name: y\n      templateRef: {kind: K}\n\
                        ---\napiVersion: v1\nkind: B\n";

    #[test]
    fn a_path_leads_to_its_line_and_column() {
        let manifest = Manifest::read("f".to_owned(), TEXT);
        let object = &manifest.objects[0];
        for (path, place) in [
            ("spec.resources[1].name", (10, 7)),
            ("spec.resources[1].templateRef.kind", (11, 21)),
            ("spec.resources[1].templateRef.absent", (11, 7)),
            ("spec.resources[7]", (8, 3)),
            ("metadata.name", (6, 3)),
            ("", (3, 1)),
        ] {
            assert_eq!(object.place(path), place, "{path}");
        }
        assert!(object.is_ours());
        assert!(!manifest.objects[1].is_ours());
        assert_eq!(object.title(), "A a");
    }

    #[test]
    fn what_is_no_yaml_is_a_mistake_with_a_line() {
        let manifest = Manifest::read("f".to_owned(), "a: 1\nb: [\n");
        let (line, message) = manifest.broken.expect("an open bracket is no YAML");
        assert!(line >= 2, "{line}");
        assert!(message.starts_with("not YAML: "), "{message}");
    }
}
