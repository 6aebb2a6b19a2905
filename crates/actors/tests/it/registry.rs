//! Registries that are not the home's, clients that are not ours, and tools that build Dockerfiles.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use carto_actors::Actor;
use carto_artifacts::oci::credentials::{Credential, Keychain};
use carto_testkit::real;
use serde_json::{Value, json};

use crate::home::{Home, commit, condition, is_ready, repository, wait_for};
use crate::image;

const V1ALPHA2: &str = "kpack.io/v1alpha2";
const USER: &str = "team";
const PASSWORD: &str = "s3cret";
/// The password as htpasswd writes it.
const HTPASSWD: &str = "team:$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n";

/// Debian's docker-registry, behind a password.
struct Foreign {
    host: String,
    process: Child,
}

impl Drop for Foreign {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Foreign {
    async fn start(program: &Path, folder: &Path, tls: bool) -> Foreign {
        std::fs::create_dir_all(folder).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = free.local_addr().unwrap().to_string();
        drop(free);
        std::fs::write(folder.join("htpasswd"), HTPASSWD).unwrap();
        let mut config = json!({
            "version": "0.1", "storage": {"filesystem": {"rootdirectory": folder.join("data")}},
            "auth": {"htpasswd": {"realm": "test", "path": folder.join("htpasswd")}},
            "http": {"addr": host}, "log": {"level": "error"},
        });
        if tls {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
            std::fs::write(&cert, made.cert.pem()).unwrap();
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            config["http"]["tls"] = json!({"certificate": cert, "key": key});
        }
        let file = folder.join("config.yml");
        std::fs::write(&file, config.to_string()).unwrap();
        let process = Command::new(program)
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let foreign = Foreign { host, process };
        let up = wait_for(async || std::net::TcpStream::connect(&foreign.host).is_ok());
        assert!(up.await, "docker-registry does not listen");
        foreign
    }

    fn keys(&self) -> Keychain {
        let mut keys = Keychain::new();
        let credential = Credential {
            username: USER.to_owned(),
            password: PASSWORD.to_owned(),
        };
        keys.add(&self.host, credential);
        keys
    }
}

fn secret(name: &str, kind: &str, annotations: Value, data: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": kind, "stringData": data,
        "metadata": {"name": name, "namespace": "default", "annotations": annotations},
    })
}

fn account(name: &str, more: Value) -> Value {
    let mut account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"},
    });
    account
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    account
}

fn kpack_image(name: &str, tag: &str, account: &str, folder: &Path) -> Value {
    json!({
        "apiVersion": V1ALPHA2, "kind": "Image", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "tag": tag, "serviceAccountName": account,
            "builder": {"kind": "ClusterBuilder", "name": "default"},
            "source": {"git": {"url": folder, "revision": "main"}},
        },
    })
}

fn deployment(name: &str, image: &str, pod: Value) -> Value {
    let mut spec = json!({"containers": [{
        "name": "app", "image": image, "ports": [{"containerPort": 8080}],
    }]});
    spec.as_object_mut()
        .unwrap()
        .extend(pod.as_object().unwrap().clone());
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
        },
    })
}

/// Gives a deployment an address, and returns the page there.
async fn page_of(home: &Home, name: &str) -> String {
    home.apply(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }))
    .await;
    let service = home
        .until("v1", "Service", name, |service| {
            service["metadata"]["annotations"]["carto.run/url"].is_string()
        })
        .await;
    let url = service["metadata"]["annotations"]["carto.run/url"]
        .as_str()
        .unwrap();
    let page = reqwest::get(url).await.unwrap().text().await.unwrap();
    page.trim().to_owned()
}

async fn until_available(home: &Home, name: &str) {
    home.until("apps/v1", "Deployment", name, |object| {
        condition(object, "Available").0 == "True"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_registries_take_and_give_images_with_the_secrets_of_accounts_and_pods() {
    let Some(program) = real::program("foreign_registries_take_and_give", "docker-registry") else {
        return;
    };
    let home = Home::start(&[Actor::Build, Actor::Deploy]).await;
    let folder = home.dir.path().join("app");
    repository(&folder);
    for tls in [false, true] {
        // Not the same image twice: what is on this machine already is not pulled again.
        commit(&folder, &[("index.html", &format!("from afar, {tls}"))]);
        let place = home.dir.path().join(format!("registry-{tls}"));
        let foreign = Foreign::start(&program, &place, tls).await;
        let url = format!("{}://{}", if tls { "https" } else { "http" }, foreign.host);
        for object in [
            secret(
                &format!("basic-{tls}"),
                "kubernetes.io/basic-auth",
                json!({"kpack.io/docker": url}),
                json!({"username": USER, "password": PASSWORD}),
            ),
            secret(
                &format!("config-{tls}"),
                "kubernetes.io/dockerconfigjson",
                json!({}),
                json!({".dockerconfigjson": foreign.keys().docker_config()}),
            ),
            account(
                &format!("builder-{tls}"),
                json!({"secrets": [{"name": format!("basic-{tls}")}]}),
            ),
            account(
                &format!("runner-{tls}"),
                json!({"imagePullSecrets": [{"name": format!("config-{tls}")}]}),
            ),
        ] {
            home.apply(object).await;
        }
        let name = |what: &str| format!("{what}-{tls}");
        let tag = format!("{}/team/app", foreign.host);
        home.apply(kpack_image(&name("without"), &tag, "default", &folder))
            .await;
        let refused = home
            .until(V1ALPHA2, "Image", &name("without"), |object| {
                condition(object, "Ready").0 == "False"
            })
            .await;
        let said = condition(&refused, "Ready").2;
        assert!(said.contains("refuses access"), "{said}");

        home.apply(kpack_image(&name("with"), &tag, &name("builder"), &folder))
            .await;
        let built = home.until(V1ALPHA2, "Image", &name("with"), is_ready).await;
        let latest = built["status"]["latestImage"].as_str().unwrap();
        assert!(latest.starts_with(&format!("{tag}@sha256:")), "{latest}");

        home.apply(deployment(&name("nobody"), latest, json!({})))
            .await;
        home.until("apps/v1", "Deployment", &name("nobody"), |object| {
            condition(object, "Progressing")
                .2
                .contains("refuses access")
        })
        .await;
        let by_account = json!({"serviceAccountName": name("runner")});
        home.apply(deployment(&name("account"), latest, by_account))
            .await;
        until_available(&home, &name("account")).await;
        let by_pod = json!({"imagePullSecrets": [{"name": name("config")}]});
        home.apply(deployment(&name("pod"), latest, by_pod)).await;
        until_available(&home, &name("pod")).await;
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_reads_and_writes_the_homes_registry() {
    let Some(skopeo) = real::program("skopeo_reads_and_writes", "skopeo") else {
        return;
    };
    let home = Home::start(&[]).await;
    let tag = format!("{}/apps/test:one", home.registry);
    let image = image::push(home.dir.path(), &tag, &Keychain::new()).await;
    let digest = image.split_once('@').unwrap().1.to_owned();
    let run = |args: &[&str]| {
        let output = Command::new(&skopeo)
            .arg("--insecure-policy")
            .args(args)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{args:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    };
    let inspect = |image: &str| -> Value {
        let url = format!("docker://{image}");
        serde_json::from_str(&run(&["inspect", "--tls-verify=false", &url])).unwrap()
    };
    let seen = inspect(&tag);
    assert_eq!(seen["Digest"], digest);
    assert_eq!(seen["RepoTags"], json!(["one"]));
    let layout = format!("oci:{}:one", home.dir.path().join("layout").display());
    let (from, to) = (
        format!("docker://{tag}"),
        format!("docker://{}/other/place:two", home.registry),
    );
    run(&["copy", "--src-tls-verify=false", &from, &layout]);
    run(&["copy", "--dest-tls-verify=false", &layout, &to]);
    let copied = inspect(&format!("{}/other/place:two", home.registry));
    assert_eq!(copied["Layers"], seen["Layers"]);
    let repository = format!("docker://{}/other/place", home.registry);
    let tags: Value =
        serde_json::from_str(&run(&["list-tags", "--tls-verify=false", &repository])).unwrap();
    assert_eq!(tags["Tags"], json!(["two"]));
    run(&["delete", "--tls-verify=false", &to]);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dockerfile_is_built_with_the_tool_of_this_machine_and_runs() {
    let Some(_buildah) = real::program("a_dockerfile_is_built", "buildah") else {
        return;
    };
    let home = Home::start(&[Actor::Build, Actor::Deploy]).await;
    // A base image in the source itself: nothing is fetched from anywhere.
    let folder = home.dir.path().join("app");
    repository(&folder);
    image::files(&folder.join("root"));
    let dockerfile = "FROM scratch\nARG GREETING\nCOPY root/ /\n\
                      RUN [\"/bin/sh\", \"-c\", \"mkdir -p /site && echo $GREETING >/site/index.html\"]\n\
                      USER 1000\nENTRYPOINT [\"/app/serve\", \"static-server\", \"--root\", \"/site\"]\n";
    commit(&folder, &[("Dockerfile", dockerfile)]);
    let tag = format!("{}/apps/docker", home.registry);
    let mut object = kpack_image("docker", &tag, "default", &folder);
    object["spec"]["build"] = json!({"env": [{"name": "GREETING", "value": "built inside"}]});
    home.apply(object.clone()).await;
    let built = home.until(V1ALPHA2, "Image", "docker", is_ready).await;
    let latest = built["status"]["latestImage"].as_str().unwrap();
    home.apply(deployment("docker", latest, json!({}))).await;
    until_available(&home, "docker").await;
    assert_eq!(page_of(&home, "docker").await, "built inside");

    // One that hangs ends with its Build, and so does everything it started.
    let seconds = 1_000_000 + std::process::id();
    let slow =
        format!("FROM scratch\nCOPY root/ /\nRUN [\"/bin/sh\", \"-c\", \"sleep {seconds}\"]\n");
    commit(&folder, &[("Dockerfile", &slow)]);
    object["metadata"]["name"] = json!("slow");
    home.apply(object).await;
    // A tool gives its commands an environment of their own, so they are known by their words.
    let words = format!("sleep {seconds}");
    let sleeps = || {
        crate::home::command_lines()
            .iter()
            .any(|line| line.contains(&words))
    };
    assert!(
        wait_for(async || sleeps()).await,
        "the build never ran its command"
    );
    home.objects(V1ALPHA2, "Image")
        .delete("slow", &Default::default())
        .await
        .unwrap();
    assert!(
        wait_for(async || !sleeps()).await,
        "the command outlived its Build"
    );
    let pods = home.objects("v1", "Pod");
    let gone = wait_for(async || {
        pods.get_opt("slow-build-1-build-pod")
            .await
            .unwrap()
            .is_none()
    });
    assert!(gone.await, "the Pod of the Build stays");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_program_runs_with_the_libraries_it_needs() {
    let home = Home::start(&[Actor::Build, Actor::Deploy]).await;
    let folder = home.dir.path().join("app");
    repository(&folder);
    std::fs::copy(
        env!("CARGO_BIN_EXE_carto-actors-internal"),
        folder.join("serve"),
    )
    .unwrap();
    let procfile = "web: ./serve static-server --root /workspace/site\n";
    commit(
        &folder,
        &[
            ("Procfile", procfile),
            ("site/index.html", "from a Procfile"),
        ],
    );
    let tag = format!("{}/apps/program", home.registry);
    home.apply(kpack_image("program", &tag, "default", &folder))
        .await;
    let built = home.until(V1ALPHA2, "Image", "program", is_ready).await;
    let latest = built["status"]["latestImage"].as_str().unwrap();
    home.apply(deployment("program", latest, json!({}))).await;
    until_available(&home, "program").await;
    assert_eq!(page_of(&home, "program").await, "from a Procfile");
    home.stop().await;
}
