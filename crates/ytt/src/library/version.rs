//! `@ytt:version`.
//!
//! Source: ytt pkg/yttlibrary/version.go, hashicorp/go-version.

use std::cmp::Ordering;
use std::sync::OnceLock;

use regex::Regex;

use super::arguments::{one, text};
use crate::star::{Args, Closure, Error, Str, Thread, Value};

/// The release of ytt whose behaviour this crate has.
pub(crate) const YTT_VERSION: &str = "0.52.1";

/// The module; `release` is what it takes for the version of ytt.
pub(super) fn module(release: &'static str) -> Value {
    let function = move |_: &mut Thread, args: &Args<'_>| require_at_least(release, args);
    let function = Closure::wrapping("version.require_at_least", function);
    let member = Value::Closure(std::rc::Rc::new(function));
    super::module::Module::new(
        "version",
        &[],
        vec![(Str::from("require_at_least"), member)],
    )
    .into_value()
}

fn require_at_least(release: &str, args: &Args<'_>) -> Result<Value, Error> {
    let wanted = text(one(args)?)?;
    let Some(version) = Version::parse(&wanted) else {
        return Err(Error::new(format!(
            "version string '{wanted}' must be a valid semver"
        )));
    };
    let satisfied =
        Version::parse(release).is_some_and(|release| release.compare(&version).is_ge());
    if satisfied {
        return Ok(Value::None);
    }
    Err(Error::new(format!(
        "ytt version '{release}' does not meet the minimum required version '{wanted}'"
    )))
}

/// A version, without what does not count for its order.
#[derive(Debug)]
struct Version<'a> {
    /// Major, minor and patch, as digits without leading zeros.
    numbers: [&'a str; 3],
    prerelease: &'a str,
}

impl<'a> Version<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        static FORM: OnceLock<Regex> = OnceLock::new();
        let form = FORM.get_or_init(|| {
            Regex::new(concat!(
                r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)",
                r"(?:-((?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)",
                r"(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?",
                r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$",
            ))
            .expect("a literal pattern that a test compiles")
        });
        let found = form.captures(text)?;
        let part = |group| found.get(group).map_or("", |part| part.as_str());
        Some(Self {
            numbers: [part(1), part(2), part(3)],
            prerelease: part(4),
        })
    }

    /// Order of two versions; what comes before a release is less than the release.
    fn compare(&self, other: &Self) -> Ordering {
        let numbers = self.numbers.iter().zip(&other.numbers);
        let order = numbers
            .map(|(x, y)| x.len().cmp(&y.len()).then_with(|| x.cmp(y)))
            .find(|order| order.is_ne());
        order.unwrap_or_else(|| match (self.prerelease, other.prerelease) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (x, y) => x.cmp(y),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered() {
        let rows = [
            ("0.52.1", "0.52.1", Ordering::Equal),
            ("0.52.1", "0.9.0", Ordering::Greater),
            ("0.52.1", "1.0.0", Ordering::Less),
            ("0.52.1", "0.52.1-alpha", Ordering::Greater),
            ("0.52.1", "0.52.1+build", Ordering::Equal),
            ("0.52.1", "0.52.10", Ordering::Less),
        ];
        for (x, y, expected) in rows {
            let (x, y) = (Version::parse(x).unwrap(), Version::parse(y).unwrap());
            assert_eq!(x.compare(&y), expected, "{x:?} {y:?}");
        }
        for text in ["1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.x", ""] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }
}
