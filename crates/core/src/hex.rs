//! Hexadecimal digits in lower case.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes the two digits of each byte.
pub(crate) fn write(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)])))
}

/// Reads the digits of so many bytes.
pub(crate) fn read<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |character: u8| match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let bytes = [0x00, 0x0f, 0xa0, 0xff];
        let text: String = write(&bytes).collect();
        assert_eq!(text, "000fa0ff");
        assert_eq!(read(text.as_bytes()), Some(bytes));
    }

    #[test]
    fn nothing_else_is_read() {
        for text in ["", "0", "0g", "0A", "000"] {
            assert_eq!(read::<1>(text.as_bytes()), None, "{text}");
        }
    }
}
