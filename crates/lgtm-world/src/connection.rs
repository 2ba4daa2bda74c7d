//! Finding clusters: from a kubeconfig, or from the provider that made them.
//!
//! Kubeconfigs are read into memory. No file is ever changed, and no current context is ever used or
//! set: a cluster is always named by its context.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use lgtm_executor::Failure;
use lgtm_topology::ClusterName;

use crate::cluster::{answer::plugin_failure, environment};

mod traced;
mod transport;

use traced::Traced;

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

/// How an existing cluster is reached, kept so that the connection can be made anew.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) base_dir: PathBuf,
    pub(crate) kubeconfig: Option<String>,
    pub(crate) context: String,
    pub(crate) cluster: ClusterName,
    /// The server that the context named at first.
    pub(crate) server: OnceLock<String>,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kubeconfig context `{}`", self.context)
    }
}

impl Access {
    /// A client as the kubeconfig says now; its plugin is run. Or why there is none, for people.
    pub(crate) async fn client(&self) -> Result<Client, String> {
        let read = kubeconfig(&self.base_dir, self.kubeconfig.as_deref(), &self.cluster);
        let kubeconfig = read.map_err(|failure| failure.message)?;
        let options =
            KubeConfigOptions { context: Some(self.context.clone()), ..KubeConfigOptions::default() };
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| error.to_string())?;
        // In the middle of a run, only the credentials may be new: what was planned was planned for this server.
        let server = config.cluster_url.to_string();
        let first = self.server.get_or_init(|| server.clone());
        if first != &server {
            return Err(format!("the context now names another server ({server} in place of {first})"));
        }
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // The library would try again for minutes, without a word and also what may only be done once.
        config.default_retry = false;
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
        // A plugin may wait for a person or a network.
        let runtime = tokio::runtime::Handle::current();
        let cluster = self.cluster.clone();
        let making = tokio::task::spawn_blocking(move || {
            let _entered = runtime.enter();
            traced(config, &cluster)
        });
        match making.await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(kube::Error::Auth(error))) => Err(plugin_failure(&error)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The same, as a failure.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        self.client().await.map_err(|reason| {
            let (cluster, context) = (&self.cluster, &self.context);
            environment(
                format!("cluster {cluster} (context {context}) cannot be used: {reason}"),
                "see that the kubeconfig has this context and that its credentials can be had",
            )
        })
    }
}

/// A client whose requests are spans of the cluster.
pub(crate) fn traced(config: Config, cluster: &ClusterName) -> Result<Client, kube::Error> {
    Ok(transport::builder(config)?.with_layer(&Traced(cluster.clone())).build())
}
