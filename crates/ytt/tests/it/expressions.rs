//! Expressions of the language with the values or failures they must give.
//!
//! The files in `corpus` have two lines for each: the expression, and its value after `=>` or its
//! failure after `!!`, both as `repr` prints them. What they say was checked against ytt 0.52.1,
//! and is again whenever `CARTO_TEST_YTT` is set. With `CARTO_UPDATE` set, the second lines are
//! written anew from that ytt.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use carto_ytt::inline::Values;
use carto_ytt::{Limits, inline};
use serde_json::Value;

use crate::real;

/// Expressions per template: enough that the real ytt is not started thousands of times.
const BATCH: usize = 200;

/// Modules that expressions may use.
const MODULES: [&str; 16] = [
    "assert", "base64", "data", "ip", "json", "math", "md5", "module", "overlay", "regexp",
    "sha256", "struct", "template", "toml", "url", "version",
];

/// Functions that expressions may use. The original adds a dump of its stack to some failures.
const FUNCTIONS: &str = r#"
#@ load("@ytt:yaml", "yaml")
#@ def show(result):
#@   if result[1] == None:
#@     return "=> " + repr(result[0])
#@   end
#@   return "!! " + repr(result[1].split(" (backtrace: ")[0])[1:-1]
#@ end
#@ def frag():
a: 1
b:
- c
- d: e
#@ end
#@ def arr():
- a
- b: 1
#@ end
#@ def nothing():
#@ if False:
a: 1
#@ end
#@ end
---
"#;

fn template(expressions: &[&str]) -> String {
    let mut out = String::new();
    for module in MODULES {
        writeln!(out, "#@ load(\"@ytt:{module}\", \"{module}\")").unwrap();
    }
    out.push_str(FUNCTIONS);
    for expression in expressions {
        writeln!(out, "- #@ show(assert.try_to(lambda: {expression}))").unwrap();
    }
    out
}

/// The results of a batch, from the YAML that it prints.
fn results(yaml: &str) -> Vec<String> {
    let documents = carto_yaml::decode_all(yaml).expect("the output is YAML");
    let Some(Value::Array(items)) = documents.into_iter().next() else {
        panic!("the output is a list: {yaml}")
    };
    let text = |item: Value| item.as_str().expect("results are strings").to_owned();
    items.into_iter().map(text).collect()
}

fn ours(template: &str) -> Result<String, String> {
    let run = || {
        let program = inline::Program::compile("stdin.yml", template)?;
        program.eval(&Values::new(), &Limits::COMMAND)
    };
    run()
        .map(|output| output.text)
        .map_err(|error: carto_ytt::Error| error.to_cli_string())
}

struct Case {
    expression: String,
    expected: String,
}

fn check(file: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/corpus")
        .join(file);
    let text = fs::read_to_string(&path).expect("the corpus is there");
    let mut cases: Vec<Case> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if line.starts_with("=> ") || line.starts_with("!! ") {
            line.clone_into(
                &mut cases
                    .last_mut()
                    .expect("an expression comes first")
                    .expected,
            );
        } else {
            cases.push(Case {
                expression: line.to_owned(),
                expected: String::new(),
            });
        }
    }
    let mut failures = String::new();
    for batch in cases.chunks_mut(BATCH) {
        let expressions: Vec<&str> = batch.iter().map(|case| case.expression.as_str()).collect();
        let template = template(&expressions);
        let found = results(&ours(&template).unwrap_or_else(|error| panic!("{error}")));
        let real = real::evaluate(&template).map(|real| {
            results(&real.unwrap_or_else(|error| panic!("the real ytt fails: {error}")))
        });
        for (at, case) in batch.iter_mut().enumerate() {
            if let Some(real) = &real {
                if std::env::var_os("CARTO_UPDATE").is_some() {
                    case.expected.clone_from(&real[at]);
                } else if real[at] != case.expected {
                    writeln!(failures, "{}\n  ytt says {}", case.expression, real[at]).unwrap();
                }
            }
            if found[at] != case.expected {
                let Case {
                    expression,
                    expected,
                } = case;
                writeln!(
                    failures,
                    "{expression}\n  want {expected}\n  have {}",
                    found[at]
                )
                .unwrap();
            }
        }
    }
    if std::env::var_os("CARTO_UPDATE").is_some() {
        fs::write(&path, rewritten(&text, &cases)).expect("the corpus can be written");
    }
    assert!(failures.is_empty(), "{failures}");
}

/// The file with other results.
fn rewritten(text: &str, cases: &[Case]) -> String {
    let mut cases = cases.iter();
    let mut out = String::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with("=> ") && !line.starts_with("!! "))
    {
        out.push_str(line);
        out.push('\n');
        if !line.is_empty() && !line.starts_with('#') {
            let case = cases.next().expect("as many cases as before");
            out.push_str(&case.expected);
            out.push('\n');
        }
    }
    out
}

#[test]
fn the_language_gives_what_ytt_gives() {
    check("expressions.txt");
}

#[test]
fn the_library_gives_what_ytt_gives() {
    check("library.txt");
}
