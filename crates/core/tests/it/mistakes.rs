//! A corpus of mistakes that people make, each with what is said about it and where.
//!
//! Every document under `tests/fixtures/mistakes` begins with a comment that names its mistake.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use carto_core::validate::{Severity, read};

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the fixtures are committed")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    files.sort();
    files
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).expect("fixtures are text")
}

/// What is said about a file, a line for each finding.
fn said(text: &str) -> String {
    let reading = read(text);
    assert_eq!(reading.broken, None);
    let mut out = String::new();
    for (object, place, finding) in reading.findings() {
        writeln!(
            out,
            "{}:{}: {}: {}: {}: {}",
            place.line,
            place.column,
            finding.severity,
            reading.objects[object].title(),
            finding.path,
            finding.message
        )
        .expect("a String takes any text");
    }
    out
}

#[test]
fn every_mistake_is_found_at_its_place() {
    for file in fixtures("mistakes") {
        let name = file
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("names are text");
        insta::assert_snapshot!(name, said(&text(&file)));
    }
}

#[test]
fn no_mistake_is_overlooked() {
    let mut mistakes = 0;
    for file in fixtures("mistakes") {
        let text = text(&file);
        let reading = read(&text);
        let found: BTreeSet<usize> = reading.findings().iter().map(|(at, ..)| *at).collect();
        let documents: Vec<&str> = text.split("---\n").collect();
        assert_eq!(documents.len(), reading.objects.len(), "{}", file.display());
        for (at, document) in documents.iter().enumerate() {
            let Some(comment) = document.strip_prefix("# ") else {
                continue;
            };
            mistakes += 1;
            assert!(found.contains(&at), "{}: {comment}", file.display());
        }
    }
    assert!(mistakes >= 100, "{mistakes}");
}

#[test]
fn what_is_good_has_no_findings() {
    let files = fixtures("good");
    assert!(!files.is_empty());
    for file in files {
        assert_eq!(said(&text(&file)), "", "{}", file.display());
    }
}

#[test]
fn errors_are_certain_and_warnings_are_not() {
    let text = text(&fixtures("mistakes")[0]);
    let reading = read(&text);
    let count = |severity| {
        let findings = reading.findings();
        findings
            .iter()
            .filter(|(.., finding)| finding.severity == severity)
            .count()
    };
    assert!(count(Severity::Error) > count(Severity::Warning));
}
