//! Floating point numbers as Go prints them.
//!
//! Source: Go strconv `FormatFloat` and fmt's verbs `%e`, `%f` and `%g`.

/// How a number is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `%e` with so many digits after the point.
    Exponent(usize),
    /// `%f` with so many digits after the point.
    Fixed(usize),
    /// `%g` with so many significant digits, or as many as it takes to tell numbers apart.
    General(Option<usize>),
}

/// Prints a number.
pub fn format_float(value: f64, style: Style) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match style {
        Style::Exponent(digits) => go_exponent(&format!("{value:.digits$e}")),
        Style::Fixed(digits) => format!("{value:.digits$}"),
        Style::General(digits) => general(value, digits),
    }
}

/// Go prints at least two digits of the exponent, and its sign.
fn go_exponent(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text.to_owned();
    };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn general(value: f64, precision: Option<usize>) -> String {
    let scientific = match precision {
        Some(precision) => format!("{value:.*e}", precision.max(1) - 1),
        None => carto_yaml::number::shortest(value),
    };
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let negative = mantissa.starts_with('-');
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let point = exponent + 1;
    let mut threshold = precision.map_or(6, |precision| i64::try_from(precision).unwrap_or(6));
    if precision.is_some() && threshold > count && count >= point {
        threshold = count;
    }
    let sign = if negative { "-" } else { "" };
    if exponent < -4 || exponent >= threshold {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        return go_exponent(&format!("{sign}{first}{dot}{rest}e{exponent}"));
    }
    format!("{sign}{}", positional(digits, point))
}

/// Digits with the decimal point after `point` of them.
fn positional(digits: &str, point: i64) -> String {
    let Ok(point) = usize::try_from(point).map_err(|_| ()) else {
        let zeros = usize::try_from(-point).unwrap_or(0);
        return format!("0.{}{digits}", "0".repeat(zeros));
    };
    if point == 0 {
        return format!("0.{digits}");
    }
    if point >= digits.len() {
        return format!("{digits}{}", "0".repeat(point - digits.len()));
    }
    let (whole, fraction) = digits.split_at(point);
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_significant_digits_as_str_prints_them() {
        let rows = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (123.123_456_789, "123.123"),
            (1e6, "1e+06"),
            (999_999.0, "999999"),
            (999_999.5, "1e+06"),
            (100_000.0, "100000"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (0.000_123_456_7, "0.000123457"),
            (1.5e300, "1.5e+300"),
            (-2.5, "-2.5"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in rows {
            assert_eq!(format_float(value, Style::General(Some(6))), expected);
        }
    }

    #[test]
    fn as_many_digits_as_it_takes() {
        let rows = [
            (1e8, "1e+08"),
            (1_234_567.5, "1.2345675e+06"),
            (21.0, "21"),
            (0.1, "0.1"),
        ];
        for (value, expected) in rows {
            assert_eq!(format_float(value, Style::General(None)), expected);
        }
    }

    #[test]
    fn exponents_have_two_digits() {
        assert_eq!(format_float(1234.5, Style::Exponent(6)), "1.234500e+03");
        assert_eq!(format_float(0.5, Style::Fixed(6)), "0.500000");
    }
}
