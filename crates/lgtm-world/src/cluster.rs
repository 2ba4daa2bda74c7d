//! One Kubernetes API server, as requests and answers.
//!
//! The module knows URLs, verbs and the server's errors. It knows no unit, no plan and no topology;
//! what is applied and when is said by its callers.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use http::{Request, header};
use kube::Client;
use lgtm_executor::{Failure, Kind};
use lgtm_planner::{
    fingerprint::FIELD_MANAGER,
    object::{Object, ObjectKey, Scope, built_in_scope},
};
use lgtm_topology::ClusterName;
use serde_json::{Value, json};

pub(crate) mod answer;
mod approximate;
pub(crate) mod discovery;
pub(crate) mod examine;
mod forbidden;
pub(crate) mod forward;
mod link;
pub(crate) mod ready;
mod resources;
pub(crate) mod takeover;

use answer::{Answer, ApiError};
use link::{Link, Repeat};

use crate::connection::Access;

/// How long one request may take before the cluster counts as not answering.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Objects in one page of a list.
const PAGE: u32 = 500;
/// How often a list is begun anew because its first page is too old for the next ones.
const RESTARTS: u32 = 3;

/// A resource in URLs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) namespaced: bool,
}

impl Resource {
    /// A namespaced resource of the core group.
    pub(crate) fn core(plural: &str) -> Self {
        Self { group: String::new(), version: "v1".to_owned(), plural: plural.to_owned(), namespaced: true }
    }

    /// A resource of the group `apps`, such as `deployments`.
    pub(crate) fn apps(plural: &str) -> Self {
        Self { group: "apps".to_owned(), ..Self::core(plural) }
    }

    /// `/apis/apps/v1/namespaces/x/deployments`; without a namespace, all of them.
    fn path(&self, namespace: Option<&str>) -> String {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(&self.plural);
        path
    }

    pub(crate) fn object_path(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{name}", self.path(namespace))
    }
}

/// That it was asked whether writing is allowed. Each write takes one, so none can be sent without the question,
/// and none by the answer that another had before it.
#[must_use = "a permit is for one write"]
#[derive(Debug)]
pub(crate) struct Permit(());

impl Permit {
    /// Whoever says that writing is allowed is the lock, and the lock alone; its own Lease is written by its own word.
    pub(crate) fn by_the_lock() -> Self {
        Self(())
    }
}

/// A connection to one cluster. Cheap to share by reference; it pools its connections.
pub(crate) struct Cluster {
    pub(crate) name: ClusterName,
    /// Whether no pod runs on it, and so no controller of custom resources.
    simulated: bool,
    link: Link,
    /// Resources of kinds that are not built in, by group, version and kind.
    custom: Mutex<BTreeMap<(String, String, String), Resource>>,
}

impl Cluster {
    pub(crate) fn new(name: ClusterName, client: Client, access: Option<Access>, simulated: bool) -> Self {
        Self { name, simulated, link: Link::new(client, access), custom: Mutex::new(BTreeMap::new()) }
    }

    async fn get(&self, path: &str, accept: &str) -> Answer<Value> {
        let request = Request::get(path).header(header::ACCEPT, accept).body(Vec::new());
        self.send(request, Repeat::Harmless).await
    }

    async fn send(&self, request: Result<Request<Vec<u8>>, http::Error>, repeat: Repeat) -> Answer<Value> {
        let request = request.map_err(|error| ApiError::Other(error.to_string()))?;
        self.link.send(request, repeat).await
    }

    /// A raw read, such as `/version`; none when there is no such path.
    pub(crate) async fn read(&self, path: &str) -> Answer<Option<Value>> {
        none_if_missing(self.get(path, "application/json").await)
    }

    /// One object; none when it, its namespace or its kind is not there.
    pub(crate) async fn object(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Answer<Option<Value>> {
        self.read(&resource.object_path(namespace, name)).await
    }

    /// One object's metadata.
    pub(crate) async fn metadata(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Answer<Option<Value>> {
        let path = resource.object_path(namespace, name);
        none_if_missing(self.get(&path, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1").await)
    }

    /// The metadata of all objects of a resource that bear the labels.
    pub(crate) async fn list_metadata(&self, resource: &Resource, selector: &str) -> Answer<Vec<Value>> {
        let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        self.pages(&resource.path(None), selector, accept).await
    }

    /// The metadata of all objects of a resource in a namespace.
    pub(crate) async fn list_metadata_in(&self, resource: &Resource, namespace: &str) -> Answer<Vec<Value>> {
        let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        self.pages(&resource.path(Some(namespace)), "", accept).await
    }

    /// All objects of a resource in a namespace that bear the labels.
    pub(crate) async fn list(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        selector: &str,
    ) -> Answer<Vec<Value>> {
        self.pages(&resource.path(namespace), selector, "application/json").await
    }

    /// Reads a list page by page; a kind that is not there has no objects.
    async fn pages(&self, path: &str, selector: &str, accept: &str) -> Answer<Vec<Value>> {
        let mut items = Vec::new();
        let mut token = String::new();
        let mut restarts = 0;
        loop {
            let query =
                format!("{path}?limit={PAGE}&labelSelector={}&continue={}", encode(selector), encode(&token));
            let page = match self.get(&query, accept).await {
                // The server has forgotten the state of which this is a later page.
                Err(error) if error.code() == Some(410) && !token.is_empty() && restarts < RESTARTS => {
                    restarts += 1;
                    items.clear();
                    token.clear();
                    continue;
                }
                page => page,
            };
            let Some(mut page) = none_if_missing(page)? else { return Ok(items) };
            if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
                items.extend(found);
            }
            token = page.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default().to_owned();
            if token.is_empty() {
                return Ok(items);
            }
        }
    }

    /// Applies an object under lgtmctl's field manager, whoever owns its fields, and returns it as it is then.
    pub(crate) async fn apply(&self, object: &Object, _: Permit) -> Answer<Value> {
        self.send_apply(object, "force=true").await
    }

    /// The object as it would be if it was applied. Nothing is written.
    pub(crate) async fn dry_run(&self, object: &Object, force: bool) -> Answer<Value> {
        self.send_apply(object, &format!("force={force}&dryRun=All")).await
    }

    async fn send_apply(&self, object: &Object, how: &str) -> Answer<Value> {
        let resource = self.resource(object).await?;
        let query = format!(
            "{}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict&{how}",
            resource.object_path(object.namespace(), object.name()),
        );
        // JSON is YAML, and the server reads apply patches as YAML.
        let request = Request::patch(query)
            .header(header::CONTENT_TYPE, "application/apply-patch+yaml")
            .header(header::ACCEPT, "application/json")
            .body(object.value().to_string().into_bytes());
        self.send(request, Repeat::Harmless).await
    }

    /// A patch of another type, such as `application/json-patch+json`, which may be one that only works
    /// once.
    pub(crate) async fn patch(
        &self,
        path: &str,
        content_type: &str,
        body: &Value,
        _: Permit,
    ) -> Answer<Value> {
        let request = Request::patch(path)
            .header(header::CONTENT_TYPE, content_type)
            .body(body.to_string().into_bytes());
        self.send(request, Repeat::IfRefused).await
    }

    /// Creates, replaces or deletes an object as a whole.
    pub(crate) async fn write(
        &self,
        method: http::Method,
        path: &str,
        body: &Value,
        _: Permit,
    ) -> Answer<Value> {
        // What is deleted twice is deleted; what is created or replaced twice meets itself.
        let repeat = if method == http::Method::DELETE { Repeat::Harmless } else { Repeat::IfRefused };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into_bytes());
        self.send(request, repeat).await
    }

    /// Deletes an object if it still is the one with this uid. Says whether there was one.
    pub(crate) async fn delete(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        uid: Option<&str>,
        permit: Permit,
    ) -> Answer<bool> {
        let mut options =
            json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        if let (Some(uid), Some(options)) = (uid, options.as_object_mut()) {
            options.insert("preconditions".to_owned(), json!({"uid": uid}));
        }
        let path = resource.object_path(namespace, name);
        match self.write(http::Method::DELETE, &path, &options, permit).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(404) => Ok(false),
            Err(error) if error.code() == Some(409) => {
                // Another object of the same name is not ours to delete, and one that goes already is
                // deleted. Any other conflict says nothing of the object: it is still there.
                let live = self.metadata(resource, namespace, name).await?;
                let text = |pointer| live.as_ref().and_then(|live| live.pointer(pointer)?.as_str());
                if live.is_none() || (uid.is_some() && text("/metadata/uid") != uid) {
                    Ok(false)
                } else if text("/metadata/deletionTimestamp").is_some() {
                    Ok(true)
                } else {
                    Err(error)
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Where a kind is found in URLs. Built-in kinds need no request.
    pub(crate) async fn resource(&self, object: &Object) -> Answer<Resource> {
        self.resource_of(object.api_version(), object.kind()).await
    }

    pub(crate) async fn resource_of(&self, api_version: &str, kind: &str) -> Answer<Resource> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        if let (Some(plural), Some(scope)) = (resources::plural(group, kind), built_in_scope(group, kind)) {
            return Ok(Resource {
                group: group.to_owned(),
                version: version.to_owned(),
                plural: plural.to_owned(),
                namespaced: scope == Scope::Namespaced,
            });
        }
        let wanted = (group.to_owned(), version.to_owned(), kind.to_owned());
        if let Some(known) = self.custom.lock().ok().and_then(|custom| custom.get(&wanted).cloned()) {
            return Ok(known);
        }
        let path =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let listed = self.read(&path).await?;
        let found = listed
            .as_ref()
            .and_then(|listed| listed.get("resources")?.as_array())
            .into_iter()
            .flatten()
            .find(|resource| {
                let text = |field| resource.get(field).and_then(Value::as_str).unwrap_or_default();
                text("kind") == kind && !text("name").contains('/')
            });
        let Some(found) = found else {
            return Err(ApiError::NoKind { api_version: api_version.to_owned(), kind: kind.to_owned() });
        };
        let resource = Resource {
            group: wanted.0.clone(),
            version: wanted.1.clone(),
            plural: found.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            namespaced: found.get("namespaced").and_then(Value::as_bool).unwrap_or(true),
        };
        if let Ok(mut custom) = self.custom.lock() {
            custom.insert(wanted, resource.clone());
        }
        Ok(resource)
    }

    /// What is known of kinds that definitions bring may be of definitions that are no more.
    pub(crate) fn forget_kinds(&self) {
        if let Ok(mut custom) = self.custom.lock() {
            custom.clear();
        }
    }

    /// Whose rights the server goes by, for people.
    pub(crate) fn account(&self) -> String {
        self.link.account()
    }

    /// A failure of this cluster.
    pub(crate) fn failure(&self, doing: &str, error: ApiError) -> Failure {
        error.into_failure(&self.name, &self.account(), doing)
    }

    /// A failure about one object of this cluster.
    pub(crate) fn object_failure(&self, doing: &str, key: &ObjectKey, error: ApiError) -> Failure {
        self.failure(&format!("{doing} {key}"), error)
    }
}

fn none_if_missing(answer: Answer<Value>) -> Answer<Option<Value>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(ApiError::Status(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Percent-encodes a query value.
fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The failure of something that this process needs and does not have.
pub(crate) fn environment(message: impl Into<String>, help: impl Into<String>) -> Failure {
    Failure::new(Kind::Environment, message).with_help(help)
}
