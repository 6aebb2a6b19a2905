//! Compiled programs: instructions for a stack machine, with the line each stands for.
//!
//! A program holds no values of a run and may be shared between threads.

use super::ast::{BinOp, UnOp};
use super::source::Source;
use super::text::Str;
use super::token::Literal;
use std::sync::Arc;

/// An instruction. Operands are on the stack, the last one on top.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    /// Drops the top.
    Pop,
    /// Repeats the top.
    Dup,
    /// Repeats the two on top.
    Dup2,
    /// Exchanges the two on top.
    Exchange,
    Const(u32),
    None,
    Binary(BinOp),
    /// `x += y`, which extends a list in place.
    InplaceAdd,
    Unary(UnOp),
    Jump(u32),
    /// Takes the top and jumps if it is false.
    JumpUnless(u32),
    /// Jumps if the top is true, else takes it.
    Or(u32),
    /// Jumps if the top is false, else takes it.
    And(u32),
    /// Calls with so many positional arguments and nothing else.
    Call(u8),
    /// As [`Op::Call`], for what [`Op::Method`] put there.
    CallMethod(u8),
    /// Calls with everything that [`CallShape`] says.
    CallFull(u32),
    MakeList(u32),
    MakeTuple(u32),
    MakeDict,
    /// Sets a key of the dict below key and value; the key must be new.
    SetDictUnique,
    /// Sets a key of the dict below key and value.
    SetDict,
    /// Appends to the list below.
    Append,
    Slice,
    Index,
    SetIndex,
    Attr(u32),
    /// Replaces a receiver by a method and the receiver to call it with.
    Method(u32),
    SetField(u32),
    /// Takes an iterable apart into so many values, the first on top.
    Unpack(u32),
    IterPush,
    /// Pushes the next element, or jumps at the end.
    IterNext(u32),
    IterPop,
    Return,
    MakeFunction(u32),
    Load(u32),
    Local(u32),
    SetLocal(u32),
    Cell(u32),
    SetCell(u32),
    Free(u32),
    Global(u32),
    SetGlobal(u32),
    Predeclared(u32),
    Universal(u32),
}

/// Arguments of a call beyond positional ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CallShape {
    pub(crate) positional: usize,
    pub(crate) names: Vec<Str>,
    pub(crate) varargs: bool,
    pub(crate) kwargs: bool,
    /// Whether [`Op::Method`] came before.
    pub(crate) method: bool,
}

/// Where a new function takes a shared cell from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Capture {
    Local(u32),
    Free(u32),
}

/// The code of a function, or of the top level of a file.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) name: Arc<str>,
    pub(crate) ops: Vec<Op>,
    /// Line of each instruction; those without one of their own have that of the one before.
    pub(crate) lines: Vec<u32>,
    /// Names of locals, parameters first.
    pub(crate) locals: Vec<Str>,
    /// Locals that live in cells.
    pub(crate) cells: Vec<u32>,
    /// What a new function takes from the one around it.
    pub(crate) captures: Vec<Capture>,
    /// Names of what is taken.
    pub(crate) free: Vec<Str>,
    /// Parameters, `*args` and `**kwargs` among them, but not a bare star.
    pub(crate) params: usize,
    pub(crate) keyword_only: usize,
    pub(crate) has_varargs: bool,
    pub(crate) has_kwargs: bool,
    /// For each default and keyword-only parameter, whether it has a default.
    pub(crate) defaults: Vec<bool>,
}

impl Code {
    /// Whether parameters are plain and positional only.
    pub(crate) fn is_simple(&self) -> bool {
        self.keyword_only == 0 && !self.has_varargs && !self.has_kwargs
    }
}

/// A `load` statement.
#[derive(Debug)]
pub(crate) struct LoadSite {
    pub(crate) module: Arc<str>,
    /// Names in the module.
    pub(crate) from: Vec<Str>,
}

/// A compiled file. It holds no values of a run and may be shared between threads.
#[derive(Debug)]
pub struct Program {
    pub(crate) source: Arc<Source>,
    /// Code of every function; the last is the top level.
    pub(crate) codes: Vec<Code>,
    pub(crate) constants: Vec<Literal>,
    pub(crate) names: Vec<Str>,
    pub(crate) globals: Vec<Str>,
    pub(crate) loads: Vec<LoadSite>,
    pub(crate) shapes: Vec<CallShape>,
    /// How many values a run must be given.
    pub(crate) predeclared: usize,
}

impl Program {
    /// The text that this program was made of.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Names of the modules that the program loads, in order.
    pub fn loads(&self) -> impl Iterator<Item = &str> {
        self.loads.iter().map(|load| load.module.as_ref())
    }

    /// Index of the top level's code.
    pub(crate) fn top_level(&self) -> usize {
        self.codes.len() - 1
    }
}
