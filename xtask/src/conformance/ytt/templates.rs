//! Every ytt template in a repository of Cartographer resources, given to the real ytt and to
//! ours over contexts: equal output or equal error.
//!
//! A template is what stands under `spec.ytt` in a document of any YAML file; a context is a JSON
//! file with the top-level keys that Cartographer gives to a template.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use carto_ytt::{Limits, inline};
use serde_json::{Map, Value};

use super::super::Summary;
use super::files_below;

/// Which templates to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder that is searched for templates, such as Cartographer's repository
    dir: PathBuf,
    /// Folder of contexts
    #[arg(long, default_value = "crates/ytt/tests/contexts")]
    contexts: PathBuf,
    /// The real ytt
    #[arg(long, env = "CARTO_TEST_YTT")]
    ytt: PathBuf,
}

/// Runs all of them.
///
/// # Errors
/// Folders that cannot be read, or a real ytt that cannot be started.
pub(crate) fn run(args: &Args) -> Result<Summary> {
    let contexts = contexts(&args.contexts)?;
    let mut summary = Summary::default();
    let mut failing = 0;
    for path in files_below(&args.dir)? {
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if !is_yaml {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for (index, template) in templates(&text).into_iter().enumerate() {
            for (context, values) in &contexts {
                let shown = path.strip_prefix(&args.dir).unwrap_or(&path);
                let name = format!("{} template {index} {context}", shown.display());
                let ours = ours(&template, values);
                let theirs = theirs(&args.ytt, &template, values)?;
                failing += usize::from(theirs.is_err());
                let (ours, theirs) = (text_of(ours), text_of(theirs));
                summary.count(&name, super::equal(&ours, &theirs));
            }
        }
    }
    println!("{failing} of them fail with both");
    Ok(summary)
}

fn text_of(result: Result<String, String>) -> String {
    match result {
        Ok(output) => output,
        Err(error) => format!("ERROR {error}"),
    }
}

/// The templates among the documents of a file. Files that are no YAML, such as templates of
/// another kind, have none.
fn templates(text: &str) -> Vec<String> {
    let documents = carto_yaml::decode_all(text).unwrap_or_default();
    documents
        .iter()
        .filter_map(|document| document.pointer("/spec/ytt")?.as_str())
        .map(str::to_owned)
        .collect()
}

fn contexts(dir: &Path) -> Result<Vec<(String, Map<String, Value>)>> {
    let mut contexts = Vec::new();
    for path in files_below(dir)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(&path)?;
        let values = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        contexts.push((name.into_owned(), values));
    }
    Ok(contexts)
}

fn ours(template: &str, values: &Map<String, Value>) -> Result<String, String> {
    let program = inline::Program::compile(inline::STDIN, template);
    let output = program.and_then(|program| program.eval(&values.clone().into(), &Limits::INLINE));
    match output {
        Ok(output) => Ok(output.text),
        Err(error) => Err(error.to_cli_string()),
    }
}

/// As Cartographer calls it.
fn theirs(
    ytt: &Path,
    template: &str,
    values: &Map<String, Value>,
) -> Result<Result<String, String>> {
    let mut command = Command::new(ytt);
    command.args(["-f", "-"]);
    for (key, value) in values {
        command.args(["--data-value-yaml", &format!("{key}={value}")]);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", ytt.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        std::io::Write::write_all(&mut stdin, template.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    })
}
