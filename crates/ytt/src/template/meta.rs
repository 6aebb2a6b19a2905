//! What a comment means: code, a value, an annotation, or nothing.
//!
//! Source: ytt pkg/template/meta.go, pkg/yamltemplate/metas.go.

use crate::annotation::name;
use crate::node::{Comment, Node};
use crate::position::Position;

/// A comment's name and what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta<'a> {
    pub(crate) name: &'a str,
    pub(crate) content: &'a str,
}

/// What to do with comments that are not addressed to ytt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Refuse,
    Ignore,
}

/// Reads the comment of a node that stands at `node`.
pub(crate) fn parse<'a>(
    comment: &'a Comment,
    node: &Position,
    unknown: Unknown,
) -> Result<Meta<'a>, String> {
    let text = &*comment.text;
    if let Some(content) = text.strip_prefix('!') {
        return Ok(Meta {
            name: name::COMMENT,
            content,
        });
    }
    if let Some(rest) = text.strip_prefix('@') {
        let (name, content) = rest.split_once(' ').unwrap_or((rest, ""));
        if !name.is_empty() {
            return Ok(Meta { name, content });
        }
        let inline = node.is_known() && comment.position.line() == node.line();
        return Ok(Meta {
            name: if inline { name::VALUE } else { name::CODE },
            content,
        });
    }
    if unknown == Unknown::Ignore {
        return Ok(Meta {
            name: name::COMMENT,
            content: text,
        });
    }
    Err(format!(
        "Failed to parse line {}: '#{text}': Expected ytt-formatted string \
         (use '#@' for annotations or code, '#!' for comments)",
        comment.position.number()
    ))
}

/// Whether any node has a comment that is more than a remark.
pub(crate) fn has_templating(node: &Node) -> bool {
    let position = node.position();
    for comment in node.common().comments().iter() {
        match parse(comment, &position, Unknown::Ignore) {
            Ok(meta) if meta.name != name::COMMENT => return true,
            _ => {}
        }
    }
    node.values()
        .iter()
        .filter_map(crate::node::Value::as_node)
        .any(has_templating)
}

/// The comments of a node, sorted by what they are.
#[derive(Debug, Default)]
pub(crate) struct Metas {
    /// Lines of code in front of the node.
    pub(crate) code: Vec<(String, Position)>,
    /// Expressions that give the node's value.
    pub(crate) values: Vec<(String, Position)>,
    pub(crate) annotations: Vec<NamedComment>,
    pub(crate) needs_end: bool,
}

/// An annotation as it was written.
#[derive(Debug)]
pub(crate) struct NamedComment {
    pub(crate) name: String,
    pub(crate) content: String,
    pub(crate) comment: Comment,
}

/// Keywords that end the block behind the node.
const BLOCKS_OF_ONE_NODE: [(&str, &str); 5] = [
    ("if/end", "if"),
    ("else/end", "else"),
    ("elif/end", "elif"),
    ("for/end", "for"),
    ("def/end", "def"),
];

/// Sorts the comments of `node`.
pub(crate) fn extract(node: &Node, unknown: Unknown) -> Result<Metas, String> {
    let mut metas = Metas::default();
    let position = node.position();
    for comment in node.common().comments().iter() {
        let meta = parse(comment, &position, unknown)?;
        match meta.name {
            name::VALUE => {
                if node.values().first().is_some_and(|value| !value.is_null()) {
                    return Err(format!(
                        "Expected YAML node at {} to have either computed or YAML value, \
                         but found both",
                        comment.position.long()
                    ));
                }
                metas
                    .values
                    .push((meta.content.to_owned(), comment.position.clone()));
            }
            name::CODE => {
                if metas.needs_end {
                    return Err(format!(
                        "Unexpected code at {} after use of '*/end', expected YAML node",
                        comment.position.long()
                    ));
                }
                let code = match without_end(meta.content) {
                    Some(code) => {
                        metas.needs_end = true;
                        code
                    }
                    None => meta.content.to_owned(),
                };
                metas.code.push((code, comment.position.clone()));
            }
            name::COMMENT => {}
            _ => metas.annotations.push(NamedComment {
                name: meta.name.to_owned(),
                content: meta.content.to_owned(),
                comment: comment.clone(),
            }),
        }
    }
    Ok(metas)
}

/// The code with `if/end` and the like replaced by `if`, if it begins with one of them.
fn without_end(code: &str) -> Option<String> {
    let trimmed = code.trim_start();
    let blanks = &code[..code.len() - trimmed.len()];
    // Code of nothing but blanks has no keyword in it.
    BLOCKS_OF_ONE_NODE.iter().find_map(|(keyword, plain)| {
        trimmed
            .strip_prefix(keyword)
            .map(|rest| format!("{blanks}{plain}{rest}"))
    })
}
