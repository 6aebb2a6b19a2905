//! Any text through parser and compiler of the language, and what they accept through a run.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| carto_ytt::fuzzing::starlark(bytes));
