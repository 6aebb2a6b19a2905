//! An image as a folder: its layers unpacked one over the other, with their deletions ("whiteouts").
//!
//! Owners are not kept (everything belongs to whoever runs this), set-user-id bits and devices neither. Every path is
//! resolved inside the folder: links of an image can point where they like, nothing is ever written outside.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::archive::{ArchiveError, Limits};
use crate::oci::manifest::{Descriptor, Manifest};
use crate::oci::registry::Registry;

/// 16 GiB and two million entries: more than images have, less than a disk.
const LIMITS: Limits = Limits {
    size_bytes: 16 << 30,
    entries: 2_000_000,
};

/// As many links in one path as Linux follows.
const MAX_LINKS: usize = 40;

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// Unpacks all layers of an image into `target`, which must exist and be empty.
pub fn unpack(registry: &Registry, manifest: &Manifest, target: &Path) -> Result<(), ArchiveError> {
    unpack_layers(registry, &manifest.layers, target)
}

/// Unpacks layers over what is in `target` already.
///
/// A file there is replaced, never written to: `target` may hold links to files that others use.
pub fn unpack_layers(
    registry: &Registry,
    layers: &[Descriptor],
    target: &Path,
) -> Result<(), ArchiveError> {
    let mut room = Room { left: LIMITS };
    for layer in layers {
        let path = registry.blob_path(&layer.digest);
        let file = File::open(&path).map_err(ArchiveError::io("cannot read layer", &path))?;
        unpack_layer(
            layer,
            BufReader::with_capacity(1 << 16, file),
            target,
            &mut room,
        )?;
    }
    Ok(())
}

/// Makes `target`, which must exist and be empty, a copy of `from` that shares the files' content.
pub fn link_tree(from: &Path, target: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (there, here) = (entry.path(), target.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs::create_dir(&here)?;
            link_tree(&there, &here)?;
            fs::set_permissions(&here, entry.metadata()?.permissions())?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&there)?, &here)?;
        } else {
            fs::hard_link(&there, &here)?;
        }
    }
    Ok(())
}

fn unpack_layer(
    layer: &Descriptor,
    source: impl Read,
    target: &Path,
    room: &mut Room,
) -> Result<(), ArchiveError> {
    let kind = layer.media_type.as_str();
    if kind.ends_with("zstd") {
        return Err(ArchiveError::Entry {
            path: layer.digest.to_string(),
            why: "is a layer compressed with zstd, which is not supported here; build the image with gzip layers",
        });
    }
    if kind.ends_with("gzip") {
        unpack_tar(MultiGzDecoder::new(source), target, room)
    } else {
        unpack_tar(source, target, room)
    }
}

struct Room {
    left: Limits,
}

impl Room {
    fn take(&mut self, size_bytes: u64) -> Result<(), ArchiveError> {
        match (
            self.left.entries.checked_sub(1),
            self.left.size_bytes.checked_sub(size_bytes),
        ) {
            (Some(entries), Some(size_bytes)) => {
                self.left = Limits {
                    size_bytes,
                    entries,
                };
                Ok(())
            }
            (None, _) => Err(ArchiveError::TooLarge {
                limit: LIMITS.entries,
                unit: "entries",
            }),
            (_, None) => Err(ArchiveError::TooLarge {
                limit: LIMITS.size_bytes,
                unit: "bytes",
            }),
        }
    }
}

fn unpack_tar(source: impl Read, target: &Path, room: &mut Room) -> Result<(), ArchiveError> {
    let mut archive = tar::Archive::new(source);
    let read = |error| ArchiveError::io("cannot read a layer for", target)(error);
    // Modes of folders last, so that a read-only folder can still be filled.
    let mut folders = Vec::new();
    for entry in archive.entries().map_err(read)? {
        let mut entry = entry.map_err(read)?;
        room.take(entry.size())?;
        let name = entry.path().map_err(read)?.into_owned();
        let extracted = extract(&mut entry, &name, target, &mut folders);
        extracted.map_err(|error| ArchiveError::io("cannot unpack", &name)(error))?;
    }
    for (path, mode) in folders.into_iter().rev() {
        drop(fs::set_permissions(path, fs::Permissions::from_mode(mode)));
    }
    Ok(())
}

fn extract<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    name: &Path,
    target: &Path,
    folders: &mut Vec<(PathBuf, u32)>,
) -> io::Result<()> {
    use tar::EntryType as Kind;
    let Some(path) = resolve(target, name)? else {
        return Ok(());
    };
    let file_name = path
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default()
        .to_owned();
    if file_name == OPAQUE {
        return empty(path.parent().unwrap_or(target));
    }
    if let Some(deleted) = file_name.strip_prefix(WHITEOUT) {
        return remove(&path.with_file_name(deleted));
    }
    let mode = entry.header().mode().unwrap_or(0o644) & 0o777;
    match entry.header().entry_type() {
        Kind::Directory => {
            if !fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir()) {
                remove(&path)?;
                fs::create_dir(&path)?;
            }
            folders.push((path, mode | 0o700));
            Ok(())
        }
        Kind::Regular | Kind::Continuous | Kind::GNUSparse => {
            remove(&path)?;
            let mut file = File::create_new(&path)?;
            io::copy(entry, &mut file)?;
            file.set_permissions(fs::Permissions::from_mode(mode | 0o200))
        }
        Kind::Symlink => {
            remove(&path)?;
            symlink(link_of(entry)?, &path)
        }
        Kind::Link => {
            let from = resolve(target, &link_of(entry)?)?.unwrap_or_else(|| target.to_owned());
            remove(&path)?;
            fs::hard_link(from, &path)
        }
        // Devices and pipes: the runtime gives every container its own /dev.
        _ => Ok(()),
    }
}

fn link_of<R: Read>(entry: &tar::Entry<'_, R>) -> io::Result<PathBuf> {
    let link = entry
        .link_name()?
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a link without target"))?;
    Ok(link.into_owned())
}

/// Where `name` is in the folder, its parents made and their links followed inside the folder; `None` is the folder itself.
pub fn resolve(root: &Path, name: &Path) -> io::Result<Option<PathBuf>> {
    let mut open: Vec<OsString> = Vec::new();
    push(&mut open, name)?;
    let mut done: Vec<OsString> = Vec::new();
    let mut links = 0;
    while let Some(part) = open.pop() {
        if part == ".." {
            done.pop();
            continue;
        }
        done.push(part);
        if open.is_empty() {
            break;
        }
        let path = root.join(done.iter().collect::<PathBuf>());
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "too many links in one path",
                    ));
                }
                let link = fs::read_link(&path)?;
                done.pop();
                if link.is_absolute() {
                    done.clear();
                }
                push(&mut open, &link)?;
            }
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::NotADirectory,
                    "an entry lies below a file",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&path)?,
            Err(error) => return Err(error),
        }
    }
    Ok((!done.is_empty()).then(|| root.join(done.iter().collect::<PathBuf>())))
}

fn push(open: &mut Vec<OsString>, path: &Path) -> io::Result<()> {
    for part in path.components().rev() {
        match part {
            Component::Normal(name) => open.push(name.to_owned()),
            Component::ParentDir => open.push("..".into()),
            Component::RootDir | Component::CurDir => {}
            Component::Prefix(_) => return Err(io::ErrorKind::InvalidFilename.into()),
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn empty(folder: &Path) -> io::Result<()> {
    fs::read_dir(folder)?.try_for_each(|entry| remove(&entry?.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::plain_header;
    use crate::oci::manifest::LAYER;
    use tar::EntryType as Kind;

    type Entries<'a> = &'a [(Kind, &'a str, &'a str)];

    fn layer(entries: Entries<'_>) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (kind, name, text) in entries {
            let data = if *kind == Kind::Regular {
                text.as_bytes()
            } else {
                b""
            };
            let mut header = plain_header(*kind, data.len() as u64, true);
            if matches!(kind, Kind::Symlink | Kind::Link) {
                header.set_link_name_literal(text).unwrap();
            }
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, data).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn unpacked(layers: &[Entries<'_>]) -> (tempfile::TempDir, Result<(), ArchiveError>) {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::open(dir.path().join("store")).unwrap();
        let layers = layers
            .iter()
            .map(|entries| {
                let (digest, size) = registry.put_blob(layer(entries).as_slice()).unwrap();
                Descriptor {
                    media_type: LAYER.into(),
                    digest,
                    size,
                    platform: None,
                }
            })
            .collect::<Vec<_>>();
        let manifest = Manifest {
            schema_version: 2,
            media_type: None,
            config: layers[0].clone(),
            layers,
            annotations: std::collections::BTreeMap::new(),
        };
        fs::create_dir(dir.path().join("root")).unwrap();
        let result = unpack(&registry, &manifest, &dir.path().join("root"));
        (dir, result)
    }

    #[test]
    fn later_layers_replace_and_delete() {
        let (dir, result) = unpacked(&[
            &[
                (Kind::Directory, "etc/", ""),
                (Kind::Regular, "etc/a", "one"),
                (Kind::Regular, "etc/b", "b"),
                (Kind::Directory, "gone/", ""),
                (Kind::Regular, "gone/x", "x"),
                (Kind::Regular, "file", "f"),
            ],
            &[
                (Kind::Regular, "etc/a", "two"),
                (Kind::Regular, "etc/.wh.b", ""),
                (Kind::Regular, "gone/.wh..wh..opq", ""),
                (Kind::Regular, "gone/y", "y"),
                (Kind::Link, "hard", "etc/a"),
                (Kind::Directory, "file/", ""),
            ],
        ]);
        result.unwrap();
        let root = dir.path().join("root");
        assert_eq!(fs::read_to_string(root.join("etc/a")).unwrap(), "two");
        assert_eq!(fs::read_to_string(root.join("hard")).unwrap(), "two");
        assert!(!root.join("etc/b").exists() && !root.join("gone/x").exists());
        assert!(root.join("gone/y").exists() && root.join("file").is_dir());
    }

    #[test]
    fn links_of_the_image_are_followed_inside_it() {
        let (dir, result) = unpacked(&[
            &[
                (Kind::Directory, "usr/", ""),
                (Kind::Directory, "usr/bin/", ""),
                (Kind::Symlink, "bin", "/usr/bin"),
                (Kind::Symlink, "out", "../../../../../../tmp"),
            ],
            &[
                (Kind::Regular, "bin/tool", "t"),
                (Kind::Regular, "out/evil", "e"),
                (Kind::Regular, "../../up", "u"),
            ],
        ]);
        result.unwrap();
        let root = dir.path().join("root");
        assert_eq!(fs::read_to_string(root.join("usr/bin/tool")).unwrap(), "t");
        assert_eq!(fs::read_to_string(root.join("tmp/evil")).unwrap(), "e");
        assert_eq!(fs::read_to_string(root.join("up")).unwrap(), "u");
    }

    #[test]
    fn circles_of_links_end_in_an_error() {
        let (_dir, result) = unpacked(&[&[
            (Kind::Symlink, "a", "b"),
            (Kind::Symlink, "b", "a"),
            (Kind::Regular, "a/x", "x"),
        ]]);
        assert!(result.is_err());
    }
}
