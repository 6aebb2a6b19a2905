//! Modules as values: `@ytt:module` and what every other module is made of.
//!
//! Source: starlark-go starlarkstruct/module.go, ytt pkg/yttlibrary/module.go.

use std::any::Any;
use std::rc::Rc;

use super::arguments::one_string;
use crate::star::{Args, Custom, Error, Native, Str, Thread, Value, quote};

/// A named collection of values.
#[derive(Debug)]
pub(crate) struct Module {
    name: Str,
    /// Members that never change, by the name under which they are found.
    natives: &'static [(&'static str, Native)],
    /// Other members.
    values: Vec<(Str, Value)>,
}

impl Module {
    /// A module of functions.
    pub(crate) fn of_natives(name: &str, natives: &'static [(&'static str, Native)]) -> Self {
        Self {
            name: name.into(),
            natives,
            values: Vec::new(),
        }
    }

    /// A module of functions and values.
    pub(crate) fn new(
        name: impl Into<Str>,
        natives: &'static [(&'static str, Native)],
        values: Vec<(Str, Value)>,
    ) -> Self {
        Self {
            name: name.into(),
            natives,
            values,
        }
    }

    /// The module as a value.
    pub(crate) fn into_value(self) -> Value {
        Value::Custom(Rc::new(self))
    }
}

impl Custom for Module {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        "module"
    }

    fn go_type(&self) -> &'static str {
        "*starlarkstruct.Module"
    }

    fn to_text(&self) -> String {
        format!("<module {}>", quote(&self.name))
    }

    fn attr(&self, name: &str) -> Option<Value> {
        if let Some((_, native)) = self.natives.iter().find(|(known, _)| *known == name) {
            return Some(Value::Native(native));
        }
        let found = self.values.iter().rev().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone())
    }

    fn attr_names(&self) -> Option<Vec<Str>> {
        let natives = self.natives.iter().map(|(name, _)| Str::from(*name));
        let mut names: Vec<_> = natives
            .chain(self.values.iter().map(|(name, _)| name.clone()))
            .collect();
        names.sort();
        names.dedup();
        Some(names)
    }

    fn hash_error(&self) -> String {
        "unhashable: module".to_owned()
    }

    fn release(&mut self, out: &mut Vec<Value>) {
        out.extend(self.values.drain(..).map(|(_, value)| value));
    }
}

/// The functions of `@ytt:module`.
pub(super) static MEMBERS: &[(&str, Native)] = &[("make", Native::wrapping("module.make", make))];

fn make(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let name = one_string(&Args {
        named: &[],
        ..*args
    })?;
    thread.budget().allocate(args.named.len() * 48)?;
    Ok(Module::new(name, &[], args.named.to_vec()).into_value())
}
