//! Where a node or a comment stands.
//!
//! Source: ytt pkg/filepos/position.go.

use std::fmt;
use std::sync::Arc;

/// A file's name and its text, with the beginnings of its lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SourceText {
    name: Arc<str>,
    text: String,
    line_starts: Vec<usize>,
}

impl SourceText {
    /// Takes a file's name and text.
    pub(crate) fn new(name: &str, text: String) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(newlines.map(|(at, _)| at + 1))
            .collect();
        Self {
            name: Arc::from(name),
            text,
            line_starts,
        }
    }

    /// The name.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The text of a line, counted from one; empty when there is no such line.
    pub(crate) fn line(&self, number: u32) -> &str {
        let index = usize::try_from(number)
            .unwrap_or(usize::MAX)
            .wrapping_sub(1);
        let Some(&start) = self.line_starts.get(index) else {
            return "";
        };
        let end = match self.line_starts.get(index + 1) {
            Some(next) => next - 1,
            None => self.text.len(),
        };
        &self.text[start..end]
    }
}

/// A position: a line of a file, or what is known instead.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) enum Position {
    /// Nothing is known.
    #[default]
    Unknown,
    /// The file is known, the line is not.
    UnknownIn(Arc<str>),
    /// A line of a text.
    Line {
        /// The text.
        source: Arc<SourceText>,
        /// The line, counted from one.
        line: u32,
    },
    /// A line of something that is no file, such as a flag.
    Described {
        /// What it is.
        file: Arc<str>,
        /// The line, counted from one.
        line: u32,
        /// What stands there.
        text: Arc<str>,
    },
    /// A value that was computed; the text stands for its line.
    Memory(Arc<str>),
}

impl Position {
    /// The line number, if it is known.
    pub(crate) fn line(&self) -> Option<u32> {
        match self {
            Self::Line { line, .. } | Self::Described { line, .. } => Some(*line),
            Self::Unknown | Self::UnknownIn(_) | Self::Memory(_) => None,
        }
    }

    /// Whether the line is known.
    pub(crate) fn is_known(&self) -> bool {
        self.line().is_some()
    }

    /// Whether the value was computed rather than read.
    pub(crate) fn is_from_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    /// Name of the file, empty when unknown.
    pub(crate) fn file(&self) -> &str {
        match self {
            Self::UnknownIn(file) | Self::Described { file, .. } => file,
            Self::Line { source, .. } => source.name(),
            Self::Unknown | Self::Memory(_) => "",
        }
    }

    /// Text of the line, empty when unknown.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Line { source, line } => source.line(*line),
            Self::Memory(text) | Self::Described { text, .. } => text,
            Self::Unknown | Self::UnknownIn(_) => "",
        }
    }

    /// `file:3`, or `file:?` when the line is unknown.
    pub(crate) fn compact(&self) -> String {
        let file = self.file();
        let separator = if file.is_empty() { "" } else { ":" };
        match self.line() {
            Some(line) => format!("{file}{separator}{line}"),
            None => format!("{file}{separator}?"),
        }
    }

    /// The line number as text, `?` when unknown.
    pub(crate) fn number(&self) -> String {
        self.line()
            .map_or_else(|| "?".to_owned(), |line| line.to_string())
    }

    /// `line file:3`.
    pub(crate) fn long(&self) -> String {
        format!("line {}", self.compact())
    }

    /// Whether both are known, in the same file and at most one line apart.
    pub(crate) fn is_next_to(&self, other: &Self) -> bool {
        match (self.line(), other.line()) {
            (Some(a), Some(b)) => self.file() == other.file() && a.abs_diff(b) <= 1,
            _ => false,
        }
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.compact())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32) -> Position {
        let source = Arc::new(SourceText::new("f.yml", "a\nb\n".to_owned()));
        Position::Line { source, line }
    }

    #[test]
    fn positions_print_file_and_line() {
        assert_eq!(at(2).compact(), "f.yml:2");
        assert_eq!(at(2).text(), "b");
        assert_eq!(at(3).text(), "");
        assert_eq!(Position::Unknown.compact(), "?");
        assert_eq!(Position::UnknownIn("f.yml".into()).compact(), "f.yml:?");
    }

    #[test]
    fn neighbours_are_at_most_a_line_apart() {
        assert!(at(1).is_next_to(&at(2)));
        assert!(!at(1).is_next_to(&at(3)));
        assert!(!at(1).is_next_to(&Position::Unknown));
    }
}
