//! Fetching what others publish: charts by helm, which knows repositories and registries, and files by
//! HTTPS.
//!
//! What was fetched appears whole or not at all. Whether the bytes are the right ones is not known here.

use std::{io, path::Path};

use lgtm_executor::{Failure, Kind};
use lgtm_planner::unit::UpstreamChart;
use tokio::process::Command;

use super::{download::download, upstream::Remote};
use crate::{
    cluster::environment,
    tools::{MissingTool, Tool, Tools},
};

/// What helps where nothing better is known.
pub(super) const ELSEWHERE: &str = "see that it is published there and can be reached from here, or use \
                                    --chart-mirror with a folder that `lgtmctl vendor` filled elsewhere";

/// Why something cannot be had.
#[derive(Debug)]
pub(super) struct Why {
    /// Whether it may be had at another time.
    pub(super) kind: Kind,
    pub(super) reason: String,
    pub(super) help: &'static str,
}

impl Why {
    /// It could not be put where it belongs.
    pub(super) fn local(error: &io::Error) -> Self {
        let help = "make the cache folder writable, or set XDG_CACHE_HOME to one that is";
        Self { kind: Kind::Environment, reason: error.to_string(), help }
    }
}

/// Fetches it into `path`.
pub(super) async fn fetch(wanted: &Remote, tools: &Tools, cache: &Path, path: &Path) -> Result<(), Failure> {
    let fetched = match wanted {
        Remote::Chart(chart) => {
            let helm = tools
                .find(Tool::Helm)
                .map_err(|missing| environment(missing.to_string(), MissingTool::HELP))?;
            pull(chart, &helm, cache, path).await
        }
        Remote::Manifests(url) => download(url, path).await,
    };
    fetched.map_err(|Why { kind, reason, help }| {
        Failure::new(kind, format!("{wanted} cannot be fetched: {reason}")).with_help(help)
    })
}

/// Has helm fetch the chart.
async fn pull(chart: &UpstreamChart, helm: &Path, cache: &Path, path: &Path) -> Result<(), Why> {
    let local = |error| Why::local(&error);
    // Its words are for people, and do not say whether they will be true later.
    let said = |reason| Why { kind: Kind::Transient, reason, help: ELSEWHERE };
    let folder = path.parent().unwrap_or(cache);
    std::fs::create_dir_all(folder).map_err(local)?;
    // Two runs may fetch it at once.
    let temporary = tempfile::Builder::new().prefix("fetch-").tempdir_in(folder);
    let temporary = temporary.map_err(local)?;
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
    let output = command.output().await.map_err(|error| said(error.to_string()))?;
    if !output.status.success() {
        return Err(said(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    // Repositories name packages as they like, and some put a `v` before the version.
    let mut files = std::fs::read_dir(temporary.path()).map_err(local)?;
    let found = files.next().and_then(Result::ok).ok_or_else(|| said("helm wrote no package".to_owned()))?;
    std::fs::rename(found.path(), path).map_err(local)
}
