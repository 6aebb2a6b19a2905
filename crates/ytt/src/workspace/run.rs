//! What all libraries of one run share.

use std::cell::Cell;

/// How templates are read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TemplateOptions {
    pub(crate) ignore_unknown_comments: bool,
    pub(crate) implicit_map_key_overrides: bool,
    pub(crate) strict: bool,
}

/// State of a run.
#[derive(Debug)]
pub(crate) struct Run {
    /// Number of the last program: the names of its calls carry it.
    number: Cell<u32>,
}

/// Number of the first program of a run.
pub(crate) const FIRST_NUMBER: u32 = 2;

impl Run {
    pub(crate) fn new() -> Self {
        Self {
            number: Cell::new(FIRST_NUMBER),
        }
    }

    /// Number of the next program.
    pub(crate) fn next_number(&self) -> u32 {
        let number = self.number.get();
        self.number.set(number.saturating_add(1));
        number
    }
}
