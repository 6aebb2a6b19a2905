//! In which styles a text can be written without changing its meaning.
//!
//! Source: go-yaml emitterc.go `yaml_emitter_analyze_scalar`.

/// The styles a scalar may have in a block collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Analysis {
    pub(super) multiline: bool,
    pub(super) plain: bool,
    pub(super) single_quoted: bool,
    pub(super) block: bool,
}

/// A character and what follows it.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a character may stand unescaped.
///
/// libyaml's table ends at three bytes, so that emoji are escaped.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}')
        && c != '\u{FEFF}'
}

/// `tabs_quote_only`: a tab forbids plain and single-quoted text but not a block (version 3).
pub(super) fn analyze(text: &str, tabs_quote_only: bool) -> Analysis {
    if text.is_empty() {
        return Analysis {
            multiline: false,
            plain: true,
            single_quoted: true,
            block: false,
        };
    }
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let mut breaks = false;
    let mut special = false;
    let mut tab = false;
    let mut break_space = false;
    let mut space_break = false;
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let blank_follows = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
        indicators |= match (before, c) {
            (None, '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>') => true,
            (None, '\'' | '"' | '%' | '@' | '`') => true,
            (None, '?' | '-') | (_, ':') => blank_follows,
            (Some(before), '#') => matches!(before, ' ' | '\t') || is_break(before),
            _ => false,
        };
        if c == '\t' && tabs_quote_only {
            tab = true;
        } else if !is_printable(c) {
            special = true;
        }
        breaks |= is_break(c);
        break_space |= c == ' ' && before.is_some_and(is_break);
        space_break |= is_break(c) && before == Some(' ');
        before = Some(c);
    }
    let edge = |c: Option<char>| c.is_some_and(|c| c == ' ' || is_break(c));
    let blank_edges = edge(text.chars().next()) || edge(before);
    let unquotable = space_break || special;
    Analysis {
        multiline: breaks,
        plain: !(indicators || breaks || blank_edges || break_space || unquotable || tab),
        single_quoted: !(break_space || unquotable || tab),
        block: !(unquotable || before == Some(' ')),
    }
}
