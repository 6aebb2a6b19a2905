//! The real ytt, when it is at hand: `CARTO_TEST_YTT` names the binary.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The real ytt; without it the test with this name notes that it was skipped.
#[expect(clippy::print_stderr, reason = "a skipped test says so where it runs")]
pub(crate) fn binary(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("CARTO_TEST_YTT").filter(|path| !path.is_empty());
    if named.is_none() {
        eprintln!("skipped {test}: CARTO_TEST_YTT is not set");
        if let Some(notes) = std::env::var_os("CARTO_TEST_SKIPS") {
            let mut notes = OpenOptions::new()
                .create(true)
                .append(true)
                .open(notes)
                .expect("the file named by CARTO_TEST_SKIPS can be opened");
            writeln!(notes, "{test}: CARTO_TEST_YTT is not set").expect("it can be written");
        }
    }
    named.map(PathBuf::from)
}

/// Runs a template through the real ytt; gives what it prints, or its message. Nothing, said
/// aloud, when there is no ytt.
pub(crate) fn evaluate(template: &str) -> Option<Result<String, String>> {
    let binary = binary("comparison with the real ytt")?;
    let mut child = Command::new(binary)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ytt starts");
    let mut input = child.stdin.take().expect("standard input is a pipe");
    input
        .write_all(template.as_bytes())
        .expect("ytt reads the template");
    drop(input);
    let output = child.wait_with_output().expect("ytt ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    })
}
