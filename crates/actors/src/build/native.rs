//! Images from scratch: static sites with the file server of this binary, and programs that are finished already.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use carto_artifacts::ignore::Ignore;
use carto_artifacts::oci::image::{self, Layer, LayerFile};
use carto_artifacts::oci::manifest::Execution;
use carto_artifacts::oci::registry::Registry;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::binary::{self, Binary};
use super::spec::BuildSpec;
use crate::config::Internal;
use crate::names::IDENTITY;
use crate::shell::chain;

/// Where things lie inside the images.
const SERVER: &str = "usr/local/bin/carto";
const SITE: &str = "site";
const WORKSPACE: &str = "workspace";

/// Folders that site generators and people put finished sites into.
const SITE_FOLDERS: [&str; 6] = ["", "public", "dist", "build", "site", "_site"];

/// Nobody in particular, for engines that honour it.
const USER: &str = "65532:65532";

/// What a source is, as far as building it goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// A site below this folder.
    Static(PathBuf),
    /// A finished program with its arguments.
    Program(Vec<String>),
    /// A Dockerfile.
    Dockerfile,
}

/// Looks at the source. `CARTO_BUILD` (`static`, `procfile`, `dockerfile`) and `BP_WEB_SERVER_ROOT` in the build's
/// environment decide what the files leave open.
pub(super) fn plan(folder: &Path, spec: &BuildSpec) -> Result<Plan, String> {
    let asked = spec.variable("CARTO_BUILD").map(str::to_ascii_lowercase);
    let site = || {
        let root = spec.variable("BP_WEB_SERVER_ROOT");
        let folders = root.map_or(SITE_FOLDERS.to_vec(), |root| vec![root.trim_matches('/')]);
        folders
            .into_iter()
            .map(|name| folder.join(name))
            .find(|path| path.join("index.html").is_file())
    };
    match asked.as_deref() {
        Some("static") => site().map(Plan::Static).ok_or_else(|| "CARTO_BUILD is 'static', but there is no index.html".to_owned()),
        Some("dockerfile") => Ok(Plan::Dockerfile),
        Some("procfile") => procfile(folder, spec),
        Some(other) => Err(format!("CARTO_BUILD is '{other}'; known are static, procfile, dockerfile")),
        None if folder.join("Dockerfile").is_file() => Ok(Plan::Dockerfile),
        None if folder.join("Procfile").is_file() => procfile(folder, spec),
        None => match (site(), only_program(folder)) {
            (Some(site), _) => Ok(Plan::Static(site)),
            (None, Some(program)) => Ok(Plan::Program(vec![format!("/{WORKSPACE}/{program}")])),
            (None, None) => Err(
                "the source does not say how to build it: add an index.html (a static site), a Procfile for a finished \
                 program, or a Dockerfile (which needs buildah, podman or docker on this machine)"
                    .to_owned(),
            ),
        },
    }
}

/// The command of a process of the Procfile: the default process, `web`, or the only one.
fn procfile(folder: &Path, spec: &BuildSpec) -> Result<Plan, String> {
    let text = fs::read_to_string(folder.join("Procfile"))
        .map_err(|error| format!("cannot read the Procfile: {error}"))?;
    let lines = text.lines().filter_map(|line| line.trim().split_once(':'));
    let processes: BTreeMap<&str, &str> = lines
        .map(|(name, command)| (name.trim(), command.trim()))
        .filter(|(name, command)| !name.starts_with('#') && !command.is_empty())
        .collect();
    let wanted = spec.default_process.as_deref().unwrap_or("web");
    let only = processes.values().next().filter(|_| processes.len() == 1);
    let Some(command) = processes.get(wanted).or(only) else {
        return Err(format!(
            "the Procfile has no process '{wanted}': write a line 'web: ./program'"
        ));
    };
    if let Some(special) = command.chars().find(|c| "$`|&;<>(){}*?~".contains(*c)) {
        return Err(format!(
            "the Procfile's command '{command}' needs a shell (because of '{special}'), and an image from scratch has none: \
             start the program itself (PORT is in its environment), or add a Dockerfile"
        ));
    }
    let words = split_words(command)
        .ok_or_else(|| format!("the quotes in the Procfile's command '{command}' do not match"))?;
    let Some((program, args)) = words.split_first() else {
        return Err("the Procfile's command is empty".to_owned());
    };
    let inside = program.trim_start_matches("./");
    if program.starts_with('/') || !folder.join(inside).is_file() {
        return Err(format!(
            "the Procfile's program '{program}' is not in the source; an image from scratch has no other programs"
        ));
    }
    let mut command = vec![format!("/{WORKSPACE}/{inside}")];
    command.extend(args.iter().cloned());
    Ok(Plan::Program(command))
}

/// Words as a shell splits them, with single and double quotes and backslashes.
fn split_words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, ' ' | '\t') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// The one compiled program that lies at the top, if there is exactly one.
fn only_program(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let programs: Vec<String> = entries
        .filter(|entry| image::is_executable(&entry.path()))
        .filter(|entry| {
            matches!(
                binary::inspect(&entry.path()),
                Ok(Binary::Static | Binary::Dynamic(_))
            )
        })
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    if let [only] = programs.as_slice() {
        Some(only.clone())
    } else {
        None
    }
}

/// Builds and stores the image; `repository` and `tags` are its names in the store.
pub(super) fn build(
    registry: &Registry,
    internal: &Internal,
    plan: &Plan,
    folder: &Path,
    names: (&str, &[&str]),
    labels: BTreeMap<String, String>,
) -> Result<image::Built, String> {
    let (layers, mut execution) = match plan {
        Plan::Static(site) => static_site(registry, internal, site)?,
        Plan::Program(command) => program(registry, folder, command)?,
        Plan::Dockerfile => return Err("a Dockerfile is not built from scratch".to_owned()),
    };
    execution.labels = labels;
    execution.user = Some(USER.to_owned());
    execution.exposed_ports = [("8080/tcp".to_owned(), json!({}))].into();
    image::build(registry, names.0, names.1, &layers, execution).map_err(|error| chain(&error))
}

fn static_site(
    registry: &Registry,
    internal: &Internal,
    site: &Path,
) -> Result<(Vec<Layer>, Execution), String> {
    let server = server_layer(registry, &internal.program)?;
    let files = image::tree_layer(
        registry,
        site,
        SITE,
        &Ignore::from_lines(".git/"),
        "the site",
    )
    .map_err(|error| chain(&error))?;
    let mut entrypoint = vec![format!("/{SERVER}")];
    entrypoint.extend(internal.args.iter().cloned());
    entrypoint.extend([
        "static-server".to_owned(),
        "--root".to_owned(),
        format!("/{SITE}"),
    ]);
    let execution = Execution {
        entrypoint,
        working_dir: Some(format!("/{SITE}")),
        ..Execution::default()
    };
    Ok((vec![server, files], execution))
}

fn program(
    registry: &Registry,
    folder: &Path,
    command: &[String],
) -> Result<(Vec<Layer>, Execution), String> {
    let inside = command[0]
        .trim_start_matches(&format!("/{WORKSPACE}/"))
        .to_owned();
    let path = folder.join(&inside);
    let inspected =
        binary::inspect(&path).map_err(|error| format!("cannot read '{inside}': {error}"))?;
    let mut layers = Vec::new();
    match inspected {
        Binary::Static => {}
        Binary::Dynamic(loader) => {
            let libraries = binary::libraries(&path, &loader).map_err(|error| error.to_string())?;
            layers.push(files_layer(
                registry,
                None,
                &libraries,
                "libraries of this machine",
            )?);
        }
        Binary::Script(interpreter) => {
            return Err(format!(
                "'{inside}' is a script for '{interpreter}', and an image from scratch has no interpreter: add a Dockerfile"
            ));
        }
        Binary::Other => return Err(format!("'{inside}' is not a program for this machine")),
    }
    let tree = image::tree_layer(
        registry,
        folder,
        WORKSPACE,
        &Ignore::from_lines(".git/"),
        "the source",
    );
    layers.push(tree.map_err(|error| chain(&error))?);
    let execution = Execution {
        entrypoint: command.to_vec(),
        working_dir: Some(format!("/{WORKSPACE}")),
        env: vec![format!("PATH=/{WORKSPACE}:/usr/local/bin:/usr/bin:/bin")],
        ..Execution::default()
    };
    Ok((layers, execution))
}

fn files_layer(
    registry: &Registry,
    program: Option<&Path>,
    libraries: &[PathBuf],
    words: &str,
) -> Result<Layer, String> {
    let inside: Vec<String> = libraries
        .iter()
        .map(|path| {
            path.display()
                .to_string()
                .trim_start_matches('/')
                .to_owned()
        })
        .collect();
    let mut files: Vec<LayerFile<'_>> = Vec::new();
    files.extend(program.map(|source| LayerFile {
        path: SERVER,
        source,
        executable: true,
    }));
    let paired = inside.iter().zip(libraries);
    files.extend(paired.map(|(path, source)| LayerFile {
        path,
        source,
        executable: true,
    }));
    image::files_layer(registry, &files, words).map_err(|error| chain(&error))
}

/// What the layer of the file server was made from, so that a large binary is not hashed for every build.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Noted {
    program: PathBuf,
    inode: u64,
    size_bytes: u64,
    modified: i64,
    descriptor: carto_artifacts::oci::manifest::Descriptor,
}

fn server_layer(registry: &Registry, program: &Path) -> Result<Layer, String> {
    use std::os::unix::fs::MetadataExt;
    let created_by = "the file server of carto";
    let note = registry.root().join("server-layer.json");
    let meta = fs::metadata(program)
        .map_err(|error| format!("cannot read '{}': {error}", program.display()))?;
    let facts = (program.to_owned(), meta.ino(), meta.len(), meta.mtime());
    let known = fs::read(&note)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Noted>(&bytes).ok());
    if let Some(known) = known {
        let same = (known.program, known.inode, known.size_bytes, known.modified) == facts;
        if same && registry.blob_size(&known.descriptor.digest).is_some() {
            let diff_id = known.descriptor.digest.clone();
            return Ok(Layer {
                descriptor: known.descriptor,
                diff_id,
                created_by: created_by.to_owned(),
            });
        }
    }
    let libraries = match binary::inspect(program).map_err(|error| error.to_string())? {
        Binary::Dynamic(loader) => {
            binary::libraries(program, &loader).map_err(|error| error.to_string())?
        }
        _ => Vec::new(),
    };
    let layer = files_layer(registry, Some(program), &libraries, created_by)?;
    let (program, inode, size_bytes, modified) = facts;
    let noted = Noted {
        program,
        inode,
        size_bytes,
        modified,
        descriptor: layer.descriptor.clone(),
    };
    let bytes = serde_json::to_vec(&noted).map_err(|error| error.to_string())?;
    // Without the note the next build is slower, not wrong.
    drop(carto_artifacts::listen::write_whole(&note, &bytes));
    Ok(layer)
}

/// Labels of an image: what it was made from.
pub(super) fn labels(identity: &str, spec: &BuildSpec) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([(IDENTITY.to_owned(), identity.to_owned())]);
    let revision = spec
        .source
        .git
        .as_ref()
        .map(|git| git.revision.as_str())
        .or(spec.variable("BP_OCI_REVISION"));
    let source = spec
        .source
        .git
        .as_ref()
        .map(|git| git.url.as_str())
        .or(spec.variable("BP_OCI_SOURCE"));
    for (key, value) in [("revision", revision), ("source", source)] {
        labels.extend(
            value.map(|value| (format!("org.opencontainers.image.{key}"), value.to_owned())),
        );
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::super::spec::EnvVar;
    use super::*;

    fn source(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn with(name: &str, value: &str) -> BuildSpec {
        BuildSpec {
            env: vec![EnvVar {
                name: name.into(),
                value: value.into(),
            }],
            ..BuildSpec::default()
        }
    }

    #[test]
    fn the_files_decide_how_a_source_is_built() {
        let any = BuildSpec::default();
        let site = source(&[("public/index.html", "x")]);
        assert_eq!(
            plan(site.path(), &any),
            Ok(Plan::Static(site.path().join("public")))
        );
        let docker = source(&[("index.html", "x"), ("Dockerfile", "FROM scratch")]);
        assert_eq!(plan(docker.path(), &any), Ok(Plan::Dockerfile));
        assert_eq!(
            plan(docker.path(), &with("CARTO_BUILD", "static")),
            Ok(Plan::Static(docker.path().join("")))
        );
        let procfile = source(&[
            ("Procfile", "worker: ./w\nweb: ./bin/app --name 'a b'\n"),
            ("bin/app", ""),
            ("w", ""),
        ]);
        let expect = ["/workspace/bin/app", "--name", "a b"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(plan(procfile.path(), &any), Ok(Plan::Program(expect)));
    }

    #[test]
    fn what_cannot_be_built_says_what_is_missing() {
        let any = BuildSpec::default();
        for (files, expect) in [
            (vec![("README.md", "x")], "add an index.html"),
            (
                vec![("Procfile", "web: npm start")],
                "'npm' is not in the source",
            ),
            (
                vec![("Procfile", "web: ./a $PORT"), ("a", "")],
                "needs a shell",
            ),
            (vec![("Procfile", "a: ./a\nb: ./b")], "has no process 'web'"),
        ] {
            let error = plan(source(&files).path(), &any).unwrap_err();
            assert!(error.contains(expect), "{error}");
        }
        assert!(
            plan(source(&[]).path(), &with("CARTO_BUILD", "x"))
                .unwrap_err()
                .contains("known are")
        );
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        assert_eq!(
            split_words(r#"a "b c" d\ e '' f"#).unwrap(),
            ["a", "b c", "d e", "", "f"]
        );
        assert_eq!(split_words("a 'b"), None);
    }
}
