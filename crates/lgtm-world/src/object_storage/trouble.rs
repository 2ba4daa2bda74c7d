//! Why the storage did not do what was asked, in words that hold no key.
//!
//! Of an answer only its status and its code are shown: the rest of its text may name the user or repeat
//! the request.

use std::time::Duration;

use lgtm_executor::Failure;
use lgtm_planner::unit::ObjectStorage;
use thiserror::Error;

/// What went wrong. The text is the reason; what was being done, such as `making the bucket x`, is said by
/// [`Trouble::doing`].
#[derive(Debug, Error)]
pub(super) enum Trouble {
    /// No Pod is behind the Service.
    #[error("no ready Pod is behind the Service")]
    NoPod,
    /// The way to a Pod could not be opened.
    #[error("Pod {pod} cannot be reached: {reason}")]
    Unreached { pod: String, reason: String },
    /// The connection broke, or nothing came in time: what was asked may have been done.
    #[error("{reason}")]
    NoAnswer { doing: String, reason: String },
    /// It took too long altogether.
    #[error("not done within {seconds} s")]
    Slow { seconds: u64 },
    /// The storage answered, and not with success.
    #[error("HTTP status {status}{}", code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Refused { doing: String, status: u16, code: Option<String>, retry_after: Option<Duration> },
    /// The user is there and the bucket too, and yet the one does not open the other.
    #[error("HTTP status {status}; the key does not open it yet")]
    Closed { doing: String, status: u16 },
    /// The answer is not what this call answers with.
    #[error("the answer cannot be read")]
    Unreadable { doing: String },
    /// The request could not be made.
    #[error("{reason}")]
    Unsendable { doing: String, reason: String },
    /// A key without a bucket would open nothing, or, in some storages, everything.
    #[error("none is named")]
    NoBuckets,
    /// What is a failure already: the lock is lost, or the API server refuses.
    #[error("{0}")]
    Said(Box<Failure>),
}

impl Trouble {
    /// What was being done.
    pub(super) fn doing(&self) -> &str {
        match self {
            Self::NoAnswer { doing, .. }
            | Self::Refused { doing, .. }
            | Self::Closed { doing, .. }
            | Self::Unreadable { doing }
            | Self::Unsendable { doing, .. } => doing,
            Self::NoPod | Self::Unreached { .. } | Self::Slow { .. } | Self::NoBuckets | Self::Said(_) => {
                "opening buckets"
            }
        }
    }

    /// Whether the same may go well a moment later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => match (status, code.as_deref()) {
                // Another request about the same bucket is under way.
                (409, Some("OperationAborted")) => true,
                (501 | 505, _) => false,
                (408 | 425 | 429 | 500..=599, _) => true,
                _ => false,
            },
            // The servers of a storage tell each other of users and policies.
            Self::Closed { .. } => true,
            Self::NoPod | Self::Unreached { .. } | Self::NoAnswer { .. } | Self::Slow { .. } => true,
            Self::Unreadable { .. } | Self::Unsendable { .. } | Self::NoBuckets | Self::Said(_) => false,
        }
    }

    /// How long the storage asks to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::NoPod
            | Self::Unreached { .. }
            | Self::NoAnswer { .. }
            | Self::Slow { .. }
            | Self::Closed { .. }
            | Self::Unreadable { .. }
            | Self::Unsendable { .. }
            | Self::NoBuckets
            | Self::Said(_) => None,
        }
    }

    /// What to do about it.
    pub(super) fn help(&self, storage: &ObjectStorage) -> Option<String> {
        let ObjectStorage { namespace, service, root, .. } = storage;
        let root = format!("{}/{}", root.namespace, root.name);
        Some(match self {
            Self::Refused { code, .. } if code.as_deref() == Some("RequestTimeTooSkewed") => {
                "the clocks of this machine and of the cluster's nodes differ by more than S3 allows; set \
                 them right, then run the same command again"
                    .to_owned()
            }
            Self::Refused { status: 401 | 403, .. } => format!(
                "the storage does not take the key in Secret {root} as its root key: see that its Pods were \
                 started with it, then run the same command again"
            ),
            Self::Refused { code, .. } if code.as_deref() == Some("BucketAlreadyExists") => {
                "another account of the storage has a bucket of this name; remove it or name another"
                    .to_owned()
            }
            Self::Refused { status: 404, .. } | Self::Unreadable { .. } => format!(
                "see that what answers at the Service {namespace}/{service} is RustFS, whose admin API is \
                 used to make users"
            ),
            Self::NoPod | Self::Unreached { .. } | Self::NoAnswer { .. } | Self::Slow { .. } => format!(
                "see that the Pods behind the Service {namespace}/{service} are ready, then run the same \
                 command again"
            ),
            Self::Closed { .. } => format!(
                "run the same command again; if it stays so, look at the logs of the Pods behind the \
                 Service {namespace}/{service}"
            ),
            Self::Refused { .. } if self.may_pass() => format!(
                "run the same command again; if it stays so, look at the logs of the Pods behind the \
                 Service {namespace}/{service}"
            ),
            Self::Refused { .. } | Self::Unsendable { .. } | Self::NoBuckets | Self::Said(_) => return None,
        })
    }
}
