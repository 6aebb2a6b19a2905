//! How Go prints JSON values.
//!
//! Messages of the originals are made with Go's `%v`, `%s` and `%q`, and inline values with its
//! JSON encoder. Source: Go `fmt`, `strconv` and `encoding/json`, 1.22.

use std::fmt::{self, Write as _};

use serde_json::{Number, Value};

/// Prints a value as `%v` does: `map[a:1 b:<nil>]`, `[x y]`, `1e+06`.
pub fn display(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, &|out, scalar| match scalar {
        Value::Null => out.push_str("<nil>"),
        Value::Bool(on) => out.push_str(if *on { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&display_number(number)),
        Value::String(text) => out.push_str(text),
        Value::Array(_) | Value::Object(_) => {}
    });
    out
}

/// Prints a value that came out of Go's JSON decoder as `%v` does: all numbers are floats.
pub fn display_decoded(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, &|out, scalar| match scalar {
        Value::Number(number) => {
            out.push_str(&float_shortest(number.as_f64().unwrap_or_default()));
        }
        other => out.push_str(&display(other)),
    });
    out
}

/// Prints a value that came out of Go's JSON decoder as `%s` does: text as it is, anything else
/// with its type, such as `%!s(float64=1)`.
pub fn display_as_text(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, &|out, scalar| match scalar {
        Value::Null => out.push_str("%!s(<nil>)"),
        Value::Bool(on) => append(out, format_args!("%!s(bool={on})")),
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or_default();
            append(out, format_args!("%!s(float64={})", float_shortest(float)));
        }
        Value::String(text) => out.push_str(text),
        Value::Array(_) | Value::Object(_) => {}
    });
    out
}

/// Prints sorted pairs as `%v` prints a map of strings: `map[a:b c:d]`.
pub fn display_map<K: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (K, V)>,
) -> String {
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(key, value)| format!("{}:{}", key.as_ref(), value.as_ref()))
        .collect();
    format!("map[{}]", pairs.join(" "))
}

/// Prints strings as `%v` prints a slice of them: `[a b]`.
pub fn display_list<S: AsRef<str>>(items: &[S]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    format!("[{}]", items.join(" "))
}

fn write_value(out: &mut String, value: &Value, scalar: &dyn Fn(&mut String, &Value)) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { " " });
                write_value(out, item, scalar);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push_str("map[");
            for (index, (key, item)) in entries.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { " " });
                out.push_str(key);
                out.push(':');
                write_value(out, item, scalar);
            }
            out.push(']');
        }
        other => scalar(out, other),
    }
}

fn display_number(number: &Number) -> String {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => whole.to_string(),
        (None, Some(float)) => float_shortest(float),
        (None, None) => number.to_string(),
    }
}

/// Prints a float as `%v` does: the shortest digits that read back, with an exponent below 1e-4
/// and from 1e6 on.
///
/// Shape: `3.3`, `999999`, `1e+06`, `1.234567e+06`, `1e-05`.
pub fn float_shortest(float: f64) -> String {
    match digits_of(float) {
        Err(special) => special.to_owned(),
        Ok(digits) if digits.exponent < -4 || digits.exponent >= 6 => digits.scientific(),
        Ok(digits) => digits.plain(),
    }
}

/// Prints a number as Go's JSON encoder does: no exponent between 1e-6 and 1e21, no trailing
/// `.0`.
pub fn json_number(number: &Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    let Some(Ok(digits)) = number.as_f64().map(digits_of) else {
        return number.to_string();
    };
    if digits.exponent < -6 || digits.exponent >= 21 {
        // The encoder shortens e-09 to e-9, and only that.
        let text = digits.scientific();
        match text.rsplit_once("e-0") {
            Some((mantissa, digit)) => format!("{mantissa}e-{digit}"),
            None => text,
        }
    } else {
        digits.plain()
    }
}

/// The shortest decimal digits of a float, `d1.d2d3… × 10^exponent`.
struct Digits {
    negative: bool,
    significand: String,
    exponent: i32,
}

fn digits_of(float: f64) -> Result<Digits, &'static str> {
    if float.is_nan() {
        return Err("NaN");
    }
    if float.is_infinite() {
        return Err(if float > 0.0 { "+Inf" } else { "-Inf" });
    }
    let text = format!("{:e}", float.abs());
    let (mantissa, exponent) = text.split_once('e').expect("`{:e}` prints an exponent");
    Ok(Digits {
        negative: float.is_sign_negative(),
        significand: mantissa.chars().filter(char::is_ascii_digit).collect(),
        exponent: exponent.parse().expect("`{:e}` prints a whole exponent"),
    })
}

impl Digits {
    fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "" }
    }

    fn scientific(&self) -> String {
        let (first, rest) = self.significand.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if self.exponent < 0 { '-' } else { '+' };
        format!(
            "{}{first}{point}{rest}e{sign}{:02}",
            self.sign(),
            self.exponent.abs()
        )
    }

    fn plain(&self) -> String {
        let count = i32::try_from(self.significand.len()).unwrap_or(i32::MAX);
        let mut out = self.sign().to_owned();
        if self.exponent < 0 {
            out.push_str("0.");
            out.extend((1..-self.exponent).map(|_| '0'));
            out.push_str(&self.significand);
        } else if self.exponent + 1 >= count {
            out.push_str(&self.significand);
            out.extend((count..=self.exponent).map(|_| '0'));
        } else {
            let point = usize::try_from(self.exponent + 1).unwrap_or_default();
            let (whole, fraction) = self.significand.split_at(point);
            append(&mut out, format_args!("{whole}.{fraction}"));
        }
        out
    }
}

/// Prints a value as Go's JSON encoder does: compact, keys sorted, `<`, `>`, `&`, U+2028 and
/// U+2029 escaped.
pub fn json(value: &Value) -> String {
    let mut out = String::new();
    write_json(&mut out, value);
    out
}

fn write_json(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(on) => out.push_str(if *on { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&json_number(number)),
        Value::String(text) => write_json_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_json(out, item);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_json_text(out, key);
                out.push(':');
                write_json(out, item);
            }
            out.push('}');
        }
    }
}

fn write_json_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                append(out, format_args!("\\u{:04x}", u32::from(c)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

fn append(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes any text");
}

/// Prints a string as `%q` does.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if is_printable(c) => out.push(c),
            c if c < ' ' || c == '\u{7f}' => {
                append(&mut out, format_args!("\\x{:02x}", u32::from(c)));
            }
            c if u32::from(c) < 0x1_0000 => {
                append(&mut out, format_args!("\\u{:04x}", u32::from(c)));
            }
            c => append(&mut out, format_args!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Prints a character as `%#U` does: `U+005E '^'`.
pub fn unicode(c: char) -> String {
    let number = u32::from(c);
    if is_printable(c) {
        format!("U+{number:04X} '{c}'")
    } else {
        format!("U+{number:04X}")
    }
}

/// Approximates Go's `unicode.IsPrint`: blanks other than the space, controls, format characters
/// and private use are not printable.
fn is_printable(c: char) -> bool {
    c == ' '
        || !(c.is_control()
            || c.is_whitespace()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}'
                | '\u{f0000}'..='\u{10ffff}'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn floats_print_as_percent_v() {
        for (float, text) in [
            (0.0, "0"),
            (1.5, "1.5"),
            (99999.0, "99999"),
            (100_000.0, "100000"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (12_345_678.5, "1.23456785e+07"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-10, "1.5e-10"),
            (-2.5, "-2.5"),
            (1e100, "1e+100"),
        ] {
            assert_eq!(float_shortest(float), text);
        }
    }

    #[test]
    fn numbers_print_as_json() {
        for (value, text) in [
            (json!(1.0), "1"),
            (json!(1_400_000.0), "1400000"),
            (
                json!(123_456_789_012_345_680_000.0),
                "123456789012345680000",
            ),
            (json!(1e21), "1e+21"),
            (json!(1.234_567_890_123_456_9e23), "1.2345678901234569e+23"),
            (json!(1e-6), "0.000001"),
            (json!(1e-7), "1e-7"),
            (json!(1.5e-10), "1.5e-10"),
            (json!(9_007_199_254_740_993_i64), "9007199254740993"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(-2.5), "-2.5"),
        ] {
            assert_eq!(json(&value), text);
        }
    }

    #[test]
    fn json_text_is_escaped_for_html() {
        assert_eq!(
            json(&json!({ "b": "a\u{8}\u{c}\u{1}<\u{2028}\u{7f}\"", "a": [null, true] })),
            "{\"a\":[null,true],\"b\":\"a\\b\\f\\u0001\\u003c\\u2028\u{7f}\\\"\"}"
        );
    }

    #[test]
    fn composites_print_as_percent_v_and_percent_s() {
        let value = json!({ "b": [1, "x", null, 1.5], "a": { "c": true } });
        assert_eq!(display(&value), "map[a:map[c:true] b:[1 x <nil> 1.5]]");
        assert_eq!(
            display_as_text(&value),
            "map[a:map[c:%!s(bool=true)] b:[%!s(float64=1) x %!s(<nil>) %!s(float64=1.5)]]"
        );
    }

    #[test]
    fn maps_and_lists_of_texts_print_as_percent_v() {
        assert_eq!(display_map([("a", "b"), ("c", "")]), "map[a:b c:]");
        assert_eq!(display_list(&["a", "b c"]), "[a b c]");
    }

    #[test]
    fn decoded_numbers_print_as_floats() {
        let value = json!({ "a": [1, 1_400_000, null], "b": "x" });
        assert_eq!(display_decoded(&value), "map[a:[1 1.4e+06 <nil>] b:x]");
        assert_eq!(display(&value), "map[a:[1 1400000 <nil>] b:x]");
    }

    #[test]
    fn text_prints_as_percent_q() {
        assert_eq!(
            quote("é\u{2028}\u{1}\u{7f}\u{200b}😀\"\\\t"),
            "\"é\\u2028\\x01\\x7f\\u200b😀\\\"\\\\\\t\""
        );
        assert_eq!(unicode('^'), "U+005E '^'");
        assert_eq!(unicode('\t'), "U+0009");
    }
}
