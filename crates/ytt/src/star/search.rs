//! Finding bytes in bytes, in linear time.

use std::borrow::Cow;

/// Text that bytes can be searched as: themselves, or with every byte as a character.
fn as_text(bytes: &[u8], plain: bool) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if plain => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// Whether both are text, which the standard library searches as it is.
fn both_text(haystack: &[u8], needle: &[u8]) -> bool {
    std::str::from_utf8(haystack).is_ok() && std::str::from_utf8(needle).is_ok()
}

/// A position in the text as one in the bytes.
fn in_bytes(text: &str, at: usize, plain: bool) -> usize {
    if plain {
        at
    } else {
        text[..at].chars().count()
    }
}

/// Position of the first occurrence; an empty needle is found at once.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let plain = both_text(haystack, needle);
    let text = as_text(haystack, plain);
    let at = text.find(as_text(needle, plain).as_ref())?;
    Some(in_bytes(&text, at, plain))
}

/// Position of the last occurrence; an empty needle is found at the end.
pub(crate) fn find_last(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let plain = both_text(haystack, needle);
    let text = as_text(haystack, plain);
    let at = text.rfind(as_text(needle, plain).as_ref())?;
    Some(in_bytes(&text, at, plain))
}

/// Positions of occurrences that do not overlap. The needle is not empty.
pub(crate) fn find_all(haystack: &[u8], needle: &[u8]) -> Vec<usize> {
    let plain = both_text(haystack, needle);
    let text = as_text(haystack, plain);
    let needle = as_text(needle, plain);
    let (mut chars_before, mut seen) = (0, 0);
    let mut positions = Vec::new();
    for (at, _) in text.match_indices(needle.as_ref()) {
        chars_before += if plain {
            at - seen
        } else {
            text[seen..at].chars().count()
        };
        seen = at;
        positions.push(chars_before);
    }
    positions
}

/// The parts between occurrences of a separator that is not empty, at most `max` of them.
pub(crate) fn split<'a>(text: &'a [u8], separator: &[u8], max: usize) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut from = 0;
    for at in find_all(text, separator) {
        if parts.len() + 1 >= max {
            break;
        }
        parts.push(&text[from..at]);
        from = at + separator.len();
    }
    parts.push(&text[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_whether_they_are_text_or_not() {
        assert_eq!(find(b"abcabc", b"ca"), Some(2));
        assert_eq!(find(b"abc", b""), Some(0));
        assert_eq!(find(b"ab\xffc", b"\xffc"), Some(2));
        assert_eq!(find(b"\xc3\xa9\xff", b"\xff"), Some(2));
        assert_eq!(find(b"\xff", b"ab"), None);
        assert_eq!(find("aéb".as_bytes(), b"\xa9"), Some(2));
        assert_eq!(find_last(b"abcabc", b"ab"), Some(3));
        assert_eq!(find_last(b"ab\xff\xff", b"\xff"), Some(3));
        assert_eq!(find_last(b"ab", b""), Some(2));
        assert_eq!(find_all(b"aaaa", b"aa"), [0, 2]);
        assert_eq!(find_all(b"\xffa\xffa", b"a"), [1, 3]);
        assert_eq!(split(b"a,b,c", b",", 2), [b"a".as_slice(), b"b,c"]);
        assert_eq!(split(b"", b",", usize::MAX), [b"".as_slice()]);
    }
}
