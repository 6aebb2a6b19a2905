//! Evaluating files, and finding what they load.
//!
//! Source: ytt pkg/workspace/template_loader.go.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::envelope::{Envelope, SchemaEnvelope};
use super::file::{File, FileType};
use super::run::{Run, TemplateOptions};
use super::tree::Library;
use super::{alone, data_module, library_module};
use crate::bridge::from_tree_with_structs;
use crate::library;
use crate::node::{DocumentSet, Map, Node, ReadOptions, Value, read, short_form, to_plain};
use crate::star::{Budget, Error, ErrorKind, Exports, Loader, Source, Str, Thread};
use crate::template::compile::{compile, compile_text};
use crate::template::evaluate::{Evaluated, Template, replace_function};
use crate::template::meta::{Unknown, has_templating};

/// Where a file is evaluated: its directory, and the root of its library.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) current: Rc<Library>,
    pub(crate) root: Rc<Library>,
}

/// Evaluates the files of one library with its data values.
pub(crate) struct TemplateLoader {
    pub(super) run: Rc<Run>,
    values: crate::star::Value,
    library_values: Vec<Envelope>,
    library_schemas: Vec<SchemaEnvelope>,
    options: TemplateOptions,
    skip_validation: bool,
    /// There is one template, in which errors find the lines of whatever file.
    pub(super) alone: bool,
    /// Programs by the path of their file: errors look their lines up by it.
    sources: RefCell<BTreeMap<String, Arc<Source>>>,
}

/// What evaluating a YAML file gives.
pub(crate) struct YamlResult {
    pub(crate) exports: Exports,
    pub(crate) documents: Rc<DocumentSet>,
}

impl TemplateLoader {
    /// A loader whose files see the values of `values`.
    ///
    /// # Errors
    /// Data values that cannot become a struct.
    pub(crate) fn new(
        run: &Rc<Run>,
        values: &Envelope,
        library_values: Vec<Envelope>,
        library_schemas: Vec<SchemaEnvelope>,
        options: TemplateOptions,
        skip_validation: bool,
        budget: &Rc<Budget>,
    ) -> Result<Self, Error> {
        let plain = to_plain(&values.document.value.borrow(), budget)?;
        let values = from_tree_with_structs(&plain, budget)?;
        let loader = Self::with_values(run, values, options);
        Ok(Self {
            library_values,
            library_schemas,
            skip_validation,
            ..loader
        })
    }

    /// A loader whose files see these values.
    pub(crate) fn with_values(
        run: &Rc<Run>,
        values: crate::star::Value,
        options: TemplateOptions,
    ) -> Self {
        Self {
            run: Rc::clone(run),
            values,
            library_values: Vec::new(),
            library_schemas: Vec::new(),
            options,
            skip_validation: false,
            alone: false,
            sources: RefCell::default(),
        }
    }

    /// Reads a YAML file without evaluating it.
    ///
    /// # Errors
    /// Text that is not YAML.
    pub(crate) fn read_yaml(&self, file: &File) -> Result<Rc<DocumentSet>, Error> {
        let options = ReadOptions {
            without_comments: !file.is_template() && !file.is_library(),
            strict: self.options.strict,
        };
        let set = read(file.contents()?, file.path(), options).map_err(|problem| {
            Error::new(format!(
                "Unmarshaling YAML template '{}': {problem}",
                file.description()
            ))
        })?;
        Ok(Rc::new(set))
    }

    /// Evaluates a YAML file.
    ///
    /// # Errors
    /// The report of what failed.
    pub(crate) fn eval_yaml(
        self: &Rc<Self>,
        place: &Place,
        file: &File,
        thread: &mut Thread,
    ) -> Result<YamlResult, Error> {
        let template = if let Some(prepared) = &file.prepared {
            Arc::clone(&prepared.template)
        } else {
            let set = self.read_yaml(file)?;
            let node = Node::DocumentSet(Rc::clone(&set));
            let is_code = file.is_template() || file.is_library();
            if !is_code || !has_templating(&node) {
                keep_last_of_equal_keys(&node);
                return Ok(YamlResult {
                    exports: Exports::default(),
                    documents: set,
                });
            }
            let unknown = if self.options.ignore_unknown_comments {
                Unknown::Ignore
            } else {
                Unknown::Refuse
            };
            let text = String::from_utf8_lossy(file.contents()?);
            let name = Arc::from(file.path());
            let number = self.run.next_number();
            let translation = compile(&node, &name, &text, unknown, number).map_err(|problem| {
                Error::new(format!(
                    "Compiling YAML template '{}': {problem}",
                    file.path()
                ))
            })?;
            Arc::new(self.parse(file.path(), translation)?)
        };
        self.sources
            .borrow_mut()
            .insert(file.path().to_owned(), Arc::clone(template.source()));
        let evaluated = self.eval(place, &template, thread)?;
        let documents = evaluated.documents().ok_or_else(|| {
            Error::panic("interface conversion: interface {} is nil, not *yamlmeta.DocumentSet")
        })?;
        Ok(YamlResult {
            exports: evaluated.exports,
            documents,
        })
    }

    /// Evaluates a text file.
    ///
    /// # Errors
    /// The report of what failed.
    pub(crate) fn eval_text(
        self: &Rc<Self>,
        place: &Place,
        file: &File,
        thread: &mut Thread,
    ) -> Result<(Exports, Str), Error> {
        if !file.is_template() && !file.is_library() {
            return Ok((Exports::default(), Str::from(file.contents()?)));
        }
        let path = file.path();
        let text = String::from_utf8_lossy(file.contents()?);
        let name = Arc::from(path);
        let translation = compile_text(&text, &name, self.run.next_number())
            .map_err(|problem| Error::new(format!("Parsing text template '{path}': {problem}")))?;
        let prefixed = |error: Error| error.after("Evaluating text template: ");
        let template = self.parse(path, translation).map_err(prefixed)?;
        self.sources
            .borrow_mut()
            .insert(path.to_owned(), Arc::clone(template.source()));
        let evaluated = self.eval(place, &template, thread).map_err(prefixed)?;
        let text = evaluated.text(thread.budget())?.ok_or_else(|| {
            Error::panic("interface conversion: interface {} is nil, not *texttemplate.NodeRoot")
        })?;
        Ok((evaluated.exports, text))
    }

    /// Evaluates a file of code.
    ///
    /// # Errors
    /// The report of what failed.
    pub(crate) fn eval_starlark(
        self: &Rc<Self>,
        place: &Place,
        file: &File,
        thread: &mut Thread,
    ) -> Result<Exports, Error> {
        let text = String::from_utf8_lossy(file.contents()?);
        let number = self.run.next_number();
        let source = Arc::new(Source::of_star_file(file.path(), &text));
        self.sources
            .borrow_mut()
            .insert(file.path().to_owned(), Arc::clone(&source));
        let evaluated = Template::of_code(source, number)
            .map_err(|errors| Error::new(errors.report()))
            .and_then(|template| self.eval(place, &template, thread))
            .map_err(|error| error.after("Evaluating starlark template: "))?;
        Ok(evaluated.exports)
    }

    fn parse(
        &self,
        path: &str,
        translation: crate::template::compile::Translation,
    ) -> Result<Template, Error> {
        Template::new(path, translation).map_err(|errors| Error::new(errors.report()))
    }

    fn eval(
        self: &Rc<Self>,
        place: &Place,
        template: &Template,
        thread: &mut Thread,
    ) -> Result<Evaluated, Error> {
        let machine = template.machine(self.options.implicit_map_key_overrides);
        let loader = FileLoader {
            loader: Rc::clone(self),
            place: place.clone(),
            replace: replace_function(&machine),
        };
        let before = thread.set_loader(Some(Rc::new(loader)));
        let result = template.run(&machine, thread);
        thread.set_loader(before);
        result.map_err(|error| self.report(&error))
    }

    /// The error with its frames as text; lines are looked up among the files of this library.
    pub(super) fn report(&self, error: &Error) -> Error {
        let report = error.report_with(&|source| {
            let sources = self.sources.borrow();
            let found = sources.get(&*source.name);
            let only = || sources.values().next().filter(|_| self.alone);
            found.or_else(only).cloned()
        });
        match error.kind() {
            ErrorKind::Budget => Error::budget(report),
            // What stops a template like a crash is an ordinary failure of whoever evaluated it.
            ErrorKind::Failure | ErrorKind::Panic => Error::new(report),
        }
    }
}

/// What a file that is being evaluated loads from.
struct FileLoader {
    loader: Rc<TemplateLoader>,
    place: Place,
    /// `template.replace` of the file's own machine.
    replace: crate::star::Value,
}

impl Loader for FileLoader {
    fn load(&self, thread: &mut Thread, module: &str) -> Result<Exports, Error> {
        let Some(rest) = module.strip_prefix('@') else {
            return self.load_file(&self.place, module, thread);
        };
        let Some((name, path)) = rest.split_once(':') else {
            return Err(Error::new(
                "Expected library path to be in format '@name:path' \
                 e.g. '@github.com/vmware-tanzu/test:test.star' or '@ytt:base64'",
            ));
        };
        if name == "ytt" {
            return self.builtin(path);
        }
        let root = self.place.current.private_library(name)?;
        let place = Place {
            current: Rc::clone(&root),
            root,
        };
        self.load_file(&place, path, thread)
    }
}

impl FileLoader {
    fn builtin(&self, name: &str) -> Result<Exports, Error> {
        let loader = &self.loader;
        let own = match name {
            "data" => data_module::module(&loader.values, &self.place),
            "library" => library_module::module(
                &loader.run,
                &self.place,
                loader.options,
                loader.skip_validation,
                &loader.library_values,
                &loader.library_schemas,
            ),
            "overlay" => library::make_module("overlay", crate::overlay::module::members()),
            "template" => library::make_module("template", vec![("replace", self.replace.clone())]),
            other if loader.alone => return library::load_as(other, alone::VERSION),
            other => return library::load(other),
        };
        Ok(Exports::one(name, own))
    }

    fn load_file(&self, place: &Place, path: &str, thread: &mut Thread) -> Result<Exports, Error> {
        // A path from the root is relative to the root of the library.
        let found = match path.strip_prefix('/') {
            Some(path) => place.root.file(path)?,
            None => place.current.file(path)?,
        };
        let place = Place {
            current: found.library,
            root: Rc::clone(&place.root),
        };
        let file = &found.file;
        if !file.is_library() {
            return Err(Error::new(format!(
                "Expected file '{}' to be a library file, but was not \
                 (hint: library filename must end with '.lib.yml' or '.star'; \
                 use data.read(...) for loading non-templated file contents)",
                file.path()
            )));
        }
        match file.file_type() {
            FileType::Yaml => Ok(self.loader.eval_yaml(&place, file, thread)?.exports),
            FileType::Starlark => self.loader.eval_starlark(&place, file, thread),
            FileType::Text => Ok(self.loader.eval_text(&place, file, thread)?.0),
            FileType::Other => Err(Error::new(format!(
                "File '{}' type is not a known",
                file.path()
            ))),
        }
    }
}

/// Of items with equal keys the last one stays, at the place of the first.
///
/// Source: ytt pkg/yamlmeta/map_key_overrides.go.
pub(crate) fn keep_last_of_equal_keys(root: &Node) {
    if let Node::Map(map) = root {
        keep_last(map);
    }
    for value in root.values() {
        if let Value::Node(child) = value {
            keep_last_of_equal_keys(&child);
        }
    }
}

fn keep_last(map: &Map) {
    let mut items = map.items.borrow_mut();
    let mut places: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut kept: Vec<Rc<crate::node::MapItem>> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        let key = short_form(&item.key.borrow());
        let place = key.map_or(kept.len(), |key| *places.entry(key).or_insert(kept.len()));
        match kept.get_mut(place) {
            Some(known) => *known = item,
            None => kept.push(item),
        }
    }
    *items = kept;
}
