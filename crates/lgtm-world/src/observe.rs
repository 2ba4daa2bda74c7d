//! Reading a cluster: who it is, what lgtmctl recorded there, and the metadata of what it owns.
//!
//! Only metadata is read. Nothing is judged: what a moved fingerprint means is the planner's to say.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use lgtm_executor::{Failure, Kind};
use lgtm_planner::{
    fingerprint::fingerprint,
    inventory::{Inventory, InventoryObject, SYSTEM_NAMESPACE, TOPOLOGY_LABEL, UNIT_LABEL},
    object::{ObjectKey, Scope, built_in_scope, label},
    observed::{ClusterState, Live},
    unit::UnitName,
};
use lgtm_topology::TopologyName;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{
    cluster::{
        Cluster, Resource,
        answer::{Answer, ApiError},
    },
    records,
};

/// Lists at once on one cluster. They share a connection.
const LISTS_AT_ONCE: usize = 10;

/// Reads who a cluster is, what it offers and what is recorded there. The first request decides whether it answers
/// at all.
pub(crate) async fn survey(cluster: &Cluster, topology: &TopologyName) -> Result<Box<ClusterState>, Failure> {
    let failed = |error| cluster.failure("reading the cluster", error);
    let version = match cluster.read("/version").await {
        Ok(version) => version.unwrap_or_default(),
        // A cluster that lets nobody in holds up no other, as one that is silent does not.
        Err(ApiError::Credentials(reason)) => return Err(Failure::new(Kind::Unreachable, reason)),
        Err(error) => return Err(failed(error)),
    };
    let (identity, system, own, definitions) = tokio::join!(
        cluster.read("/api/v1/namespaces/kube-system"),
        cluster.read("/api/v1/namespaces/lgtmctl-system"),
        records::own(cluster, topology),
        definitions(cluster),
    );
    let identity = identity.map_err(failed)?.unwrap_or_default();
    let system = system.map_err(failed)?;
    let own = own?;
    let text = |value: &Value, pointer| {
        value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    Ok(Box::new(ClusterState {
        uid: text(&identity, "/metadata/uid"),
        version: text(&version, "/gitVersion"),
        settled: true,
        enrolled: own.membership.is_some()
            && system.is_some_and(|system| system.pointer("/metadata/deletionTimestamp").is_none()),
        hub: own.membership.map(|entry| entry.hub),
        inventories: own.inventories,
        live: BTreeMap::new(),
        definitions: definitions.map_err(failed)?,
    }))
}

/// The custom resources that the catalog asks for, where the cluster has them.
async fn definitions(cluster: &Cluster) -> Answer<BTreeSet<String>> {
    const GROUP: &str = "monitoring.coreos.com/v1";
    let listed = cluster.read(&format!("/apis/{GROUP}")).await?;
    Ok(listed
        .iter()
        .filter_map(|listed| listed.get("resources")?.as_array())
        .flatten()
        .filter_map(|resource| resource.get("kind")?.as_str())
        .map(|kind| format!("{GROUP}/{kind}"))
        .collect())
}

/// The metadata of all objects that inventories name: one labelled list for each kind, and a read of
/// its own for an object that is missing there, since it may only have lost the label.
pub(crate) async fn live(
    cluster: &Cluster,
    topology: &TopologyName,
    inventories: &BTreeMap<UnitName, Inventory>,
) -> Result<BTreeMap<ObjectKey, Live>, Failure> {
    let failed = |error| cluster.failure("reading the cluster", error);
    let recorded: Vec<&InventoryObject> =
        inventories.values().flat_map(|inventory| &inventory.objects).collect();
    let kinds: BTreeSet<(Resource, String)> =
        recorded.iter().map(|object| (resource(object), object.key.kind.clone())).collect();
    let selector = format!("{TOPOLOGY_LABEL}={topology}");
    let turns = Semaphore::new(LISTS_AT_ONCE);
    let lists = kinds.iter().map(|(resource, kind)| async {
        let _turn = turns.acquire().await;
        let found = cluster.list_metadata(resource, &selector).await?;
        Answer::Ok(
            found.into_iter().map(|found| of_metadata(&resource.group, kind, &found)).collect::<Vec<_>>(),
        )
    });
    let mut live: BTreeMap<ObjectKey, Live> =
        try_join_all(lists).await.map_err(failed)?.into_iter().flatten().collect();
    let unseen: BTreeSet<(&ObjectKey, Resource)> = recorded
        .iter()
        .filter(|object| object.done.is_none() && !live.contains_key(&object.key))
        .map(|object| (&object.key, resource(object)))
        .collect();
    let reads = unseen.into_iter().map(|(key, resource)| async move {
        let found = cluster.metadata(&resource, key.namespace.as_deref(), &key.name).await?;
        Answer::Ok(found.map(|found| of_metadata(&resource.group, &key.kind, &found)))
    });
    live.extend(try_join_all(reads).await.map_err(failed)?.into_iter().flatten());
    Ok(live)
}

/// The URL's parts of a recorded object.
pub(crate) fn resource(object: &InventoryObject) -> Resource {
    Resource {
        group: object.key.group.clone(),
        version: object.version.clone(),
        plural: object.plural.clone(),
        namespaced: built_in_scope(&object.key.group, &object.key.kind)
            .map_or(object.key.namespace.is_some(), |scope| scope == Scope::Namespaced),
    }
}

/// Reads an object's metadata into what the planner needs.
pub(crate) fn of_metadata(group: &str, kind: &str, found: &Value) -> (ObjectKey, Live) {
    let metadata = found.get("metadata").unwrap_or(&Value::Null);
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).map(str::to_owned);
    let key = ObjectKey {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: text("namespace"),
        name: text("name").unwrap_or_default(),
    };
    let deleting = metadata.get("deletionTimestamp").map(|_| {
        let finalizers = metadata.get("finalizers").and_then(Value::as_array);
        finalizers.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    });
    let live = Live {
        uid: text("uid").unwrap_or_default(),
        fingerprint: fingerprint(metadata),
        unit: label(found, UNIT_LABEL).map(UnitName::new),
        topology: label(found, TOPOLOGY_LABEL).map(str::to_owned),
        deleting,
    };
    (key, live)
}

/// Where the namespace of the records is.
pub(crate) fn system_namespace_path() -> String {
    format!("/api/v1/namespaces/{SYSTEM_NAMESPACE}")
}
