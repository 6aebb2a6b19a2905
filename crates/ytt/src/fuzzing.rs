//! What the fuzz targets do with any bytes, so that the ordinary tests do the same with the
//! committed corpus (`fuzz/corpus`). A panic is a defect, and so is taking long.

use std::sync::Arc;

use serde_json::{Number, Value, json};

use crate::inline;
use crate::limits::Limits;
use crate::star::{Program, Source, Thread, parse};

/// Little of everything, so that one input is quick.
const LITTLE: Limits = Limits {
    steps: 200_000,
    memory_bytes: 8 << 20,
    depth: 200,
    output_bytes: 1 << 20,
};

/// Reads bytes as YAML; what is accepted as JSON is printed, read again, and compared.
///
/// # Panics
/// When printing and reading a value changes it. Which type a number has does not count: a float
/// that is whole is printed as Go prints it, without a point.
pub fn yaml(bytes: &[u8]) {
    drop(carto_yaml::parse_with(
        bytes,
        &carto_yaml::Options::default(),
    ));
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for value in carto_yaml::decode_all(text).unwrap_or_default() {
        let printed = carto_yaml::emit::k8s(&value);
        let read = carto_yaml::decode_all(&printed);
        let same = matches!(read.as_deref(), Ok([read]) if are_same(read, &value));
        assert!(
            same,
            "{value} is printed as {printed:?} and read as {read:?}"
        );
    }
}

/// Whether two values differ in nothing but the types of their numbers.
fn are_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || is_value_of(a, b) || is_value_of(b, a),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a): (&String, &Value)| b.get(key).is_some_and(|b| are_same(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        (a, b) => a == b,
    }
}

/// Whether an integer is exactly what a float says.
fn is_value_of(integer: &Number, float: &Number) -> bool {
    let float = float.as_f64().filter(|_| float.is_f64());
    let (Some(integer), Some(float)) = (integer.as_i128(), float) else {
        return false;
    };
    // A float without a fraction, within the bounds of 64 bits, converts exactly.
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    let whole = (float.fract() == 0.0 && float.abs() < 1e20).then_some(float as i128);
    whole == Some(integer)
}

/// Parses, compiles and runs a program.
pub fn starlark(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let source = Arc::new(Source::of_code("fuzz.star", &text));
    let program = parse(source).and_then(|file| Program::compile(file, &[]));
    match program {
        Ok(program) => {
            let mut thread = Thread::new(LITTLE.engine());
            if let Err(error) = Arc::new(program).run(&mut thread, Vec::new()) {
                drop(error.report());
            }
        }
        Err(errors) => drop(errors.report()),
    }
}

/// Compiles a template and evaluates it with data values.
pub fn template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let values = inline::Values::from_iter([
        ("name", json!("x")),
        ("list", json!([1, {"a": "yes"}, null])),
        ("map", json!({"a": 1.5, "b": {"c": true}})),
    ]);
    let output = inline::Program::compile(inline::STDIN, &text)
        .and_then(|program| program.eval(&values, &LITTLE));
    match output {
        Ok(output) => drop(output.first_document()),
        Err(error) => drop(error.to_cli_string()),
    }
}
