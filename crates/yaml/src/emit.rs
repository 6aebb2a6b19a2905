//! Printing YAML in the styles that users compare.
//!
//! * [`yaml_v3`] is how `gopkg.in/yaml.v3` prints decoded JSON: four blanks, no folding.
//! * [`k8s`] is how sigs.k8s.io/yaml prints an object (`kubectl -o yaml`): two blanks, sequences
//!   not indented under their key, long lines folded.
//! * [`Emitter`] with [`Style::ytt`] is what ytt's own printer builds on: as `k8s`, not folded.
//!
//! All of them are settings of one emitter, a push interface over libyaml's rules for block
//! collections. Source: go-yaml emitterc.go and encode.go, versions 2.4 and 3.0.

mod analysis;
mod emitter;
mod keys;
mod write;

use serde_json::{Number, Value};

use crate::number;
pub use emitter::{Emitter, Style};

/// Prints a decoded JSON value as `gopkg.in/yaml.v3` does.
///
/// Shape: every number is a Go `float64` there, so 1400000 prints `1.4e+06`; keys are sorted in
/// yaml.v3's natural order; ends with a newline.
///
/// Source: previews in Cartographer, pkg/realizer/outputs.go.
pub fn yaml_v3(value: &Value) -> String {
    let mut emitter = Emitter::new(Style::yaml_v3());
    push(&mut emitter, value, keys::compare_v3, &|emitter, number| {
        emitter.float(number.as_f64().unwrap_or(f64::NAN));
    });
    emitter.finish()
}

/// Prints an object as sigs.k8s.io/yaml (hence `kubectl -o yaml`) does.
///
/// Shape: keys are sorted in go-yaml's natural order; ends with a newline.
pub fn k8s(value: &Value) -> String {
    let mut emitter = Emitter::new(Style::k8s());
    push(&mut emitter, value, keys::compare_v2, &|emitter, number| {
        if let Some(value) = number.as_i64() {
            emitter.int(value);
        } else if let Some(value) = number.as_u64() {
            emitter.uint(value);
        } else {
            // The object passes through JSON text, where whole numbers lose their point.
            let value = number.as_f64().unwrap_or(f64::NAN);
            let text = number::format_json_float(value);
            match number::parse_integer(&text) {
                Some(number::Integer::Signed(value)) => emitter.int(value),
                Some(number::Integer::Unsigned(value)) => emitter.uint(value),
                None => emitter.float(value),
            }
        }
    });
    emitter.finish()
}

fn push(
    emitter: &mut Emitter,
    value: &Value,
    compare: fn(&str, &str) -> std::cmp::Ordering,
    number: &dyn Fn(&mut Emitter, &Number),
) {
    match value {
        Value::Null => emitter.null(),
        Value::Bool(value) => emitter.bool(*value),
        Value::Number(value) => number(emitter, value),
        Value::String(text) => emitter.string(text),
        Value::Array(items) => {
            emitter.begin_sequence(items.is_empty());
            for item in items {
                push(emitter, item, compare, number);
            }
            emitter.end();
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            keys::sort(&mut entries, |a, b| compare(a.0, b.0).is_lt());
            emitter.begin_mapping(entries.is_empty());
            for (key, value) in entries {
                emitter.string(key);
                push(emitter, value, compare, number);
            }
            emitter.end();
        }
    }
}
