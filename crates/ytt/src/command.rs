//! The command `ytt`: from its arguments to what it writes.
//!
//! Files, standard input and the environment come from a [`Host`]; what is to be written comes
//! back as data. `fmt`, `website` and `completion` are not there, and `--debug` shows nothing more.
//! Source: ytt pkg/cmd, cmd/ytt/ytt.go.

mod bulk;
mod flags;
mod help;
mod parse;

use std::cell::Cell;

use crate::error::Error;
use crate::library::YTT_VERSION;
use crate::limits::Limits;
use crate::workspace::collect::clean;
use crate::workspace::{EntryKind, File, FileType, Host, Output, files_from_paths, run_and_listen};
use flags::Flags;
use parse::Task;

/// What a command leaves to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// For standard output.
    pub stdout: Vec<u8>,
    /// For standard error.
    pub stderr: String,
    /// Files to write, after which `creating: PATH` goes to standard output for each.
    pub files: Option<Writes>,
    /// Status to end with.
    pub status: u8,
}

/// Files to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writes {
    /// The directory, to be made if it is missing.
    pub directory: String,
    /// Whether it and everything in it goes away first.
    pub emptied: bool,
    /// Paths below the directory, and contents.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Writes {
    /// The path of one of the files as it is shown: with the directory in front, and clean.
    pub fn path_of(&self, path: &str) -> String {
        clean(&format!("{}/{path}", self.directory))
    }
}

const WARNING: &str = "
Warning: Found Non-YAML templates in input. Non-YAML templates are not rendered to standard output.
If you want to include those results, use the --output-files or --dangerous-emptied-output-directory flag.
";

/// Carries out the command with these arguments, the name of the program not among them.
///
/// Without `limits` those of the command line hold.
pub fn main(args: &[String], host: &dyn Host, limits: Option<Limits>) -> Outcome {
    match parse::parse(args) {
        Ok(Task::Help(text)) => Outcome::print(text),
        Ok(Task::Version) => Outcome::print(format!("ytt version {YTT_VERSION}\n")),
        Ok(Task::Template(flags)) => template(&flags, host, limits),
        Err(problem) => Outcome::default().fail(&Error::new(problem)),
    }
}

/// What goes to standard error for a failure of the caller's own, such as a file that cannot be
/// written.
pub fn failure(message: &str) -> String {
    Error::new(message).to_cli_string()
}

impl Outcome {
    fn print(text: impl Into<Vec<u8>>) -> Self {
        Self {
            stdout: text.into(),
            ..Self::default()
        }
    }

    fn fail(mut self, error: &Error) -> Self {
        self.stderr.push_str(&error.to_cli_string());
        self.status = 1;
        self
    }
}

fn template(flags: &Flags, host: &dyn Host, limits: Option<Limits>) -> Outcome {
    let host = OnceHost {
        host,
        is_read: Cell::new(false),
    };
    let mut outcome = Outcome::default();
    let files = match input(flags, &host) {
        Ok(files) => files,
        Err(problem) => return outcome.fail(&Error::new(problem)),
    };
    let mut options = match flags.options() {
        Ok(options) => options,
        Err(problem) => return outcome.fail(&Error::new(problem)),
    };
    options.limits = limits;
    let (result, messages) = run_and_listen(files, &options, &host);
    for message in messages {
        outcome.stderr.push_str(&message);
        outcome.stderr.push('\n');
    }
    if flags.bulk_out {
        outcome.stdout = bulk::write(&result).into_bytes();
        return outcome;
    }
    match result.and_then(|output| deliver(flags, output, &mut outcome)) {
        Ok(()) => outcome,
        Err(error) => outcome.fail(&error),
    }
}

fn input(flags: &Flags, host: &dyn Host) -> Result<Vec<File>, String> {
    if flags.bulk_in.is_empty() {
        files_from_paths(&flags.files, &flags.symlinks(), host)
    } else {
        bulk::read(&flags.bulk_in)
    }
}

fn deliver(flags: &Flags, output: Output, outcome: &mut Outcome) -> Result<(), Error> {
    let (directory, emptied) = match (
        flags.emptied_directory.as_str(),
        flags.output_files.as_str(),
    ) {
        ("", "") => {
            let other = |file_type| file_type != FileType::Yaml;
            if output.files.iter().any(|file| other(file.file_type)) {
                outcome.stderr.push_str(WARNING);
            }
            outcome.stdout = output.text.into_bytes();
            return Ok(());
        }
        ("", directory) => (directory, false),
        (directory, _) => (directory, true),
    };
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for file in output.files {
        let is_known = files.iter().any(|(path, _)| *path == file.path);
        if emptied && is_known {
            return Err(Error::new(format!(
                "Multiple files have same output destination paths: {}",
                file.path
            )));
        }
        files.push((file.path, file.contents));
    }
    if emptied && matches!(directory, "/" | "." | "./") {
        return Err(Error::new(
            "Expected output directory path to not be one of '/', '.', './', ''",
        ));
    }
    outcome.files = Some(Writes {
        directory: directory.to_owned(),
        emptied,
        files,
    });
    Ok(())
}

/// A host whose standard input can be read once.
struct OnceHost<'a> {
    host: &'a dyn Host,
    is_read: Cell<bool>,
}

impl Host for OnceHost<'_> {
    fn kind(&self, path: &str) -> Result<EntryKind, String> {
        self.host.kind(path)
    }

    fn walk(&self, directory: &str) -> Result<Vec<(String, EntryKind)>, String> {
        self.host.walk(directory)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.host.read(path)
    }

    fn stdin(&self) -> Result<Vec<u8>, String> {
        if self.is_read.replace(true) {
            return Err("Standard input has already been read, \
                 has the '-' argument been used in more than one flag?"
                .to_owned());
        }
        self.host.stdin()
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        self.host.get(url)
    }

    fn link_target(&self, path: &str) -> Result<String, String> {
        self.host.link_target(path)
    }

    fn absolute(&self, path: &str) -> Result<String, String> {
        self.host.absolute(path)
    }

    fn environment(&self) -> Vec<String> {
        self.host.environment()
    }
}
