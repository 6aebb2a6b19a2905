//! Sets of paths and their algebra.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::element::{Path, PathElement, display};
use crate::schema::{Schema, TypeId};

/// A set of paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set {
    pub(crate) members: BTreeSet<PathElement>,
    pub(crate) children: BTreeMap<PathElement, Set>,
}

impl Set {
    /// Returns the empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a set of paths made of field names only.
    pub fn of_fields<'a>(paths: impl IntoIterator<Item = &'a [&'a str]>) -> Self {
        let mut set = Self::new();
        for path in paths {
            let path: Path = path.iter().map(|name| PathElement::field(*name)).collect();
            set.insert(&path);
        }
        set
    }

    /// Adds one path. Parents are not added; the empty path is ignored, as nobody owns a whole object.
    pub fn insert(&mut self, path: &[PathElement]) {
        let Some((last, parents)) = path.split_last() else {
            return;
        };
        let mut node = self;
        for element in parents {
            if !node.children.contains_key(element) {
                node.children.insert(element.clone(), Self::new());
            }
            node = node.children.get_mut(element).expect("inserted just above");
        }
        node.members.insert(last.clone());
    }

    /// Tells whether this exact path is a member.
    pub fn has(&self, path: &[PathElement]) -> bool {
        let Some((last, parents)) = path.split_last() else {
            return false;
        };
        let mut node = self;
        for element in parents {
            match node.children.get(element) {
                Some(child) => node = child,
                None => return false,
            }
        }
        node.members.contains(last)
    }

    /// Tells whether nothing is a member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    /// Counts the members.
    pub fn size(&self) -> usize {
        self.members.len() + self.children.values().map(Self::size).sum::<usize>()
    }

    /// Returns what lies below `element`, if anything.
    pub fn below(&self, element: &PathElement) -> Option<&Self> {
        self.children.get(element)
    }

    /// Returns the members of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.extend(other);
        out
    }

    /// Adds all members of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.members.extend(other.members.iter().cloned());
        for (element, theirs) in &other.children {
            match self.children.get_mut(element) {
                Some(ours) => ours.extend(theirs),
                None => {
                    self.children.insert(element.clone(), theirs.clone());
                }
            }
        }
    }

    /// Returns the members of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut out = Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: BTreeMap::new(),
        };
        for (element, ours) in &self.children {
            if let Some(theirs) = other.children.get(element) {
                let common = ours.intersection(theirs);
                if !common.is_empty() {
                    out.children.insert(element.clone(), common);
                }
            }
        }
        out
    }

    /// Returns the members that are not in `other`. A parent in `other` does not remove its children.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut out = Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: BTreeMap::new(),
        };
        for (element, ours) in &self.children {
            match other.children.get(element) {
                None => {
                    out.children.insert(element.clone(), ours.clone());
                }
                Some(theirs) => {
                    let rest = ours.difference(theirs);
                    if !rest.is_empty() {
                        out.children.insert(element.clone(), rest);
                    }
                }
            }
        }
        out
    }

    /// Returns the members that are neither in `other` nor below one of its members.
    #[must_use]
    pub fn recursive_difference(&self, other: &Self) -> Self {
        let mut out = Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: BTreeMap::new(),
        };
        for (element, ours) in &self.children {
            if other.members.contains(element) {
                continue;
            }
            match other.children.get(element) {
                None => {
                    out.children.insert(element.clone(), ours.clone());
                }
                Some(theirs) => {
                    let rest = ours.recursive_difference(theirs);
                    if !rest.is_empty() {
                        out.children.insert(element.clone(), rest);
                    }
                }
            }
        }
        out
    }

    /// Returns the members that have no members below them.
    #[must_use]
    pub fn leaves(&self) -> Self {
        Self {
            members: self
                .members
                .iter()
                .filter(|element| !self.children.contains_key(*element))
                .cloned()
                .collect(),
            children: self
                .children
                .iter()
                .map(|(element, child)| (element.clone(), child.leaves()))
                .collect(),
        }
    }

    /// Adds every declared field that has members below it, so that removing its last child removes it.
    #[must_use]
    pub fn with_named_fields(&self, schema: &Schema, ty: Option<TypeId>) -> Self {
        let atom = ty.map(|ty| schema.atom(ty));
        let map = atom.and_then(|atom| atom.map.as_ref());
        let list = atom.and_then(|atom| atom.list.as_ref());
        let mut out = Self {
            members: self.members.clone(),
            children: BTreeMap::new(),
        };
        for (element, child) in &self.children {
            let child_type = match element {
                PathElement::Field(name) => map.and_then(|map| {
                    if map.fields.contains_key(name) {
                        out.members.insert(element.clone());
                    }
                    map.type_of(name)
                }),
                PathElement::Key(_) => list.map(|list| list.element),
                PathElement::Value(_) | PathElement::Index(_) => None,
            };
            out.children
                .insert(element.clone(), child.with_named_fields(schema, child_type));
        }
        out
    }

    /// Calls `visit` with every member, parents before children.
    pub fn for_each(&self, visit: &mut dyn FnMut(&[PathElement])) {
        self.walk(&mut Path::new(), visit);
    }

    fn walk(&self, prefix: &mut Path, visit: &mut dyn FnMut(&[PathElement])) {
        for element in &self.members {
            prefix.push(element.clone());
            visit(prefix);
            prefix.pop();
        }
        for (element, child) in &self.children {
            prefix.push(element.clone());
            child.walk(prefix, visit);
            prefix.pop();
        }
    }

    /// Returns every member.
    pub fn paths(&self) -> Vec<Path> {
        let mut out = Vec::new();
        self.for_each(&mut |path| out.push(path.to_vec()));
        out
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.paths().iter().map(|path| display(path)).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl<'a> FromIterator<&'a [PathElement]> for Set {
    fn from_iter<I: IntoIterator<Item = &'a [PathElement]>>(paths: I) -> Self {
        let mut set = Self::new();
        for path in paths {
            set.insert(path);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&[&str]]) -> Set {
        Set::of_fields(paths.iter().copied())
    }

    #[test]
    fn a_parent_does_not_stand_for_its_children() {
        let parent = set(&[&["a"]]);
        let child = set(&[&["a", "b"]]);
        assert_eq!(parent.difference(&child), parent);
        assert_eq!(child.difference(&parent), child);
        assert!(parent.intersection(&child).is_empty());
        assert_eq!(parent.union(&child).size(), 2);
    }

    #[test]
    fn recursive_difference_removes_whole_branches() {
        let ours = set(&[&["a"], &["a", "b"], &["a", "b", "c"], &["d"]]);
        let theirs = set(&[&["a", "b"]]);
        assert_eq!(ours.recursive_difference(&theirs), set(&[&["a"], &["d"]]));
    }

    #[test]
    fn leaves_drop_parents_that_have_children() {
        let all = set(&[&["a"], &["a", "b"], &["c"]]);
        assert_eq!(all.leaves(), set(&[&["a", "b"], &["c"]]));
    }

    #[test]
    fn nodes_without_members_do_not_survive() {
        let ours = set(&[&["a", "b"], &["c"]]);
        assert_eq!(ours.difference(&set(&[&["a", "b"]])), set(&[&["c"]]));
        assert_eq!(
            ours.intersection(&set(&[&["a", "x"], &["c"]])),
            set(&[&["c"]])
        );
    }
}
