//! Source artifacts on disk: `<kind>/<namespace>/<name>/<file>` below one folder, as Flux lays them out, each with
//! its digest beside it.
//!
//! An artifact appears whole or not at all (written aside, flushed, renamed). Old ones stay while somebody may still
//! read the address from a stamped object: see [`Retention`].

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::archive::{self, ArchiveError, Limits, Packed};
use crate::digest::{Digest, Hashing};
use crate::ignore::Ignore;

/// How long artifacts that have been replaced stay.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// The newest ones always stay.
    pub keep: usize,
    /// Older ones stay at least this long.
    pub age: Duration,
}

impl Default for Retention {
    /// Ten artifacts, one hour: Flux keeps two for a minute, but here a laptop may sleep between two steps.
    fn default() -> Retention {
        Retention {
            keep: 10,
            age: Duration::from_secs(3600),
        }
    }
}

/// A folder of artifacts.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    base_url: String,
    limits: Limits,
    retention: Retention,
}

/// One artifact, as it appears in a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Below the store's folder and below its base URL.
    pub path: String,
    /// Where it is served.
    pub url: String,
    /// Of the file.
    pub digest: Digest,
    /// Of the file.
    pub size_bytes: u64,
}

impl Store {
    /// Opens (and makes) the folder; `base_url` is where [`crate::serve::router`] is reached.
    pub fn open(root: PathBuf, base_url: &str) -> io::Result<Store> {
        fs::create_dir_all(&root)?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Store {
            root,
            base_url,
            limits: Limits::default(),
            retention: Retention::default(),
        })
    }

    /// The same store with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits, retention: Retention) -> Store {
        Store {
            limits,
            retention,
            ..self
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a path is served.
    pub fn url_of(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url)
    }

    /// The path below the store of an address that this store serves.
    pub fn path_of_url<'a>(&self, url: &'a str) -> Option<&'a str> {
        url.strip_prefix(&self.base_url)?
            .strip_prefix('/')
            .filter(|path| is_plain(path))
    }

    /// The file behind a path, if the path is sound and the file there.
    pub fn file(&self, path: &str) -> Option<PathBuf> {
        if !is_plain(path) {
            return None;
        }
        let file = self.root.join(path);
        file.is_file().then_some(file)
    }

    /// Packs the tree below `source` as `path`, replacing what was there.
    pub fn archive(
        &self,
        path: &str,
        source: &Path,
        ignore: &Ignore,
    ) -> Result<Artifact, ArchiveError> {
        let target = self.target(path)?;
        let folder = target.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(ArchiveError::io("cannot make", folder))?;
        let mut aside = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(folder)
            .map_err(ArchiveError::io("cannot write in", folder))?;
        let packed = archive::pack(
            source,
            ignore,
            self.limits,
            BufWriter::new(aside.as_file_mut()),
        )?;
        aside
            .as_file()
            .sync_all()
            .map_err(ArchiveError::io("cannot write", &target))?;
        aside
            .persist(&target)
            .map_err(|error| ArchiveError::io("cannot write", &target)(error.error))?;
        self.note(&target, &packed)?;
        Ok(self.artifact(path, packed))
    }

    /// What is stored under `path`, verified against the digest noted when it was written.
    pub fn verified(&self, path: &str) -> Option<Artifact> {
        let file = self.file(path)?;
        let noted: Digest = fs::read_to_string(note_of(&file))
            .ok()?
            .trim()
            .parse()
            .ok()?;
        let mut hashing = Hashing::new(io::sink());
        io::copy(&mut File::open(&file).ok()?, &mut hashing).ok()?;
        let (_, digest, size_bytes) = hashing.finish();
        (digest == noted).then(|| {
            self.artifact(
                path,
                Packed {
                    digest,
                    size_bytes,
                    entries: 0,
                },
            )
        })
    }

    /// Removes what [`Retention`] no longer keeps beside `current`, and returns how many.
    pub fn collect(&self, current: &str) -> io::Result<usize> {
        let Ok(current) = self.target(current) else {
            return Ok(0);
        };
        let Some(folder) = current.parent() else {
            return Ok(0);
        };
        let mut others: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| *path != current && !is_note(path))
            .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
            .collect();
        others.sort();
        let surplus = others
            .len()
            .saturating_sub(self.retention.keep.saturating_sub(1));
        let now = SystemTime::now();
        let mut removed = 0;
        for (modified, path) in others.into_iter().take(surplus) {
            if now
                .duration_since(modified)
                .is_ok_and(|age| age >= self.retention.age)
            {
                fs::remove_file(&path)?;
                drop(fs::remove_file(note_of(&path)));
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes everything below a folder of the store, such as `gitrepository/<namespace>/<name>`.
    pub fn remove_all(&self, folder: &str) -> io::Result<()> {
        if !is_plain(folder) {
            return Ok(());
        }
        match fs::remove_dir_all(self.root.join(folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn target(&self, path: &str) -> Result<PathBuf, ArchiveError> {
        if is_plain(path) {
            return Ok(self.root.join(path));
        }
        Err(ArchiveError::Entry {
            path: path.to_owned(),
            why: "would be written outside of the store",
        })
    }

    fn note(&self, target: &Path, packed: &Packed) -> Result<(), ArchiveError> {
        let note = note_of(target);
        let write = || -> io::Result<()> {
            let mut aside = tempfile::Builder::new()
                .prefix(".new-")
                .tempfile_in(target.parent().unwrap_or(&self.root))?;
            writeln!(aside, "{}", packed.digest)?;
            aside.as_file().sync_all()?;
            aside.persist(&note).map(drop).map_err(|error| error.error)
        };
        write().map_err(ArchiveError::io("cannot write", &note))
    }

    fn artifact(&self, path: &str, packed: Packed) -> Artifact {
        let Packed {
            digest, size_bytes, ..
        } = packed;
        Artifact {
            path: path.to_owned(),
            url: self.url_of(path),
            digest,
            size_bytes,
        }
    }
}

fn note_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}

fn is_note(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    name.ends_with(".sha256") || name.starts_with('.')
}

/// Relative, with ordinary components only.
fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && path
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store"), "http://127.0.0.1:1/").unwrap();
        (dir, store)
    }

    #[test]
    fn an_artifact_is_found_under_its_address_and_verified() {
        let (dir, store) = store();
        let source = dir.path().join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("a"), "a").unwrap();
        let path = "gitrepository/dev/app/abc.tar.gz";
        let artifact = store.archive(path, &source, &Ignore::nothing()).unwrap();
        assert_eq!(
            artifact.url,
            "http://127.0.0.1:1/gitrepository/dev/app/abc.tar.gz"
        );
        assert_eq!(store.path_of_url(&artifact.url), Some(path));
        assert_eq!(store.verified(path), Some(artifact));
        fs::write(store.root().join(path), "tampered").unwrap();
        assert_eq!(store.verified(path), None);
    }

    #[test]
    fn paths_never_leave_the_store() {
        let (dir, store) = store();
        fs::write(dir.path().join("secret"), "s").unwrap();
        for bad in [
            "../secret",
            "/etc/passwd",
            "a/../../secret",
            "",
            "a//b",
            ".hidden",
        ] {
            assert_eq!(store.file(bad), None, "{bad}");
            assert!(
                store.archive(bad, dir.path(), &Ignore::nothing()).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn the_newest_and_the_young_are_kept() {
        let (dir, store) = store();
        let source = dir.path().join("source");
        fs::create_dir(&source).unwrap();
        let path = |n: u32| format!("gitrepository/dev/app/{n}.tar.gz");
        let hours_ago = |hours: u64| SystemTime::now() - Duration::from_secs(hours * 3600);
        for n in 0..5 {
            store
                .archive(&path(n), &source, &Ignore::nothing())
                .unwrap();
            let file = File::options()
                .write(true)
                .open(store.root().join(path(n)))
                .unwrap();
            file.set_modified(hours_ago(u64::from(9 - n))).unwrap();
        }
        let strict = store.clone().with_limits(
            Limits::default(),
            Retention {
                keep: 2,
                age: Duration::from_secs(6 * 3600),
            },
        );
        assert_eq!(strict.collect(&path(4)).unwrap(), 3);
        assert!(store.file(&path(2)).is_none());
        assert!(store.file(&path(3)).is_some());
        assert!(store.file(&path(4)).is_some());
        assert_eq!(store.collect(&path(4)).unwrap(), 0);
    }
}
