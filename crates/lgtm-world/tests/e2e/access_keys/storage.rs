//! A storage that takes every call, for what is about the way to it. What it should refuse is tested where the
//! calls are made.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

#[derive(Default)]
struct State {
    buckets: BTreeSet<String>,
    users: BTreeSet<String>,
}

/// The server; it ends with the test.
pub(super) struct Storage {
    state: Arc<Mutex<State>>,
    port: u16,
    serving: JoinHandle<()>,
}

impl Storage {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = state.lock().unwrap().answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { state, port, serving }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn buckets(&self) -> Vec<String> {
        self.state.lock().unwrap().buckets.iter().cloned().collect()
    }

    pub(super) fn users(&self) -> Vec<String> {
        self.state.lock().unwrap().users.iter().cloned().collect()
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl State {
    fn answer(&mut self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let id = query.strip_prefix("accessKey=").unwrap_or_default().to_owned();
        let answer = |status: u16, body: Value| {
            Response::builder().status(status).body(Full::new(Bytes::from(body.to_string()))).unwrap()
        };
        match (request.method().as_str(), path) {
            ("GET", "/rustfs/admin/v3/list-users") => {
                let users: BTreeMap<&String, Value> = self.users.iter().map(|id| (id, json!({}))).collect();
                return answer(200, json!(users));
            }
            ("PUT", "/rustfs/admin/v3/add-user") => drop(self.users.insert(id)),
            ("DELETE", "/rustfs/admin/v3/remove-user") => drop(self.users.remove(&id)),
            ("PUT", admin) if admin.starts_with("/rustfs/") => {}
            ("PUT", bucket) => drop(self.buckets.insert(bucket[1..].to_owned())),
            ("HEAD", bucket) if self.buckets.contains(&bucket[1..]) => {}
            _ => return Response::builder().status(404).body(Full::default()).unwrap(),
        }
        Response::new(Full::default())
    }
}
