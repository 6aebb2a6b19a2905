//! The corpus of the fuzz targets, on the stable toolchain: nothing in it may panic or take long.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use carto_ytt::fuzzing;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let begin = Instant::now();
        run(&bytes);
        let elapsed = begin.elapsed();
        assert!(
            elapsed < Duration::from_secs(20),
            "{} took {elapsed:?}",
            path.display()
        );
        count += 1;
    }
    assert!(count > 10, "the corpus of {target} is there");
}

#[test]
fn the_reader_of_yaml_survives_its_corpus() {
    replay("yaml", fuzzing::yaml);
}

#[test]
fn the_language_survives_its_corpus() {
    replay("starlark", fuzzing::starlark);
}

#[test]
fn templates_survive_their_corpus() {
    replay("template", fuzzing::template);
}
