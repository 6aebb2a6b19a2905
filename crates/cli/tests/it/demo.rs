//! `carto demo`.

use crate::process::{Serving, carto, eventually, finish, processes_of, processes_that_mention};

#[test]
fn both_commits_arrive_and_no_process_stays() {
    let state = tempfile::tempdir().unwrap();
    let output = finish(
        carto()
            .args(["demo", "--once", "--state"])
            .arg(state.path()),
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("says \"Hello from commit 1\""), "{text}");
    assert!(text.contains("says \"Hello from commit 2\""), "{text}");
    let folder = state.path().display().to_string();
    eventually("every process of the demo is gone", || {
        processes_that_mention(&folder).is_empty().then_some(())
    });
}

#[test]
fn it_keeps_running_says_what_to_try_and_ends_with_one_interrupt() {
    let state = tempfile::tempdir().unwrap();
    let demo = Serving::start_until(
        carto().args(["demo", "--state"]).arg(state.path()),
        "Try next",
    );
    assert!(!processes_of(state.path()).is_empty(), "the app runs");
    assert_eq!(demo.interrupt(), Some(0));
    assert_eq!(processes_of(state.path()), Vec::<String>::new());
}
