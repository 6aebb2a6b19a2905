//! Apps that the home runs, as kubectl shows them; what happens to them when the home is killed; bad surroundings.

use std::{
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use carto_testkit::real;

use crate::process::{Serving, carto, eventually, finish, processes_of, succeed};

/// A home with a git repository beside it.
struct Place {
    kubectl: PathBuf,
    folder: tempfile::TempDir,
}

impl Place {
    /// Nothing, and noted, without kubectl.
    fn new(test: &str) -> Option<Self> {
        let kubectl = real::kubectls(test).into_iter().next()?;
        let folder = tempfile::tempdir().unwrap();
        let place = Self { kubectl, folder };
        std::fs::create_dir(place.sources()).unwrap();
        place.git(&["init", "--quiet", "--initial-branch=main"]);
        Some(place)
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn sources(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    fn git(&self, args: &[&str]) {
        succeed(
            Command::new("git")
                .arg("-C")
                .arg(self.sources())
                .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
                .args(args),
        );
    }

    fn commit(&self, file: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.sources().join(file), text).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "-m", "change"]);
    }

    fn run(&self, args: &[&str]) -> String {
        succeed(
            Command::new(&self.kubectl)
                .arg("--kubeconfig")
                .arg(self.state().join("kubeconfig"))
                .env("HOME", self.folder.path())
                .args(args),
        )
    }

    fn apply(&self, text: &str) {
        let file = self.folder.path().join("objects.yaml");
        std::fs::write(&file, text).unwrap();
        self.run(&["apply", "-f", file.to_str().unwrap()]);
    }

    /// The sample chain with a workload for the repository.
    fn apply_hello(&self) {
        let ports = std::fs::read_to_string(self.state().join("ports.json")).unwrap();
        let ports: serde_json::Value = serde_json::from_str(&ports).unwrap();
        self.apply(include_str!("../../../../examples/hello/chain.yaml"));
        self.apply(&format!(
            "apiVersion: carto.run/v1alpha1\nkind: Workload\nmetadata:\n  name: hello\n  namespace: default\n  \
             labels: {{workload-type: web}}\nspec:\n  params: [{{name: registry, value: \"127.0.0.1:{}/apps\"}}]\n  \
             source: {{git: {{url: \"file://{}\", ref: {{branch: main}}}}}}\n",
            ports["registry"],
            self.sources().display()
        ));
    }

    fn nothing_runs(&self) {
        eventually("no process of the home is left", || {
            processes_of(&self.state()).is_empty().then_some(())
        });
    }
}

#[test]
fn kubectl_sees_rollouts_and_nothing_outlives_a_killed_home() {
    let Some(place) = Place::new("kubectl_sees_rollouts") else {
        return;
    };
    place.commit("index.html", "<h1>one</h1>");
    let home = Serving::up(&place.state(), &[]);
    place.apply_hello();
    let wait = [
        "wait",
        "--for=condition=Ready",
        "workload/hello",
        "--timeout=80s",
    ];
    place.run(&wait);
    let rolled = place.run(&["rollout", "status", "deployment/hello", "--timeout=30s"]);
    assert!(rolled.contains("successfully rolled out"), "{rolled}");
    place.commit("index.html", "<h1>two</h1>");
    eventually("the second revision is there", || {
        let history = place.run(&["rollout", "history", "deployment/hello"]);
        history
            .lines()
            .any(|line| line.starts_with("2 "))
            .then_some(())
    });
    place.run(&["rollout", "status", "deployment/hello", "--timeout=60s"]);
    let sets = place.run(&["get", "replicasets", "--no-headers"]);
    assert_eq!(sets.lines().count(), 2, "{sets}");
    let pods = place.run(&["get", "pods", "-l", "app=hello", "-o", "wide"]);
    assert!(pods.contains("1/1") && pods.contains("Running"), "{pods}");
    let log = place.run(&["logs", "-l", "app=hello"]);
    assert!(log.contains("serving"), "{log}");
    let told = place.run(&["describe", "deployment", "hello"]);
    for expect in [
        "NewReplicaSetAvailable",
        "ScalingReplicaSet",
        "Scaled up replica set",
    ] {
        assert!(told.contains(expect), "{told}");
    }
    let url = "jsonpath={.metadata.annotations.carto\\.run/url}";
    let url = place.run(&["get", "service", "hello", "-o", url]);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");

    assert!(!processes_of(&place.state()).is_empty());
    home.kill();
    place.nothing_runs();
    let home = Serving::up(&place.state(), &[]);
    let answers = || {
        let address = url.strip_prefix("http://").unwrap();
        fetch(address).filter(|page| page.contains("two"))
    };
    eventually("the app answers at the same address", answers);
    let builds = place.run(&["get", "builds.kpack.io", "-o", "name"]);
    assert_eq!(
        builds.lines().count(),
        2,
        "nothing is built twice: {builds}"
    );

    place.run(&["delete", "workload", "hello"]);
    place.nothing_runs();
    let kinds = "gitrepositories,images.kpack.io,builds.kpack.io,deployments,replicasets,pods,services,configmaps";
    eventually("no object is left", || {
        let left = place.run(&["get", kinds, "-o", "name"]);
        let left = left
            .lines()
            .filter(|name| *name != "configmap/kube-root-ca.crt");
        (left.count() == 0).then_some(())
    });
    assert_eq!(home.terminate(), Some(0));
}

/// The page at `host:port`, once it answers.
fn fetch(address: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    write!(stream, "GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// A PATH on which only these programs are.
fn path_with(folder: &Path, programs: &[&str]) {
    std::fs::create_dir(folder).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for program in programs {
        let found = std::env::split_paths(&path)
            .map(|folder| folder.join(program))
            .find(|file| file.is_file());
        symlink(found.unwrap(), folder.join(program)).unwrap();
    }
}

#[test]
fn a_dockerfile_without_a_tool_says_which_tools_would_do() {
    let Some(place) = Place::new("a_dockerfile_without_a_tool") else {
        return;
    };
    place.commit("Dockerfile", "FROM scratch\n");
    let path = place.folder.path().join("bin");
    path_with(&path, &["git", "sh", "unshare"]);
    let _home = Serving::start(
        carto()
            .arg("up")
            .arg("--state")
            .arg(place.state())
            .env("PATH", path),
    );
    place.apply(&format!(
        "apiVersion: kpack.io/v1alpha2\nkind: Image\nmetadata: {{name: app, namespace: default}}\nspec:\n  \
         tag: 127.0.0.1:5000/app\n  builder: {{kind: ClusterBuilder, name: default}}\n  \
         source: {{git: {{url: \"{}\", revision: main}}}}\n",
        place.sources().display()
    ));
    let path = "jsonpath={.status.conditions[?(@.type==\"Ready\")].message}";
    let said = eventually("the image says what is missing", || {
        let said = place.run(&["get", "images.kpack.io", "app", "-o", path]);
        said.contains("Dockerfile").then_some(said)
    });
    assert!(said.contains("install buildah, podman or docker"), "{said}");
}

fn message(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn up(state: &Path) -> Output {
    finish(carto().arg("up").arg("--state").arg(state))
}

#[test]
fn a_kept_port_that_somebody_took_is_named_with_the_way_out() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(Serving::up(state.path(), &[]).terminate(), Some(0));
    let file = state.path().join("ports.json");
    let ports: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let port = u16::try_from(ports["artifacts"].as_u64().unwrap()).unwrap();
    let holder = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let said = message(&up(state.path()));
    assert!(
        said.contains(&format!("port {port} of artifacts is in use"))
            && said.contains("ports.json"),
        "{said}"
    );
    drop(holder);
    assert_eq!(Serving::up(state.path(), &[]).terminate(), Some(0));
}

#[test]
fn damaged_notes_are_named_and_not_thrown_away() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("ports.json");
    std::fs::write(&file, "{").unwrap();
    let said = message(&up(state.path()));
    assert!(said.contains(&file.display().to_string()), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{");
}

/// A small file system of its own, gone with the value.
struct Disk(PathBuf);

impl Disk {
    /// Nothing, and noted, where none may be mounted.
    fn new(test: &str, folder: &Path, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(folder)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        real::skipped(test, "no file system may be mounted here");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_is_a_condition_and_the_home_lives_on() {
    let Some(place) = Place::new("a_full_disk_is_a_condition") else {
        return;
    };
    let Some(_disk) = Disk::new("a_full_disk_is_a_condition", &place.state(), 64) else {
        return;
    };
    let home = Serving::up(&place.state(), &["--actors", "git"]);
    // Filled to the brim but for what the API itself needs.
    let ballast = place.state().join("ballast");
    std::fs::write(&ballast, vec![0; 24 << 20]).unwrap();
    let mut noise = Vec::with_capacity(48 << 20);
    let mut seed = 1_u64;
    while noise.len() < 48 << 20 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.extend_from_slice(&seed.to_le_bytes());
    }
    place.commit("big", &noise);
    place.apply(&format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: app, namespace: default}}\n\
         spec: {{interval: 1s, url: \"{}\", ref: {{branch: main}}}}\n",
        place.sources().display()
    ));
    let path = "jsonpath={.status.conditions[?(@.type==\"Ready\")].message}";
    let said = eventually("the disk is said to be full", || {
        let said = place.run(&["get", "gitrepository", "app", "-o", path]);
        said.contains("no space left").then_some(said)
    });
    assert!(said.to_lowercase().contains("space"), "{said}");
    place.git(&["rm", "--quiet", "big"]);
    place.commit("small", "enough room");
    std::fs::remove_file(&ballast).unwrap();
    eventually("it goes on when there is room", || {
        let said = place.run(&["get", "gitrepository", "app", "-o", path]);
        said.starts_with("stored artifact").then_some(())
    });
    assert_eq!(home.terminate(), Some(0));
}
