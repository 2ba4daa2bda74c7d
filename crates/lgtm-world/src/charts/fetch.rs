//! Fetching what others publish: charts by helm, which knows repositories and registries, and files by HTTPS.
//!
//! What was fetched appears whole or not at all. Whether the bytes are the right ones is not known here.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use lgtm_executor::{Failure, Kind};
use lgtm_planner::unit::UpstreamChart;
use tokio::process::Command;
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

use super::upstream::Remote;
use crate::{
    cluster::environment,
    tools::{MissingTool, Tool, Tools},
    whole_file,
};

/// The API server takes objects of at most 1.5 MB, and no set of them has reason to be as large as this.
const LARGEST: u64 = 64 * 1024 * 1024;
/// How long a file may take, redirects included.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Goes by the machine's own root certificates and proxy, as helm and kubectl do.
static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder().tls_config(tls).https_only(true).timeout_global(Some(TIMEOUT));
    config.user_agent(crate::connection::USER_AGENT).build().new_agent()
});

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
    fetched.map_err(|why| {
        let help = match wanted {
            Remote::Chart(_) => {
                "see that the repository can be reached from here and has this version, or use --chart-mirror with a \
                 folder that `lgtmctl vendor` filled elsewhere"
            }
            Remote::Manifests(_) => {
                "see that the URL can be reached from here, or use --chart-mirror with a folder that `lgtmctl vendor` \
                 filled elsewhere"
            }
        };
        Failure::new(Kind::Transient, format!("{wanted} cannot be fetched: {why}")).with_help(help)
    })
}

/// Has helm fetch the chart.
async fn pull(chart: &UpstreamChart, helm: &Path, cache: &Path, path: &Path) -> Result<(), String> {
    let folder = path.parent().unwrap_or(cache);
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    // Two runs may fetch it at once.
    let temporary = tempfile::Builder::new().prefix("fetch-").tempdir_in(folder);
    let temporary = temporary.map_err(|error| error.to_string())?;
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
    let output = command.output().await.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    // Repositories name packages as they like, and some put a `v` before the version.
    let mut files = std::fs::read_dir(temporary.path()).map_err(|error| error.to_string())?;
    let found = files.next().and_then(Result::ok).ok_or_else(|| "helm wrote no package".to_owned())?;
    std::fs::rename(found.path(), path).map_err(|error| error.to_string())
}

/// Downloads a file.
async fn download(url: &str, path: &Path) -> Result<(), String> {
    let (url, path) = (url.to_owned(), path.to_owned());
    let work = move || -> Result<(), String> {
        let mut answer = AGENT.get(&url).call().map_err(|error| {
            // Where it leads to may hold a signature.
            if matches!(error, ureq::Error::RequireHttpsOnly(_)) {
                "it leads to a place without TLS".to_owned()
            } else {
                error.to_string()
            }
        })?;
        let body = answer.body_mut().with_config().limit(LARGEST).read_to_vec();
        let body = body.map_err(|error| error.to_string())?;
        whole_file::write(&path, &body).map_err(|error| error.to_string())
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
}
