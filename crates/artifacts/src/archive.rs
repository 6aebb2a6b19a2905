//! Folders to `.tar.gz` and back.
//!
//! Packing is reproducible: entries in byte order of their names, no owners, no times, modes reduced to "may be
//! executed" or not, so that equal trees give equal digests. Unpacking never leaves its folder, and both stop at
//! stated limits. Regular files and folders travel, as with Flux; symbolic links travel when they point inside the
//! tree (Differs: Flux drops them all).

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};

use crate::digest::{Digest, Hashing};
use crate::ignore::Ignore;

/// What one archive may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Sum of the sizes of all files.
    pub size_bytes: u64,
    /// Number of files, folders and links.
    pub entries: u64,
}

impl Default for Limits {
    /// One gibibyte and 200,000 entries: a large source repository, not a disk.
    fn default() -> Limits {
        Limits {
            size_bytes: 1 << 30,
            entries: 200_000,
        }
    }
}

/// Folders deeper than this are refused.
const MAX_DEPTH: usize = 128;

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Of the compressed bytes.
    pub digest: Digest,
    /// Of the compressed bytes.
    pub size_bytes: u64,
    /// Files, folders and links inside.
    pub entries: u64,
}

/// Why packing or unpacking stopped.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The disk, mostly.
    #[error("{what} '{}'", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// More than [`Limits`] allows.
    #[error(
        "the tree holds more than {limit} {unit}; leave files out with an ignore rule, or raise the limit"
    )]
    TooLarge {
        /// The limit that was met.
        limit: u64,
        /// What it counts.
        unit: &'static str,
    },
    /// An entry that would be written outside of the target, or of a kind that is not carried.
    #[error("entry '{path}' {why}")]
    Entry {
        /// Name as in the archive.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl ArchiveError {
    pub(crate) fn io<'a>(
        what: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> ArchiveError + 'a {
        move |source| ArchiveError::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }
}

/// Writes the tree below `root` as a reproducible `.tar.gz`.
pub fn pack(
    root: &Path,
    ignore: &Ignore,
    limits: Limits,
    out: impl Write,
) -> Result<Packed, ArchiveError> {
    let hashing = Hashing::new(out);
    let mut gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(hashing, Compression::new(6));
    let entries = pack_tar(root, "", ignore, limits, &mut gzip)?;
    let hashing = gzip
        .finish()
        .and_then(|mut hashing| hashing.flush().map(|()| hashing))
        .map_err(ArchiveError::io("cannot finish the archive of", root))?;
    let (_, digest, size_bytes) = hashing.finish();
    Ok(Packed {
        digest,
        size_bytes,
        entries,
    })
}

/// Writes the tree below `root` as a reproducible `.tar`, below the folder `prefix` if that is not empty.
pub(crate) fn pack_tar(
    root: &Path,
    prefix: &str,
    ignore: &Ignore,
    limits: Limits,
    out: impl Write,
) -> Result<u64, ArchiveError> {
    let tar = tar::Builder::new(out);
    let mut packer = Packer {
        tar,
        prefix,
        ignore,
        limits,
        size_bytes: 0,
        entries: 0,
    };
    for (end, _) in prefix
        .match_indices('/')
        .chain((!prefix.is_empty()).then_some((prefix.len(), "")))
    {
        let mut header = plain_header(tar::EntryType::Directory, 0, true);
        let appended =
            packer
                .tar
                .append_data(&mut header, format!("{}/", &prefix[..end]), io::empty());
        appended.map_err(ArchiveError::io("cannot archive", root))?;
    }
    packer.folder(root, &mut Vec::new())?;
    packer
        .tar
        .finish()
        .map_err(ArchiveError::io("cannot finish the archive of", root))?;
    Ok(packer.entries)
}

struct Packer<'a, W: Write> {
    tar: tar::Builder<W>,
    prefix: &'a str,
    ignore: &'a Ignore,
    limits: Limits,
    size_bytes: u64,
    entries: u64,
}

impl<W: Write> Packer<'_, W> {
    fn folder(&mut self, folder: &Path, below: &mut Vec<String>) -> Result<(), ArchiveError> {
        if below.len() > MAX_DEPTH {
            return Err(ArchiveError::TooLarge {
                limit: MAX_DEPTH as u64,
                unit: "levels of folders",
            });
        }
        let mut entries: Vec<fs::DirEntry> = fs::read_dir(folder)
            .and_then(Iterator::collect)
            .map_err(ArchiveError::io("cannot list", folder))?;
        entries.sort_by(|a, b| a.file_name().as_bytes().cmp(b.file_name().as_bytes()));
        for entry in entries {
            let path = entry.path();
            let name = entry
                .file_name()
                .into_string()
                .map_err(|name| ArchiveError::Entry {
                    path: name.to_string_lossy().into_owned(),
                    why: "has a name that is not UTF-8",
                })?;
            below.push(name);
            self.entry(&path, below)?;
            below.pop();
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, below: &mut Vec<String>) -> Result<(), ArchiveError> {
        let meta = fs::symlink_metadata(path).map_err(ArchiveError::io("cannot read", path))?;
        let parts: Vec<&str> = below.iter().map(String::as_str).collect();
        let excluded = self.ignore.excludes(&parts, meta.is_dir());
        if meta.is_dir() {
            if !excluded {
                self.append_folder(&self.name(&parts), path)?;
            }
            return self.folder(path, below);
        }
        if excluded {
            return Ok(());
        }
        let name = self.name(&parts);
        if meta.is_file() {
            self.append_file(&name, path, &meta)
        } else if meta.is_symlink() {
            self.append_link(&name, path)
        } else {
            Ok(())
        }
    }

    fn name(&self, parts: &[&str]) -> String {
        let below = parts.join("/");
        if self.prefix.is_empty() {
            below
        } else {
            format!("{}/{below}", self.prefix)
        }
    }

    fn count(&mut self, size_bytes: u64) -> Result<(), ArchiveError> {
        self.entries += 1;
        self.size_bytes += size_bytes;
        if self.entries > self.limits.entries {
            return Err(ArchiveError::TooLarge {
                limit: self.limits.entries,
                unit: "entries",
            });
        }
        if self.size_bytes > self.limits.size_bytes {
            return Err(ArchiveError::TooLarge {
                limit: self.limits.size_bytes,
                unit: "bytes",
            });
        }
        Ok(())
    }

    fn append_folder(&mut self, name: &str, path: &Path) -> Result<(), ArchiveError> {
        self.count(0)?;
        let mut header = plain_header(tar::EntryType::Directory, 0, true);
        self.tar
            .append_data(&mut header, format!("{name}/"), io::empty())
            .map_err(ArchiveError::io("cannot archive", path))
    }

    fn append_file(
        &mut self,
        name: &str,
        path: &Path,
        meta: &fs::Metadata,
    ) -> Result<(), ArchiveError> {
        self.count(meta.len())?;
        let file = File::open(path).map_err(ArchiveError::io("cannot read", path))?;
        let executable = meta.permissions().mode() & 0o111 != 0;
        let mut header = plain_header(tar::EntryType::Regular, meta.len(), executable);
        self.tar
            .append_data(&mut header, name, file.take(meta.len()))
            .map_err(ArchiveError::io("cannot archive", path))
    }

    fn append_link(&mut self, name: &str, path: &Path) -> Result<(), ArchiveError> {
        let target = fs::read_link(path).map_err(ArchiveError::io("cannot read", path))?;
        if !stays_inside(Path::new(name), &target) {
            return Ok(());
        }
        self.count(0)?;
        let mut header = plain_header(tar::EntryType::Symlink, 0, true);
        self.tar
            .append_link(&mut header, name, &target)
            .map_err(ArchiveError::io("cannot archive", path))
    }
}

pub(crate) fn plain_header(kind: tar::EntryType, size_bytes: u64, executable: bool) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size_bytes);
    header.set_mode(if executable { 0o755 } else { 0o644 });
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Whether a link at `name` that points to `target` resolves below the root, by its text alone.
fn stays_inside(name: &Path, target: &Path) -> bool {
    let mut depth = name.components().count().saturating_sub(1);
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

/// Unpacks a `.tar.gz` (or plain `.tar`) into `target`, which must exist; the first `strip` components of each name fall away.
pub fn unpack(
    source: impl Read,
    target: &Path,
    strip: usize,
    limits: Limits,
) -> Result<(), ArchiveError> {
    let mut source = BufReader::new(source);
    let gzip = io::BufRead::fill_buf(&mut source)
        .map_err(ArchiveError::io("cannot read the archive for", target))?
        .starts_with(&[0x1f, 0x8b]);
    if gzip {
        unpack_tar(GzDecoder::new(source), target, strip, limits)
    } else {
        unpack_tar(source, target, strip, limits)
    }
}

fn unpack_tar(
    source: impl Read,
    target: &Path,
    strip: usize,
    limits: Limits,
) -> Result<(), ArchiveError> {
    let mut archive = tar::Archive::new(source);
    archive.set_preserve_mtime(false);
    let (mut entries, mut size_bytes) = (0u64, 0u64);
    let listing = archive
        .entries()
        .map_err(ArchiveError::io("cannot read the archive for", target))?;
    for entry in listing {
        let mut entry = entry.map_err(ArchiveError::io("cannot read the archive for", target))?;
        entries += 1;
        size_bytes = size_bytes.saturating_add(entry.size());
        if entries > limits.entries {
            return Err(ArchiveError::TooLarge {
                limit: limits.entries,
                unit: "entries",
            });
        }
        if size_bytes > limits.size_bytes {
            return Err(ArchiveError::TooLarge {
                limit: limits.size_bytes,
                unit: "bytes",
            });
        }
        extract(&mut entry, target, strip)?;
    }
    Ok(())
}

fn extract<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    target: &Path,
    strip: usize,
) -> Result<(), ArchiveError> {
    let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let kind = entry.header().entry_type();
    if matches!(kind, tar::EntryType::XGlobalHeader) {
        return Ok(());
    }
    if !matches!(
        kind,
        tar::EntryType::Regular | tar::EntryType::Directory | tar::EntryType::Symlink
    ) {
        return Err(ArchiveError::Entry {
            path: shown,
            why: "is neither a file nor a folder nor a symbolic link",
        });
    }
    let Some(name) = inner_name(Path::new(&shown), strip) else {
        return Err(ArchiveError::Entry {
            path: shown,
            why: "would be written outside of the folder",
        });
    };
    if name.as_os_str().is_empty() {
        return Ok(());
    }
    if kind == tar::EntryType::Symlink {
        let link = entry
            .link_name()
            .ok()
            .flatten()
            .map(std::borrow::Cow::into_owned)
            .unwrap_or_default();
        if !stays_inside(&name, &link) {
            return Err(ArchiveError::Entry {
                path: shown,
                why: "is a link that leads outside of the folder",
            });
        }
    }
    let path = target.join(&name);
    ensure_real_parents(target, &name).map_err(ArchiveError::io("cannot unpack", &path))?;
    entry
        .unpack(&path)
        .map(drop)
        .map_err(ArchiveError::io("cannot unpack", &path))
}

/// The name below the target: relative, no `..`, `strip` components fewer. `None` when it would leave the target.
fn inner_name(name: &Path, strip: usize) -> Option<PathBuf> {
    let mut parts = Vec::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(parts.into_iter().skip(strip).collect())
}

/// Makes the folders above `name`, refusing to walk through a symbolic link.
pub(crate) fn ensure_real_parents(target: &Path, name: &Path) -> io::Result<()> {
    let mut path = target.to_owned();
    for part in name.parent().into_iter().flat_map(Path::components) {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::NotADirectory,
                    "an entry lies below a file or a link",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&path)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn packed(dir: &Path, ignore: &Ignore) -> (Vec<u8>, Packed) {
        let mut bytes = Vec::new();
        let packed = pack(dir, ignore, Limits::default(), &mut bytes).unwrap();
        (bytes, packed)
    }

    #[test]
    fn equal_trees_give_equal_archives_whenever_they_were_written() {
        let files = [("b/two.txt", "2"), ("a.txt", "1"), ("b/one.txt", "1")];
        let first = tree(&files);
        let second = tree(&[files[2], files[1], files[0]]);
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        File::options()
            .write(true)
            .open(second.path().join("a.txt"))
            .unwrap()
            .set_modified(old)
            .unwrap();
        let (bytes, one) = packed(first.path(), &Ignore::nothing());
        let (_, two) = packed(second.path(), &Ignore::nothing());
        assert_eq!(one, two);
        assert_eq!(one.digest, Digest::of(&bytes));
        assert_eq!(one.size_bytes, bytes.len() as u64);
    }

    #[test]
    fn what_was_packed_unpacks_again_with_modes_and_links() {
        let source = tree(&[("bin/run", "#!/bin/sh\n"), ("a/b/c", "c"), ("skip/x", "x")]);
        fs::set_permissions(
            source.path().join("bin/run"),
            fs::Permissions::from_mode(0o750),
        )
        .unwrap();
        std::os::unix::fs::symlink("bin/run", source.path().join("start")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", source.path().join("evil")).unwrap();
        let (bytes, _) = packed(source.path(), &Ignore::from_lines("skip"));
        let target = tempfile::tempdir().unwrap();
        unpack(bytes.as_slice(), target.path(), 0, Limits::default()).unwrap();
        assert_eq!(
            fs::read_to_string(target.path().join("a/b/c")).unwrap(),
            "c"
        );
        assert_eq!(
            fs::read_to_string(target.path().join("start")).unwrap(),
            "#!/bin/sh\n"
        );
        let mode = fs::metadata(target.path().join("bin/run"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
        assert!(!target.path().join("skip").exists());
        assert!(fs::symlink_metadata(target.path().join("evil")).is_err());
        let (again, _) = packed(target.path(), &Ignore::nothing());
        assert_eq!(again, bytes);
    }

    #[test]
    fn limits_are_named() {
        let source = tree(&[("a", "12345"), ("b", "12345")]);
        let error = pack(
            source.path(),
            &Ignore::nothing(),
            Limits {
                size_bytes: 9,
                entries: 9,
            },
            io::sink(),
        );
        assert!(error.unwrap_err().to_string().contains("more than 9 bytes"));
        let error = pack(
            source.path(),
            &Ignore::nothing(),
            Limits {
                size_bytes: 99,
                entries: 1,
            },
            io::sink(),
        );
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("more than 1 entries")
        );
    }

    #[test]
    fn archives_that_reach_outside_are_refused() {
        let outside = tempfile::tempdir().unwrap();
        for (name, link) in [
            ("../x", None),
            ("/x", None),
            ("l", Some("../..")),
            ("l", Some("/etc")),
        ] {
            let mut tar = tar::Builder::new(Vec::new());
            let mut header = plain_header(tar::EntryType::Regular, 0, false);
            if let Some(link) = link {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_link_name_literal(link).unwrap();
            }
            // The safe setters refuse such names, so the bytes are written by hand.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, io::empty()).unwrap();
            let bytes = tar.into_inner().unwrap();
            let error = unpack(bytes.as_slice(), outside.path(), 0, Limits::default()).unwrap_err();
            assert!(error.to_string().contains("outside"), "{name}: {error}");
        }
    }

    #[test]
    fn leading_components_can_be_stripped() {
        let source = tree(&[("app-1.0/index.html", "hi")]);
        let (bytes, _) = packed(source.path(), &Ignore::nothing());
        let target = tempfile::tempdir().unwrap();
        unpack(bytes.as_slice(), target.path(), 1, Limits::default()).unwrap();
        assert_eq!(
            fs::read_to_string(target.path().join("index.html")).unwrap(),
            "hi"
        );
    }
}
