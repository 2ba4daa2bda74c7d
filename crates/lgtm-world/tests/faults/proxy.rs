//! A proxy between lgtmctl and a real API server that does to requests what networks, load balancers and
//! overloaded servers do, and counts them.
//!
//! It speaks HTTP/2 over TLS to lgtmctl, as an API server does, with a certificate of its own, and the
//! cluster's own TLS to the server. Many requests share a connection, so one that is reset takes others
//! along. Answers pass through as they come, so watches work. What happens to a request is said by a
//! script; without one, nothing happens. The proxy knows no object and no unit.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming},
    header::{CONTENT_TYPE, RETRY_AFTER},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use kube::{Client, client::Body};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    tally::{Tally, verb},
    tls::tls,
};

type Broken = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<UnsyncBoxBody<Bytes, Broken>>;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// It is refused with this status and never reaches the server.
    Refuse(u16),
    /// It is refused with 429 and the seconds to wait, as by priority and fairness.
    Throttle(u64),
    /// The server carries it out, and the client hears this status.
    Lie(u16),
    /// The connection is reset before the server hears of it.
    ResetBefore,
    /// The server carries it out, and the connection is reset before the answer.
    ResetAfter,
    /// The connection is reset in the middle of the answer; of a watch, after its first event.
    Cut,
    /// It is passed on after this many milliseconds.
    Delay(u64),
    /// A list is answered as it was answered when it was asked first.
    Stale,
}

/// A request, as a script sees it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `get`, `list`, `watch`, `discover`, `create`, `apply`, `dry-run`, `patch`, `update` or `delete`.
    pub(crate) verb: &'static str,
    /// Path and query.
    pub(crate) path: String,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) verb: &'static str,
    pub(crate) path: String,
    pub(crate) fault: Option<Fault>,
}

type Script = Box<dyn FnMut(&Asked) -> Option<Fault> + Send>;

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// What its clients must trust, as PEM.
    pub(crate) certificate: String,
    inner: Arc<Inner>,
    accepting: tokio::task::JoinHandle<()>,
}

struct Inner {
    server: Client,
    script: Mutex<Option<Script>>,
    seen: Mutex<Vec<Seen>>,
    tally: Arc<Mutex<Tally>>,
    first_lists: Mutex<BTreeMap<String, Bytes>>,
}

impl Proxy {
    /// A proxy in front of the server that `server` talks to.
    pub(crate) async fn start(server: Client) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            server,
            script: Mutex::new(None),
            seen: Mutex::new(Vec::new()),
            tally: Arc::new(Mutex::new(Tally::default())),
            first_lists: Mutex::new(BTreeMap::new()),
        });
        let (acceptor, certificate) = tls();
        let accepting = tokio::spawn(accept(listener, acceptor, Arc::clone(&inner)));
        Self { address, certificate: certificate.pem(), inner, accepting }
    }

    /// From now on requests fare as the script says.
    pub(crate) fn play(&self, script: impl FnMut(&Asked) -> Option<Fault> + Send + 'static) {
        *self.inner.script.lock().unwrap() = Some(Box::new(script));
        self.inner.seen.lock().unwrap().clear();
    }

    /// Ends all faults. What lists were first is forgotten.
    pub(crate) fn heal(&self) {
        *self.inner.script.lock().unwrap() = None;
        self.inner.first_lists.lock().unwrap().clear();
    }

    /// The requests since the last script began, in their order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// What was asked since the last call, by verb.
    pub(crate) fn take_tally(&self) -> Tally {
        std::mem::take(&mut *self.inner.tally.lock().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, inner: Arc<Inner>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&inner)));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, inner: Arc<Inner>) {
    // Closing without lingering is a reset, and only the proxy's faults close from this side.
    stream.set_zero_linger().unwrap();
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let reset = Arc::new(Notify::new());
    let service = {
        let reset = Arc::clone(&reset);
        service_fn(move |request| answer(Arc::clone(&inner), request, Arc::clone(&reset)))
    };
    let connection = auto::Builder::new(TokioExecutor::new());
    tokio::select! {
        // That a connection ends is either the client's wish or a fault that was asked for.
        _ = connection.serve_connection(TokioIo::new(stream), service) => {}
        () = reset.notified() => {}
    }
}

async fn answer(inner: Arc<Inner>, request: Request<Incoming>, reset: Arc<Notify>) -> Result<Answer, Broken> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let verb = verb(&parts.method, &path);
    let fault = inner.decide(verb, &path);
    inner.tally.lock().unwrap().sent(verb, body.len());
    match fault {
        Some(Fault::Refuse(code)) => return Ok(inner.failure(verb, code, None)),
        Some(Fault::Throttle(seconds)) => return Ok(inner.failure(verb, 429, Some(seconds))),
        Some(Fault::ResetBefore) => {
            reset.notify_one();
            return std::future::pending().await;
        }
        Some(Fault::Delay(millis)) => tokio::time::sleep(Duration::from_millis(millis)).await,
        Some(Fault::Stale) => {
            let known = inner.first_lists.lock().unwrap().get(&path).cloned();
            if let Some(known) = known {
                inner.tally.lock().unwrap().received(verb, known.len());
                let stale = Response::builder().header(CONTENT_TYPE, "application/json");
                return Ok(stale.body(whole(known))?);
            }
        }
        Some(Fault::Lie(_) | Fault::ResetAfter | Fault::Cut) | None => {}
    }
    let mut forwarded = Request::new(Body::from(body.to_vec()));
    *forwarded.method_mut() = parts.method;
    *forwarded.uri_mut() = path.parse()?;
    *forwarded.headers_mut() = parts.headers;
    forwarded.headers_mut().remove(hyper::header::HOST);
    let answered = inner.server.send(forwarded).await?;
    match fault {
        Some(Fault::Lie(code)) => {
            answered.into_body().collect().await?;
            Ok(inner.failure(verb, code, None))
        }
        Some(Fault::ResetAfter) => {
            answered.into_body().collect().await?;
            reset.notify_one();
            std::future::pending().await
        }
        _ if verb == "watch" => Ok(inner.pass(verb, answered, (fault == Some(Fault::Cut)).then_some(1))),
        Some(Fault::Cut) => {
            let (parts, body) = answered.into_parts();
            let body = body.collect().await?.to_bytes();
            let half = body.slice(..body.len() / 2);
            let pieces = [Ok(Frame::data(half)), Err::<_, Broken>("cut in the middle".into())];
            Ok(Response::from_parts(
                parts,
                BodyExt::boxed_unsync(StreamBody::new(futures::stream::iter(pieces))),
            ))
        }
        _ if verb == "list" && answered.status() == StatusCode::OK => {
            let (parts, body) = answered.into_parts();
            let body = body.collect().await?.to_bytes();
            inner.tally.lock().unwrap().received(verb, body.len());
            inner.first_lists.lock().unwrap().entry(path).or_insert_with(|| body.clone());
            Ok(Response::from_parts(parts, whole(body)))
        }
        _ => Ok(inner.pass(verb, answered, None)),
    }
}

fn whole(body: Bytes) -> UnsyncBoxBody<Bytes, Broken> {
    BodyExt::boxed_unsync(Full::new(body).map_err(|never| match never {}))
}

impl Inner {
    fn decide(&self, verb: &'static str, path: &str) -> Option<Fault> {
        let mut script = self.script.lock().unwrap();
        let asked = Asked { verb, path: path.to_owned() };
        let fault = script.as_mut().and_then(|script| script(&asked));
        self.seen.lock().unwrap().push(Seen { at: Instant::now(), verb, path: asked.path, fault });
        fault
    }

    /// Hands an answer on piece by piece; with a number, it breaks after so many pieces.
    fn pass(&self, verb: &'static str, answered: Response<Body>, pieces: Option<usize>) -> Answer {
        let (parts, body) = answered.into_parts();
        let tally = Arc::clone(&self.tally);
        let counted = http_body_util::BodyStream::new(body).map(move |frame| {
            if let Some(data) = frame.as_ref().ok().and_then(|frame: &Frame<Bytes>| frame.data_ref()) {
                tally.lock().unwrap().received(verb, data.len());
            }
            frame.map_err(Broken::from)
        });
        let body = match pieces {
            Some(pieces) => {
                let cut = futures::stream::iter([Err::<_, Broken>("cut in the middle".into())]);
                StreamBody::new(counted.take(pieces).chain(cut).boxed())
            }
            None => StreamBody::new(counted.boxed()),
        };
        Response::from_parts(parts, body.boxed_unsync())
    }

    /// An answer as the server, or something before it, gives.
    fn failure(&self, verb: &'static str, code: u16, retry_after: Option<u64>) -> Answer {
        let (reason, message) = match code {
            401 => ("Unauthorized", "Unauthorized"),
            409 => (
                "Conflict",
                "Operation cannot be fulfilled: the object has been modified; please apply your changes to \
                 the latest version and try again",
            ),
            500 => ("", "etcdserver: leader changed"),
            504 => ("Timeout", "Timeout: request did not complete within the allotted time"),
            _ => ("ServiceUnavailable", "the server is currently unable to handle the request"),
        };
        let mut answer = Response::builder().status(code);
        let body = if let Some(seconds) = retry_after {
            answer = answer.header(RETRY_AFTER, seconds);
            // Priority and fairness answers in plain text.
            "Too many requests, please try again later.".to_owned()
        } else {
            let status = json!({
                "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
                "message": message, "reason": reason, "code": code,
            });
            status.to_string()
        };
        self.tally.lock().unwrap().received(verb, body.len());
        answer.header(CONTENT_TYPE, "application/json").body(whole(body.into())).unwrap()
    }
}
