//! Any text as a template, evaluated with data values.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| carto_ytt::fuzzing::template(bytes));
