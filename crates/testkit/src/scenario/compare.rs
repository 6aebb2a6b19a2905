//! The gaps between what two homes show, and which of them have a name.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, Facts};

/// How the value of a fact is written that a home does not show.
pub const NOTHING: &str = "(nothing)";

/// A fact that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Which look, from 1.
    pub look: usize,
    /// Object and path.
    pub at: String,
    /// What the original shows.
    pub original: Option<String>,
    /// What Carto shows.
    pub carto: Option<String>,
}

/// Compares look by look; returns how many objects were compared, and every fact that differs.
pub fn compare(original: &[Facts], carto: &[Facts]) -> (usize, Vec<Gap>) {
    let mut compared = 0;
    let mut gaps = Vec::new();
    let none = Facts::new();
    for index in 0..original.len().max(carto.len()) {
        let (theirs, ours) = (
            original.get(index).unwrap_or(&none),
            carto.get(index).unwrap_or(&none),
        );
        let objects: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
        for object in objects {
            compared += 1;
            let pair = (theirs.get(object), ours.get(object));
            differing(index + 1, object, pair, &mut gaps);
        }
    }
    (compared, gaps)
}

type Paths = BTreeMap<String, String>;

fn differing(
    look: usize,
    object: &str,
    pair: (Option<&Paths>, Option<&Paths>),
    gaps: &mut Vec<Gap>,
) {
    let (theirs, ours) = pair;
    let paths = |paths: Option<&Paths>| {
        paths
            .into_iter()
            .flat_map(BTreeMap::keys)
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let at = |path: &str| format!("{object} {path}");
    if let (Some(_), None) | (None, Some(_)) = pair {
        let there = |side: Option<&Paths>| side.map(|_| "exists".to_owned());
        gaps.push(Gap {
            look,
            at: object.to_owned(),
            original: there(theirs),
            carto: there(ours),
        });
        return;
    }
    for path in paths(theirs).union(&paths(ours)) {
        let value = |side: Option<&Paths>| side.and_then(|side| side.get(path)).cloned();
        let (original, carto) = (value(theirs), value(ours));
        if original != carto {
            gaps.push(Gap {
                look,
                at: at(path),
                original,
                carto,
            });
        }
    }
}

/// Takes away the gaps that have a name, and says which names were used, by their place.
pub fn unexplained(gaps: Vec<Gap>, differences: &[Difference]) -> (Vec<Gap>, BTreeSet<usize>) {
    let mut used = BTreeSet::new();
    let mut left = Vec::new();
    for gap in gaps {
        let mut named = false;
        for (place, difference) in differences.iter().enumerate() {
            if difference.covers(&gap) {
                used.insert(place);
                named = true;
            }
        }
        if !named {
            left.push(gap);
        }
    }
    (left, used)
}

impl Difference {
    /// Whether the name is about this gap.
    pub fn covers(&self, gap: &Gap) -> bool {
        let fits = |pattern: &Option<String>, value: &Option<String>| {
            let value = value.as_deref().unwrap_or(NOTHING);
            pattern
                .as_ref()
                .is_none_or(|pattern| matches(pattern, value))
        };
        matches(&self.at, &gap.at)
            && fits(&self.original, &gap.original)
            && fits(&self.carto, &gap.carto)
    }

    /// Whether the name is about this object or a part of it.
    pub fn is_about(&self, object: &str) -> bool {
        let named = self.at.split(' ').next().unwrap_or_default();
        // The number of a generated name is counted anew in each play.
        let named = named.split('#').next().unwrap_or_default();
        let runs = self.at.contains('#') && object.starts_with(named);
        runs || matches(named, object)
    }

    /// Whether it covers whatever may happen to an object, to its status or to its events.
    pub fn is_vague(&self) -> bool {
        let (_, path) = self.at.split_once(' ').unwrap_or(("", ""));
        let everything = [
            "*",
            "status.*",
            "status.conditions.*",
            "status.resources.*",
            "event *",
        ];
        let any = |pattern: &Option<String>| pattern.as_deref().is_none_or(|text| text == "*");
        everything.contains(&path) && any(&self.original) && any(&self.carto)
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(before) else {
        return false;
    };
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    starts.any(|at| matches(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_either_shows_may_be_part_of_the_name() {
        let gap = Gap {
            look: 1,
            at: "Thing/a spec.b".to_owned(),
            original: None,
            carto: Some("3".to_owned()),
        };
        let named = |original: Option<&str>, carto: Option<&str>| Difference {
            finding: String::new(),
            at: "Thing/* spec.*".to_owned(),
            original: original.map(str::to_owned),
            carto: carto.map(str::to_owned),
            why: String::new(),
            sometimes: false,
        };
        assert!(named(None, None).covers(&gap));
        assert!(named(Some(NOTHING), Some("3")).covers(&gap));
        assert!(!named(Some("*2"), None).covers(&gap));
        assert!(!named(None, Some("4*")).covers(&gap));
    }

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("Thing/* metadata.*", "Thing/a metadata.labels.b"));
        assert!(matches("*", ""));
        assert!(!matches("Thing/*x", "Thing/y"));
    }
}
