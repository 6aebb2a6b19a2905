//! Hidden commands: what `carto` runs as a child of itself.

use std::path::PathBuf;

use clap::Subcommand;

use crate::{env::Env, error::CommandError};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Internal,
}

#[derive(Subcommand)]
enum Internal {
    /// Serves the files of a folder over HTTP on $PORT (default 8080)
    StaticServer {
        #[arg(long)]
        root: PathBuf,
    },
}

pub(crate) fn run(args: Args, _env: &Env) -> Result<(), CommandError> {
    let Args { command } = args;
    match command {
        Internal::StaticServer { root: _ } => Err(CommandError::internal("")),
    }
}
