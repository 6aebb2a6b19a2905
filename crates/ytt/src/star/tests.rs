//! Whole programs.

use super::*;
use std::sync::Arc;

/// Runs a program and gives its globals `x`, printed, or the report of its failure.
fn run(text: &str) -> String {
    let program = match Program::parse(Arc::new(Source::of_code("f", text)), &[]) {
        Ok(program) => Arc::new(program),
        Err(errors) => return errors.report(),
    };
    let mut thread = Thread::new(Limits::INLINE);
    match program.run(&mut thread, Vec::new()) {
        Ok(exports) => match exports.get(b"x") {
            Some(value) => format::repr(&thread, value).unwrap_or_else(|error| error.report()),
            None => "nothing".to_owned(),
        },
        Err(error) => error.report(),
    }
}

#[test]
fn arithmetic_works() {
    assert_eq!(run("x = 1 + 2 * 3"), "7");
    assert_eq!(run("x = [a * 2 for a in range(5) if a % 2]"), "[2, 6]");
    assert_eq!(
        run("def f(a, b=2, *c, **d): return [a, b, c, d]\nx = f(1, 3, 4, k=5)"),
        r#"[1, 3, (4,), {"k": 5}]"#
    );
}

#[test]
fn failures_name_their_calls() {
    assert_eq!(
        run("def f(a):\n  return a + 'x'\nend\ny = f(\n 1)"),
        "\n- unknown binary op: int + string\n    in f\n      f:2 |   return a + 'x'\n    in <toplevel>\n      f:4 | y = f("
    );
}
