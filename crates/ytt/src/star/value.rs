//! Values of the language.

mod custom;
mod dict;
mod function;
mod list;
mod record;
mod release;

use super::text::Str;
use num_bigint::BigInt;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

pub use custom::{Access, Custom};
pub use dict::{Dict, Set};
pub(crate) use function::{CellBox, Module};
pub use function::{Closure, Function, Method, Native, NativeFn};
pub use list::{List, Tuple};
pub use record::{Fields, Struct, StructKind};

/// A value.
///
/// Lists, dicts and sets are shared: a clone is the same list.
#[derive(Clone)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// An integer that does not; see [`Value::from_big`].
    Big(Arc<BigInt>),
    /// A floating point number.
    Float(f64),
    /// A string of bytes.
    Str(Str),
    /// A list.
    List(Rc<List>),
    /// A tuple.
    Tuple(Rc<Tuple>),
    /// A dict.
    Dict(Rc<Dict>),
    /// A set.
    Set(Rc<Set>),
    /// A range of integers.
    Range(Rc<Range>),
    /// Elements or code points of a string.
    Elems(Rc<Elems>),
    /// A function defined in the language.
    Function(Rc<Function>),
    /// A function of the engine or a library.
    Native(&'static Native),
    /// A method bound to its receiver.
    Method(Rc<Method>),
    /// A function of the host.
    Closure(Rc<Closure>),
    /// A struct.
    Struct(Rc<Struct>),
    /// A value of the host.
    Custom(Rc<dyn Custom>),
}

/// Integers from `start`, `step` apart, `len` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first integer.
    pub start: i64,
    /// The bound that was given, for printing.
    pub stop: i64,
    /// The distance; never zero.
    pub step: i64,
    /// How many there are.
    pub len: i64,
}

impl Range {
    /// A range; arguments are 32 bit integers, so nothing overflows.
    pub(crate) fn new(start: i64, stop: i64, step: i64) -> Self {
        let len = match step {
            1.. if stop > start => (stop - 1 - start) / step + 1,
            ..=-1 if start > stop => (start - 1 - stop) / -step + 1,
            _ => 0,
        };
        Self {
            start,
            stop,
            step,
            len,
        }
    }

    /// Element `at`, which is in range.
    pub(crate) fn get(&self, at: i64) -> i64 {
        self.start + at * self.step
    }
}

/// What iteration over a string gives: `s.elems()` and its kin.
#[derive(Debug, Clone)]
pub struct Elems {
    pub(crate) text: Str,
    /// Numbers instead of strings.
    pub(crate) ords: bool,
    /// Code points instead of bytes.
    pub(crate) codepoints: bool,
}

impl Elems {
    pub(crate) fn type_name(&self) -> &'static str {
        if self.codepoints {
            "codepoints"
        } else {
            "elems"
        }
    }
}

impl Value {
    /// A string.
    pub fn str(text: impl Into<Str>) -> Self {
        Self::Str(text.into())
    }

    /// A list of these elements.
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Rc::new(List::new(items)))
    }

    /// A tuple of these elements.
    pub fn tuple(items: Vec<Value>) -> Self {
        Self::Tuple(Rc::new(Tuple::new(items)))
    }

    /// An integer of any size.
    pub fn from_big(value: BigInt) -> Self {
        match i64::try_from(&value) {
            Ok(small) => Self::Int(small),
            Err(_) => Self::Big(Arc::new(value)),
        }
    }

    /// A length or position.
    pub fn from_len(len: usize) -> Self {
        Self::Int(i64::try_from(len).unwrap_or(i64::MAX))
    }

    /// Name of its type, as `type(x)` gives it.
    pub fn type_name(&self) -> &str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "string",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Set(_) => "set",
            Self::Range(_) => "range",
            Self::Elems(elems) => elems.type_name(),
            Self::Function(_) => "function",
            Self::Native(_) | Self::Method(_) | Self::Closure(_) => "builtin_function_or_method",
            Self::Struct(value) => value.kind().type_name(),
            Self::Custom(value) => value.type_name(),
        }
    }

    /// Name of its type in the original's own language, which some of its messages show.
    pub fn go_type(&self) -> &str {
        match self {
            Self::None => "starlark.NoneType",
            Self::Bool(_) => "starlark.Bool",
            Self::Int(_) | Self::Big(_) => "starlark.Int",
            Self::Float(_) => "starlark.Float",
            Self::Str(_) => "starlark.String",
            Self::List(_) => "*starlark.List",
            Self::Tuple(_) => "starlark.Tuple",
            Self::Dict(_) => "*starlark.Dict",
            Self::Set(_) => "*starlark.Set",
            Self::Range(_) => "starlark.rangeValue",
            Self::Elems(_) => "starlark.stringIterable",
            Self::Function(_) => "*starlark.Function",
            Self::Native(_) | Self::Method(_) | Self::Closure(_) => "*starlark.Builtin",
            Self::Struct(value) => value.kind().go_type(),
            Self::Custom(value) => value.go_type(),
        }
    }

    /// Whether the value counts as true.
    pub fn truth(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Str(value) => !value.is_empty(),
            Self::List(value) => !value.borrow().is_empty(),
            Self::Tuple(value) => !value.is_empty(),
            Self::Dict(value) => !value.is_empty(),
            Self::Set(value) => !value.is_empty(),
            Self::Range(value) => value.len > 0,
            Self::Struct(value) => !value.is_empty(),
            Self::Custom(value) => value.truth(),
            Self::Big(_)
            | Self::Elems(_)
            | Self::Function(_)
            | Self::Native(_)
            | Self::Method(_)
            | Self::Closure(_) => true,
        }
    }

    /// How many elements it has; bytes for a string. Some things that have a length cannot be
    /// iterated over, and the other way round.
    #[expect(clippy::len_without_is_empty, reason = "not everything has a length")]
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::Str(value) => Some(value.len()),
            Self::List(value) => Some(value.borrow().len()),
            Self::Tuple(value) => Some(value.len()),
            Self::Dict(value) => Some(value.len()),
            Self::Set(value) => Some(value.len()),
            Self::Range(value) => usize::try_from(value.len).ok(),
            Self::Struct(value) => Some(value.len()),
            Self::Custom(value) => value.len(),
            _ => None,
        }
    }

    /// Everything it gives when iterated over, if it can be.
    pub fn elements(&self) -> Option<Vec<Value>> {
        super::iter::Iter::begin(self).map(Iterator::collect)
    }

    /// Whether it can be iterated over and its length is known.
    pub fn is_sequence(&self) -> bool {
        self.len().is_some() && super::args::unpack_iterable(self).is_ok()
    }

    /// Whether its type has attributes or methods.
    pub fn has_attributes(&self) -> bool {
        super::access::attr_names(self).is_some()
    }

    /// An attribute or method.
    pub fn attribute(&self, name: &str) -> Option<Value> {
        super::access::find_attr(self, name.as_bytes())
    }

    /// A number as an integer, cut off towards zero.
    pub fn number_to_int(&self) -> Option<Value> {
        super::numbers::to_int(self).ok()
    }

    /// A number as a float.
    pub fn number_to_float(&self) -> Option<f64> {
        super::numbers::to_float(self)
    }

    /// Whether it can be called.
    pub fn is_callable(&self) -> bool {
        matches!(
            self,
            Self::Function(_) | Self::Native(_) | Self::Method(_) | Self::Closure(_)
        )
    }

    /// Whether it is a container or may refer to one.
    pub(crate) fn may_refer(&self) -> bool {
        matches!(
            self,
            Self::List(_)
                | Self::Tuple(_)
                | Self::Dict(_)
                | Self::Function(_)
                | Self::Method(_)
                | Self::Closure(_)
                | Self::Struct(_)
                | Self::Custom(_)
        )
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        match i64::try_from(value) {
            Ok(small) => Self::Int(small),
            Err(_) => Self::Big(Arc::new(BigInt::from(value))),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(Str::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(Str::from(text))
    }
}

/// Shows the kind of a value and what is cheap to show of it.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Big(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Str(value) => write!(f, "{value:?}"),
            other => write!(f, "<{}>", other.type_name()),
        }
    }
}
