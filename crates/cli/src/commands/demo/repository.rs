//! The sample application's git repository, made with the git command.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::error::CommandError;

/// A repository with one page, on branch `main`.
pub(super) struct Repository {
    folder: PathBuf,
}

/// A commit that the demo made.
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) subject: String,
    /// Text that the page holds from this commit on, and held before no commit.
    pub(super) mark: String,
}

impl Commit {
    /// The first seven digits, as git prints it.
    pub(super) fn short(&self) -> &str {
        self.id.get(..7).unwrap_or(&self.id)
    }
}

impl Repository {
    /// Opens the repository in `folder`, or begins it there.
    pub(super) async fn open(folder: PathBuf) -> Result<Self, CommandError> {
        tokio::fs::create_dir_all(&folder).await.map_err(|error| {
            CommandError::config(format!(
                "cannot make the folder {}: {error}",
                folder.display()
            ))
            .hint("choose another place with --state DIR")
        })?;
        let repository = Self { folder };
        if !repository.folder.join(".git").exists() {
            repository
                .git(&["init", "--quiet", "--initial-branch=main"])
                .await?;
        }
        Ok(repository)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the page with the next number and commits it.
    pub(super) async fn commit_next(&self) -> Result<Commit, CommandError> {
        let number = self.commits().await + 1;
        let mark = format!("Hello from commit {number}");
        let subject = format!("Say hello, take {number}");
        let page = self.folder.join("index.html");
        tokio::fs::write(&page, page_text(&mark))
            .await
            .map_err(|error| {
                CommandError::config(format!("cannot write {}: {error}", page.display()))
            })?;
        self.git(&["add", "index.html"]).await?;
        self.git(&["commit", "--quiet", "--no-verify", "--message", &subject])
            .await?;
        let id = self.git(&["rev-parse", "HEAD"]).await?;
        Ok(Commit {
            id: id.trim().to_owned(),
            subject,
            mark,
        })
    }

    async fn commits(&self) -> u64 {
        let count = self
            .git(&["rev-list", "--count", "HEAD"])
            .await
            .unwrap_or_default();
        count.trim().parse().unwrap_or(0)
    }

    async fn git(&self, arguments: &[&str]) -> Result<String, CommandError> {
        let output = Command::new("git")
            .arg("-C")
            .arg(&self.folder)
            .args([
                "-c",
                "user.name=Carto demo",
                "-c",
                "user.email=demo@carto.invalid",
            ])
            .args([
                "-c",
                "commit.gpgsign=false",
                "-c",
                "core.hooksPath=/dev/null",
            ])
            .args(arguments)
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| {
                CommandError::config(format!("cannot run git: {error}"))
                    .hint("the demo makes a real commit: install git and try again")
            })?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            return Err(CommandError::config(format!(
                "git {} failed in {}: {}",
                arguments.first().unwrap_or(&""),
                self.folder.display(),
                reason.trim()
            )));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn page_text(mark: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Carto demo</title>\n\
         <body style=\"font-family: sans-serif; margin: 4rem\">\n<h1>{mark}</h1>\n\
         <p>This page went through source, image, config and deployment. Edit it, commit, and\n\
         watch it move.</p>\n</body>\n</html>\n"
    )
}
