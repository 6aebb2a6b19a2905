//! Full runs: files, libraries, data values, schemas, overlays, output.
//!
//! A run reads schemas, then data values, then evaluates every template and applies the overlays
//! among the results. Source: ytt pkg/workspace, pkg/cmd/template/cmd.go.

#[doc(hidden)]
pub mod alone;
pub(crate) mod collect;
mod data_module;
mod envelope;
mod execution;
mod file;
mod flags;
mod host;
mod library_module;
pub(crate) mod loader;
mod marks;
mod post_processing;
pub(crate) mod run;
mod tree;

use std::cell::RefCell;
use std::rc::Rc;

pub use collect::{SymlinkOptions, files_from_paths};
pub use file::{File, FileType};
pub use flags::DataValueFlags;
pub use host::{EntryKind, Host, NoHost};

use crate::error::Error;
use crate::limits::Limits;
use crate::node::{Document, DocumentSet, Value};
use crate::print;
use crate::schema::openapi;
use crate::star::{self, Budget, Thread};
use execution::{Execution, Given};
use loader::{Place, TemplateLoader};
use run::{Run, TemplateOptions};

/// How documents are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// YAML, with `---` between documents.
    #[default]
    Yaml,
    /// JSON, one document behind the other.
    Json,
    /// Where every node stands.
    Positions,
}

/// What a run shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    /// The results of the templates.
    #[default]
    Results,
    /// The paths of the files that take part.
    Files,
    /// The final data values.
    DataValues,
    /// The schema of the data values.
    Schema,
}

/// What to do in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Options {
    /// Comments that are not addressed to ytt are no errors.
    pub ignore_unknown_comments: bool,
    /// A repeated key takes the place of the one before.
    pub implicit_map_key_overrides: bool,
    /// Only unambiguous YAML is read.
    pub strict: bool,
    /// Rules on data values are not checked.
    pub skip_validation: bool,
    /// `path:key=value`.
    pub file_marks: Vec<String>,
    /// Data values.
    pub data_values: DataValueFlags,
    /// Where links among files of data values may lead.
    pub symlinks: SymlinkOptions,
    /// What to show.
    pub show: Show,
    /// How to print it.
    pub format: Format,
    /// The schema is wanted as an OpenAPI document.
    pub openapi: bool,
    /// Bounds; those of the command line when absent.
    pub limits: Option<Limits>,
}

/// A file that a run made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Its path.
    pub path: String,
    /// What it contains: documents or text.
    pub file_type: FileType,
    /// Its contents.
    pub contents: Vec<u8>,
}

/// What a run gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// All documents, printed.
    pub text: String,
    /// The results file by file: texts first, then documents.
    pub files: Vec<OutputFile>,
    /// What templates print, and warnings: lines for standard error.
    pub messages: Vec<String>,
}

/// Runs templates over files.
///
/// # Errors
/// Whatever fails first.
pub fn run(files: Vec<File>, options: &Options, host: &dyn Host) -> Result<Output, Error> {
    let (result, messages) = run_and_listen(files, options, host);
    let mut output = result?;
    output.messages = messages;
    Ok(output)
}

/// As [`run`]; gives what templates print even when they fail.
pub(crate) fn run_and_listen(
    files: Vec<File>,
    options: &Options,
    host: &dyn Host,
) -> (Result<Output, Error>, Vec<String>) {
    let messages = Rc::new(RefCell::new(Vec::new()));
    let limits = options.limits.unwrap_or(Limits::COMMAND);
    let mut thread = crate::inline::thread(limits, &messages);
    let result = run_on(files, options, host, limits, &mut thread);
    let result = result.map_err(|error| of_budget(error, thread.budget()));
    (result, messages.take())
}

/// The failure, as one of the budget if that is what ended the run.
fn of_budget(error: Error, budget: &Budget) -> Error {
    match budget.refusal() {
        Some(refusal) if error.message().contains(refusal.message()) => {
            Error::budget(error.message())
        }
        Some(refusal) => Error::budget(refusal.message()),
        None => error,
    }
}

/// Evaluates one file that is known to be a template and nothing else, and prints the result.
pub(crate) fn run_prepared(
    file: File,
    values: star::Value,
    limits: Limits,
) -> Result<(String, Vec<String>), Error> {
    let messages = Rc::new(RefCell::new(Vec::new()));
    let mut thread = crate::inline::thread(limits, &messages);
    let text = run_alone(file, values, limits, &mut thread)
        .map_err(|error| of_budget(error, thread.budget()))?;
    Ok((text, messages.take()))
}

fn run_alone(
    file: File,
    values: star::Value,
    limits: Limits,
    thread: &mut Thread,
) -> Result<String, Error> {
    let root = tree::Library::root(vec![file]);
    let place = Place {
        current: Rc::clone(&root),
        root: Rc::clone(&root),
    };
    let run = Rc::new(Run::new());
    let loader = Rc::new(TemplateLoader::with_values(
        &run,
        values,
        TemplateOptions::default(),
    ));
    let mut sets = Vec::new();
    for file in root.accessible_files() {
        let result = loader.eval_yaml(&place, &file.file, thread)?;
        sets.push((file, result.documents));
    }
    let mut text = String::new();
    for (_, set) in post_processing::apply(sets, thread)? {
        text = print_set(&set, Format::Yaml, limits)?;
    }
    Ok(text)
}

fn run_on(
    files: Vec<File>,
    options: &Options,
    host: &dyn Host,
    limits: Limits,
    thread: &mut Thread,
) -> Result<Output, Error> {
    let mut files = marks::apply(&options.file_marks, files)?;
    for (index, file) in files.iter_mut().enumerate() {
        if file.order() == 0 {
            file.set_order(index + 1);
        }
    }
    let root = tree::Library::root(files);
    if options.show == Show::Files {
        let mut files = root.accessible_files();
        tree::sort(&mut files);
        let paths = files
            .iter()
            .map(|file| Value::text(file.file.path()))
            .collect();
        return print_one(Value::List(Rc::new(paths)), options.format, limits);
    }
    let flags = &options.data_values;
    let (overlays, library_overlays) =
        flags::overlays(flags, options.strict, &options.symlinks, host)?;
    let execution = Execution {
        run: Rc::new(Run::new()),
        place: Place {
            current: Rc::clone(&root),
            root,
        },
        options: TemplateOptions {
            ignore_unknown_comments: options.ignore_unknown_comments,
            implicit_map_key_overrides: options.implicit_map_key_overrides,
            strict: options.strict,
        },
        skip_validation: options.skip_validation,
    };
    let (schema, schemas) = execution.schemas(Vec::new(), thread)?;
    if options.show == Show::Schema {
        if !options.openapi {
            return Err(Error::new(
                "Data values schema export only supported in OpenAPI v3 format; \
                 specify format with --output=openapi-v3 flag",
            ));
        }
        let document = openapi::document(&schema.document_type, thread.budget())?;
        return print_one(document, options.format, limits);
    }
    if options.openapi {
        return Err(Error::new(
            "Output type currently only supported for data values schema \
             (i.e. include --data-values-schema-inspect)",
        ));
    }
    let (values, mut library_values) = execution.values(overlays, &schema, thread)?;
    library_values.extend(library_overlays);
    if options.show == Show::DataValues {
        let set = DocumentSet {
            items: RefCell::new(vec![Rc::clone(&values.document)]),
            ..DocumentSet::default()
        };
        let text = print_set(&set, options.format, limits)?;
        return Ok(Output {
            text,
            ..Output::default()
        });
    }
    let executed = execution.eval(
        Given {
            values,
            library_values,
            schemas,
        },
        thread,
    )?;
    let mut files = Vec::new();
    for (path, text) in executed.texts {
        let contents = text.as_bytes().to_vec();
        files.push(OutputFile {
            path,
            file_type: FileType::Text,
            contents,
        });
    }
    for (file, set) in executed.files {
        let text = print::yaml(&set, limits.output_bytes)
            .map_err(|error| error.after("Marshaling template result: "))?;
        files.push(OutputFile {
            path: file.path,
            file_type: file.file.file_type(),
            contents: text.into_bytes(),
        });
    }
    let text = print_set(&executed.documents, options.format, limits)?;
    Ok(Output {
        text,
        files,
        messages: Vec::new(),
    })
}

fn print_one(value: Value, format: Format, limits: Limits) -> Result<Output, Error> {
    let document = Document {
        value: RefCell::new(value),
        ..Document::default()
    };
    let set = DocumentSet {
        items: RefCell::new(vec![Rc::new(document)]),
        ..DocumentSet::default()
    };
    Ok(Output {
        text: print_set(&set, format, limits)?,
        ..Output::default()
    })
}

fn print_set(set: &DocumentSet, format: Format, limits: Limits) -> Result<String, Error> {
    let max_bytes = limits.output_bytes;
    let printed = match format {
        Format::Yaml => print::yaml(set, max_bytes),
        Format::Json => print::json(set, max_bytes),
        Format::Positions => print::positions(set, max_bytes),
    };
    printed.map_err(|error| error.after("Marshaling combined template result: ").into())
}
