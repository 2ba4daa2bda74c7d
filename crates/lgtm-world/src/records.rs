//! lgtmctl's own records in clusters: inventories and fleet entries, one ConfigMap each.
//!
//! The module knows how records are sent and found. Their form and what is in them are the planner's.

use std::collections::BTreeMap;

use lgtm_executor::{Failure, Kind};
use lgtm_planner::{
    inventory::{
        FleetEntry, Inventory, RECORD_LABEL, SYSTEM_NAMESPACE, TOPOLOGY_LABEL,
        stored::{
            FLEET, INVENTORY, MEMBERSHIP, Own, config_map, content, fleet_name, inventory_name,
            membership_name,
        },
    },
    unit::UnitName,
};
use lgtm_topology::{ClusterName, TopologyName};
use serde::Serialize;
use serde_json::Value;

use crate::cluster::{
    Cluster, Permit, Resource,
    answer::{Answer, ApiError},
};

/// Where ConfigMaps are in URLs.
pub(crate) fn config_maps() -> Resource {
    Resource::core("configmaps")
}

/// Reads a cluster's own records of a topology, in one request.
pub(crate) async fn own(cluster: &Cluster, topology: &TopologyName) -> Result<Own, Failure> {
    let found = list(cluster, topology, &format!("{RECORD_LABEL} in ({INVENTORY},{MEMBERSHIP})")).await?;
    let mut own = Own::default();
    for record in &found {
        own.add(record).map_err(|error| unreadable(cluster, record, &error))?;
    }
    Ok(own)
}

/// The fleet record of a topology, from its hub.
pub(crate) async fn fleet(
    hub: &Cluster,
    topology: &TopologyName,
) -> Result<BTreeMap<ClusterName, FleetEntry>, Failure> {
    let mut fleet = BTreeMap::new();
    for record in &list(hub, topology, &format!("{RECORD_LABEL}={FLEET}")).await? {
        let entry: FleetEntry = content(record).map_err(|error| unreadable(hub, record, &error))?;
        fleet.insert(entry.cluster.clone(), entry);
    }
    Ok(fleet)
}

async fn list(cluster: &Cluster, topology: &TopologyName, records: &str) -> Result<Vec<Value>, Failure> {
    let selector = format!("{records},{TOPOLOGY_LABEL}={topology}");
    cluster
        .list(&config_maps(), Some(SYSTEM_NAMESPACE), &selector)
        .await
        .map_err(|error| cluster.failure("reading lgtmctl's records", error))
}

fn unreadable(cluster: &Cluster, found: &Value, error: &serde_json::Error) -> Failure {
    let name = found.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("?");
    let message = format!(
        "the record ConfigMap {SYSTEM_NAMESPACE}/{name} on cluster {} cannot be read: {error}",
        cluster.name
    );
    let help = "a newer lgtmctl may have written it, or a hand changed it; restore it from a backup, or \
                delete it and run apply, which then compares every object again";
    Failure::new(Kind::Permanent, message).with_help(help)
}

/// Writes an inventory.
pub(crate) async fn write_inventory(
    cluster: &Cluster,
    inventory: &Inventory,
    permit: Permit,
) -> Result<(), Failure> {
    let name = inventory_name(&inventory.topology, &inventory.unit);
    write(cluster, &name, &inventory.topology, INVENTORY, inventory, permit).await
}

/// Writes a fleet entry on the hub.
pub(crate) async fn write_fleet_entry(
    hub: &Cluster,
    entry: &FleetEntry,
    permit: Permit,
) -> Result<(), Failure> {
    let name = fleet_name(&entry.topology, &entry.cluster);
    write(hub, &name, &entry.topology, FLEET, entry, permit).await
}

/// Writes a cluster's own copy of its fleet entry.
pub(crate) async fn write_membership(
    cluster: &Cluster,
    entry: &FleetEntry,
    permit: Permit,
) -> Result<(), Failure> {
    write(cluster, &membership_name(&entry.topology), &entry.topology, MEMBERSHIP, entry, permit).await
}

async fn write<T: Serialize>(
    cluster: &Cluster,
    name: &str,
    topology: &TopologyName,
    kind: &str,
    content: &T,
    permit: Permit,
) -> Result<(), Failure> {
    let object = config_map(name, topology, kind, content).map_err(|error| {
        let message = format!("the record {name} cannot be written on cluster {}: {error}", cluster.name);
        Failure::new(Kind::Permanent, message)
    })?;
    let written = cluster.apply(&object, permit).await;
    written.map(drop).map_err(|error| cluster.failure("writing lgtmctl's record", error))
}

/// Removes an inventory; one that is gone is removed already.
pub(crate) async fn delete_inventory(
    cluster: &Cluster,
    topology: &TopologyName,
    unit: &UnitName,
    permit: Permit,
) -> Result<(), Failure> {
    delete(cluster, &inventory_name(topology, unit), permit).await
}

/// Removes a fleet entry; one that is gone is removed already.
pub(crate) async fn delete_fleet_entry(
    hub: &Cluster,
    topology: &TopologyName,
    cluster: &ClusterName,
    permit: Permit,
) -> Result<(), Failure> {
    delete(hub, &fleet_name(topology, cluster), permit).await
}

/// Removes a cluster's own copy of its fleet entry; one that is gone is removed already.
pub(crate) async fn delete_membership(
    cluster: &Cluster,
    topology: &TopologyName,
    permit: Permit,
) -> Result<(), Failure> {
    delete(cluster, &membership_name(topology), permit).await
}

async fn delete(cluster: &Cluster, name: &str, permit: Permit) -> Result<(), Failure> {
    let deleted = cluster.delete(&config_maps(), Some(SYSTEM_NAMESPACE), name, None, permit).await;
    deleted.map(drop).map_err(|error| cluster.failure("removing lgtmctl's record", error))
}

/// Whether any other topology has a record on the cluster.
pub(crate) async fn any_of_others(cluster: &Cluster, topology: &TopologyName) -> Answer<bool> {
    let selector = format!("{RECORD_LABEL},{TOPOLOGY_LABEL}!={topology}");
    match cluster.list(&config_maps(), Some(SYSTEM_NAMESPACE), &selector).await {
        Ok(found) => Ok(!found.is_empty()),
        Err(ApiError::Status(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}
