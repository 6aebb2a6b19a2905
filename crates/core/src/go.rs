//! Values printed as Go's `fmt` prints them: `%v` of JSON, `%v` of string maps.
//!
//! Messages of the original embed such renderings; users and tests compare them. Source: Go's
//! package fmt.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Renders a JSON value as `%v` renders it decoded: `map[a:1 b:[x y]]`, `<nil>`.
pub(crate) fn value(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&float(number)),
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push_str("map[");
            for (at, (key, item)) in map.iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                write_value(out, item);
            }
            out.push(']');
        }
    }
}

/// Renders a map of strings as `%v` does: `map[a:b c:d]`, keys sorted.
pub(crate) fn labels(map: &BTreeMap<String, String>) -> String {
    let inner: Vec<String> = map
        .iter()
        .map(|(key, value)| format!("{key}:{value}"))
        .collect();
    format!("map[{}]", inner.join(" "))
}

/// Renders a JSON number as `%v` renders a float64: shortest form, exponential from 1e21 up and
/// below 1e-4.
fn float(number: &Number) -> String {
    let Some(float) = number.as_f64() else {
        return number.to_string();
    };
    if float == 0.0 {
        return if float.is_sign_negative() {
            "-0".into()
        } else {
            "0".into()
        };
    }
    let exponential = format!("{float:e}");
    let (mantissa, exponent) = exponential.split_once('e').unwrap_or((&exponential, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..21).contains(&exponent) {
        return format!("{float}");
    }
    let mut out = mantissa.to_string();
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "e{sign}{:02}", exponent.abs());
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_print_as_go_prints_them() {
        let cases = [
            (json!(null), "<nil>"),
            (json!("text"), "text"),
            (json!(5), "5"),
            (json!(5.0), "5"),
            (json!(1.5), "1.5"),
            (json!(1_400_000), "1400000"),
            (json!(1e21), "1e+21"),
            (json!(0.00001), "1e-05"),
            (json!(true), "true"),
            (json!({"b": [1, "x"], "a": {}}), "map[a:map[] b:[1 x]]"),
            (json!([]), "[]"),
        ];
        for (input, expected) in cases {
            assert_eq!(value(&input), expected, "{input}");
        }
    }
}
