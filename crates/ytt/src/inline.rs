//! One template as text, evaluated many times: what a controller does with `spec.ytt`.
//!
//! The contract is that of `ytt -f - --data-value-yaml key=json …`, as Cartographer calls it
//! (pkg/templates/stamper.go): the template is called `stdin.yml`, every top-level key is one
//! data value, and no other flag is set.

mod reads;
mod values;

use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::annotation::name;
use crate::error::Error;
use crate::limits::Limits;
use crate::node::{DocumentSet, Node, ReadOptions, Value as Tree, read};
use crate::print;
use crate::star::Thread;
use crate::template::compile::compile;
use crate::template::evaluate::Template;
use crate::template::meta::{self, Unknown, has_templating};
use crate::workspace::loader::keep_last_of_equal_keys;
use crate::workspace::run::FIRST_NUMBER;
use crate::workspace::{DataValueFlags, File, NoHost, Options, run, run_prepared};

pub use reads::Reads;
pub use values::Values;

/// Name of a template that came from standard input.
pub const STDIN: &str = "stdin.yml";

/// A template, parsed; it can be shared between threads and evaluated any number of times.
#[derive(Debug, Clone)]
pub struct Program {
    name: Arc<str>,
    text: Arc<[u8]>,
    kind: Kind,
    reads: Arc<Reads>,
}

#[derive(Debug, Clone)]
enum Kind {
    /// YAML without any templating: always the same output.
    Plain(Arc<str>),
    /// A template whose data values are exactly those that are given.
    Template(Arc<Prepared>),
    /// A file of data values or schemas, which takes a full run.
    Full,
}

/// The translation of a file.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) template: Arc<Template>,
}

/// What a template gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// What ytt writes to standard output: YAML documents with `---` between them.
    pub text: String,
    /// What the template prints, and warnings: lines that ytt writes to standard error.
    pub messages: Vec<String>,
}

impl Output {
    /// The first document as JSON, as whoever reads the output back sees it; none when there is
    /// no output.
    ///
    /// # Errors
    /// A value that JSON cannot express.
    pub fn first_document(&self) -> Result<Option<Json>, carto_yaml::Error> {
        Ok(carto_yaml::decode_all(&self.text)?.into_iter().next())
    }
}

impl Program {
    /// Parses a template.
    ///
    /// # Errors
    /// Text that is not YAML, comments that cannot be understood, code that cannot be parsed.
    pub fn compile(name: &str, text: &str) -> Result<Self, Error> {
        let kind = Kind::of(name, text)?;
        let reads = match &kind {
            Kind::Plain(_) => Reads::NOTHING,
            Kind::Template(prepared) => Reads::of(prepared.template.source()),
            Kind::Full => Reads::EVERYTHING,
        };
        Ok(Self {
            name: Arc::from(name),
            text: Arc::from(text.as_bytes()),
            kind,
            reads: Arc::new(reads),
        })
    }

    /// What of its data values the template can tell apart. Whatever else of them changes, it gives the same, as long
    /// as [`are_readable`] says the same of the values.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Evaluates the template with these data values.
    ///
    /// # Errors
    /// What fails in the template, in ytt's words, or a budget that is used up.
    pub fn eval(&self, values: &Values, limits: &Limits) -> Result<Output, Error> {
        let direct = match &self.kind {
            Kind::Plain(text) => {
                values.check()?;
                return Ok(Output {
                    text: text.to_string(),
                    messages: Vec::new(),
                });
            }
            Kind::Template(prepared) if values.are_direct() => Some(prepared),
            Kind::Template(_) | Kind::Full => None,
        };
        let mut file = File::shared(&self.name, &self.text);
        let Some(prepared) = direct else {
            let flags = DataValueFlags {
                yaml: values.as_flags(),
                ..DataValueFlags::default()
            };
            let options = Options {
                data_values: flags,
                limits: Some(*limits),
                ..Options::default()
            };
            let output = run(vec![file], &options, &NoHost)?;
            return Ok(Output {
                text: output.text,
                messages: output.messages,
            });
        };
        let values = values.to_struct()?;
        file.prepared = Some(Arc::clone(prepared));
        let (text, messages) = run_prepared(file, values, *limits)?;
        Ok(Output { text, messages })
    }
}

/// Whether a value can be a data value, or part of one; a template fails on one that cannot, whether it looks at it or
/// not.
pub fn are_readable(value: &Json) -> bool {
    values::is_readable(value)
}

impl Kind {
    fn of(name: &str, text: &str) -> Result<Self, Error> {
        let set = read(text.as_bytes(), name, ReadOptions::default()).map_err(|problem| {
            Error::new(format!("Unmarshaling YAML template '{name}': {problem}"))
        })?;
        let set = Rc::new(set);
        let node = Node::DocumentSet(Rc::clone(&set));
        if gives_values(&node) {
            return Ok(Self::Full);
        }
        if !has_templating(&node) {
            keep_last_of_equal_keys(&node);
            return Ok(Self::Plain(print_plain(&set)?.into()));
        }
        let file = Arc::from(name);
        let translation =
            compile(&node, &file, text, Unknown::Refuse, FIRST_NUMBER).map_err(|problem| {
                Error::new(format!("Compiling YAML template '{name}': {problem}"))
            })?;
        let template =
            Template::new(name, translation).map_err(|errors| Error::new(errors.report()))?;
        Ok(Self::Template(Arc::new(Prepared {
            template: Arc::new(template),
        })))
    }
}

fn print_plain(set: &DocumentSet) -> Result<String, Error> {
    print::yaml(set, Limits::INLINE.output_bytes)
        .map_err(|error| error.after("Marshaling template result: ").into())
}

/// Whether a comment marks data values or a schema, at whatever node.
fn gives_values(node: &Node) -> bool {
    let position = node.position();
    let marked = node.common().comments().iter().any(|comment| {
        meta::parse(comment, &position, Unknown::Ignore)
            .is_ok_and(|meta| matches!(meta.name, name::DATA_VALUES | name::DATA_VALUES_SCHEMA))
    });
    marked
        || node
            .values()
            .iter()
            .filter_map(Tree::as_node)
            .any(gives_values)
}

/// A thread for one evaluation.
pub(crate) fn thread(limits: Limits, messages: &Rc<std::cell::RefCell<Vec<String>>>) -> Thread {
    let mut thread = Thread::new(limits.engine());
    let sink = Rc::clone(messages);
    thread.set_print(move |line| sink.borrow_mut().push(line.to_owned()));
    thread
}
