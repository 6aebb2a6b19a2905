//! Functions: of the language, of the engine, of the host.

use super::super::args::Args;
use super::super::code::{Code, Program};
use super::super::error::Error;
use super::super::thread::Thread;
use super::Value;
use super::release::release;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// A variable that several functions share.
#[derive(Debug, Default)]
pub(crate) struct CellBox(RefCell<Option<Value>>);

impl CellBox {
    pub(crate) fn new(value: Option<Value>) -> Self {
        Self(RefCell::new(value))
    }

    pub(crate) fn get(&self) -> Option<Value> {
        self.0.borrow().clone()
    }

    pub(crate) fn set(&self, value: Option<Value>) {
        let old = self.0.replace(value);
        release(old.into_iter().collect());
    }
}

impl Drop for CellBox {
    fn drop(&mut self) {
        if let Some(value) = self.0.get_mut().take().filter(Value::may_refer) {
            release(vec![value]);
        }
    }
}

/// A file while it runs: its globals and what it was given.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) globals: RefCell<Vec<Option<Value>>>,
    pub(crate) predeclared: RefCell<Vec<Value>>,
}

/// A function defined by `def` or `lambda`, or the top level of a file.
pub struct Function {
    pub(crate) program: Arc<Program>,
    /// Index of its code in the program.
    pub(crate) code: usize,
    pub(crate) module: Rc<Module>,
    /// Defaults; none stands for a parameter that must be named.
    pub(crate) defaults: Vec<Option<Value>>,
    pub(crate) free: Vec<Rc<CellBox>>,
}

impl Function {
    /// Its name; `lambda` if it has none.
    pub fn name(&self) -> &str {
        &self.code().name
    }

    /// How many parameters it has, `*args` and `**kwargs` among them.
    pub fn num_params(&self) -> usize {
        self.code().params
    }

    pub(crate) fn code(&self) -> &Code {
        &self.program.codes[self.code]
    }

    /// Takes out what it refers to.
    pub(super) fn take(&mut self, out: &mut Vec<Value>) {
        out.extend(self.defaults.drain(..).flatten());
        for cell in self.free.drain(..) {
            if let Some(mut cell) = Rc::into_inner(cell) {
                out.extend(cell.0.get_mut().take());
            }
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if self.defaults.is_empty() && self.free.is_empty() {
            return;
        }
        let mut values = Vec::new();
        self.take(&mut values);
        release(values);
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<function {}>", self.name())
    }
}

/// How a function of the engine or a library is implemented.
pub type NativeFn = fn(&mut Thread, &Args<'_>) -> Result<Value, Error>;

/// A function or method of the engine or a library.
#[derive(Debug)]
pub struct Native {
    /// Its name; messages begin with it.
    pub name: &'static str,
    /// What it does.
    pub function: NativeFn,
    /// Whether a failure inside gets the name in front and loses its calls.
    pub wraps: bool,
}

impl Native {
    /// Describes a function; failures pass through as they are.
    pub const fn new(name: &'static str, function: NativeFn) -> Self {
        Self {
            name,
            function,
            wraps: false,
        }
    }

    /// Describes a function whose failures begin with its name; see [`Error::within`].
    pub const fn wrapping(name: &'static str, function: NativeFn) -> Self {
        Self {
            name,
            function,
            wraps: true,
        }
    }

    pub(crate) fn call(&self, thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
        let result = (self.function)(thread, args);
        if self.wraps {
            result.map_err(|error| error.within(self.name))
        } else {
            result
        }
    }
}

/// A method bound to the value it is called on.
#[derive(Debug)]
pub struct Method {
    /// The method.
    pub native: &'static Native,
    /// The value.
    pub receiver: Value,
}

/// A function of the host, with state of its own.
pub struct Closure {
    name: Box<str>,
    function: Box<ClosureFn>,
    /// Values that the function gets besides its arguments.
    pub(crate) captured: Vec<Value>,
}

type ClosureFn = dyn Fn(&mut Thread, &Args<'_>) -> Result<Value, Error>;

impl Closure {
    /// A function of the host.
    pub fn new(
        name: impl Into<Box<str>>,
        function: impl Fn(&mut Thread, &Args<'_>) -> Result<Value, Error> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            function: Box::new(function),
            captured: Vec::new(),
        }
    }

    /// A function of the host whose failures begin with its name; see [`Error::within`].
    pub fn wrapping(
        name: &'static str,
        function: impl Fn(&mut Thread, &Args<'_>) -> Result<Value, Error> + 'static,
    ) -> Self {
        Self::new(name, move |thread, args| {
            function(thread, args).map_err(|error| error.within(name))
        })
    }

    /// A function of the host that keeps values of the language; it finds them in
    /// [`Args::captured`].
    pub fn with_captured(
        name: impl Into<Box<str>>,
        captured: Vec<Value>,
        function: impl Fn(&mut Thread, &Args<'_>) -> Result<Value, Error> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            function: Box::new(function),
            captured,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn call(&self, thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
        (self.function)(thread, args)
    }

    pub(super) fn take(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.captured)
    }
}

impl Drop for Closure {
    fn drop(&mut self) {
        release(std::mem::take(&mut self.captured));
    }
}

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<built-in function {}>", self.name)
    }
}
