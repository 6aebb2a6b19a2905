//! The one error of this crate: a problem in go-yaml's words, and where it is.

use std::fmt;

/// A position in the text. Lines and columns count from one, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, counted from one.
    pub line: usize,
    /// Column, counted from one, in characters.
    pub column: usize,
}

/// Why a stream could not be read.
///
/// Displays as go-yaml's message, which users know and tests pin: `yaml: line 3: mapping values
/// are not allowed in this context`. The line in that text is the one go-yaml prints, which is one
/// too small for errors of its parser; [`Error::place`] is the true position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    printed_line: Option<usize>,
    problem: String,
    place: Option<Place>,
}

impl Error {
    /// An error of the scanner at a zero-based line and column.
    pub(crate) fn scanner(problem: impl Into<String>, line: usize, column: usize) -> Self {
        Self {
            printed_line: (line != 0).then_some(line + 1),
            problem: problem.into(),
            place: Some(Place {
                line: line + 1,
                column: column + 1,
            }),
        }
    }

    /// An error of the parser at a zero-based line and column.
    ///
    /// Source: go-yaml decode.go, `parser.fail`, adds one to the line of scanner errors only.
    pub(crate) fn parser(problem: impl Into<String>, line: usize, column: usize) -> Self {
        Self {
            printed_line: (line != 0).then_some(line),
            problem: problem.into(),
            place: Some(Place {
                line: line + 1,
                column: column + 1,
            }),
        }
    }

    /// An error whose message names no line.
    pub(crate) fn unplaced(problem: impl Into<String>) -> Self {
        Self {
            printed_line: None,
            problem: problem.into(),
            place: None,
        }
    }

    /// An error whose message names no line although its zero-based position is known.
    pub(crate) fn silent(problem: impl Into<String>, line: usize, column: usize) -> Self {
        Self {
            printed_line: None,
            problem: problem.into(),
            place: Some(Place {
                line: line + 1,
                column: column + 1,
            }),
        }
    }

    /// The line that the message names, if it names one.
    pub fn printed_line(&self) -> Option<usize> {
        self.printed_line
    }

    /// The problem without the `yaml: line N: ` in front.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Where the problem is, if that is known.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// The same error with every line moved up by `lines`, for callers that put text in front.
    ///
    /// Shape: a printed line never becomes less than zero.
    #[must_use]
    pub fn moved_up(mut self, lines: usize) -> Self {
        self.printed_line = self
            .printed_line
            .map(|line| line.saturating_sub(lines).max(1));
        if let Some(place) = &mut self.place {
            place.line = place.line.saturating_sub(lines).max(1);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.printed_line {
            Some(line) => write!(f, "yaml: line {line}: {}", self.problem),
            None => write!(f, "yaml: {}", self.problem),
        }
    }
}
