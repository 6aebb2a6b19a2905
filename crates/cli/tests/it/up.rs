//! `carto up`: its contract with scripts, and bad input.

use std::{net::TcpListener, process::Command};

use crate::process::{Serving, carto, finish, succeed};

fn message(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_folder_and_the_port_are_used_again() {
    let state = tempfile::tempdir().unwrap();
    let first = Serving::up(state.path(), &["--actors", "none"]);
    let line = first.ready_line().to_owned();
    assert!(line.starts_with("ready https://127.0.0.1:"), "{line}");
    assert_eq!(first.terminate(), Some(0));
    let second = Serving::up(state.path(), &["--actors", "none"]);
    assert_eq!(second.ready_line(), line);
}

#[test]
fn the_kubeconfig_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let state = tempfile::tempdir().unwrap();
    let _home = Serving::up(state.path(), &["--actors", "none"]);
    let mode = std::fs::metadata(state.path().join("kubeconfig"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_second_process_on_the_folder_is_refused_and_the_first_lives_on() {
    let state = tempfile::tempdir().unwrap();
    let first = Serving::up(state.path(), &["--actors", "none"]);
    let second = finish(
        carto()
            .args(["up", "--actors", "none", "--state"])
            .arg(state.path()),
    );
    assert_eq!(second.status.code(), Some(1));
    assert!(
        message(&second).contains("in use by another process"),
        "{}",
        message(&second)
    );
    assert_eq!(first.terminate(), Some(0));
}

#[test]
fn a_taken_port_is_named() {
    let state = tempfile::tempdir().unwrap();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let output = finish(
        carto()
            .args(["up", "--actors", "none", "--port", &port, "--state"])
            .arg(state.path()),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message(&output).contains(&format!("port {port}")),
        "{}",
        message(&output)
    );
}

#[test]
fn an_unknown_actor_is_named_with_the_known_ones() {
    let state = tempfile::tempdir().unwrap();
    let output = finish(
        carto()
            .args(["up", "--actors", "git,tekton", "--state"])
            .arg(state.path()),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message(&output).contains("\"tekton\""),
        "{}",
        message(&output)
    );
    assert!(
        message(&output).contains("git, build and deploy"),
        "{}",
        message(&output)
    );
}

#[test]
fn a_state_folder_that_is_a_file_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = finish(
        carto()
            .args(["up", "--actors", "none", "--state"])
            .arg(&file),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message(&output).contains(&file.display().to_string()),
        "{}",
        message(&output)
    );
}

#[test]
fn crds_are_printed_and_a_closed_pipe_is_no_error() {
    let text = succeed(carto().arg("crds"));
    assert_eq!(
        text.matches("\nkind: CustomResourceDefinition\n").count(),
        11
    );
    let more = succeed(carto().args(["crds", "--actors"]));
    assert!(more.contains("gitrepositories.source.toolkit.fluxcd.io"));
    let piped = format!(
        "'{}' crds --actors | head -n 1",
        env!("CARGO_BIN_EXE_carto")
    );
    succeed(Command::new("sh").args(["-c", &format!("set -e; {piped}")]));
}
