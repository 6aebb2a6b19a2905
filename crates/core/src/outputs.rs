//! What a resource gives to others: reading it from its object, and writing it to the status.
//!
//! Source: cartographer pkg/stamp/reader.go, pkg/realizer/realizer.go (`generateResourceOutput`).

use carto_query::go;
use carto_query::requirement::equals_text;
use serde_json::Value;

use crate::digest;
use crate::model::{Completion, OutputRule};
use crate::preview;
use crate::row::{Evaluated, Expression, Row};

/// The output of a resource. A null image or config is none at all; a source's parts may be null.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Output {
    Source { url: Value, revision: Value },
    Image(Value),
    Config(Value),
}

/// Why there is no output (yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OutputError {
    /// A path gave no single value; `path` as written in the template.
    Path { path: String, text: String },
    /// `status.observedGeneration` is missing.
    ObservedGeneration(String),
    /// The deployment is not complete.
    NotMet(String),
    /// The deployment failed.
    FailedMet(String),
    /// Anything else.
    Other(String),
}

const EMPTY_OBJECT: &str = "failed to evaluate path of empty object";

/// Reads the output by a template's rule out of `row`, the object it comes from.
///
/// `deployment` is the incoming deployment, which a deployment template passes on.
pub(crate) fn read(
    rule: &OutputRule,
    row: Option<&Row>,
    deployment: Option<&Output>,
) -> Result<Option<Output>, OutputError> {
    let empty = |path: &str| OutputError::Path {
        path: path.into(),
        text: EMPTY_OBJECT.into(),
    };
    match rule {
        OutputRule::None => Ok(None),
        OutputRule::Source { url, revision } => {
            let row = row.ok_or_else(|| empty(url))?;
            let url = value(row, url, |e| {
                format!("failed to evaluate the url path [{url}]: {e}")
            })?;
            let revision = value(row, revision, |e| {
                format!("failed to evaluate the revision path [{revision}]: {e}")
            })?;
            Ok(Some(Output::Source { url, revision }))
        }
        OutputRule::Image(path) => {
            let row = row.ok_or_else(|| empty(path))?;
            let image = value(row, path, |e| {
                format!("failed to evaluate the url path [{path}]: {e}")
            })?;
            Ok((!image.is_null()).then_some(Output::Image(image)))
        }
        OutputRule::Config(path) => {
            let row = row.ok_or_else(|| empty(path))?;
            let config = value(row, path, |e| {
                format!("failed to evaluate spec.configPath [{path}]: {e}")
            })?;
            Ok((!config.is_null()).then_some(Output::Config(config)))
        }
        OutputRule::Deployment(completion) => {
            let row = row.ok_or_else(|| OutputError::Other(EMPTY_OBJECT.into()))?;
            complete(completion, row)?;
            let missing = || OutputError::Other("deployment not found in upstream template".into());
            deployment.cloned().ok_or_else(missing).map(Some)
        }
    }
}

fn value(
    row: &Row,
    path: &str,
    explain: impl FnOnce(&str) -> String,
) -> Result<Value, OutputError> {
    at(row, path).map_err(|failure| OutputError::Path {
        path: path.to_owned(),
        text: explain(&failure.text),
    })
}

struct Failure {
    missing: bool,
    text: String,
}

fn at(row: &Row, path: &str) -> Result<Value, Failure> {
    match row.result(&Expression::Path(path.into())) {
        Some(Evaluated::Value(value)) => Ok(value.value()),
        Some(Evaluated::Missing(text)) => Err(Failure {
            missing: true,
            text: text.to_string(),
        }),
        Some(Evaluated::Error(text)) => Err(Failure {
            missing: false,
            text: text.to_string(),
        }),
        // Rows are only judged once they cover the template's expressions.
        Some(Evaluated::Condition(_) | Evaluated::NoCondition) | None => Err(Failure {
            missing: true,
            text: format!("jsonpath returned empty list: {path}"),
        }),
    }
}

fn complete(completion: &Completion, row: &Row) -> Result<(), OutputError> {
    match completion {
        Completion::Matches(pairs) => pairs
            .iter()
            .try_for_each(|(input, output)| matches(row, input, output)),
        Completion::Observed { failed, succeeded } => {
            observed_generation(row)?;
            if let Some((key, value)) = failed {
                not_failed(row, key, value)?;
            }
            has_succeeded(row, &succeeded.0, &succeeded.1)
        }
    }
}

fn matches(row: &Row, input: &str, output: &str) -> Result<(), OutputError> {
    let left = at(row, input).map_err(|failure| {
        OutputError::NotMet(format!(
            "could not find value on input [{input}]: {}",
            failure.text
        ))
    })?;
    let right = at(row, output).map_err(|failure| {
        OutputError::NotMet(format!(
            "could not find value on output [{output}]: {}",
            failure.text
        ))
    })?;
    if same(&left, &right) {
        return Ok(());
    }
    Err(OutputError::NotMet(format!(
        "input [{input}] and output [{output}] do not match: {} != {}",
        go::display_decoded(&left),
        go::display_decoded(&right)
    )))
}

/// Compares by value; whole numbers are equal however they are written.
fn same(left: &Value, right: &Value) -> bool {
    left == right || digest::stamp(left) == digest::stamp(right)
}

fn observed_generation(row: &Row) -> Result<(), OutputError> {
    let generation = value(row, "metadata.generation", |e| {
        format!("failed to evaluate metadata.generation: {e}")
    })?;
    let observed = at(row, "status.observedGeneration").map_err(|failure| {
        OutputError::ObservedGeneration(format!(
            "failed to evaluate status.observedGeneration: {}",
            failure.text
        ))
    })?;
    if same(&generation, &observed) {
        return Ok(());
    }
    Err(OutputError::NotMet(format!(
        "status.observedGeneration does not equal metadata.generation: {} != {}",
        go::display_decoded(&observed),
        go::display_decoded(&generation)
    )))
}

fn not_failed(row: &Row, key: &str, value: &str) -> Result<(), OutputError> {
    match at(row, key) {
        Ok(found) if equals_text(&found, value) => Err(OutputError::FailedMet(format!(
            "deployment failure condition [{key}] was: {}",
            go::display_decoded(&found)
        ))),
        Err(failure) if !failure.missing => Err(OutputError::Path {
            path: key.to_owned(),
            text: format!("failed to evaluate {key}: {}", failure.text),
        }),
        _ => Ok(()),
    }
}

fn has_succeeded(row: &Row, key: &str, value: &str) -> Result<(), OutputError> {
    let found = at(row, key).map_err(|failure| {
        OutputError::NotMet(format!(
            "failed to evaluate succeededCondition.Key [{key}]: {}",
            failure.text
        ))
    })?;
    if equals_text(&found, value) {
        return Ok(());
    }
    Err(OutputError::NotMet(format!(
        "deployment success condition [{key}] was: {}, expected: {value}",
        go::display_decoded(&found)
    )))
}

impl Output {
    /// Iterates over its parts with their names in the status.
    fn parts(&self) -> Vec<(&'static str, &Value)> {
        match self {
            Self::Source { url, revision } => vec![("url", url), ("revision", revision)],
            Self::Image(image) => vec![("image", image)],
            Self::Config(config) => vec![("config", config)],
        }
    }
}

/// An output as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) preview: String,
    pub(crate) digest: String,
    pub(crate) since: String,
}

/// Writes an output for the status; `previous` lends the times of what has not changed.
pub(crate) fn show(output: Option<&Output>, previous: &[Shown], now: &str) -> Vec<Shown> {
    let part = |(name, value): (&str, &Value)| {
        let (preview, digest) = preview::of(value);
        let old = previous
            .iter()
            .find(|old| old.name == name && old.digest == digest);
        Shown {
            name: name.to_owned(),
            preview,
            since: old.map_or(now, |old| &old.since).to_owned(),
            digest,
        }
    };
    output
        .map(Output::parts)
        .unwrap_or_default()
        .into_iter()
        .map(part)
        .collect()
}
