//! A way from this machine to a Service of a cluster: connections to a local port end at a Pod behind the Service.
//!
//! It goes through the API server, with the rights of the kubeconfig, so nothing has to lead to the cluster's Pods. The
//! module refuses to know what is said on the way, and who listens.

use std::{sync::Arc, time::Duration};

use lgtm_executor::{Failure, Kind, world::ClusterRef};
use lgtm_planner::{inventory::FleetEntry, unit::ServicePort};
use lgtm_topology::{ClusterName, TopologyName};
use tokio::{net::TcpStream, task::JoinSet};

use self::loopback::Loopback;
use crate::{
    ClusterWorld,
    cluster::{Cluster, forward::reason},
    records,
};

mod carry;
pub mod loopback;

/// How long is waited for what the kubelet says of a stream that has ended.
const LAST_WORD: Duration = Duration::from_millis(200);
/// The pause after a connection that could not be taken, as when no file handle is left.
const PAUSE: Duration = Duration::from_millis(200);

/// Who a cluster says that it is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The uid of its `kube-system`.
    pub uid: String,
    /// Its own entry in the fleet record of a topology, which only the hub has.
    pub entry: Option<FleetEntry>,
}

/// A way to a Service.
pub struct Tunnel {
    cluster: Arc<Cluster>,
    to: ServicePort,
}

impl ClusterWorld {
    /// Who the cluster is and what it holds of the topology; none of a simulated one, which is found by its name.
    pub async fn identity(
        &self,
        topology: &TopologyName,
        name: &ClusterName,
        how: &ClusterRef,
    ) -> Result<Option<Identity>, Failure> {
        let Some(cluster) = self.connect_to_nodes(name, how).await? else { return Ok(None) };
        let system = async {
            let read = cluster.read("/api/v1/namespaces/kube-system").await;
            read.map_err(|error| cluster.failure("reading which cluster it is", error))
        };
        let (system, mut fleet) = tokio::try_join!(system, records::fleet(&cluster, topology))?;
        let uid = system.as_ref().and_then(|system| system.pointer("/metadata/uid")?.as_str());
        Ok(Some(Identity { uid: uid.unwrap_or_default().to_owned(), entry: fleet.remove(name) }))
    }

    /// A way to a Service that a ready Pod is behind.
    pub async fn tunnel(
        &self,
        name: &ClusterName,
        how: &ClusterRef,
        to: &ServicePort,
    ) -> Result<Tunnel, Failure> {
        let Some(cluster) = self.connect_to_nodes(name, how).await? else {
            let message = format!("cluster {name} is simulated: no pod runs there that could answer");
            return Err(Failure::new(Kind::Permanent, message).with_help(
                "apply the topology to a cluster with nodes; docs/rehearsal.md says what a rehearsal is",
            ));
        };
        let tunnel = Tunnel { cluster, to: to.clone() };
        tunnel.pods().await?;
        Ok(tunnel)
    }
}

impl Tunnel {
    /// Carries every connection that comes in, until this is dropped. What goes wrong with one of them is told, once
    /// until a connection is carried or something else goes wrong; the next may have more luck.
    pub async fn carry(self, from: Loopback, tell: impl Fn(&Failure)) {
        let tunnel = Arc::new(self);
        let mut open = JoinSet::new();
        // A browser opens several connections at once, and again whenever it is not answered.
        let mut told = None;
        loop {
            tokio::select! {
                taken = from.accept() => match taken {
                    Ok(stream) => {
                        let tunnel = Arc::clone(&tunnel);
                        open.spawn(async move { tunnel.connect(stream).await });
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a connection could not be taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(ended) = open.join_next() => {
                    let failure = ended.ok().and_then(Result::err);
                    if let Some(failure) = failure.as_ref().filter(|new| told.as_ref() != Some(&new.message)) {
                        tell(failure);
                    }
                    told = failure.map(|failure| failure.message);
                }
            }
        }
    }

    /// Carries one connection to one Pod; Pods may have come and gone since the last one.
    async fn connect(&self, stream: TcpStream) -> Result<(), Failure> {
        let ServicePort { namespace, .. } = &self.to;
        let pods = self.pods().await?;
        let mut last = None;
        for pod in pods {
            let doing = format!("opening a connection to Pod {namespace}/{}", pod.name);
            match self.cluster.forward(namespace, &pod.name, pod.port).await {
                Ok((there, closed)) => {
                    carry::carry(stream, there).await;
                    return match tokio::time::timeout(LAST_WORD, closed).await {
                        Ok(Some(said)) => {
                            let message =
                                format!("Pod {namespace}/{} does not answer: {}", pod.name, reason(&said));
                            Err(Failure::new(Kind::Transient, message).with_help(
                                "see with `kubectl get pods` that it is ready, and load the page again",
                            ))
                        }
                        Ok(None) | Err(_) => Ok(()),
                    };
                }
                Err(error) => last = Some(self.cluster.failure(&doing, error)),
            }
        }
        Err(last.unwrap_or_else(|| self.no_pod()))
    }

    /// The ready Pods, at least one.
    async fn pods(&self) -> Result<Vec<crate::cluster::forward::PodPort>, Failure> {
        let pods = self.cluster.pods_behind(&self.to).await?;
        if pods.is_empty() { Err(self.no_pod()) } else { Ok(pods.into_iter().collect()) }
    }

    fn no_pod(&self) -> Failure {
        let ServicePort { namespace, service, .. } = &self.to;
        let message = format!(
            "no ready Pod is behind the Service {namespace}/{service} on cluster {}",
            self.cluster.name
        );
        Failure::new(Kind::Permanent, message).with_help(
            "see with `lgtmctl status` whether it is applied, and with `kubectl get pods` what it waits for",
        )
    }
}
