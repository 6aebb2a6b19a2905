//! One template by itself, as ytt's own tests of templates evaluate it: there are no other files,
//! and the results stay as they are, even where they are overlays.
//!
//! For conformance tests; the errors are those of the template without the words around them.

use std::rc::Rc;
use std::sync::Arc;

use super::loader::{Place, TemplateLoader};
use super::run::{FIRST_NUMBER, Run, TemplateOptions};
use super::{File, FileType, Format, print_set, tree};
use crate::bridge::from_tree_with_structs;
use crate::error::Error;
use crate::inline::{Prepared, thread};
use crate::limits::Limits;
use crate::node::{Node, ReadOptions, read, to_plain};
use crate::star::Value;
use crate::template::compile::compile;
use crate::template::evaluate::Template;
use crate::template::meta::Unknown;
use crate::validation;

const NAME: &str = "stdin";

/// The version that those tests run under.
pub(super) const VERSION: &str = "0.0.0";

/// Evaluates a YAML template with data values, given as YAML, and prints the result.
///
/// # Errors
/// What fails in the template, or rules that the result breaks, when `validate` is set.
pub fn yaml(text: &str, values: &str, format: Format, validate: bool) -> Result<String, Error> {
    let limits = Limits::COMMAND;
    let options = ReadOptions::default();
    let set = Rc::new(read(text.as_bytes(), NAME, options)?);
    let node = Node::DocumentSet(set);
    let translation = compile(&node, &Arc::from(NAME), text, Unknown::Refuse, FIRST_NUMBER)?;
    let template =
        Template::new(NAME, translation).map_err(|errors| Error::new(errors.report()))?;
    let mut file = File::new(NAME, text);
    file.prepared = Some(Arc::new(Prepared {
        template: Arc::new(template),
    }));
    let values = read(values.as_bytes(), "values", options)?;
    let first = values.items.borrow().first().cloned();
    let first = first.map(|document| document.value.borrow().clone());
    let mut thread = thread(limits, &Rc::default());
    let values = to_plain(&first.unwrap_or_default(), thread.budget())?;
    let values = from_tree_with_structs(&values, thread.budget())?;
    let loader = loader(values);
    let result = loader.eval_yaml(&place(), &file, &mut thread)?;
    if validate {
        let node = Node::DocumentSet(Rc::clone(&result.documents));
        validation::attach_assertions(&node, &mut thread)?;
        let report = validation::run(&node, &mut thread)
            .map_err(|error| Error::new(format!("\n{}", error.message())))?;
        if !report.is_empty() {
            return Err(Error::new(format!("\n{report}")));
        }
    }
    print_set(&result.documents, format, limits)
}

/// Evaluates a text template.
///
/// # Errors
/// What fails in the template.
pub fn text(text: &str) -> Result<String, Error> {
    let mut file = File::new(NAME, text);
    file.mark_type(FileType::Text, true);
    let mut thread = thread(Limits::COMMAND, &Rc::default());
    let loader = loader(Value::None);
    let result = loader.eval_text(&place(), &file, &mut thread);
    let (_, text) = result.map_err(|error| {
        let message = error.message();
        let message = message
            .strip_prefix("Parsing text template 'stdin': ")
            .or_else(|| message.strip_prefix("Evaluating text template: "));
        Error::new(message.unwrap_or(error.message()))
    })?;
    Ok(text.to_text().into_owned())
}

fn loader(values: Value) -> Rc<TemplateLoader> {
    let mut loader =
        TemplateLoader::with_values(&Rc::new(Run::new()), values, TemplateOptions::default());
    loader.alone = true;
    Rc::new(loader)
}

fn place() -> Place {
    let root = tree::Library::root(Vec::new());
    Place {
        current: Rc::clone(&root),
        root,
    }
}
