//! Quantities in their canonical form.
//!
//! Source: apimachinery pkg/api/resource/quantity.go, v0.36.

/// The text of a quantity that does not parse.
pub(crate) const BAD_QUANTITY: &str = "quantities must match the regular expression \
     '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// Suffixes of powers of ten, by exponent.
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
/// Suffixes of powers of two, by exponent.
const BINARY: [(&str, u32); 6] = [
    ("Ki", 10),
    ("Mi", 20),
    ("Gi", 30),
    ("Ti", 40),
    ("Pi", 50),
    ("Ei", 60),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Decimal,
    Exponent,
    Binary,
}

/// A quantity in units of 10⁻⁹, the finest that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantity {
    nano: i128,
    form: Form,
}

impl Quantity {
    /// Parses a quantity; finer parts are rounded up, away from zero.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let (scale, form) = suffix_of(suffix)?;
        // Leading zeros do not count; more digits than fit are out of range.
        let digits: String = format!("{whole}{fraction}")
            .trim_start_matches('0')
            .to_owned();
        if digits.len() > 30 {
            return None;
        }
        let mantissa: i128 = if digits.is_empty() {
            0
        } else {
            digits.parse().ok()?
        };
        let fraction_digits = i32::try_from(fraction.len()).ok()?;
        let nano = match scale {
            Scale::Ten(exponent) => scaled(mantissa, exponent - fraction_digits + 9)?,
            Scale::Two(exponent) => {
                let shifted = mantissa.checked_mul(1_i128.checked_shl(exponent)?)?;
                scaled(shifted, 9 - fraction_digits)?
            }
        };
        Some(Self {
            nano: if negative { -nano } else { nano },
            form,
        })
    }

    /// Rounds up to thousandths, as resource lists are defaulted.
    #[must_use]
    pub(crate) fn rounded_to_milli(self) -> Self {
        let milli = 1_000_000;
        let nano = self.nano.div_euclid(milli) + i128::from(self.nano.rem_euclid(milli) != 0);
        Self {
            nano: nano * milli,
            ..self
        }
    }

    /// Compares by size.
    pub(crate) fn compare(self, other: Self) -> std::cmp::Ordering {
        self.nano.cmp(&other.nano)
    }

    /// Whether it is above zero.
    pub(crate) fn is_positive(self) -> bool {
        self.nano > 0
    }

    /// Whether it has no fraction.
    pub(crate) fn is_whole(self) -> bool {
        self.nano % 1_000_000_000 == 0
    }

    /// Whether it is below zero.
    pub(crate) fn is_negative(self) -> bool {
        self.nano < 0
    }

    /// The canonical text: no fraction, the largest suffix that allows it.
    pub(crate) fn canonical(self) -> String {
        if self.nano == 0 {
            return "0".to_owned();
        }
        let sign = if self.nano < 0 { "-" } else { "" };
        let nano = self.nano.unsigned_abs();
        let unit = 1_000_000_000_u128;
        // Below 1024, and with a fraction, powers of ten are used.
        if self.form == Form::Binary && nano.is_multiple_of(unit) && nano / unit >= 1024 {
            let mut value = nano / unit;
            let mut suffix = "";
            for (name, _) in BINARY {
                if !value.is_multiple_of(1024) {
                    break;
                }
                value /= 1024;
                suffix = name;
            }
            return format!("{sign}{value}{suffix}");
        }
        let mut value = nano;
        let mut exponent = -9;
        while value.is_multiple_of(1000) && exponent < 18 {
            value /= 1000;
            exponent += 3;
        }
        if self.form == Form::Exponent {
            return match exponent {
                0 => format!("{sign}{value}"),
                exponent => format!("{sign}{value}e{exponent}"),
            };
        }
        let suffix = DECIMAL
            .iter()
            .find(|(_, e)| *e == exponent)
            .map_or("", |(name, _)| name);
        format!("{sign}{value}{suffix}")
    }
}

enum Scale {
    Ten(i32),
    Two(u32),
}

fn suffix_of(suffix: &str) -> Option<(Scale, Form)> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((Scale::Ten(*exponent), Form::Decimal));
    }
    if let Some((_, exponent)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Some((Scale::Two(*exponent), Form::Binary));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    let exponent: i32 = exponent.parse().ok().filter(|e: &i32| e.abs() <= 30)?;
    Some((Scale::Ten(exponent), Form::Exponent))
}

/// Multiplies by a power of ten, rounding up.
fn scaled(value: i128, exponent: i32) -> Option<i128> {
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    if exponent >= 0 {
        value.checked_mul(power)
    } else {
        Some(value / power + i128::from(value % power != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_written_in_their_canonical_form() {
        for (text, expected) in [
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("1024Mi", "1Gi"),
            ("1024", "1024"),
            ("1000", "1k"),
            ("1Ki", "1Ki"),
            ("512Ki", "512Ki"),
            ("0.5Ki", "512"),
            ("100Mi", "100Mi"),
            ("1e3", "1e3"),
            ("1E6", "1e6"),
            ("0", "0"),
            ("-2000m", "-2"),
            ("+5", "5"),
            (".5", "500m"),
            ("5.", "5"),
            ("123456789n", "123456789n"),
            ("0.1n", "1n"),
            ("5M", "5M"),
            ("5000k", "5M"),
        ] {
            let quantity = Quantity::parse(text).expect(text);
            assert_eq!(quantity.canonical(), expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_quantities() {
        for text in ["", "x", "1 Gi", "1gi", "1.2.3", "--1", "1e", "1GiB", "."] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn milli_is_the_finest_that_resources_keep() {
        let rounded = |text: &str| {
            Quantity::parse(text)
                .expect(text)
                .rounded_to_milli()
                .canonical()
        };
        assert_eq!(rounded("100u"), "1m");
        assert_eq!(rounded("1500m"), "1500m");
        assert!(!Quantity::parse("1500m").expect("parses").is_whole());
        assert!(Quantity::parse("2").expect("parses").is_whole());
    }
}
