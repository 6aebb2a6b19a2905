//! Dockerfiles, with whichever tool of this machine can build them.
//!
//! All three tools write an image as an archive in the form of the OCI image layout; that is taken into the store, so
//! that the tools need neither our registry's address nor credentials.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use carto_artifacts::archive::{self, Limits};
use carto_artifacts::digest::Digest;
use carto_artifacts::oci::manifest::{Descriptor, Document, Index, Platform};
use carto_artifacts::oci::registry::Registry;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use super::spec::BuildSpec;
use crate::logs::{LogWriter, Origin};
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

/// Builds the Dockerfile below `folder`, and returns the digest of the image in the store.
pub(super) async fn build(
    registry: &Registry,
    folder: &Path,
    scratch: &Path,
    spec: &BuildSpec,
    labels: &[(String, String)],
    log: &LogWriter,
) -> Result<Digest, String> {
    let tool = tool().await?;
    let dockerfile = spec.variable("CARTO_DOCKERFILE").unwrap_or("Dockerfile");
    if !folder.join(dockerfile).is_file() {
        return Err(format!("the source has no file '{dockerfile}'"));
    }
    let digest = Digest::of(scratch.as_os_str().as_encoded_bytes());
    let name = format!("localhost/carto-build:{}", &digest.hex()[..20]);
    let archive = scratch.join("image.tar");
    let mut args = vec![
        "build".to_owned(),
        "--file".into(),
        dockerfile.into(),
        "--tag".into(),
        name.clone(),
    ];
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
    log.say(&format!("building with {tool}"));
    run(tool, &args, folder, log).await?;
    let file = archive.display().to_string();
    let save = match tool {
        "docker" => vec!["save".to_owned(), "--output".into(), file, name.clone()],
        _ => vec![
            "push".to_owned(),
            name.clone(),
            format!("oci-archive:{file}"),
        ],
    };
    let saved = run(tool, &save, folder, log).await;
    // The tool's own copy has served; what cannot be removed is the tool's to clean.
    let remove = if tool == "buildah" {
        vec!["rmi".to_owned(), name]
    } else {
        vec!["image".to_owned(), "rm".into(), name]
    };
    drop(run(tool, &remove, folder, log).await);
    saved?;
    let (registry, layout) = (registry.clone(), scratch.join("layout"));
    blocking(move || take_in(&registry, &archive, &layout))
        .await
        .map_err(|error| error.to_string())?
}

async fn run(tool: &str, args: &[String], folder: &Path, log: &LogWriter) -> Result<(), String> {
    let spawned = Command::new(tool)
        .args(args)
        .current_dir(folder)
        .env("DOCKER_BUILDKIT", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = spawned.map_err(|error| format!("cannot run {tool}: {error}"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (_, last, status) = tokio::join!(
        copy(out, Origin::Stdout, log),
        copy(err, Origin::Stderr, log),
        child.wait()
    );
    let status = status.map_err(|error| format!("cannot run {tool}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{tool} {} failed: {last}", args[0]))
    }
}

/// Copies lines into the log, and returns the last one.
async fn copy(stream: Option<impl AsyncRead + Unpin>, origin: Origin, log: &LogWriter) -> String {
    let mut last = String::new();
    let Some(stream) = stream else { return last };
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        log.line(origin, &line);
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            last = text.trim().chars().take(500).collect();
        }
    }
    last
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
