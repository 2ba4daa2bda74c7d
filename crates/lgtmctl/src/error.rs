//! Why a command could not go on: everything that is not a state of the topology.
//!
//! The words for people are made in [`crate::render`]; here is only what happened and with which code
//! the process ends.

use std::{io, path::PathBuf};

use lgtm_executor::{Failure, prepare::PrepareError};

use crate::exit_code::ExitCode;

/// Why a command could not go on.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The command line cannot be followed.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to write instead.
        help: String,
    },
    /// The topology file cannot be read.
    #[error("the topology {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The topology is invalid; its diagnostics have been shown.
    #[error("the topology is invalid")]
    Invalid,
    /// There is no plan.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// Something outside failed.
    #[error(transparent)]
    World(#[from] Failure),
    /// A rendered object is no YAML.
    #[error("{what} cannot be written as YAML")]
    Serialize {
        /// The object and its unit.
        what: String,
        /// Why.
        source: serde_saphyr::ser::Error,
    },
    /// A file or a stream cannot be written.
    #[error("{what} cannot be written")]
    Write {
        /// Which.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The plan has steps that nobody allowed.
    #[error("the plan loses what cannot be brought back")]
    Forbidden {
        /// The units to allow.
        units: Vec<String>,
    },
    /// The hub does not answer, so nothing may be written anywhere.
    #[error("the hub {hub} does not answer, so nothing is written anywhere: {reason}")]
    HubUnreachable {
        /// The hub.
        hub: String,
        /// Why.
        reason: String,
    },
    /// The user said no.
    #[error("not confirmed; nothing was changed")]
    Declined,
    /// The user pressed Ctrl-C before anything was written.
    #[error("interrupted; nothing was changed")]
    Interrupted,
    /// A thread or the runtime could not be started.
    #[error("lgtmctl cannot start")]
    Start(#[source] io::Error),
}

impl CommandError {
    /// A command line that cannot be followed.
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: help.into() }
    }

    /// With which code the process ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage { .. } | Self::Unreadable { .. } => ExitCode::Usage,
            Self::Invalid => ExitCode::Invalid,
            Self::Prepare(error) => ExitCode::of_prepare_error(error),
            Self::World(failure) => ExitCode::of_failure(failure),
            Self::Write { .. } | Self::Forbidden { .. } | Self::Declined => ExitCode::Failed,
            Self::HubUnreachable { .. } => ExitCode::Unreachable,
            Self::Interrupted => ExitCode::Interrupted,
            Self::Start(_) => ExitCode::Environment,
            Self::Serialize { .. } => ExitCode::Bug,
        }
    }

    /// What to do next.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Usage { help, .. } => Some(help.clone()),
            Self::Unreadable { .. } => Some("name the file with -f FILE".to_owned()),
            Self::Invalid => Some("`lgtmctl schema` prints what a topology may hold".to_owned()),
            Self::Prepare(_) | Self::Declined | Self::Interrupted => None,
            Self::World(failure) => failure.help.clone(),
            Self::Write { .. } | Self::Start(_) => None,
            Self::Forbidden { units } => Some(format!(
                "look at what is lost, then add {}",
                units.iter().map(|unit| format!("--allow-replace {unit}")).collect::<Vec<_>>().join(" ")
            )),
            Self::HubUnreachable { .. } => {
                Some("see that the cluster runs and that its kubeconfig is right, then run again".to_owned())
            }
            Self::Serialize { .. } => Some("this is a bug in lgtmctl".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use lgtm_executor::Kind;

    use super::*;

    #[test]
    fn errors_choose_their_codes() {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let text = String::new;
        let codes = [
            (CommandError::usage("", ""), 2),
            (CommandError::Unreadable { path: PathBuf::new(), source: gone() }, 2),
            (CommandError::Invalid, 3),
            (CommandError::Prepare(PrepareError::Desire(Vec::new())), 3),
            (CommandError::World(Failure::new(Kind::Environment, "")), 5),
            (CommandError::World(Failure::new(Kind::Locked, "")), 1),
            (CommandError::Write { what: text(), source: gone() }, 1),
            (CommandError::Forbidden { units: Vec::new() }, 1),
            (CommandError::HubUnreachable { hub: text(), reason: text() }, 6),
            (CommandError::Declined, 1),
            (CommandError::Interrupted, 130),
            (CommandError::Start(gone()), 5),
        ];
        for (error, code) in codes {
            assert_eq!(error.exit_code().number(), code, "{error:?}");
        }
    }

    #[test]
    fn a_refused_loss_names_what_to_allow() {
        let error = CommandError::Forbidden { units: vec!["hub/a".to_owned(), "hub/b".to_owned()] };
        let help = error.help().unwrap();
        assert_eq!(help, "look at what is lost, then add --allow-replace hub/a --allow-replace hub/b");
    }
}
