//! Against real repositories in temporary folders.

use std::process::Command;

use super::*;

struct Repo {
    dir: tempfile::TempDir,
}

impl Repo {
    fn new() -> Repo {
        let repo = Repo {
            dir: tempfile::tempdir().unwrap(),
        };
        repo.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repo
    }

    fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.org",
                "-c",
                "protocol.file.allow=always",
            ])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, file: &str, text: &str) -> String {
        fs::write(self.dir.path().join(file), text).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "-m", &format!("write {file}")]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn remote(&self) -> Remote {
        Remote::new(
            &format!("file://{}", self.dir.path().display()),
            &SecretKeys::default(),
        )
        .unwrap()
    }
}

fn git() -> (tempfile::TempDir, Git) {
    let home = tempfile::tempdir().unwrap();
    let git = Git::open(home.path().join("home")).unwrap();
    (home, git)
}

fn reference(field: &str, value: &str) -> Reference {
    let value = Some(value.to_owned());
    match field {
        "branch" => Reference {
            branch: value,
            ..Reference::default()
        },
        "tag" => Reference {
            tag: value,
            ..Reference::default()
        },
        "semver" => Reference {
            semver: value,
            ..Reference::default()
        },
        "name" => Reference {
            name: value,
            ..Reference::default()
        },
        "commit" => Reference {
            commit: value,
            ..Reference::default()
        },
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_kind_of_reference_resolves_to_its_commit() {
    let repo = Repo::new();
    let first = repo.commit("a", "1");
    repo.git(&["tag", "-a", "v1.0.0", "-m", "one"]);
    repo.git(&["tag", "v1.1.0-rc.1"]);
    let second = repo.commit("a", "2");
    repo.git(&["tag", "v1.1.0"]);
    let third = repo.commit("a", "3");
    let (_home, git) = git();
    for (field, value, revision) in [
        ("branch", "main", format!("main@sha1:{third}")),
        ("tag", "v1.0.0", format!("v1.0.0@sha1:{first}")),
        ("semver", "1.x", format!("v1.1.0@sha1:{second}")),
        ("semver", "<1.1.0", format!("v1.0.0@sha1:{first}")),
        (
            "name",
            "refs/heads/main",
            format!("refs/heads/main@sha1:{third}"),
        ),
        ("commit", &second, format!("sha1:{second}")),
    ] {
        let resolved = git
            .resolve(&repo.remote(), &reference(field, value))
            .await
            .unwrap();
        assert_eq!(resolved.revision(), revision, "{field} {value}");
    }
    let default = git
        .resolve(&repo.remote(), &Reference::default())
        .await
        .unwrap();
    assert_eq!(default.revision(), format!("main@sha1:{third}"));
    repo.git(&["branch", "master", &first]);
    let master = git
        .resolve(&repo.remote(), &Reference::default())
        .await
        .unwrap();
    assert_eq!(master.revision(), format!("master@sha1:{first}"));
    let both = Reference {
        commit: Some(first.clone()),
        ..reference("branch", "main")
    };
    assert_eq!(
        git.resolve(&repo.remote(), &both).await.unwrap().revision(),
        format!("main@sha1:{first}")
    );
}

#[tokio::test]
async fn references_that_are_not_there_are_named() {
    let repo = Repo::new();
    let (_home, git) = git();
    let empty = git
        .resolve(&repo.remote(), &Reference::default())
        .await
        .unwrap_err();
    assert_eq!(empty.to_string(), "git repository is empty");
    repo.commit("a", "1");
    for (field, value, message) in [
        (
            "branch",
            "nope",
            "couldn't find remote ref \"refs/heads/nope\"",
        ),
        ("tag", "v9", "couldn't find remote ref \"refs/tags/v9\""),
        ("semver", "^9", "no match found for semver: ^9"),
        (
            "semver",
            "what",
            "semver parse error: improper constraint: what",
        ),
        (
            "name",
            "refs/pull/1/head",
            "unable to resolve ref 'refs/pull/1/head' to a specific commit",
        ),
        (
            "commit",
            "abc",
            "unable to resolve commit object for 'abc': object not found",
        ),
        (
            "branch",
            "--upload-pack=x",
            "'--upload-pack=x' is not a name of a reference",
        ),
    ] {
        let error = git
            .resolve(&repo.remote(), &reference(field, value))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let nowhere = Remote::new("/nowhere/at/all", &SecretKeys::default()).unwrap();
    let error = git
        .resolve(&nowhere, &Reference::default())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "repository not found");
}

#[tokio::test]
async fn a_working_copy_follows_and_survives_damage() {
    let repo = Repo::new();
    repo.commit("a", "1");
    let (home, git) = git();
    let work = home.path().join("work");
    let take = async || {
        let resolved = git
            .resolve(&repo.remote(), &reference("branch", "main"))
            .await
            .unwrap();
        git.checkout(&repo.remote(), &resolved, &work, false)
            .await
            .unwrap()
    };
    assert_eq!(take().await.subject, "write a");
    assert_eq!(fs::read_to_string(work.join("a")).unwrap(), "1");
    repo.commit("b", "2");
    repo.git(&["rm", "--quiet", "a"]);
    repo.commit("c", "3");
    fs::write(work.join("left-over"), "x").unwrap();
    fs::write(work.join(".git/index.lock"), "").unwrap();
    take().await;
    assert!(!work.join("a").exists() && !work.join("left-over").exists());
    assert_eq!(fs::read_to_string(work.join("c")).unwrap(), "3");
    fs::remove_dir_all(work.join(".git/objects")).unwrap();
    repo.commit("d", "4");
    take().await;
    assert_eq!(fs::read_to_string(work.join("d")).unwrap(), "4");
}

#[tokio::test]
async fn a_commit_below_the_tip_is_fetched() {
    let repo = Repo::new();
    let first = repo.commit("a", "1");
    repo.commit("a", "2");
    let (home, git) = git();
    let work = home.path().join("work");
    let resolved = git
        .resolve(&repo.remote(), &reference("commit", &first))
        .await
        .unwrap();
    git.checkout(&repo.remote(), &resolved, &work, false)
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(work.join("a")).unwrap(), "1");
    let missing = Resolved {
        commit: "0".repeat(40),
        ..resolved
    };
    let error = git
        .checkout(&repo.remote(), &missing, &work, false)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "unable to resolve commit object for '{}': object not found",
            "0".repeat(40)
        )
    );
}

#[tokio::test]
async fn submodules_come_along_only_when_asked() {
    let inner = Repo::new();
    inner.commit("inner.txt", "inner");
    let repo = Repo::new();
    repo.git(&[
        "submodule",
        "--quiet",
        "add",
        &format!("file://{}", inner.path().display()),
        "sub",
    ]);
    repo.commit("a", "1");
    let (home, git) = git();
    let resolved = git
        .resolve(&repo.remote(), &reference("branch", "main"))
        .await
        .unwrap();
    let work = home.path().join("plain");
    git.checkout(&repo.remote(), &resolved, &work, false)
        .await
        .unwrap();
    assert!(!work.join("sub/inner.txt").exists());
    let work = home.path().join("with");
    git.checkout(&repo.remote(), &resolved, &work, true)
        .await
        .unwrap();
    assert!(work.join("sub/inner.txt").exists());
}

#[tokio::test]
async fn what_is_too_large_or_too_slow_is_stopped() {
    let repo = Repo::new();
    repo.commit("a", &"x".repeat(10_000));
    let (home, git) = git();
    let resolved = git
        .resolve(&repo.remote(), &reference("branch", "main"))
        .await
        .unwrap();
    let small = git.with_limits(Limits {
        size_bytes: 9_000,
        entries: 10,
    });
    let error = small
        .checkout(&repo.remote(), &resolved, &home.path().join("w"), false)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the repository is larger than 9000 bytes"
    );
    // A server that accepts and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/r", silent.local_addr().unwrap());
    let remote = Remote::new(&url, &SecretKeys::default()).unwrap();
    let error = git
        .with_timeout(Duration::from_millis(300))
        .resolve(&remote, &Reference::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "context deadline exceeded: git did not finish within 0.3s (spec.timeout)"
    );
}

#[tokio::test]
async fn ssh_gets_the_key_and_the_known_hosts_and_nothing_of_the_user() {
    let repo = Repo::new();
    let commit = repo.commit("a", "1");
    let (home, git) = git();
    // Stands in for ssh: checks what it was given, then runs the far side here.
    let ssh = home.path().join("fake-ssh");
    let log = home.path().join("ssh.log");
    fs::write(
        &ssh,
        format!(
            "#!/bin/sh\nwhile [ $# -gt 1 ]; do case $1 in -i) cat \"$2\" >>{log};; UserKnownHostsFile=*) cat \"${{1#*=}}\" >>{log};; esac; shift; done\nexec sh -c \"$1\"\n",
            log = log.display()
        ),
    )
    .unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let keys = SecretKeys::new([
        ("identity", b"the key".as_slice()),
        ("known_hosts", b"the hosts".as_slice()),
    ]);
    let remote = Remote::new(
        &format!("ssh://git@example.org:2222{}", repo.path().display()),
        &keys,
    )
    .unwrap();
    let git = git.with_ssh(ssh);
    let resolved = git
        .resolve(&remote, &reference("branch", "main"))
        .await
        .unwrap();
    assert_eq!(resolved.commit, commit);
    let log = fs::read_to_string(log).unwrap();
    assert!(
        log.contains("the key") && log.contains("the hosts"),
        "{log}"
    );
    let left: Vec<_> = fs::read_dir(home.path().join("home"))
        .unwrap()
        .filter_map(Result::ok)
        .collect();
    assert!(
        left.iter()
            .all(|entry| !entry.file_name().to_string_lossy().starts_with("secrets-"))
    );
}

#[tokio::test]
async fn the_folder_to_watch_is_found_for_plain_bare_and_linked_repositories() {
    let repo = Repo::new();
    repo.commit("a", "1");
    let (home, git) = git();
    let plain = git.references_folder(&repo.remote()).await.unwrap();
    assert_eq!(plain, repo.path().canonicalize().unwrap().join(".git"));
    let linked = home.path().join("linked");
    repo.git(&["worktree", "add", "--quiet", linked.to_str().unwrap()]);
    let remote = Remote::new(linked.to_str().unwrap(), &SecretKeys::default()).unwrap();
    assert_eq!(git.references_folder(&remote).await.unwrap(), plain);
}
