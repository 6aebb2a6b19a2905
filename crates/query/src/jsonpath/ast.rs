//! The steps of a template.

/// One step, or at the top level a literal text or the steps of one pair of braces.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// Literal or quoted text.
    Text(Box<str>),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A bare word: `range`, `end`, or a mistake that is only noticed when evaluated.
    Identifier(Box<str>),
    /// `.name`
    Field(Box<str>),
    /// `.*`
    Wildcard,
    /// `..`
    Recursive,
    /// `[n]`, `[from:to:step]`, `[*]`
    Slice(Slice),
    /// `[a,b]`
    Union(Vec<Vec<Node>>),
    /// `[?(…)]`
    Filter(Box<Filter>),
    /// The steps of one pair of braces.
    List(Vec<Node>),
}

impl Node {
    pub(super) fn as_field(&self) -> Option<&str> {
        match self {
            Self::Field(name) => Some(name),
            _ => None,
        }
    }
}

/// Bounds of a slice. A single index is a slice whose end is derived from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) start: Option<i64>,
    pub(super) end: End,
    pub(super) step: Option<i64>,
}

/// Where a slice ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At the end of the list.
    Open,
    /// Before this index.
    At(i64),
    /// One after the start: a single index was written.
    AfterStart,
}

/// A condition on the items of a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    pub(super) left: Vec<Node>,
    /// `None` asks whether `left` gives anything.
    pub(super) comparison: Option<Comparison>,
}

/// The right half of a condition. The operator is kept as written: an unknown one is only
/// noticed when evaluated.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    pub(super) operator: Box<str>,
    pub(super) right: Vec<Node>,
}
