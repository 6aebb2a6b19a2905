//! From text to nodes, with every comment attached to the node it speaks about.
//!
//! Comments are attached by lines only, per document: a comment on the line of a node belongs to
//! the last node of that line, any other comment to the first node of the next line that has
//! nodes; what is left over goes to the next document. Source: ytt pkg/yamlmeta/parser.go.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use carto_yaml::{Document as YamlDocument, Node as YamlNode, Value as YamlValue};

use super::{
    Array, ArrayItem, Comment, Common, Dict, Document, DocumentSet, KeyIndex, Map, MapItem, Node,
    PLAIN_BYTES, Scalar, Value, duplicate_key,
};
use crate::position::{Position, SourceText};
use crate::star::{Budget, Error, Str};

/// How a text is read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReadOptions {
    /// Comments have no meaning and are dropped.
    pub(crate) without_comments: bool,
    /// Only unambiguous scalars are accepted.
    pub(crate) strict: bool,
}

/// Reads a text that is called `name` in positions.
///
/// # Errors
/// The first problem, in go-yaml's words with the lines of `text`.
pub(crate) fn read(text: &[u8], name: &str, options: ReadOptions) -> Result<DocumentSet, String> {
    let explicit = begins_with_marker(text);
    let added_lines = u32::from(!explicit);
    let documents = parse(text, explicit, options)?;

    // The text is readable, or there would have been an error.
    let source = SourceText::new(name, String::from_utf8_lossy(text).into_owned());
    let reader = Reader {
        source: Arc::new(source),
        added_lines,
    };
    let mut items: Vec<Rc<Document>> = Vec::with_capacity(documents.len());
    let mut left_over = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        let (document, unattached) =
            reader.document(document, index == 0, left_over, options.without_comments);
        items.push(Rc::new(document));
        left_over = unattached;
    }
    if !left_over.is_empty() {
        let document = Document {
            injected: true,
            ..Document::default()
        };
        document.common.set_comments(left_over);
        items.push(Rc::new(document));
    }
    if let Some(first) = items.first().filter(|_| !explicit)
        && !first.common.position().is_known()
    {
        first.common.set_position(Position::Described {
            file: Arc::from(name),
            line: 1,
            text: Arc::from(""),
        });
    }
    let set = DocumentSet {
        items: RefCell::new(items),
        ..DocumentSet::default()
    };
    for document in set.items.borrow().iter() {
        settle_value(&document.value.borrow(), &document.common.position());
    }
    Ok(set)
}

/// Reads a text as values without nodes, one for each document.
///
/// # Errors
/// As [`read`]; a key that occurs twice; a used up budget.
pub(crate) fn read_plain(text: &[u8], budget: &Budget) -> Result<Vec<Value>, Error> {
    let documents = parse(text, begins_with_marker(text), ReadOptions::default())?;
    let documents = documents.into_iter();
    documents
        .map(|document| unique(document.root, budget))
        .collect()
}

fn parse(text: &[u8], explicit: bool, options: ReadOptions) -> Result<Vec<YamlDocument>, String> {
    let yaml_options = carto_yaml::Options {
        strict_scalars: options.strict,
        ..carto_yaml::Options::default()
    };
    let with_marker;
    let input = if explicit {
        text
    } else {
        with_marker = [b"---\n", text].concat();
        &with_marker
    };
    carto_yaml::parse_with(input, &yaml_options)
        .map_err(|error| error.moved_up(usize::from(!explicit)).to_string())
}

/// A value in which no key occurs twice.
fn unique(node: YamlNode, budget: &Budget) -> Result<Value, Error> {
    // The reader's own tree is as large again.
    budget.allocate_tree(PLAIN_BYTES + size_of::<carto_yaml::MapEntry>())?;
    Ok(match node.value {
        YamlValue::Map(entries) => {
            let mut known = KeyIndex::default();
            let mut unique_entries = Vec::with_capacity(entries.len());
            for entry in entries {
                let key = plain(entry.key.value);
                if !known.insert(&key) {
                    return Err(duplicate_key(&key));
                }
                unique_entries.push((key, unique(entry.value, budget)?));
            }
            Value::Dict(Rc::new(Dict {
                entries: unique_entries,
            }))
        }
        YamlValue::Seq(items) => {
            let items: Result<_, _> = items
                .into_iter()
                .map(|item| unique(item.value, budget))
                .collect();
            Value::List(Rc::new(items?))
        }
        scalar => plain(scalar),
    })
}

/// Whether the text begins with blanks, `---` and white space.
fn begins_with_marker(text: &[u8]) -> bool {
    let rest = text.trim_ascii_start();
    rest.strip_prefix(b"---")
        .and_then(<[u8]>::first)
        .is_some_and(u8::is_ascii_whitespace)
}

struct Reader {
    source: Arc<SourceText>,
    /// Lines that were put in front of the text.
    added_lines: u32,
}

impl Reader {
    fn document(
        &self,
        yaml: YamlDocument,
        first: bool,
        comments: Vec<Comment>,
        without_comments: bool,
    ) -> (Document, Vec<Comment>) {
        let line = self.line(yaml.line);
        let position = if first && line == 0 {
            Position::UnknownIn(Arc::clone(self.source.name()))
        } else {
            self.position(yaml.line)
        };
        let document = Document {
            common: Common::at(position),
            value: RefCell::new(self.value(yaml.root)),
            injected: false,
        };
        document.common.set_comments(comments);
        let comments = if without_comments {
            Vec::new()
        } else {
            yaml.comments
        };
        if comments.is_empty() {
            return (document, Vec::new());
        }
        let document = Rc::new(document);
        let mut lines = BTreeMap::new();
        collect_lines(&Node::Document(Rc::clone(&document)), &mut lines);
        let mut unattached = Vec::new();
        for comment in comments {
            let at = self.line(comment.line);
            let comment = Comment {
                text: comment.text.into(),
                position: self.position(comment.line),
            };
            match lines.range(at..).next() {
                Some((line, (_, last))) if *line == at => last.common().add_comment(comment),
                Some((_, (first, _))) => first.common().add_comment(comment),
                None => unattached.push(comment),
            }
        }
        drop(lines);
        let document = Rc::into_inner(document).expect("the lines were the only other owners");
        (document, unattached)
    }

    fn value(&self, yaml: YamlNode) -> Value {
        match yaml.value {
            YamlValue::Map(entries) => {
                let items = entries
                    .into_iter()
                    .map(|entry| {
                        Rc::new(MapItem {
                            common: Common::at(self.position(entry.key.line)),
                            key: RefCell::new(plain(entry.key.value)),
                            value: RefCell::new(self.value(entry.value)),
                        })
                    })
                    .collect();
                Value::map(Map {
                    items: RefCell::new(items),
                    ..Map::default()
                })
            }
            YamlValue::Seq(items) => {
                let items = items
                    .into_iter()
                    .map(|item| {
                        Rc::new(ArrayItem {
                            common: Common::at(self.position(item.line)),
                            value: RefCell::new(self.value(item.value)),
                        })
                    })
                    .collect();
                Value::array(Array {
                    items: RefCell::new(items),
                    ..Array::default()
                })
            }
            scalar => plain(scalar),
        }
    }

    /// A line of the text that was read, as a line of the user's text.
    fn line(&self, line: usize) -> u32 {
        u32::try_from(line)
            .unwrap_or(u32::MAX)
            .saturating_sub(self.added_lines)
    }

    fn position(&self, line: usize) -> Position {
        Position::Line {
            source: Arc::clone(&self.source),
            line: self.line(line),
        }
    }
}

/// A value without nodes, for scalars and for keys that are collections.
fn plain(value: YamlValue) -> Value {
    Value::Scalar(match value {
        YamlValue::Null => Scalar::Null,
        YamlValue::Bool(value) => Scalar::Bool(value),
        YamlValue::Int(value) => Scalar::Int(value),
        YamlValue::Uint(value) => Scalar::Uint(value),
        YamlValue::Float(value) => Scalar::Float(value),
        YamlValue::String(text) => Scalar::Str(Str::from(text)),
        YamlValue::Bytes(bytes) => Scalar::Str(Str::from(bytes)),
        YamlValue::Map(entries) => {
            let entries = entries
                .into_iter()
                .map(|entry| (plain(entry.key.value), plain(entry.value.value)))
                .collect();
            return Value::Dict(Rc::new(Dict { entries }));
        }
        YamlValue::Seq(items) => {
            let items = items.into_iter();
            return Value::List(Rc::new(items.map(plain_item).collect()));
        }
    })
}

/// An item of a key that is a sequence. The original forgets to unwrap it: its value and its line,
/// counted from nought, become the key.
fn plain_item(item: carto_yaml::SeqItem) -> Value {
    let line = i64::try_from(item.line).unwrap_or(i64::MAX) - 1;
    let entries = vec![
        (Value::text("value"), plain(item.value.value)),
        (Value::text("line"), Value::Scalar(Scalar::Int(line))),
    ];
    Value::Dict(Rc::new(Dict { entries }))
}

/// The first and the last node of every line that has nodes.
fn collect_lines(node: &Node, lines: &mut BTreeMap<u32, (Node, Node)>) {
    if let Some(line) = node.position().line() {
        lines
            .entry(line)
            .and_modify(|(_, last)| *last = node.clone())
            .or_insert_with(|| (node.clone(), node.clone()));
    }
    for value in node.values() {
        if let Value::Node(child) = value {
            collect_lines(&child, lines);
        }
    }
}

/// Maps and arrays stand where what holds them stands. Also counts levels.
fn settle_value(value: &Value, holder: &Position) {
    match value {
        Value::Node(node @ Node::Map(map)) => {
            map.common.set_position(holder.clone());
            for item in map.items.borrow().iter() {
                settle_value(&item.value.borrow(), &item.common.position());
            }
            node.close();
        }
        Value::Node(node @ Node::Array(array)) => {
            array.common.set_position(holder.clone());
            for item in array.items.borrow().iter() {
                settle_value(&item.value.borrow(), &item.common.position());
            }
            node.close();
        }
        _ => {}
    }
}
