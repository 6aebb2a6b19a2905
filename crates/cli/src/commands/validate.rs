//! `carto validate`: finds mistakes in chains, templates and workloads before anybody applies them.

mod manifest;

use std::{
    collections::BTreeSet,
    io::Read,
    path::{Path, PathBuf},
};

use carto_core::validate::{self, Severity};
use carto_server::SchemaCheck;
use serde_json::Value;

use self::manifest::{Manifest, Object};
use crate::{commands::up::runtime, env::Env, error::CommandError};

/// Checks manifests without a cluster
///
/// Prints one line for each mistake: FILE:LINE:COLUMN: error or warning, what is wrong and where.
/// Exits 1 when there is an error. Objects of other kinds in the files are skipped.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files, folders (searched for .yaml, .yml and .json) or - for the standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Treats warnings as errors
    #[arg(long)]
    strict: bool,
}

/// Deepest folder that is searched.
const MAX_DEPTH: usize = 32;

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args { files, strict } = args;
    let mut manifests = Vec::new();
    for file in &files {
        collect(file, 0, &mut manifests)?;
    }
    let mut tally = Tally::default();
    let mut known = Known::default();
    for manifest in &manifests {
        for object in &manifest.objects {
            known.add(&object.value);
        }
    }
    runtime()?.block_on(async {
        let schema = SchemaCheck::start().await.map_err(|error| {
            CommandError::internal(format!("cannot load the definitions: {error}"))
        })?;
        for manifest in &manifests {
            check(manifest, &schema, &known, &mut tally, env).await?;
        }
        Ok::<(), CommandError>(())
    })?;
    tally.finish(manifests.len(), strict, env)
}

/// What was found so far.
#[derive(Default)]
struct Tally {
    objects: usize,
    errors: usize,
    warnings: usize,
}

impl Tally {
    fn finish(&self, files: usize, strict: bool, env: &Env) -> Result<(), CommandError> {
        let Self { objects, errors, warnings } = self;
        let summary =
            format!("{files} files, {objects} objects of Carto: {errors} errors, {warnings} warnings");
        if *errors > 0 || strict && *warnings > 0 {
            return Err(CommandError::user(summary));
        }
        env.err(&format!("{summary}\n"));
        Ok(())
    }

    fn print(
        &mut self,
        env: &Env,
        place: &str,
        severity: Severity,
        message: &str,
    ) -> Result<(), CommandError> {
        let word = match severity {
            Severity::Error => {
                self.errors += 1;
                "error"
            }
            Severity::Warning => {
                self.warnings += 1;
                "warning"
            }
        };
        env.out(&format!("{place}: {word}: {message}\n"))?;
        Ok(())
    }
}

/// The templates that the files define, to tell a misspelt name from one that lives elsewhere.
#[derive(Default)]
struct Known {
    templates: BTreeSet<(String, String)>,
}

impl Known {
    fn add(&mut self, object: &Value) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        let kind = text("/kind");
        if kind.ends_with("Template") {
            self.templates.insert((kind.to_owned(), text("/metadata/name").to_owned()));
        }
    }

    /// Templates that a blueprint names and no file defines, with the path of the name.
    fn missing(&self, blueprint: &Value) -> Vec<(String, String)> {
        let kinds_here: BTreeSet<&str> =
            self.templates.iter().map(|(kind, _name)| kind.as_str()).collect();
        let steps = blueprint.pointer("/spec/resources").and_then(Value::as_array);
        let mut missing = Vec::new();
        for (index, step) in steps.into_iter().flatten().enumerate() {
            let Some(kind) = step.pointer("/templateRef/kind").and_then(Value::as_str) else { continue };
            // Files without any template of the kind say nothing about which exist.
            let Some(name) = step.pointer("/templateRef/name").and_then(Value::as_str) else { continue };
            let known = self.templates.contains(&(kind.to_owned(), name.to_owned()));
            if kinds_here.contains(kind) && !known {
                missing.push((
                    format!("spec.resources[{index}].templateRef.name"),
                    format!("no file here defines the {kind} \"{name}\""),
                ));
            }
        }
        missing
    }
}

async fn check(
    manifest: &Manifest,
    schema: &SchemaCheck,
    known: &Known,
    tally: &mut Tally,
    env: &Env,
) -> Result<(), CommandError> {
    let file = &manifest.name;
    if let Some((line, message)) = &manifest.broken {
        return tally.print(env, &format!("{file}:{line}:1"), Severity::Error, message);
    }
    for object in manifest.objects.iter().filter(|object| object.is_ours()) {
        tally.objects += 1;
        let title = object.title();
        for (line, message) in &object.duplicates {
            let message = format!("{title}: {message}");
            tally.print(env, &format!("{file}:{line}:1"), Severity::Error, &message)?;
        }
        for (path, message, severity) in mistakes(object, schema, known).await {
            let (line, column) = object.place(&path);
            let message = format!("{title}: {path}: {message}");
            tally.print(env, &format!("{file}:{line}:{column}"), severity, &message)?;
        }
    }
    Ok(())
}

/// Everything that is wrong with one object: path, what, how bad.
async fn mistakes(
    object: &Object,
    schema: &SchemaCheck,
    known: &Known,
) -> Vec<(String, String, Severity)> {
    let mut mistakes: Vec<_> = schema
        .problems(&object.value)
        .await
        .into_iter()
        .map(|(path, message)| (path, message, Severity::Error))
        .collect();
    let findings = validate::findings(&object.value).into_iter();
    mistakes.extend(findings.map(|finding| (finding.path, finding.message, finding.severity)));
    let missing = known.missing(&object.value).into_iter();
    mistakes.extend(missing.map(|(path, message)| (path, message, Severity::Warning)));
    mistakes
}

/// Reads a file, or every manifest below a folder in the order of names.
fn collect(
    path: &Path,
    depth: usize,
    manifests: &mut Vec<Manifest>,
) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::user(format!("cannot read {}: {error}", path.display()))
    };
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        manifests.push(Manifest::read("stdin".to_owned(), &text));
        return Ok(());
    }
    if !path.is_dir() {
        let text = std::fs::read_to_string(path).map_err(failed)?;
        manifests.push(Manifest::read(path.display().to_string(), &text));
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return Err(CommandError::user(format!("{} is nested too deep", path.display())));
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(failed)?;
    entries.sort();
    for entry in entries {
        let manifest = entry
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| matches!(extension, "yaml" | "yml" | "json"));
        if manifest || entry.is_dir() {
            collect(&entry, depth + 1, manifests)?;
        }
    }
    Ok(())
}
