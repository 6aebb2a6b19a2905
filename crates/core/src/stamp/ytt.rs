//! Templates written in ytt.
//!
//! The names of the templating context are the data values. Source: cartographer
//! pkg/templates/stamper.go (`applyYtt`). Differs: in process, with budgets instead of a time
//! limit; where a template gives several documents the first is taken as in the original, and
//! that is said.

use std::sync::{Arc, OnceLock};

use carto_query::{Scope, go};
use carto_ytt::Limits;
use carto_ytt::inline::{Program, STDIN};
use serde_json::{Map, Value};

use super::Rendered;
use crate::recall::Reads;

/// A ytt template, compiled when it is first needed.
#[derive(Clone, Debug)]
pub struct Ytt {
    text: Arc<str>,
    program: Arc<OnceLock<Result<Compiled, String>>>,
}

#[derive(Debug)]
struct Compiled {
    program: Program,
    reads: Reads,
}

impl PartialEq for Ytt {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Ytt {
    /// Takes the text of a template.
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            program: Arc::default(),
        }
    }

    /// Returns the text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn compiled(&self) -> Result<&Compiled, &str> {
        let compile = || {
            let program =
                Program::compile(STDIN, &self.text).map_err(|error| error.to_cli_string())?;
            let reads = Reads::of_ytt(program.reads());
            Ok(Compiled { program, reads })
        };
        let compiled = self.program.get_or_init(compile);
        compiled.as_ref().map_err(String::as_str)
    }

    /// Returns what of its owner the template can tell apart; `None` when it cannot be compiled.
    pub(crate) fn reads(&self) -> Option<&Reads> {
        self.compiled().ok().map(|compiled| &compiled.reads)
    }

    /// Evaluates the template with the names of the scope as data values.
    ///
    /// # Errors
    /// The text of what is wrong, as the original words it.
    pub(crate) fn render(&self, scope: &Scope<'_>) -> Result<Rendered, String> {
        let failed = |text: &str| format!("unable to apply ytt template: {text}");
        let compiled = self.compiled().map_err(failed)?;
        let output = compiled
            .program
            .eval(&scope.to_shared().collect(), &Limits::INLINE)
            .map_err(|error| failed(&error.to_cli_string()))?;
        let documents = carto_yaml::decode_all(&output.text).map_err(|error| error.to_string())?;
        first_object(documents)
    }
}

fn first_object(documents: Vec<Value>) -> Result<Rendered, String> {
    let count = documents.len();
    let note = (count > 1)
        .then(|| format!("the template gives {count} documents; only the first is stamped"));
    // Without output the object is empty, and refused when it is applied.
    let object = match documents.into_iter().next() {
        Some(document) => object(document)?,
        None => Map::new(),
    };
    Ok(Rendered { object, note })
}

/// Takes a document as the original's decoder does.
fn object(document: Value) -> Result<Map<String, Value>, String> {
    let envelope = "error unmarshaling JSON: while decoding JSON: ";
    let mismatch = |kind: &str| {
        format!(
            "{envelope}json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        )
    };
    let without_kind = |document: &Value| {
        format!(
            "{envelope}Object 'Kind' is missing in '{}'",
            go::json(document)
        )
    };
    let has_kind = |map: &Map<String, Value>| {
        map.get("kind")
            .and_then(Value::as_str)
            .is_some_and(|kind| !kind.is_empty())
    };
    match document {
        Value::Object(map) if has_kind(&map) => Ok(map),
        Value::Object(_) | Value::Null => Err(without_kind(&document)),
        Value::Array(_) => Err(mismatch("array")),
        Value::String(_) => Err(mismatch("string")),
        Value::Number(_) => Err(mismatch("number")),
        Value::Bool(_) => Err(mismatch("bool")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(text: &str) -> Result<Rendered, String> {
        let params = json!({"name": "n", "deep": {"a b": [1, 2]}});
        Ytt::new(text).render(&Scope::new().with("params", &params))
    }

    fn object_of(text: &str) -> Value {
        Value::Object(render(text).expect("it renders").object)
    }

    #[test]
    fn data_values_are_the_context() {
        let text = "#@ load(\"@ytt:data\", \"data\")\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  \
                    name: #@ data.values.params.name\ndata:\n  x: #@ str(data.values.params.deep[\"a b\"][1])\n";
        let expected = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "n"}, "data": {"x": "2"}
        });
        assert_eq!(object_of(text), expected);
    }

    #[test]
    fn failures_are_worded_as_on_the_command_line() {
        let text = "#@ load(\"@ytt:data\", \"data\")\nkind: #@ data.values.params[\"waciuma-com/quality\"]\n";
        assert_eq!(
            render(text).expect_err("it fails"),
            "unable to apply ytt template: ytt: Error: \n- key \"waciuma-com/quality\" not in \
             struct\n    in <toplevel>\n      stdin.yml:2 | kind: #@ \
             data.values.params[\"waciuma-com/quality\"]\n"
        );
    }

    #[test]
    fn what_is_no_object_is_refused_as_by_the_original() {
        let head = "error unmarshaling JSON: while decoding JSON: ";
        let cases = [
            (
                "apiVersion: v1\nmetadata:\n  name: q\n",
                "Object 'Kind' is missing in '{\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"q\"}}'",
            ),
            (
                "- a\n",
                "json: cannot unmarshal array into Go value of type map[string]interface {}",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(render(text).expect_err(text), format!("{head}{expected}"));
        }
        let empty = render("#@ if False:\nkind: x\n#@ end\n").expect("nothing is an empty object");
        assert_eq!(empty.object, Map::new());
    }

    #[test]
    fn further_documents_are_left_out_and_that_is_said() {
        let rendered = render("kind: A\n---\nkind: B\n").expect("it renders");
        assert_eq!(rendered.object["kind"], "A");
        assert_eq!(
            rendered.note.as_deref(),
            Some("the template gives 2 documents; only the first is stamped")
        );
    }
}
