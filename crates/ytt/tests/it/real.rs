//! The real ytt, when it is at hand: `CARTO_TEST_YTT` names the binary.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs a template through the real ytt; gives what it prints, or its message. Nothing, said
/// aloud, when there is no ytt.
pub(crate) fn evaluate(template: &str) -> Option<Result<String, String>> {
    let Ok(binary) = std::env::var("CARTO_TEST_YTT") else {
        eprintln!("skipped the comparison with the real ytt: CARTO_TEST_YTT is not set");
        return None;
    };
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
