//! What a server answers when it does not do what was asked, and what that means for a step.

use std::time::Duration;

use lgtm_planner::observed::Conflict;
use lgtm_topology::ClusterName;

use crate::world::{Failure, Kind};

/// What comes back from a request.
pub type Answer<T> = Result<T, Refusal>;

/// Why a request was not answered as hoped.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The server answered with a failure.
    Status {
        /// The HTTP status.
        code: u16,
        /// The server's words.
        message: String,
        /// The conflicts that a server-side apply found.
        conflicts: Vec<Conflict>,
        /// How long to wait before the next try.
        retry_after: Option<Duration>,
    },
    /// The namespace is being deleted, so nothing new may come into it.
    NamespaceGoes(String),
    /// The server did not answer.
    NoAnswer(String),
}

impl Refusal {
    pub(super) fn status(code: u16, message: impl Into<String>) -> Self {
        Self::Status { code, message: message.into(), conflicts: Vec::new(), retry_after: None }
    }

    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            Self::NamespaceGoes(_) => Some(403),
            Self::NoAnswer(_) => None,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Status { message, .. } | Self::NoAnswer(message) => message.clone(),
            Self::NamespaceGoes(name) => format!("the namespace {name} is being terminated"),
        }
    }

    /// The same for people, and for the executor: whether another try may help.
    pub(super) fn into_failure(self, cluster: &ClusterName, doing: &str) -> Failure {
        let kind = match &self {
            Self::Status { code: 404 | 408 | 409 | 410 | 429 | 500..=599, .. } | Self::NamespaceGoes(_) => {
                Kind::Transient
            }
            Self::Status { .. } => Kind::Permanent,
            Self::NoAnswer(_) => Kind::Unreachable,
        };
        let mut failure = Failure::new(kind, format!("{doing} on cluster {cluster}: {}", self.message()));
        failure.cluster = Some(cluster.clone());
        if let Self::Status { retry_after, .. } = self {
            failure.retry_after = retry_after;
        }
        failure
    }
}

/// Nothing is no failure where something was looked for or was to go.
pub(super) fn none_if_missing<T>(answer: Answer<T>) -> Answer<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(refusal) if refusal.code() == Some(404) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}
