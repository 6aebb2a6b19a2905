//! From steps back to text that parses to the same steps.

use std::fmt;

use super::Template;
use super::ast::{End, Filter, Node, Slice};

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            match node {
                Node::Text(text) => f.write_str(text)?,
                Node::List(steps) => write!(f, "{{{}}}", Steps(steps))?,
                other => write!(f, "{{{}}}", Steps(std::slice::from_ref(other)))?,
            }
        }
        Ok(())
    }
}

struct Steps<'a>(&'a [Node]);

impl fmt::Display for Steps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before: Option<&Node> = None;
        for node in self.0 {
            if before.is_some_and(|before| needs_blank(before, node)) {
                f.write_str(" ")?;
            }
            step(f, node)?;
            before = Some(node);
        }
        Ok(())
    }
}

/// A blank between steps means nothing, and keeps some of them apart.
fn needs_blank(before: &Node, node: &Node) -> bool {
    match node {
        Node::Field(_) | Node::Wildcard | Node::Recursive => match before {
            Node::Field(name) => name.is_empty(),
            Node::Recursive => !matches!(node, Node::Recursive),
            Node::Int(_) | Node::Float(_) => true,
            _ => false,
        },
        Node::Slice(_) | Node::Union(_) | Node::Filter(_) => false,
        _ => true,
    }
}

fn step(f: &mut fmt::Formatter<'_>, node: &Node) -> fmt::Result {
    match node {
        Node::Text(text) => quoted(f, text),
        Node::Int(whole) => write!(f, "{whole}"),
        Node::Float(float) => write!(f, "{float:?}"),
        Node::Bool(on) => write!(f, "{on}"),
        Node::Identifier(word) => f.write_str(word),
        Node::Field(name) => {
            f.write_str(".")?;
            escaped(f, name)
        }
        Node::Wildcard => f.write_str(".*"),
        Node::Recursive => f.write_str(".."),
        Node::Slice(bounds) => write!(f, "[{}]", Bounds(*bounds)),
        Node::Union(members) => {
            f.write_str("[")?;
            for (index, member) in members.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { "," })?;
                union_member(f, member)?;
            }
            f.write_str("]")
        }
        Node::Filter(filter) => {
            let Filter { left, comparison } = &**filter;
            write!(f, "[?({}", Steps(left))?;
            if let Some(comparison) = comparison {
                write!(f, "{}{}", comparison.operator, Steps(&comparison.right))?;
            }
            f.write_str(")]")
        }
        Node::List(steps) => write!(f, "{}", Steps(steps)),
    }
}

fn union_member(f: &mut fmt::Formatter<'_>, member: &[Node]) -> fmt::Result {
    if let [Node::Slice(bounds)] = member {
        return write!(f, "{}", Bounds(*bounds));
    }
    let path = Steps(member).to_string();
    write!(f, "'{}'", path.strip_prefix('.').unwrap_or(&path))
}

struct Bounds(Slice);

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Slice { start, end, step } = self.0;
        if let Some(start) = start {
            write!(f, "{start}")?;
        }
        match end {
            End::AfterStart => {}
            End::Open => f.write_str(":")?,
            End::At(end) => write!(f, ":{end}")?,
        }
        if let Some(step) = step {
            write!(f, ":{step}")?;
        }
        Ok(())
    }
}

fn escaped(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if name == "*" {
        return f.write_str("\\*");
    }
    for c in name.chars() {
        if matches!(
            c,
            ' ' | '\t' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}' | '\r' | '\n'
        ) {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    Ok(())
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || " _-./:".contains(c) {
            write!(f, "{c}")?;
        } else {
            write!(f, "\\U{:08x}", u32::from(c))?;
        }
    }
    f.write_str("\"")
}
