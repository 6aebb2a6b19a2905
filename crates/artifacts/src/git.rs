//! Git repositories through the `git` binary: which commit a reference means, and that commit's files.
//!
//! Order of references and form of revisions are Flux's (fluxcd/source-controller docs/spec/v1/gitrepositories.md,
//! fluxcd/pkg git/git.go): commit, then name, semver, tag, branch; `main@sha1:<commit>`. Messages use the words of
//! fluxcd/pkg git/gogit where there are some.

mod command;
mod range;
mod remote;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use command::Invocation;
use range::{Range, tag_version};
pub use remote::{Remote, RemoteError, SecretKeys};
use tokio::time::Instant;

use crate::archive::Limits;

/// A working copy is started over when its history has grown to this many packs.
const MAX_PACKS: usize = 64;

/// The `git` binary and the surroundings it runs in.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
    ssh: PathBuf,
    home: PathBuf,
    limits: Limits,
    timeout: Duration,
}

/// `spec.ref`: what to check out. The first of commit, name, semver, tag, branch that is there counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Reference {
    pub branch: Option<String>,
    pub tag: Option<String>,
    pub semver: Option<String>,
    pub name: Option<String>,
    pub commit: Option<String>,
}

/// A reference that has been looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Full name, such as `refs/heads/main`; none when only a commit was given.
    pub reference: Option<String>,
    /// Hexadecimal.
    pub commit: String,
    /// Whether the full name belongs into the revision.
    pub absolute: bool,
}

impl Resolved {
    /// `main@sha1:<commit>`; `refs/heads/main@sha1:<commit>` when asked for by name; `sha1:<commit>` for a bare commit.
    pub fn revision(&self) -> String {
        let algorithm = if self.commit.len() == 64 {
            "sha256"
        } else {
            "sha1"
        };
        let digest = format!("{algorithm}:{}", self.commit);
        let Some(reference) = &self.reference else {
            return digest;
        };
        let short = reference.splitn(3, '/').nth(2).unwrap_or(reference);
        format!("{}@{digest}", if self.absolute { reference } else { short })
    }
}

/// What was checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// First line of the commit message.
    pub subject: String,
}

/// Why git could not do it. Messages name the cause in Flux's words, then what git said.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum GitError {
    #[error("git is not installed: install it, and make sure that it is on PATH")]
    NoGit,
    #[error("context deadline exceeded: git did not finish within {} (spec.timeout)", seconds(*.limit))]
    Timeout { limit: Duration },
    #[error("authentication required: {detail}")]
    AuthenticationRequired { detail: String },
    #[error("ssh: handshake failed: knownhosts: key mismatch or unknown host: {detail}")]
    HostKey { detail: String },
    #[error("repository not found")]
    RepositoryNotFound,
    #[error("git repository is empty")]
    Empty,
    #[error("couldn't find remote ref \"{0}\"")]
    NoSuchReference(String),
    #[error("unable to resolve ref '{0}' to a specific commit")]
    NoSuchName(String),
    #[error("unable to resolve commit object for '{0}': object not found")]
    NoSuchCommit(String),
    #[error("no match found for semver: {0}")]
    NoMatch(String),
    #[error("semver parse error: {0}")]
    Semver(String),
    #[error("'{0}' is not a name of a reference")]
    BadReference(String),
    #[error("the server does not offer this commit")]
    NotOffered,
    #[error("no space left on device: free some and the next attempt will go on")]
    DiskFull,
    #[error("the repository is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    #[error("{detail}")]
    Failed { detail: String },
    #[error("cannot run git")]
    Run(#[source] io::Error),
}

impl GitError {
    fn run(error: io::Error) -> GitError {
        match error.kind() {
            io::ErrorKind::StorageFull => GitError::DiskFull,
            _ => GitError::Run(error),
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}

impl Git {
    /// Uses the `git` and `ssh` on PATH; `home` is a folder of its own for configuration and short-lived secrets.
    pub fn open(home: PathBuf) -> io::Result<Git> {
        command::prepare_home(&home)?;
        let home = home.canonicalize()?;
        Ok(Git {
            program: "git".into(),
            ssh: "ssh".into(),
            home,
            limits: Limits::default(),
            timeout: Duration::from_secs(60),
        })
    }

    /// The same with a limit on the time of each operation.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Git {
        Git {
            timeout,
            ..self.clone()
        }
    }

    /// The same with other limits on what is fetched.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Git {
        Git {
            limits,
            ..self.clone()
        }
    }

    /// The same with another ssh client.
    #[must_use]
    pub fn with_ssh(&self, ssh: PathBuf) -> Git {
        Git {
            ssh,
            ..self.clone()
        }
    }

    fn invocation<'a>(
        &'a self,
        remote: &'a Remote,
        folder: &'a Path,
        deadline: Instant,
    ) -> Invocation<'a> {
        Invocation {
            git: self,
            remote,
            folder,
            deadline,
        }
    }

    /// Looks up what `reference` means in the repository now.
    pub async fn resolve(
        &self,
        remote: &Remote,
        reference: &Reference,
    ) -> Result<Resolved, GitError> {
        let wanted = Wanted::of(reference)?;
        if let Wanted::Commit { commit, branch } = wanted {
            return Ok(Resolved {
                reference: branch,
                commit,
                absolute: false,
            });
        }
        let run = self.invocation(remote, &self.home, command::deadline(self.timeout));
        let mut args = vec![
            "ls-remote".to_owned(),
            "--symref".into(),
            "--".into(),
            remote.address(),
            "HEAD".into(),
        ];
        args.extend(wanted.patterns());
        let listing = Listing::parse(&String::from_utf8_lossy(&run.run(&args).await?));
        if listing.is_empty() {
            let heads = run
                .run(&["ls-remote", "--heads", "--", &remote.address()])
                .await?;
            return Err(if heads.is_empty() {
                GitError::Empty
            } else {
                wanted.missing()
            });
        }
        wanted.pick(&listing)
    }

    /// Brings `folder` (made if need be, reused when it is a working copy from before) to the files of the commit.
    pub async fn checkout(
        &self,
        remote: &Remote,
        resolved: &Resolved,
        folder: &Path,
        submodules: bool,
    ) -> Result<Checkout, GitError> {
        let deadline = command::deadline(self.timeout);
        if packs(folder) > MAX_PACKS {
            remove(folder)?;
        }
        let reused = folder.join(".git").exists();
        let result = match self
            .try_checkout(remote, resolved, folder, submodules, deadline)
            .await
        {
            // A copy left behind by a crash may be broken in many ways; a fresh one is not.
            Err(GitError::Failed { .. } | GitError::Run(_)) if reused => {
                remove(folder)?;
                self.try_checkout(remote, resolved, folder, submodules, deadline)
                    .await
            }
            first => first,
        };
        if result.is_err() {
            remove(folder)?;
        }
        result
    }

    async fn try_checkout(
        &self,
        remote: &Remote,
        resolved: &Resolved,
        folder: &Path,
        submodules: bool,
        deadline: Instant,
    ) -> Result<Checkout, GitError> {
        if !folder.join(".git/HEAD").exists() {
            remove(folder)?;
        }
        fs::create_dir_all(folder).map_err(GitError::run)?;
        let run = self.invocation(remote, folder, deadline);
        if !folder.join(".git").exists() {
            run.run(&["init", "--quiet", "."]).await?;
        }
        self.fetch(&run, remote, resolved).await?;
        self.measure(&run, &resolved.commit).await?;
        run.run(&[
            "checkout",
            "--quiet",
            "--force",
            "--detach",
            &resolved.commit,
        ])
        .await?;
        run.run(&["clean", "--quiet", "-ffdx"]).await?;
        if submodules {
            // Relative addresses of submodules are relative to the remote.
            run.run(&["config", "remote.origin.url", &remote.address()])
                .await?;
            run.run(&[
                "submodule",
                "--quiet",
                "update",
                "--init",
                "--recursive",
                "--force",
                "--depth",
                "1",
            ])
            .await?;
        }
        let subject = run
            .run(&["show", "--no-patch", "--format=%s", &resolved.commit])
            .await?;
        Ok(Checkout {
            subject: String::from_utf8_lossy(&subject).trim().to_owned(),
        })
    }

    async fn fetch(
        &self,
        run: &Invocation<'_>,
        remote: &Remote,
        resolved: &Resolved,
    ) -> Result<(), GitError> {
        let commit = &resolved.commit;
        let object = format!("{commit}^{{commit}}");
        if run.run(&["cat-file", "-e", &object]).await.is_ok() {
            return Ok(());
        }
        let address = remote.address();
        let base = [
            "fetch",
            "--quiet",
            "--force",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
        ];
        let with = |extra: &[&str], refspecs: &[&str]| -> Vec<String> {
            let words = base
                .iter()
                .chain(extra)
                .copied()
                .chain(["--", &address])
                .chain(refspecs.iter().copied());
            words.map(str::to_owned).collect()
        };
        match run.run(&with(&["--depth=1"], &[commit])).await {
            Err(GitError::NotOffered) => {}
            Err(GitError::Failed { detail }) if detail.contains("couldn't find remote ref") => {}
            other => return other.map(drop),
        }
        // Servers that give out named references only: the whole history of the branch, or of all.
        let all = [
            "+refs/heads/*:refs/carto/heads/*",
            "+refs/tags/*:refs/carto/tags/*",
        ];
        let one = resolved
            .reference
            .as_ref()
            .map(|name| format!("+{name}:refs/carto/one"));
        let refspecs: Vec<&str> = one.as_deref().map_or(all.to_vec(), |one| vec![one]);
        run.run(&with(&["--update-shallow"], &refspecs)).await?;
        run.run(&["cat-file", "-e", &object])
            .await
            .map(drop)
            .map_err(|_| GitError::NoSuchCommit(commit.clone()))
    }

    /// Refuses trees that are small as objects and huge as files.
    async fn measure(&self, run: &Invocation<'_>, commit: &str) -> Result<(), GitError> {
        let listing = run
            .run(&["ls-tree", "-r", "-l", "-z", "--full-tree", commit])
            .await?;
        let too_large = GitError::TooLarge {
            limit_bytes: self.limits.size_bytes,
        };
        let (mut size_bytes, mut entries) = (0u64, 0u64);
        for entry in listing
            .split(|byte| *byte == 0)
            .filter(|entry| !entry.is_empty())
        {
            entries += 1;
            // "<mode> <type> <object> <size>\t<path>"; submodules have "-" for a size.
            let size = entry.split(|byte| *byte == b'\t').next().and_then(|front| {
                std::str::from_utf8(front)
                    .ok()?
                    .split_whitespace()
                    .last()?
                    .parse::<u64>()
                    .ok()
            });
            size_bytes = size_bytes.saturating_add(size.unwrap_or(0));
        }
        let sound = size_bytes <= self.limits.size_bytes && entries <= self.limits.entries;
        if sound { Ok(()) } else { Err(too_large) }
    }

    /// The folder whose `HEAD`, `packed-refs` and `refs` change when a repository on this machine does.
    pub async fn references_folder(&self, remote: &Remote) -> Option<PathBuf> {
        let folder = remote.folder()?;
        let run = self.invocation(remote, folder, command::deadline(self.timeout));
        let printed = run
            .run(&["rev-parse", "--path-format=absolute", "--git-common-dir"])
            .await
            .ok()?;
        Some(PathBuf::from(
            String::from_utf8(printed).ok()?.trim_end_matches('\n'),
        ))
    }
}

fn remove(path: &Path) -> Result<(), GitError> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(GitError::run(error)),
        _ => Ok(()),
    }
}

fn packs(folder: &Path) -> usize {
    let listed = fs::read_dir(folder.join(".git/objects/pack"));
    listed.map_or(0, |entries| {
        entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|e| e == "pack"))
            .count()
    })
}

/// What a [`Reference`] asks for, checked.
enum Wanted {
    Commit {
        commit: String,
        branch: Option<String>,
    },
    Name(String),
    Semver {
        text: String,
        range: Range,
    },
    Exact(String),
    /// No reference at all: Flux's `master`, else what the repository calls its default.
    Default,
}

impl Wanted {
    fn of(reference: &Reference) -> Result<Wanted, GitError> {
        let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        let branch = given(&reference.branch);
        if let Some(commit) = given(&reference.commit) {
            let sound =
                matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| b.is_ascii_hexdigit());
            if !sound {
                return Err(GitError::NoSuchCommit(commit));
            }
            let branch = branch
                .map(|name| full_name("refs/heads/", &name))
                .transpose()?;
            return Ok(Wanted::Commit {
                commit: commit.to_ascii_lowercase(),
                branch,
            });
        }
        if let Some(name) = given(&reference.name) {
            return Ok(Wanted::Name(full_name("", &name)?));
        }
        if let Some(text) = given(&reference.semver) {
            let range = Range::parse(&text).map_err(GitError::Semver)?;
            return Ok(Wanted::Semver { text, range });
        }
        if let Some(tag) = given(&reference.tag) {
            return Ok(Wanted::Exact(full_name("refs/tags/", &tag)?));
        }
        match branch {
            Some(branch) => Ok(Wanted::Exact(full_name("refs/heads/", &branch)?)),
            None => Ok(Wanted::Default),
        }
    }

    fn patterns(&self) -> Vec<String> {
        match self {
            Wanted::Commit { .. } => Vec::new(),
            Wanted::Name(name) | Wanted::Exact(name) => vec![name.clone(), format!("{name}^{{}}")],
            Wanted::Semver { .. } => vec!["refs/tags/*".to_owned()],
            Wanted::Default => vec!["refs/heads/master".to_owned()],
        }
    }

    fn missing(&self) -> GitError {
        match self {
            Wanted::Commit { commit, .. } => GitError::NoSuchCommit(commit.clone()),
            Wanted::Name(name) => GitError::NoSuchName(name.clone()),
            Wanted::Exact(name) => GitError::NoSuchReference(name.clone()),
            Wanted::Semver { text, .. } => GitError::NoMatch(text.clone()),
            Wanted::Default => GitError::NoSuchReference("refs/heads/master".to_owned()),
        }
    }

    fn pick(&self, listing: &Listing) -> Result<Resolved, GitError> {
        let resolved = |name: &str, absolute: bool| {
            let commit = listing.commit(name)?;
            Some(Resolved {
                reference: Some(name.to_owned()),
                commit,
                absolute,
            })
        };
        let found = match self {
            Wanted::Commit { .. } => None,
            Wanted::Name(name) => resolved(name, true),
            Wanted::Exact(name) => resolved(name, false),
            Wanted::Semver { range, .. } => listing
                .highest_tag(range)
                .and_then(|tag| resolved(&format!("refs/tags/{tag}"), false)),
            Wanted::Default => resolved("refs/heads/master", false)
                .or_else(|| resolved(listing.default_branch.as_deref()?, false))
                .or_else(|| {
                    Some(Resolved {
                        reference: None,
                        commit: listing.commit("HEAD")?,
                        absolute: false,
                    })
                }),
        };
        found.ok_or_else(|| self.missing())
    }
}

/// Accepts what `git check-ref-format` accepts, roughly: enough that no name is taken for an option or a pattern.
fn full_name(prefix: &str, name: &str) -> Result<String, GitError> {
    let bad = name.starts_with(['-', '/', '.'])
        || name.ends_with(['/', '.'])
        || name.contains("..")
        || name.contains("//")
        || name
            .chars()
            .any(|c| c.is_ascii_control() || " ~^:?*[\\".contains(c));
    if bad {
        Err(GitError::BadReference(name.to_owned()))
    } else {
        Ok(format!("{prefix}{name}"))
    }
}

/// What `git ls-remote --symref` printed.
#[derive(Default)]
struct Listing {
    entries: Vec<(String, String)>,
    default_branch: Option<String>,
}

impl Listing {
    fn parse(text: &str) -> Listing {
        let mut listing = Listing::default();
        for line in text.lines() {
            let Some((value, name)) = line.split_once('\t') else {
                continue;
            };
            match value.strip_prefix("ref: ") {
                Some(branch) if name == "HEAD" => listing.default_branch = Some(branch.to_owned()),
                Some(_) => {}
                None => listing.entries.push((name.to_owned(), value.to_owned())),
            }
        }
        // The branch that HEAD points to was not asked for by name, but its commit is HEAD's.
        if let (Some(branch), Some(commit)) =
            (listing.default_branch.clone(), listing.commit("HEAD"))
            && listing.commit(&branch).is_none()
        {
            listing.entries.push((branch, commit));
        }
        listing
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The commit of a reference; for annotated tags the one they point to.
    fn commit(&self, name: &str) -> Option<String> {
        let find = |wanted: &str| {
            self.entries
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, commit)| commit.clone())
        };
        find(&format!("{name}^{{}}")).or_else(|| find(name))
    }

    fn highest_tag(&self, range: &Range) -> Option<&str> {
        let tags = self
            .entries
            .iter()
            .filter_map(|(name, _)| name.strip_prefix("refs/tags/"));
        tags.filter(|tag| !tag.ends_with("^{}"))
            .filter_map(|tag| Some((tag_version(tag)?, tag)))
            .filter(|(version, _)| range.matches(version))
            .max_by(|a, b| a.0.cmp_precedence(&b.0).then_with(|| a.1.cmp(b.1)))
            .map(|(_, tag)| tag)
    }
}

#[cfg(test)]
mod tests;
