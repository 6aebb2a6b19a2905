//! Conflicts between managers, and how they are told.
//!
//! Source: apimachinery pkg/util/managedfields/internal/conflict.go, v0.36.

use std::{collections::BTreeMap, fmt};

use crate::{
    fieldpath::{Path, Set, display},
    managed::Manager,
};

/// One field that another manager owns and this write would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its owner.
    pub manager: Manager,
    /// The field.
    pub path: Path,
    /// When the owner wrote last; known for stored entries.
    pub time: Option<String>,
}

impl Conflict {
    /// The field as printed in the cause of the error: `.spec.size`.
    pub fn field(&self) -> String {
        display(&self.path)
    }

    /// The message of the cause of the error.
    pub fn message(&self) -> String {
        format!("conflict with {}", self.manager)
    }
}

/// All conflicts of one apply, sorted by manager and path. Its text is the message of the error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conflicts(pub Vec<Conflict>);

impl Conflicts {
    pub(super) fn new(sets: &BTreeMap<Manager, Set>) -> Self {
        let mut conflicts = Vec::new();
        for (manager, set) in sets {
            set.for_each(&mut |path| {
                let manager = manager.clone();
                conflicts.push(Conflict {
                    manager,
                    path: path.to_vec(),
                    time: None,
                });
            });
        }
        Self(conflicts)
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return write!(
                f,
                "Apply failed with 1 conflict: {}: {}",
                only.message(),
                only.field()
            );
        }
        write!(f, "Apply failed with {} conflicts: ", self.0.len())?;
        let mut by_manager: BTreeMap<String, Vec<&Conflict>> = BTreeMap::new();
        for conflict in &self.0 {
            by_manager
                .entry(conflict.manager.identifier())
                .or_default()
                .push(conflict);
        }
        let mut first = true;
        for conflicts in by_manager.values() {
            if !std::mem::take(&mut first) {
                f.write_str("\n")?;
            }
            write!(f, "conflicts with {}:", conflicts[0].manager)?;
            for conflict in conflicts {
                write!(f, "\n- {}", conflict.field())?;
            }
        }
        Ok(())
    }
}
