//! A storage in memory that speaks as much of S3 and of the admin API as is asked of it.
//!
//! It believes no signature: each is calculated anew here, by other code than that which made it. Its
//! refusals repeat the keys that it knows, so that whoever shows them is found out.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use ring::hmac;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{object_storage::ask::Line, pki};

pub(super) const ROOT: (&str, &str) = ("root-id", "root/secret+that-nobody-sees");

/// What is in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) buckets: BTreeSet<String>,
    /// Secrets, by id.
    pub(super) users: BTreeMap<String, String>,
    pub(super) policies: BTreeMap<String, Value>,
    /// Policies, by id.
    pub(super) attached: BTreeMap<String, String>,
}

/// What happens to one request, counted from 0.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// The connection is cut before it is read.
    CutBefore,
    /// It is done, and the connection is cut before the answer.
    CutAfter,
    /// It is answered so, and not done.
    Refuse(u16, &'static str),
    /// It is done by someone else at the same moment, and answered so.
    Race(u16, &'static str),
    /// It is answered with success and with something else than it should be.
    Nonsense,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) state: State,
    pub(super) fault: Option<(usize, Fault)>,
    pub(super) asked: Vec<String>,
}

/// The storage; it stays when connections are cut.
#[derive(Clone, Default)]
pub(super) struct Storage(pub(super) Arc<Mutex<Inner>>);

impl Storage {
    pub(super) fn with(state: State) -> Self {
        Self(Arc::new(Mutex::new(Inner { state, ..Inner::default() })))
    }

    pub(super) fn fail(&self, at: usize, fault: Fault) {
        let mut inner = self.0.lock().unwrap();
        inner.fault = Some((at, fault));
        inner.asked.clear();
    }

    pub(super) fn state(&self) -> State {
        self.0.lock().unwrap().state.clone()
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    /// A new connection.
    pub(super) async fn line(&self) -> Line {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let storage = self.clone();
        tokio::spawn(async move {
            let (cut, mut is_cut) = tokio::sync::mpsc::channel::<()>(1);
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let (storage, cut) = (storage.clone(), cut.clone());
                async move {
                    match storage.answer(request).await {
                        Some(answer) => Ok::<_, Infallible>(answer),
                        None => {
                            cut.send(()).await.unwrap();
                            std::future::pending().await
                        }
                    }
                }
            });
            let serving =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
            tokio::select! {
                _ = serving => {}
                _ = is_cut.recv() => {}
            }
        });
        Line::over(ours, 9000, Box::pin(std::future::ready(None))).await.unwrap()
    }

    async fn answer(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut inner = self.0.lock().unwrap();
        let index = inner.asked.len();
        let path = parts.uri.path_and_query().unwrap().as_str().to_owned();
        inner.asked.push(format!("{} {path}", parts.method));
        let fault = inner.fault.clone().filter(|(at, _)| *at == index).map(|(_, fault)| fault);
        if let Some(Fault::CutBefore) = fault {
            return None;
        }
        if let Some(Fault::Refuse(status, code)) = fault {
            return Some(inner.refusal(status, code, &parts.method));
        }
        let done = inner.perform(&parts.method, parts.uri.path(), parts.uri.query(), &parts.headers, &body);
        match fault {
            Some(Fault::CutAfter) => None,
            Some(Fault::Race(status, code)) => Some(inner.refusal(status, code, &parts.method)),
            Some(Fault::Nonsense) => Some(Response::new(Full::new(Bytes::from_static(b"[nonsense")))),
            _ => Some(done),
        }
    }
}

impl Inner {
    fn refusal(&self, status: u16, code: &str, method: &Method) -> Response<Full<Bytes>> {
        let state = &self.state;
        let body = format!("<Error><Code>{code}</Code><Message>{ROOT:?} {state:?}</Message></Error>");
        let body = if method == Method::HEAD { String::new() } else { body };
        let answer = Response::builder().status(status).header("retry-after", "7");
        answer.body(Full::new(Bytes::from(body))).unwrap()
    }

    fn perform(
        &mut self,
        method: &Method,
        path: &str,
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Response<Full<Bytes>> {
        let query = pairs(query);
        let who = match self.who(method, path, &query, headers, body) {
            Ok(who) => who,
            Err(code) => return self.refusal(403, code, method),
        };
        let value =
            |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap();
        let body = || serde_json::from_slice::<Value>(body).unwrap();
        let is_root = who == ROOT.0;
        match (method.as_str(), path) {
            ("GET", "/rustfs/admin/v3/list-users") if is_root => {
                let users: BTreeMap<&String, Value> =
                    self.state.users.keys().map(|id| (id, json!({"status": "enabled"}))).collect();
                return Response::new(Full::new(Bytes::from(serde_json::to_vec(&users).unwrap())));
            }
            ("PUT", "/rustfs/admin/v3/add-user") if is_root => {
                let user = body();
                assert_eq!(user["status"], "enabled");
                self.state.users.insert(value("accessKey"), user["secretKey"].as_str().unwrap().to_owned());
            }
            ("PUT", "/rustfs/admin/v3/add-canned-policy") if is_root => {
                self.state.policies.insert(value("name"), body());
            }
            ("PUT", "/rustfs/admin/v3/set-user-or-group-policy") if is_root => {
                let (user, policy) = (value("userOrGroup"), value("policyName"));
                assert_eq!(value("isGroup"), "false");
                if !self.state.users.contains_key(&user) {
                    return self.refusal(400, "InvalidArgument", method);
                }
                if !self.state.policies.contains_key(&policy) {
                    return self.refusal(500, "InternalError", method);
                }
                self.state.attached.insert(user, policy);
            }
            ("DELETE", "/rustfs/admin/v3/remove-user") if is_root => {
                self.state.users.remove(&value("accessKey"));
                self.state.attached.remove(&value("accessKey"));
            }
            ("HEAD", bucket) => {
                let bucket = &bucket[1..];
                if !is_root && !self.opens(&who, bucket) {
                    return self.refusal(403, "", method);
                }
                if !self.state.buckets.contains(bucket) {
                    return self.refusal(404, "", method);
                }
            }
            ("PUT", bucket) if is_root && !bucket.starts_with("/rustfs") => {
                if !self.state.buckets.insert(bucket[1..].to_owned()) {
                    return self.refusal(409, "BucketAlreadyOwnedByYou", method);
                }
            }
            _ => return self.refusal(403, "AccessDenied", method),
        }
        Response::new(Full::default())
    }

    fn opens(&self, who: &str, bucket: &str) -> bool {
        let policy = self.state.attached.get(who).and_then(|policy| self.state.policies.get(policy));
        policy.is_some_and(|policy| policy.to_string().contains(&format!("\"arn:aws:s3:::{bucket}\"")))
    }

    /// Whose request it is, if it is signed well.
    fn who(
        &self,
        method: &Method,
        path: &str,
        query: &[(String, String)],
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<String, &'static str> {
        let text = |name: &str| headers[name].to_str().unwrap();
        assert_eq!(text("host"), "127.0.0.1:9000");
        if text("x-amz-content-sha256") != pki::hex(&Sha256::digest(body)) {
            return Err("XAmzContentSHA256Mismatch");
        }
        let given = Given::of(text("authorization"));
        let known = self.state.users.get(&given.id).map(String::as_str);
        let secret = if given.id == ROOT.0 { Some(ROOT.1) } else { known };
        let secret = secret.ok_or("InvalidAccessKeyId")?;
        let wanted = signature(secret, method.as_str(), path, query, headers, &given);
        if wanted == given.signature { Ok(given.id) } else { Err("SignatureDoesNotMatch") }
    }
}

pub(super) fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}

/// An `authorization` header, taken apart.
pub(super) struct Given {
    pub(super) id: String,
    scope: String,
    signed: Vec<String>,
    pub(super) signature: String,
}

impl Given {
    pub(super) fn of(header: &str) -> Self {
        let fields = header.strip_prefix("AWS4-HMAC-SHA256 ").unwrap();
        let field = |name: &str| {
            let mut fields = fields.split(", ").filter_map(|field| field.split_once('='));
            fields.find(|(found, _)| *found == name).unwrap().1.to_owned()
        };
        let (id, scope) =
            field("Credential").split_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let signed = field("SignedHeaders").split(';').map(str::to_owned).collect();
        Self { id, scope, signed, signature: field("Signature") }
    }
}

/// The signature as the specification says it, for requests whose path and query need no encoding.
pub(super) fn signature(
    secret: &str,
    method: &str,
    path: &str,
    query: &[(String, String)],
    headers: &HeaderMap,
    given: &Given,
) -> String {
    let text = |name: &str| headers[name].to_str().unwrap().trim();
    let mut query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    query.sort();
    let lines: String = given.signed.iter().map(|name| format!("{name}:{}\n", text(name))).collect();
    let (query, names, digest) = (query.join("&"), given.signed.join(";"), text("x-amz-content-sha256"));
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}");
    let canonical = pki::hex(&Sha256::digest(canonical));
    let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{}\n{canonical}", text("x-amz-date"), given.scope);
    let sign = |key: &[u8], data: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data.as_bytes()).as_ref().to_vec()
    };
    let key = format!("AWS4{secret}").into_bytes();
    let key = given.scope.split('/').fold(key, |key, part| sign(&key, part));
    pki::hex(&sign(&key, &to_sign))
}
