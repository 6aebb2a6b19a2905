//! Which plain scalars look like a point in time. They stay text, but are quoted on the way out.
//!
//! Source: go-yaml resolve.go `parseTimestamp`, with the four layouts it hands to Go's
//! `time.Parse`.

/// Whether `text` has the shape of a date, or of a date and time.
pub(crate) fn is_timestamp(text: &str) -> bool {
    date(text).is_some_and(|rest| rest.is_empty() || zoned_time(rest) || spaced_time(rest))
}

/// `YYYY-M-D`; returns what follows.
fn date(text: &str) -> Option<&str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits != 4 {
        return None;
    }
    let year: u32 = text[..4].parse().ok()?;
    let (month, rest) = number(text[4..].strip_prefix('-')?)?;
    let (day, rest) = number(rest.strip_prefix('-')?)?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days).contains(&day).then_some(rest)
}

/// `Th:m:s[.fraction]Z` or with an offset, with `T` or `t`.
fn zoned_time(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['T', 't']).and_then(clock) else {
        return false;
    };
    if rest == "Z" {
        return true;
    }
    let Some(offset) = rest.strip_prefix(['+', '-']) else {
        return false;
    };
    let bytes = offset.as_bytes();
    let in_range = |digits: &str, most: u32| digits.parse::<u32>().is_ok_and(|n| n <= most);
    bytes.len() == 5
        && bytes[2] == b':'
        && bytes
            .iter()
            .enumerate()
            .all(|(i, byte)| i == 2 || byte.is_ascii_digit())
        && in_range(&offset[..2], 24)
        && in_range(&offset[3..], 60)
}

/// ` h:m:s[.fraction]` without a zone.
fn spaced_time(text: &str) -> bool {
    text.starts_with(' ') && clock(text.trim_start_matches(' ')).is_some_and(str::is_empty)
}

/// `h:m:s` with an optional fraction of up to nine digits; returns what follows.
fn clock(text: &str) -> Option<&str> {
    let (hour, rest) = number(text)?;
    let (minute, rest) = number(rest.strip_prefix(':')?)?;
    let (second, rest) = number(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    match rest.as_bytes() {
        [b'.' | b',', b'0'..=b'9', ..] => {
            let digits = rest[1..]
                .bytes()
                .take_while(u8::is_ascii_digit)
                .take(9)
                .count();
            Some(&rest[1 + digits..])
        }
        _ => Some(rest),
    }
}

/// One or two digits.
fn number(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_recognised() {
        for text in [
            "2001-12-14",
            "2001-1-1",
            "2000-02-29",
            "2001-12-14T21:59:43.10Z",
            "2001-12-14t21:59:43.10-05:00",
            "2001-12-14 21:59:43.1",
            "2001-12-14   1:2:3",
        ] {
            assert!(is_timestamp(text), "{text:?}");
        }
    }

    #[test]
    fn near_misses_are_not() {
        for text in [
            "2001",
            "2001-12",
            "2001-13-01",
            "2001-02-29",
            "01-12-14",
            "2001-12-14T",
            "2001-12-14 21:59:43.10 -5",
            "2001-12-14T25:00:00Z",
            "2001-12-14x",
        ] {
            assert!(!is_timestamp(text), "{text:?}");
        }
    }
}
