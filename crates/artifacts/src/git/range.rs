//! Ranges of versions as Flux users write them in `spec.ref.semver`.
//!
//! The language is that of the Masterminds semver library: `1.x`, `~1.2`, `^1.2.3`, `>=1.0.0 <2.0.0` (blank or comma is
//! "and"), `||` is "or", `1.2 - 2.0`, `!=`. A range without a pre-release part never matches pre-releases.

use semver::{Prerelease, Version};

/// More alternatives or comparisons than anybody writes.
const MAX_TERMS: usize = 64;

/// A parsed range.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    any_of: Vec<Vec<Bound>>,
}

/// `low <= version < high`, or outside of it when negated. A missing end is open.
#[derive(Debug, Clone)]
struct Bound {
    low: Option<(Version, bool)>,
    high: Option<(Version, bool)>,
    negated: bool,
    prerelease: bool,
}

/// A version of which only the front may be written.
#[derive(Debug, Clone)]
struct Partial {
    parts: Vec<u64>,
    pre: Prerelease,
}

impl Range {
    /// Parses a range.
    pub(crate) fn parse(text: &str) -> Result<Range, String> {
        let improper = || format!("improper constraint: {text}");
        let any_of = text
            .split("||")
            .map(|alternative| parse_all(alternative).ok_or_else(improper))
            .collect::<Result<Vec<_>, _>>()?;
        if any_of.iter().map(Vec::len).sum::<usize>() > MAX_TERMS {
            return Err(improper());
        }
        Ok(Range { any_of })
    }

    /// Whether the version lies in the range.
    pub(crate) fn matches(&self, version: &Version) -> bool {
        self.any_of
            .iter()
            .any(|all| all.iter().all(|bound| bound.matches(version)))
    }
}

/// The version a tag names: three numbers, with or without `v`.
pub(crate) fn tag_version(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}

fn parse_all(text: &str) -> Option<Vec<Bound>> {
    if let Some((low, high)) = text.split_once(" - ") {
        let (low, high) = (Partial::parse(low.trim())?, Partial::parse(high.trim())?);
        return Some(vec![compare(">=", &low)?, compare("<=", &high)?]);
    }
    // "> = 1" is not a thing, but ">= 1.0" is: operators hold on to the version after a blank.
    let mut terms = Vec::new();
    let mut operator = String::new();
    for word in text.split([',', ' ', '\t']).filter(|word| !word.is_empty()) {
        let digits = word
            .find(|c: char| !"=!<>~^".contains(c))
            .unwrap_or(word.len());
        operator.push_str(&word[..digits]);
        if digits == word.len() {
            continue;
        }
        terms.push(compare(&operator, &Partial::parse(&word[digits..])?)?);
        operator.clear();
    }
    (operator.is_empty() && !terms.is_empty()).then_some(terms)
}

impl Partial {
    fn parse(text: &str) -> Option<Partial> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(front, _)| front);
        let (numbers, pre) = text.split_once('-').unwrap_or((text, ""));
        let mut parts = Vec::new();
        for part in numbers.split('.') {
            if matches!(part, "x" | "X" | "*") {
                break;
            }
            parts.push(part.parse().ok()?);
        }
        (parts.len() <= 3).then_some(())?;
        Some(Partial {
            parts,
            pre: Prerelease::new(pre).ok()?,
        })
    }

    fn lowest(&self) -> Version {
        let part = |n: usize| self.parts.get(n).copied().unwrap_or(0);
        Version {
            pre: self.pre.clone(),
            ..Version::new(part(0), part(1), part(2))
        }
    }

    /// The first version after all that begin with the first `keep` written parts.
    fn after(&self, keep: usize) -> Option<Version> {
        let part = |n: usize| {
            if n < keep {
                self.parts.get(n).copied().unwrap_or(0)
            } else {
                0
            }
        };
        let up = |n: usize| part(n) + u64::from(n + 1 == keep);
        (keep > 0).then(|| Version::new(up(0), up(1), up(2)))
    }
}

fn compare(operator: &str, version: &Partial) -> Option<Bound> {
    let written = version.parts.len();
    let low = version.lowest();
    let whole = written == 3;
    let prerelease = !version.pre.is_empty();
    let bound = |low, high| Bound {
        low,
        high,
        negated: false,
        prerelease,
    };
    let end = |keep: usize| version.after(keep).map(|v| (v, false));
    Some(match operator {
        "" | "=" | "==" if whole => bound(Some((low.clone(), true)), Some((low, true))),
        "" | "=" | "==" => bound(Some((low, true)), end(written)),
        "!=" if whole => Bound {
            negated: true,
            ..bound(Some((low.clone(), true)), Some((low, true)))
        },
        "!=" => Bound {
            negated: true,
            ..bound(Some((low, true)), end(written))
        },
        ">" if whole => bound(Some((low, false)), None),
        ">" => bound(version.after(written).map(|v| (v, true)), None),
        ">=" | "=>" => bound(Some((low, true)), None),
        "<" => bound(None, Some((low, false))),
        "<=" | "=<" if whole => bound(None, Some((low, true))),
        "<=" | "=<" => bound(None, end(written)),
        "~" | "~>" => bound(Some((low, true)), end(written.min(2))),
        "^" => {
            let first = version.parts.iter().position(|part| *part != 0);
            let keep = first.map_or(written, |n| n + 1);
            bound(Some((low, true)), end(keep))
        }
        _ => return None,
    })
}

impl Bound {
    fn matches(&self, version: &Version) -> bool {
        if !version.pre.is_empty() && !self.prerelease {
            return false;
        }
        let above = self.low.as_ref().is_none_or(|(low, closed)| {
            version.cmp_precedence(low).is_gt() || (*closed && version.cmp_precedence(low).is_eq())
        });
        let below = self.high.as_ref().is_none_or(|(high, closed)| {
            version.cmp_precedence(high).is_lt()
                || (*closed && version.cmp_precedence(high).is_eq())
        });
        (above && below) != self.negated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_match_what_flux_users_expect() {
        for (range, yes, no) in [
            (
                "1.x",
                vec!["1.0.0", "1.9.3"],
                vec!["2.0.0", "0.9.0", "1.2.0-rc.1"],
            ),
            ("*", vec!["0.0.1", "9.9.9"], vec!["1.0.0-alpha"]),
            (
                ">=1.0.0 <2.0.0",
                vec!["1.0.0", "1.99.0"],
                vec!["2.0.0", "0.9.9"],
            ),
            (">=1.0.0, <2.0.0", vec!["1.5.0"], vec!["2.0.0"]),
            (">= 1.0, < 3", vec!["1.0.0", "2.9.0"], vec!["3.0.0"]),
            ("~1.2.3", vec!["1.2.3", "1.2.9"], vec!["1.3.0", "1.2.2"]),
            ("~1", vec!["1.9.0"], vec!["2.0.0"]),
            ("^1.2", vec!["1.2.0", "1.9.0"], vec!["2.0.0", "1.1.0"]),
            ("^0.2.3", vec!["0.2.3", "0.2.9"], vec!["0.3.0"]),
            ("^0.0.3", vec!["0.0.3"], vec!["0.0.4"]),
            ("1.2 - 1.4", vec!["1.2.0", "1.4.9"], vec!["1.5.0"]),
            ("1.0.0 || 3.x", vec!["1.0.0", "3.1.0"], vec!["2.0.0"]),
            ("!=1.0.0", vec!["1.0.1"], vec!["1.0.0"]),
            (">1", vec!["2.0.0"], vec!["1.9.0"]),
            (">=1.0.0-0", vec!["1.0.0-rc.1", "1.0.0"], vec!["0.9.0"]),
        ] {
            let parsed = Range::parse(range).unwrap();
            for version in yes {
                assert!(
                    parsed.matches(&tag_version(version).unwrap()),
                    "{range} holds {version}"
                );
            }
            for version in no {
                assert!(
                    !parsed.matches(&tag_version(version).unwrap()),
                    "{range} lacks {version}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_range_is_an_error() {
        for bad in ["", "nope", ">=", "1.2.3.4", ">>1", "1 ||"] {
            assert!(Range::parse(bad).is_err(), "{bad}");
        }
    }
}
