//! Files on disk for the command, with ytt's words for what goes wrong.

use std::fs;
use std::io;
use std::path::Path;

use carto_ytt::workspace::{EntryKind, Host};

/// The file system below a directory; standard input is given, the environment too.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// What relative paths are relative to.
    pub directory: std::path::PathBuf,
    /// Standard input.
    pub stdin: Vec<u8>,
    /// Environment variables.
    pub environment: Vec<String>,
}

impl Disk {
    fn at(&self, path: &str) -> std::path::PathBuf {
        self.directory.join(path)
    }
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
    use std::os::unix::fs::FileTypeExt;
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
        Ok(self.stdin.clone())
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        Err(format!("Requesting URL '{url}': no network"))
    }

    fn link_target(&self, path: &str) -> Result<String, String> {
        let target = fs::canonicalize(self.at(path));
        let target = target.map_err(|error| worded("lstat", path, &error))?;
        Ok(target.display().to_string())
    }

    fn absolute(&self, path: &str) -> Result<String, String> {
        Ok(self.at(path).display().to_string())
    }

    fn environment(&self) -> Vec<String> {
        self.environment.clone()
    }
}
