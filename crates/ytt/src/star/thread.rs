//! A run: its stacks, its budget, and the doors to its host.

use super::budget::{Budget, Limits};
use super::code::Program;
use super::error::{Error, Frame};
use super::iter::Iter;
use super::text::Str;
use super::value::{CellBox, Dict, Function, List, Module, Value};
use super::watch::Watched;
use indexmap::IndexMap;
use std::rc::Rc;
use std::sync::Arc;

/// Where `load` finds modules.
pub trait Loader {
    /// Gives what a module exports. A module that is a file is run with [`Program::run`].
    ///
    /// # Errors
    /// When there is no such module, or it fails; the text follows `cannot load …: `.
    fn load(&self, thread: &mut Thread, module: &str) -> Result<Exports, Error>;
}

/// What a file or library module exports.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    values: IndexMap<Str, Value>,
}

impl Exports {
    /// One name with its value.
    pub fn one(name: impl Into<Str>, value: Value) -> Self {
        Self {
            values: IndexMap::from([(name.into(), value)]),
        }
    }

    /// The value of a name.
    pub fn get(&self, name: &[u8]) -> Option<&Value> {
        self.values.get(name)
    }

    /// All names, in order of their definition.
    pub fn names(&self) -> impl Iterator<Item = &Str> {
        self.values.keys()
    }
}

impl FromIterator<(Str, Value)> for Exports {
    fn from_iter<T: IntoIterator<Item = (Str, Value)>>(values: T) -> Self {
        Self {
            values: values.into_iter().collect(),
        }
    }
}

/// A call in progress.
#[derive(Debug)]
pub(crate) struct Activation {
    pub(crate) function: Rc<Function>,
    /// Index of the next instruction.
    pub(crate) pc: usize,
    /// Where its locals begin.
    pub(crate) locals: usize,
    /// Height of the value stack when it began.
    pub(crate) stack: usize,
    /// Height of the stack of iterations when it began.
    pub(crate) iters: usize,
}

/// A local variable.
#[derive(Debug)]
pub(crate) enum Slot {
    Unset,
    Plain(Value),
    Shared(Rc<CellBox>),
}

/// A run of one or several programs.
///
/// Functions that a program defines refer to its globals, which live as long as the thread: keep
/// the thread as long as values of the run are called.
pub struct Thread {
    pub(crate) budget: Rc<Budget>,
    pub(crate) frames: Vec<Activation>,
    pub(crate) stack: Vec<Value>,
    pub(crate) locals: Vec<Slot>,
    pub(crate) iters: Vec<Iter>,
    /// Frames below belong to the file that loads the one in progress.
    frame_base: usize,
    /// Calls from functions of the engine back into the language.
    pub(crate) reentry: usize,
    loader: Option<Rc<dyn Loader>>,
    print: Option<Print>,
    /// Lines that are written once only.
    printed: Vec<&'static str>,
    modules: Vec<Rc<Module>>,
    pub(crate) watched: Watched,
}

/// Where `print` writes a line to.
type Print = Rc<dyn Fn(&str)>;

impl Thread {
    /// A thread with a fresh budget. Nothing can be loaded, and what is printed is lost.
    pub fn new(limits: Limits) -> Self {
        Self {
            budget: Rc::new(Budget::new(limits)),
            frames: Vec::new(),
            stack: Vec::new(),
            locals: Vec::new(),
            iters: Vec::new(),
            frame_base: 0,
            reentry: 0,
            loader: None,
            print: None,
            printed: Vec::new(),
            modules: Vec::new(),
            watched: Watched::default(),
        }
    }

    /// Sends what programs print to `print`, line by line.
    pub fn set_print(&mut self, print: impl Fn(&str) + 'static) {
        self.print = Some(Rc::new(print));
    }

    /// Sets where programs load modules from; gives the loader before.
    pub fn set_loader(&mut self, loader: Option<Rc<dyn Loader>>) -> Option<Rc<dyn Loader>> {
        std::mem::replace(&mut self.loader, loader)
    }

    /// What is left of the limits; work on behalf of a program is charged here.
    pub fn budget(&self) -> &Rc<Budget> {
        &self.budget
    }

    /// Writes a line where `print` does.
    pub fn print(&self, line: &str) {
        if let Some(print) = &self.print {
            print(line);
        }
    }

    /// Writes a line where `print` does, unless it was written before.
    pub fn print_once(&mut self, line: &'static str) {
        if !self.printed.contains(&line) {
            self.printed.push(line);
            self.print(line);
        }
    }

    /// Loads a module.
    pub(crate) fn load(&mut self, module: &str) -> Result<Exports, Error> {
        let Some(loader) = self.loader.clone() else {
            return Err(Error::new("load not implemented by this application"));
        };
        match loader.load(self, module) {
            Err(error) => Err(error.after(&format!("cannot load {module}: "))),
            loaded => loaded,
        }
    }

    /// The calls in progress, innermost first.
    pub(crate) fn call_stack(&self) -> Vec<Frame> {
        let frames = self.frames.get(self.frame_base..).unwrap_or_default();
        frames.iter().rev().map(Activation::describe).collect()
    }

    /// Runs a program; `predeclared` are the values of the names it was compiled with.
    fn start(
        &mut self,
        program: &Arc<Program>,
        predeclared: Vec<Value>,
    ) -> (Rc<Module>, Result<Value, Error>) {
        let module = Rc::new(Module {
            globals: std::cell::RefCell::new(vec![None; program.globals.len()]),
            predeclared: std::cell::RefCell::new(predeclared),
        });
        self.modules.push(Rc::clone(&module));
        let function = Rc::new(Function {
            program: Arc::clone(program),
            code: program.top_level(),
            module: Rc::clone(&module),
            defaults: Vec::new(),
            free: Vec::new(),
        });
        let base = std::mem::replace(&mut self.frame_base, self.frames.len());
        let result = self.call(&Value::Function(function), &[], &[]);
        self.frame_base = base;
        (module, result)
    }

    /// Notes that a list was changed in a way that may make it contain itself.
    pub(crate) fn watch_list(&mut self, list: &Rc<List>, value: &Value) {
        if value.may_refer() && !list.watched.replace(true) {
            self.watched.add_list(Rc::clone(list));
        }
    }

    /// Notes that a dict was changed in a way that may make it contain itself.
    pub(crate) fn watch_dict(&mut self, dict: &Rc<Dict>, value: &Value) {
        if value.may_refer() && dict.watch() {
            self.watched.add_dict(Rc::clone(dict));
        }
    }
}

impl Activation {
    fn describe(&self) -> Frame {
        let code = self.function.code();
        // The next instruction is known; the one in progress is before it.
        let line = code
            .lines
            .get(self.pc.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        Frame {
            function: Arc::clone(&code.name),
            source: Arc::clone(&self.function.program.source),
            line,
        }
    }
}

impl Program {
    /// Runs the program and gives what it exports: its globals, but for names that begin with an
    /// underscore. `predeclared` are the values of the names it was compiled with, in that order.
    ///
    /// # Errors
    /// The failure that ended the run.
    pub fn run(
        self: &Arc<Self>,
        thread: &mut Thread,
        predeclared: Vec<Value>,
    ) -> Result<Exports, Error> {
        debug_assert_eq!(
            predeclared.len(),
            self.predeclared,
            "one value for every name"
        );
        let (module, result) = thread.start(self, predeclared);
        result?;
        let globals = module.globals.borrow();
        super::freeze::freeze(globals.iter().flatten());
        let named = self.globals.iter().zip(globals.iter());
        let exported = named.filter_map(|(name, value)| {
            let value = value.clone().filter(|_| !name.starts_with(b"_"))?;
            Some((name.clone(), value))
        });
        Ok(exported.collect())
    }

    /// Runs a program made by [`Program::of_expression`] and gives the value.
    ///
    /// # Errors
    /// The failure that ended the run.
    pub fn eval(
        self: &Arc<Self>,
        thread: &mut Thread,
        predeclared: Vec<Value>,
    ) -> Result<Value, Error> {
        thread.start(self, predeclared).1
    }
}

/// Functions refer to globals and globals to functions: the thread takes them apart at the end.
impl Drop for Thread {
    fn drop(&mut self) {
        for module in self.modules.drain(..) {
            let globals = std::mem::take(&mut *module.globals.borrow_mut());
            let predeclared = std::mem::take(&mut *module.predeclared.borrow_mut());
            drop((globals, predeclared));
        }
        self.watched.clear();
    }
}
