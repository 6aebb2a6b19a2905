//! What a stream is read into: documents of nodes, with positions and comments.

/// One document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Line of the `---` (or of the first directive, or of the first token of a document without
    /// a marker), counted from one.
    pub line: usize,
    /// The content; null when there is none.
    pub root: Node,
    /// Comments found while this document was read, in order. A comment between the last node and
    /// the next `---` is among them.
    pub comments: Vec<Comment>,
}

/// A comment, without its `#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Line, counted from one.
    pub line: usize,
    /// Column of the `#`, counted from one, in characters.
    pub column: usize,
    /// Everything after the `#` up to the end of the line.
    pub text: String,
}

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Line of the first character (or of its tag or anchor), counted from one.
    pub line: usize,
    /// Column, counted from one, in characters.
    pub column: usize,
    /// The value.
    pub value: Value,
}

/// A scalar or a collection, aliases expanded.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer that fits 64 bits with sign.
    Int(i64),
    /// An integer above that, which fits 64 bits without sign.
    Uint(u64),
    /// A floating point number, possibly infinite or not a number.
    Float(f64),
    /// Text.
    String(String),
    /// The content of a `!!binary` scalar that is not UTF-8.
    Bytes(Vec<u8>),
    /// A mapping in order of appearance, duplicates kept.
    Map(Vec<MapEntry>),
    /// A sequence.
    Seq(Vec<SeqItem>),
}

/// One key of a mapping and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct MapEntry {
    /// The key; its line is the line of the entry.
    pub key: Node,
    /// The value.
    pub value: Node,
}

/// One item of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct SeqItem {
    /// Line of the `-`, or in a flow sequence of the `[` or `,` before the item, from one.
    pub line: usize,
    /// The value.
    pub value: Node,
}
