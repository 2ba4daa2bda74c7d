//! Rendering: charts by the real helm, manifests from files, both into objects in normal form.
//!
//! A render is fixed by its inputs: the chart's content, the values, the Kubernetes version and the
//! API versions offered. So it is cached by them, and helm is started only for what is new. Values go
//! to helm on standard input, never on a command line. A cluster is asked for nothing but the scope of kinds
//! that nothing in the plan defines, since charts leave namespaces to whoever applies them.

mod manifests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use lgtm_executor::{Failure, Kind, world::RenderRequest};
use lgtm_planner::{
    diff::diff,
    digest::Digest,
    object::{Object, ObjectKey, Scope, built_in_scope},
    plan::Rendered,
    unit::{ChartRef, Content, Release, UnitId},
};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command, sync::Semaphore};

use crate::{
    charts::{
        self,
        upstream::{ChartSource, Package, Packages, Remote},
    },
    cluster::{Cluster, answer::ApiError, environment},
    tools::{MissingTool, Tool, Tools},
    whole_file,
};

/// Renders at once: helm is bound by the processor.
const CONCURRENCY: usize = 4;
/// Raised when the cached form of a render changes.
const CACHE_VERSION: &str = "2";

/// Renders and remembers.
pub(crate) struct Renderer {
    tools: Tools,
    base_dir: PathBuf,
    cache_dir: PathBuf,
    pub(crate) packages: Packages,
    permits: Semaphore,
    /// A turn for each render: a fleet asks for the same one many times at once, and helm runs it once.
    turns: Mutex<BTreeMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

impl Renderer {
    pub(crate) fn new(tools: Tools, base_dir: PathBuf, cache_dir: PathBuf, source: ChartSource) -> Self {
        let packages = Packages::new(source, tools.clone(), cache_dir.clone());
        let (permits, turns) = (Semaphore::new(CONCURRENCY), Mutex::default());
        Self { tools, base_dir, cache_dir, packages, permits, turns }
    }

    /// The objects of a request; `cluster` is the one that they are for, where it is there.
    pub(crate) async fn render(
        &self,
        request: RenderRequest,
        cluster: Option<&Cluster>,
    ) -> Result<Rendered, Failure> {
        let (mut objects, namespace) = match &request.content {
            Content::Objects(objects) => (objects.clone(), None),
            Content::Release(release) => {
                (self.release(&request, release).await?, Some(release.namespace.as_str()))
            }
            Content::Manifests(manifests) => {
                (self.manifests(&request.unit, manifests).await?, manifests.namespace.as_deref())
            }
            Content::Cluster(_) | Content::Enrolment | Content::Material(_) => (Vec::new(), None),
        };
        if let Some(namespace) = namespace {
            place(&mut objects, namespace, request.api_versions, cluster).await?;
        }
        Ok(rendered(objects))
    }

    async fn release(&self, request: &RenderRequest, release: &Release) -> Result<Vec<Object>, Failure> {
        let (chart, chart_digest) = self.chart(&request.unit, &release.chart).await?;
        let key = Digest::of_parts([
            CACHE_VERSION,
            chart_digest.as_str(),
            Digest::of_json(&release.values).as_str(),
            &release.name,
            &release.namespace,
            &request.kube_version,
            &request.api_versions.keys().map(String::as_str).collect::<Vec<_>>().join(","),
        ]);
        let cached = self.cached(&key);
        if let Some(found) = read_cache(&cached) {
            return Ok(found);
        }
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(key).or_default())
        };
        let _turn = turn.lock().await;
        // Whoever had the turn before has left the render behind.
        if let Some(found) = read_cache(&cached) {
            return Ok(found);
        }
        let objects = self.anew(request, release, &chart).await?;
        remember(&cached, &objects);
        Ok(objects)
    }

    fn cached(&self, key: &Digest) -> PathBuf {
        self.cache_dir.join("renders").join(format!("{key}.json"))
    }

    async fn anew(
        &self,
        request: &RenderRequest,
        release: &Release,
        chart: &Path,
    ) -> Result<Vec<Object>, Failure> {
        let text = self.helm(request, release, chart).await?;
        parse(&request.unit, &release.chart.to_string(), &text)
    }

    /// What differs between two renders of the same chart with the same inputs, as `Kind namespace/name: path`.
    pub(crate) async fn unstable(&self, request: &RenderRequest) -> Result<Vec<String>, Failure> {
        let Content::Release(release) = &request.content else { return Ok(Vec::new()) };
        let (chart, _) = self.chart(&request.unit, &release.chart).await?;
        // One of the two may be remembered: it was made from the same inputs.
        let (one, other) = tokio::join!(self.release(request, release), self.anew(request, release, &chart));
        let (one, other) = (one?, other?);
        Ok(differences(&one, &other))
    }

    /// Where a unit's chart is on this machine, and a digest of it.
    pub(crate) async fn chart(&self, unit: &UnitId, chart: &ChartRef) -> Result<(PathBuf, Digest), Failure> {
        match chart {
            ChartRef::Embedded(name) => {
                let missing = || {
                    Failure::new(Kind::Permanent, format!("unit {unit}: there is no embedded chart {name}"))
                };
                let digest = charts::digest(name).ok_or_else(missing)?;
                let path = charts::extract(name, &digest, &self.cache_dir).map_err(|error| {
                    let message = format!(
                        "the chart {name} cannot be written to {}: {error}",
                        self.cache_dir.display()
                    );
                    environment(
                        message,
                        "make the cache folder writable, or set XDG_CACHE_HOME to one that is",
                    )
                })?;
                Ok((path, digest))
            }
            ChartRef::Path(path) => {
                let path = self.base_dir.join(path);
                let digest = digest_of_path(&path).map_err(|error| {
                    let message =
                        format!("unit {unit}: the chart {} cannot be read: {error}", path.display());
                    Failure::new(Kind::Permanent, message).with_help(
                        "paths are relative to the topology file; mend `chart:` or the file's rights",
                    )
                })?;
                Ok((path, digest))
            }
            ChartRef::Upstream(chart) => {
                let found = self.remote(unit, Remote::Chart(chart.clone())).await?;
                Ok((found.path, found.digest))
            }
        }
    }

    async fn remote(&self, unit: &UnitId, wanted: Remote) -> Result<Package, Failure> {
        let found = self.packages.find(&wanted).await;
        found.map_err(|failure| Failure { message: format!("unit {unit}: {}", failure.message), ..failure })
    }

    #[tracing::instrument(name = "helm", level = "debug", skip_all, fields(chart = %release.chart))]
    async fn helm(
        &self,
        request: &RenderRequest,
        release: &Release,
        chart: &Path,
    ) -> Result<String, Failure> {
        let _permit = self.permits.acquire().await;
        let helm = self
            .tools
            .find(Tool::Helm)
            .map_err(|missing| environment(missing.to_string(), MissingTool::HELP))?;
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(Kind::Permanent, format!("unit {}: helm could not be run: {error}", request.unit))
        };
        let mut command = Command::new(helm);
        command
            .args(["template", &release.name])
            .arg(chart)
            .args(["--namespace", &release.namespace, "--values", "-"])
            .args(["--include-crds", "--skip-tests", "--is-upgrade", "--kube-version", &request.kube_version])
            // The user's helm settings and plugins must not change what is rendered.
            .env("HELM_CONFIG_HOME", self.cache_dir.join("helm/config"))
            .env("HELM_DATA_HOME", self.cache_dir.join("helm/data"))
            .env("HELM_CACHE_HOME", self.cache_dir.join("helm/cache"))
            .env_remove("KUBECONFIG")
            // It lives for a moment. With Go's default an eighth of that goes into collecting garbage.
            .env("GOGC", "400")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for version in request.api_versions.keys() {
            // Charts ask for `group/version` or for `group/version/Kind`; both must be answered.
            let group_version =
                version.rsplit_once('/').map_or(version.as_str(), |(group_version, _)| group_version);
            command.args(["--api-versions", group_version, "--api-versions", version]);
        }
        let mut helm = command.spawn().map_err(|error| failed(&error))?;
        if let Some(mut input) = helm.stdin.take() {
            input.write_all(release.values.to_string().as_bytes()).await.map_err(|error| failed(&error))?;
        }
        let output = helm.wait_with_output().await.map_err(|error| failed(&error))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let message = format!(
                "unit {}: the chart {} does not render: {}",
                request.unit,
                release.chart,
                said.trim()
            );
            return Err(Failure::new(Kind::Permanent, message).with_help("mend the chart or its values"));
        }
        String::from_utf8(output.stdout).map_err(|error| failed(&error))
    }
}

fn rendered(objects: Vec<Object>) -> Rendered {
    // The text of a list of them, without a copy of every object for it.
    let texts: Vec<String> = objects.iter().map(|object| object.value().to_string()).collect();
    let digest = Digest::of_bytes(format!("[{}]", texts.join(",")).as_bytes());
    Rendered { digest, objects: Arc::new(objects) }
}

/// Gives objects of namespaced kinds that name no namespace the given one. Where a kind is defined by no
/// unit of the plan and not known to the cluster either, it is taken to be namespaced, as most are.
async fn place(
    objects: &mut [Object],
    namespace: &str,
    mut defined: BTreeMap<String, Scope>,
    cluster: Option<&Cluster>,
) -> Result<(), Failure> {
    defined.extend(objects.iter().flat_map(Object::defined_kinds));
    for object in objects.iter_mut().filter(|object| object.namespace().is_none()) {
        let kind = format!("{}/{}", object.api_version(), object.kind());
        let planned = built_in_scope(object.group(), object.kind()).or_else(|| defined.get(&kind).copied());
        let scope = match (planned, cluster) {
            (Some(scope), _) => scope,
            (None, None) => Scope::Namespaced,
            (None, Some(cluster)) => match cluster.resource(object).await {
                Ok(resource) if !resource.namespaced => Scope::Cluster,
                Ok(_) | Err(ApiError::NoKind { .. }) => Scope::Namespaced,
                Err(error) => return Err(cluster.failure(&format!("looking up the kind {kind}"), error)),
            },
        };
        if scope == Scope::Namespaced {
            object.set_namespace(namespace);
        }
    }
    Ok(())
}

/// Every document of a YAML text as an object; lists are taken apart.
fn parse(unit: &UnitId, origin: &str, text: &str) -> Result<Vec<Object>, Failure> {
    let broken = |reason: String| Failure::new(Kind::Permanent, format!("unit {unit}: {origin}: {reason}"));
    // The library would print the lines around a fault, and those may be a Secret's.
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| broken(format!("not readable as YAML: {error}")))?;
    let mut objects = Vec::new();
    for document in documents {
        if document.is_null() {
            continue;
        }
        let items = match document.get("kind").and_then(Value::as_str) {
            Some("List") => document.get("items").and_then(Value::as_array).cloned().unwrap_or_default(),
            Some(_) | None => vec![document],
        };
        for item in items {
            objects.push(Object::new(item).map_err(|error| broken(error.to_string()))?);
        }
    }
    Ok(objects)
}

/// A digest of a file, or of all files below a folder with their names.
fn digest_of_path(path: &Path) -> std::io::Result<Digest> {
    if path.is_file() {
        return Ok(Digest::of_bytes(&std::fs::read(path)?));
    }
    let mut parts = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let found = entry?.path();
            if found.is_dir() {
                open.push(found);
            } else {
                let content = Digest::of_bytes(&std::fs::read(&found)?);
                let name = found.strip_prefix(path).unwrap_or(&found);
                parts.push(format!("{} {content}", name.display()));
            }
        }
    }
    parts.sort();
    Ok(Digest::of_parts(parts.iter().map(String::as_str)))
}

fn differences(one: &[Object], other: &[Object]) -> Vec<String> {
    let by_key = |objects: &[Object]| -> BTreeMap<ObjectKey, Object> {
        objects.iter().map(|object| (object.key(), object.clone())).collect()
    };
    let (one, other) = (by_key(one), by_key(other));
    let mut found = Vec::new();
    for key in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
        match (one.get(key), other.get(key)) {
            (Some(one), Some(other)) => {
                // Only where something differs is of interest, and the values may be secrets.
                let fields = diff(one.value(), other.value(), &|_| String::new());
                found.extend(fields.into_iter().map(|field| format!("{key}: {}", field.path)));
            }
            (Some(_), None) | (None, Some(_)) => found.push(format!("{key}: its name")),
            (None, None) => {}
        }
    }
    found
}

/// A cache that cannot be read is no cache.
fn read_cache(path: &Path) -> Option<Vec<Object>> {
    let text = std::fs::read(path).ok()?;
    let Value::Array(found) = serde_json::from_slice(&text).ok()? else { return None };
    found.into_iter().map(|value| Object::new(value).ok()).collect()
}

/// Keeps a render. What is secret is not left lying about in a cache.
fn remember(path: &Path, objects: &[Object]) {
    if !objects.iter().any(|object| object.is("", "Secret")) {
        write_cache(path, objects);
    }
}

/// Best effort: without a cache the next run starts helm again, and nothing else is lost.
fn write_cache(path: &Path, objects: &[Object]) {
    let write = || -> std::io::Result<()> { whole_file::write(path, &serde_json::to_vec(objects)?) };
    if let Err(error) = write() {
        tracing::debug!(path = %path.display(), %error, "a render could not be cached");
    }
}

#[cfg(test)]
mod tests;
