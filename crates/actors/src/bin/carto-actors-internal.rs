//! The internal commands as a program of their own: what tests start instead of `carto internal`, and small enough to
//! be put into the images of tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    carto_actors::internal::main(std::env::args_os().skip(1))
}
