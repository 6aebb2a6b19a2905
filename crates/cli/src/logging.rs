//! The log of a command that serves: lines on the standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

/// How much is logged, and how.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// How much is logged
    #[arg(long, value_enum, ignore_case = true, default_value_t = Level::Info)]
    log_level: Level,
    /// How a line of the log looks
    #[arg(long, value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

/// Levels; those of the original and one below.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Args {
    /// Begins to log. What `RUST_LOG` says goes before the level.
    pub(crate) fn start(&self) {
        let level = match self.log_level {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug,hyper=info,h2=info,rustls=info,tower=info",
            Level::Trace => "trace",
        };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(io::stderr().is_terminal())
            .with_writer(io::stderr);
        match self.log_format {
            Format::Text => log.init(),
            Format::Json => log.json().init(),
        }
    }
}
