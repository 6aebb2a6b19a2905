//! Whole programs.

mod budgets;
mod programs;

use super::*;
use std::sync::Arc;

/// Runs a program and gives its global `x`, printed, or the report of its failure.
fn run(text: &str) -> String {
    run_within(text, Limits::INLINE)
}

fn run_within(text: &str, limits: Limits) -> String {
    let program = match Program::parse(Arc::new(Source::of_code("f", text)), &[]) {
        Ok(program) => Arc::new(program),
        Err(errors) => return errors.report(),
    };
    let mut thread = Thread::new(limits);
    match program.run(&mut thread, Vec::new()) {
        Ok(exports) => match exports.get(b"x") {
            Some(value) => value.to_repr(),
            None => "nothing".to_owned(),
        },
        Err(error) => error.report(),
    }
}
