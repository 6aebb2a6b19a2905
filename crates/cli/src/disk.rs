//! What `carto ytt` may reach: files, standard input, the environment, and URLs; and where it
//! writes. What goes wrong is said in the words of the original.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use carto_ytt::command::Writes;
use carto_ytt::workspace::{EntryKind, Host};

/// Links that may be followed for one path.
const MAX_LINKS: usize = 255;

/// The file system, as seen from a directory.
#[derive(Debug, Default)]
pub struct Disk {
    /// What relative paths are relative to; empty for the directory of the process.
    pub directory: PathBuf,
    /// Standard input; that of the process if there is none.
    pub stdin: Option<Vec<u8>>,
    /// Environment variables, each as `NAME=value`.
    pub environment: Vec<String>,
    /// How URLs are fetched; without this they cannot be.
    pub fetch: Option<fn(&str) -> Result<Vec<u8>, String>>,
}

impl Disk {
    /// What this process can reach.
    pub fn of_process(fetch: fn(&str) -> Result<Vec<u8>, String>) -> Self {
        let environment = std::env::vars_os()
            .map(|(name, value)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy()))
            .collect();
        Self {
            environment,
            fetch: Some(fetch),
            ..Self::default()
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// Follows every link on the way; what is relative stays so.
    ///
    /// Source: Go path/filepath `EvalSymlinks`.
    fn follow(&self, path: &str) -> Result<String, String> {
        let mut left: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
        let mut found = if path.starts_with('/') { "/" } else { "" }.to_owned();
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name.is_empty() || name == "." {
                continue;
            }
            let next = format!("{found}{name}");
            let failed = |error: &io::Error| worded("lstat", &next, error);
            let metadata = fs::symlink_metadata(self.at(&next)).map_err(|e| failed(&e))?;
            if metadata.is_symlink() {
                links += 1;
                if links > MAX_LINKS {
                    return Err("EvalSymlinks: too many links".to_owned());
                }
                let target = fs::read_link(self.at(&next)).map_err(|e| failed(&e))?;
                let target = target.to_string_lossy().into_owned();
                if target.starts_with('/') {
                    "/".clone_into(&mut found);
                }
                left.extend(target.rsplit('/').map(str::to_owned));
            } else if name == ".." && !found.is_empty() && !found.ends_with("../") {
                let kept = found
                    .trim_end_matches('/')
                    .rfind('/')
                    .map_or(0, |at| at + 1);
                found.truncate(kept);
            } else {
                found = format!("{next}/");
            }
        }
        Ok(match found.trim_end_matches('/') {
            "" if found.is_empty() => ".".to_owned(),
            "" => found,
            found => found.to_owned(),
        })
    }

    /// Writes files; calls `created` with the path of each before it is written.
    ///
    /// # Errors
    /// The first thing that cannot be removed, made or written. What was written before stays.
    pub fn write(&self, writes: &Writes, created: &mut dyn FnMut(&str)) -> Result<(), String> {
        let root = self.at(&writes.directory);
        if writes.emptied {
            let removed = match fs::symlink_metadata(&root) {
                Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&root),
                Ok(_) => fs::remove_file(&root),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            };
            removed.map_err(|error| worded("unlinkat", &writes.directory, &error))?;
        }
        make_directory(&root)?;
        for (path, contents) in &writes.files {
            created(&writes.path_of(path));
            let target = root.join(path);
            if let Some(parent) = target.parent() {
                make_directory(parent)?;
            }
            let file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o700)
                .open(&target);
            file.and_then(|mut file| file.write_all(contents))
                .map_err(|error| worded("open", &target.display().to_string(), &error))?;
        }
        Ok(())
    }
}

fn make_directory(path: &Path) -> Result<(), String> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|error| worded("mkdir", &path.display().to_string(), &error))
}

fn worded(operation: &str, path: &str, error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    let text: String = first.into_iter().chain(chars).collect();
    format!("{operation} {path}: {text}")
}

fn kind(file_type: fs::FileType) -> EntryKind {
    if file_type.is_symlink() {
        EntryKind::Symlink
    } else if file_type.is_dir() {
        EntryKind::Directory
    } else if file_type.is_file() || file_type.is_fifo() {
        EntryKind::File
    } else {
        EntryKind::Other
    }
}

fn walk(
    directory: &Path,
    prefix: &str,
    found: &mut Vec<(String, EntryKind)>,
) -> Result<(), String> {
    let worded = |error| worded("open", &directory.display().to_string(), &error);
    for entry in fs::read_dir(directory).map_err(worded)? {
        let entry = entry.map_err(worded)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = kind(entry.file_type().map_err(worded)?);
        if kind == EntryKind::Directory {
            walk(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.push((name, kind));
        }
    }
    Ok(())
}

impl Host for Disk {
    fn kind(&self, path: &str) -> Result<EntryKind, String> {
        // An empty path is not the current directory.
        let metadata = if path.is_empty() {
            Err(io::ErrorKind::NotFound.into())
        } else {
            fs::symlink_metadata(self.at(path))
        };
        match metadata {
            Ok(metadata) => Ok(kind(metadata.file_type())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(format!("lstat {path}: no such file or directory"))
            }
            Err(error) => Err(worded("lstat", path, &error)),
        }
    }

    fn walk(&self, directory: &str) -> Result<Vec<(String, EntryKind)>, String> {
        let mut found = Vec::new();
        walk(&self.at(directory), "", &mut found)?;
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        fs::read(self.at(path)).map_err(|error| worded("open", path, &error))
    }

    fn stdin(&self) -> Result<Vec<u8>, String> {
        if let Some(stdin) = &self.stdin {
            return Ok(stdin.clone());
        }
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map_err(|error| worded("read", "/dev/stdin", &error))?;
        Ok(bytes)
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        match self.fetch {
            Some(fetch) => fetch(url),
            None => Err(format!("Requesting URL '{url}': no network")),
        }
    }

    fn link_target(&self, path: &str) -> Result<String, String> {
        self.follow(path)
    }

    fn absolute(&self, path: &str) -> Result<String, String> {
        std::path::absolute(self.at(path))
            .map(|path| path.display().to_string())
            .map_err(|error| worded("getwd", path, &error))
    }

    fn environment(&self) -> Vec<String> {
        self.environment.clone()
    }
}
