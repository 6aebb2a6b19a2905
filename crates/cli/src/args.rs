//! The command line: one enum, a module per command.

use clap::{Parser, Subcommand};

use crate::{commands, env::Env, error::CommandError};

/// Carto, the supply-chain choreographer for Kubernetes.
#[derive(Parser)]
#[command(
    name = "carto",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(commands::demo::Args),
    Up(commands::up::Args),
    Controller(commands::controller::Args),
    Crds(commands::crds::Args),
    Install(commands::install::Args),
    Validate(commands::validate::Args),
    Render(commands::render::Args),
    Test(commands::test::Args),
    Plan(commands::plan::Args),
    Explain(commands::explain::Args),
    Ytt(commands::ytt::Args),
}

impl Cli {
    /// Runs the command that was asked for.
    pub(crate) fn run(self, env: &Env) -> Result<(), CommandError> {
        match self.command {
            Command::Demo(args) => commands::demo::run(args, env),
            Command::Up(args) => commands::up::run(args, env),
            Command::Controller(args) => commands::controller::run(args, env),
            Command::Crds(args) => commands::crds::run(args, env),
            Command::Install(args) => commands::install::run(args, env),
            Command::Validate(args) => commands::validate::run(args, env),
            Command::Render(args) => commands::render::run(args, env),
            Command::Test(args) => commands::test::run(args, env),
            Command::Plan(args) => commands::plan::run(args, env),
            Command::Explain(args) => commands::explain::run(args, env),
            Command::Ytt(args) => commands::ytt::run(args, env),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
