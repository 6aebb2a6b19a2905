//! ytt's own tests: templates with expected results in one file, and examples.
//!
//! Source of the rules: ytt test/filetests/filetests.go, pkg/texttemplate/template_test.go,
//! pkg/validations/validations_test.go.

mod commands;
pub(crate) mod differential;
mod examples;
mod go;
pub(crate) mod templates;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use carto_ytt::workspace::{Format, alone};

use super::Summary;

/// Data values of all tests of templates.
const VALUES: &str = "\
int: 123
intNeg: -49
float: 123.123
t: true
f: false
nullz: null
string: string
map: {a: 123}
list: [a, 123, {a: 123}]
";

/// Runs all tests below a copy of ytt's sources.
///
/// # Errors
/// Sources that cannot be read.
pub(crate) fn run(dir: &Path, only: &str) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    let suites: [(&str, fn(&str) -> Result<(), String>); 3] = [
        ("pkg/yamltemplate/filetests", |test| yaml(test, false)),
        ("pkg/validations/filetests", |test| yaml(test, true)),
        ("pkg/texttemplate/filetests", text),
    ];
    for (folder, check) in suites {
        for path in files_below(&dir.join(folder))? {
            let name = path
                .strip_prefix(dir)
                .unwrap_or(&path)
                .display()
                .to_string();
            if !name.contains(only) {
                continue;
            }
            let test = fs::read_to_string(&path).with_context(|| name.clone())?;
            summary.count(&name, check(&test));
        }
    }
    commands::run_all(dir, only, &mut summary)?;
    examples::run_all(dir, only, &mut summary)?;
    Ok(summary)
}

/// All files in a directory and below, in order.
fn files_below(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files_below(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn yaml(test: &str, validate: bool) -> Result<(), String> {
    let (template, expected) = test
        .split_once("\n+++\n\n")
        .ok_or("there is no separator +++ in the file")?;
    let expected = expected.replace("__YTT_VERSION__", "0.0.0");
    if let Some(error) = expected.strip_prefix("ERR:") {
        let error = error.strip_prefix(' ').unwrap_or(error);
        return match alone::yaml(template, VALUES, Format::Yaml, validate) {
            Ok(output) => Err(format!("expected an error, got:\n{output}")),
            Err(found) => equal(&trimmed(&without_numbers(found.message())), &trimmed(error)),
        };
    }
    let (format, expected) = match expected.strip_prefix("OUTPUT POSITION:\n") {
        Some(positions) => (Format::Positions, positions),
        None => (Format::Yaml, expected.as_str()),
    };
    match alone::yaml(template, VALUES, format, validate) {
        Ok(output) => equal(&output, expected),
        Err(error) => Err(format!("unexpected error: {error}")),
    }
}

fn text(test: &str) -> Result<(), String> {
    let (template, expected) = test
        .split_once("\n+++\n")
        .ok_or("there is no separator +++ in the file")?;
    let result = alone::text(template);
    match (expected.strip_prefix("\nERR:"), result) {
        (Some(expected), Err(error)) => equal(&without_numbers(error.message()), expected),
        (None, Ok(output)) => equal(&output, expected),
        (Some(_), Ok(output)) => Err(format!("expected an error, got:\n{output}")),
        (None, Err(error)) => Err(format!("unexpected error: {error}")),
    }
}

fn equal(found: &str, expected: &str) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("--- expected\n{expected}\n--- found\n{found}\n---"))
}

/// Blanks at the end of each line, and empty lines at the end, taken away.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text
        .split('\n')
        .map(|line| line.trim_end_matches(['\t', ' ']))
        .collect();
    lines.join("\n").trim_end_matches('\n').to_owned()
}

/// The names of generated calls without the number of their program.
fn without_numbers(text: &str) -> String {
    const NAME: &str = "__ytt_tpl";
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(NAME) {
        out.push_str(before);
        out.push_str(NAME);
        rest = after;
        let digits = after.trim_start_matches(|c: char| c.is_ascii_digit());
        if digits.len() < after.len() && digits.starts_with('_') {
            out.push_str("XXX");
            rest = digits;
        }
    }
    out.push_str(rest);
    out
}
