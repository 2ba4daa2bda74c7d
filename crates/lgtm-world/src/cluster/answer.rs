//! What an API server answers when it does not do what was asked, and what that means.

use std::time::Duration;

use kube::core::Status;
use lgtm_executor::{Failure, Kind};
use lgtm_topology::ClusterName;

pub(crate) type Answer<T> = Result<T, ApiError>;

/// Why a request was not answered as hoped.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The server answered with a failure.
    Status(Box<Status>),
    /// The server did not answer.
    NoAnswer(String),
    /// The server does not know the kind.
    NoKind { api_version: String, kind: String },
    /// The credentials could not be had or were not taken.
    Credentials(String),
    /// Anything else, such as an answer that is no JSON.
    Other(String),
}

impl ApiError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what else the library reports means the same here")]
    pub(crate) fn from_kube(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 401 => Self::Credentials(status.message),
            kube::Error::Api(status) => Self::Status(status),
            kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
                Self::NoAnswer(root_cause(&error))
            }
            kube::Error::Auth(_) => Self::Credentials(root_cause(&error)),
            error => Self::Other(root_cause(&error)),
        }
    }

    /// The HTTP status, when there is one.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status.code),
            Self::NoAnswer(_) | Self::NoKind { .. } | Self::Credentials(_) | Self::Other(_) => None,
        }
    }

    /// The server's words.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Status(status) => status.message.clone(),
            Self::NoAnswer(reason) | Self::Credentials(reason) | Self::Other(reason) => reason.clone(),
            Self::NoKind { api_version, kind } => format!("there is no kind {kind} in {api_version}"),
        }
    }

    /// Whether the server refused because the object's namespace is being deleted.
    pub(crate) fn is_namespace_going(&self) -> bool {
        let Self::Status(status) = self else { return false };
        let causes = status.details.iter().flat_map(|details| &details.causes);
        status.code == 403 && causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
    }

    /// The same for people: what was being done, to what, on which cluster, and what to do next.
    pub(crate) fn into_failure(self, cluster: &ClusterName, doing: &str) -> Failure {
        let kind = self.kind();
        let message = format!("{doing} on cluster {cluster}: {}", self.message());
        let retry_after = match &self {
            Self::Status(status) => status.details.as_ref().and_then(|details| {
                (details.retry_after_seconds > 0)
                    .then(|| Duration::from_secs(u64::from(details.retry_after_seconds)))
            }),
            Self::NoAnswer(_) | Self::NoKind { .. } | Self::Credentials(_) | Self::Other(_) => None,
        };
        let help = match &self {
            Self::Status(_) if self.is_namespace_going() => {
                Some("its namespace is being deleted; run the same command again when it is gone".to_owned())
            }
            Self::Status(status) if status.code == 403 => Some(
                "give the account of this kubeconfig context that permission, then run the same command again".to_owned(),
            ),
            Self::Status(status) if status.code == 422 || status.code == 400 => {
                Some("mend the object in its chart, values or manifest".to_owned())
            }
            Self::Credentials(_) => Some(format!("renew the credentials of {cluster} in its kubeconfig")),
            Self::NoAnswer(_) => Some(format!("see that the API server of {cluster} runs and can be reached")),
            Self::NoKind { .. } => Some("install its CustomResourceDefinition first, for example as an extra that this one needs".to_owned()),
            Self::Status(_) | Self::Other(_) => None,
        };
        Failure { kind, message, help, retry_after }
    }

    fn kind(&self) -> Kind {
        if self.is_namespace_going() {
            return Kind::Transient;
        }
        match self {
            Self::Status(status) => match status.code {
                // Duplicate list keys are answered with a 500 that never goes away.
                500 if status.message.contains("failed to create typed patch object") => Kind::Permanent,
                408 | 409 | 410 | 429 | 500..=599 => Kind::Transient,
                // The namespace may be one that another unit is about to make, or a cache that lags.
                404 => Kind::Transient,
                _ => Kind::Permanent,
            },
            Self::NoAnswer(_) => Kind::Unreachable,
            // A definition may just have become Established.
            Self::NoKind { .. } => Kind::Transient,
            Self::Credentials(_) | Self::Other(_) => Kind::Permanent,
        }
    }
}

/// The innermost message of an error; the outer ones only say that there is one.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
