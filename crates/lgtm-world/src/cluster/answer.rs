//! What an API server answers when it does not do what was asked, and what that means.

use std::time::Duration;

use http::{HeaderMap, header};
use kube::{client::AuthError, core::Status};
use lgtm_executor::{Failure, Kind};
use lgtm_topology::ClusterName;

use super::forbidden;

pub(crate) type Answer<T> = Result<T, ApiError>;

/// Why a request was not answered as hoped.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The server answered with a failure.
    Status(Box<Status>),
    /// The server did not answer.
    NoAnswer(String),
    /// The connection broke after it was made: the server may have done what was asked.
    Lost(String),
    /// The server does not know the kind.
    NoKind { api_version: String, kind: String },
    /// The credentials could not be had or were not taken.
    Credentials(String),
    /// It took long to have new credentials, and whether a write may still be sent has to be asked again.
    Late,
    /// Anything else, such as an answer that is no JSON.
    Other(String),
}

impl ApiError {
    pub(crate) fn from_status(status: Status) -> Self {
        Self::Status(Box::new(status))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what else the library reports means the same here")]
    pub(crate) fn from_kube(error: kube::Error) -> Self {
        if let Some(error) = causes(&error).find_map(|cause| cause.downcast_ref::<AuthError>()) {
            return Self::Credentials(plugin_failure(error));
        }
        match error {
            kube::Error::Api(status) => Self::Status(status),
            kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
                let reason = root_cause(&error);
                if causes(&error).any(is_broken_connection) {
                    Self::Lost(reason)
                } else {
                    Self::NoAnswer(reason)
                }
            }
            error => Self::Other(root_cause(&error)),
        }
    }

    /// The HTTP status, when there is one.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status.code),
            Self::NoAnswer(_)
            | Self::Lost(_)
            | Self::NoKind { .. }
            | Self::Credentials(_)
            | Self::Late
            | Self::Other(_) => None,
        }
    }

    /// How long the server asks to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let Self::Status(status) = self else { return None };
        let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
        (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
    }

    /// The server's words.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Status(status) if self.is_out_of_space() => {
                format!("its etcd has no space left ({})", status.message)
            }
            Self::Status(status) => status.message.clone(),
            Self::Lost(reason) => format!("the connection broke: {reason}"),
            Self::NoAnswer(reason) | Self::Credentials(reason) | Self::Other(reason) => reason.clone(),
            Self::NoKind { api_version, kind } => format!("there is no kind {kind} in {api_version}"),
            Self::Late => "credentials had to be renewed, and nothing was sent meanwhile".to_owned(),
        }
    }

    /// Whether the server refused because the object's namespace is being deleted.
    pub(crate) fn is_namespace_going(&self) -> bool {
        let Self::Status(status) = self else { return false };
        let causes = status.details.iter().flat_map(|details| &details.causes);
        status.code == 403 && causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
    }

    /// Whether etcd takes no more writes until a person has made room.
    fn is_out_of_space(&self) -> bool {
        let Self::Status(status) = self else { return false };
        status.code >= 500 && status.message.contains("database space exceeded")
    }

    /// Whether the same request may be answered otherwise a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        match self.kind() {
            Kind::Transient | Kind::Unreachable => true,
            Kind::Permanent | Kind::Environment | Kind::Locked => false,
        }
    }

    /// The same for people: what was being done, to what, on which cluster, and what to do next.
    /// `account` says whose permissions and credentials are meant.
    pub(crate) fn into_failure(self, cluster: &ClusterName, account: &str, doing: &str) -> Failure {
        let kind = self.kind();
        let message = format!("{doing} on cluster {cluster}: {}", self.message());
        let retry_after = self.retry_after();
        let help = match &self {
            Self::Status(_) if self.is_namespace_going() => {
                Some("its namespace is being deleted; run the same command again when it is gone".to_owned())
            }
            Self::Status(_) if self.is_out_of_space() => Some(format!(
                "make room in the etcd of {cluster}: compact and defragment it or raise \
                 --quota-backend-bytes, then end the alarm with `etcdctl alarm disarm`; then run the same \
                 command again"
            )),
            Self::Status(status) if status.code == 403 => Some(forbidden::help(&status.message, account)),
            Self::Status(status) if status.code == 422 || status.code == 400 => {
                Some("mend the object in its chart, values or manifest".to_owned())
            }
            Self::Credentials(_) => {
                Some(format!("renew the credentials of {account}, then run the same command again"))
            }
            Self::NoAnswer(_) | Self::Lost(_) => {
                Some(format!("see that the API server of {cluster} runs and can be reached"))
            }
            Self::NoKind { .. } => Some(
                "install its CustomResourceDefinition first, for example as an extra that this one needs"
                    .to_owned(),
            ),
            Self::Status(_) | Self::Late | Self::Other(_) => None,
        };
        Failure { kind, message, help, retry_after, cluster: Some(cluster.clone()) }
    }

    /// Every write of lgtmctl can be repeated, so more is tried again than client-go does by itself,
    /// which goes by `Retry-After` alone.
    fn kind(&self) -> Kind {
        if self.is_namespace_going() {
            return Kind::Transient;
        }
        match self {
            Self::Status(status) => match status.code {
                // Duplicate list keys are answered with a 500 that never goes away.
                500 if status.message.contains("failed to create typed patch object") => Kind::Permanent,
                _ if self.is_out_of_space() => Kind::Permanent,
                // Not implemented, and HTTP that the server does not speak.
                501 | 505 => Kind::Permanent,
                408 | 409 | 410 | 429 | 500..=599 => Kind::Transient,
                // The namespace may be one that another unit is about to make, or a cache that lags.
                404 => Kind::Transient,
                _ => Kind::Permanent,
            },
            Self::NoAnswer(_) | Self::Lost(_) => Kind::Unreachable,
            // A definition may just have become Established.
            Self::NoKind { .. } | Self::Late => Kind::Transient,
            Self::Credentials(_) | Self::Other(_) => Kind::Permanent,
        }
    }
}

/// Why a credential plugin gave nothing. The library's own words would show the plugin's output, which
/// may hold a token, and its environment.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds show no output")]
pub(crate) fn plugin_failure(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let line = said.lines().map(str::trim).find(|line| !line.is_empty());
            let line: String = line.unwrap_or("it said nothing").chars().take(200).collect();
            format!("the credential plugin ended with {}: {line}", out.status)
        }
        AuthError::AuthExecParse(_) | AuthError::ParseTokenKey(_) => {
            "the credential plugin's answer cannot be read".to_owned()
        }
        AuthError::AuthExecStart(error) => format!("the credential plugin cannot be started: {error}"),
        error => error.to_string(),
    }
}

fn is_broken_connection(cause: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let broken = |error: &std::io::Error| {
        matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
    };
    // HTTP errors come only from connections that were made.
    cause.is::<hyper::Error>() || cause.downcast_ref::<std::io::Error>().is_some_and(broken)
}

/// An error and what is behind it, from the outside in.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// The innermost message of an error; the outer ones only say that there is one.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// The whole seconds that an answer's headers ask to wait (RFC 9110, 10.2.3). A date is passed over.
pub(crate) fn retry_after_seconds(headers: &HeaderMap) -> Option<u32> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// The first line of what a server says that has anything on it, as much of it as is shown.
pub(crate) fn first_line(said: &str) -> Option<String> {
    const SHOWN: usize = 200;
    let line = said.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(SHOWN).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, message: &str) -> ApiError {
        ApiError::from_status(Status::failure(message, "").with_code(code))
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for (code, message) in [
            (408, "timeout"),
            (409, "the object has been modified"),
            (410, "the provided continue parameter is too old"),
            (429, "too many requests"),
            (500, "etcdserver: leader changed"),
            (500, "etcdserver: request timed out"),
            (500, "failed calling webhook: connect: connection refused"),
            (502, "bad gateway"),
            (503, "the server is currently unable to handle the request"),
            (504, "Timeout: request did not complete within the allotted time"),
        ] {
            assert!(status(code, message).may_pass(), "{code} {message}");
        }
        for (code, message) in [
            (400, "bad"),
            (403, "forbidden"),
            (405, "not allowed"),
            (413, "too large"),
            (422, "invalid"),
            (500, "failed to create typed patch object (a/b; apps/v1, Kind=Deployment): duplicate entries"),
            (500, "etcdserver: mvcc: database space exceeded"),
            (501, "not implemented"),
        ] {
            assert!(!status(code, message).may_pass(), "{code} {message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_plugins_output_is_not_shown() {
        use std::os::unix::process::ExitStatusExt as _;
        let out = std::process::Output {
            status: std::process::ExitStatus::from_raw(256),
            stdout: b"token: hunter2".to_vec(),
            stderr: b"\nlogged out\nsecond line".to_vec(),
        };
        let failed = AuthError::AuthExecRun { cmd: "PASSWORD=hunter2 plugin".to_owned(), out: Box::new(out) };
        let shown = ApiError::from_kube(kube::Error::Service(Box::new(failed))).message();
        assert_eq!(shown, "the credential plugin ended with exit status: 1: logged out");
    }
}
