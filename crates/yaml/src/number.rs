//! Numbers as Go reads and prints them.
//!
//! Source: Go's `strconv`: `ParseInt` and `ParseUint` with base 0, `ParseFloat`, and
//! `FormatFloat` with format `g` and precision -1.

/// An integer that fits 64 bits, with or without sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integer {
    /// Fits with sign.
    Signed(i64),
    /// Only fits without sign.
    Unsigned(u64),
}

/// Reads an integer with an optional sign and an optional prefix `0x`, `0o`, `0b` or `0`.
///
/// Shape: no underscores; nothing for text that is not an integer or needs more than 64 bits.
pub fn parse_integer(text: &str) -> Option<Integer> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let signed = text.len() != digits.len();
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // `from_str_radix` takes a sign of its own.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(magnitude).map(Integer::Signed);
    }
    match i64::try_from(magnitude) {
        Ok(value) => Some(Integer::Signed(value)),
        // Go's ParseUint takes no sign.
        Err(_) if signed => None,
        Err(_) => Some(Integer::Unsigned(magnitude)),
    }
}

/// Reads a decimal floating point number; nothing when it is out of range.
///
/// Shape: optional sign, digits with at most one point (at least one digit), optional exponent.
pub fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !all_digits(digits) {
            return None;
        }
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Prints a number in Go's shortest general form: `1`, `0.5`, `1e+06`, `+Inf`, `NaN`.
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 {
            "+Inf".to_owned()
        } else {
            "-Inf".to_owned()
        };
    }
    general(&shortest(value)).unwrap_or_else(|| format!("{value}"))
}

/// The same for a number of single precision.
pub(crate) fn format_float32(value: f32) -> String {
    if !value.is_finite() {
        return format_float(f64::from(value));
    }
    general(&format!("{value:e}")).unwrap_or_else(|| format!("{value}"))
}

/// The general form with an exponent, where Go would print one.
fn general(scientific: &str) -> Option<String> {
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("the e format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a small integer");
    if (-4..6).contains(&exponent) {
        return None;
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    Some(format!("{mantissa}e{sign}{:02}", exponent.abs()))
}

/// Prints a finite number as Go's `encoding/json` does: `1`, `0.5`, `1e+21`, `1e-7`.
pub fn format_json_float(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let scientific = shortest(value);
        let (mantissa, exponent) = scientific
            .split_once('e')
            .expect("the e format has an exponent");
        let exponent = exponent
            .strip_prefix('-')
            .map_or_else(|| format!("+{exponent:0>2}"), |digits| format!("-{digits}"));
        return format!("{mantissa}e{exponent}");
    }
    let plain = format!("{value}");
    if shortest(value) == format!("{value:e}") {
        return plain;
    }
    // The last digit that counts is one smaller; only zeros follow it.
    let (digits, zeros) = plain.split_at(plain.trim_end_matches('0').len());
    let (before, last) = digits.split_at(digits.len() - 1);
    let last = last.parse::<u8>().map_or(0, |last| last.saturating_sub(1));
    format!("{before}{last}{zeros}")
}

/// The shortest digits that read back as the same number, as `d.ddde±x`, and of two that are
/// equally near those that end in an even digit, as Go chooses. Rust chooses the greater.
///
/// Source: Go strconv/ftoaryu.go, `ryuDigits`.
pub fn shortest(value: f64) -> String {
    /// Digits up to which no two are equally near.
    const UNIQUE: usize = 14;
    let text = format!("{value:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let is_odd = mantissa.bytes().last().is_some_and(|last| last % 2 == 1);
    if mantissa.len() <= UNIQUE || !is_odd {
        return text;
    }
    // A number between two such texts has one more digit, a five; 60 digits show that it ends there.
    let exact = format!("{value:.60e}");
    let exact = exact.split_once('e').map_or("", |(mantissa, _)| mantissa);
    let Some((lower, rest)) = exact.split_at_checked(mantissa.len()) else {
        return text;
    };
    let is_half = rest
        .strip_prefix('5')
        .is_some_and(|rest| rest.bytes().all(|digit| digit == b'0'));
    let even = format!("{lower}e{exponent}");
    if is_half && even.parse() == Ok(value) {
        even
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_go_prints_them() {
        for (value, general, json) in [
            (1_400_000.0, "1.4e+06", "1400000"),
            (123_456.0, "123456", "123456"),
            (1_234_567.5, "1.2345675e+06", "1234567.5"),
            (1e20, "1e+20", "100000000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (1e-4, "0.0001", "0.0001"),
            (1e-5, "1e-05", "0.00001"),
            (1.5e-7, "1.5e-07", "1.5e-7"),
            (1e100, "1e+100", "1e+100"),
            (0.0, "0", "0"),
            (-2.5, "-2.5", "-2.5"),
        ] {
            assert_eq!(format_float(value), general);
            assert_eq!(format_json_float(value), json);
        }
        assert_eq!(format_float(f64::NEG_INFINITY), "-Inf");
    }

    #[test]
    fn integers_read_as_go_reads_them_with_base_zero() {
        let signed = |value| Some(Integer::Signed(value));
        for (text, expect) in [
            ("0", signed(0)),
            ("-0x10", signed(-16)),
            ("0o17", signed(15)),
            ("017", signed(15)),
            ("0b101", signed(5)),
            ("+7", signed(7)),
            ("08", None),
            ("0x", None),
            ("", None),
            ("--1", None),
            ("9223372036854775807", signed(i64::MAX)),
            ("-9223372036854775808", signed(i64::MIN)),
            ("-9223372036854775809", None),
            ("18446744073709551615", Some(Integer::Unsigned(u64::MAX))),
            ("+18446744073709551615", None),
            ("18446744073709551616", None),
        ] {
            assert_eq!(parse_integer(text), expect, "{text:?}");
        }
    }

    #[test]
    fn floats_out_of_range_are_not_numbers() {
        assert_eq!(parse_float("1."), Some(1.0));
        assert_eq!(parse_float("+.5e1"), Some(5.0));
        for text in ["1e400", ".", "", "e5", "1e", "1.2.3", "inf", "1_0"] {
            assert_eq!(parse_float(text), None, "{text:?}");
        }
    }

    #[test]
    #[expect(
        clippy::excessive_precision,
        reason = "the values between two texts are meant"
    )]
    fn of_two_texts_that_are_equally_near_the_even_one_is_chosen() {
        for (value, scientific, json) in [
            (
                900_719_925_474_099.25,
                "9.007199254740992e14",
                "900719925474099.2",
            ),
            (
                -900_719_925_474_099.25,
                "-9.007199254740992e14",
                "-900719925474099.2",
            ),
            (
                900_719_925_474_099.75,
                "9.007199254740998e14",
                "900719925474099.8",
            ),
            (0.1, "1e-1", "0.1"),
            (1e300, "1e300", "1e+300"),
        ] {
            assert_eq!(shortest(value), scientific);
            assert_eq!(format_json_float(value), json);
            assert_eq!(scientific.parse(), Ok(value), "{scientific}");
        }
    }
}
