//! The way to one API server: a request, its answer, and what is tried again on the spot.
//!
//! A step is tried again as a whole, with pauses that people see. What is done here is smaller: whoever
//! only looks has no step around it, and a broken connection or a server that asks for a second should
//! not end a plan. The rules are those of client-go where that has any, and wider for requests that can
//! be repeated without harm. Credentials that are no longer taken are had anew once. The module knows no
//! object.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::{
    Client,
    client::Body,
    core::{
        Status,
        response::{StatusDetails, StatusSummary},
    },
};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    REQUEST_TIMEOUT,
    answer::{Answer, ApiError, first_line, retry_after_seconds},
};
use crate::connection::Access;

/// How often one request is sent. The pauses in between make seven tenths of a second in all.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long a server's wishes to wait are followed here. Longer ones are the step's, which tells people.
const PATIENCE: Duration = Duration::from_secs(10);
/// From when on a write is not sent again here: its step asks for the lock anew before it tries again.
const LATE: Duration = Duration::from_secs(2);
/// What a request has one more second for.
const BYTES_A_SECOND: u32 = 10_000;
/// How long a credential plugin may take in the middle of a run, in which nobody waits to log in.
const PLUGIN_TIMEOUT: Duration = Duration::from_secs(60);
/// New credentials that are refused within this time are not had anew again.
const RENEWAL: Duration = Duration::from_secs(30);

/// Whether a request may be sent again when nobody knows what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is the same as doing it once.
    Harmless,
    /// Only when the server says that it did nothing.
    IfRefused,
}

pub(crate) struct Link {
    /// How the client was made; none where there is nothing to make anew.
    access: Option<Access>,
    current: Mutex<Current>,
    renewing: tokio::sync::Mutex<()>,
    /// Whether the server ever took the credentials.
    accepted: AtomicBool,
}

struct Current {
    client: Client,
    /// Counts the clients; two requests that are refused at once renew only once.
    generation: u64,
    renewed: Option<Instant>,
    /// When credentials were last asked for in vain, and why. Whoever waited for that does not ask again.
    in_vain: Option<(Instant, String)>,
}

impl Link {
    pub(crate) fn new(client: Client, access: Option<Access>) -> Self {
        let current = Mutex::new(Current { client, generation: 0, renewed: None, in_vain: None });
        let renewing = tokio::sync::Mutex::new(());
        Self { access, current, renewing, accepted: AtomicBool::new(false) }
    }

    /// Who the server is asked to trust, for people.
    pub(crate) fn account(&self) -> String {
        self.access.as_ref().map_or_else(|| "its administrator".to_owned(), Access::to_string)
    }

    /// Sends a request, again where that may help at once, and returns its JSON answer.
    pub(crate) async fn send(&self, request: Request<Vec<u8>>, repeat: Repeat) -> Answer<Value> {
        let begun = Instant::now();
        let is_write = request.method() != http::Method::GET;
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        let mut renewed = false;
        loop {
            let (client, generation) = self.client();
            let error = match once(&client, request.clone()).await {
                Ok(value) => {
                    self.accepted.store(true, Ordering::Relaxed);
                    return Ok(value);
                }
                Err(error) => error,
            };
            if error.code() == Some(401) {
                if !renewed && self.renew(generation).await? {
                    renewed = true;
                    if is_write && begun.elapsed() > LATE {
                        return Err(ApiError::Late);
                    }
                    continue;
                }
                return Err(self.refused(&error.message()));
            }
            if let ApiError::Credentials(reason) = error {
                return Err(self.unavailable(&reason));
            }
            let wait = error.retry_after().unwrap_or(pause);
            let patience = if is_write { LATE } else { PATIENCE };
            if tries >= TRIES || !may_be_repeated(&error, repeat) || begun.elapsed() + wait > patience {
                return Err(error);
            }
            tracing::debug!(
                method = %request.method(), path = request.uri().path(), error = %error.message(),
                "a request is sent again"
            );
            tokio::time::sleep(wait).await;
            tries += 1;
            pause *= 2;
        }
    }

    /// The client as it is now, for what is more than a request and an answer.
    pub(crate) fn current(&self) -> Client {
        self.client().0
    }

    fn client(&self) -> (Client, u64) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (current.client.clone(), current.generation)
    }

    /// Has the credentials anew: the kubeconfig is read and its plugin is run again, as tools do whose
    /// token was taken back before its time. Says whether there is something new to try.
    async fn renew(&self, refused: u64) -> Answer<bool> {
        let Some(access) = &self.access else { return Ok(false) };
        let _one_at_a_time = self.renewing.lock().await;
        {
            let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            if current.generation != refused {
                return Ok(true);
            }
            if current.renewed.is_some_and(|renewed| renewed.elapsed() < RENEWAL) {
                return Ok(false);
            }
            if let Some((_, reason)) = current.in_vain.as_ref().filter(|(asked, _)| asked.elapsed() < RENEWAL)
            {
                return Err(self.unavailable(reason));
            }
        }
        let client = tokio::time::timeout(PLUGIN_TIMEOUT, access.client()).await;
        let client = client.unwrap_or_else(|_| {
            Err(format!("the credential plugin gave nothing within {} s", PLUGIN_TIMEOUT.as_secs()))
        });
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match client {
            Ok(client) => {
                let (generation, renewed) = (current.generation + 1, Some(Instant::now()));
                *current = Current { client, generation, renewed, in_vain: None };
                Ok(true)
            }
            Err(reason) => {
                current.in_vain = Some((Instant::now(), reason.clone()));
                Err(self.unavailable(&reason))
            }
        }
    }

    fn refused(&self, reason: &str) -> ApiError {
        let accepts =
            if self.accepted.load(Ordering::Relaxed) { "no longer accepts" } else { "does not accept" };
        let account = self.account();
        ApiError::Credentials(format!("the API server {accepts} the credentials of {account} ({reason})"))
    }

    fn unavailable(&self, reason: &str) -> ApiError {
        ApiError::Credentials(format!("the credentials of {} cannot be had: {reason}", self.account()))
    }
}

/// Whether sending again makes sense and does no harm.
fn may_be_repeated(error: &ApiError, repeat: Repeat) -> bool {
    match error {
        // The server says itself that it did nothing, and when to come back.
        ApiError::Status(status) if status.code == 429 => true,
        ApiError::Status(status) if status.code == 503 && error.retry_after().is_some() => true,
        ApiError::Status(status) => {
            repeat == Repeat::Harmless && matches!(status.code, 500 | 502..=504) && error.may_pass()
        }
        ApiError::Lost(_) => repeat == Repeat::Harmless,
        ApiError::NoAnswer(_)
        | ApiError::NoKind { .. }
        | ApiError::Credentials(_)
        | ApiError::Late
        | ApiError::Other(_) => false,
    }
}

/// How long an answer may take. The API server merges and checks a large object field by field, which takes a busy
/// one long: the definitions of the Prometheus operator are half a megabyte each, and ten of them come at once.
fn time_for(request: &Request<Vec<u8>>) -> Duration {
    let size = u32::try_from(request.body().len()).unwrap_or(u32::MAX);
    REQUEST_TIMEOUT + Duration::from_secs(1) * (size / BYTES_A_SECOND)
}

async fn once(client: &Client, request: Request<Vec<u8>>) -> Answer<Value> {
    let limit = time_for(&request);
    let asked = async {
        let response = client.send(request.map(Body::from)).await.map_err(ApiError::from_kube)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(ApiError::from_kube)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    };
    let answered = tokio::time::timeout(limit, asked).await;
    let answered =
        answered.map_err(|_| ApiError::NoAnswer(format!("no answer within {} s", limit.as_secs())))??;
    let status = answered.status();
    if status.is_success() {
        // The answer itself is not shown: it may hold a Secret.
        return serde_json::from_slice(answered.body())
            .map_err(|error| ApiError::Other(format!("the answer is no JSON: {error}")));
    }
    let seconds = retry_after_seconds(answered.headers());
    Err(ApiError::from_status(failure(status.as_u16(), answered.body(), seconds)))
}

/// The server's failure, or that of something before it that does not speak Kubernetes' language.
fn failure(code: u16, body: &[u8], retry_after: Option<u32>) -> Status {
    let mut status = match serde_json::from_slice::<Status>(body) {
        Ok(status) if status.status == Some(StatusSummary::Failure) => status,
        Ok(_) | Err(_) => {
            let line = first_line(&String::from_utf8_lossy(body));
            Status::failure(&line.unwrap_or_else(|| format!("HTTP status {code}")), "")
        }
    };
    // What proxies and clients go by is the HTTP status.
    status.code = code;
    if let Some(seconds) = retry_after {
        let details = status.details.get_or_insert_with(|| StatusDetails {
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        });
        details.retry_after_seconds = seconds;
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_object_has_longer_to_be_answered() {
        let seconds = |size| time_for(&Request::new(vec![b' '; size])).as_secs();
        assert_eq!((seconds(0), seconds(9_999), seconds(500_000)), (10, 10, 60));
    }
}
