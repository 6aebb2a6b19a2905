//! What the fuzz targets do with any bytes, so that the ordinary tests do the same with the
//! committed corpus (`fuzz/corpus`). A panic is a defect, and so is taking long.

use std::sync::Arc;

use serde_json::{Map, json};

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
/// When printing and reading a value changes it.
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
        assert_eq!(read.ok(), Some(vec![value]), "printed as {printed:?}");
    }
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
    let mut values = Map::new();
    values.insert("name".into(), json!("x"));
    values.insert("list".into(), json!([1, {"a": "yes"}, null]));
    values.insert("map".into(), json!({"a": 1.5, "b": {"c": true}}));
    let output = inline::Program::compile(inline::STDIN, &text)
        .and_then(|program| program.eval(&values, &LITTLE));
    match output {
        Ok(output) => drop(output.first_document()),
        Err(error) => drop(error.to_cli_string()),
    }
}
