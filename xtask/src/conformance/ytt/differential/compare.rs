//! Giving a case to both, and comparing what they make of it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use carto_ytt::workspace::NoHost;
use carto_ytt::{Limits, command};
use serde_json::{Value, json};

use super::Case;

/// What ours may cost: no generated case needs as much, but one made smaller may loop for ever.
const LIMITS: Limits = Limits {
    steps: 5_000_000,
    ..Limits::INLINE
};

/// How long the real one may take, after which there is nothing to compare.
const MAX_SECONDS: &str = "10";

/// How `timeout` ends when it had to end the program.
const TIMED_OUT: i32 = 124;

/// How much of the cause of a failure is shown.
const MAX_CAUSE_CHARS: usize = 100;

/// What a program made of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(super) failed: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Made {
    /// What a case is that gave this on both sides.
    fn equal(self) -> Verdict {
        Verdict::Equal {
            failed: self.failed,
            cause: self.failed.then(|| cause(&self.stderr)),
        }
    }
}

/// What a failure says, without what is in quotes, and without numbers.
fn cause(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let line = lines
        .filter(|line| !line.is_empty() && !line.starts_with("Warning: "))
        .find(|line| *line != "ytt: Error:" && !line.ends_with(':'));
    let mut quote = None;
    let mut out = String::new();
    for c in line.unwrap_or(text).chars() {
        match quote {
            Some(closing) if c == closing => quote = None,
            Some(_) => continue,
            None if matches!(c, '\'' | '"' | '`') => quote = Some(c),
            None if c.is_ascii_digit() => continue,
            None => {}
        }
        out.push(c);
    }
    out.chars().take(MAX_CAUSE_CHARS).collect()
}

/// How the two compare.
pub(crate) enum Verdict {
    /// Equal; whether both failed, and what they say then.
    Equal { failed: bool, cause: Option<String> },
    /// There is nothing to compare.
    Incomparable(Reason),
    /// They differ.
    Different { ours: Made, theirs: Made },
}

/// Why there is nothing to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The real one crashed; the first words of the crash, and whether ours failed.
    OracleCrashed { words: String, ours_failed: bool },
    /// The real one says something else every time.
    Unsteady,
    /// The real one does not end, or ours was stopped by a budget where it might not.
    Endless,
    /// In positions the original shows keys that are collections as structs of its own.
    CollectionKeys,
}

impl Reason {
    /// The reason as the summary shows it.
    pub(super) fn shown(&self) -> &'static str {
        match self {
            Self::OracleCrashed { .. } => "oracle crashed",
            Self::Unsteady => "the real ytt says something else every time",
            Self::Endless => "without an end",
            Self::CollectionKeys => "-o pos with a key that is a collection",
        }
    }
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
        return Ok(Verdict::Incomparable(Reason::Endless));
    }
    let Some(theirs) = theirs(ytt, &args)? else {
        return Ok(Verdict::Incomparable(Reason::Endless));
    };
    if ours == theirs {
        return Ok(ours.equal());
    }
    let crashed = theirs.stderr.starts_with("panic: ")
        || theirs.stderr.starts_with("fatal error: ")
        || theirs.stderr.contains("\ngoroutine ")
        // Such as a nil pointer, caught and worded as a failure of the template.
        || theirs.stderr.contains("runtime error: ")
        || theirs.stdout.contains("runtime error: ")
        // A position in line nought: the crash is caught when a function reads the text.
        || theirs.stderr.contains("Lines are 1 based")
        || theirs.stdout.contains("Lines are 1 based");
    if crashed {
        let told = if theirs.failed {
            &theirs.stderr
        } else {
            &theirs.stdout
        };
        let words = told
            .lines()
            .find(|line| line.contains("panic") || line.contains("error"));
        let words = words.unwrap_or_default().chars().take(MAX_CAUSE_CHARS);
        return Ok(Verdict::Incomparable(Reason::OracleCrashed {
            words: words.collect(),
            ours_failed: ours.failed || ours.stdout.starts_with("{\"errors\""),
        }));
    }
    // Differs: the original leaves out, without a word, a document that JSON cannot express. The
    // same case must be equal as YAML.
    if ours
        .stderr
        .contains("marshaling document: json: unsupported value")
        && let Some(at) = case.flags.iter().position(|flag| flag == "json")
        && !theirs.failed
    {
        let mut case = case.clone();
        "yaml".clone_into(&mut case.flags[at]);
        return compare(ytt, &case);
    }
    let of_positions = case.flags.iter().any(|flag| flag == "pos");
    if of_positions && (theirs.stdout.contains("%!s(") || ours.stdout.contains("*orderedmap.Map")) {
        return Ok(Verdict::Incomparable(Reason::CollectionKeys));
    }
    // Some of its messages depend on the order of a Go map.
    for _ in 0..4 {
        let Some(again) = self::theirs(ytt, &args)? else {
            return Ok(Verdict::Incomparable(Reason::Endless));
        };
        if again == ours {
            return Ok(ours.equal());
        }
        if again != theirs {
            return Ok(Verdict::Incomparable(Reason::Unsteady));
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

/// What the real one makes of it; nothing when it does not end.
fn theirs(ytt: &Path, args: &[String]) -> Result<Option<Made>> {
    let output = Command::new("timeout")
        .arg(MAX_SECONDS)
        .arg(ytt)
        .args(args)
        .output()
        .with_context(|| format!("cannot start {}", ytt.display()))?;
    if output.status.code() == Some(TIMED_OUT) {
        return Ok(None);
    }
    Ok(Some(Made {
        failed: !output.status.success(),
        stdout: normal(&String::from_utf8_lossy(&output.stdout)),
        stderr: normal(&String::from_utf8_lossy(&output.stderr)),
    }))
}

/// A text without what differs from run to run: the numbers of programs, and dumps of Go's stack,
/// which begin in the first line of a message and go on after its positions.
fn normal(text: &str) -> String {
    let text = super::super::without_numbers(text);
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
