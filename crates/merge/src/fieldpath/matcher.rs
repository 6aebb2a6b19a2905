//! Filters on field sets: which fields an endpoint lets a manager own.
//!
//! Source: structured-merge-diff fieldpath/set.go (`Filter`, `SetMatcher`), v6.3.

use super::{element::PathElement, set::Set};

/// A tree of allowed paths. An element of `None` matches any element.
#[derive(Debug, Clone, Default)]
pub struct Pattern {
    everything: bool,
    members: Vec<(Option<PathElement>, Pattern)>,
}

impl Pattern {
    /// Matches every path.
    pub fn everything() -> Self {
        Self {
            everything: true,
            members: Vec::new(),
        }
    }

    /// Matches all paths below this prefix, and the prefix itself. `None` is a wildcard.
    pub fn prefix(elements: impl IntoIterator<Item = Option<PathElement>>) -> Self {
        let elements: Vec<_> = elements.into_iter().collect();
        let mut pattern = Self::everything();
        for element in elements.into_iter().rev() {
            pattern = Self {
                everything: false,
                members: vec![(element, pattern)],
            };
        }
        pattern
    }

    /// Matches what either pattern matches.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        if self.everything || other.everything {
            return Self::everything();
        }
        for (element, theirs) in other.members {
            match self.members.iter_mut().find(|(ours, _)| *ours == element) {
                Some((_, ours)) => *ours = std::mem::take(ours).or(theirs),
                None => self.members.push((element, theirs)),
            }
        }
        // Wildcards first: they take precedence.
        self.members.sort_by(|l, r| l.0.cmp(&r.0));
        self
    }

    fn keep(&self, set: &Set) -> Set {
        if self.everything {
            return set.clone();
        }
        let find = |element: &PathElement| {
            self.members
                .iter()
                .find(|(wanted, _)| wanted.as_ref().is_none_or(|wanted| wanted == element))
        };
        let mut out = Set::new();
        for element in &set.members {
            if find(element).is_some() {
                out.members.insert(element.clone());
            }
        }
        for (element, child) in &set.children {
            if let Some((_, pattern)) = find(element) {
                let kept = pattern.keep(child);
                if !kept.is_empty() {
                    out.children.insert(element.clone(), kept);
                }
            }
        }
        out
    }
}

/// What remains of a set at one endpoint.
#[derive(Debug, Clone, Default)]
pub enum Filter {
    /// Everything.
    #[default]
    Everything,
    /// Everything but these paths and what is below them.
    Except(Set),
    /// Only what matches.
    Only(Pattern),
}

impl Filter {
    /// Returns the part of `set` that this endpoint lets through.
    pub fn filter(&self, set: &Set) -> Set {
        match self {
            Self::Everything => set.clone(),
            Self::Except(excluded) => set.recursive_difference(excluded),
            Self::Only(pattern) => pattern.keep(set),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excluded_path_takes_its_children_along() {
        let set = Set::of_fields([&["spec", "a"][..], &["status", "b"], &["status"]]);
        let filter = Filter::Except(Set::of_fields([&["status"][..]]));
        assert_eq!(filter.filter(&set), Set::of_fields([&["spec", "a"][..]]));
    }

    #[test]
    fn a_prefix_keeps_what_is_below_it() {
        let set = Set::of_fields([&["spec", "a"][..], &["status", "b"], &["status", "c", "d"]]);
        let pattern = Pattern::prefix([Some(PathElement::field("status")), None, None])
            .or(Pattern::prefix([Some(PathElement::field("spec"))]));
        assert_eq!(
            Filter::Only(pattern).filter(&set),
            Set::of_fields([&["spec", "a"][..], &["status", "b"], &["status", "c", "d"]])
        );
        let only = Pattern::prefix([
            Some(PathElement::field("status")),
            Some(PathElement::field("c")),
        ]);
        assert_eq!(
            Filter::Only(only).filter(&set),
            Set::of_fields([&["status", "c", "d"][..]])
        );
    }
}
