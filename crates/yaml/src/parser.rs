//! The parser: from tokens to raw documents, over libyaml's grammar.
//!
//! Source: go-yaml parserc.go (the grammar and the messages) and decode.go (nodes and anchors).

use std::collections::BTreeMap;

use crate::error::Error;
use crate::raw::{RawDocument, RawId, RawKind, RawNode};
use crate::reader::Input;
use crate::scan::{Mark, Scanner, TokenKind};

/// Where a node stands, as far as the grammar cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    Block,
    /// Behind a `?` or `:` of a block mapping, a sequence needs no further indentation.
    BlockInMapping,
    Flow,
}

/// The productions of the grammar that hold other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    BlockSequence,
    /// A sequence at the indentation of the key it belongs to.
    IndentlessSequence,
    BlockMapping,
    FlowSequence,
    /// `key: value` without braces inside a flow sequence.
    Pair,
    FlowMapping,
}

/// A collection that is being read.
#[derive(Debug)]
struct Collection {
    id: RawId,
    kind: Kind,
    /// Zero-based line of the current item's indicator.
    line: usize,
    /// The key whose value comes next.
    key: Option<RawId>,
    /// Whether that key is a node without `?` or `:`, so that its value is empty.
    bare_key: bool,
    items: Vec<(usize, RawId)>,
    entries: Vec<(RawId, RawId)>,
}

impl Collection {
    /// Takes a node that is done.
    fn deliver(&mut self, id: RawId) {
        match self.kind {
            Kind::BlockSequence | Kind::IndentlessSequence | Kind::FlowSequence => {
                self.items.push((self.line, id));
            }
            Kind::BlockMapping | Kind::Pair | Kind::FlowMapping => match self.key.take() {
                None => self.key = Some(id),
                Some(key) => self.entries.push((key, id)),
            },
        }
    }
}

#[derive(Debug)]
pub(crate) struct Parser<'a> {
    scanner: Scanner<'a>,
    max_depth: usize,
    /// Collections being read, outermost first.
    open: Vec<Collection>,
    /// Handle and prefix of the `%TAG` directives of the current document, defaults included.
    tag_prefixes: Vec<(String, String)>,
    nodes: Vec<RawNode<'a>>,
    anchors: BTreeMap<&'a str, RawId>,
    first: bool,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(input: &'a Input<'a>, max_depth: usize) -> Self {
        Self {
            scanner: Scanner::new(input),
            max_depth,
            open: Vec::new(),
            tag_prefixes: Vec::new(),
            nodes: Vec::new(),
            anchors: BTreeMap::new(),
            first: true,
        }
    }

    /// The next document, or nothing at the end of the stream.
    pub(crate) fn next_document(&mut self) -> Result<Option<RawDocument<'a>>, Error> {
        let implicit = std::mem::replace(&mut self.first, false);
        if !implicit {
            while self.next_is(&TokenKind::DocumentEnd)? {
                self.scanner.take()?;
            }
        }
        if self.next_is(&TokenKind::StreamEnd)? {
            return Ok(None);
        }
        self.nodes.clear();
        self.anchors.clear();
        self.tag_prefixes.clear();
        let line = self.scanner.peek()?.start.line;
        let begins_implicitly = implicit
            && !matches!(
                self.scanner.peek()?.kind,
                TokenKind::VersionDirective { .. }
                    | TokenKind::TagDirective { .. }
                    | TokenKind::DocumentStart
            );
        self.read_directives()?;
        let root = if begins_implicitly {
            self.parse_tree()?
        } else {
            if !self.next_is(&TokenKind::DocumentStart)? {
                return Err(self.problem_here("did not find expected <document start>"));
            }
            self.scanner.take()?;
            self.parse_document_content()?
        };
        if self.next_is(&TokenKind::DocumentEnd)? {
            self.scanner.take()?;
        }
        Ok(Some(RawDocument {
            line,
            nodes: std::mem::take(&mut self.nodes),
            root,
            comments: self.scanner.take_comments(),
        }))
    }

    fn parse_document_content(&mut self) -> Result<RawId, Error> {
        let token = self.scanner.peek()?;
        let start = token.start;
        match token.kind {
            TokenKind::VersionDirective { .. }
            | TokenKind::TagDirective { .. }
            | TokenKind::DocumentStart
            | TokenKind::DocumentEnd
            | TokenKind::StreamEnd => Ok(self.push_empty(start)),
            _ => self.parse_tree(),
        }
    }

    fn read_directives(&mut self) -> Result<(), Error> {
        let mut versioned = false;
        loop {
            match &self.scanner.peek()?.kind {
                TokenKind::VersionDirective { major, minor } => {
                    let supported = (*major, *minor) == (1, 1);
                    if versioned {
                        return Err(self.problem_here("found duplicate %YAML directive"));
                    }
                    if !supported {
                        return Err(self.problem_here("found incompatible YAML document"));
                    }
                    versioned = true;
                }
                TokenKind::TagDirective { handle, prefix } => {
                    let (handle, prefix) = ((*handle).to_owned(), prefix.clone());
                    if self.tag_prefixes.iter().any(|(known, _)| *known == handle) {
                        return Err(self.problem_here("found duplicate %TAG directive"));
                    }
                    self.tag_prefixes.push((handle, prefix));
                }
                _ => break,
            }
            self.scanner.take()?;
        }
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if !self.tag_prefixes.iter().any(|(known, _)| known == handle) {
                self.tag_prefixes
                    .push((handle.to_owned(), prefix.to_owned()));
            }
        }
        Ok(())
    }

    /// Reads one node with everything in it, on a stack of open collections of its own, so that
    /// nesting costs no call stack.
    fn parse_tree(&mut self) -> Result<RawId, Error> {
        let mut done = self.start_node(Context::Block)?;
        loop {
            if let Some(id) = done {
                match self.open.last_mut() {
                    None => return Ok(id),
                    Some(collection) => collection.deliver(id),
                }
            }
            done = match self.open.last().map(|collection| collection.kind) {
                None => unreachable!("a node that is not done is an open collection"),
                Some(Kind::BlockSequence) => self.step_block_sequence()?,
                Some(Kind::IndentlessSequence) => self.step_indentless_sequence()?,
                Some(Kind::BlockMapping) => self.step_block_mapping()?,
                Some(Kind::FlowSequence) => self.step_flow_sequence()?,
                Some(Kind::Pair) => self.step_pair()?,
                Some(Kind::FlowMapping) => self.step_flow_mapping()?,
            };
        }
    }

    /// Begins a node: a scalar or an alias is done at once, a collection is opened.
    fn start_node(&mut self, context: Context) -> Result<Option<RawId>, Error> {
        let start = self.scanner.peek()?.start;
        if let TokenKind::Alias(name) = self.scanner.peek()?.kind {
            self.scanner.take()?;
            let Some(&target) = self.anchors.get(name) else {
                let problem = format!("unknown anchor '{name}' referenced");
                return Err(Error::silent(problem, start.line, start.column));
            };
            return Ok(Some(self.push(
                start,
                None,
                RawKind::Alias { name, target },
            )));
        }
        let (anchor, tag) = self.read_properties()?;
        // The id is taken before the content, so that an alias inside can refer to it.
        let untagged = tag.is_none();
        let has_properties = anchor.is_some() || tag.is_some();
        let id = self.push(start, tag, empty_scalar(untagged));
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, id);
        }
        let token = self.scanner.peek()?;
        let content = token.start;
        let block = context != Context::Flow;
        let kind = match &token.kind {
            TokenKind::Scalar { .. } => {
                self.nodes[id].kind = self.parse_scalar(id)?;
                return Ok(Some(id));
            }
            TokenKind::BlockEntry if context == Context::BlockInMapping => {
                self.open(id, Kind::IndentlessSequence, content)?;
                return Ok(None);
            }
            TokenKind::FlowSequenceStart => Kind::FlowSequence,
            TokenKind::FlowMappingStart => Kind::FlowMapping,
            TokenKind::BlockSequenceStart if block => Kind::BlockSequence,
            TokenKind::BlockMappingStart if block => Kind::BlockMapping,
            _ if has_properties => return Ok(Some(id)),
            _ => {
                let problem = "did not find expected node content";
                return Err(Error::parser(problem, content.line, content.column));
            }
        };
        self.open(id, kind, content)?;
        self.scanner.take()?;
        Ok(None)
    }

    fn open(&mut self, id: RawId, kind: Kind, mark: Mark) -> Result<(), Error> {
        if self.open.len() >= self.max_depth {
            let problem = format!("exceeded max depth of {}", self.max_depth);
            return Err(Error::scanner(problem, mark.line, mark.column));
        }
        self.open.push(Collection {
            id,
            kind,
            line: mark.line,
            key: None,
            bare_key: false,
            items: Vec::new(),
            entries: Vec::new(),
        });
        Ok(())
    }

    /// Ends the innermost collection, which is then done.
    fn close(&mut self) -> Option<RawId> {
        let collection = self.open.pop()?;
        let sequence = matches!(
            collection.kind,
            Kind::BlockSequence | Kind::IndentlessSequence | Kind::FlowSequence
        );
        self.nodes[collection.id].kind = if sequence {
            RawKind::Seq(collection.items)
        } else {
            RawKind::Map(collection.entries)
        };
        Some(collection.id)
    }

    fn innermost(&mut self) -> &mut Collection {
        self.open
            .last_mut()
            .expect("a step is taken in an open collection")
    }

    /// Anchor and tag in either order.
    fn read_properties(&mut self) -> Result<(Option<&'a str>, Option<String>), Error> {
        let mut anchor = None;
        let mut tag = None;
        loop {
            let token = self.scanner.peek()?;
            match &token.kind {
                TokenKind::Anchor(name) if anchor.is_none() => anchor = Some(*name),
                TokenKind::Tag { handle, suffix } if tag.is_none() => {
                    tag = Some((handle.clone(), suffix.clone(), token.start));
                }
                _ => break,
            }
            self.scanner.take()?;
        }
        let Some((handle, suffix, mark)) = tag else {
            return Ok((anchor, None));
        };
        if handle.is_empty() {
            return Ok((anchor, Some(suffix)));
        }
        match self
            .tag_prefixes
            .iter()
            .find(|(known, _)| **known == *handle)
        {
            Some((_, prefix)) => Ok((anchor, Some(format!("{prefix}{suffix}")))),
            None => Err(Error::parser(
                "found undefined tag handle",
                mark.line,
                mark.column,
            )),
        }
    }

    fn parse_scalar(&mut self, id: RawId) -> Result<RawKind<'a>, Error> {
        let tag = self.nodes[id].tag.clone();
        match self.scanner.take()?.kind {
            TokenKind::Scalar { text, plain } => {
                let implicit = match tag.as_deref() {
                    None | Some("") => plain,
                    Some(tag) => tag == "!",
                };
                Ok(RawKind::Scalar { text, implicit })
            }
            other => unreachable!("the caller saw a scalar, not {other:?}"),
        }
    }

    fn step_block_sequence(&mut self) -> Result<Option<RawId>, Error> {
        if self.next_is(&TokenKind::BlockEntry)? {
            let dash = self.scanner.take()?;
            self.innermost().line = dash.start.line;
            return match self.scanner.peek()?.kind {
                TokenKind::BlockEntry | TokenKind::BlockEnd => Ok(Some(self.push_empty(dash.end))),
                _ => self.start_node(Context::Block),
            };
        }
        if !self.next_is(&TokenKind::BlockEnd)? {
            return Err(self.problem_here("did not find expected '-' indicator"));
        }
        self.scanner.take()?;
        Ok(self.close())
    }

    fn step_indentless_sequence(&mut self) -> Result<Option<RawId>, Error> {
        if !self.next_is(&TokenKind::BlockEntry)? {
            return Ok(self.close());
        }
        let dash = self.scanner.take()?;
        self.innermost().line = dash.start.line;
        match self.scanner.peek()?.kind {
            TokenKind::BlockEntry | TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => {
                Ok(Some(self.push_empty(dash.end)))
            }
            _ => self.start_node(Context::Block),
        }
    }

    fn step_block_mapping(&mut self) -> Result<Option<RawId>, Error> {
        if self.innermost().key.is_some() {
            if self.next_is(&TokenKind::Value)? {
                return self.start_block_mapping_part();
            }
            let mark = self.scanner.peek()?.start;
            return Ok(Some(self.push_empty(mark)));
        }
        if self.next_is(&TokenKind::BlockEnd)? {
            self.scanner.take()?;
            return Ok(self.close());
        }
        if !self.next_is(&TokenKind::Key)? {
            return Err(self.problem_here("did not find expected key"));
        }
        self.start_block_mapping_part()
    }

    /// What follows the key or value indicator that comes next.
    fn start_block_mapping_part(&mut self) -> Result<Option<RawId>, Error> {
        let indicator = self.scanner.take()?;
        match self.scanner.peek()?.kind {
            TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => {
                Ok(Some(self.push_empty(indicator.end)))
            }
            _ => self.start_node(Context::BlockInMapping),
        }
    }

    fn step_flow_sequence(&mut self) -> Result<Option<RawId>, Error> {
        if !self.innermost().items.is_empty() && !self.next_is(&TokenKind::FlowSequenceEnd)? {
            if !self.next_is(&TokenKind::FlowEntry)? {
                return Err(self.problem_here("did not find expected ',' or ']'"));
            }
            self.innermost().line = self.scanner.take()?.start.line;
        }
        match self.scanner.peek()?.kind {
            TokenKind::FlowSequenceEnd => {
                self.scanner.take()?;
                Ok(self.close())
            }
            TokenKind::Key => {
                let start = self.scanner.take()?.start;
                let id = self.push(start, None, empty_scalar(true));
                self.open(id, Kind::Pair, start)?;
                Ok(None)
            }
            _ => self.start_node(Context::Flow),
        }
    }

    /// `key: value` as an item of a flow sequence: a mapping of one entry.
    fn step_pair(&mut self) -> Result<Option<RawId>, Error> {
        if !self.innermost().entries.is_empty() {
            return Ok(self.close());
        }
        if self.innermost().key.is_none() {
            let token = self.scanner.peek()?;
            return match token.kind {
                // libyaml swallows the token behind an absent key.
                TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowSequenceEnd => {
                    let end = token.end;
                    self.scanner.take()?;
                    Ok(Some(self.push_empty(end)))
                }
                _ => self.start_node(Context::Flow),
            };
        }
        let has_value = self.next_is(&TokenKind::Value)?;
        if has_value {
            self.scanner.take()?;
        }
        let token = self.scanner.peek()?;
        let mark = token.start;
        match token.kind {
            TokenKind::FlowEntry | TokenKind::FlowSequenceEnd => Ok(Some(self.push_empty(mark))),
            _ if !has_value => Ok(Some(self.push_empty(mark))),
            _ => self.start_node(Context::Flow),
        }
    }

    fn step_flow_mapping(&mut self) -> Result<Option<RawId>, Error> {
        if self.innermost().key.is_some() {
            let bare = std::mem::replace(&mut self.innermost().bare_key, false);
            if !bare && self.next_is(&TokenKind::Value)? {
                self.scanner.take()?;
                return self.start_flow_mapping_part(false);
            }
            let mark = self.scanner.peek()?.start;
            return Ok(Some(self.push_empty(mark)));
        }
        if !self.innermost().entries.is_empty() && !self.next_is(&TokenKind::FlowMappingEnd)? {
            if !self.next_is(&TokenKind::FlowEntry)? {
                return Err(self.problem_here("did not find expected ',' or '}'"));
            }
            self.scanner.take()?;
        }
        match self.scanner.peek()?.kind {
            TokenKind::FlowMappingEnd => {
                self.scanner.take()?;
                Ok(self.close())
            }
            TokenKind::Key => {
                self.scanner.take()?;
                self.start_flow_mapping_part(true)
            }
            _ => {
                self.innermost().bare_key = true;
                self.start_node(Context::Flow)
            }
        }
    }

    fn start_flow_mapping_part(&mut self, key: bool) -> Result<Option<RawId>, Error> {
        let token = self.scanner.peek()?;
        let mark = token.start;
        match token.kind {
            TokenKind::Value if key => Ok(Some(self.push_empty(mark))),
            TokenKind::FlowEntry | TokenKind::FlowMappingEnd => Ok(Some(self.push_empty(mark))),
            _ => self.start_node(Context::Flow),
        }
    }

    fn next_is(&mut self, kind: &TokenKind<'_>) -> Result<bool, Error> {
        Ok(self.scanner.peek()?.kind == *kind)
    }

    /// An error at the next token.
    fn problem_here(&mut self, problem: &'static str) -> Error {
        match self.scanner.peek() {
            Ok(token) => Error::parser(problem, token.start.line, token.start.column),
            Err(error) => error,
        }
    }

    fn push_empty(&mut self, mark: Mark) -> RawId {
        self.push(mark, None, empty_scalar(true))
    }

    fn push(&mut self, mark: Mark, tag: Option<String>, kind: RawKind<'a>) -> RawId {
        self.nodes.push(RawNode {
            line: mark.line,
            column: mark.column,
            tag,
            kind,
        });
        self.nodes.len() - 1
    }
}

fn empty_scalar(implicit: bool) -> RawKind<'static> {
    RawKind::Scalar {
        text: "".into(),
        implicit,
    }
}
