//! The tree as the parser leaves it: scalars untyped, aliases unexpanded.

use std::borrow::Cow;

use crate::tree::Comment;

/// Index of a node in [`RawDocument::nodes`].
pub(crate) type RawId = usize;

/// A document before scalars are typed and aliases expanded.
#[derive(Debug)]
pub(crate) struct RawDocument<'a> {
    /// Zero-based.
    pub(crate) line: usize,
    pub(crate) nodes: Vec<RawNode<'a>>,
    pub(crate) root: RawId,
    pub(crate) comments: Vec<Comment>,
}

#[derive(Debug)]
pub(crate) struct RawNode<'a> {
    /// Zero-based.
    pub(crate) line: usize,
    /// Zero-based, in characters.
    pub(crate) column: usize,
    pub(crate) tag: Option<String>,
    pub(crate) kind: RawKind<'a>,
}

#[derive(Debug)]
pub(crate) enum RawKind<'a> {
    /// `implicit`: plain, so that its text decides its type.
    Scalar {
        text: Cow<'a, str>,
        implicit: bool,
    },
    /// The name, and the node it stands for.
    Alias {
        name: &'a str,
        target: RawId,
    },
    Map(Vec<(RawId, RawId)>),
    /// Items with the zero-based line of their `-`.
    Seq(Vec<(usize, RawId)>),
}

impl RawNode<'_> {
    /// Whether this key stands for the merge of other mappings.
    pub(crate) fn is_merge(&self) -> bool {
        match &self.kind {
            RawKind::Scalar { text, implicit } => {
                text == "<<"
                    && (*implicit || self.tag.as_deref() == Some("tag:yaml.org,2002:merge"))
            }
            _ => false,
        }
    }
}
