//! What goes wrong: in the text of a program, and while it runs.
//!
//! An error keeps its message and the calls that led to it; the report that a user sees is made
//! only when somebody asks for it. Source: starlark-go starlark/eval.go (`EvalError`), ytt
//! pkg/template/compiled_template_error.go.

mod report;

use super::source::Source;
use std::fmt;
use std::sync::Arc;

pub use report::Lookup;

/// A problem in the text of a program, before its file is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxProblem {
    pub(crate) line: u32,
    pub(crate) message: String,
}

impl SyntaxProblem {
    pub(crate) fn new(line: u32, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

/// Why a program cannot run: one syntax error, or every undefined name and misplaced statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxErrors {
    pub(crate) source: Arc<Source>,
    /// Never empty.
    pub(crate) problems: Vec<SyntaxProblem>,
}

impl SyntaxErrors {
    pub(crate) fn one(source: &Arc<Source>, problem: SyntaxProblem) -> Self {
        Self {
            source: Arc::clone(source),
            problems: vec![problem],
        }
    }

    /// Line and message of every problem, in order; lines are those of the code.
    pub fn problems(&self) -> impl Iterator<Item = (u32, &str)> {
        self.problems
            .iter()
            .map(|problem| (problem.line, problem.message.as_str()))
    }
}

impl fmt::Display for SyntaxErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (line, message)) in self.problems().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(f, "{separator}{}:{line}: {message}", self.source.name)?;
        }
        Ok(())
    }
}

impl std::error::Error for SyntaxErrors {}

/// What kind of failure an [`Error`] is; it decides what may catch or rename it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// An ordinary failure of the program.
    Failure,
    /// A state that the original reports as a crash: no positions, text begins with `(p) `.
    Panic,
    /// A budget is used up; nothing in the program can catch this.
    Budget,
}

/// A call that was in progress when a program failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Name of the function; `<toplevel>` and `lambda` for those without.
    pub function: Arc<str>,
    /// File of the function.
    pub source: Arc<Source>,
    /// Line of the code in progress, from one; zero when unknown.
    pub line: u32,
}

/// A failure while a program runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    /// With replacement characters, where the message has bytes that are not UTF-8.
    message: String,
    /// The message with those bytes.
    bytes: Option<Vec<u8>>,
    /// Innermost first; absent until the failing call is known.
    frames: Option<Vec<Frame>>,
}

impl Error {
    /// An ordinary failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self::of_kind(ErrorKind::Failure, message)
    }

    /// A failure that the original reports as a crash; `message` without the `(p) ` in front.
    pub fn panic(message: impl fmt::Display) -> Self {
        Self::of_kind(ErrorKind::Panic, format!("(p) {message}"))
    }

    /// A used up budget.
    pub fn budget(message: impl Into<String>) -> Self {
        Self::of_kind(ErrorKind::Budget, message)
    }

    fn of_kind(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            bytes: None,
            frames: None,
        }))
    }

    /// An ordinary failure whose message has text of the program in it, which may be any bytes.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        match String::from_utf8(parts.concat()) {
            Ok(message) => Self::new(message),
            Err(error) => {
                let mut failure = Self::new(String::from_utf8_lossy(error.as_bytes()));
                failure.0.bytes = Some(error.into_bytes());
                failure
            }
        }
    }

    /// The message, without positions; bytes that are not UTF-8 are replacement characters.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The message as the program sees it when it catches the failure.
    pub fn message_bytes(&self) -> &[u8] {
        self.0.bytes.as_deref().unwrap_or(self.0.message.as_bytes())
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The calls in progress, innermost first.
    pub fn frames(&self) -> &[Frame] {
        self.0.frames.as_deref().unwrap_or_default()
    }

    /// Whether this is an ordinary failure, which a function may catch or rename.
    pub fn is_catchable(&self) -> bool {
        self.0.kind == ErrorKind::Failure
    }

    /// An ordinary failure as `name: message`, with its calls forgotten: what a function of the
    /// language makes of a failure inside it. Everything else stays as it is.
    #[must_use]
    pub fn prefixed(self, name: &str) -> Self {
        if self.is_catchable() {
            self.within(name)
        } else {
            self
        }
    }

    /// An ordinary failure with these words in front, and its calls forgotten. Everything else
    /// stays as it is.
    #[must_use]
    pub fn after(self, words: &str) -> Self {
        if !self.is_catchable() {
            return self;
        }
        match &self.0.bytes {
            Some(bytes) => Self::of_parts(&[words.as_bytes(), bytes]),
            None => Self::new(format!("{words}{}", self.0.message)),
        }
    }

    /// The same failure as `name: message`, with its calls forgotten: what a library function
    /// makes of a failure inside it. Budget failures stay as they are.
    ///
    /// Source: ytt pkg/template/core/errs.go, `ErrWrapper`.
    #[must_use]
    pub fn within(mut self, name: &str) -> Self {
        match self.0.kind {
            ErrorKind::Budget => {}
            ErrorKind::Failure => return self.after(&format!("{name}: ")),
            // The original adds a dump of its own stack here, which differs from run to run.
            ErrorKind::Panic => {
                self.0.kind = ErrorKind::Failure;
                self.0.frames = None;
            }
        }
        self
    }

    /// Records the calls in progress, unless they are known already; says whether it did.
    pub(crate) fn locate(&mut self, frames: impl FnOnce() -> Vec<Frame>) -> bool {
        let is_new = self.0.frames.is_none() && self.0.kind != ErrorKind::Panic;
        if is_new {
            self.0.frames = Some(frames());
        }
        is_new
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for String {
    fn from(error: Error) -> Self {
        error.0.message
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

/// Fails with a message.
macro_rules! fail {
    ($($arg:tt)*) => {
        return Err($crate::star::Error::new(format!($($arg)*)))
    };
}
pub(crate) use fail;
