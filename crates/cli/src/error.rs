//! How a command fails: a kind that gives the exit code, a message, and hints in lines of their
//! own.

use std::{io, process::ExitCode};

use crate::env::Env;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: Kind,
    message: String,
    hints: Vec<String>,
}

/// Who has to act; each kind has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The input is wrong or the wanted outcome did not come: exit code 1.
    User,
    /// The machine or a configuration file is in the way: exit code 1.
    Config,
    /// Everything was said already: exit code 1.
    Reported,
    /// The reader of our output went away: success.
    BrokenPipe,
    /// There are changes, and whoever asked wants to know by the exit code: 2, without a message.
    Changes,
    /// A defect of Carto: exit code 70.
    Internal,
}

impl CommandError {
    pub(crate) fn user(message: impl Into<String>) -> Self {
        Self::new(Kind::User, message)
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(Kind::Config, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// There is something to change.
    pub(crate) fn changes() -> Self {
        Self::new(Kind::Changes, String::new())
    }

    /// A failure whose message is printed already, in words that are not ours.
    pub(crate) fn reported() -> Self {
        Self::new(Kind::Reported, "")
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Prints the error and gives the exit code.
    pub(crate) fn report(&self, env: &Env) -> ExitCode {
        if self.kind == Kind::BrokenPipe {
            return ExitCode::SUCCESS;
        }
        if self.kind == Kind::Changes {
            return ExitCode::from(2);
        }
        if self.kind == Kind::Reported {
            return ExitCode::from(1);
        }
        let label = if self.kind == Kind::Internal {
            "carto: internal error"
        } else {
            "carto"
        };
        env.err(&format!("{label}: {}\n", self.message));
        for hint in &self.hints {
            env.err(&format!("  hint: {hint}\n"));
        }
        ExitCode::from(if self.kind == Kind::Internal { 70 } else { 1 })
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Kind::BrokenPipe, "the output was closed");
        }
        Self::config(error.to_string())
    }
}
