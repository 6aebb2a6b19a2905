//! The entries of `metadata.managedFields`.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map as Json, Value, json};

use crate::{fieldpath::Set, go};

/// How a manager wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Any other write.
    Update,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// The identity of an entry. An applier is the same whatever version it applies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Manager {
    /// The name that the writer gave.
    pub name: String,
    /// How it wrote.
    pub operation: Operation,
    /// The version it wrote in; empty for appliers.
    pub api_version: String,
    /// The subresource it wrote to; empty for the object itself.
    pub subresource: String,
    /// When it wrote, for messages only: not part of the identity of stored entries.
    pub(crate) current: bool,
}

impl Manager {
    /// Returns the identity for a write.
    pub fn new(name: &str, operation: Operation, api_version: &str, subresource: &str) -> Self {
        Self {
            name: if name.is_empty() {
                "unknown".to_owned()
            } else {
                name.to_owned()
            },
            operation,
            api_version: match operation {
                Operation::Apply => String::new(),
                Operation::Update => api_version.to_owned(),
            },
            subresource: subresource.to_owned(),
            current: false,
        }
    }

    /// The text by which the original sorts managers: the JSON of their entry without what they own.
    pub(crate) fn identifier(&self) -> String {
        let mut out = String::from("{");
        let mut push = |name: &str, value: &str| {
            if !value.is_empty() {
                if out.len() > 1 {
                    out.push(',');
                }
                go::push_json_string(&mut out, name);
                out.push(':');
                go::push_json_string(&mut out, value);
            }
        };
        push("manager", &self.name);
        push("operation", self.operation.as_str());
        push("apiVersion", &self.api_version);
        push("subresource", &self.subresource);
        out.push('}');
        out
    }

    /// The stand-in for the writer while its update is computed.
    pub(crate) fn current() -> Self {
        Self {
            name: "current-operation".to_owned(),
            operation: Operation::Update,
            api_version: String::new(),
            subresource: String::new(),
            current: true,
        }
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&go::quote(&self.name))?;
        if !self.subresource.is_empty() {
            write!(f, " with subresource {}", go::quote(&self.subresource))?;
        }
        if self.operation == Operation::Update {
            write!(f, " using {}", self.api_version)?;
        }
        Ok(())
    }
}

/// What one manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The fields.
    pub set: Set,
    /// The version whose schema they refer to.
    pub api_version: String,
    /// Whether they were applied.
    pub applied: bool,
}

/// All managers of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Managers {
    /// What each owns.
    pub fields: BTreeMap<Manager, Owned>,
    /// When each wrote last, RFC 3339.
    pub times: BTreeMap<Manager, String>,
}

/// Why a list of entries cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Neither `Apply` nor `Update`.
    #[error("operation must be `Apply` or `Update`")]
    Operation,
    /// No version.
    #[error("apiVersion must not be empty")]
    ApiVersion,
    /// No format.
    #[error("missing fieldsType in managed fields entry {0}")]
    NoFieldsType(usize),
    /// A format other than `FieldsV1`.
    #[error("invalid fieldsType {} in managed fields entry {index}", go::quote(.fields_type))]
    FieldsType {
        /// The format.
        fields_type: String,
        /// Position in the list.
        index: usize,
    },
    /// The set does not parse.
    #[error("error decoding set: {0}")]
    Set(#[from] crate::fieldpath::DecodeError),
    /// Not a list of objects.
    #[error("managedFields must be a list of objects")]
    Shape,
}

fn text<'a>(entry: &'a Json<String, Value>, name: &str) -> &'a str {
    entry.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Reads `metadata.managedFields`; an absent list has no managers.
///
/// # Errors
/// When an entry has an unknown operation or format, no version, or a damaged set.
pub fn decode(entries: Option<&Value>) -> Result<Managers, DecodeError> {
    let mut managers = Managers::default();
    let entries = match entries {
        None | Some(Value::Null) => return Ok(managers),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(DecodeError::Shape),
    };
    for (index, entry) in entries.iter().enumerate() {
        let entry = entry.as_object().ok_or(DecodeError::Shape)?;
        let operation = match text(entry, "operation") {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return Err(DecodeError::Operation),
        };
        let api_version = text(entry, "apiVersion");
        if api_version.is_empty() {
            return Err(DecodeError::ApiVersion);
        }
        match text(entry, "fieldsType") {
            "FieldsV1" => {}
            "" => return Err(DecodeError::NoFieldsType(index)),
            other => {
                return Err(DecodeError::FieldsType {
                    fields_type: other.to_owned(),
                    index,
                });
            }
        }
        let set = match entry.get("fieldsV1") {
            None => Set::new(),
            Some(fields) => Set::decode(fields)?,
        };
        let manager = Manager {
            name: text(entry, "manager").to_owned(),
            operation,
            api_version: match operation {
                Operation::Apply => String::new(),
                Operation::Update => api_version.to_owned(),
            },
            subresource: text(entry, "subresource").to_owned(),
            current: false,
        };
        let time = text(entry, "time");
        if time.is_empty() {
            managers.times.remove(&manager);
        } else {
            managers.times.insert(manager.clone(), time.to_owned());
        }
        let applied = operation == Operation::Apply;
        managers.fields.insert(
            manager,
            Owned {
                set,
                api_version: api_version.to_owned(),
                applied,
            },
        );
    }
    Ok(managers)
}

/// Returns the entries of `metadata.managedFields`, appliers first, then by time and name.
pub fn encode(managers: &Managers) -> Vec<Value> {
    let mut order: Vec<(&Manager, &Owned)> = managers.fields.iter().collect();
    order.sort_by(|(l, lo), (r, ro)| {
        let seconds =
            |manager: &Manager| managers.times.get(manager).map_or(0, |t| unix_seconds(t));
        (
            l.operation,
            seconds(l),
            &l.name,
            &lo.api_version,
            &l.subresource,
        )
            .cmp(&(
                r.operation,
                seconds(r),
                &r.name,
                &ro.api_version,
                &r.subresource,
            ))
    });
    order
        .into_iter()
        .map(|(manager, owned)| {
            let mut entry = Json::new();
            entry.insert("apiVersion".to_owned(), json!(owned.api_version));
            entry.insert("fieldsType".to_owned(), json!("FieldsV1"));
            entry.insert("fieldsV1".to_owned(), owned.set.encode());
            if !manager.name.is_empty() {
                entry.insert("manager".to_owned(), json!(manager.name));
            }
            entry.insert("operation".to_owned(), json!(manager.operation.as_str()));
            if !manager.subresource.is_empty() {
                entry.insert("subresource".to_owned(), json!(manager.subresource));
            }
            if let Some(time) = managers.times.get(manager) {
                entry.insert("time".to_owned(), json!(time));
            }
            Value::Object(entry)
        })
        .collect()
}

/// Reads an RFC 3339 time as seconds since 1970; anything else is 0, as an absent time.
pub(crate) fn unix_seconds(time: &str) -> i64 {
    parse_time(time).unwrap_or(0)
}

fn parse_time(time: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let rest = time.get(19..)?;
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let hours: i64 = zone.get(1..3)?.parse().ok()?;
            let minutes: i64 = zone.get(4..6)?.parse().ok()?;
            sign * (hours * 3600 + minutes * 60)
        }
    };
    // Days since 1970 in the proleptic Gregorian calendar, years starting in March.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_zone() {
        assert_eq!(unix_seconds("1970-01-01T00:00:00Z"), 0);
        assert_eq!(unix_seconds("2026-11-21T08:01:02Z"), 1_795_248_062);
        assert_eq!(unix_seconds("2026-11-21T10:01:02.5+02:00"), 1_795_248_062);
        assert_eq!(unix_seconds("2000-02-29T12:00:00-00:30"), 951_827_400);
        assert_eq!(unix_seconds("yesterday"), 0);
    }

    #[test]
    fn entries_survive_a_round_trip_in_order() {
        let entries = json!([
            {"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:b": {}}, "manager": "z",
             "operation": "Apply", "time": "2026-01-02T00:00:00Z"},
            {"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {}}, "manager": "b",
             "operation": "Update", "time": "2026-01-01T00:00:00Z"},
            {"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:c": {}}, "manager": "a",
             "operation": "Update", "subresource": "status", "time": "2026-01-03T00:00:00Z"},
        ]);
        let managers = decode(Some(&entries)).expect("decodes");
        assert_eq!(Value::Array(encode(&managers)), entries);
    }

    #[test]
    fn damaged_entries_say_what_is_wrong() {
        for (entry, message) in [
            (
                json!({"operation": "Patch"}),
                "operation must be `Apply` or `Update`",
            ),
            (
                json!({"operation": "Apply"}),
                "apiVersion must not be empty",
            ),
            (
                json!({"operation": "Apply", "apiVersion": "v1"}),
                "missing fieldsType in managed fields entry 0",
            ),
            (
                json!({"operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV2"}),
                "invalid fieldsType \"FieldsV2\" in managed fields entry 0",
            ),
        ] {
            let error = decode(Some(&json!([entry]))).expect_err("refused");
            assert_eq!(error.to_string(), message);
        }
    }
}
