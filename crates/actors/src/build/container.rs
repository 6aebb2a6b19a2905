//! Dockerfiles, with whichever tool of this machine can build them.
//!
//! All three tools write an image as an archive in the form of the OCI image layout; that is taken into the store, so
//! that the tools need no credentials to push. To pull base images they get those of the build's service account. They
//! run under the supervisor, so that neither a crash nor a deleted Build leaves one behind.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use carto_artifacts::archive::{self, Limits};
use carto_artifacts::digest::Digest;
use carto_artifacts::oci::credentials::Keychain;
use carto_artifacts::oci::manifest::{Descriptor, Document, Index, Platform};
use carto_artifacts::oci::registry::Registry;
use tokio::process::Command;

use super::spec::BuildSpec;
use crate::internal::supervise::Spec;
use crate::logs::LogWriter;
use crate::process::Launcher;
use crate::shell::{blocking, chain};

const NONE: &str = "the source has a Dockerfile, and no tool on this machine can build it: install buildah, podman or docker \
                    (and start docker's daemon), or set CARTO_BUILD=static in spec.build.env to serve its files without it";

/// The tools in the order in which they are tried: those without a daemon first.
const TOOLS: [&str; 3] = ["buildah", "podman", "docker"];

/// The first tool that answers, or why none does.
async fn tool() -> Result<&'static str, String> {
    let mut notes = Vec::new();
    for tool in TOOLS {
        let probe = Command::new(tool).arg("info").stdin(Stdio::null()).output();
        match probe.await {
            Ok(output) if output.status.success() => return Ok(tool),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                notes.push(format!(
                    "{tool} does not work: {}",
                    said.lines().last().unwrap_or("no message")
                ));
            }
            Err(_) => {}
        }
    }
    Err(if notes.is_empty() {
        NONE.to_owned()
    } else {
        format!("{NONE} ({})", notes.join("; "))
    })
}

/// What a build of a Dockerfile needs.
pub(super) struct Kitchen<'a> {
    pub(super) registry: &'a Registry,
    pub(super) launcher: &'a Launcher,
    /// The source.
    pub(super) folder: &'a Path,
    /// For files on the way.
    pub(super) scratch: &'a Path,
    /// Of base images.
    pub(super) keys: &'a Keychain,
    pub(super) log: &'a LogWriter,
}

impl Kitchen<'_> {
    /// Builds the Dockerfile, and returns the digest of the image in the store.
    pub(super) async fn build(
        &self,
        spec: &BuildSpec,
        labels: &[(String, String)],
    ) -> Result<Digest, String> {
        let tool = tool().await?;
        let dockerfile = spec.variable("CARTO_DOCKERFILE").unwrap_or("Dockerfile");
        if !self.folder.join(dockerfile).is_file() {
            return Err(format!("the source has no file '{dockerfile}'"));
        }
        let digest = Digest::of(self.scratch.as_os_str().as_encoded_bytes());
        let name = format!("localhost/carto-build:{}", &digest.hex()[..20]);
        let archive = self.scratch.join("image.tar");
        let mut args = self.credentials(tool)?;
        args.extend(["build", "--file", dockerfile, "--tag", &name].map(str::to_owned));
        for (key, value) in labels {
            args.extend(["--label".to_owned(), format!("{key}={value}")]);
        }
        for variable in &spec.env {
            args.extend([
                "--build-arg".to_owned(),
                format!("{}={}", variable.name, variable.value),
            ]);
        }
        args.push(".".to_owned());
        self.log.say(&format!("building with {tool}"));
        self.run(tool, &args).await?;
        let file = archive.display().to_string();
        let save = match tool {
            "docker" => vec!["save".to_owned(), "--output".into(), file, name.clone()],
            _ => vec![
                "push".to_owned(),
                name.clone(),
                format!("oci-archive:{file}"),
            ],
        };
        let saved = self.run(tool, &save).await;
        // The tool's own copy has served; what cannot be removed is the tool's to clean.
        let remove = if tool == "buildah" {
            vec!["rmi".to_owned(), name]
        } else {
            vec!["image".to_owned(), "rm".into(), name]
        };
        drop(self.run(tool, &remove).await);
        saved?;
        let (registry, layout) = (self.registry.clone(), self.scratch.join("layout"));
        blocking(move || take_in(&registry, &archive, &layout))
            .await
            .map_err(|error| error.to_string())?
    }

    /// Writes the credentials for base images where the tool is told to look.
    fn credentials(&self, tool: &str) -> Result<Vec<String>, String> {
        if self.keys.is_empty() {
            return Ok(Vec::new());
        }
        let folder = self.scratch.join("credentials");
        fs::create_dir_all(&folder)
            .and_then(|()| fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)))
            .and_then(|()| fs::write(folder.join("config.json"), self.keys.docker_config()))
            .map_err(|error| format!("cannot write credentials for base images: {error}"))?;
        // Before the subcommand, only docker takes it as a flag; the others take it from the environment, too.
        Ok(match tool {
            "docker" => vec!["--config".to_owned(), folder.display().to_string()],
            _ => Vec::new(),
        })
    }

    async fn run(&self, tool: &str, args: &[String]) -> Result<(), String> {
        let mut command = vec![tool.to_owned()];
        command.extend_from_slice(args);
        let mut env = BTreeMap::from([
            ("DOCKER_BUILDKIT".to_owned(), "1".to_owned()),
            // The one way that works without rights and without a container runtime.
            ("BUILDAH_ISOLATION".to_owned(), "chroot".to_owned()),
        ]);
        let credentials = self.scratch.join("credentials/config.json");
        if credentials.is_file() {
            let file = credentials.display().to_string();
            env.insert("REGISTRY_AUTH_FILE".to_owned(), file);
        }
        let spec = Spec {
            command,
            env,
            inherit_env: true,
            workdir: self.folder.display().to_string(),
            ..Spec::default()
        };
        let cannot = |error| format!("cannot run {tool}: {error}");
        let process = self.launcher.start(&spec, self.log).await.map_err(cannot)?;
        let (code, last) = process.finished().await;
        if code == 0 {
            return Ok(());
        }
        let what = args.iter().find(|arg| !arg.starts_with(['-', '/']));
        let what = what.map_or("", String::as_str);
        Err(format!("{tool} {what} failed: {last}"))
    }
}

/// Takes the image of an archive in the form of the OCI image layout into the store.
fn take_in(registry: &Registry, archive: &Path, layout: &Path) -> Result<Digest, String> {
    let text = |error: &dyn std::error::Error| chain(error);
    fs::create_dir_all(layout).map_err(|error| text(&error))?;
    let file = File::open(archive).map_err(|error| text(&error))?;
    let limits = Limits {
        size_bytes: 16 << 30,
        entries: 10_000,
    };
    archive::unpack(file, layout, 0, limits).map_err(|error| text(&error))?;
    let index = fs::read(layout.join("index.json")).map_err(|_| {
        "the tool wrote no OCI archive; docker needs version 25 or newer".to_owned()
    })?;
    let index: Index = serde_json::from_slice(&index).map_err(|error| text(&error))?;
    let platform = Platform::current();
    let entry = index
        .pick(&platform)
        .or_else(|| index.manifests.first())
        .ok_or("the archive holds no image")?;
    let blob = |descriptor: &Descriptor| layout.join("blobs/sha256").join(descriptor.digest.hex());
    let mut wanted = entry.clone();
    // An index within the index, as newer docker writes it: one step down.
    for _ in 0..2 {
        let bytes = fs::read(blob(&wanted)).map_err(|error| text(&error))?;
        match Document::parse(&bytes).map_err(|error| text(&error))? {
            Document::Index(inner) => {
                wanted = inner
                    .pick(&platform)
                    .cloned()
                    .ok_or("the archive holds no image for this machine")?;
            }
            Document::Image(manifest) => {
                for part in manifest.layers.iter().chain([&manifest.config]) {
                    let file = File::open(blob(part)).map_err(|error| text(&error))?;
                    registry.put_blob(file).map_err(|error| text(&error))?;
                }
                return registry
                    .put_blob(bytes.as_slice())
                    .map(|(digest, _)| digest)
                    .map_err(|error| text(&error));
            }
        }
    }
    Err("the archive holds no image for this machine".to_owned())
}
