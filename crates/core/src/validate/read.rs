//! YAML streams: objects, and the place of every finding.

use std::sync::Arc;

use carto_yaml::{Node, Value as Tree};
use serde_json::Value;

use super::{Finding, Within, across, findings};

/// What a stream holds.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Its objects, documents without content left out.
    pub objects: Vec<Object>,
    /// Why it cannot be read, if it cannot; then there are no objects.
    pub broken: Option<Broken>,
}

/// A stream that is no YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Where reading stopped.
    pub place: Place,
    /// Why.
    pub message: String,
}

/// A line and column of a stream. Both count from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One document of a stream.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its content as JSON.
    pub value: Value,
    /// Keys that are there twice: where, and what to say about it.
    pub duplicates: Vec<(Place, String)>,
    root: Node,
    text: Arc<str>,
}

/// Reads a stream of objects.
pub fn read(text: &str) -> Reading {
    match objects(text) {
        Ok(objects) => Reading {
            objects,
            broken: None,
        },
        Err(error) => {
            let place = error.place();
            Reading {
                objects: Vec::new(),
                broken: Some(Broken {
                    place: Place {
                        line: place.map_or(1, |place| place.line),
                        column: place.map_or(1, |place| place.column),
                    },
                    message: format!("not YAML: {}", error.problem()),
                }),
            }
        }
    }
}

fn objects(text: &str) -> Result<Vec<Object>, carto_yaml::Error> {
    let shared: Arc<str> = text.into();
    let decoded = carto_yaml::decode_strict(text)?;
    // Documents without content are left out of the JSON view, so they are left out here too.
    let trees = carto_yaml::parse(text)?
        .into_iter()
        .filter(|document| document.root.value != Tree::Null);
    let object = |(decoded, tree): (carto_yaml::Decoded, carto_yaml::Document)| Object {
        value: decoded.value,
        duplicates: decoded
            .duplicates
            .into_iter()
            .map(|twice| {
                let place = Place {
                    line: twice.line,
                    column: 1,
                };
                (place, format!("the key \"{}\" is there twice", twice.key))
            })
            .collect(),
        root: tree.root,
        text: Arc::clone(&shared),
    };
    Ok(decoded
        .into_iter()
        .filter(|decoded| !decoded.value.is_null())
        .zip(trees)
        .map(object)
        .collect())
}

impl Reading {
    /// Returns what is wrong with the objects, one by one and together, with the position of the
    /// object and the place in the stream; sorted by place within an object.
    pub fn findings(&self) -> Vec<(usize, Place, Finding)> {
        let values: Vec<&Value> = self.objects.iter().map(|object| &object.value).collect();
        let alone = values
            .iter()
            .enumerate()
            .flat_map(|(at, value)| findings(value).into_iter().map(move |one| (at, one)));
        let mut found: Vec<_> = alone
            .chain(across(&values))
            .map(|(at, finding)| (at, self.objects[at].place(&finding), finding))
            .collect();
        found.sort_by_key(|(at, place, _)| (*at, *place));
        found
    }
}

impl Object {
    /// Returns kind and name, for messages.
    pub fn title(&self) -> String {
        let text = |pointer: &str| self.value.pointer(pointer).and_then(Value::as_str);
        let name = text("/metadata/name").unwrap_or("without a name");
        format!("{} {name}", text("/kind").unwrap_or("object"))
    }

    /// Returns the place of a finding in the stream.
    pub fn place(&self, finding: &Finding) -> Place {
        let found = self.find(&finding.path);
        match (finding.within, found.value) {
            (Some(within), Some(node)) => self.inside(node, within).unwrap_or(found.place),
            _ => found.place,
        }
    }

    /// Returns the place of a field path: of the key, or of the item of a list; of the nearest
    /// field around it when it is not there.
    pub fn place_of(&self, path: &str) -> Place {
        self.find(path).place
    }

    fn find(&self, path: &str) -> Found<'_> {
        let mut found = Found {
            place: place_of(&self.root),
            value: Some(&self.root),
        };
        let mut node = &self.root;
        for step in steps(path) {
            let next = match (&node.value, step) {
                (Tree::Map(entries), Step::Key(name)) => entries
                    .iter()
                    .rfind(|entry| matches!(&entry.key.value, Tree::String(key) if key == name))
                    .map(|entry| (place_of(&entry.key), &entry.value)),
                (Tree::Seq(items), Step::Index(index)) => items
                    .get(index)
                    .map(|item| (place_of(&item.value), &item.value)),
                _ => None,
            };
            let Some((place, inner)) = next else {
                found.value = None;
                return found;
            };
            node = inner;
            found = Found {
                place,
                value: Some(node),
            };
        }
        found
    }

    /// Finds a position of a text in the stream: exact for literal blocks and for plain and
    /// quoted texts of one line, `None` for others.
    fn inside(&self, node: &Node, within: Within) -> Option<Place> {
        let first = self.text.lines().nth(node.line - 1)?;
        let rest: String = first.chars().skip(node.column - 1).collect();
        let Tree::String(value) = &node.value else {
            return None;
        };
        match rest.chars().next()? {
            '|' => {
                let line = node.line + within.line;
                let indent = self.block_indent(node.line, &rest)?;
                Some(Place {
                    line,
                    column: indent + within.column,
                })
            }
            '>' => None,
            _ if value.contains('\n') || within.line != 1 => None,
            quote @ ('"' | '\'') => rest[1..].starts_with(value.as_str()).then(|| {
                let column = node.column + within.column;
                debug_assert!(rest.starts_with(quote));
                Place {
                    line: node.line,
                    column,
                }
            }),
            _ => rest.starts_with(value.as_str()).then_some(Place {
                line: node.line,
                column: node.column + within.column - 1,
            }),
        }
    }

    /// The indentation of a literal block: that of its first line with content, unless the header
    /// says otherwise, which nearly nobody writes.
    fn block_indent(&self, header_line: usize, header: &str) -> Option<usize> {
        if header.chars().nth(1).is_some_and(|c| c.is_ascii_digit()) {
            return None;
        }
        let content = self
            .text
            .lines()
            .skip(header_line)
            .find(|line| !line.trim().is_empty())?;
        Some(content.len() - content.trim_start_matches(' ').len())
    }
}

struct Found<'a> {
    place: Place,
    /// The value, when the path led all the way.
    value: Option<&'a Node>,
}

fn place_of(node: &Node) -> Place {
    Place {
        line: node.line,
        column: node.column,
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
                        \x20 ytt: |\n    é: 1\n    b: 2\n  plain: abc\n  quoted: \"a c\"\n  folded: >\n    a\n    b\n\
                        ---\napiVersion: v1\nkind: B\n";

    fn place(line: usize, column: usize) -> Place {
        Place { line, column }
    }

    #[test]
    fn a_path_leads_to_its_line_and_column() {
        let reading = read(TEXT);
        let object = &reading.objects[0];
        for (path, expected) in [
            ("spec.resources[1].name", place(10, 7)),
            ("spec.resources[1].templateRef.kind", place(11, 21)),
            ("spec.resources[1].templateRef.absent", place(11, 7)),
            ("spec.resources[7]", place(8, 3)),
            ("metadata.name", place(6, 3)),
            ("", place(3, 1)),
        ] {
            assert_eq!(object.place_of(path), expected, "{path}");
        }
        assert_eq!(object.title(), "A a");
    }

    #[test]
    fn a_position_in_a_text_leads_to_its_line_and_column() {
        let reading = read(TEXT);
        let object = &reading.objects[0];
        for (path, line, column, expected) in [
            ("spec.ytt", 1, 4, place(13, 8)),
            ("spec.ytt", 2, 1, place(14, 5)),
            ("spec.plain", 1, 2, place(15, 11)),
            ("spec.quoted", 1, 3, place(16, 14)),
            ("spec.folded", 1, 3, place(17, 3)),
        ] {
            let finding = Finding {
                path: path.to_owned(),
                within: Some(Within { line, column }),
                message: String::new(),
                severity: super::super::Severity::Error,
                origin: super::super::Origin::Carto,
            };
            assert_eq!(object.place(&finding), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_said_with_its_place() {
        let reading = read("a: 1\nb: [\n");
        let broken = reading.broken.expect("an open bracket is no YAML");
        assert!(broken.place.line >= 2, "{broken:?}");
        assert!(broken.message.starts_with("not YAML: "), "{broken:?}");
    }
}
