//! Lists and tuples.

use super::super::error::{Error, fail};
use super::Value;
use super::release::release;
use std::cell::{Cell, Ref, RefCell, RefMut};
use std::ops::Deref;

/// A list. It can be changed until it is frozen, except while it is iterated over.
#[derive(Debug)]
pub struct List {
    items: RefCell<Vec<Value>>,
    frozen: Cell<bool>,
    iterations: Cell<u32>,
    /// Whether the thread knows this list as one that may contain itself.
    pub(crate) watched: Cell<bool>,
}

impl List {
    /// A list of these elements.
    pub fn new(items: Vec<Value>) -> Self {
        Self {
            items: RefCell::new(items),
            frozen: Cell::new(false),
            iterations: Cell::new(0),
            watched: Cell::new(false),
        }
    }

    /// Its elements.
    pub fn borrow(&self) -> Ref<'_, Vec<Value>> {
        self.items.borrow()
    }

    /// Element `at`.
    pub fn get(&self, at: usize) -> Option<Value> {
        self.items.borrow().get(at).cloned()
    }

    /// Its elements, to be changed; `verb` says what for.
    ///
    /// # Errors
    /// When the list is frozen or iterated over.
    pub fn change(&self, verb: &str) -> Result<RefMut<'_, Vec<Value>>, Error> {
        if self.frozen.get() {
            fail!("cannot {verb} frozen list");
        }
        if self.iterations.get() > 0 {
            fail!("cannot {verb} list during iteration");
        }
        Ok(self.items.borrow_mut())
    }

    /// Its elements, to be changed by what made it and has not given it away yet.
    pub(crate) fn fill(&self) -> RefMut<'_, Vec<Value>> {
        self.items.borrow_mut()
    }

    /// Makes it immutable; gives whether it was not before.
    pub(crate) fn freeze(&self) -> bool {
        !self.frozen.replace(true)
    }

    pub(crate) fn begin_iteration(&self) {
        self.iterations.set(self.iterations.get().saturating_add(1));
    }

    pub(crate) fn end_iteration(&self) {
        self.iterations.set(self.iterations.get().saturating_sub(1));
    }

    /// Empties it, whatever its state.
    pub(crate) fn clear(&self) {
        let items = std::mem::take(&mut *self.items.borrow_mut());
        release(items);
    }
}

impl Drop for List {
    fn drop(&mut self) {
        release(std::mem::take(self.items.get_mut()));
    }
}

/// A tuple.
#[derive(Debug)]
pub struct Tuple {
    items: Vec<Value>,
}

impl Tuple {
    /// A tuple of these elements.
    pub fn new(items: Vec<Value>) -> Self {
        Self { items }
    }

    pub(crate) fn take(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.items)
    }
}

impl Deref for Tuple {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.items
    }
}

impl Drop for Tuple {
    fn drop(&mut self) {
        release(std::mem::take(&mut self.items));
    }
}
