//! What one run may cost.

use crate::star;

/// Bounds of a run. Exceeding one ends the run with an error that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Instructions of the language, and what library functions count as such.
    pub steps: u64,
    /// Bytes that evaluation may allocate in total, freed ones included.
    pub memory_bytes: u64,
    /// Calls in progress at the same time.
    pub depth: usize,
    /// Bytes of printed output.
    pub output_bytes: usize,
}

impl Limits {
    /// For a template of a cluster object, evaluated by a controller: 50 million steps, 64 MiB,
    /// 1,000 calls, 8 MiB of output. Well above what the largest known template uses, and at most
    /// about a second of one core.
    pub const INLINE: Self = Self {
        steps: star::Limits::INLINE.steps,
        memory_bytes: star::Limits::INLINE.bytes,
        depth: star::Limits::INLINE.depth,
        // An object in etcd may have 1.5 MiB.
        output_bytes: 8 << 20,
    };

    /// For a command line that a person waits for: 5 billion steps, 4 GiB, 1,000 calls, 1 GiB of
    /// output.
    pub const COMMAND: Self = Self {
        steps: star::Limits::COMMAND.steps,
        memory_bytes: star::Limits::COMMAND.bytes,
        depth: star::Limits::COMMAND.depth,
        output_bytes: 1 << 30,
    };

    pub(crate) fn engine(self) -> star::Limits {
        star::Limits {
            steps: self.steps,
            bytes: self.memory_bytes,
            depth: self.depth,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::INLINE
    }
}
