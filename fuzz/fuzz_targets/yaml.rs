//! Any bytes through the reader of YAML; what it accepts is printed and read again, with the same
//! result.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| carto_ytt::fuzzing::yaml(bytes));
