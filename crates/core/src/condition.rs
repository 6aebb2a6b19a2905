//! Conditions: collecting them, summing them up, and when their transition time moves.
//!
//! Source: cartographer pkg/conditions/condition_manager.go. Differs: a transition time moves only
//! when the status does, as the API conventions say; empty reasons become `Unknown`, characters
//! that the schema forbids in a reason are replaced, and messages are cut at the schema's limit,
//! so that no status write is refused.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use crate::json;
use crate::words::{condition_type, reason};

/// The longest message the schema admits, in characters.
const MAX_MESSAGE: usize = 32768;
/// The longest reason the schema admits.
const MAX_REASON: usize = 1024;

/// Status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    True,
    False,
    Unknown,
}

impl Status {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }

    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }
}

/// A condition without its transition time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) kind: &'static str,
    pub(crate) status: Status,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Condition {
    pub(crate) fn new(
        kind: &'static str,
        status: Status,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            status,
            reason: reason.into(),
            message: message.into(),
        }
    }

    /// True, without message.
    pub(crate) fn good(kind: &'static str, reason: impl Into<String>) -> Self {
        Self::new(kind, Status::True, reason, "")
    }
}

/// Sums conditions up: the last False wins, else the first Unknown, else True.
pub(crate) fn summary(top: &'static str, conditions: &[Condition]) -> Condition {
    if conditions.is_empty() {
        return Condition::new(top, Status::Unknown, reason::UNKNOWN, "");
    }
    let last_false = conditions.iter().rev().find(|c| c.status == Status::False);
    let first_unknown = || conditions.iter().find(|c| c.status == Status::Unknown);
    match last_false.or_else(first_unknown) {
        Some(c) => Condition::new(top, c.status, c.reason.clone(), c.message.clone()),
        None => Condition::good(top, reason::READY),
    }
}

/// Appends the summary under `Ready` and writes all conditions as JSON.
///
/// `previous` lends the transition times of conditions whose status stays.
pub(crate) fn finalize(mut added: Vec<Condition>, previous: &[Value], now: &str) -> Vec<Value> {
    added.push(summary(condition_type::READY, &added));
    added
        .into_iter()
        .map(|condition| write(condition, previous, now))
        .collect()
}

/// Writes one condition as JSON.
pub(crate) fn write(condition: Condition, previous: &[Value], now: &str) -> Value {
    let status = condition.status.name();
    let since = find(previous, condition.kind)
        .filter(|old| json::text(old, &["status"]) == Some(status))
        .and_then(|old| json::text(old, &["lastTransitionTime"]))
        .unwrap_or(now);
    json::object([
        ("type", condition.kind.into()),
        ("status", status.into()),
        ("reason", valid_reason(&condition.reason).into()),
        ("message", cut(&condition.message, MAX_MESSAGE).into()),
        ("lastTransitionTime", since.into()),
    ])
}

/// Finds the first condition of that type in a list of JSON conditions.
pub(crate) fn find<'a>(conditions: &'a [Value], kind: &str) -> Option<&'a Value> {
    conditions
        .iter()
        .find(|one| json::text(one, &["type"]) == Some(kind))
}

/// Formats a moment as the API does: seconds, UTC.
pub(crate) fn timestamp(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn valid_reason(text: &str) -> Cow<'_, str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ',' | ':');
    let is_valid = text.len() <= MAX_REASON
        && text.chars().all(allowed)
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with([',', ':']);
    if is_valid {
        return text.into();
    }
    let mut out: String = text
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    out.truncate(MAX_REASON);
    let trimmed = out
        .trim_start_matches(|c: char| !c.is_ascii_alphabetic())
        .trim_end_matches([',', ':']);
    if trimmed.is_empty() {
        reason::UNKNOWN.into()
    } else {
        trimmed.to_owned().into()
    }
}

fn cut(text: &str, limit: usize) -> &str {
    text.char_indices()
        .nth(limit)
        .map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(status: Status, reason: &str) -> Condition {
        Condition::new("X", status, reason, format!("{reason} message"))
    }

    #[test]
    fn last_false_beats_first_unknown_beats_true() {
        use Status::{False, True, Unknown};
        let cases: [(&[(Status, &str)], Status, &str); 6] = [
            (&[], Unknown, "Unknown"),
            (&[(True, "A")], True, "Ready"),
            (&[(True, "A"), (Unknown, "B"), (Unknown, "C")], Unknown, "B"),
            (&[(Unknown, "A"), (False, "B")], False, "B"),
            (&[(False, "A"), (False, "B"), (True, "C")], False, "B"),
            (&[(False, "A"), (Unknown, "B")], False, "A"),
        ];
        for (input, status, reason) in cases {
            let list: Vec<_> = input.iter().map(|(s, r)| condition(*s, r)).collect();
            let got = summary("Ready", &list);
            assert_eq!(
                (got.status, got.reason.as_str()),
                (status, reason),
                "{input:?}"
            );
        }
    }

    #[test]
    fn transition_time_moves_only_with_the_status() {
        let first = finalize(vec![condition(Status::Unknown, "A")], &[], "t1");
        let second = finalize(vec![condition(Status::Unknown, "B")], &first, "t2");
        let third = finalize(vec![condition(Status::True, "B")], &second, "t3");
        let times = |list: &[Value]| -> Vec<String> {
            list.iter()
                .map(|c| json::string(c, &["lastTransitionTime"]))
                .collect()
        };
        assert_eq!(times(&second), ["t1", "t1"]);
        assert_eq!(times(&third), ["t3", "t3"]);
    }

    #[test]
    fn reasons_always_satisfy_the_schema() {
        let cases = [
            ("", "Unknown"),
            ("Ready", "Ready"),
            ("tests.dev/GreenCondition", "tests_dev_GreenCondition"),
            ("9lives:", "lives"),
            ("--", "Unknown"),
        ];
        for (input, expected) in cases {
            assert_eq!(valid_reason(input), expected, "{input:?}");
        }
    }
}
