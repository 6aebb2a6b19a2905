//! Classes and case of characters as Go's `unicode` package has them.
//!
//! Rust's own classes are close but not equal: `char::is_alphabetic` counts marks that Go does
//! not, and case conversion there may yield several characters.

use regex::Regex;
use std::sync::OnceLock;

/// Defines a test for a Unicode class; ASCII is answered without the table.
macro_rules! class {
    ($(#[$doc:meta])* $name:ident, $pattern:literal, $ascii:expr) => {
        $(#[$doc])*
        pub(crate) fn $name(c: char) -> bool {
            static CLASS: OnceLock<Regex> = OnceLock::new();
            if c.is_ascii() {
                let ascii: fn(char) -> bool = $ascii;
                return ascii(c);
            }
            let class = CLASS.get_or_init(|| {
                Regex::new($pattern).expect("a literal pattern that a test compiles")
            });
            class.is_match(c.encode_utf8(&mut [0; 4]))
        }
    };
}

class!(
    /// Go `unicode.IsLetter`.
    is_letter, r"\p{L}", |c| c.is_ascii_alphabetic()
);
class!(
    /// Go `unicode.IsDigit`.
    is_digit, r"\p{Nd}", |c| c.is_ascii_digit()
);
class!(
    /// Go `unicode.IsUpper`.
    is_upper, r"\p{Lu}", |c| c.is_ascii_uppercase()
);
class!(
    /// Go `unicode.IsLower`.
    is_lower, r"\p{Ll}", |c| c.is_ascii_lowercase()
);
class!(
    /// Go `unicode.IsTitle`.
    is_title, r"\p{Lt}", |_| false
);
class!(
    /// Go `unicode.IsPrint`.
    is_print, r"[\p{L}\p{M}\p{N}\p{P}\p{S}]", |c| c == ' ' || c.is_ascii_graphic()
);

/// Go `unicode.IsSpace`.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// Go `unicode.ToLower`: one character for one.
pub(crate) fn to_lower(c: char) -> char {
    // The only character whose full lower case is longer: dotted capital I.
    if c == '\u{130}' {
        'i'
    } else {
        c.to_lowercase().next().unwrap_or(c)
    }
}

/// Go `unicode.ToUpper`: one character for one.
pub(crate) fn to_upper(c: char) -> char {
    let mut full = c.to_uppercase();
    match (full.next(), full.next()) {
        (Some(upper), None) => upper,
        _ => simple_upper_of_expanding(c),
    }
}

/// Go `unicode.ToTitle`: as upper case, but for the digraphs that have a form of their own.
pub(crate) fn to_title(c: char) -> char {
    match c {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        // Georgian has capitals, which titles do not use.
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => c,
        _ => to_upper(c),
    }
}

/// Upper case of characters whose full upper case is longer than one character.
fn simple_upper_of_expanding(c: char) -> char {
    let code = u32::from(c);
    let shifted = match code {
        // Greek with iota subscript: the title case letter.
        0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7 => code + 8,
        0x1fb3 | 0x1fc3 | 0x1ff3 => code + 9,
        _ => code,
    };
    char::from_u32(shifted).unwrap_or(c)
}

/// Whether a character has case, as the engine's string methods see it.
///
/// Source: starlark-go starlark/library.go, `isCasedRune`.
pub(crate) fn is_cased(c: char) -> bool {
    // Sharp s has no capital of its own, but folds to one.
    c.is_ascii_alphabetic() || (!c.is_ascii() && (c == 'ß' || to_lower(c) != c || to_upper(c) != c))
}

/// A character in single quotes as Go's `%q` prints it.
pub(crate) fn quote_char(c: char) -> String {
    let mut out = String::from("'");
    push_quoted(&mut out, c, '\'');
    out.push('\'');
    out
}

/// Appends a character as Go's `%q` does inside quotes `quote`.
pub(crate) fn push_quoted(out: &mut String, c: char, quote: char) {
    use std::fmt::Write as _;
    let written = match c {
        '\\' => out.write_str("\\\\"),
        c if c == quote => write!(out, "\\{c}"),
        c if is_print(c) => out.write_char(c),
        '\x07' => out.write_str("\\a"),
        '\x08' => out.write_str("\\b"),
        '\x0c' => out.write_str("\\f"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\x0b' => out.write_str("\\v"),
        c if u32::from(c) < 0x20 || c == '\x7f' => write!(out, "\\x{:02x}", u32::from(c)),
        c if u32::from(c) < 0x10000 => write!(out, "\\u{:04x}", u32::from(c)),
        c => write!(out, "\\U{:08x}", u32::from(c)),
    };
    written.expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_agree_with_go() {
        assert!(is_letter('ж') && is_letter('z') && !is_letter('1'));
        assert!(!is_letter('\u{93f}'), "a vowel sign is a mark");
        assert!(is_digit('٣') && !is_digit('½'));
        assert!(is_upper('Ж') && !is_upper('\u{24b6}'));
        assert!(is_lower('ж') && is_title('\u{1c5}'));
        assert!(is_print('é') && !is_print('\u{a0}') && !is_print('\u{200b}'));
        assert!(is_space('\u{a0}'));
    }

    #[test]
    fn case_is_one_for_one() {
        assert_eq!(to_lower('\u{130}'), 'i');
        assert_eq!(to_upper('ﬀ'), 'ﬀ');
        assert_eq!(to_upper('\u{1f80}'), '\u{1f88}');
        assert_eq!(to_title('ǆ'), 'ǅ');
        assert_eq!(to_upper('é'), 'É');
    }

    #[test]
    fn characters_are_quoted_as_go_does() {
        assert_eq!(quote_char('$'), "'$'");
        assert_eq!(quote_char('\''), "'\\''");
        assert_eq!(quote_char('\u{1}'), "'\\x01'");
        assert_eq!(quote_char('\u{200b}'), "'\\u200b'");
    }
}
