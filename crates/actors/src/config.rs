//! What the caller decides: which actors, where their state lives, how the binary starts itself again.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::logs::Logs;

/// One stand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// Flux `GitRepository`.
    Git,
    /// kpack `Image`.
    Build,
    /// `Deployment` and `Service`.
    Deploy,
}

impl Actor {
    /// All of them, in the order in which work flows.
    pub const ALL: [Actor; 3] = [Actor::Git, Actor::Build, Actor::Deploy];

    /// The name users write.
    pub fn name(self) -> &'static str {
        match self {
            Actor::Git => "git",
            Actor::Build => "build",
            Actor::Deploy => "deploy",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no actor's.
#[derive(Debug, thiserror::Error)]
#[error("there is no actor '{0}'; known are git, build, deploy")]
pub struct ParseActorError(String);

impl FromStr for Actor {
    type Err = ParseActorError;

    fn from_str(name: &str) -> Result<Actor, ParseActorError> {
        Actor::ALL
            .into_iter()
            .find(|actor| actor.name() == name)
            .ok_or_else(|| ParseActorError(name.to_owned()))
    }
}

/// How the running binary is started again for its hidden work: `program args… static-server …`.
///
/// The words after `args` are handed to [`crate::internal::main`].
#[derive(Debug, Clone)]
pub struct Internal {
    /// The running binary; it also becomes the file server inside static images.
    pub program: PathBuf,
    /// What stands between the binary and the internal command, such as `internal`.
    pub args: Vec<String>,
}

impl Internal {
    /// The words that run an internal command.
    pub(crate) fn command(&self, name: &str) -> Vec<String> {
        let program = self.program.display().to_string();
        let mut words = vec![program];
        words.extend(self.args.iter().cloned());
        words.push(name.to_owned());
        words
    }
}

/// How far containers are kept apart from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolate {
    /// As far as the machine allows: namespaces of their own.
    #[default]
    AsFarAsPossible,
    /// Not at all; for machines without namespaces, and to test what happens there.
    Never,
}

/// Everything the actors need to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Artifacts, images, logs, ports and containers are kept below this folder.
    pub state_dir: PathBuf,
    /// Which actors work.
    pub actors: BTreeSet<Actor>,
    /// How to start this binary again.
    pub internal: Internal,
    /// Where the output of builds and apps goes; hand a clone to whoever serves `kubectl logs`.
    pub logs: Logs,
    /// How far containers are kept apart.
    pub isolate: Isolate,
}

impl Config {
    /// All actors, state below `state_dir`.
    pub fn new(state_dir: PathBuf, internal: Internal) -> Config {
        let logs = Logs::new(&state_dir);
        Config {
            state_dir,
            actors: Actor::ALL.into(),
            internal,
            logs,
            isolate: Isolate::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused_by_name() {
        for actor in Actor::ALL {
            assert_eq!(actor.to_string().parse::<Actor>().unwrap(), actor);
        }
        let error = "tekton".parse::<Actor>().unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no actor 'tekton'; known are git, build, deploy"
        );
    }
}
