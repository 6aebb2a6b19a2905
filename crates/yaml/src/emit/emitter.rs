//! The emitter: a push interface for block-style YAML.

use base64::Engine as _;

use super::analysis::{Analysis, analyze};
use crate::number;
use crate::resolve::{Scalar, resolve_plain};

/// Longest key, in bytes, that is written without `? `.
const SIMPLE_KEY_BYTES: usize = 128;
/// Length of the lines of base64 in a `!!binary` scalar.
const BINARY_LINE_BYTES: usize = 70;

/// How an [`Emitter`] lays out what it prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Blanks per level.
    pub(super) indent: usize,
    /// Column behind which a blank may become a line break.
    pub(super) width: usize,
    /// Version 3 of go-yaml: sequences are indented under their key, tabs do not forbid blocks.
    pub(super) v3: bool,
}

impl Style {
    /// ytt's output: two blanks, not folded.
    pub fn ytt() -> Self {
        Self {
            indent: 2,
            width: usize::MAX,
            v3: false,
        }
    }

    /// `kubectl -o yaml`: two blanks, folded behind column 80.
    pub fn k8s() -> Self {
        Self {
            indent: 2,
            width: 80,
            v3: false,
        }
    }

    /// `gopkg.in/yaml.v3`: four blanks, not folded.
    pub fn yaml_v3() -> Self {
        Self {
            indent: 4,
            width: usize::MAX,
            v3: true,
        }
    }
}

/// What a collection that is being written expects next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Item,
    Key,
    /// The value of a key that was written without `? `.
    SimpleValue,
    /// The value of a key behind a `? `.
    Value,
    /// Nothing: the collection was written as `[]` or `{}`.
    End,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    expect: Expect,
    /// Indentation outside the collection.
    outer_indent: isize,
}

/// Writes one document, one value at a time.
///
/// A mapping's keys and values are pushed in turn. The caller says beforehand whether a collection
/// is empty, because an empty one is written as `[]` or `{}`.
#[derive(Debug)]
pub struct Emitter {
    pub(super) out: String,
    pub(super) style: Style,
    pub(super) column: usize,
    /// Whether the last thing written was white space.
    pub(super) whitespace: bool,
    /// Whether the line holds nothing but indentation and indicators.
    pub(super) indention: bool,
    /// Current indentation, -1 at the root.
    pub(super) indent: isize,
    /// Whether the scalar being written is a simple key, which is never folded.
    pub(super) simple_key: bool,
    frames: Vec<Frame>,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScalarStyle {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

impl Emitter {
    /// An emitter for one document.
    pub fn new(style: Style) -> Self {
        Self {
            out: String::new(),
            style,
            column: 0,
            whitespace: true,
            indention: true,
            indent: -1,
            simple_key: false,
            frames: Vec::new(),
        }
    }

    /// Ends the document and returns its text, which ends with a newline.
    pub fn finish(mut self) -> String {
        debug_assert!(self.frames.is_empty(), "a collection was not ended");
        self.write_indent();
        self.out
    }

    /// Bytes written so far, so that a caller can stop at a bound.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Writes `null`.
    pub fn null(&mut self) {
        self.scalar("null", None, ScalarStyle::Plain);
    }

    /// Writes a boolean.
    pub fn bool(&mut self, value: bool) {
        self.scalar(
            if value { "true" } else { "false" },
            None,
            ScalarStyle::Plain,
        );
    }

    /// Writes an integer.
    pub fn int(&mut self, value: i64) {
        self.scalar(&value.to_string(), None, ScalarStyle::Plain);
    }

    /// Writes an integer.
    pub fn uint(&mut self, value: u64) {
        self.scalar(&value.to_string(), None, ScalarStyle::Plain);
    }

    /// Writes a floating point number in its shortest form; `.inf`, `-.inf` and `.nan` as YAML
    /// spells them.
    pub fn float(&mut self, value: f64) {
        let text = number::format_float(value);
        let text = match text.as_str() {
            "+Inf" => ".inf",
            "-Inf" => "-.inf",
            "NaN" => ".nan",
            other => other,
        };
        self.scalar(text, None, ScalarStyle::Plain);
    }

    /// Writes text, quoted where it would otherwise be read as something else.
    pub fn string(&mut self, text: &str) {
        let style = if text.contains('\n') {
            ScalarStyle::Literal
        } else if resolve_plain(text) == Scalar::String && !is_base_60(text) {
            ScalarStyle::Plain
        } else {
            ScalarStyle::DoubleQuoted
        };
        self.scalar(text, None, style);
    }

    /// Writes bytes: as text if they are UTF-8, else as `!!binary`.
    pub fn bytes(&mut self, bytes: &[u8]) {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.string(text);
        }
        let packed = base64::engine::general_purpose::STANDARD.encode(bytes);
        if packed.len() < BINARY_LINE_BYTES {
            return self.scalar(&packed, Some("!!binary"), ScalarStyle::Plain);
        }
        let mut lines = String::with_capacity(packed.len() + packed.len() / BINARY_LINE_BYTES + 1);
        for line in packed.as_bytes().chunks(BINARY_LINE_BYTES) {
            lines.extend(line.iter().map(|byte| char::from(*byte)));
            lines.push('\n');
        }
        self.scalar(&lines, Some("!!binary"), ScalarStyle::Literal);
    }

    /// Begins a mapping.
    pub fn begin_mapping(&mut self, empty: bool) {
        self.begin_collection(empty, Expect::Key, "{}");
    }

    /// Begins a sequence.
    pub fn begin_sequence(&mut self, empty: bool) {
        self.begin_collection(empty, Expect::Item, "[]");
    }

    /// Ends the innermost collection.
    pub fn end(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.indent = frame.outer_indent;
        }
    }

    fn begin_collection(&mut self, empty: bool, expect: Expect, when_empty: &str) {
        let in_mapping = self.frames.last().is_some_and(|frame| {
            matches!(
                frame.expect,
                Expect::Key | Expect::SimpleValue | Expect::Value
            )
        });
        let in_sequence = self
            .frames
            .last()
            .is_some_and(|frame| frame.expect == Expect::Item);
        self.begin_node(empty);
        let outer_indent = self.indent;
        if empty {
            self.write_indicator(when_empty, true, false, false);
            self.frames.push(Frame {
                expect: Expect::End,
                outer_indent,
            });
            return;
        }
        // Under its key a sequence is not indented further, except by version 3.
        let indentless = expect == Expect::Item && in_mapping && !self.indention && !self.style.v3;
        self.increase_indent(false, indentless, in_sequence);
        self.frames.push(Frame {
            expect,
            outer_indent,
        });
    }

    fn scalar(&mut self, text: &str, tag: Option<&str>, style: ScalarStyle) {
        let in_sequence = self
            .frames
            .last()
            .is_some_and(|frame| frame.expect == Expect::Item);
        let analysis = analyze(text, self.style.v3);
        let tag_bytes = tag.map_or(0, str::len);
        let simple = !analysis.multiline && text.len() + tag_bytes <= SIMPLE_KEY_BYTES;
        let is_key = self
            .frames
            .last()
            .is_some_and(|frame| frame.expect == Expect::Key);
        self.begin_node(simple);
        self.simple_key = is_key && simple;
        if let Some(tag) = tag {
            self.write_indicator(tag, true, false, false);
        }
        let outer_indent = self.indent;
        self.increase_indent(true, false, in_sequence);
        match self.choose(style, text, analysis) {
            ScalarStyle::Plain => self.write_plain(text),
            ScalarStyle::SingleQuoted => self.write_single_quoted(text),
            ScalarStyle::DoubleQuoted => self.write_double_quoted(text),
            ScalarStyle::Literal => self.write_literal(text),
        }
        self.indent = outer_indent;
        self.simple_key = false;
    }

    /// The wanted style, or the next best that keeps the meaning.
    fn choose(&self, wanted: ScalarStyle, text: &str, analysis: Analysis) -> ScalarStyle {
        let mut style = wanted;
        if self.simple_key && analysis.multiline {
            style = ScalarStyle::DoubleQuoted;
        }
        if style == ScalarStyle::Plain && (!analysis.plain || (text.is_empty() && self.simple_key))
        {
            style = ScalarStyle::SingleQuoted;
        }
        if style == ScalarStyle::SingleQuoted && !analysis.single_quoted {
            style = ScalarStyle::DoubleQuoted;
        }
        if style == ScalarStyle::Literal && (!analysis.block || self.simple_key) {
            style = ScalarStyle::DoubleQuoted;
        }
        style
    }

    /// Writes the indicator that comes before a node at this place.
    fn begin_node(&mut self, simple: bool) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        match frame.expect {
            Expect::Item => {
                self.write_indent();
                self.write_indicator("-", true, false, true);
            }
            Expect::Key if simple => {
                frame.expect = Expect::SimpleValue;
                self.write_indent();
            }
            Expect::Key => {
                frame.expect = Expect::Value;
                self.write_indent();
                self.write_indicator("?", true, false, true);
            }
            Expect::SimpleValue => {
                frame.expect = Expect::Key;
                self.write_indicator(":", false, false, false);
            }
            Expect::Value => {
                frame.expect = Expect::Key;
                self.write_indent();
                self.write_indicator(":", true, false, true);
            }
            Expect::End => debug_assert!(false, "an empty collection has no content"),
        }
    }

    fn increase_indent(&mut self, flow: bool, indentless: bool, in_sequence: bool) {
        let step = isize::try_from(self.style.indent).unwrap_or(2);
        if self.indent < 0 {
            self.indent = if flow { step } else { 0 };
        } else if !indentless {
            self.indent = if !self.style.v3 {
                self.indent + step
            } else if in_sequence {
                // Only the width of the "- ".
                self.indent + 2
            } else {
                step * ((self.indent + step) / step)
            };
        }
    }
}

/// Whether text looks like a number in base 60, which YAML 1.1 knows.
///
/// Shape: `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`
fn is_base_60(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (digits, ""),
    };
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let digit_or_underscore = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    let mut sixtieths = 0;
    let all_sixtieths = parts.all(|part| {
        sixtieths += 1;
        matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
    });
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(digit_or_underscore)
        && fraction.bytes().all(digit_or_underscore)
        && sixtieths > 0
        && all_sixtieths
}
