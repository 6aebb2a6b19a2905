//! A binary of this machine made fit for an image from scratch: itself, and the loader and libraries it needs.
//!
//! A static binary needs nothing. A dynamic one names its loader in its header; asked with `--list`, the loader of
//! glibc prints what it would load.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Headers and library lists are small; more is not read.
const MAX_HEADERS: u16 = 128;
const MAX_LIBRARIES: usize = 256;

/// What a file is, as far as running it goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Binary {
    /// Runs anywhere.
    Static,
    /// Needs this loader.
    Dynamic(PathBuf),
    /// Needs an interpreter, named in its first line.
    Script(String),
    /// Cannot be run.
    Other,
}

/// Reads the head of a file.
pub(super) fn inspect(path: &Path) -> io::Result<Binary> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    (&mut file).take(64).read_to_end(&mut head)?;
    if head.starts_with(b"#!") {
        let line = head[2..]
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        return Ok(Binary::Script(
            String::from_utf8_lossy(line).trim().to_owned(),
        ));
    }
    // 64-bit little-endian only: what our platforms have.
    if head.len() < 64 || !head.starts_with(b"\x7fELF\x02\x01") {
        return Ok(Binary::Other);
    }
    let table = u64::from_le_bytes(field(&head, 32));
    let entry_size = u16::from_le_bytes(field(&head, 54));
    let count = u16::from_le_bytes(field(&head, 56)).min(MAX_HEADERS);
    for n in 0..count {
        file.seek(SeekFrom::Start(
            table.saturating_add(u64::from(n) * u64::from(entry_size)),
        ))?;
        let mut header = [0; 56];
        file.read_exact(&mut header)?;
        const INTERPRETER: u32 = 3;
        if u32::from_le_bytes(field(&header, 0)) == INTERPRETER {
            file.seek(SeekFrom::Start(u64::from_le_bytes(field(&header, 8))))?;
            let mut name = Vec::new();
            (&mut file)
                .take(u64::from_le_bytes(field(&header, 32)).min(4096))
                .read_to_end(&mut name)?;
            let name = String::from_utf8_lossy(&name)
                .trim_end_matches('\0')
                .to_owned();
            return Ok(Binary::Dynamic(PathBuf::from(name)));
        }
    }
    Ok(Binary::Static)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[at..at + N]);
    value
}

/// Loader and libraries of a dynamic binary, under the paths where it looks for them.
pub(super) fn libraries(program: &Path, loader: &Path) -> io::Result<Vec<PathBuf>> {
    let output = Command::new(loader)
        .arg("--list")
        .arg(program)
        .env_clear()
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!(
            "'{}' needs libraries that are not on this machine: {}",
            program.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    let mut found = vec![loader.to_owned()];
    for line in String::from_utf8_lossy(&output.stdout)
        .lines()
        .take(MAX_LIBRARIES)
    {
        // "libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)", or the loader's own path without an arrow.
        let Some((_, rest)) = line.split_once("=> ") else {
            continue;
        };
        let path = rest.split(" (").next().unwrap_or_default().trim();
        if path.starts_with('/') {
            found.push(PathBuf::from(path));
        }
    }
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_and_scripts_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("run");
        std::fs::write(&script, "#!/bin/sh -e\necho\n").unwrap();
        assert_eq!(
            inspect(&script).unwrap(),
            Binary::Script("/bin/sh -e".into())
        );
        std::fs::write(&script, "text").unwrap();
        assert_eq!(inspect(&script).unwrap(), Binary::Other);
        let shell = inspect(&Path::new("/bin/sh").canonicalize().unwrap()).unwrap();
        if let Binary::Dynamic(loader) = shell {
            let libraries = libraries(Path::new("/bin/sh"), &loader).unwrap();
            assert!(libraries.iter().all(|path| path.exists()), "{libraries:?}");
            assert!(
                libraries
                    .iter()
                    .any(|path| path.to_string_lossy().contains("libc")),
                "{libraries:?}"
            );
        } else {
            assert_eq!(shell, Binary::Static);
        }
    }
}
