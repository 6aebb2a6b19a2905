//! Go's regular expressions.
//!
//! Both engines are RE2-like, but they read some patterns differently. This translates: Perl classes and word
//! boundaries are ASCII in Go; braces that are no repetition are literal; in a class, brackets, `&&`, `--`, `~~` and a hyphen
//! after a Perl class are literal; `\Q…\E` quotes.
//!
//! Source: Go 1.26 regexp/syntax.

use regex::{Regex, RegexBuilder};

/// Compiled patterns may take this much memory; Go has no limit, but its patterns come from the same documents.
const SIZE_MAX_BYTES: usize = 8 << 20;

/// Compiles a pattern of Go's syntax.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translate(pattern))
        .size_limit(SIZE_MAX_BYTES)
        .build()
        .map_err(|error| reason(pattern, &error))
}

/// Go's reports are one line; ours are several with a drawing.
fn reason(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text
        .lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches("error: ");
    format!("error parsing regexp: {last}: `{pattern}`")
}

fn translate(pattern: &str) -> String {
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '\\' => at = escape(&chars, at, &mut out, false),
            '[' => at = class(&chars, at, &mut out),
            '{' if !is_repetition(&chars[at..]) => {
                out.push_str("\\{");
                at += 1;
            }
            '{' => {
                while chars[at] != '}' {
                    out.push(chars[at]);
                    at += 1;
                }
                out.push('}');
                at += 1;
            }
            '}' => {
                out.push_str("\\}");
                at += 1;
            }
            c => {
                out.push(c);
                at += 1;
            }
        }
    }
    out
}

/// Translates an escape and returns the position behind it.
fn escape(chars: &[char], at: usize, out: &mut String, in_class: bool) -> usize {
    let Some(&c) = chars.get(at + 1) else {
        out.push('\\');
        return at + 1;
    };
    let set = match c {
        'd' => Some(("0-9", false)),
        'D' => Some(("0-9", true)),
        'w' => Some(("0-9A-Za-z_", false)),
        'W' => Some(("0-9A-Za-z_", true)),
        's' => Some(("\\t\\n\\f\\r ", false)),
        'S' => Some(("\\t\\n\\f\\r ", true)),
        _ => None,
    };
    if let Some((set, negated)) = set {
        match (in_class, negated) {
            (true, false) => out.push_str(set),
            (_, true) => out.push_str(&format!("[^{set}]")),
            (false, false) => out.push_str(&format!("[{set}]")),
        }
        return at + 2;
    }
    match c {
        'b' if !in_class => out.push_str("(?-u:\\b)"),
        'B' if !in_class => out.push_str("(?-u:\\B)"),
        'Q' => {
            let mut end = at + 2;
            while end < chars.len() && !(chars[end] == '\\' && chars.get(end + 1) == Some(&'E')) {
                out.push_str(&regex::escape(&chars[end].to_string()));
                end += 1;
            }
            return (end + 2).min(chars.len());
        }
        '/' | '"' | '\'' | '`' | '<' | '>' | '@' | '%' | ',' | ';' | ':' | '=' | '!' | '_' => {
            out.push_str(&regex::escape(&c.to_string()));
        }
        'p' | 'P' if chars.get(at + 2) == Some(&'{') => {
            out.push('\\');
            out.push(c);
            let mut end = at + 2;
            while end < chars.len() {
                out.push(chars[end]);
                end += 1;
                if chars[end - 1] == '}' {
                    break;
                }
            }
            return end;
        }
        'x' if chars.get(at + 2) == Some(&'{') => {
            out.push_str("\\x");
            let mut end = at + 2;
            while end < chars.len() {
                out.push(chars[end]);
                end += 1;
                if chars[end - 1] == '}' {
                    break;
                }
            }
            return end;
        }
        c => {
            out.push('\\');
            out.push(c);
        }
    }
    at + 2
}

/// Translates a character class and returns the position behind it.
fn class(chars: &[char], start: usize, out: &mut String) -> usize {
    out.push('[');
    let mut at = start + 1;
    if chars.get(at) == Some(&'^') {
        out.push('^');
        at += 1;
    }
    let mut first = true;
    // After a Perl class or a range, a hyphen is literal.
    let mut hyphen_is_literal = true;
    while let Some(&c) = chars.get(at) {
        match c {
            ']' if !first => {
                out.push(']');
                return at + 1;
            }
            '[' if chars.get(at + 1) == Some(&':') => {
                while let Some(&c) = chars.get(at) {
                    out.push(c);
                    at += 1;
                    if c == ']' && chars.get(at - 2) == Some(&':') {
                        break;
                    }
                }
                hyphen_is_literal = true;
            }
            '\\' => {
                let perl = matches!(
                    chars.get(at + 1),
                    Some('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'p' | 'P')
                );
                at = escape(chars, at, out, true);
                hyphen_is_literal = perl;
            }
            '-' => {
                let at_end = chars.get(at + 1) == Some(&']');
                if hyphen_is_literal || at_end {
                    out.push_str("\\-");
                    // The literal hyphen may itself begin a range.
                    hyphen_is_literal = false;
                } else {
                    out.push('-');
                    hyphen_is_literal = true;
                    at += 1;
                    // The end of the range.
                    match chars.get(at) {
                        Some('\\') => at = escape(chars, at, out, true),
                        Some(&end) => {
                            push_literal(end, out);
                            at += 1;
                        }
                        None => {}
                    }
                    first = false;
                    continue;
                }
                at += 1;
            }
            c => {
                push_literal(c, out);
                hyphen_is_literal = false;
                at += 1;
            }
        }
        first = false;
    }
    at
}

fn push_literal(c: char, out: &mut String) {
    if matches!(c, '[' | ']' | '&' | '~' | '-' | '^') {
        out.push('\\');
    }
    out.push(c);
}

/// `{n}`, `{n,}` or `{n,m}`.
fn is_repetition(chars: &[char]) -> bool {
    let Some(end) = chars.iter().position(|c| *c == '}') else {
        return false;
    };
    let inner: String = chars[1..end].iter().collect();
    let (low, high) = inner.split_once(',').unwrap_or((&inner, ""));
    !low.is_empty()
        && low.chars().all(|c| c.is_ascii_digit())
        && high.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        compile(pattern).expect("compiles").is_match(text)
    }

    #[test]
    fn perl_classes_are_ascii() {
        assert!(matches(r"^\d+$", "123"));
        assert!(!matches(r"^\d+$", "١٢٣"));
        assert!(!matches(r"^\w+$", "größe"));
        assert!(matches(r"^[\w-]+$", "a-b_c"));
        assert!(matches(r"^[\w-.]+$", "a-b.c"));
        assert!(matches(r"^[^\s]+$", "\u{a0}"));
    }

    #[test]
    fn what_rust_would_take_as_syntax_is_literal() {
        assert!(matches(r"^\$\{[a-z]+\}$", "${abc}"));
        assert!(matches(r"^{{a}}$", "{{a}}"));
        assert!(matches(r"^[a[b]+$", "a[b"));
        assert!(matches(r"^[a&&b]+$", "&"));
        assert!(matches(r"^[]a]$", "]"));
        assert!(matches(r"^[a-]$", "-"));
        assert!(matches(r"^[-a]$", "-"));
        assert!(matches(r"^\Qa.b\E$", "a.b"));
        assert!(!matches(r"^\Qa.b\E$", "axb"));
    }

    #[test]
    fn ordinary_patterns_stay_as_they_are() {
        assert!(matches(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "my-name"));
        assert!(matches(r"^(\d{1,3}\.){3}\d{1,3}$", "10.0.0.1"));
        assert!(matches(r"^[[:alpha:]]+\z", "abc"));
        assert!(matches(r"\p{L}\x{41}", "éA"));
        assert!(matches(r"^https?://[^/]+/", "http://x/"));
    }

    #[test]
    fn a_bad_pattern_says_why_in_one_line() {
        let error = compile("a(b").expect_err("refused");
        assert!(
            error.starts_with("error parsing regexp: ") && !error.contains('\n'),
            "{error}"
        );
    }
}
