//! Executing a library: schemas, values, templates, overlays.
//!
//! Source: ytt pkg/workspace/library_execution.go, data_values_schema_pre_processing.go,
//! data_values_pre_processing.go, doc_extractor.go.

use std::rc::Rc;

use super::envelope::{Envelope, Schema, SchemaEnvelope};
use super::file::FileType;
use super::loader::{Place, TemplateLoader};
use super::post_processing;
use super::run::{Run, TemplateOptions};
use super::tree::{self, FileInLibrary};
use crate::annotation::name;
use crate::node::{Document, DocumentSet, Node, Value};
use crate::overlay::{self, Documents};
use crate::schema::{self, report::report};
use crate::star::{Budget, Error, Exports, Str, Thread};
use crate::template::meta::{self, Unknown};
use crate::validation;

/// A library that is about to be executed.
pub(crate) struct Execution {
    pub(crate) run: Rc<Run>,
    pub(crate) place: Place,
    pub(crate) options: TemplateOptions,
    pub(crate) skip_validation: bool,
}

/// What the templates of a library are evaluated with.
pub(crate) struct Given {
    pub(crate) values: Envelope,
    pub(crate) library_values: Vec<Envelope>,
    pub(crate) schemas: Vec<SchemaEnvelope>,
}

/// What executing a library gives.
pub(crate) struct Executed {
    /// Texts of text templates, by path.
    pub(crate) texts: Vec<(String, Str)>,
    /// Documents by file, in order of the files.
    pub(crate) files: Vec<(FileInLibrary, Rc<DocumentSet>)>,
    /// All documents.
    pub(crate) documents: Rc<DocumentSet>,
    /// What library files export, by path.
    pub(crate) exports: Vec<(String, Exports)>,
}

impl Execution {
    fn loader(&self, thread: &Thread) -> Result<Rc<TemplateLoader>, Error> {
        let given = Given {
            values: Envelope::empty(),
            library_values: Vec::new(),
            schemas: Vec::new(),
        };
        self.loader_with(given, thread)
    }

    fn loader_with(&self, given: Given, thread: &Thread) -> Result<Rc<TemplateLoader>, Error> {
        let loader = TemplateLoader::new(
            &self.run,
            &given.values,
            given.library_values,
            given.schemas,
            self.options,
            self.skip_validation,
            thread.budget(),
        )?;
        Ok(Rc::new(loader))
    }

    /// The library's schema, with `overlays` on top, and the schemas for other libraries.
    pub(crate) fn schemas(
        &self,
        overlays: Vec<SchemaEnvelope>,
        thread: &mut Thread,
    ) -> Result<(Schema, Vec<SchemaEnvelope>), Error> {
        let loader = self.loader(thread)?;
        let mut files = self.files_with(name::DATA_VALUES_SCHEMA, &loader, thread.budget())?;
        tree::sort(&mut files);
        let sources = sources(
            &files,
            (!overlays.is_empty()).then_some("additional data value schema"),
        );
        self.overlaid_schema(&files, overlays, &loader, thread)
            .map_err(|error| {
                let prefix =
                    format!("Overlaying data values schema (in following order: {sources}): ");
                error.after(&prefix)
            })
    }

    fn overlaid_schema(
        &self,
        files: &[FileInLibrary],
        overlays: Vec<SchemaEnvelope>,
        loader: &Rc<TemplateLoader>,
        thread: &mut Thread,
    ) -> Result<(Schema, Vec<SchemaEnvelope>), Error> {
        let mut schemas = Vec::new();
        for file in files {
            let only = "schema file";
            let documents = self.documents_of(file, name::DATA_VALUES_SCHEMA, only, loader, thread);
            for document in templating(file, documents)? {
                schemas.push(SchemaEnvelope::new(document, thread)?);
            }
        }
        schemas.extend(overlays);
        let mut document: Option<Rc<Document>> = None;
        let mut for_others = Vec::new();
        for schema in schemas {
            if schema.is_for_another_library() {
                for_others.push(schema);
                continue;
            }
            let source = schema.schema.source;
            document = Some(match document {
                None => source,
                Some(below) => lay_over(below, source, thread)?,
            });
        }
        let schema = match document {
            Some(document) => Schema::new(document, thread)?,
            None => Schema::null(),
        };
        Ok((schema, for_others))
    }

    /// The library's data values, with `overlays` on top, and the values for other libraries.
    pub(crate) fn values(
        &self,
        overlays: Vec<Envelope>,
        schema: &Schema,
        thread: &mut Thread,
    ) -> Result<(Envelope, Vec<Envelope>), Error> {
        let loader = self.loader(thread)?;
        let mut files = self.files_with(name::DATA_VALUES, &loader, thread.budget())?;
        tree::sort(&mut files);
        let sources = sources(
            &files,
            (!overlays.is_empty()).then_some("additional data values"),
        );
        let overlaid = self.overlaid_values(&files, overlays, schema, &loader, thread);
        let (values, for_others) = overlaid.map_err(|error| {
            error.after(&format!(
                "Overlaying data values (in following order: {sources}): "
            ))
        })?;
        if !self.skip_validation {
            let root = Node::Document(Rc::clone(&values.document));
            validate(&root, thread)
                .map_err(|error| error.after("Validating final data values:\n"))?;
        }
        Ok((values, for_others))
    }

    fn overlaid_values(
        &self,
        files: &[FileInLibrary],
        overlays: Vec<Envelope>,
        schema: &Schema,
        loader: &Rc<TemplateLoader>,
        thread: &mut Thread,
    ) -> Result<(Envelope, Vec<Envelope>), Error> {
        let mut all = Vec::new();
        if let Some(defaults) = schema.defaults(thread.budget())? {
            all.push(Envelope::new(Rc::new(defaults))?);
        }
        for file in files {
            let only = "data values file";
            let documents = self.documents_of(file, name::DATA_VALUES, only, loader, thread);
            for document in templating(file, documents)? {
                all.push(Envelope::new(document)?);
            }
        }
        all.extend(overlays);
        let mut document: Option<Rc<Document>> = None;
        let mut for_others = Vec::new();
        for envelope in all {
            if envelope.is_for_another_library() {
                for_others.push(envelope);
                continue;
            }
            let laid = match document {
                None => envelope.document,
                Some(below) => lay_over(below, envelope.document, thread)?,
            };
            check_types(&laid, schema, thread.budget())?;
            document = Some(laid);
        }
        let values = match document {
            Some(document) => Envelope::new(document)?,
            None => Envelope::empty(),
        };
        Ok((values, for_others))
    }

    /// The files with a document that has an annotation; they are not for output then.
    fn files_with(
        &self,
        annotation: &str,
        loader: &TemplateLoader,
        budget: &Budget,
    ) -> Result<Vec<FileInLibrary>, Error> {
        let mut found = Vec::new();
        for file in self.place.current.accessible_files() {
            if file.file.file_type() != FileType::Yaml || !file.file.is_template() {
                continue;
            }
            // A prepared file is known to have none.
            if file.file.prepared.is_some() {
                continue;
            }
            let set = loader.read_yaml(&file.file)?;
            let (annotated, _) = extract(&set, annotation, budget)?;
            if !annotated.is_empty() {
                file.file.mark_for_output(false);
                found.push(file);
            }
        }
        Ok(found)
    }

    /// Evaluates a file of which all documents must have an annotation.
    fn documents_of(
        &self,
        file: &FileInLibrary,
        annotation: &str,
        what: &str,
        loader: &Rc<TemplateLoader>,
        thread: &mut Thread,
    ) -> Result<Vec<Rc<Document>>, Error> {
        let place = Place {
            current: Rc::clone(&file.library),
            root: Rc::clone(&self.place.root),
        };
        let result = loader.eval_yaml(&place, &file.file, thread)?;
        let (annotated, others) = extract(&result.documents, annotation, thread.budget())?;
        if others.iter().any(|document| !document.is_empty()) {
            let only = match annotation {
                name::DATA_VALUES => "data values",
                _ => "schema",
            };
            return Err(Error::new(format!(
                "Expected {what} '{}' to only have {only} documents",
                file.file.path()
            )));
        }
        Ok(annotated)
    }

    /// Evaluates the templates and applies the overlays among them.
    pub(crate) fn eval(&self, given: Given, thread: &mut Thread) -> Result<Executed, Error> {
        let library_values = given.library_values.clone();
        let schemas = given.schemas.clone();
        let loader = self.loader_with(given, thread)?;
        let mut exports = Vec::new();
        let mut sets = Vec::new();
        let mut texts = Vec::new();
        for file in self.place.current.accessible_files() {
            let place = Place {
                current: Rc::clone(&file.library),
                root: Rc::clone(&self.place.root),
            };
            if file.file.is_for_output() {
                match file.file.file_type() {
                    FileType::Yaml => {
                        let result = loader.eval_yaml(&place, &file.file, thread)?;
                        sets.push((file, result.documents));
                    }
                    FileType::Text => {
                        let (_, text) = loader.eval_text(&place, &file.file, thread)?;
                        texts.push((file.path, text));
                    }
                    FileType::Starlark | FileType::Other => {
                        return Err(Error::new("Unknown file type"));
                    }
                }
            } else if file.file.is_library() {
                let exported = match file.file.file_type() {
                    FileType::Yaml => loader.eval_yaml(&place, &file.file, thread)?.exports,
                    FileType::Text => loader.eval_text(&place, &file.file, thread)?.0,
                    FileType::Starlark => loader.eval_starlark(&place, &file.file, thread)?,
                    FileType::Other => continue,
                };
                exports.push((file.path, exported));
            }
        }
        check_all_used(&library_values, &schemas)?;
        let mut files = post_processing::apply(sets, thread)?;
        files.sort_by_key(|(file, _)| file.file.order());
        let all = files
            .iter()
            .flat_map(|(_, set)| set.items.borrow().clone())
            .collect();
        let documents = Rc::new(DocumentSet {
            items: std::cell::RefCell::new(all),
            ..DocumentSet::default()
        });
        Ok(Executed {
            texts,
            files,
            documents,
            exports,
        })
    }
}

/// The names of the files, for messages.
fn sources(files: &[FileInLibrary], additional: Option<&str>) -> String {
    let paths = files.iter().map(|file| file.file.path());
    paths.chain(additional).collect::<Vec<_>>().join(", ")
}

fn templating<T>(file: &FileInLibrary, result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|error| error.after(&format!("Templating file '{}': ", file.file.path())))
}

/// Lays a document of data values or of a schema over the one below it.
fn lay_over(
    below: Rc<Document>,
    above: Rc<Document>,
    thread: &mut Thread,
) -> Result<Rc<Document>, Error> {
    let set = |document| {
        let items = std::cell::RefCell::new(vec![document]);
        Rc::new(DocumentSet {
            items,
            ..DocumentSet::default()
        })
    };
    let left = set(below);
    let right = Value::Node(Node::DocumentSet(set(above)));
    let left_value = Value::Node(Node::DocumentSet(Rc::clone(&left)));
    overlay::apply(&left_value, &right, Documents::ExactlyOne, thread)?;
    let items = left.items.borrow();
    items
        .first()
        .cloned()
        .ok_or_else(|| Error::panic("runtime error: index out of range [0]"))
}

fn check_types(document: &Rc<Document>, schema: &Schema, budget: &Budget) -> Result<(), Error> {
    let root = Node::Document(Rc::clone(document));
    let mut failures = schema::assign(&schema.document_type, &root, budget)?;
    if failures.is_empty() {
        schema::assign_validations(&root, budget)?;
        failures = schema::check_node(&root, budget)?;
    }
    if failures.is_empty() {
        return Ok(());
    }
    let problems = failures.into_iter().map(Into::into);
    Err(Error::new(report(
        "One or more data values were invalid",
        problems,
    )))
}

fn validate(root: &Node, thread: &mut Thread) -> Result<(), Error> {
    validation::attach_assertions(root, thread)?;
    let report = validation::run(root, thread)?;
    if report.is_empty() {
        Ok(())
    } else {
        Err(Error::new(report))
    }
}

/// The documents that have an annotation, and the others.
fn extract(
    set: &Rc<DocumentSet>,
    annotation: &str,
    budget: &Budget,
) -> Result<(Vec<Rc<Document>>, Vec<Rc<Document>>), Error> {
    check_only_documents(&Node::DocumentSet(Rc::clone(set)), annotation, budget)?;
    let mut annotated = Vec::new();
    let mut others = Vec::new();
    for document in set.items.borrow().iter() {
        let node = Node::Document(Rc::clone(document));
        match count(&node, annotation)? {
            0 => others.push(Rc::clone(document)),
            1 => annotated.push(Rc::clone(document)),
            _ => {
                return Err(Error::new(format!(
                    "{annotation} annotation may only be used once per document"
                )));
            }
        }
    }
    Ok((annotated, others))
}

fn check_only_documents(node: &Node, annotation: &str, budget: &Budget) -> Result<(), Error> {
    budget.work(1)?;
    if !matches!(node, Node::Document(_)) && count(node, annotation)? > 0 {
        return Err(Error::new(format!(
            "Found @{annotation} on {} ({}); \
             only documents (---) can be annotated with @{annotation}",
            node.type_name(),
            node.position().compact()
        )));
    }
    for value in node.values() {
        if let Value::Node(child) = value {
            check_only_documents(&child, annotation, budget)?;
        }
    }
    Ok(())
}

/// How often a node has an annotation among its comments.
fn count(node: &Node, annotation: &str) -> Result<usize, Error> {
    let position = node.position();
    let mut count = 0;
    for comment in node.common().comments().iter() {
        let meta = meta::parse(comment, &position, Unknown::Ignore)?;
        count += usize::from(meta.name == annotation);
    }
    Ok(count)
}

fn check_all_used(values: &[Envelope], schemas: &[SchemaEnvelope]) -> Result<(), Error> {
    let values: Vec<_> = values
        .iter()
        .filter(|values| !values.is_used())
        .map(Envelope::describe)
        .collect();
    let schemas: Vec<_> = schemas
        .iter()
        .filter(|schema| !schema.is_used())
        .map(SchemaEnvelope::describe)
        .collect();
    let mut kinds = Vec::new();
    if !values.is_empty() {
        kinds.push("data values");
    }
    if !schemas.is_empty() {
        kinds.push("schema");
    }
    if kinds.is_empty() {
        return Ok(());
    }
    let unused: Vec<_> = values.into_iter().chain(schemas).collect();
    Err(Error::new(format!(
        "Expected all provided library {} documents to be used but found unused: {}",
        kinds.join(", and "),
        unused.join(", ")
    )))
}
