//! The way to a Pod of the storage: through the API server, so that no network path to Pods is needed.
//!
//! Refuses to know what is said on the way.

use std::collections::BTreeSet;

use futures::FutureExt as _;
use lgtm_executor::Failure;
use lgtm_planner::unit::{ObjectStorage, ServicePort};

use super::{
    ask::{Broken, Line},
    trouble::Trouble,
};
use crate::cluster::{
    Cluster,
    forward::{PodPort, reason},
};

/// The ready Pods behind the storage's Service, by name.
pub(super) async fn pods(cluster: &Cluster, storage: &ObjectStorage) -> Result<BTreeSet<PodPort>, Failure> {
    let ObjectStorage { namespace, service, port, .. } = storage.clone();
    cluster.pods_behind(&ServicePort { namespace, service, port }).await
}

/// A connection to one Pod.
pub(super) async fn line(cluster: &Cluster, storage: &ObjectStorage, pod: &PodPort) -> Result<Line, Trouble> {
    let unreached = |reason: String| Trouble::Unreached { pod: pod.name.clone(), reason };
    let forwarded = cluster.forward(&storage.namespace, &pod.name, pod.port).await;
    let (stream, error) = forwarded.map_err(|error| {
        if error.may_pass() {
            return unreached(error.message());
        }
        let doing = format!("opening a connection to Pod {}/{}", storage.namespace, pod.name);
        Trouble::Said(Box::new(cluster.failure(&doing, error)))
    })?;
    let broken: Broken = error.map(|said| said.map(|said| reason(&said))).boxed();
    Line::over(stream, storage.port, broken).await.map_err(|error| unreached(error.to_string()))
}
