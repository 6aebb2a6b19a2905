//! Generated cases, given to the real ytt and to ours: equal output or equal error.
//!
//! A case is a number of files and flags, made from a seed and the number of the case alone. One
//! that differs is made smaller, as long as it still differs, and printed with the command that
//! makes it again.

mod expr;
mod library;
mod overlay;
mod random;
mod shrink;
mod template;
mod values;
mod yaml_text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use carto_ytt::workspace::NoHost;
use carto_ytt::{Limits, command};
use serde_json::{Value, json};

use super::super::Summary;
use random::Random;

/// Which cases to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seed of the cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many cases
    #[arg(long, default_value_t = 1000)]
    cases: u64,
    /// Number of the first case
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// The real ytt
    #[arg(long, env = "CARTO_TEST_YTT")]
    ytt: PathBuf,
    /// Stop after so many differences
    #[arg(long, default_value_t = 10)]
    differences: usize,
}

/// What ours may cost: no generated case needs as much, but one made smaller may loop for ever.
const LIMITS: Limits = Limits {
    steps: 5_000_000,
    ..Limits::INLINE
};

/// How long the real one may take, after which there is nothing to compare.
const MAX_SECONDS: &str = "10";

/// Files and flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) kind: &'static str,
    pub(crate) files: Vec<(String, String)>,
    pub(crate) flags: Vec<String>,
}

/// What a program made of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    failed: bool,
    stdout: String,
    stderr: String,
}

/// How the two compare.
pub(crate) enum Verdict {
    /// Equal, and whether both failed.
    Equal { failed: bool },
    /// Nothing to compare: the real one crashed, or says something else every time.
    Incomparable,
    /// They differ.
    Different { ours: Made, theirs: Made },
}

/// How many cases ended how.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) equal: u64,
    /// Equal cases by kind: those with output, and failures.
    pub(crate) by_kind: BTreeMap<&'static str, (u64, u64)>,
    pub(crate) incomparable: u64,
    pub(crate) differences: Vec<String>,
}

impl Tally {
    /// The tally as the last lines of a run.
    pub(crate) fn into_summary(self) -> Summary {
        for (kind, (outputs, failures)) in &self.by_kind {
            println!("{kind}: {outputs} outputs and {failures} failures are equal");
        }
        let mut summary = Summary {
            passed: usize::try_from(self.equal).unwrap_or(usize::MAX),
            failures: self.differences,
            left_out: 0,
        };
        if self.incomparable > 0 {
            let reason = "the real ytt crashes, does not end, or says something else every time";
            summary.leave_out(&format!("{} cases", self.incomparable), reason);
        }
        summary
    }
}

/// Runs all cases.
///
/// # Errors
/// A real ytt that cannot be started.
pub(crate) fn run(args: &Args) -> Result<Tally> {
    let next = AtomicU64::new(args.first);
    let tally = Mutex::new(Tally::default());
    let locked = || tally.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= args.first + args.cases || locked().differences.len() >= args.differences {
                return Ok(());
            }
            let case = case(args.seed, number);
            match compare(&args.ytt, &case)? {
                Verdict::Equal { failed } => {
                    let mut tally = locked();
                    tally.equal += 1;
                    let of_kind = tally.by_kind.entry(case.kind).or_default();
                    of_kind.0 += u64::from(!failed);
                    of_kind.1 += u64::from(failed);
                }
                Verdict::Incomparable => locked().incomparable += 1,
                Verdict::Different { .. } => {
                    let report = report(args, number, &case)?;
                    println!("{report}");
                    locked().differences.push(format!("case {number}"));
                }
            }
        }
    };
    thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().expect("a worker does not panic")?;
        }
        Ok(())
    })?;
    Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The case with this number.
pub(crate) fn case(seed: u64, number: u64) -> Case {
    let mut random = Random::new(seed, number);
    let random = &mut random;
    let mut case = match random.below(100) {
        0..35 => {
            let template = template::template(random);
            let mut case = Case {
                kind: "template",
                ..Case::default()
            };
            if template.contains("@ytt:data") {
                let values = values::values(random);
                case.files = values.files;
                case.flags = values.flags;
            }
            case.files.push(("config.yml".to_owned(), template));
            case
        }
        35..45 => {
            let (header, scope) = template::header(random);
            let header = header.replace("#@ ", "(@ ").replace(")\n", ") -@)\n");
            let scope = expr::Scope {
                names: Vec::new(),
                ..scope
            };
            let text = header + &template::text_template(random, &scope);
            Case {
                kind: "text",
                files: vec![("notes.txt".to_owned(), text)],
                flags: Vec::new(),
            }
        }
        45..60 => Case {
            kind: "yaml",
            files: vec![("plain.yml".to_owned(), yaml_text::stream(random))],
            flags: Vec::new(),
        },
        60..75 => {
            let values = values::values(random);
            let mut files = values.files;
            files.push(("show.yml".to_owned(), values::SHOW.to_owned()));
            Case {
                kind: "values",
                files,
                flags: values.flags,
            }
        }
        75..90 => {
            let files = if random.chance(70) {
                let base = overlay::documents(random);
                let mut files = vec![("base.yml".to_owned(), base)];
                for index in 0..1 + random.below(2) {
                    files.push((format!("overlay{index}.yml"), overlay::overlays(random)));
                }
                files
            } else {
                vec![("config.yml".to_owned(), overlay::applied(random))]
            };
            Case {
                kind: "overlay",
                files,
                flags: Vec::new(),
            }
        }
        _ => {
            let (files, flags) = library::library(random);
            Case {
                kind: "library",
                files,
                flags,
            }
        }
    };
    if random.chance(12) {
        let at = random.below(case.files.len());
        case.files[at].1 = yaml_text::spoil(random, &case.files[at].1);
    }
    case.flags.extend(output_flags(random, case.kind));
    case
}

fn output_flags(random: &mut Random, kind: &str) -> Vec<String> {
    let mut flags = Vec::new();
    let mut push = |words: &[&str]| flags.extend(words.iter().map(|word| (*word).to_owned()));
    match random.below(20) {
        0 => push(&["-o", "json"]),
        // In positions the original shows keys that are collections as structs of its own.
        1 if kind != "yaml" => push(&["-o", "pos"]),
        2 => push(&["--ignore-unknown-comments"]),
        3 => push(&["--implicit-map-key-overrides"]),
        4 if kind != "library" => push(&["--strict"]),
        5 if kind == "values" => push(&["--data-values-inspect"]),
        6 | 7 if kind == "values" => push(&["--data-values-schema-inspect", "-o", "openapi-v3"]),
        8 => push(&["--files-inspect"]),
        // Texts only show in the results file by file.
        _ if kind == "text" => push(&["--bulk-out"]),
        9 => push(&["--bulk-out"]),
        _ => {}
    }
    flags
}

fn arguments(case: &Case) -> Vec<String> {
    let files: Vec<Value> = case
        .files
        .iter()
        .map(|(name, data)| json!({"name": name, "data": data}))
        .collect();
    let mut args = vec![
        "--bulk-in".to_owned(),
        json!({ "files": files }).to_string(),
    ];
    args.extend(case.flags.iter().cloned());
    args
}

/// Gives a case to both.
///
/// # Errors
/// A real ytt that cannot be started.
pub(crate) fn compare(ytt: &Path, case: &Case) -> Result<Verdict> {
    let args = arguments(case);
    let ours = ours(&args);
    if [&ours.stderr, &ours.stdout]
        .iter()
        .any(|text| text.contains("evaluation was stopped"))
    {
        // The real one would not end.
        return Ok(Verdict::Incomparable);
    }
    let theirs = theirs(ytt, &args)?;
    if ours == theirs {
        return Ok(Verdict::Equal {
            failed: ours.failed,
        });
    }
    let crashed = theirs.stderr.starts_with("panic: ")
        || theirs.stderr.starts_with("fatal error: ")
        || theirs.stderr.contains("\ngoroutine ")
        // A position in line nought: the crash is caught when a function reads the text.
        || theirs.stderr.contains("Lines are 1 based")
        || theirs.stdout.contains("Lines are 1 based");
    if crashed && (ours.failed || ours.stdout.starts_with("{\"errors\"")) {
        return Ok(Verdict::Incomparable);
    }
    // Differs: the original leaves out, without a word, a document that JSON cannot express.
    if ours
        .stderr
        .contains("marshaling document: json: unsupported value")
    {
        return Ok(Verdict::Incomparable);
    }
    // Some of its messages depend on the order of a Go map.
    for _ in 0..4 {
        let again = self::theirs(ytt, &args)?;
        if again == ours {
            return Ok(Verdict::Equal {
                failed: ours.failed,
            });
        }
        if again != theirs {
            return Ok(Verdict::Incomparable);
        }
    }
    Ok(Verdict::Different { ours, theirs })
}

fn ours(args: &[String]) -> Made {
    let outcome = command::main(args, &NoHost, Some(LIMITS));
    Made {
        failed: outcome.status != 0,
        stdout: normal(&String::from_utf8_lossy(&outcome.stdout)),
        stderr: normal(&outcome.stderr),
    }
}

fn theirs(ytt: &Path, args: &[String]) -> Result<Made> {
    let output = Command::new("timeout")
        .arg(MAX_SECONDS)
        .arg(ytt)
        .args(args)
        .output()
        .with_context(|| format!("cannot start {}", ytt.display()))?;
    Ok(Made {
        failed: !output.status.success(),
        stdout: normal(&String::from_utf8_lossy(&output.stdout)),
        stderr: normal(&String::from_utf8_lossy(&output.stderr)),
    })
}

/// A text without what differs from run to run: the numbers of programs, and dumps of Go's stack,
/// which begin in the first line of a message and go on after its positions.
fn normal(text: &str) -> String {
    let text = super::without_numbers(text);
    let text = text.trim_end().trim_end_matches("\"}").trim_end();
    let Some((message, dump)) = text.split_once(" (backtrace: goroutine") else {
        return text.to_owned();
    };
    let positions = ["\\n", "\n"].iter().find_map(|end| {
        let (_, rest) = dump.split_once(end)?;
        let reason = format!("{end}{end}    reason:");
        Some(format!("{end}{}", rest.split(&reason).next()?))
    });
    let positions = positions.unwrap_or_default();
    format!("{message}{}", positions.trim_end())
}

fn report(args: &Args, number: u64, case: &Case) -> Result<String> {
    let small = shrink::shrink(&args.ytt, case)?;
    let Verdict::Different { ours, theirs } = compare(&args.ytt, &small)? else {
        return Ok(format!(
            "DIFFERENT case {number}, but not every time: {case:?}"
        ));
    };
    let mut out = format!(
        "DIFFERENT {} case {number}; to see it again: \
         cargo xtask conformance ytt-differential --seed {} --first {number} --cases 1\n",
        small.kind, args.seed
    );
    for (name, text) in &small.files {
        out.push_str(&format!("=== {name}\n{text}"));
    }
    out.push_str(&format!("=== flags {:?}\n", small.flags));
    for (who, made) in [("ours", ours), ("theirs", theirs)] {
        let Made {
            failed,
            stdout,
            stderr,
        } = made;
        out.push_str(&format!("--- {who}, failed: {failed}\n{stdout}{stderr}\n"));
    }
    Ok(out)
}
