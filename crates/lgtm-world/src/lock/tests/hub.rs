//! A hub's API server that keeps what it is given and answers as it is told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use kube::client::Body;
use lgtm_topology::ClusterName;
use serde_json::{Value, json};

use crate::cluster::Cluster;

/// How it answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Mood {
    #[default]
    Well,
    /// Nothing happens, and no answer comes.
    Silent,
    /// Everything is forbidden.
    Refuses,
    /// The answer comes so much later than the effect.
    Slow(Duration),
}

#[derive(Default)]
struct State {
    mood: Mood,
    revision: u64,
    objects: BTreeMap<String, Value>,
    /// Methods and paths of what was written, the Lease left out.
    writes: Vec<String>,
}

#[derive(Clone, Default)]
pub(super) struct Hub(Arc<Mutex<State>>);

impl Hub {
    pub(super) fn cluster(&self) -> Arc<Cluster> {
        let hub = self.clone();
        let service = tower::service_fn(move |request| {
            let hub = hub.clone();
            async move { Ok::<_, kube::Error>(hub.answer(request).await) }
        });
        let client = kube::Client::new(service, "default");
        Arc::new(Cluster::new(ClusterName::new("hub"), client, None, false))
    }

    pub(super) fn set(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    pub(super) fn put(&self, path: &str, object: Value) {
        self.0.lock().unwrap().objects.insert(path.to_owned(), object);
    }

    /// Another takes the one Lease that there is.
    pub(super) fn steal(&self) {
        let mut state = self.0.lock().unwrap();
        let lease = state.objects.iter_mut().find(|(path, _)| path.contains("/leases/")).unwrap().1;
        lease["spec"]["holderIdentity"] = json!("a stranger");
    }

    pub(super) fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().writes)
    }

    async fn answer(&self, request: Request<Body>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mood = self.0.lock().unwrap().mood;
        match mood {
            Mood::Well | Mood::Slow(_) => {}
            Mood::Silent => return std::future::pending().await,
            Mood::Refuses => return told(403, &json!({})),
        }
        let (code, answer) = self.0.lock().unwrap().act(&parts.method, parts.uri.path(), body);
        if let Mood::Slow(delay) = mood {
            tokio::time::sleep(delay).await;
        }
        told(code, &answer)
    }
}

fn told(code: u16, answer: &Value) -> Response<Full<Bytes>> {
    Response::builder().status(code).body(Full::new(answer.to_string().into())).unwrap()
}

impl State {
    fn act(&mut self, method: &Method, path: &str, mut body: Value) -> (u16, Value) {
        if method != Method::GET && !path.contains("/leases") {
            self.writes.push(format!("{method} {path}"));
        }
        let path = match (method, body.pointer("/metadata/name").and_then(Value::as_str)) {
            (&Method::POST, Some(name)) => format!("{path}/{name}"),
            _ => path.to_owned(),
        };
        let found = self.objects.get(&path).cloned();
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        match (method.as_str(), found) {
            ("POST", Some(_)) => (409, json!({})),
            ("PUT", Some(found)) if version(&found) != version(&body) => (409, json!({})),
            ("POST" | "PUT", _) => {
                self.revision += 1;
                body["metadata"]["resourceVersion"] = json!(self.revision.to_string());
                self.objects.insert(path, body.clone());
                (200, body)
            }
            ("DELETE", Some(found)) => {
                self.objects.remove(&path);
                (200, found)
            }
            (_, Some(found)) => (200, found),
            (_, None) => (404, json!({})),
        }
    }
}
