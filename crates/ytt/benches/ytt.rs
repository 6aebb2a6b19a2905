//! What a template costs: the first call of a process, further calls, and how that grows.
//!
//! `cargo bench -p carto-ytt` prints one line for each question, with the bar that we hold.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock and prints"
)]

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use carto_ytt::inline::Values;
use carto_ytt::{Limits, inline};
use serde_json::{Map, Value, json};

const SMALL: &str = "\
#@ load(\"@ytt:data\", \"data\")
---
apiVersion: kpack.io/v1alpha2
kind: Image
metadata:
  name: #@ data.values.workload.metadata.name
spec:
  tag: #@ \"/\".join([data.values.params.registry.server, data.values.workload.metadata.name])
  source:
    blob:
      url: #@ data.values.source.url
";
const LARGEST: &str = include_str!("../tests/templates/config-template.yml");
const CONTEXT: &str = include_str!("../tests/contexts/workload-full.json");

fn main() {
    let values: Map<String, Value> = serde_json::from_str(CONTEXT).unwrap();
    let values = Values::from(values);
    if std::env::var_os(FIRST_CALL).is_some() {
        let begin = Instant::now();
        run(SMALL, &values);
        println!("{}", begin.elapsed().as_nanos());
        return;
    }
    line(
        "small template, first call of a process",
        first_call(),
        "300 µs",
    );
    let small = report(
        "small template, compiled and evaluated",
        SMALL,
        &values,
        "100 µs",
    );
    line(
        "small template, evaluated from the cache",
        evaluation(SMALL, &values),
        "",
    );
    report(
        "largest template, compiled and evaluated",
        LARGEST,
        &values,
        "500 µs",
    );
    line(
        "largest template, evaluated from the cache",
        evaluation(LARGEST, &values),
        "",
    );
    let mut large = values.clone();
    large.insert("extra", context(100 << 10));
    let with_context = median(|| run(SMALL, &large));
    line(
        "100 KiB of context add",
        with_context.saturating_sub(small),
        "1 ms",
    );
    curve("template", 8, "lines", |size| {
        let template = template(size);
        (size, median(|| run(&template, &values)))
    });
    curve("context", 8, "KiB", |size| {
        let mut values = values.clone();
        values.insert("extra", context(size << 10));
        (size, median(|| run(SMALL, &values)))
    });
    curve("output of a loop", 100, "items", |size| {
        let template =
            format!("#@ for i in range({size}):\n---\nindex: #@ i\nname: #@ \"n%d\" % i\n#@ end\n");
        (size, median(|| run(&template, &values)))
    });
    curve("keys of one map", 100, "keys", |size| {
        let template = format!(
            "#@ d = {{}}\n#@ for i in range({size}):\n#@ d[\"k%d\" % i] = i\n#@ end\nmap: #@ d\n"
        );
        (size, median(|| run(&template, &values)))
    });
    curve("keys of one fragment", 100, "keys", |size| {
        let template = format!(
            "map:\n  #@ for i in range({size}):\n  #@yaml/text-templated-strings\n  k(@= str(i) @): #@ i\n  #@ end\n"
        );
        (size, median(|| run(&template, &values)))
    });
}

/// Set in processes that only measure their first call.
const FIRST_CALL: &str = "CARTO_BENCH_FIRST_CALL";

/// The median over fresh processes: one process has only one first call.
fn first_call() -> Duration {
    let mut times: Vec<_> = (0..31)
        .map(|_| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            let output = command.env(FIRST_CALL, "1").output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            Duration::from_nanos(text.trim().parse().unwrap())
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn run(template: &str, values: &Values) {
    let program = inline::Program::compile(inline::STDIN, template).unwrap();
    black_box(program.eval(values, &Limits::COMMAND).unwrap());
}

fn evaluation(template: &str, values: &Values) -> Duration {
    let program = inline::Program::compile(inline::STDIN, template).unwrap();
    median(|| {
        black_box(program.eval(values, &Limits::COMMAND).unwrap());
    })
}

fn report(name: &str, template: &str, values: &Values, bar: &str) -> Duration {
    let took = median(|| run(template, values));
    line(name, took, bar);
    took
}

fn line(name: &str, took: Duration, bar: &str) {
    let bar = if bar.is_empty() {
        String::new()
    } else {
        format!("   bar: {bar}")
    };
    println!("{name:45} {:>10.1} µs{bar}", micros(took));
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// The median of as many runs as fit into a fifth of a second, 5 at least.
fn median(mut run: impl FnMut()) -> Duration {
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || begin.elapsed() < Duration::from_millis(200) && times.len() < 5_000 {
        let begin = Instant::now();
        run();
        times.push(begin.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

/// Doubles a size seven times; linear growth shows as a constant cost per unit.
fn curve(
    name: &str,
    first: usize,
    unit: &str,
    mut measure: impl FnMut(usize) -> (usize, Duration),
) {
    println!("\n{name}");
    let mut size = first;
    for _ in 0..8 {
        let (units, took) = measure(size);
        #[expect(clippy::cast_precision_loss, reason = "sizes are small")]
        let each = micros(took) / units as f64;
        println!(
            "  {units:>8} {unit:5} {:>12.1} µs {each:>8.2} µs each",
            micros(took)
        );
        size *= 2;
    }
}

/// A template of so many lines with values.
fn template(lines: usize) -> String {
    let mut text = String::from("#@ load(\"@ytt:data\", \"data\")\n---\n");
    for index in 0..lines {
        text.push_str(&format!(
            "key{index}: #@ data.values.workload.metadata.name\n"
        ));
    }
    text
}

/// Values of about so many bytes of JSON.
fn context(bytes: usize) -> Value {
    let item = json!({"name": "some-name", "value": "a value of some length", "number": 17, "list": [true, null, 1.5]});
    let count = bytes / item.to_string().len();
    Value::Array(vec![item; count])
}
