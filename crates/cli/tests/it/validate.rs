//! `carto validate`: what it prints, where, and how much of a corpus of mistakes it finds.

use std::path::{Path, PathBuf};

use crate::process::{carto, finish, succeed};

/// The share of mistakes that has to be found.
const BAR: f64 = 0.95;

fn stdout(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = finish(carto().arg("validate").args(arguments));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// The corpus: documents that each begin with a comment that names their one mistake. Those of
/// the core were written along with its rules; `slips.yaml` before anybody looked what is found.
fn corpus() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.join("../core/tests/fixtures/mistakes");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.push(here.join("tests/fixtures/slips.yaml"));
    files.sort();
    files
}

/// The mistakes of a file: first and last line of the document, and the comment.
fn mistakes(text: &str) -> Vec<(usize, usize, String)> {
    let mut mistakes: Vec<(usize, usize, String)> = Vec::new();
    let mut begins = true;
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        if line == "---" {
            begins = true;
            continue;
        }
        match line.strip_prefix("# ").filter(|_| begins) {
            Some(comment) => mistakes.push((number, number, comment.to_owned())),
            None => {
                if let Some(last) = mistakes.last_mut() {
                    last.1 = number;
                }
            }
        }
        begins = false;
    }
    mistakes
}

#[test]
fn mistakes_are_found_with_line_and_column() {
    let (mut all, mut found) = (0, 0);
    for file in corpus() {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.to_str().unwrap();
        let (_, said, _) = stdout(&[name]);
        let lines: Vec<usize> = said
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{name}:")))
            .map(|place| {
                let mut parts = place.split(':');
                let mut number = || parts.next().and_then(|part| part.parse().ok());
                let (line, column): (Option<usize>, Option<usize>) = (number(), number());
                assert!(
                    column.is_some_and(|column| column > 0),
                    "no column: {place}"
                );
                line.expect("a line")
            })
            .collect();
        for (first, last, comment) in mistakes(&text) {
            all += 1;
            if lines.iter().any(|line| (first..=last).contains(line)) {
                found += 1;
            } else {
                println!("not found: {comment}");
            }
        }
    }
    println!("{found} of {all} mistakes are found before anything is applied");
    assert!(all >= 100, "the corpus has {all} mistakes only");
    let share = f64::from(found) / f64::from(all);
    assert!(share >= BAR, "{found} of {all}");
}

#[test]
fn what_is_good_is_silent() {
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/hello/chain.yaml"
    );
    let (code, said, summary) = stdout(&[example]);
    assert_eq!((code, said.as_str()), (Some(0), ""), "{summary}");
    assert!(
        summary.ends_with("6 objects of Carto: 0 errors, 0 warnings\n"),
        "{summary}"
    );
}

#[test]
fn warnings_fail_only_where_they_are_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.yaml");
    std::fs::write(
        &file,
        "apiVersion: carto.run/v1alpha1\nkind: Workload\nmetadata: {name: w, labels: {a: b}}\n\
         spec: {image: i, source: {git: {url: u, ref: {branch: b}}}}\n",
    )
    .unwrap();
    let name = file.to_str().unwrap();
    let said = succeed(carto().args(["validate", name]));
    assert!(
        said.starts_with(&format!("{name}:4:")) && said.contains(": warning: "),
        "{said}"
    );
    assert_eq!(stdout(&["--strict", name]).0, Some(1));
}
