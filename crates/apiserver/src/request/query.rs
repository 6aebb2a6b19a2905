//! The query of a request: typed access to the options of reads and writes.
//!
//! Unknown parameters are ignored; malformed known ones are refused. Source: apimachinery
//! `pkg/apis/meta/v1/types.go` (list, get, create, update, patch and delete options) and
//! `pkg/apis/meta/internalversion/validation`, v1.36.

use super::percent::decode;
use crate::error::{ApiError, FieldError};
use crate::store::Revision;

/// Parameters in order of appearance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

/// How a revision given with a read is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    Unset,
    Exact,
    NotOlderThan,
}

/// What to do about unknown and duplicate fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// Options of all writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteOptions {
    pub(crate) dry_run: bool,
    /// As given; empty when not.
    pub(crate) field_manager: String,
    pub(crate) field_validation: FieldValidation,
    pub(crate) force: Option<bool>,
}

const MANAGER_MAX: usize = 128;

impl Query {
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let pairs = text
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let decode = |text: &str| decode(&text.replace('+', " "));
                decode(name).zip(decode(value)).ok_or_else(|| {
                    ApiError::BadRequest(format!("invalid URL escape in the query \"{pair}\""))
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self(pairs))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// A flag; Go reads `1`, `t`, `true` and a lone name as true, and anything but `0` and `false` too.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "false" | "0"))
    }

    pub(crate) fn flag_if_given(&self, name: &str) -> Option<bool> {
        self.get(name).map(|_| self.flag(name))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|_| {
            ApiError::BadRequest(format!(
                "strconv.ParseInt: parsing \"{value}\": invalid syntax"
            ))
        })
    }

    /// `resourceVersion`: `None` when absent or empty.
    pub(crate) fn revision(&self) -> Result<Option<Revision>, ApiError> {
        let Some(value) = self.text("resourceVersion") else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|_| {
            ApiError::BadRequest(format!(
                "invalid resource version: resourceVersion: Invalid value: \"{value}\": \
                 strconv.ParseUint: parsing \"{value}\": invalid syntax"
            ))
        })
    }

    pub(crate) fn revision_match(&self) -> Match {
        match self.text("resourceVersionMatch") {
            Some("Exact") => Match::Exact,
            Some("NotOlderThan") => Match::NotOlderThan,
            _ => Match::Unset,
        }
    }

    /// Checks the options of lists and watches against each other.
    pub(crate) fn validate_list(&self, watch: bool) -> Result<(), ApiError> {
        self.number("timeoutSeconds")?;
        let mut errors = vec![];
        let given = self.text("resourceVersionMatch");
        let revision = self.text("resourceVersion");
        let initial = self.flag_if_given("sendInitialEvents");
        if watch {
            self.validate_watch(given, initial, &mut errors);
        } else {
            if let Some(value) = given {
                validate_match(value, revision, self.text("continue"), &mut errors);
            }
            if initial.is_some() {
                errors.push(FieldError::forbidden(
                    "sendInitialEvents",
                    "sendInitialEvents is forbidden for list",
                ));
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid_options("ListOptions", errors))
        }
    }

    fn validate_watch(
        &self,
        given: Option<&str>,
        initial: Option<bool>,
        errors: &mut Vec<FieldError>,
    ) {
        const MATCH: &str = "resourceVersionMatch";
        match (given, initial) {
            (None, None) => {}
            (None, Some(_)) => errors.push(FieldError::forbidden(
                MATCH,
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            )),
            (Some(_), None) => errors.push(FieldError::forbidden(
                MATCH,
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            )),
            (Some("NotOlderThan"), Some(_)) => {}
            (Some(other), Some(_)) => {
                errors.push(FieldError::forbidden(
                    MATCH,
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                ));
                errors.push(FieldError::not_supported(MATCH, other, &["NotOlderThan"]));
            }
        }
        if self.text("continue").is_some() {
            errors.push(FieldError::forbidden(
                "continue",
                "continue is forbidden for watch",
            ));
        }
    }

    /// Options of a create, update or patch; `kind` is `CreateOptions` and the like.
    pub(crate) fn write_options(&self, kind: &str) -> Result<WriteOptions, ApiError> {
        let mut errors = vec![];
        let dry_run = dry_run(self.all("dryRun"), &mut errors);
        let field_manager = self.text("fieldManager").unwrap_or_default();
        if field_manager.chars().count() > MANAGER_MAX {
            errors.push(FieldError::too_long("fieldManager", MANAGER_MAX));
        }
        if let Some(bad) = field_manager.chars().find(|c| c.is_control()) {
            errors.push(FieldError::invalid(
                "fieldManager",
                field_manager,
                format!("should only contain printable characters, found {bad:?}"),
            ));
        }
        let field_validation = match self.text("fieldValidation") {
            None | Some("Warn") => FieldValidation::Warn,
            Some("Strict") => FieldValidation::Strict,
            Some("Ignore") => FieldValidation::Ignore,
            Some(other) => {
                errors.push(FieldError::not_supported(
                    "fieldValidation",
                    other,
                    &["", "Ignore", "Strict", "Warn"],
                ));
                FieldValidation::Warn
            }
        };
        if !errors.is_empty() {
            return Err(ApiError::invalid_options(kind, errors));
        }
        let field_manager = field_manager.to_owned();
        Ok(WriteOptions {
            dry_run,
            field_manager,
            field_validation,
            force: self.flag_if_given("force"),
        })
    }

    /// `dryRun` values, for options that also come as a body.
    pub(crate) fn dry_run_values(&self) -> Vec<&str> {
        self.all("dryRun").collect()
    }
}

fn validate_match(
    value: &str,
    revision: Option<&str>,
    token: Option<&str>,
    errors: &mut Vec<FieldError>,
) {
    const MATCH: &str = "resourceVersionMatch";
    if revision.is_none() {
        errors.push(FieldError::forbidden(
            MATCH,
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        ));
    }
    if token.is_some() {
        errors.push(FieldError::forbidden(
            MATCH,
            "resourceVersionMatch is forbidden when continue is provided",
        ));
    }
    if value != "Exact" && value != "NotOlderThan" {
        errors.push(FieldError::not_supported(
            MATCH,
            value,
            &["Exact", "NotOlderThan", ""],
        ));
    }
    if value == "Exact" && revision == Some("0") {
        errors.push(FieldError::forbidden(
            MATCH,
            "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
        ));
    }
}

/// Whether a write is a rehearsal.
pub(crate) fn dry_run<'a>(
    values: impl Iterator<Item = &'a str>,
    errors: &mut Vec<FieldError>,
) -> bool {
    let values: Vec<&str> = values.filter(|value| !value.is_empty()).collect();
    if values.iter().any(|value| *value != "All") {
        let given = values
            .iter()
            .map(|v| serde_json::Value::from(*v))
            .collect::<Vec<_>>();
        errors.push(FieldError::not_supported("dryRun", given, &["All"]));
    }
    !values.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let query = Query::parse("labelSelector=a%3Db%2Cc&watch&limit=5&x=a+b").unwrap();
        assert_eq!(query.get("labelSelector"), Some("a=b,c"));
        assert!(query.flag("watch"));
        assert!(!query.flag("absent"));
        assert_eq!(query.number("limit").unwrap(), Some(5));
        assert_eq!(query.get("x"), Some("a b"));
        assert!(Query::parse("a=%z").is_err());
    }

    fn list_error(text: &str, watch: bool) -> String {
        Query::parse(text)
            .unwrap()
            .validate_list(watch)
            .map_or_else(|e| e.to_string(), |()| String::new())
    }

    #[test]
    fn options_of_lists_are_checked() {
        assert_eq!(
            list_error("resourceVersion=0&resourceVersionMatch=NotOlderThan", false),
            ""
        );
        assert_eq!(
            list_error("resourceVersionMatch=Exact", false),
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: \
             resourceVersionMatch is forbidden unless resourceVersion is provided"
        );
        assert!(
            list_error("resourceVersion=0&resourceVersionMatch=Foo", false)
                .contains("Unsupported value: \"Foo\"")
        );
        assert!(list_error("sendInitialEvents=true", false).contains("forbidden for list"));
        assert!(list_error("sendInitialEvents=true", true).contains("requires setting"));
        assert_eq!(
            list_error(
                "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0",
                true
            ),
            ""
        );
        assert!(
            list_error("resourceVersionMatch=NotOlderThan", true)
                .contains("unless sendInitialEvents")
        );
    }

    #[test]
    fn options_of_writes_are_checked() {
        let options = |text: &str| Query::parse(text).unwrap().write_options("CreateOptions");
        assert!(options("dryRun=All").unwrap().dry_run);
        assert_eq!(
            options("dryRun=Foo").unwrap_err().to_string(),
            "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Foo\"]: \
             supported values: \"All\""
        );
        assert_eq!(
            options("fieldValidation=Strict").unwrap().field_validation,
            FieldValidation::Strict
        );
        assert!(options("fieldValidation=x").is_err());
        assert!(options(&format!("fieldManager={}", "m".repeat(129))).is_err());
    }
}
