//! Charts of others: found in a mirror, in the cache, or fetched from their repository by helm, and checked
//! against the lock.
//!
//! A chart's bytes are trusted by their digest alone, so it does not matter where they came from.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

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

/// Finds a chart, checks it, and returns a copy that is named after its bytes: what was checked is what helm
/// reads, whatever becomes of the file that it was found in.
pub(crate) async fn find(
    source: &ChartSource,
    chart: &UpstreamChart,
    tools: &Tools,
    cache: &Path,
) -> Result<Package, Failure> {
    let bytes = match (&source.mirror, &source.lock) {
        (Some(mirror), _) => read(chart, &mirror.join(file_name(chart))).await?,
        // What is to be locked is what the repository has now.
        (None, None) => read(chart, &fetch(chart, tools, cache).await?).await?,
        (None, Some(lock)) => {
            let cached = fetched_path(chart, cache);
            let known = tokio::fs::read(&cached).await.ok();
            match known.filter(|bytes| check(lock, chart, bytes, &cached).is_ok()) {
                Some(bytes) => bytes,
                None => read(chart, &fetch(chart, tools, cache).await?).await?,
            }
        }
    };
    if let Some(lock) = &source.lock {
        let found_in = source
            .mirror
            .as_ref()
            .map_or_else(|| fetched_path(chart, cache), |mirror| mirror.join(file_name(chart)));
        check(lock, chart, &bytes, &found_in)?;
    }
    let digest = Digest::of_bytes(&bytes);
    let path = keep(&bytes, &digest, cache).map_err(|error| {
        let message = format!("the chart {chart} cannot be kept in {}: {error}", cache.display());
        environment(message, "make the cache folder writable, or set XDG_CACHE_HOME to one that is")
    })?;
    Ok(Package { path, digest })
}

async fn read(chart: &UpstreamChart, path: &Path) -> Result<Vec<u8>, Failure> {
    tokio::fs::read(path).await.map_err(|error| {
        let message = format!("the chart {chart} cannot be read from {}: {error}", path.display());
        environment(
            message,
            "put it there (`lgtmctl vendor DIR` fills such a folder), or leave out --chart-mirror",
        )
    })
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

fn check(lock: &Lock, chart: &UpstreamChart, bytes: &[u8], path: &Path) -> Result<(), Failure> {
    let digest = Digest::of_bytes(bytes);
    match lock.get(chart) {
        Some(locked) if locked.digest == digest => Ok(()),
        Some(locked) => {
            let message = format!(
                "the chart {chart} in {} is not the locked one: its digest is sha256:{digest}, and the lock file says \
                 sha256:{}",
                path.display(),
                locked.digest
            );
            let help = "someone published other bytes under the same version, or the file is damaged; find out which, \
                        and only then run `lgtmctl lock --upgrade`";
            Err(Failure::new(Kind::Permanent, message).with_help(help))
        }
        None => Err(Failure::new(Kind::Permanent, format!("the chart {chart} is not in the lock file"))
            .with_help("run `lgtmctl lock`, look at what it adds, and commit the file")),
    }
}

/// Where a fetched chart is kept. Two repositories may have charts of one name and version.
fn fetched_path(chart: &UpstreamChart, cache: &Path) -> PathBuf {
    cache.join("charts").join(Digest::of_bytes(chart.repository.as_bytes()).short()).join(file_name(chart))
}

/// Has helm fetch the chart.
async fn fetch(chart: &UpstreamChart, tools: &Tools, cache: &Path) -> Result<PathBuf, Failure> {
    let path = fetched_path(chart, cache);
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
    std::fs::rename(found.path(), &path).map_err(|error| failed(error.to_string()))?;
    Ok(path)
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

    async fn find_in(folder: &Path, lock: Option<Lock>) -> Result<Package, Failure> {
        let source = ChartSource { mirror: Some(folder.to_owned()), lock };
        find(&source, &chart(), &Tools::default(), folder).await
    }

    #[tokio::test]
    async fn a_chart_in_the_mirror_is_held_against_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let missing = find_in(folder.path(), None).await.unwrap_err();
        assert!(missing.kind == Kind::Environment && missing.message.contains("app-1.2.3.tgz"), "{missing}");

        std::fs::write(folder.path().join("app-1.2.3.tgz"), "bytes").unwrap();
        assert_eq!(find_in(folder.path(), None).await.unwrap().digest, Digest::of_bytes(b"bytes"));

        let unlocked = find_in(folder.path(), Some(Lock::default())).await.unwrap_err();
        assert!(unlocked.message.contains("not in the lock file"), "{unlocked}");

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
}
