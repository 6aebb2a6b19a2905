//! Our own cases: one file each, with the files and flags that are given, what must come out, and
//! why. With the real ytt at hand it is asked too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use carto_ytt::command;
use carto_ytt::workspace::NoHost;
use serde_json::json;

struct Case {
    name: String,
    args: Vec<String>,
    fails: bool,
    expected: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn cases() -> Vec<Case> {
    let mut paths: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 50, "the corpus is there");
    paths.iter().map(|path| parse(path)).collect()
}

fn parse(path: &Path) -> Case {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).unwrap();
    let mut sections = text.split("=== ");
    let head = sections.next().unwrap_or_default();
    assert!(head.starts_with("why: "), "{name} says why");
    let flags: Vec<String> = head
        .lines()
        .find_map(|line| line.strip_prefix("flags: "))
        .map(|flags| serde_json::from_str(flags).unwrap())
        .unwrap_or_default();
    let mut files = Vec::new();
    let mut outcome = None;
    for section in sections {
        let (title, body) = section.split_once('\n').unwrap();
        match title.strip_prefix("file ") {
            Some(file) => files.push(json!({"name": file, "data": body})),
            None => outcome = Some((title == "error", body.to_owned())),
        }
    }
    let (fails, expected) = outcome.unwrap_or_else(|| panic!("{name} says what comes out"));
    let mut args = vec![
        "--bulk-in".to_owned(),
        json!({ "files": files }).to_string(),
    ];
    args.extend(flags);
    Case {
        name,
        args,
        fails,
        expected,
    }
}

/// What a program wrote, compared with what is expected; a last line without an end has one there.
fn check(case: &Case, who: &str, failed: bool, stdout: &[u8], stderr: &[u8]) -> Option<String> {
    let mut found = String::from_utf8_lossy(if failed { stderr } else { stdout }).into_owned();
    if !found.is_empty() && !found.ends_with('\n') {
        found.push('\n');
    }
    let is_equal = failed == case.fails && found == case.expected;
    let Case { name, expected, .. } = case;
    (!is_equal).then(|| format!("{name}, {who}\n--- expected\n{expected}\n--- found\n{found}"))
}

#[test]
fn every_case_gives_what_it_says() {
    let failures: Vec<_> = cases()
        .iter()
        .filter_map(|case| {
            let outcome = command::main(&case.args, &NoHost, None);
            let failed = outcome.status != 0;
            check(
                case,
                "ours",
                failed,
                &outcome.stdout,
                outcome.stderr.as_bytes(),
            )
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_real_ytt_agrees_with_every_case() {
    let Some(ytt) = crate::real::binary("the_real_ytt_agrees_with_every_case") else {
        return;
    };
    let failures: Vec<_> = cases()
        .iter()
        .filter_map(|case| {
            let output = Command::new(&ytt).args(&case.args).output().unwrap();
            let failed = !output.status.success();
            check(case, "the real ytt", failed, &output.stdout, &output.stderr)
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
