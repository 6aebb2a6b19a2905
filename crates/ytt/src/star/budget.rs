//! What one run may cost: steps, bytes, depth.
//!
//! The engine reads no clock. A run counts instructions and the work of functions that look at
//! many values at once; it counts the bytes of what it allocates. Both counts only go up, so a
//! program is stopped in bounded time and with bounded memory whatever it does.

use super::error::Error;
use std::cell::{Cell, OnceCell};

/// Bounds of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Instructions, and what functions that take long count as such.
    pub steps: u64,
    /// Bytes that may be allocated in total, freed ones included.
    pub bytes: u64,
    /// Calls in progress at the same time.
    pub depth: usize,
}

impl Limits {
    /// For a template of a cluster object: well above what the largest known template uses, and
    /// at most about a second of one core.
    pub const INLINE: Self = Self {
        steps: 50_000_000,
        bytes: 64 << 20,
        depth: 1_000,
    };

    /// For a command line that a person waits for.
    pub const COMMAND: Self = Self {
        steps: 5_000_000_000,
        bytes: 4 << 30,
        depth: 1_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::INLINE
    }
}

/// Most calls from the engine into a library function and back into the language that may be in
/// progress; each uses the stack of the machine.
pub(crate) const MAX_REENTRY: usize = 64;

/// Deepest nesting of values that are printed or converted, which uses the stack of the machine.
pub const MAX_VALUE_DEPTH: usize = 300;

/// What is left of the limits of a run.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    steps: Cell<u64>,
    bytes: Cell<u64>,
    /// What ended the run: once refused, always refused.
    refusal: OnceCell<Error>,
}

impl Budget {
    /// A fresh budget.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            steps: Cell::new(limits.steps),
            bytes: Cell::new(limits.bytes),
            refusal: OnceCell::new(),
        }
    }

    /// Ends the run: whatever is asked for from now on is refused with `error`, unless something
    /// else was refused before. A budget failure that gets lost on its way out, in a conversion
    /// that cannot fail or a message that is wrapped, is found here again.
    pub(crate) fn refuse(&self, error: Error) -> Error {
        self.steps.set(0);
        self.bytes.set(0);
        self.refusal.get_or_init(|| error).clone()
    }

    /// Why the run was ended, if it was.
    pub(crate) fn refusal(&self) -> Option<&Error> {
        self.refusal.get()
    }

    /// The limits it began with.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Steps taken so far.
    pub fn steps_used(&self) -> u64 {
        self.limits.steps - self.steps.get()
    }

    /// Bytes allocated so far.
    pub fn bytes_used(&self) -> u64 {
        self.limits.bytes - self.bytes.get()
    }

    /// Bytes that may still be allocated.
    pub fn bytes_left(&self) -> usize {
        usize::try_from(self.bytes.get()).unwrap_or(usize::MAX)
    }

    /// Takes one step.
    ///
    /// # Errors
    /// When none is left.
    #[inline]
    pub(crate) fn step(&self) -> Result<(), Error> {
        match self.steps.get().checked_sub(1) {
            Some(left) => {
                self.steps.set(left);
                Ok(())
            }
            None => Err(self.out_of_steps()),
        }
    }

    /// Takes as many steps as `count` values or bytes looked at are worth.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn work(&self, count: usize) -> Result<(), Error> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        match self.steps.get().checked_sub(count) {
            Some(left) => {
                self.steps.set(left);
                Ok(())
            }
            None => Err(self.out_of_steps()),
        }
    }

    /// Takes bytes for something that is about to be allocated.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn allocate(&self, count: usize) -> Result<(), Error> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        match self.bytes.get().checked_sub(count) {
            Some(left) => {
                self.bytes.set(left);
                Ok(())
            }
            None => Err(self.out_of_bytes()),
        }
    }

    /// Takes bytes and steps for a list of values that is about to be made.
    ///
    /// # Errors
    /// When fewer are left.
    pub(crate) fn allocate_values(&self, count: usize) -> Result<(), Error> {
        self.allocate(
            count
                .saturating_mul(size_of::<super::Value>())
                .saturating_add(LIST_BYTES),
        )?;
        self.work(count / 8)
    }

    /// Takes bytes and steps for a string that is about to be made.
    ///
    /// # Errors
    /// When fewer are left.
    pub(crate) fn allocate_text(&self, bytes: usize) -> Result<(), Error> {
        self.allocate(bytes.saturating_add(STRING_BYTES))?;
        self.work(bytes / 32)
    }

    /// Takes bytes and a step for one value of a tree that is about to be made.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub(crate) fn allocate_tree(&self, bytes: usize) -> Result<(), Error> {
        self.step()?;
        self.allocate(bytes)
    }

    #[cold]
    fn out_of_steps(&self) -> Error {
        self.refuse(Error::budget(format!(
            "evaluation was stopped: it used up its step budget of {} steps",
            self.limits.steps
        )))
    }

    #[cold]
    pub(crate) fn out_of_bytes(&self) -> Error {
        self.refuse(Error::budget(format!(
            "evaluation was stopped: it used up its memory budget of {} bytes",
            self.limits.bytes
        )))
    }

    #[cold]
    pub(crate) fn too_deep(&self) -> Error {
        self.refuse(Error::budget(format!(
            "evaluation was stopped: more than {} calls are in progress (is there a recursion without end?)",
            self.limits.depth
        )))
    }

    #[cold]
    pub(crate) fn too_deep_reentry(&self) -> Error {
        self.refuse(Error::budget(format!(
            "evaluation was stopped: more than {MAX_REENTRY} calls of library functions are in progress"
        )))
    }
}

/// What a list takes besides its elements.
const LIST_BYTES: usize = 64;
/// What a string takes besides its text.
const STRING_BYTES: usize = 24;
/// What an entry of a dict or set takes.
pub(crate) const ENTRY_BYTES: usize = 72;
/// What a function takes.
pub(crate) const FUNCTION_BYTES: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_names_itself_when_it_is_used_up() {
        let budget = Budget::new(Limits {
            steps: 2,
            bytes: 10,
            depth: 1,
        });
        assert!(budget.step().is_ok() && budget.step().is_ok());
        let error = budget.step().unwrap_err();
        assert!(
            error.message().contains("step budget of 2 steps"),
            "{error}"
        );
        assert!(!error.is_catchable());
        let again = budget.allocate(1).unwrap_err();
        assert_eq!(
            again.message(),
            error.message(),
            "the first refusal is kept"
        );
        let budget = Budget::new(Limits {
            bytes: 10,
            ..Limits::INLINE
        });
        let error = budget.allocate(11).unwrap_err();
        assert!(
            error.message().contains("memory budget of 10 bytes"),
            "{error}"
        );
        assert!(budget.step().is_err(), "a run out of memory is over");
    }

    #[test]
    fn work_beyond_the_budget_uses_it_up() {
        let budget = Budget::new(Limits {
            steps: 10,
            ..Limits::INLINE
        });
        assert!(budget.work(usize::MAX).is_err());
        assert!(budget.step().is_err());
    }
}
