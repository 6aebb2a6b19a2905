//! Running the `git` binary without surprises: no configuration of the machine or the user, no prompts, no hooks, no
//! other transports than asked for, a deadline, bounded output and bounded file sizes.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::remote::{Auth, Location, Remote, mask};
use super::{Git, GitError};

/// More output than any of our commands has reason to give (a listing of 200,000 references).
const MAX_OUTPUT_BYTES: u64 = 32 * 1024 * 1024;
const MAX_ERROR_BYTES: u64 = 64 * 1024;

/// Variables through which the surroundings could change what git does. Source: `git rev-parse --local-env-vars` and git(1).
const FOREIGN: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ASKPASS",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_SYSTEM",
    "GIT_DIR",
    "GIT_EXEC_PATH",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_SSH",
    "GIT_TEMPLATE_DIR",
    "GIT_TRACE",
    "GIT_TRACE_CURL",
    "GIT_TRACE_PACKET",
    "GIT_WORK_TREE",
    "SSH_ASKPASS",
    "SSH_AUTH_SOCK",
];

/// Configuration of every command, in the file that git takes for the user's.
const CONFIG: &str = "\
[advice]\n\tdetachedHead = false\n\
[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n\taskPass =\n\tautocrlf = false\n\
[credential]\n\thelper =\n\
[fetch]\n\tunpackLimit = 1\n\twriteCommitGraph = false\n\
[gc]\n\tauto = 0\n\
[http]\n\tfollowRedirects = initial\n\
[init]\n\tdefaultBranch = main\n\ttemplateDir =\n\
[maintenance]\n\tauto = false\n\
[protocol]\n\tallow = never\n\
[safe]\n\tdirectory = *\n\
[submodule]\n\trecurse = false\n";

/// A credential helper that reads what it answers from its environment; git only asks it for the host it is set for.
const CREDENTIAL_HELPER: &str = "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' \"$CARTO_GIT_USERNAME\" \"$CARTO_GIT_PASSWORD\"; }; f";

const ASKPASS: &str = "#!/bin/sh\nprintf '%s\\n' \"$CARTO_SSH_PASSPHRASE\"\n";

/// Writes the files that every command is pointed to.
pub(super) fn prepare_home(home: &Path) -> io::Result<()> {
    fs::create_dir_all(home)?;
    fs::write(home.join("gitconfig"), CONFIG)?;
    fs::write(home.join("askpass"), ASKPASS)?;
    fs::set_permissions(home.join("askpass"), fs::Permissions::from_mode(0o700))
}

/// One command line, and what it needs to reach `remote`.
pub(super) struct Invocation<'a> {
    pub(super) git: &'a Git,
    pub(super) remote: &'a Remote,
    pub(super) folder: &'a Path,
    pub(super) deadline: Instant,
}

impl Invocation<'_> {
    /// Runs git with `args` in the folder, and returns what it printed.
    pub(super) async fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>, GitError> {
        let secrets = Secrets::write(self.git, self.remote)?;
        let mut command = self.command(&secrets);
        command.args(args);
        let mut child = self.spawn(command)?;
        let group = Group::of(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let work = async {
            let out = read(stdout, MAX_OUTPUT_BYTES);
            let err = read(stderr, MAX_ERROR_BYTES);
            let (out, err) = tokio::join!(out, err);
            (child.wait().await, out, err)
        };
        let Ok((status, out, err)) = tokio::time::timeout_at(self.deadline, work).await else {
            group.kill();
            return Err(GitError::Timeout {
                limit: self.git.timeout,
            });
        };
        group.disarm();
        let status = status.map_err(GitError::run)?;
        if status.success() {
            return out.map_err(GitError::run);
        }
        let stderr = String::from_utf8_lossy(&err.unwrap_or_default()).into_owned();
        Err(self.understand(&stderr, status))
    }

    fn spawn(&self, mut command: Command) -> Result<Child, GitError> {
        command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => GitError::NoGit,
            _ => GitError::run(error),
        })
    }

    fn command(&self, secrets: &Secrets) -> Command {
        // A limit on file sizes bounds what a fetch can write: one pack is one file. Blocks are 512 bytes.
        let blocks = self.git.limits.size_bytes / 512;
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("ulimit -f \"$0\" && exec \"$@\"")
            .arg(blocks.to_string())
            .arg(&self.git.program)
            .args(&secrets.config)
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .env("HOME", &self.git.home)
            .env("XDG_CONFIG_HOME", &self.git.home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.git.home.join("gitconfig"))
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GCM_INTERACTIVE", "never")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("GIT_ALLOW_PROTOCOL", self.protocols())
            .env("GIT_SSH_VARIANT", "ssh")
            .env("LC_ALL", "C")
            .envs(secrets.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What this repository may itself point to, with submodules: never from the network onto this machine.
    fn protocols(&self) -> &'static str {
        match self.remote.location {
            Location::Folder(_) => "file:http:https:ssh",
            Location::Http(_) | Location::Ssh(_) => "http:https:ssh",
        }
    }

    fn understand(&self, stderr: &str, status: std::process::ExitStatus) -> GitError {
        let has = |needles: &[&str]| needles.iter().any(|needle| stderr.contains(needle));
        let auth = [
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "Permission denied (",
            "error: 401",
            "error: 403",
        ];
        let missing = [
            "epository not found",
            "does not appear to be a git repository",
            "' not found",
            "No such file or directory\nfatal",
        ];
        if has(&auth) {
            return GitError::AuthenticationRequired {
                detail: last_lines(stderr),
            };
        }
        if has(&["Host key verification failed"]) {
            return GitError::HostKey {
                detail: last_lines(stderr),
            };
        }
        if has(&[
            "not our ref",
            "Server does not allow request for unadvertised object",
            "unadvertised object",
        ]) {
            return GitError::NotOffered;
        }
        if has(&missing) {
            return GitError::RepositoryNotFound;
        }
        if has(&["No space left on device"]) {
            return GitError::DiskFull;
        }
        use std::os::unix::process::ExitStatusExt;
        let too_large = has(&["File too large", "signal 25"]) || status.signal() == Some(25);
        if too_large {
            return GitError::TooLarge {
                limit_bytes: self.git.limits.size_bytes,
            };
        }
        GitError::Failed {
            detail: last_lines(stderr),
        }
    }
}

/// What git said last, shortened, without passwords.
fn last_lines(stderr: &str) -> String {
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let telling: Vec<String> = lines
        .iter()
        .filter(|line| {
            !line.starts_with("hint:")
                && !line.starts_with("Please make sure")
                && !line.starts_with("and the repository exists")
        })
        .rev()
        .take(3)
        .map(|line| {
            line.split(' ')
                .map(|word| mask(word.trim_matches('\'')))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let text = telling.into_iter().rev().collect::<Vec<_>>().join("; ");
    text.chars().take(600).collect()
}

async fn read(stream: Option<impl AsyncRead + Unpin>, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        (&mut stream).take(limit).read_to_end(&mut bytes).await?;
        if bytes.len() as u64 == limit {
            // Read on without keeping, so that git is not stuck on a full pipe.
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
        }
    }
    Ok(bytes)
}

/// Kills git and whatever it started (transports, ssh) unless told that all went well.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        Group(
            child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .and_then(Pid::from_raw),
        )
    }

    fn disarm(mut self) {
        self.0 = None;
    }

    fn kill(self) {}
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Credentials in the form git and ssh take them, in files that disappear with this value.
struct Secrets {
    config: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
    folder_guard: Option<tempfile::TempDir>,
}

impl Secrets {
    fn write(git: &Git, remote: &Remote) -> Result<Secrets, GitError> {
        let mut secrets = Secrets {
            config: Vec::new(),
            env: Vec::new(),
            folder_guard: None,
        };
        let needs_folder = remote.ca.is_some() || matches!(remote.auth, Auth::Ssh { .. });
        let folder = if needs_folder {
            Some(
                tempfile::Builder::new()
                    .prefix("secrets-")
                    .tempdir_in(&git.home)
                    .map_err(GitError::run)?,
            )
        } else {
            None
        };
        let path = |name: &str| {
            folder
                .as_ref()
                .map(|folder| folder.path().join(name))
                .unwrap_or_default()
        };
        if let Some(ca) = &remote.ca {
            write_private(&path("ca.pem"), ca).map_err(GitError::run)?;
            secrets.set("http.sslCAInfo", path("ca.pem").as_os_str());
        }
        match (&remote.auth, &remote.location) {
            (Auth::Basic { username, password }, Location::Http(url)) => {
                let origin = url.origin().ascii_serialization();
                secrets.set(
                    &format!("credential.{origin}.helper"),
                    OsStr::new(CREDENTIAL_HELPER),
                );
                secrets.env.push(("CARTO_GIT_USERNAME", username.into()));
                secrets.env.push(("CARTO_GIT_PASSWORD", password.into()));
            }
            (Auth::Bearer(token), Location::Http(url)) => {
                // By reference to the environment: command lines can be read by others.
                let origin = url.origin().ascii_serialization();
                secrets.config.push("--config-env".into());
                secrets
                    .config
                    .push(format!("http.{origin}/.extraHeader=CARTO_GIT_HEADER").into());
                secrets.env.push((
                    "CARTO_GIT_HEADER",
                    format!("Authorization: Bearer {token}").into(),
                ));
            }
            (
                Auth::Ssh {
                    identity,
                    known_hosts,
                    passphrase,
                },
                Location::Ssh(_),
            ) => {
                let mut key = identity.clone();
                if key.last() != Some(&b'\n') {
                    // ssh rejects a key whose last line is not ended.
                    key.push(b'\n');
                }
                write_private(&path("identity"), &key).map_err(GitError::run)?;
                write_private(&path("known_hosts"), known_hosts).map_err(GitError::run)?;
                secrets.ssh(git, &path("identity"), &path("known_hosts"), passphrase);
            }
            _ => {}
        }
        secrets.folder_guard = folder;
        Ok(secrets)
    }

    fn set(&mut self, key: &str, value: &OsStr) {
        let mut setting = OsString::from(format!("{key}="));
        setting.push(value);
        self.config.push("-c".into());
        self.config.push(setting);
    }

    fn ssh(&mut self, git: &Git, identity: &Path, known_hosts: &Path, passphrase: &str) {
        let quote =
            |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
        let batch = if passphrase.is_empty() { "yes" } else { "no" };
        let command = format!(
            "{} -F /dev/null -o BatchMode={batch} -o IdentitiesOnly=yes -o IdentityAgent=none \
             -o PreferredAuthentications=publickey -o StrictHostKeyChecking=yes -o UpdateHostKeys=no \
             -o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile={} -o ConnectTimeout=20 \
             -o NumberOfPasswordPrompts=1 -i {}",
            quote(&git.ssh),
            quote(known_hosts),
            quote(identity)
        );
        self.env.push(("GIT_SSH_COMMAND", command.into()));
        if !passphrase.is_empty() {
            self.env
                .push(("SSH_ASKPASS", git.home.join("askpass").into()));
            self.env.push(("SSH_ASKPASS_REQUIRE", "force".into()));
            self.env.push(("CARTO_SSH_PASSPHRASE", passphrase.into()));
        }
    }
}

fn write_private(path: &PathBuf, bytes: &[u8]) -> io::Result<()> {
    use io::Write;
    fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)?
        .write_all(bytes)
}

/// How much of its time a command has left.
pub(super) fn deadline(timeout: Duration) -> Instant {
    Instant::now() + timeout
}
