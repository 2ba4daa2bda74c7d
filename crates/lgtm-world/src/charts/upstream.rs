//! Charts of others: found in a mirror, in the cache, or fetched from their repository by helm, and checked
//! against the lock.
//!
//! A chart's bytes are trusted by their digest alone, so it does not matter where they came from.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::{BoxFuture, FutureExt as _, Shared};
use lgtm_executor::{Failure, Kind};
use lgtm_planner::{digest::Digest, unit::UpstreamChart};
use tokio::process::Command;

use super::lock::Lock;
use crate::{
    cluster::environment,
    tools::{MissingTool, Tool, Tools},
};

/// Where upstream charts come from.
#[derive(Clone, Debug)]
pub struct ChartSource {
    /// A folder of packaged charts, `NAME-VERSION.tgz`. When there is one, nothing is fetched.
    pub mirror: Option<PathBuf>,
    /// What is fixed. Without it no digest is checked, which is for making a lock only.
    pub lock: Option<Lock>,
}

/// A packaged chart on this machine.
#[derive(Clone, Debug)]
pub struct Package {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// The name of a packaged chart, as `helm package` gives it.
pub fn file_name(chart: &UpstreamChart) -> String {
    format!("{}-{}.tgz", chart.name, chart.version)
}

/// A look for a chart, which all who ask for it at once wait for together.
type Look = Shared<BoxFuture<'static, Result<Package, Failure>>>;

/// Charts of others, each found once by a process: every unit with the chart asks for it.
pub(crate) struct Packages {
    places: Arc<Places>,
    looks: Mutex<BTreeMap<UpstreamChart, Look>>,
}

struct Places {
    source: ChartSource,
    tools: Tools,
    cache: PathBuf,
}

impl Packages {
    pub(crate) fn new(source: ChartSource, tools: Tools, cache: PathBuf) -> Self {
        Self { places: Arc::new(Places { source, tools, cache }), looks: Mutex::default() }
    }

    /// Finds a chart, checks it, and returns a copy that is named after its bytes: what was checked is what
    /// helm reads, whatever becomes of the file that it was found in.
    pub(crate) async fn find(&self, chart: &UpstreamChart) -> Result<Package, Failure> {
        let looks = || self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || {
            let (places, chart) = (Arc::clone(&self.places), chart.clone());
            async move { places.find(&chart).await }.boxed().shared()
        };
        let look = looks().entry(chart.clone()).or_insert_with(begin).clone();
        let found = look.clone().await;
        if found.is_err() {
            // Whoever asks from now on may have more luck.
            looks().retain(|_, other| !other.ptr_eq(&look));
        }
        found
    }
}

impl Places {
    async fn find(&self, chart: &UpstreamChart) -> Result<Package, Failure> {
        let Self { source, tools, cache } = self;
        let locked = source.lock.as_ref().map(|lock| lock.get(chart).ok_or_else(|| not_locked(chart)));
        let locked = locked.transpose()?.map(|locked| &locked.digest);
        let path = source
            .mirror
            .as_ref()
            .map_or_else(|| fetched_path(chart, cache), |mirror| mirror.join(file_name(chart)));
        let known = match (&source.mirror, locked) {
            (Some(_), _) => Some(read(chart, &path).await?),
            // What is to be locked is what the repository has now.
            (None, None) => None,
            (None, Some(locked)) => read(chart, &path).await.ok().filter(|(_, digest)| digest == locked),
        };
        let (bytes, digest) = match known {
            Some(known) => known,
            None => {
                fetch(chart, tools, cache, &path).await?;
                read(chart, &path).await?
            }
        };
        if let Some(locked) = locked.filter(|locked| **locked != digest) {
            return Err(another(chart, &path, &digest, locked));
        }
        let path = keep(&bytes, &digest, cache).map_err(|error| {
            let message = format!("the chart {chart} cannot be kept in {}: {error}", cache.display());
            environment(message, "make the cache folder writable, or set XDG_CACHE_HOME to one that is")
        })?;
        Ok(Package { path, digest })
    }
}

/// A file's bytes and their digest.
async fn read(chart: &UpstreamChart, path: &Path) -> Result<(Vec<u8>, Digest), Failure> {
    let bytes = tokio::fs::read(path).await.map_err(|error| {
        let message = format!("the chart {chart} cannot be read from {}: {error}", path.display());
        environment(
            message,
            "put it there (`lgtmctl vendor DIR` fills such a folder), or leave out --chart-mirror",
        )
    })?;
    let digest = Digest::of_bytes(&bytes);
    Ok((bytes, digest))
}

/// Writes the bytes into a file named after them, unless they are there.
fn keep(bytes: &[u8], digest: &Digest, cache: &Path) -> std::io::Result<PathBuf> {
    let folder = cache.join("charts/by-digest");
    let path = folder.join(format!("{digest}.tgz"));
    if std::fs::read(&path).is_ok_and(|there| there == bytes) {
        return Ok(path);
    }
    std::fs::create_dir_all(&folder)?;
    let mut file = tempfile::NamedTempFile::new_in(&folder)?;
    file.write_all(bytes)?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(path)
}

fn another(chart: &UpstreamChart, path: &Path, digest: &Digest, locked: &Digest) -> Failure {
    let message = format!(
        "the chart {chart} in {} is not the locked one: its digest is sha256:{digest}, and the lock file says \
         sha256:{locked}",
        path.display(),
    );
    let help = "someone published other bytes under the same version, or the file is damaged; find out which, \
                and only then run `lgtmctl lock --upgrade`";
    Failure::new(Kind::Permanent, message).with_help(help)
}

fn not_locked(chart: &UpstreamChart) -> Failure {
    Failure::new(Kind::Permanent, format!("the chart {chart} is not in the lock file"))
        .with_help("run `lgtmctl lock`, look at what it adds, and commit the file")
}

/// Where a fetched chart is kept. Two repositories may have charts of one name and version.
fn fetched_path(chart: &UpstreamChart, cache: &Path) -> PathBuf {
    cache.join("charts").join(Digest::of_bytes(chart.repository.as_bytes()).short()).join(file_name(chart))
}

/// Has helm fetch the chart into `path`.
async fn fetch(chart: &UpstreamChart, tools: &Tools, cache: &Path, path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(cache);
    let failed = |why: String| {
        Failure::new(Kind::Transient, format!("the chart {chart} cannot be fetched: {why}")).with_help(
            "see that the repository can be reached from here and has this version, or use --chart-mirror with a \
             folder that `lgtmctl vendor` filled elsewhere",
        )
    };
    let helm =
        tools.find(Tool::Helm).map_err(|missing| environment(missing.to_string(), MissingTool::HELP))?;
    std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
    // It appears whole or not at all, also when two runs fetch it at once.
    let temporary = tempfile::Builder::new().prefix("fetch-").tempdir_in(folder);
    let temporary = temporary.map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(helm);
    command.arg("pull");
    if chart.repository.starts_with("oci://") {
        command.arg(format!("{}/{}", chart.repository.trim_end_matches('/'), chart.name));
    } else {
        command.args([&chart.name, "--repo", &chart.repository]);
    }
    command
        .args(["--version", &chart.version, "--destination"])
        .arg(temporary.path())
        .env("HELM_CONFIG_HOME", cache.join("helm/config"))
        .env("HELM_DATA_HOME", cache.join("helm/data"))
        .env("HELM_CACHE_HOME", cache.join("helm/cache"))
        .env_remove("KUBECONFIG")
        .kill_on_drop(true);
    let output = command.output().await.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    // Repositories name packages as they like, and some put a `v` before the version.
    let mut files = std::fs::read_dir(temporary.path()).map_err(|error| failed(error.to_string()))?;
    let found =
        files.next().and_then(Result::ok).ok_or_else(|| failed("helm wrote no package".to_owned()))?;
    std::fs::rename(found.path(), path).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::lock::Locked;

    fn chart() -> UpstreamChart {
        UpstreamChart {
            name: "app".to_owned(),
            repository: "https://charts.example.com".to_owned(),
            version: "1.2.3".to_owned(),
        }
    }

    fn packages(folder: &Path, lock: Option<Lock>) -> Packages {
        let source = ChartSource { mirror: Some(folder.to_owned()), lock };
        Packages::new(source, Tools::default(), folder.to_owned())
    }

    async fn find_in(folder: &Path, lock: Option<Lock>) -> Result<Package, Failure> {
        packages(folder, lock).find(&chart()).await
    }

    #[tokio::test]
    async fn a_chart_in_the_mirror_is_held_against_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let missing = find_in(folder.path(), None).await.unwrap_err();
        assert!(missing.kind == Kind::Environment && missing.message.contains("app-1.2.3.tgz"), "{missing}");

        let unlocked = find_in(folder.path(), Some(Lock::default())).await.unwrap_err();
        assert!(unlocked.message.contains("not in the lock file"), "{unlocked}");

        std::fs::write(folder.path().join("app-1.2.3.tgz"), "bytes").unwrap();
        assert_eq!(find_in(folder.path(), None).await.unwrap().digest, Digest::of_bytes(b"bytes"));

        let mut lock = Lock::default();
        lock.insert(chart(), Locked { digest: Digest::of_bytes(b"bytes"), unstable: Vec::new() });
        find_in(folder.path(), Some(lock.clone())).await.unwrap();
        std::fs::write(folder.path().join("app-1.2.3.tgz"), "other bytes").unwrap();
        let changed = find_in(folder.path(), Some(lock)).await.unwrap_err();
        assert!(
            changed.kind == Kind::Permanent && changed.message.contains("not the locked one"),
            "{changed}"
        );
    }

    #[tokio::test]
    async fn a_chart_is_found_once_and_looked_for_until_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let packages = packages(folder.path(), None);
        packages.find(&chart()).await.unwrap_err();
        let file = folder.path().join("app-1.2.3.tgz");
        std::fs::write(&file, "bytes").unwrap();
        let first = packages.find(&chart()).await.unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(packages.find(&chart()).await.unwrap().path, first.path);
    }
}
