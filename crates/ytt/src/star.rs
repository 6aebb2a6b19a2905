//! The engine of ytt's dialect of Starlark.
//!
//! Text becomes tokens, a tree, a [`Program`] and, in a [`Thread`], values. A program holds no
//! values, so it may be cached and shared between operating system threads; a run happens on one.
//! The dialect, its messages and the lines they name are those of the interpreter that ytt
//! embeds: github.com/k14s/starlark-go, 3a5c849cc368. Where that one crashes, this one fails.
//!
//! Blocks close with `end`. Strings are bytes. Nothing here reads files, clocks or the
//! environment; what a run may cost is bounded by [`Limits`].

mod access;
mod args;
pub mod ast;
mod blocks;
mod budget;
mod code;
mod compare;
mod compile;
mod error;
mod format;
mod freeze;
mod iter;
pub(crate) mod lex;
mod methods;
mod numbers;
mod ops;
mod parse;
mod resolve;
mod search;
pub mod source;
pub mod spell;
mod text;
mod thread;
pub(crate) mod token;
pub(crate) mod unicode;
mod universe;
mod value;
mod vm;
mod watch;
mod wrap;

pub use args::Args;
pub use budget::{Budget, Limits, MAX_VALUE_DEPTH};
pub use code::Program;
pub use error::{Error, ErrorKind, Frame, Lookup, SyntaxErrors};
pub use format::{Style, format_float, quote};
#[allow(unused_imports, reason = "the library uses it")]
pub(crate) use iter::decode_rune;
pub use parse::parse;
pub use source::{Line, Origin, Source};
pub use text::Str;
pub use thread::{Exports, Loader, Thread};
pub use token::Literal;
pub use value::{
    Access, Closure, Custom, Dict, Elems, Fields, Function, List, Method, Native, NativeFn, Range,
    Set, Struct, StructKind, Tuple, Value,
};
pub use wrap::{NodeCalls, wrap_node_functions};

/// Everything a value gives when iterated over, if it can be.
pub fn elements(value: &Value) -> Option<Vec<Value>> {
    value.elements()
}

#[cfg(test)]
mod tests;
