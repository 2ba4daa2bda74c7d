//! What an administrator does by hand, past lgtmctl.

use http::Request;
use kube::Client;
use serde_json::{Value, json};

pub(crate) struct Hand(Client);

impl Hand {
    pub(crate) fn new(client: Client) -> Self {
        Self(client)
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        match self.0.request(Request::get(path).body(Vec::new()).unwrap()).await {
            Ok(found) => Some(found),
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            Err(error) => panic!("GET {path}: {error}"),
        }
    }

    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        let list = self.get(path).await.unwrap_or_default();
        list.get("items").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// A JSON patch, as `kubectl edit` would send it.
    pub(crate) async fn patch(&self, path: &str, operations: &Value) -> Value {
        let request = Request::patch(format!("{path}?fieldManager=kubectl-edit"))
            .header("content-type", "application/json-patch+json")
            .body(operations.to_string().into_bytes())
            .unwrap();
        self.0.request(request).await.unwrap_or_else(|error| panic!("PATCH {path} {operations}: {error}"))
    }

    pub(crate) async fn merge(&self, path: &str, patch: &Value) -> Value {
        let request = Request::patch(format!("{path}?fieldManager=kubectl-patch"))
            .header("content-type", "application/merge-patch+json")
            .body(patch.to_string().into_bytes())
            .unwrap();
        self.0.request(request).await.unwrap_or_else(|error| panic!("PATCH {path} {patch}: {error}"))
    }

    pub(crate) async fn create(&self, path: &str, object: &Value) -> Value {
        self.create_as(path, "administrator", object).await
    }

    /// Creates as another tool does: `helm`, or `kubectl-client-side-apply`.
    pub(crate) async fn create_as(&self, path: &str, manager: &str, object: &Value) -> Value {
        let request = Request::post(format!("{path}?fieldManager={manager}"))
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes())
            .unwrap();
        self.0.request(request).await.unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Replaces as a whole, as clients that read, change and write back do.
    pub(crate) async fn put(&self, path: &str, object: &Value) -> Value {
        let request = Request::put(path)
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes())
            .unwrap();
        self.0.request(request).await.unwrap_or_else(|error| panic!("PUT {path}: {error}"))
    }

    /// A forced server-side apply under another manager.
    pub(crate) async fn apply_as(&self, path: &str, manager: &str, object: &Value) -> Value {
        let request = Request::patch(format!("{path}?fieldManager={manager}&force=true"))
            .header("content-type", "application/apply-patch+yaml")
            .body(object.to_string().into_bytes())
            .unwrap();
        self.0.request(request).await.unwrap_or_else(|error| panic!("APPLY {path}: {error}"))
    }

    /// Deletes, and returns when the object is gone.
    pub(crate) async fn delete(&self, path: &str) {
        let uid = self.begin_to_delete(path).await;
        for _ in 0..600 {
            match self.get(path).await {
                Some(found) if found["metadata"]["uid"] == uid => {}
                Some(_) | None => return,
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{path} does not go");
    }

    /// Deletes, and does not wait for what that takes. Returns the uid of what goes.
    pub(crate) async fn begin_to_delete(&self, path: &str) -> Value {
        let body = json!({"propagationPolicy": "Background"}).to_string().into_bytes();
        let request = Request::delete(path).header("content-type", "application/json").body(body).unwrap();
        let uid =
            self.get(path).await.unwrap_or_else(|| panic!("{path} is not there"))["metadata"]["uid"].clone();
        self.0.request::<Value>(request).await.unwrap_or_else(|error| panic!("DELETE {path}: {error}"));
        uid
    }
}
