//! The module `@ytt:library`: libraries as values.
//!
//! Source: ytt pkg/workspace/library_module.go.

use std::rc::Rc;

use super::envelope::{Envelope, LibraryRef, Schema, SchemaEnvelope};
use super::execution::{Execution, Given};
use super::loader::Place;
use super::run::{Run, TemplateOptions};
use crate::bridge::{as_bool, as_string, from_tree_with_structs, to_tree};
use crate::fragment::Fragment;
use crate::library;
use crate::node::{
    Document, Node, Value as Tree, plain_to_nodes, plain_to_nodes_from_memory, to_plain,
};
use crate::overlay::annotate_for_plain_merge;
use crate::position::Position;
use crate::star::{Args, Closure, Error, Thread, Value};

/// The module, as a file at `place` sees it.
pub(super) fn module(
    run: &Rc<Run>,
    place: &Place,
    options: TemplateOptions,
    skip_validation: bool,
    values: &[Envelope],
    schemas: &[SchemaEnvelope],
) -> Value {
    let run = Rc::clone(run);
    let place = place.clone();
    let values = values.to_vec();
    let schemas = schemas.to_vec();
    let get = function("library.get", move |_, args| {
        let [path] = args.positional else {
            return Err(Error::new("expected exactly one argument"));
        };
        let path = as_string(path)?.to_text().into_owned();
        let mut instance = Instance {
            run: Rc::clone(&run),
            reference: LibraryRef {
                path,
                alias: String::new(),
            },
            place: place.clone(),
            options,
            skip_validation,
            values: values.clone(),
            schemas: schemas.clone(),
        };
        instance.set_options(args)?;
        let path = &instance.reference.path;
        if path.starts_with('@') {
            return Err(Error::new(format!(
                "Expected library '{path}' to be specified without '@'"
            )));
        }
        let root = place.current.private_library(path)?;
        instance.place = Place {
            current: Rc::clone(&root),
            root,
        };
        Ok(instance.into_value())
    });
    library::make_module("library", vec![("get", get)])
}

fn function(
    name: &'static str,
    function: impl Fn(&mut Thread, &Args<'_>) -> Result<Value, Error> + 'static,
) -> Value {
    let call = move |thread: &mut Thread, args: &Args<'_>| {
        function(thread, args).map_err(|error| error.within(name))
    };
    Value::Closure(Rc::new(Closure::new(name, call)))
}

/// A library with the values and schemas that it was given; immutable.
#[derive(Clone)]
struct Instance {
    run: Rc<Run>,
    reference: LibraryRef,
    place: Place,
    options: TemplateOptions,
    skip_validation: bool,
    values: Vec<Envelope>,
    schemas: Vec<SchemaEnvelope>,
}

impl Instance {
    fn set_options(&mut self, args: &Args<'_>) -> Result<(), Error> {
        for (name, value) in args.named {
            match &*name.to_text() {
                "alias" => {
                    self.reference.alias = as_string(value)?.to_text().into_owned();
                }
                "ignore_unknown_comments" => {
                    self.options.ignore_unknown_comments = as_bool(value)?;
                }
                "implicit_map_key_overrides" => {
                    self.options.implicit_map_key_overrides = as_bool(value)?;
                }
                "strict" => self.options.strict = as_bool(value)?,
                "dangerous_data_values_disable_validation" => {
                    // Whoever is further out knows best whether validation makes sense.
                    self.skip_validation |= as_bool(value)?;
                }
                other => return Err(Error::new(format!("Unexpected kwarg '{other}'"))),
            }
        }
        Ok(())
    }

    fn into_value(self) -> Value {
        let description = self.reference.describe();
        let this = Rc::new(self);
        let method = |name: &'static str, doing: Option<&str>, method: MethodFn| {
            let this = Rc::clone(&this);
            let doing = doing.map(|doing| format!("{doing} library '{description}': "));
            function(name, move |thread, args| {
                let result = method(&this, thread, args);
                match &doing {
                    Some(doing) => result.map_err(|error| error.after(doing)),
                    None => result,
                }
            })
        };
        library::make_module(
            "library",
            vec![
                (
                    "with_data_values",
                    method("library.with_data_values", None, Self::with_data_values),
                ),
                (
                    "with_data_values_schema",
                    method("library.with_data_values_schema", None, Self::with_schema),
                ),
                (
                    "eval",
                    method("library.eval", Some("Evaluating"), Self::eval),
                ),
                (
                    "export",
                    method("library.export", Some("Exporting from"), Self::export),
                ),
                (
                    "data_values",
                    method(
                        "library.data_values",
                        Some("Exporting from"),
                        Self::data_values,
                    ),
                ),
            ],
        )
    }

    fn with_data_values(&self, thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
        let [values] = args.positional else {
            return Err(Error::new("expected exactly one argument"));
        };
        let values = to_tree(values, thread.budget())?;
        let mut plain = false;
        for (name, value) in args.named {
            if *name != "plain" {
                return Err(Error::new(format!("invalid argument name: {name}")));
            }
            plain = as_bool(value)?;
        }
        let document = Rc::new(Document::default());
        *document.value.borrow_mut() = plain_to_nodes_from_memory(&values, thread.budget())?;
        if plain {
            annotate_for_plain_merge(&Node::Document(Rc::clone(&document)))?;
        }
        let mut changed = self.clone();
        changed.values.push(Envelope::new(document)?);
        Ok(changed.into_value())
    }

    fn with_schema(&self, thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
        let [schema] = args.positional else {
            return Err(Error::new("expected exactly one argument"));
        };
        let document = Rc::new(Document::default());
        let schema = to_tree(schema, thread.budget())?;
        let nodes = plain_to_nodes(&schema, &Position::Unknown, thread.budget())?;
        *document.value.borrow_mut() = nodes;
        let mut changed = self.clone();
        changed.schemas.push(SchemaEnvelope::new(document, thread)?);
        Ok(changed.into_value())
    }

    fn eval(&self, thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
        refuse_arguments(args)?;
        let execution = self.execution();
        let given = self.given(&execution, thread)?;
        let result = execution.eval(given, thread)?;
        let documents = Tree::Node(Node::DocumentSet(result.documents));
        Ok(Fragment::new(documents, Rc::clone(thread.budget())).into_value())
    }

    fn data_values(&self, thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
        refuse_arguments(args)?;
        let given = self.given(&self.execution(), thread)?;
        let plain = to_plain(&given.values.document.value.borrow(), thread.budget())?;
        from_tree_with_structs(&plain, thread.budget())
    }

    fn export(&self, thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
        let [symbol] = args.positional else {
            return Err(Error::new("expected exactly one argument"));
        };
        let symbol = as_string(symbol)?;
        let mut path = String::new();
        for (name, value) in args.named {
            if *name != "path" {
                return Err(Error::new(format!("Unexpected keyword argument '{name}'")));
            }
            path = as_string(value)?.to_text().into_owned();
        }
        if symbol.starts_with(b"_") {
            return Err(Error::new(
                "Symbols starting with '_' are private, and cannot be exported",
            ));
        }
        let execution = self.execution();
        let given = self.given(&execution, thread)?;
        let result = execution.eval(given, thread)?;
        let found: Vec<_> = result
            .exports
            .iter()
            .filter(|(from, _)| path.is_empty() || *from == path)
            .filter_map(|(from, exports)| exports.get(symbol).map(|value| (from, value)))
            .collect();
        match found.as_slice() {
            [] => Err(Error::new(format!(
                "Expected to find exported symbol '{symbol}', but did not"
            ))),
            [(_, value)] => Ok((*value).clone()),
            several => {
                let paths: Vec<_> = several.iter().map(|(from, _)| from.as_str()).collect();
                Err(Error::new(format!(
                    "Expected to find exactly one exported symbol '{symbol}', \
                     but found multiple across files: {}",
                    paths.join(", ")
                )))
            }
        }
    }

    fn execution(&self) -> Execution {
        Execution {
            run: Rc::clone(&self.run),
            place: self.place.clone(),
            options: self.options,
            skip_validation: self.skip_validation,
        }
    }

    /// The library's data values, and what is meant for libraries below it.
    fn given(&self, execution: &Execution, thread: &mut Thread) -> Result<Given, Error> {
        let (schema, schemas) = self.schema(execution, thread)?;
        let mut own = Vec::new();
        let mut late = Vec::new();
        let mut below = Vec::new();
        for values in &self.values {
            let Some(envelope) = values.used_in(&self.reference, thread.budget())? else {
                continue;
            };
            if envelope.is_for_another_library() {
                below.push(envelope);
            } else if envelope.after_library_module {
                late.push(envelope);
            } else {
                own.push(envelope);
            }
        }
        own.append(&mut late);
        let (values, mut library_values) = execution.values(own, &schema, thread)?;
        // What the library around says goes on top of what this one says.
        library_values.append(&mut below);
        Ok(Given {
            values,
            library_values,
            schemas,
        })
    }

    fn schema(
        &self,
        execution: &Execution,
        thread: &mut Thread,
    ) -> Result<(Schema, Vec<SchemaEnvelope>), Error> {
        let (mut below, mut own) = (Vec::new(), Vec::new());
        for schema in &self.schemas {
            match schema.used_in(&self.reference, thread.budget())? {
                Some(schema) if schema.is_for_another_library() => below.push(schema),
                Some(schema) => own.push(schema),
                None => {}
            }
        }
        let (schema, mut schemas) = execution.schemas(own, thread)?;
        schemas.extend(below);
        Ok((schema, schemas))
    }
}

type MethodFn = fn(&Instance, &mut Thread, &Args<'_>) -> Result<Value, Error>;

fn refuse_arguments(args: &Args<'_>) -> Result<(), Error> {
    if args.positional.is_empty() {
        Ok(())
    } else {
        Err(Error::new("expected no arguments"))
    }
}
