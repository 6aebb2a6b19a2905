//! `carto validate`: finds mistakes in chains, templates and workloads before anybody applies them.

use std::path::PathBuf;

use carto_core::validate::{self, Object, Place, Reading, Severity};
use carto_server::SchemaCheck;
use serde_json::Value;

use crate::{
    commands::up::runtime,
    env::Env,
    error::CommandError,
    manifests::{self, Manifest},
};

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

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args { files, strict } = args;
    let manifests = manifests::read_all(&files)?;
    let mut mistakes = alone(&manifests);
    mistakes.extend(together(&manifests));
    let schema = runtime()?.block_on(against_schema(&manifests))?;
    mistakes.extend(schema);
    mistakes.sort_by_key(|mistake| (mistake.file, mistake.place));
    let mut counts = [0, 0];
    for Mistake {
        file,
        place: Place { line, column },
        severity,
        text,
    } in &mistakes
    {
        counts[usize::from(*severity == Severity::Error)] += 1;
        let name = &manifests[*file].name;
        env.out(&format!("{name}:{line}:{column}: {severity}: {text}\n"))?;
    }
    let objects: usize = manifests
        .iter()
        .map(|manifest| ours(&manifest.reading).count())
        .sum();
    let [warnings, errors] = counts;
    let summary = format!(
        "{} files, {objects} objects of Carto: {errors} errors, {warnings} warnings",
        manifests.len()
    );
    if errors > 0 || strict && warnings > 0 {
        return Err(CommandError::user(summary));
    }
    env.err(&format!("{summary}\n"));
    Ok(())
}

/// One mistake, where it is printed.
struct Mistake {
    file: usize,
    place: Place,
    severity: Severity,
    text: String,
}

impl Mistake {
    fn new(file: usize, place: Place, severity: Severity, text: String) -> Self {
        Self {
            file,
            place,
            severity,
            text,
        }
    }
}

fn ours(reading: &Reading) -> impl Iterator<Item = &Object> {
    reading.objects.iter().filter(|object| {
        let version = object.value.get("apiVersion").and_then(Value::as_str);
        version.is_some_and(|version| version.starts_with("carto.run/"))
    })
}

/// What is wrong with each object, by itself.
fn alone(manifests: &[Manifest]) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (file, manifest) in manifests.iter().enumerate() {
        if let Some(broken) = &manifest.reading.broken {
            let text = broken.message.clone();
            mistakes.push(Mistake::new(file, broken.place, Severity::Error, text));
        }
        for object in ours(&manifest.reading) {
            let title = object.title();
            for (place, twice) in &object.duplicates {
                let text = format!("{title}: {twice}");
                mistakes.push(Mistake::new(file, *place, Severity::Error, text));
            }
            for finding in validate::findings(&object.value) {
                let text = format!("{title}: {}: {}", finding.path, finding.message);
                mistakes.push(Mistake::new(
                    file,
                    object.place(&finding),
                    finding.severity,
                    text,
                ));
            }
        }
    }
    mistakes
}

/// What is wrong with the objects of all files together.
fn together(manifests: &[Manifest]) -> Vec<Mistake> {
    let objects: Vec<(usize, &Object)> = manifests
        .iter()
        .enumerate()
        .flat_map(|(file, manifest)| ours(&manifest.reading).map(move |object| (file, object)))
        .collect();
    let values: Vec<&Value> = objects
        .iter()
        .map(|(_file, object)| &object.value)
        .collect();
    validate::across(&values)
        .into_iter()
        .map(|(at, finding)| {
            let (file, object) = objects[at];
            let text = format!("{}: {}: {}", object.title(), finding.path, finding.message);
            Mistake::new(file, object.place(&finding), finding.severity, text)
        })
        .collect()
}

/// What the API would refuse.
async fn against_schema(manifests: &[Manifest]) -> Result<Vec<Mistake>, CommandError> {
    let schema = SchemaCheck::start()
        .await
        .map_err(|error| CommandError::internal(format!("cannot load the definitions: {error}")))?;
    let mut mistakes = Vec::new();
    for (file, manifest) in manifests.iter().enumerate() {
        for object in ours(&manifest.reading) {
            for (path, message) in schema.problems(&object.value).await {
                let place = object.place_of(&path);
                let text = match path.as_str() {
                    "" => format!("{}: {message}", object.title()),
                    path => format!("{}: {path}: {message}", object.title()),
                };
                mistakes.push(Mistake::new(file, place, Severity::Error, text));
            }
        }
    }
    Ok(mistakes)
}
