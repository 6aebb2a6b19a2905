//! Which files of a source tree are left out of its artifact.
//!
//! Knows the gitignore pattern language as Flux reads it from `spec.ignore` and from `.sourceignore` files, and
//! Flux's default exclusions. Every path is judged on its own: the last pattern that matches the path, or one of
//! the folders above it, decides. (`git` itself never looks inside an excluded folder; Flux does.)
//! Source: fluxcd/pkg sourceignore/sourceignore.go and its use in artifact/storage.

use std::fs;
use std::io;
use std::path::Path;

/// Name of the file that carries patterns inside a source tree.
pub const IGNORE_FILE: &str = ".sourceignore";

/// Left out whenever no other pattern takes it in again.
const VCS: &[&str] = &[".git/", ".gitignore", ".gitmodules", ".gitattributes"];

/// Left out when neither the object nor the tree brings patterns of its own.
const DEFAULTS: &[&str] = &[
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.png",
    "*.wmv",
    "*.flv",
    "*.tar.gz",
    "*.zip",
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
];

/// How deep `.sourceignore` files are looked for.
const MAX_DEPTH: usize = 64;

/// An ordered list of patterns.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
    /// When not empty, only what lies below one of these folders is taken.
    only: Vec<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Pattern {
    /// Folders of the file the pattern was read from; it only judges paths below.
    domain: Vec<String>,
    segments: Vec<String>,
    include: bool,
    folders_only: bool,
    /// Anchored patterns match from the domain, others any single component.
    anchored: bool,
}

impl Ignore {
    /// Takes everything, version control files included.
    pub fn nothing() -> Ignore {
        Ignore::default()
    }

    /// The rules for a checked-out tree: Flux's exclusions, the tree's `.sourceignore` files, then `spec.ignore`.
    pub fn for_tree(root: &Path, spec_ignore: Option<&str>) -> io::Result<Ignore> {
        let mut own = Vec::new();
        collect_files(root, &mut Vec::new(), &mut own)?;
        own.extend(read_patterns(spec_ignore.unwrap_or_default(), &[]));
        let fixed: &[&[&str]] = if own.is_empty() {
            &[VCS, DEFAULTS]
        } else {
            &[VCS]
        };
        let mut patterns: Vec<Pattern> = fixed
            .iter()
            .copied()
            .flatten()
            .filter_map(|line| Pattern::parse(line, &[]))
            .collect();
        patterns.extend(own);
        Ok(Ignore {
            patterns,
            only: Vec::new(),
        })
    }

    /// The rules written in `text`, one pattern a line, and no others.
    pub fn from_lines(text: &str) -> Ignore {
        Ignore {
            patterns: read_patterns(text, &[]),
            only: Vec::new(),
        }
    }

    /// The same rules, limited to these folders (`spec.sparseCheckout`).
    #[must_use]
    pub fn limited_to(self, folders: &[String]) -> Ignore {
        let parts = |folder: &String| {
            let parts = folder
                .split('/')
                .filter(|part| !part.is_empty() && *part != ".");
            parts.map(str::to_owned).collect::<Vec<_>>()
        };
        Ignore {
            only: folders.iter().map(parts).collect(),
            ..self
        }
    }

    fn outside(&self, path: &[&str], is_folder: bool) -> bool {
        let within = |folder: &Vec<String>| {
            let common = folder.iter().zip(path).take_while(|(a, b)| a == *b).count();
            common == folder.len() || (is_folder && common == path.len())
        };
        !self.only.is_empty() && !self.only.iter().any(within)
    }

    /// Whether the path (components below the root) is left out.
    pub fn excludes(&self, path: &[&str], is_folder: bool) -> bool {
        if self.outside(path, is_folder) {
            return true;
        }
        self.patterns
            .iter()
            .rev()
            .find(|pattern| pattern.matches(path, is_folder))
            .is_some_and(|pattern| !pattern.include)
    }
}

fn collect_files(
    folder: &Path,
    domain: &mut Vec<String>,
    into: &mut Vec<Pattern>,
) -> io::Result<()> {
    if domain.len() > MAX_DEPTH {
        return Ok(());
    }
    match fs::read(folder.join(IGNORE_FILE)) {
        Ok(bytes) => into.extend(read_patterns(&String::from_utf8_lossy(&bytes), domain)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {}
        Err(error) => return Err(error),
    }
    let mut folders: Vec<String> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name != ".git")
        .collect();
    folders.sort_unstable();
    for name in folders {
        let below = folder.join(&name);
        domain.push(name);
        collect_files(&below, domain, into)?;
        domain.pop();
    }
    Ok(())
}

fn read_patterns(text: &str, domain: &[String]) -> Vec<Pattern> {
    text.lines()
        .filter_map(|line| Pattern::parse(line, domain))
        .collect()
}

impl Pattern {
    fn parse(line: &str, domain: &[String]) -> Option<Pattern> {
        if line.starts_with('#') || line.trim().is_empty() {
            return None;
        }
        let mut rest = match line.strip_suffix("\\ ") {
            Some(kept) => format!("{kept} "),
            None => line.trim_end_matches(' ').to_owned(),
        };
        let include = rest.starts_with('!');
        if include || rest.starts_with("\\#") || rest.starts_with("\\!") {
            rest.remove(0);
        }
        let folders_only = rest.ends_with('/');
        let body = rest.trim_end_matches('/');
        if body.is_empty() {
            return None;
        }
        let anchored = body.contains('/');
        let segments = body
            .trim_start_matches('/')
            .split('/')
            .map(str::to_owned)
            .collect();
        Some(Pattern {
            domain: domain.to_vec(),
            segments,
            include,
            folders_only,
            anchored,
        })
    }

    fn matches(&self, path: &[&str], is_folder: bool) -> bool {
        if path.len() <= self.domain.len() || !self.domain.iter().zip(path).all(|(a, b)| a == b) {
            return false;
        }
        let below = &path[self.domain.len()..];
        (1..=below.len()).any(|end| {
            let whole = end == below.len();
            if whole && self.folders_only && !is_folder {
                return false;
            }
            if self.anchored {
                segments_match(&self.segments, &below[..end])
            } else {
                glob(&self.segments[0], below[end - 1])
            }
        })
    }
}

/// `**` stands for any number of components, also none.
fn segments_match(pattern: &[String], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, [])) if first == "**" => !path.is_empty(),
        Some((first, rest)) if first == "**" => {
            (0..=path.len()).any(|skip| segments_match(rest, &path[skip..]))
        }
        Some((first, rest)) => path
            .split_first()
            .is_some_and(|(name, below)| glob(first, name) && segments_match(rest, below)),
    }
}

/// `*`, `?`, `[a-z]`, `[!a]` and `\x` within one component. Linear in the length of both, with one point of return.
fn glob(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at_pattern, mut at_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at_name < name.len() {
        if pattern.get(at_pattern) == Some(&'*') {
            star = Some((at_pattern + 1, at_name));
            at_pattern += 1;
            continue;
        }
        if let Some(next) = one(&pattern, at_pattern, name[at_name]) {
            at_pattern = next;
            at_name += 1;
            continue;
        }
        let Some((after_star, from)) = star else {
            return false;
        };
        star = Some((after_star, from + 1));
        at_pattern = after_star;
        at_name = from + 1;
    }
    pattern[at_pattern..].iter().all(|c| *c == '*')
}

/// Matches one character, and returns where the pattern goes on.
fn one(pattern: &[char], at: usize, c: char) -> Option<usize> {
    match *pattern.get(at)? {
        '?' => Some(at + 1),
        '\\' if at + 1 < pattern.len() => (pattern[at + 1] == c).then_some(at + 2),
        '[' => class(pattern, at, c),
        literal => (literal == c).then_some(at + 1),
    }
}

fn class(pattern: &[char], at: usize, c: char) -> Option<usize> {
    let mut i = at + 1;
    let negated = matches!(pattern.get(i), Some('!' | '^'));
    if negated {
        i += 1;
    }
    let start = i;
    let mut hit = false;
    while i < pattern.len() && (pattern[i] != ']' || i == start) {
        let low = pattern[i];
        if pattern.get(i + 1) == Some(&'-') && pattern.get(i + 2).is_some_and(|high| *high != ']') {
            hit |= (low..=pattern[i + 2]).contains(&c);
            i += 3;
        } else {
            hit |= low == c;
            i += 1;
        }
    }
    if i >= pattern.len() {
        return None;
    }
    (hit != negated).then_some(i + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(lines: &str, path: &str) -> bool {
        let folder = path.ends_with('/');
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        Ignore::from_lines(lines).excludes(&parts, folder)
    }

    #[test]
    fn the_last_matching_pattern_decides() {
        for (lines, path, expect) in [
            ("*.log", "a.log", true),
            ("*.log", "deep/down/a.log", true),
            ("*.log\n!keep.log", "deep/keep.log", false),
            ("/docs", "docs/a.md", true),
            ("/docs", "src/docs/a.md", false),
            ("docs/", "docs", false),
            ("docs/", "docs/a", true),
            ("docs/", "x/docs/a", true),
            ("a/b", "a/b/c", true),
            ("a/b", "x/a/b", false),
            ("**/b", "x/a/b", true),
            ("a/**", "a/x/y", true),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("/*\n!/src/", "README.md", true),
            ("/*\n!/src/", "src/main.rs", false),
            ("# comment\n\n", "a", false),
            ("\\#x", "#x", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("fo?", "foo", true),
            ("*a*b*c", "xxaxxbxxc", true),
            ("*a*b*c", "xxaxxcxxb", false),
        ] {
            assert_eq!(excluded(lines, path), expect, "{lines:?} against {path:?}");
        }
    }

    #[test]
    fn pictures_are_left_out_only_while_nobody_says_otherwise() {
        let tree = tempfile::tempdir().unwrap();
        let defaults = Ignore::for_tree(tree.path(), None).unwrap();
        assert!(defaults.excludes(&["logo.png"], false));
        assert!(defaults.excludes(&[".git", "config"], false));
        let own = Ignore::for_tree(tree.path(), Some("/secret")).unwrap();
        assert!(!own.excludes(&["logo.png"], false));
        assert!(own.excludes(&["secret"], false));
        assert!(own.excludes(&[".git", "config"], false));
        let with_git = Ignore::for_tree(tree.path(), Some("!.git")).unwrap();
        assert!(!with_git.excludes(&[".git", "config"], false));
    }

    #[test]
    fn a_limit_to_folders_keeps_them_and_the_way_to_them() {
        let rules = Ignore::from_lines("*.md").limited_to(&["./a/b".to_owned()]);
        assert!(!rules.excludes(&["a"], true) && !rules.excludes(&["a", "b", "c"], false));
        assert!(rules.excludes(&["a", "x"], false) && rules.excludes(&["z"], true));
        assert!(rules.excludes(&["a", "b", "r.md"], false));
    }

    #[test]
    fn sourceignore_files_judge_their_own_folder() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir(tree.path().join("sub")).unwrap();
        fs::write(tree.path().join("sub").join(IGNORE_FILE), "*.txt\n").unwrap();
        let rules = Ignore::for_tree(tree.path(), None).unwrap();
        assert!(rules.excludes(&["sub", "a.txt"], false));
        assert!(!rules.excludes(&["a.txt"], false));
    }
}
