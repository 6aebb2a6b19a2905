//! Values that every program sees.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) starlark/library.go.

mod convert;
mod inspect;
mod sequence;
mod sort;

use super::value::{Native, Value};

/// The functions, in order of their names; the constants come after them.
const FUNCTIONS: &[Native] = &[
    Native::new("all", sequence::all),
    Native::new("any", sequence::any),
    Native::new("bool", convert::bool_),
    Native::new("chr", convert::chr),
    Native::new("dict", convert::dict),
    Native::new("dir", inspect::dir),
    Native::new("enumerate", sequence::enumerate),
    Native::new("fail", inspect::fail),
    Native::new("float", convert::float),
    Native::new("getattr", inspect::getattr),
    Native::new("hasattr", inspect::hasattr),
    Native::new("hash", inspect::hash),
    Native::new("int", convert::int),
    Native::new("len", inspect::len),
    Native::new("list", convert::list),
    Native::new("max", sequence::extremum),
    Native::new("min", sequence::extremum),
    Native::new("ord", convert::ord),
    Native::new("print", inspect::print),
    Native::new("range", sequence::range),
    Native::new("repr", convert::repr),
    Native::new("reversed", sequence::reversed),
    Native::new("set", convert::set),
    Native::new("sorted", sequence::sorted),
    Native::new("str", convert::str),
    Native::new("tuple", convert::tuple),
    Native::new("type", inspect::type_),
    Native::new("zip", sequence::zip),
];

static UNIVERSE: &[Native] = FUNCTIONS;

/// Index of a name, if every program sees it.
pub(crate) fn index_of(name: &str) -> Option<u32> {
    let constants = FUNCTIONS.len();
    let at = match name {
        "None" => constants,
        "True" => constants + 1,
        "False" => constants + 2,
        name => FUNCTIONS
            .binary_search_by(|function| function.name.cmp(name))
            .ok()?,
    };
    u32::try_from(at).ok()
}

/// The value at an index.
pub(crate) fn get(at: u32) -> Value {
    let at = at as usize;
    match UNIVERSE.get(at) {
        Some(function) => Value::Native(function),
        None if at == FUNCTIONS.len() => Value::None,
        None => Value::Bool(at == FUNCTIONS.len() + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found() {
        assert!(FUNCTIONS.is_sorted_by_key(|function| function.name));
        assert!(matches!(index_of("True").map(get), Some(Value::Bool(true))));
        assert!(matches!(
            index_of("False").map(get),
            Some(Value::Bool(false))
        ));
        assert!(matches!(index_of("None").map(get), Some(Value::None)));
        let zip = index_of("zip").map(get);
        assert!(matches!(zip, Some(Value::Native(native)) if native.name == "zip"));
        assert_eq!(index_of("true"), None);
    }
}
