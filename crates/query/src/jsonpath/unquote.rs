//! Quoted text, with Go's escapes.
//!
//! Source: Go `strconv.UnquoteChar`, except that single quotes may hold any number of characters.

/// Returns what stands between the quotes, or `None` when an escape makes no sense.
///
/// Shape: `\x41` and `\101` are bytes; bytes that are not UTF-8 become U+FFFD.
pub(super) fn unquote(text: &str) -> Option<String> {
    let quote = text.chars().next()?;
    let inner = text
        .strip_prefix(quote)?
        .strip_suffix(quote)
        .filter(|_| text.len() >= 2)?;
    if !inner.contains(['\\', quote]) {
        return Some(inner.to_owned());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, quote, &mut bytes)?,
            c if c == quote => return None,
            c => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn escape(rest: &mut std::str::Chars<'_>, quote: char, bytes: &mut Vec<u8>) -> Option<()> {
    let c = rest.next()?;
    let byte = match c {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        c if c == quote => u8::try_from(c).ok()?,
        'x' => u8::try_from(digits(rest, 2, 16, 0)?).ok()?,
        '0'..='7' => u8::try_from(digits(rest, 2, 8, c.to_digit(8)?)?).ok()?,
        'u' | 'U' => {
            let number = digits(rest, if c == 'u' { 4 } else { 8 }, 16, 0)?;
            let decoded = char::from_u32(number)?;
            bytes.extend(decoded.encode_utf8(&mut [0; 4]).bytes());
            return Some(());
        }
        _ => return None,
    };
    bytes.push(byte);
    Some(())
}

fn digits(rest: &mut std::str::Chars<'_>, count: u32, radix: u32, from: u32) -> Option<u32> {
    (0..count).try_fold(from, |sum, _| {
        let digit = rest.next()?.to_digit(radix)?;
        sum.checked_mul(radix)?.checked_add(digit)
    })
}
