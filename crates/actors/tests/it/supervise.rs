//! The supervisor alone: nothing that it started outlives it or its home.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{processes_of, wait_for};

struct Supervised {
    child: Child,
    socket: UnixStream,
}

fn supervise(mark: &std::path::Path, script: &str) -> Supervised {
    let program = env!("CARGO_BIN_EXE_carto-actors-internal");
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let child = Command::new(program)
        .arg("supervise")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .unwrap();
    let mut spec = json!({
        "command": ["/bin/sh", "-c", script], "workdir": "/", "own_namespace": false, "root": null, "user": null,
        "env": {"PATH": "/usr/bin:/bin", "CARTO_STATE_FOLDER": mark}, "tie": [program, "tie"],
    })
    .to_string();
    spec.push('\n');
    let mut supervised = Supervised {
        child,
        socket: ours,
    };
    supervised.socket.write_all(spec.as_bytes()).unwrap();
    assert_eq!(supervised.reply(), json!("started"));
    supervised
}

impl Supervised {
    fn reply(&self) -> Value {
        let mut line = String::new();
        BufReader::new(&self.socket).read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn order(&mut self, order: Value) {
        self.socket
            .write_all(format!("{order}\n").as_bytes())
            .unwrap();
    }
}

async fn nothing_is_left(mark: &std::path::Path) {
    let gone = wait_for(async || processes_of(mark).is_empty()).await;
    assert!(gone, "{:?}", processes_of(mark));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_ends_with_the_home_even_what_left_its_session() {
    let dir = tempfile::tempdir().unwrap();
    let mut one = supervise(dir.path(), "setsid sleep 1000 & sleep 1000");
    assert!(wait_for(async || processes_of(dir.path()).len() >= 3).await);
    one.socket.shutdown(std::net::Shutdown::Both).unwrap();
    nothing_is_left(dir.path()).await;
    assert_eq!(one.child.wait().unwrap().code(), Some(137));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_ends_with_its_supervisor() {
    let dir = tempfile::tempdir().unwrap();
    let mut one = supervise(dir.path(), "exec sleep 1000");
    assert!(
        wait_for(async || processes_of(dir.path())
            .iter()
            .any(|line| line.starts_with("sleep")))
        .await
    );
    one.child.kill().unwrap();
    one.child.wait().unwrap();
    nothing_is_left(dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_beside_the_process_give_code_output_and_keep_to_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut one = supervise(dir.path(), "exec sleep 1000");
    for (id, script, timeout_ms, code, output) in [
        (
            1,
            "echo seen; echo too >&2; exit 3",
            20_000,
            json!(3),
            "seen\ntoo\n",
        ),
        (2, "true", 20_000, json!(0), ""),
        (3, "echo before; sleep 1000", 300, Value::Null, "before\n"),
    ] {
        let command = ["/bin/sh", "-c", script];
        one.order(json!({"execute": {"id": id, "command": command, "timeout_ms": timeout_ms}}));
        let answer = one.reply();
        assert_eq!(
            answer,
            json!({"executed": {"id": id, "code": code, "output": output}})
        );
    }
    one.order(json!({"execute": {"id": 4, "command": ["/none"], "timeout_ms": 1000}}));
    assert_eq!(one.reply()["executed"]["code"], 127);
    one.order(json!("terminate"));
    // 128 + SIGTERM
    assert_eq!(one.child.wait().unwrap().code(), Some(143));
    nothing_is_left(dir.path()).await;
}
