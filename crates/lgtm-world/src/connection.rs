//! Finding clusters: from a kubeconfig, or from the provider that made them.
//!
//! Kubeconfigs are read into memory. No file is ever changed, and no current context is ever used or
//! set: a cluster is always named by its context.

use std::{path::Path, time::Duration};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use lgtm_executor::{Failure, Kind};
use lgtm_topology::ClusterName;

use crate::cluster::environment;

/// How lgtmctl calls itself in audit logs.
pub const USER_AGENT: &str = concat!("lgtmctl/", env!("CARGO_PKG_VERSION"));
/// A host that does not even take a connection in this time is not reachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The kubeconfig of an existing cluster.
pub(crate) fn kubeconfig(
    base_dir: &Path,
    path: Option<&str>,
    cluster: &ClusterName,
) -> Result<Kubeconfig, Failure> {
    let (read, place) = match path {
        Some(path) => {
            let path = base_dir.join(path);
            (Kubeconfig::read_from(&path), path.display().to_string())
        }
        None => (Kubeconfig::read(), "the user's default place".to_owned()),
    };
    read.map_err(|error| {
        environment(
            format!("the kubeconfig of cluster {cluster} in {place} cannot be read: {error}"),
            "paths are relative to the topology file; mend `kubeconfig:`, or set KUBECONFIG",
        )
    })
}

/// A client for one context of a kubeconfig.
pub(crate) async fn client(
    kubeconfig: Kubeconfig,
    context: Option<&str>,
    cluster: &ClusterName,
) -> Result<Client, Failure> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let failed = |error: &dyn std::fmt::Display| {
        let wanted = context.map_or_else(String::new, |context| format!(" (context {context})"));
        Failure::new(Kind::Environment, format!("cluster {cluster}{wanted} cannot be used: {error}"))
            .with_help("see that the kubeconfig has this context and that its credentials can be had")
    };
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| failed(&error))?;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
    Client::try_from(config).map_err(|error| failed(&error))
}
