//! The module `@ytt:data`: data values, and files as data.
//!
//! Source: ytt pkg/yttlibrary/data.go, pkg/workspace/data_loader.go.

use std::rc::Rc;

use super::loader::Place;
use crate::bridge::as_string;
use crate::library;
use crate::star::{Args, Closure, Error, Str, Value};

pub(super) fn module(values: &Value, place: &Place) -> Value {
    let list_place = place.clone();
    let read_place = place.clone();
    library::make_module(
        "data",
        vec![
            (
                "list",
                function("data.list", move |args| list(&list_place, args)),
            ),
            (
                "read",
                function("data.read", move |args| read(&read_place, args)),
            ),
            ("values", values.clone()),
        ],
    )
}

fn function(
    name: &'static str,
    function: impl Fn(&Args<'_>) -> Result<Value, Error> + 'static,
) -> Value {
    let call =
        move |_: &mut _, args: &Args<'_>| function(args).map_err(|error: Error| error.within(name));
    Value::Closure(Rc::new(Closure::new(name, call)))
}

/// The paths of all files in a directory and below.
fn list(place: &Place, args: &Args<'_>) -> Result<Value, Error> {
    let path = match args.positional {
        [] => String::new(),
        [path] => as_string(path)?.to_text().into_owned(),
        _ => return Err(Error::new("expected exactly zero or one argument")),
    };
    let (library, path, prefix) = match path.strip_prefix('/') {
        Some(path) => (&place.root, path, "/"),
        None => (&place.current, path.as_str(), ""),
    };
    let library = if path.is_empty() {
        Rc::clone(library)
    } else {
        library.directory(path)?
    };
    let paths = library.accessible_files().into_iter();
    Ok(Value::list(
        paths
            .map(|file| Value::str(format!("{prefix}{}", file.path)))
            .collect(),
    ))
}

/// The contents of a file.
fn read(place: &Place, args: &Args<'_>) -> Result<Value, Error> {
    let [path] = args.positional else {
        return Err(Error::new("expected exactly one argument"));
    };
    let path = as_string(path)?.to_text();
    let found = match path.strip_prefix('/') {
        Some(path) => place.root.file(path)?,
        None => place.current.file(&path)?,
    };
    Ok(Value::Str(Str::from(found.file.contents()?)))
}
