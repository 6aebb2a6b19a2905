//! Splitting and stripping.

use super::super::args::Args;
use super::super::error::{Error, fail};
use super::super::iter::runes;
use super::super::search;
use super::super::text::Str;
use super::super::thread::Thread;
use super::super::unicode::is_space;
use super::super::value::Value;
use super::string::receiver;

/// `strip`, `lstrip` and `rstrip`.
pub(super) fn strip(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = receiver(args)?;
    args.check(0, 1)?;
    let set = args.string(0)?;
    thread.budget.work(text.len() / 8)?;
    thread.budget.allocate_text(text.len())?;
    let chars: Vec<char> = runes(set).map(|(_, c)| c).collect();
    let unwanted = |c: char| {
        if chars.is_empty() {
            is_space(c)
        } else {
            chars.contains(&c)
        }
    };
    let (left, right) = match args.name {
        "lstrip" => (true, false),
        "rstrip" => (false, true),
        _ => (true, true),
    };
    thread
        .budget
        .work(text.len().saturating_mul(chars.len()) / 16)?;
    let mut kept = runes(text)
        .filter(|(_, c)| !unwanted(*c))
        .map(|(at, c)| (at, char_len(text, at, c)));
    let first = kept.next();
    let last = kept.last().or(first);
    let from = if left {
        first.map_or(text.len(), |(at, _)| at)
    } else {
        0
    };
    let to = if right {
        last.map_or(0, |(at, len)| at + len)
    } else {
        text.len()
    };
    Ok(Value::Str(Str::from(
        text.get(from..to).unwrap_or_default(),
    )))
}

/// How many bytes the character at `at` takes; bytes that are none take one each.
fn char_len(text: &[u8], at: usize, c: char) -> usize {
    if c == char::REPLACEMENT_CHARACTER && !text[at..].starts_with("\u{fffd}".as_bytes()) {
        1
    } else {
        c.len_utf8()
    }
}

/// `split` and `rsplit`.
pub(super) fn split(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = receiver(args)?;
    args.check(0, 2)?;
    let max = usize::try_from(args.int(1, -1)?).ok();
    let from_end = args.name == "rsplit";
    thread.budget.work(text.len() / 2)?;
    let parts: Vec<&[u8]> = match args.get(0) {
        None | Some(Value::None) => match max {
            Some(max) if from_end => fields_from_end(text, max),
            Some(max) => fields(text, max),
            None => fields(text, usize::MAX),
        },
        Some(Value::Str(separator)) if separator.is_empty() => fail!("split: empty separator"),
        Some(Value::Str(separator)) => match max {
            Some(max) if from_end => split_from_end(text, separator, max),
            Some(max) => search::split(text, separator, max.saturating_add(1)),
            None => search::split(text, separator, usize::MAX),
        },
        Some(other) => {
            fail!(
                "split: got {} for separator, want string",
                other.type_name()
            )
        }
    };
    thread.budget.allocate_values(parts.len() * 3)?;
    thread.budget.allocate_text(text.len())?;
    Ok(Value::list(
        parts
            .iter()
            .map(|part| Value::Str(Str::from(*part)))
            .collect(),
    ))
}

/// The parts between separators, at most `max` of them split off the end.
fn split_from_end<'a>(text: &'a [u8], separator: &[u8], max: usize) -> Vec<&'a [u8]> {
    let parts = search::split(text, separator, usize::MAX);
    let excess = parts.len().saturating_sub(max);
    if excess <= 1 {
        return parts;
    }
    let kept = &parts[excess..];
    let tail: usize = kept.iter().map(|part| part.len() + separator.len()).sum();
    let mut result = vec![&text[..text.len() - tail]];
    result.extend_from_slice(kept);
    result
}

/// Words between blanks; after `max` of them the rest stays in one piece.
fn fields(text: &[u8], max: usize) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in runes(text) {
        match (is_space(c), start) {
            (true, Some(from)) => {
                if found.len() == max {
                    break;
                }
                found.push(&text[from..at]);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    if let Some(from) = start {
        found.push(&text[from..]);
    }
    found
}

/// As [`fields`], from the end.
fn fields_from_end(text: &[u8], max: usize) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut end = None;
    let positions: Vec<(usize, char)> = runes(text).collect();
    let mut after = text.len();
    for (at, c) in positions.into_iter().rev() {
        match (is_space(c), end) {
            (true, Some(to)) => {
                if found.len() == max {
                    break;
                }
                found.push(&text[after..to]);
                end = None;
            }
            (false, None) => end = Some(after),
            _ => {}
        }
        after = at;
    }
    if let Some(to) = end {
        found.push(&text[..to]);
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(parts: &[&[u8]]) -> String {
        let parts: Vec<_> = parts
            .iter()
            .map(|part| String::from_utf8_lossy(part))
            .collect();
        parts.join("|")
    }

    #[test]
    fn words_are_split_from_both_ends() {
        let rows: [(&str, usize, &str, &str); 6] = [
            ("a b  c", usize::MAX, "a|b|c", "a|b|c"),
            ("  a b c  ", 1, "a|b c  ", "  a b|c"),
            ("  a b c  ", 0, "a b c  ", "  a b c"),
            ("", 3, "", ""),
            ("   ", 3, "", ""),
            ("é\u{a0}ü", usize::MAX, "é|ü", "é|ü"),
        ];
        for (text, max, forward, backward) in rows {
            assert_eq!(shown(&fields(text.as_bytes(), max)), forward, "{text:?}");
            assert_eq!(
                shown(&fields_from_end(text.as_bytes(), max)),
                backward,
                "{text:?}"
            );
        }
    }

    #[test]
    fn separators_are_split_off_the_end() {
        assert_eq!(shown(&split_from_end(b"a,b,c,d", b",", 2)), "a,b|c|d");
        assert_eq!(shown(&split_from_end(b"a,b", b",", 5)), "a|b");
        assert_eq!(shown(&split_from_end(b"a,b", b",", 0)), "a,b");
    }
}
