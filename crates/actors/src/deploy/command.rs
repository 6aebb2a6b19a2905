//! What is started for a container: command, environment, user, root and mounts, from its image and its specification.

use std::collections::BTreeMap;
use std::path::Path;

use carto_artifacts::pull::Image;
use k8s_openapi::api::core::v1::Container;
use kube::ResourceExt;

use super::container::Replica;
use super::environment::Objects;
use super::volume;
use crate::internal::static_server;
use crate::internal::supervise::{Root, Spec};
use crate::process::Isolation;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Puts together what is to be started; `port` is where the container is to listen.
///
/// # Errors
/// A sentence that names what is missing.
pub(super) async fn spec(replica: &Replica<'_>, image: &Image, port: u16) -> Result<Spec, String> {
    let container = replica.container;
    let config = &image.config;
    let objects = Objects {
        client: &replica.shared.client,
        pod: replica.pod,
    };
    let mut env = objects
        .environment(container, &config.env, &replica.shared.ports)
        .await?;
    let command = words(container, &config.entrypoint, &config.cmd, &env)?;
    env.entry("PATH".to_owned())
        .or_insert_with(|| PATH.to_owned());
    env.entry("HOSTNAME".to_owned())
        .or_insert_with(|| replica.pod.name_any());
    env.insert("PORT".to_owned(), port.to_string());
    env.insert("CARTO_LOOPBACK".to_owned(), "1".to_owned());
    let workdir = container.working_dir.clone();
    let workdir = workdir.or_else(|| config.working_dir.clone());
    let isolation = replica.shared.launcher.isolation;
    let mut spec = Spec {
        command,
        env,
        workdir: workdir.unwrap_or_default(),
        own_namespace: isolation.has_root(),
        ..Spec::default()
    };
    if serves_statically(&spec.command, container) {
        serve_statically(replica, &mut spec, image);
    } else if isolation.has_root() {
        if isolation == Isolation::Namespaces {
            spec.user = user(replica, image)?;
        }
        spec.mounts = volume::mounts(replica.pod, container, &replica.folder.join("volumes"))?;
        spec.root = Some(overlay(replica, image));
    } else {
        share_machine(&mut spec, image);
    }
    Ok(spec)
}

/// The command line, as Kubernetes puts it together.
fn words(
    container: &Container,
    entrypoint: &[String],
    cmd: &[String],
    env: &BTreeMap<String, String>,
) -> Result<Vec<String>, String> {
    let command = container
        .command
        .as_deref()
        .filter(|words| !words.is_empty());
    let args = container.args.as_deref().filter(|words| !words.is_empty());
    let expand = |words: &[String]| -> Vec<String> {
        words
            .iter()
            .map(|word| super::environment::expand(word, env))
            .collect()
    };
    let mut all = command.map_or_else(|| entrypoint.to_vec(), expand);
    match (args, command) {
        (Some(args), _) => all.extend(expand(args)),
        (None, Some(_)) => {}
        (None, None) => all.extend_from_slice(cmd),
    }
    if all.is_empty() {
        return Err(
            "no command specified: neither the image nor the container names one".to_owned(),
        );
    }
    Ok(all)
}

/// The file server of static images is this very program: as long as nothing is put into its root, it needs none of
/// its own, and never leaves the folder that it serves.
fn serves_statically(command: &[String], container: &Container) -> bool {
    let is_server = command
        .first()
        .is_some_and(|program| program.ends_with("/carto"))
        && command.iter().any(|word| word == "static-server");
    is_server && container.volume_mounts.as_ref().is_none_or(Vec::is_empty)
}

fn serve_statically(replica: &Replica<'_>, spec: &mut Spec, image: &Image) {
    let asked = spec
        .command
        .iter()
        .skip_while(|word| *word != "static-server")
        .skip(1);
    let mut command = replica.shared.launcher.internal.command("static-server");
    command.extend(asked.cloned());
    spec.command = command;
    let root = image.root.display().to_string();
    spec.env
        .insert(static_server::ROOT_VARIABLE.to_owned(), root);
    "/".clone_into(&mut spec.workdir);
}

fn overlay(replica: &Replica<'_>, image: &Image) -> Root {
    let scratch = replica.scratch();
    Root::Overlay {
        lower: image.root.clone(),
        upper: scratch.join("upper"),
        work: scratch.join("work"),
        merged: scratch.join("merged"),
    }
}

/// User and group: the container's, the pod's, or the image's.
fn user(replica: &Replica<'_>, image: &Image) -> Result<Option<(u32, u32)>, String> {
    let own = replica.container.security_context.as_ref();
    let spec = replica.pod.spec.as_ref();
    let shared = spec.and_then(|spec| spec.security_context.as_ref());
    let asked = own
        .and_then(|own| own.run_as_user)
        .or_else(|| shared.and_then(|shared| shared.run_as_user));
    let group = own
        .and_then(|own| own.run_as_group)
        .or_else(|| shared.and_then(|shared| shared.run_as_group));
    let group = group.and_then(|group| u32::try_from(group).ok());
    if let Some(asked) = asked {
        let asked = u32::try_from(asked).map_err(|_| format!("runAsUser {asked} is no user"))?;
        return Ok(Some((asked, group.unwrap_or(0))));
    }
    let named = match image.config.user.as_deref().filter(|user| !user.is_empty()) {
        Some(text) => Some(look_up(text, &image.root)?),
        None => None,
    };
    Ok(match (named, group) {
        (Some((user, _)), Some(group)) => Some((user, group)),
        (None, Some(group)) => Some((0, group)),
        (named, None) => named,
    })
}

/// `user[:group]` of an image, by numbers or by the names in its `/etc/passwd` and `/etc/group`.
fn look_up(text: &str, root: &Path) -> Result<(u32, u32), String> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let field = |line: &str, at: usize| line.split(':').nth(at).map(str::to_owned);
    let entry = |file: &str, name: &str, key: usize| {
        let text = std::fs::read_to_string(root.join(file)).ok()?;
        let found = text
            .lines()
            .find(|line| field(line, key).as_deref() == Some(name));
        found.map(str::to_owned)
    };
    let known = entry("etc/passwd", user, 0).or_else(|| entry("etc/passwd", user, 2));
    let number = |text: Option<String>| text.and_then(|text| text.parse::<u32>().ok());
    let uid = number(Some(user.to_owned()))
        .or_else(|| number(field(known.as_deref()?, 2)))
        .ok_or_else(|| format!("unable to find user {user}: no matching entries in passwd file"))?;
    let gid = match group {
        None => number(known.and_then(|line| field(&line, 3))).unwrap_or(0),
        Some(group) => number(Some(group.to_owned()))
            .or_else(|| number(field(&entry("etc/group", group, 0)?, 2)))
            .ok_or_else(|| {
                format!("unable to find group {group}: no matching entries in group file")
            })?,
    };
    Ok((uid, gid))
}

/// Without a root of its own the process is started from where its image lies.
fn share_machine(spec: &mut Spec, image: &Image) {
    if let Some(program) = spec.command.first_mut() {
        let inside = image.root.join(program.trim_start_matches('/'));
        if inside.is_file() {
            *program = inside.display().to_string();
        }
    }
    let workdir = image.root.join(spec.workdir.trim_start_matches('/'));
    spec.workdir = workdir.display().to_string();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_and_args_replace_the_images_as_kubernetes_says() {
        let texts =
            |list: &[&str]| -> Vec<String> { list.iter().map(|s| (*s).to_owned()).collect() };
        let (entrypoint, cmd) = (texts(&["e"]), texts(&["c"]));
        let env = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        for (command, args, expect) in [
            (None, None, vec!["e", "c"]),
            (None, Some(vec!["$(A)"]), vec!["e", "1"]),
            (Some(vec!["x"]), None, vec!["x"]),
            (Some(vec!["x"]), Some(vec!["y"]), vec!["x", "y"]),
        ] {
            let container = Container {
                command: command.as_deref().map(texts),
                args: args.as_deref().map(texts),
                ..Container::default()
            };
            assert_eq!(words(&container, &entrypoint, &cmd, &env).unwrap(), expect);
        }
        assert!(words(&Container::default(), &[], &[], &env).is_err());
    }

    #[test]
    fn users_are_numbers_or_names_of_the_image() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(
            root.path().join("etc/passwd"),
            "root:x:0:0::/:\nweb:x:33:34::/:\n",
        )
        .unwrap();
        std::fs::write(root.path().join("etc/group"), "adm:x:4:\n").unwrap();
        for (text, expect) in [
            ("65532", (65532, 0)),
            ("65532:65533", (65532, 65533)),
            ("web", (33, 34)),
            ("33", (33, 34)),
            ("web:adm", (33, 4)),
        ] {
            assert_eq!(look_up(text, root.path()), Ok(expect), "{text}");
        }
        assert!(
            look_up("nobody", root.path())
                .unwrap_err()
                .contains("unable to find user nobody")
        );
    }
}
