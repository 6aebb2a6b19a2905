//! Text templates: text with `(@ code @)` in it.
//!
//! Source: ytt pkg/texttemplate.

use std::sync::Arc;

use super::compile::{Calls, NO_PARENT, NodeKind, NodeTable, NodeTemplate};
use crate::position::Position;
use crate::star::{Line, Origin};

/// A piece of a text template and the line it begins on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    content: &'a str,
    line: u32,
    is_code: bool,
}

/// Cuts a text that begins on `first_line` into text and code, in turn.
///
/// # Errors
/// An opening or closing of code that has no counterpart.
pub(crate) fn parse(text: &str, first_line: u32) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut line = first_line;
    let mut column = 1_u32;
    let mut before = '\0';
    let mut start = 0;
    let mut piece = Piece {
        content: "",
        line,
        is_code: false,
    };
    for (at, c) in text.char_indices() {
        let marker = match (before, c) {
            ('(', '@') => Some(true),
            ('@', ')') => Some(false),
            _ => None,
        };
        if let Some(opens) = marker {
            if opens == piece.is_code {
                let what = if opens {
                    "opening '(@'"
                } else {
                    "closing '@)'"
                };
                return Err(format!(
                    "Unexpected code {what} at line {line} col {column}"
                ));
            }
            // In `(@)` the `@` belongs to both markers.
            piece.content = text.get(start..at - 1).unwrap_or_default();
            pieces.push(piece);
            piece = Piece {
                content: "",
                line,
                is_code: opens,
            };
            start = at + 1;
        }
        if c == '\n' {
            line += 1;
            column = 1;
        } else {
            column += 1;
        }
        before = c;
    }
    if piece.is_code {
        return Err(format!(
            "Missing code closing '@)' at line {line} col {column}"
        ));
    }
    piece.content = &text[start..];
    pieces.push(piece);
    Ok(pieces)
}

/// Translates the pieces into code that leaves a text context open.
pub(crate) fn compile(
    pieces: Vec<Piece<'_>>,
    file: &Arc<str>,
    calls: &Calls,
    nodes: &mut NodeTable,
    lines: &mut Vec<Line>,
) {
    let root = nodes.push(text_node(NO_PARENT, NodeKind::TextRoot));
    lines.push(Line::generated(format!("{}(\"text\")", calls.set_ctx_type)));
    lines.push(Line::generated(format!("{}(\"text\")", calls.start_ctx)));
    lines.push(Line::generated(format!("{}({root})", calls.start_node)));
    let origin = |piece: &Piece<'_>, text: &str| Origin::new(Arc::clone(file), piece.line, text);
    let mut trims_next = false;
    let mut last_text = None;
    for piece in pieces {
        if !piece.is_code {
            let content = if trims_next {
                piece.content.trim_start()
            } else {
                piece.content
            };
            trims_next = false;
            let tag = nodes.push(text_node(root, NodeKind::Text(content.to_owned())));
            last_text = Some(tag);
            for call in [&calls.start_node, &calls.set_node] {
                lines.push(Line::written(
                    format!("{call}({tag})"),
                    origin(&piece, content),
                ));
            }
            continue;
        }
        trims_next = piece.content.ends_with('-');
        if let (true, Some(tag)) = (piece.content.starts_with('-'), last_text.take())
            && let Some(NodeKind::Text(text)) = nodes.get_mut(tag).map(|node| &mut node.kind)
        {
            text.truncate(text.trim_end().len());
        }
        let code = code_of(piece.content);
        if piece.content.starts_with('=') || piece.content.starts_with("-=") {
            let tag = nodes.push(text_node(root, NodeKind::Text(String::new())));
            let start = format!("{}({tag})", calls.start_node);
            lines.push(Line::written(start, origin(&piece, piece.content)));
            let set = format!("{}({tag}, ({code}))", calls.set_node);
            lines.push(Line::written(set, origin(&piece, piece.content)));
        } else {
            for (number, line) in (piece.line..).zip(code.split('\n')) {
                lines.push(Line::written(
                    line,
                    Origin::new(Arc::clone(file), number, line),
                ));
            }
        }
    }
}

/// The code without the marks for printing and trimming.
fn code_of(content: &str) -> &str {
    let content = content.strip_prefix("-=").unwrap_or(content);
    let content = content.strip_prefix('=').unwrap_or(content);
    let content = content.strip_prefix('-').unwrap_or(content);
    content.strip_suffix('-').unwrap_or(content)
}

fn text_node(parent: u32, kind: NodeKind) -> NodeTemplate {
    NodeTemplate {
        parent,
        kind,
        position: Position::Unknown,
        comments: Vec::new(),
        annotations: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(text: &str) -> Vec<(bool, &str)> {
        parse(text, 1)
            .unwrap()
            .iter()
            .map(|piece| (piece.is_code, piece.content))
            .collect()
    }

    #[test]
    fn text_and_code_take_turns() {
        assert_eq!(
            contents("a (@= x @) b"),
            [(false, "a "), (true, "= x "), (false, " b")]
        );
        assert_eq!(contents(""), [(false, "")]);
    }

    #[test]
    fn markers_without_counterpart_are_errors() {
        for (text, expect) in [
            (
                "(@ a (@ b @)",
                "Unexpected code opening '(@' at line 1 col 7",
            ),
            ("a @) b", "Unexpected code closing '@)' at line 1 col 4"),
            ("a\n(@ b", "Missing code closing '@)' at line 2 col 5"),
        ] {
            assert_eq!(parse(text, 1).unwrap_err(), expect);
        }
    }

    #[test]
    fn marks_are_not_code() {
        for (content, expect) in [
            ("= a ", " a "),
            ("-= a -", " a "),
            ("- a", " a"),
            (" a-", " a"),
            ("-", ""),
        ] {
            assert_eq!(code_of(content), expect);
        }
    }
}
