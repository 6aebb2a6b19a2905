//! What a run needs from outside: files, standard input, the environment.
//!
//! This crate reads none of them itself; a caller that has them implements [`Host`].

/// What stands at a path. Links are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file or a named pipe.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Anything else.
    Other,
}

/// The world outside, as far as the flags of ytt can name it. Errors are messages without path
/// context, as the operating system words them.
pub trait Host {
    /// What stands at `path`.
    ///
    /// # Errors
    /// When there is nothing, or it may not be looked at.
    fn kind(&self, path: &str) -> Result<EntryKind, String>;

    /// Paths and kinds of everything below a directory but directories themselves; the paths are
    /// relative to the directory, with `/` between names.
    ///
    /// # Errors
    /// When something may not be looked at.
    fn walk(&self, directory: &str) -> Result<Vec<(String, EntryKind)>, String>;

    /// The contents of a file; links are followed.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// Everything that comes from standard input. Called once at most in a run.
    ///
    /// # Errors
    /// When it cannot be read.
    fn stdin(&self) -> Result<Vec<u8>, String>;

    /// The body of a successful GET request.
    ///
    /// # Errors
    /// When the request fails; the message names the URL.
    fn get(&self, url: &str) -> Result<Vec<u8>, String>;

    /// Where a link leads to in the end; relative if the path and the links on the way are.
    ///
    /// # Errors
    /// When it leads nowhere.
    fn link_target(&self, path: &str) -> Result<String, String>;

    /// A path as an absolute one, without looking at it.
    ///
    /// # Errors
    /// When the current directory is not known.
    fn absolute(&self, path: &str) -> Result<String, String>;

    /// Environment variables, each as `NAME=value`.
    fn environment(&self) -> Vec<String>;
}

/// A host without anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHost;

const NOTHING: &str = "no such file or directory";

impl Host for NoHost {
    fn kind(&self, path: &str) -> Result<EntryKind, String> {
        Err(format!("lstat {path}: {NOTHING}"))
    }

    fn walk(&self, directory: &str) -> Result<Vec<(String, EntryKind)>, String> {
        Err(format!("lstat {directory}: {NOTHING}"))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("open {path}: {NOTHING}"))
    }

    fn stdin(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        Err(format!("Requesting URL '{url}': no network"))
    }

    fn link_target(&self, path: &str) -> Result<String, String> {
        Err(format!("lstat {path}: {NOTHING}"))
    }

    fn absolute(&self, path: &str) -> Result<String, String> {
        Ok(path.to_owned())
    }

    fn environment(&self) -> Vec<String> {
        Vec::new()
    }
}
