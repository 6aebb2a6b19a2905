//! Real parts that tests use where a machine has them.
//!
//! | variable | names |
//! |---|---|
//! | `CARTO_TEST_KUBECONFIG` | a kubeconfig with cluster-admin rights on any real cluster |
//! | `CARTO_TEST_KUBECTL` | one kubectl binary, or several separated by `:` |
//! | `CARTO_TEST_YTT` | the real ytt binary |
//! | `CARTO_TEST_SKIPS` | the file to which a skipped test appends a line; `cargo xtask test` sets it |

use std::{fs::OpenOptions, io::Write, path::PathBuf};

/// The kubeconfig of a real cluster; without one the test named `test` notes that it was skipped.
pub fn kubeconfig(test: &str) -> Option<PathBuf> {
    named(test, "CARTO_TEST_KUBECONFIG").map(PathBuf::from)
}

/// The kubectl binaries to test with; empty, and noted, without any.
pub fn kubectls(test: &str) -> Vec<PathBuf> {
    named(test, "CARTO_TEST_KUBECTL")
        .map(|list| {
            list.split(':')
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
                .collect()
        })
        .unwrap_or_default()
}

/// The real ytt; without it the test notes that it was skipped.
pub fn ytt(test: &str) -> Option<PathBuf> {
    named(test, "CARTO_TEST_YTT").map(PathBuf::from)
}

/// A program on PATH; without it the test notes that it was skipped.
pub fn program(test: &str, name: &str) -> Option<PathBuf> {
    let found = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    });
    if found.is_none() {
        skipped(test, &format!("{name} is not on PATH"));
    }
    found
}

fn named(test: &str, variable: &str) -> Option<String> {
    let value = std::env::var(variable)
        .ok()
        .filter(|value| !value.is_empty());
    if value.is_none() {
        skipped(test, &format!("{variable} is not set"));
    }
    value
}

/// Notes that a test was skipped and what it needs.
#[expect(clippy::print_stderr, reason = "a skipped test says so where it runs")]
pub fn skipped(test: &str, needs: &str) {
    eprintln!("skipped {test}: {needs}");
    let Some(file) = std::env::var_os("CARTO_TEST_SKIPS") else {
        return;
    };
    let noted = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&file)
        .and_then(|mut file| file.write_all(format!("{test}: {needs}\n").as_bytes()));
    noted.expect("the file named by CARTO_TEST_SKIPS can be written");
}
