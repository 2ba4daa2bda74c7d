//! What commands ask of a world beyond planning and applying, and the real world's answers.

use std::future::Future;

use lgtm_executor::{
    Failure, World,
    world::{ClusterRef, LockHolder},
};
use lgtm_planner::unit::ServicePort;
use lgtm_topology::{ClusterName, TopologyName};
use lgtm_world::{
    ClusterWorld,
    access::{Identity, Tunnel, loopback::Loopback},
};

use crate::render::status::ClusterDetails;

/// What commands ask of a world beyond planning and applying.
pub trait Clusters: World {
    /// See [`Clusters::way`].
    type Way: Way;

    /// Where a cluster keeps its audit log, and how it is reached.
    fn details(&self, cluster: &ClusterName, how: &ClusterRef) -> ClusterDetails;

    /// A kubeconfig with one context for a cluster. It holds a credential.
    fn kubeconfig(
        &self,
        cluster: &ClusterName,
        how: &ClusterRef,
    ) -> impl Future<Output = Result<String, Failure>> + Send;

    /// Who a cluster is and what it holds of the topology; none of a simulated one, which is found by its name.
    fn identity(
        &self,
        topology: &TopologyName,
        cluster: &ClusterName,
        how: &ClusterRef,
    ) -> impl Future<Output = Result<Option<Identity>, Failure>> + Send;

    /// A way from this machine to a Service of a cluster, which a ready Pod is behind.
    fn way(
        &self,
        cluster: &ClusterName,
        how: &ClusterRef,
        to: &ServicePort,
    ) -> impl Future<Output = Result<Self::Way, Failure>> + Send;

    /// Who holds the lock of the topology.
    fn lock_holder(
        &self,
        hub: &ClusterRef,
    ) -> impl Future<Output = Result<Option<LockHolder>, Failure>> + Send;

    /// Takes the lock of the topology away, whoever holds it.
    fn break_lock(&self, hub: &ClusterRef) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl Clusters for ClusterWorld {
    type Way = Tunnel;

    fn details(&self, cluster: &ClusterName, how: &ClusterRef) -> ClusterDetails {
        ClusterDetails { audit_log: self.audit_log(cluster, how), connection: None }
    }

    async fn kubeconfig(&self, cluster: &ClusterName, how: &ClusterRef) -> Result<String, Failure> {
        Self::kubeconfig(self, cluster, how).await
    }

    async fn identity(
        &self,
        topology: &TopologyName,
        cluster: &ClusterName,
        how: &ClusterRef,
    ) -> Result<Option<Identity>, Failure> {
        Self::identity(self, topology, cluster, how).await
    }

    async fn way(
        &self,
        cluster: &ClusterName,
        how: &ClusterRef,
        to: &ServicePort,
    ) -> Result<Tunnel, Failure> {
        self.tunnel(cluster, how, to).await
    }

    async fn lock_holder(&self, hub: &ClusterRef) -> Result<Option<LockHolder>, Failure> {
        Self::lock_holder(self, hub).await
    }

    async fn break_lock(&self, hub: &ClusterRef) -> Result<(), Failure> {
        Self::break_lock(self, hub).await
    }
}

/// A way to a Service of a cluster.
pub trait Way: Send {
    /// Carries every connection that comes in, until this is dropped; tells what goes wrong with one.
    fn carry(self, from: Loopback, tell: impl Fn(&Failure) + Send) -> impl Future<Output = ()> + Send;
}

impl Way for Tunnel {
    async fn carry(self, from: Loopback, tell: impl Fn(&Failure) + Send) {
        Self::carry(self, from, tell).await;
    }
}
