//! What differs from run to run is replaced.

use serde_json::{Map, Value};

use super::script::Answer;

/// Fields whose values are times of the run, or chosen by the server.
const MASKED: &[&str] = &[
    "clusterIP",
    "clusterIPs",
    "creationTimestamp",
    "deletionTimestamp",
    "healthCheckNodePort",
    "lastTransitionTime",
    "nodePort",
    "resourceVersion",
    "time",
    "uid",
];

pub(super) fn answer(mut answer: Answer, namespace: &str) -> Answer {
    for warning in &mut answer.warnings {
        *warning = warning.replace(namespace, "{ns}");
    }
    mask(&mut answer.body, namespace);
    sort_causes(&mut answer.body);
    answer
}

/// Where a map has several problems, Kubernetes tells them in any order; the message repeats the causes.
fn sort_causes(status: &mut Value) {
    let causes = status
        .pointer_mut("/details/causes")
        .and_then(Value::as_array_mut);
    let Some(causes) = causes.filter(|causes| causes.len() > 1) else {
        return;
    };
    let key = |cause: &Value| (cause["field"].to_string(), cause["message"].to_string());
    causes.sort_by_key(key);
    if let Some(Value::String(message)) = status.get_mut("message")
        && let Some(start) = message.find(": [")
    {
        message.truncate(start);
    }
}

fn mask(value: &mut Value, namespace: &str) {
    match value {
        Value::String(text) => {
            *text = revisions(&uids(&text.replace(namespace, "{ns}")));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, namespace)),
        Value::Object(fields) => {
            table(fields);
            for (name, field) in fields.iter_mut() {
                if MASKED.contains(&&**name) && is_scalar(field) {
                    *field = format!("<{name}>").into();
                } else {
                    mask(field, namespace);
                }
            }
        }
        _ => {}
    }
}

/// Ages are those of the run; built-in columns have no descriptions here.
fn table(fields: &mut Map<String, Value>) {
    if fields.get("kind") != Some(&Value::from("Table")) {
        return;
    }
    let is_age = |cell: &Value| {
        let text = cell.as_str().unwrap_or_default();
        let is_time = text.len() == 20 && text.ends_with('Z') && text.contains('T');
        is_time || is_short_duration(text) || is_long_age(text)
    };
    let array =
        |value: Option<&'_ mut Value>| value.and_then(Value::as_array_mut).map(std::mem::take);
    if let Some(mut columns) = array(fields.get_mut("columnDefinitions")) {
        columns
            .iter_mut()
            .for_each(|column| column["description"] = "".into());
        fields.insert("columnDefinitions".into(), columns.into());
    }
    if let Some(mut rows) = array(fields.get_mut("rows")) {
        for cell in rows
            .iter_mut()
            .filter_map(|row| row["cells"].as_array_mut())
            .flatten()
        {
            if is_age(cell) {
                *cell = "<age>".into();
            }
        }
        fields.insert("rows".into(), rows.into());
    }
}

/// Less than 100 seconds: the run itself takes no longer.
fn is_short_duration(text: &str) -> bool {
    text.strip_suffix('s')
        .and_then(|digits| digits.parse::<u32>().ok())
        .is_some_and(|age| age < 100)
}

/// Days or years, as the age of an object whose times the script gives.
fn is_long_age(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < text.len()
        && (rest == "d"
            || rest.strip_prefix('y').is_some_and(|days| {
                days.strip_suffix('d')
                    .unwrap_or(days)
                    .chars()
                    .all(|c| c.is_ascii_digit())
            }))
}

fn is_scalar(value: &Value) -> bool {
    match value {
        Value::String(text) => text != "None",
        Value::Number(_) => true,
        Value::Array(items) => items.iter().all(is_scalar),
        _ => false,
    }
}

/// Replaces the revision that a failed precondition tells.
fn revisions(text: &str) -> String {
    const BEFORE: &str = "in record (";
    match text.split_once(BEFORE) {
        Some((start, rest)) => {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{start}{BEFORE}<revision>{rest}")
        }
        None => text.to_owned(),
    }
}

/// Replaces what looks as the identity of an object.
fn uids(text: &str) -> String {
    const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
    let is_uid = |candidate: &str| {
        let parts: Vec<_> = candidate.split('-').map(str::len).collect();
        parts == LENGTHS && candidate.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
    };
    let is_part = |c: char| c == '-' || c.is_ascii_hexdigit();
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_part) {
        out.push_str(&rest[..at]);
        let end = rest[at..]
            .find(|c| !is_part(c))
            .map_or(rest.len(), |n| at + n);
        let candidate = &rest[at..end];
        out.push_str(if is_uid(candidate) {
            "<uid>"
        } else {
            candidate
        });
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}
