//! Generated cases, given to the real ytt and to ours: equal output or equal error.
//!
//! A case is a number of files and flags, made from a seed and the number of the case alone. One
//! that differs is made smaller, as long as it still differs, and printed with the command that
//! makes it again.

mod compare;
mod expr;
mod library;
mod overlay;
mod random;
mod shrink;
mod template;
mod values;
mod yaml_text;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use super::super::Summary;
use compare::{Made, Reason, Verdict, compare};
use random::Random;

/// How many causes of failures are listed.
const MAX_CAUSES: usize = 25;

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

/// Files and flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) kind: &'static str,
    pub(crate) files: Vec<(String, String)>,
    pub(crate) flags: Vec<String>,
}

/// How many cases ended how.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) equal: u64,
    /// Equal cases by kind: those with output, and failures.
    pub(crate) by_kind: BTreeMap<&'static str, (u64, u64)>,
    /// Cases that could not be compared, by reason.
    pub(crate) incomparable: BTreeMap<&'static str, u64>,
    /// What equal failures say, without names and numbers.
    causes: BTreeMap<String, u64>,
    pub(crate) differences: Vec<String>,
}

impl Tally {
    /// The tally as the last lines of a run.
    pub(crate) fn into_summary(self) -> Summary {
        for (kind, (outputs, failures)) in &self.by_kind {
            println!("{kind}: {outputs} outputs and {failures} failures are equal");
        }
        let outputs: u64 = self.by_kind.values().map(|(outputs, _)| outputs).sum();
        let percent = 100 * outputs / self.equal.max(1);
        println!("{percent} % of the equal cases have output");
        let mut causes: Vec<_> = self.causes.into_iter().collect();
        causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let kinds = causes.len();
        for (cause, count) in causes.into_iter().take(MAX_CAUSES) {
            println!("{count:>6} {cause}");
        }
        println!("{kinds} kinds of failures");
        let mut summary = Summary {
            passed: usize::try_from(self.equal).unwrap_or(usize::MAX),
            failures: self.differences,
            left_out: 0,
        };
        for (reason, count) in &self.incomparable {
            println!("LEFT OUT {count} cases: {reason}");
            summary.left_out += usize::try_from(*count).unwrap_or(usize::MAX);
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
                Verdict::Equal { failed, cause } => {
                    let mut tally = locked();
                    tally.equal += 1;
                    if let Some(cause) = cause {
                        *tally.causes.entry(cause).or_default() += 1;
                    }
                    let of_kind = tally.by_kind.entry(case.kind).or_default();
                    of_kind.0 += u64::from(!failed);
                    of_kind.1 += u64::from(failed);
                }
                Verdict::Incomparable(reason) => {
                    if let Reason::OracleCrashed { words, ours_failed } = &reason {
                        let ours = if *ours_failed { "an error" } else { "output" };
                        println!("ORACLE CRASHED case {number}: {words}; ours gives {ours}");
                    }
                    *locked().incomparable.entry(reason.shown()).or_default() += 1;
                }
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
    if random.risk(20) {
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
        1 => push(&["-o", "pos"]),
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
