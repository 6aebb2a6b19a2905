//! Values as Go prints them.
//!
//! Error messages of the API and the text of `FieldsV1` contain values formatted by Go's `fmt` and
//! `encoding/json`; clients parse the latter, people search for the former.
//!
//! Source: Go 1.26 `fmt`, `strconv`, `encoding/json`.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Formats like `fmt.Sprintf("%q", text)`.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
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
            c if u32::from(c) < 0x20 || c == '\u{7f}' => push_hex(&mut out, "\\x", u32::from(c), 2),
            c if !is_printable(c) && u32::from(c) < 0x1_0000 => {
                push_hex(&mut out, "\\u", u32::from(c), 4);
            }
            c if !is_printable(c) => push_hex(&mut out, "\\U", u32::from(c), 8),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn push_hex(out: &mut String, prefix: &str, code: u32, width: usize) {
    write!(out, "{prefix}{code:0width$x}").expect("writing to a string cannot fail");
}

/// Close to `strconv.IsPrint`: control, format, separator and surrogate ranges are not printable.
fn is_printable(c: char) -> bool {
    !(c.is_control()
        || matches!(c, '\u{a0}' | '\u{ad}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}'
            | '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fff9}'..='\u{fffb}'))
}

/// Formats like `fmt.Sprintf("%v", value)` for a decoded JSON value.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => number(n),
        Value::String(s) => s.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(map) => {
            let items: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{k}:{}", plain(v)))
                .collect();
            format!("map[{}]", items.join(" "))
        }
    }
}

/// Formats like `fmt.Sprintf("%#v", value)` for a decoded JSON value.
pub fn syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => number(n),
        Value::String(s) => quote(s),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(map) => {
            let items: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{}:{}", quote(k), syntax(v)))
                .collect();
            format!("map[string]interface {{}}{{{}}}", items.join(", "))
        }
    }
}

/// Names the Go type that a decoded JSON value has, as `%T` prints it.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// Formats a number like `%v`.
pub fn number(number: &Number) -> String {
    match number.as_f64() {
        Some(f) if number.is_f64() => float(f),
        _ => number.to_string(),
    }
}

/// Formats a float like `strconv.FormatFloat(f, 'g', -1, 64)`.
pub fn float(f: f64) -> String {
    let (negative, digits, exponent) = shortest(f);
    let mut out = String::new();
    if negative {
        out.push('-');
    }
    // With the shortest digits, Go's 'g' decides as if the precision were 6.
    if (-4..6).contains(&exponent) {
        push_decimal(&mut out, &digits, exponent);
    } else {
        push_scientific(&mut out, &digits, exponent, 2);
    }
    out
}

/// Formats a float as `encoding/json` does.
fn json_float(f: f64) -> String {
    let (negative, digits, exponent) = shortest(f);
    let mut out = String::new();
    if negative {
        out.push('-');
    }
    let magnitude = f.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        push_scientific(&mut out, &digits, exponent, 1);
    } else {
        push_decimal(&mut out, &digits, exponent);
    }
    out
}

/// Returns the sign, the shortest round-tripping digits and the decimal exponent of the first digit.
fn shortest(f: f64) -> (bool, String, i32) {
    let text = format!("{:e}", f.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    (
        f.is_sign_negative() && f != 0.0,
        digits,
        exponent.parse().unwrap_or(0),
    )
}

fn push_decimal(out: &mut String, digits: &str, exponent: i32) {
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    if exponent < 0 {
        out.push_str("0.");
        for _ in 0..(-exponent - 1) {
            out.push('0');
        }
        out.push_str(digits);
    } else if exponent + 1 >= count {
        out.push_str(digits);
        for _ in count..=exponent {
            out.push('0');
        }
    } else {
        let point = usize::try_from(exponent + 1).unwrap_or(digits.len());
        out.push_str(&digits[..point]);
        out.push('.');
        out.push_str(&digits[point..]);
    }
}

fn push_scientific(out: &mut String, digits: &str, exponent: i32, width: usize) {
    out.push_str(&digits[..1]);
    if digits.len() > 1 {
        out.push('.');
        out.push_str(&digits[1..]);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(out, "e{sign}{:0width$}", exponent.abs()).expect("writing to a string cannot fail");
}

/// Formats like `json.Marshal`: compact, sorted, with `<`, `>`, `&` and line separators escaped.
pub fn json(value: &Value) -> String {
    let mut out = String::new();
    push_json(&mut out, value);
    out
}

fn push_json(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => match n.as_f64() {
            Some(f) if n.is_f64() => out.push_str(&json_float(f)),
            _ => out.push_str(&n.to_string()),
        },
        Value::String(s) => push_json_string(out, s),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_json(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_json_string(out, key);
                out.push(':');
                push_json(out, item);
            }
            out.push('}');
        }
    }
}

pub(crate) fn push_json_string(out: &mut String, text: &str) {
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
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => push_hex(out, "\\u", u32::from(c), 4),
            c if u32::from(c) < 0x20 => push_hex(out, "\\u", u32::from(c), 4),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn floats_print_as_go_prints_them() {
        for (f, expected) in [
            (1.0, "1"),
            (1.5, "1.5"),
            (-0.25, "-0.25"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (0.0, "0"),
        ] {
            assert_eq!(float(f), expected);
        }
    }

    #[test]
    fn json_escapes_what_go_escapes() {
        assert_eq!(
            json(&json!({"a<b": "x&y", "n": 1.0})),
            r#"{"a\u003cb":"x\u0026y","n":1}"#
        );
        assert_eq!(json(&json!(1e-7)), "1e-7");
        assert_eq!(json(&json!(1e21)), "1e+21");
        assert_eq!(json(&json!(123_456.75)), "123456.75");
    }

    #[test]
    fn quoted_text_is_a_go_literal() {
        assert_eq!(quote("a\"b\\\n\u{1}"), r#""a\"b\\\n\x01""#);
        assert_eq!(quote("größe"), "\"größe\"");
    }

    #[test]
    fn composite_values_print_like_fmt() {
        let value = json!({"b": [1, "x", null], "a": true});
        assert_eq!(plain(&value), "map[a:true b:[1 x <nil>]]");
        assert_eq!(
            syntax(&value),
            r#"map[string]interface {}{"a":true, "b":[]interface {}{1, "x", interface {}(nil)}}"#
        );
    }
}
