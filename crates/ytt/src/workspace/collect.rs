//! From the paths of `-f` to files.
//!
//! Source: ytt pkg/files/file.go `NewSortedFilesFromPaths`, sources.go, symlink.go.

use super::file::File;
use super::host::{EntryKind, Host};

/// Where symbolic links may lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SymlinkOptions {
    /// Everywhere.
    pub allow_all: bool,
    /// To these directories.
    pub allowed: Vec<String>,
}

/// Reads files by the paths that were given, each `path` or `relative=path`.
///
/// Shape: files are in the order of the paths, those of one directory sorted by path.
///
/// # Errors
/// A path that cannot be read.
pub fn files_from_paths(
    paths: &[String],
    symlinks: &SymlinkOptions,
    host: &dyn Host,
) -> Result<Vec<File>, String> {
    let mut all = Vec::new();
    for path in paths {
        let mut files = files_from_path(path, symlinks, host)?;
        files.sort_by(|a, b| a.path().cmp(b.path()));
        all.append(&mut files);
    }
    for (index, file) in all.iter_mut().enumerate() {
        file.set_order(index + 1);
    }
    Ok(all)
}

fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// The path to show a file under, if one is given, and where it is.
fn split_relative(path: &str) -> Result<(Option<&str>, &str), String> {
    let Some((relative, actual)) = path.split_once('=').filter(|_| !is_url(path)) else {
        return Ok((None, path));
    };
    if !is_url(actual) && actual.contains('=') {
        return Err(format!(
            "Expected file '{path}' to only have single '=' sign to for relative path assignment"
        ));
    }
    Ok((Some(relative), actual))
}

fn files_from_path(
    path: &str,
    symlinks: &SymlinkOptions,
    host: &dyn Host,
) -> Result<Vec<File>, String> {
    let (relative, path) = split_relative(path)?;
    let mut file = if path == "-" {
        File::read("stdin.yml", host.stdin())
    } else if is_url(path) {
        let without_query = path.split('?').next().unwrap_or(path);
        let name = base_name(without_query);
        File::read(name, host.get(path)).described(format!("HTTP URL '{path}'"))
    } else {
        let kind = host
            .kind(path)
            .map_err(|error| format!("Checking file '{path}': {error}"))?;
        if kind == EntryKind::Directory {
            return directory(path, symlinks, host)
                .map_err(|error| format!("Listing files '{path}': {error}"));
        }
        local_file(path, base_name(path), kind, symlinks, host)?
    };
    if let Some(relative) = relative.filter(|relative| !relative.is_empty()) {
        file.mark_path(relative);
    }
    Ok(vec![file])
}

fn directory(path: &str, symlinks: &SymlinkOptions, host: &dyn Host) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    for (relative, kind) in host.walk(path)? {
        let found = clean(&format!("{path}/{relative}"));
        files.push(local_file(&found, &relative, kind, symlinks, host)?);
    }
    Ok(files)
}

fn local_file(
    path: &str,
    relative: &str,
    kind: EntryKind,
    symlinks: &SymlinkOptions,
    host: &dyn Host,
) -> Result<File, String> {
    match kind {
        EntryKind::File => {}
        EntryKind::Symlink => check_symlink(path, symlinks, host)
            .map_err(|error| format!("Checking symlink file '{path}': {error}"))?,
        EntryKind::Directory | EntryKind::Other => {
            return Err(format!(
                "Expected file '{path}' to be a regular file, but was not"
            ));
        }
    }
    Ok(File::read(relative, host.read(path)).described(format!("file {path}")))
}

fn check_symlink(path: &str, symlinks: &SymlinkOptions, host: &dyn Host) -> Result<(), String> {
    if symlinks.allow_all {
        return Ok(());
    }
    let target = match host.link_target(path) {
        Err(error) if is_about_pipe(&error) => return Ok(()),
        target => target.map_err(|error| format!("Eval symlink: {error}"))?,
    };
    let absolute = clean(&host.absolute(&target)?);
    for allowed in &symlinks.allowed {
        let allowed = clean(&host.absolute(allowed)?);
        if is_in(&absolute, &allowed) {
            return Ok(());
        }
    }
    Err(format!(
        "Expected symlink file '{path}' -> '{target}' to be allowed, but was not \
         (hint: symlinks are disallowed as a security feature, \
         use '--allow-symlink-destination' flags to override)"
    ))
}

/// Whether a link leads to a pipe of this process, as that of `<(command)` does: there is no file
/// that it could have been made to lead to.
fn is_about_pipe(error: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    error
        .strip_prefix("lstat /proc/")
        .and_then(|rest| rest.strip_suffix("]: no such file or directory"))
        .and_then(|rest| rest.split_once("/fd/pipe:["))
        .is_some_and(|(process, pipe)| number(process) && number(pipe))
}

/// The shortest path that leads to the same place, as far as its words tell.
///
/// Source: Go path/filepath `Clean`.
pub(crate) fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                names.pop();
            }
            ".." if is_rooted => {}
            name => names.push(name),
        }
    }
    let joined = names.join("/");
    match (is_rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Whether a path is a directory or below it.
fn is_in(path: &str, directory: &str) -> bool {
    let directory = directory.trim_end_matches('/');
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn base_name(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    trimmed.rsplit('/').next().unwrap_or(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_be_shown_under_another() {
        assert_eq!(split_relative("a.yml"), Ok((None, "a.yml")));
        assert_eq!(
            split_relative("x/a.yml=b.yml"),
            Ok((Some("x/a.yml"), "b.yml"))
        );
        assert_eq!(split_relative("http://h/?a=b"), Ok((None, "http://h/?a=b")));
        assert_eq!(
            split_relative("a=http://h/?a=b"),
            Ok((Some("a"), "http://h/?a=b"))
        );
        assert!(split_relative("a=b=c").is_err());
    }

    #[test]
    fn paths_are_cleaned_as_in_go() {
        for (path, cleaned) in [
            ("./a/b", "a/b"),
            ("a//b/", "a/b"),
            ("/../a", "/a"),
            ("../a/../b", "../b"),
            ("./.", "."),
            ("a/..", "."),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    #[test]
    fn directories_are_compared_by_their_parts() {
        assert!(is_in("/a/b/c", "/a/b"));
        assert!(is_in("/a/b", "/a/b/"));
        assert!(!is_in("/a/bc", "/a/b"));
        assert!(is_in("/a", "/"));
    }
}
