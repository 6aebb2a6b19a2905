//! File marks: `path:key=value`.
//!
//! Source: ytt pkg/cmd/template/file_marks.go.

use super::file::{File, FileType};

/// Applies marks to the files whose path they name; gives the files that are left.
///
/// # Errors
/// A mark that cannot be understood, or that no file matches.
pub(crate) fn apply(marks: &[String], mut files: Vec<File>) -> Result<Vec<File>, String> {
    // Paths are those the files had at first: marks may change them.
    let mut exclusive = Vec::new();
    for mark in marks {
        let Some((path, setting)) = mark.split_once(':') else {
            return Err(format!(
                "Expected file mark '{mark}' to be in format path:key=value"
            ));
        };
        let Some((key, value)) = setting.split_once('=') else {
            return Err(format!(
                "Expected file mark '{mark}' key-value portion to be in format key=value"
            ));
        };
        let pattern = Pattern::new(path);
        let mut matched = false;
        let mut kept = Vec::with_capacity(files.len());
        for mut file in files {
            let mut keeps = true;
            if pattern.matches(file.original_path()) {
                matched = true;
                keeps = set(&mut file, key, value, mark)?;
                if key == "exclusive-for-output" {
                    exclusive.push(file.original_path().to_owned());
                }
            }
            if keeps {
                kept.push(file);
            }
        }
        files = kept;
        if !matched {
            return Err(format!(
                "Expected file mark '{mark}' to match at least one file by path, but did not"
            ));
        }
    }
    if !exclusive.is_empty() {
        for file in &files {
            file.mark_for_output(exclusive.iter().any(|path| path == file.original_path()));
        }
    }
    Ok(files)
}

/// Applies one setting; says whether the file stays.
fn set(file: &mut File, key: &str, value: &str, mark: &str) -> Result<bool, String> {
    let unknown_value = || Err(format!("Unknown value in file mark '{mark}'"));
    match (key, value) {
        ("path", path) => file.mark_path(path),
        ("exclude", "true") => return Ok(false),
        ("type", "yaml-template") => file.mark_type(FileType::Yaml, true),
        ("type", "yaml-plain") => file.mark_type(FileType::Yaml, false),
        ("type", "text-template") => file.mark_type(FileType::Text, true),
        ("type", "text-plain") => file.mark_type(FileType::Text, false),
        ("type", "starlark") => file.mark_type(FileType::Starlark, false),
        ("type", "data") => file.mark_type(FileType::Other, false),
        ("for-output", "true") => file.mark_for_output(true),
        ("exclusive-for-output", "true") => {}
        ("exclude" | "type" | "for-output" | "exclusive-for-output", _) => return unknown_value(),
        _ => return Err(format!("Unknown key in file mark '{mark}'")),
    }
    Ok(true)
}

/// A path in which the first `**/*` stands for any number of levels and the first `*` besides it
/// for one.
struct Pattern<'a> {
    pieces: Vec<Piece<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    OneLevel,
    AnyLevels,
}

impl<'a> Pattern<'a> {
    fn new(path: &'a str) -> Self {
        let mut pieces = match path.split_once("**/*") {
            Some((before, after)) => {
                vec![Piece::Text(before), Piece::AnyLevels, Piece::Text(after)]
            }
            None => vec![Piece::Text(path)],
        };
        let star = pieces
            .iter()
            .enumerate()
            .find_map(|(index, piece)| match piece {
                Piece::Text(text) => text.split_once('*').map(|split| (index, split)),
                _ => None,
            });
        if let Some((index, (before, after))) = star {
            let split = [Piece::Text(before), Piece::OneLevel, Piece::Text(after)];
            pieces.splice(index..=index, split);
        }
        Self { pieces }
    }

    fn matches(&self, path: &str) -> bool {
        matches(&self.pieces, path)
    }
}

fn matches(pieces: &[Piece<'_>], path: &str) -> bool {
    let Some((first, rest)) = pieces.split_first() else {
        return path.is_empty();
    };
    match first {
        Piece::Text(text) => path
            .strip_prefix(text)
            .is_some_and(|path| matches(rest, path)),
        Piece::OneLevel | Piece::AnyLevels => {
            let level_ends = match first {
                Piece::OneLevel => path.find('/').unwrap_or(path.len()),
                _ => path.len(),
            };
            let ends = path.char_indices().map(|(at, c)| at + c.len_utf8());
            ends.take_while(|end| *end <= level_ends)
                .any(|end| matches(rest, &path[end..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_one_level_or_many() {
        for (pattern, path, expect) in [
            ("a.yml", "a.yml", true),
            ("a.yml", "b/a.yml", false),
            ("*.yml", "a.yml", true),
            ("*.yml", "b/a.yml", false),
            ("**/*", "b/a.yml", true),
            ("b/**/*", "b/c/a.yml", true),
            ("b/**/*.yml", "b/c/a.txt", false),
            ("b/*", "b/a.yml", true),
            ("b/*", "b/", false),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(path),
                expect,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn marks_change_and_remove_files() {
        let files = vec![
            File::new("a.yml", ""),
            File::new("b.yml", ""),
            File::new("c.txt", ""),
        ];
        let marks = [
            "a.yml:path=x/a.yml",
            "b.yml:exclude=true",
            "c.txt:type=data",
        ]
        .map(str::to_owned);
        let files = apply(&marks, files).unwrap();
        let paths: Vec<_> = files.iter().map(File::path).collect();
        assert_eq!(paths, ["x/a.yml", "c.txt"]);
        assert!(!files[1].is_for_output());
    }

    #[test]
    fn marks_that_make_no_sense_are_errors() {
        for (mark, expect) in [
            ("a", "Expected file mark 'a' to be in format path:key=value"),
            (
                "a:b",
                "Expected file mark 'a:b' key-value portion to be in format key=value",
            ),
            ("a.yml:x=y", "Unknown key in file mark 'a.yml:x=y'"),
            ("a.yml:type=y", "Unknown value in file mark 'a.yml:type=y'"),
            (
                "z:type=data",
                "Expected file mark 'z:type=data' to match at least one file by path, but did not",
            ),
        ] {
            let result = apply(&[mark.to_owned()], vec![File::new("a.yml", "")]);
            assert_eq!(result.unwrap_err(), expect);
        }
    }
}
