//! One connection to the storage: a signed request, and its answer in time.
//!
//! Knows HTTP and how S3 words a refusal, and refuses to know what is asked, and how the connection came
//! about.

use std::{
    pin::Pin,
    time::{Duration, SystemTime},
};

use futures::future::{FutureExt as _, Shared};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
};

use super::{AccessKey, sign::signed, trouble::Trouble};
use crate::cluster::{REQUEST_TIMEOUT, answer::retry_after_seconds};

/// The longest answer that is read; a list of ten thousand users is about a megabyte.
const LONGEST_ANSWER: usize = 8 << 20;
/// The longest code that a refusal is known by; what is longer is none.
const LONGEST_CODE: usize = 64;

/// Resolves with the reason when the other end cannot be had any more.
pub(super) type Broken = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// A connection to one server of the storage. Whatever it runs on ends with it.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    broken: Shared<Broken>,
    host: HeaderValue,
}

/// What is asked. The query's values must be letters, digits and `-._~`.
pub(super) struct Ask {
    /// For people: `making the bucket x`.
    pub(super) doing: String,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    doing: String,
    pub(super) status: StatusCode,
    /// S3's name for the refusal, such as `NoSuchBucket`.
    pub(super) code: Option<String>,
    retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

impl Answer {
    /// The same, if it is a success.
    pub(super) fn success(self) -> Result<Self, Trouble> {
        if self.status.is_success() { Ok(self) } else { Err(self.refusal()) }
    }

    /// The refusal that it is.
    pub(super) fn refusal(self) -> Trouble {
        Trouble::Refused {
            doing: self.doing,
            status: self.status.as_u16(),
            code: self.code,
            retry_after: self.retry_after,
        }
    }
}

impl Line {
    /// Speaks HTTP on a stream to the storage's `port`.
    pub(super) async fn over<S>(stream: S, port: u16, broken: Broken) -> Result<Self, hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer is told by the sender.
            drop(connection.await);
        });
        // An address, since S3 servers may take the first label of a name for a bucket.
        let host = HeaderValue::from_str(&format!("127.0.0.1:{port}"));
        let host = host.unwrap_or(HeaderValue::from_static("127.0.0.1"));
        Ok(Self { sender, driver, broken: broken.shared(), host })
    }

    /// Asks as whoever has the key.
    pub(super) async fn ask(&mut self, ask: Ask, key: &AccessKey) -> Result<Answer, Trouble> {
        let Ask { doing, method, path, body } = ask;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        let unsendable = |reason: String| Trouble::Unsendable { doing: doing.clone(), reason };
        // The path may hold an id, so it is not shown.
        let uri = path.parse().map_err(|_| unsendable("its path is no path".to_owned()))?;
        *request.uri_mut() = uri;
        request.headers_mut().insert(header::HOST, self.host.clone());
        signed(&mut request, key, SystemTime::now()).map_err(unsendable)?;
        let broken = self.broken.clone();
        let gone = async {
            match broken.await {
                Some(reason) => reason,
                // The stream itself says so when it ends.
                None => std::future::pending().await,
            }
        };
        let sent = self.exchange(request.map(|body| Full::new(Bytes::from(body))));
        let answered = tokio::select! {
            answered = tokio::time::timeout(REQUEST_TIMEOUT, sent) => answered
                .unwrap_or_else(|_| Err(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs()))),
            reason = gone => Err(reason),
        };
        let answered = answered.map_err(|reason| Trouble::NoAnswer { doing: doing.clone(), reason })?;
        let status = answered.status();
        tracing::debug!(doing, status = status.as_u16(), "the object storage answered");
        let retry_after =
            retry_after_seconds(answered.headers()).map(|seconds| Duration::from_secs(u64::from(seconds)));
        let body = answered.into_body();
        let code = (!status.is_success()).then(|| code(&body)).flatten();
        Ok(Answer { doing, status, code, retry_after, body })
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        let broke = |error: hyper::Error| format!("the connection broke: {error}");
        self.sender.ready().await.map_err(broke)?;
        let answered: Response<Incoming> = self.sender.send_request(request).await.map_err(broke)?;
        let (parts, body) = answered.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await;
        // Either hyper's reason or the limit's; neither holds anything of the body.
        let body = body.map_err(|error| format!("the answer cannot be read: {error}"))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The text of the first `Code` element. What does not look like a code is not shown.
fn code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    // Codes are written like types; ids of ours are not.
    let plain = code.starts_with(|first: char| first.is_ascii_uppercase())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain && code.len() <= LONGEST_CODE).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn only_what_looks_like_a_code_is_taken_from_an_answer() {
        let answer = |code: &str| {
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>")
        };
        assert_eq!(code(answer("NoSuchBucket").as_bytes()).as_deref(), Some("NoSuchBucket"));
        assert_eq!(code(answer("").as_bytes()), None);
        assert_eq!(code(answer("User lgtm-1").as_bytes()), None);
        assert_eq!(code(answer("lgtm1").as_bytes()), None);
        assert_eq!(code(answer(&"A".repeat(65)).as_bytes()), None);
        assert_eq!(code(b"<Code>half"), None);
        assert_eq!(code(b"\xff<Code>x</Code>"), None);
        assert_eq!(code(b""), None);
    }
}
