//! The error of a run, as users see it.

use std::fmt;

use crate::star;

/// Why a run failed.
///
/// Displays as ytt's own message, which may have several lines and begins with an empty one when
/// a template failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    kind: ErrorKind,
}

/// What kind of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something is wrong with a template, with data values or with how they were given.
    Input,
    /// A budget of [`crate::Limits`] is used up; the message names it.
    Budget,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: ErrorKind::Input,
        }
    }

    pub(crate) fn budget(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: ErrorKind::Budget,
        }
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the command `ytt` writes to standard error, the final newline included.
    ///
    /// Source: ytt cmd/ytt/ytt.go, github.com/cppforlife/go-cli-ui errors/multi_line_error.go.
    pub fn to_cli_string(&self) -> String {
        format!("ytt: Error: {}\n", break_first_line(&self.message))
    }
}

impl From<star::Error> for Error {
    fn from(error: star::Error) -> Self {
        match error.kind() {
            star::ErrorKind::Budget => Self::budget(error.message()),
            star::ErrorKind::Failure | star::ErrorKind::Panic => Self::new(error.message()),
        }
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

/// Where the first line says `: Something`, outside of brackets, a new line begins, two blanks
/// further in each time.
fn break_first_line(message: &str) -> String {
    let (first, rest) = match message.split_once('\n') {
        Some((first, rest)) => (first, Some(rest)),
        None => (message, None),
    };
    let mut out = String::new();
    for (index, line) in broken(first).split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", index));
        }
        out.push_str(line);
    }
    if let Some(rest) = rest {
        out.push('\n');
        out.push_str(rest);
    }
    out
}

/// The line with breaks, and with the original's treatment of brackets: each closes the last one
/// that was opened, whatever its kind, and one too many ends the line.
fn broken(line: &str) -> String {
    const RAW_OPEN: &str = "...|";
    const RAW_CLOSE: &str = "|...";
    let mut out = String::new();
    // Closing brackets to come; none for raw text, in which brackets mean nothing.
    let mut open: Vec<Option<char>> = Vec::new();
    let mut outside = String::new();
    let mut chars = line.char_indices();
    for (at, c) in chars.by_ref() {
        let in_raw = open.last().is_some_and(Option::is_none);
        let closer = match c {
            '[' => Some(']'),
            '(' => Some(')'),
            '{' => Some('}'),
            _ => None,
        };
        if let (false, Some(closer)) = (in_raw, closer) {
            flush(&mut out, &mut outside);
            out.push(c);
            open.push(Some(closer));
        } else if !in_raw && matches!(c, ']' | ')' | '}') {
            match open.pop() {
                Some(closer) => out.extend(closer),
                None => {
                    flush(&mut out, &mut outside);
                    return out;
                }
            }
        } else if line[at..].len() > RAW_OPEN.len() && line[at..].starts_with(RAW_OPEN) {
            flush(&mut out, &mut outside);
            out.push(c);
            open.push(None);
        } else if line[..at + c.len_utf8()].ends_with(RAW_CLOSE) {
            if open.is_empty() {
                // The end of raw text that never began ends the line as well.
                outside.push(c);
                flush(&mut out, &mut outside);
                return out;
            }
            out.push(c);
            open.pop();
        } else if open.is_empty() {
            outside.push(c);
        } else {
            out.push(c);
        }
    }
    flush(&mut out, &mut outside);
    out
}

/// Appends text from outside of brackets, with its breaks.
fn flush(out: &mut String, outside: &mut String) {
    let mut rest = outside.as_str();
    while let Some(at) = rest.find(": ") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        if after[2..].starts_with(|c: char| c.is_ascii_uppercase()) {
            out.push_str(":\n");
        } else {
            out.push_str(": ");
        }
        rest = &after[2..];
    }
    out.push_str(rest);
    outside.clear();
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Budget => "budget",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cli(message: &str) -> String {
        Error::new(message).to_cli_string()
    }

    #[test]
    fn the_first_line_is_broken_at_capital_letters() {
        assert_eq!(
            cli("Doing this: Doing that: x: not this: Ending\nmore: Lines"),
            "ytt: Error: Doing this:\n  Doing that: x: not this:\n    Ending\nmore: Lines\n"
        );
    }

    #[test]
    fn brackets_protect_what_is_in_them() {
        assert_eq!(
            cli("Overlaying (in following order: A: B): Document"),
            "ytt: Error: Overlaying (in following order: A: B):\n  Document\n"
        );
        assert_eq!(cli("a) b: C"), "ytt: Error: a\n");
        assert_eq!(
            cli("x ...|(: A|... y: B"),
            "ytt: Error: x ...|(: A|... y:\n  B\n"
        );
    }

    #[test]
    fn a_failed_template_begins_with_an_empty_line() {
        assert_eq!(cli("\n- a: B"), "ytt: Error: \n- a: B\n");
    }
}
