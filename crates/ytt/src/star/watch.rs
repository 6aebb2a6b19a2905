//! Values that may contain themselves.
//!
//! Values are counted references; a list that is appended to itself, or a function that calls
//! itself through a shared variable, would never be freed. What can become part of such a circle
//! is noted here when it happens and taken apart when the run ends.

use super::value::{CellBox, Dict, List};
use std::rc::Rc;

/// Values to take apart at the end of a run.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    lists: Vec<Rc<List>>,
    dicts: Vec<Rc<Dict>>,
    cells: Vec<Rc<CellBox>>,
    /// Number of entries at which those nobody else uses are sorted out.
    sweep_at: usize,
}

/// Below this many entries sorting out is not worth it.
const MIN_SWEEP: usize = 1024;

impl Watched {
    pub(crate) fn add_list(&mut self, list: Rc<List>) {
        self.lists.push(list);
        self.sweep();
    }

    pub(crate) fn add_dict(&mut self, dict: Rc<Dict>) {
        self.dicts.push(dict);
        self.sweep();
    }

    pub(crate) fn add_cell(&mut self, cell: Rc<CellBox>) {
        self.cells.push(cell);
        self.sweep();
    }

    fn len(&self) -> usize {
        self.lists.len() + self.dicts.len() + self.cells.len()
    }

    /// Drops entries that nobody else uses, now and then: each costs a constant over time.
    fn sweep(&mut self) {
        if self.len() < self.sweep_at.max(MIN_SWEEP) {
            return;
        }
        self.lists.retain(|list| Rc::strong_count(list) > 1);
        self.dicts.retain(|dict| Rc::strong_count(dict) > 1);
        self.cells.retain(|cell| Rc::strong_count(cell) > 1);
        self.sweep_at = self.len() * 2;
    }

    /// Takes everything apart.
    pub(crate) fn clear(&mut self) {
        for list in self.lists.drain(..) {
            list.clear();
        }
        for dict in self.dicts.drain(..) {
            dict.clear();
        }
        for cell in self.cells.drain(..) {
            cell.set(None);
        }
    }
}
