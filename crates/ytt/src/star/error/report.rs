//! The report of a failure as ytt prints it.
//!
//! Source: ytt pkg/template/compiled_template_error.go.

use super::{Error, ErrorKind, SyntaxErrors};
use crate::star::source::{Line, Origin, Source};
use std::sync::Arc;

/// Finds the file that a position names; what is not found shows as `(unavailable)`.
///
/// In the original a position names its file only by name and the library under evaluation is
/// asked for it, so code of another library is not available, or is taken for a file of the same
/// name.
pub type Lookup<'a> = dyn Fn(&Arc<Source>) -> Option<Arc<Source>> + 'a;

/// From so many bytes on, places are only counted: a deep recursion on a long line would make a
/// report of any size. Differs: the original shows them all.
const MAX_PLACES_BYTES: usize = 256 << 10;

/// One place of a report.
struct Place<'a> {
    context: Option<&'a str>,
    source: Option<Arc<Source>>,
    name: &'a str,
    line: u32,
}

impl SyntaxErrors {
    /// The report, with every position looked up in its own file.
    pub fn report(&self) -> String {
        let mut out = Vec::new();
        for problem in &self.problems {
            let place = Place {
                context: None,
                source: Some(Arc::clone(&self.source)),
                name: &self.source.name,
                line: problem.line,
            };
            push_error(&mut out, &problem.message, &[place]);
        }
        finish(&out)
    }
}

impl Error {
    /// The report, with every position looked up in its own file.
    pub fn report(&self) -> String {
        self.report_with(&|source| Some(Arc::clone(source)))
    }

    /// The report, with positions looked up by `lookup`.
    pub fn report_with(&self, lookup: &Lookup<'_>) -> String {
        let places: Vec<_> = match self.kind() {
            ErrorKind::Panic => Vec::new(),
            ErrorKind::Failure | ErrorKind::Budget => self
                .frames()
                .iter()
                .filter(|frame| frame.line > 0)
                .map(|frame| Place {
                    context: Some(&frame.function),
                    source: lookup(&frame.source),
                    name: &frame.source.name,
                    line: frame.line,
                })
                .collect(),
        };
        let mut out = Vec::new();
        push_error(&mut out, self.message(), &places);
        finish(&out)
    }
}

/// A report begins with an empty line.
fn finish(lines: &[String]) -> String {
    format!("\n{}", lines.join("\n"))
}

fn push_error(out: &mut Vec<String>, message: &str, places: &[Place<'_>]) {
    let mut lines = message.split('\n');
    let topic = lines.next().unwrap_or_default();
    let hint = match hint(message, places) {
        Some(hint) => format!(" (hint: {hint})"),
        None => String::new(),
    };
    out.push(format!("- {topic}{hint}"));
    let mut bytes = 0;
    for (at, place) in places.iter().enumerate() {
        if bytes > MAX_PLACES_BYTES {
            out.push(format!("    ... and {} more", places.len() - at));
            break;
        }
        let known = out.len();
        push_place(out, place);
        bytes += out[known..].iter().map(String::len).sum::<usize>();
    }
    let others: Vec<_> = lines.collect();
    if !others.is_empty() {
        out.push(String::new());
        out.push("    reason:".to_owned());
        for line in others {
            out.push(format!("     {line}"));
        }
    }
}

fn push_place(out: &mut Vec<String>, place: &Place<'_>) {
    let mut pad = "    ".to_owned();
    if let Some(context) = place.context {
        out.push(format!("{pad}in {context}"));
        pad.push_str("  ");
    }
    let Some(source) = &place.source else {
        out.push(format!(
            "{pad}{}:{} | (unavailable)",
            place.name, place.line
        ));
        return;
    };
    let Some(line) = source.line(place.line) else {
        return;
    };
    if let Some(origin) = &line.origin {
        let shown = origin.selection.as_deref().unwrap_or(origin);
        out.push(format!("{pad}{} | {}", position(shown), shown.text));
        return;
    }
    let index = usize::try_from(place.line).unwrap_or(usize::MAX) - 1;
    if let Some(before) = source.lines[..index]
        .iter()
        .rev()
        .find_map(|line| written(line, &pad))
    {
        out.push(before);
    }
    out.push(format!("{pad}{}:? | {} (generated)", place.name, line.code));
    if let Some(after) = source.lines[index + 1..]
        .iter()
        .find_map(|line| written(line, &pad))
    {
        out.push(after);
    }
}

/// A neighbour of a generated line, if the user wrote it.
fn written(line: &Line, pad: &str) -> Option<String> {
    let origin = line.origin.as_ref()?;
    Some(format!("{pad}{} | {}", position(origin), origin.text))
}

/// File and line, or the line alone where there is no name.
fn position(origin: &Origin) -> String {
    if origin.file.is_empty() {
        return origin.line.to_string();
    }
    format!("{}:{}", origin.file, origin.line)
}

/// Advice for messages that newcomers meet.
fn hint(message: &str, places: &[Place<'_>]) -> Option<&'static str> {
    let fixed = match message {
        "undefined: true" => "use 'True' instead of 'true' for boolean assignment",
        "undefined: false" => "use 'False' instead of 'false' for boolean assignment",
        "got newline, want ':'" => "missing colon at the end of 'if/for/def' statement?",
        "undefined: null" => "use 'None' instead of 'null' to indicate no value",
        "undefined: nil" => "use 'None' instead of 'nil' to indicate no value",
        "undefined: none" => "use 'None' instead of 'none' to indicate no value",
        "unhandled index operation struct[string]" => {
            "use getattr(...) to access struct field programmatically"
        }
        "got '&', want primary expression" if shows(places, "&&") => {
            "use 'and' instead of '&&' for logical-and"
        }
        "got '|', want primary expression" if shows(places, "||") => {
            "use 'or' instead of '||' for logical-or"
        }
        _ if is_unknown_operator(message, " | ") => "use 'or' instead of '|' for logical-or",
        _ if is_unknown_operator(message, " & ") => "use 'and' instead of '&' for logical-and",
        _ => return None,
    };
    Some(fixed)
}

/// Whether the message is `unknown binary op: X <operator> Y` on one line.
fn is_unknown_operator(message: &str, operator: &str) -> bool {
    message
        .strip_prefix("unknown binary op: ")
        .is_some_and(|rest| {
            !rest.contains('\n')
                && rest
                    .match_indices(operator)
                    .any(|(at, _)| at > 0 && at + operator.len() < rest.len())
        })
}

/// Whether the code at one of the places contains `operator`.
fn shows(places: &[Place<'_>], operator: &str) -> bool {
    places.iter().any(|place| {
        let line = place
            .source
            .as_ref()
            .and_then(|source| source.line(place.line));
        line.is_some_and(|line| line.code.contains(operator))
    })
}
