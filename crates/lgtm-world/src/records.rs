//! lgtmctl's own records in clusters: inventories and fleet entries, one ConfigMap each.
//!
//! The module knows how records are stored and found. What is in them is the planner's.

use std::collections::BTreeMap;

use lgtm_executor::{Failure, Kind};
use lgtm_planner::{
    inventory::{FleetEntry, Inventory, RECORD_LABEL, SYSTEM_NAMESPACE, TOPOLOGY_LABEL},
    object::Object,
    unit::UnitName,
};
use lgtm_topology::{ClusterName, TopologyName};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::cluster::{
    Cluster, Mode, Resource,
    answer::{Answer, ApiError},
    examine::label,
};

const INVENTORY: &str = "inventory";
const FLEET: &str = "fleet";
const MEMBERSHIP: &str = "membership";
/// The key in a record's `data`.
const KEY: &str = "record";

/// Where ConfigMaps are in URLs.
pub(crate) fn config_maps() -> Resource {
    Resource::core("configmaps")
}

/// What a cluster's own records say of a topology.
pub(crate) struct Own {
    pub(crate) inventories: BTreeMap<UnitName, Inventory>,
    /// The cluster's copy of its fleet entry.
    pub(crate) membership: Option<FleetEntry>,
}

/// Reads a cluster's own records of a topology, in one request.
pub(crate) async fn own(cluster: &Cluster, topology: &TopologyName) -> Result<Own, Failure> {
    let found = list(cluster, topology, &format!("{RECORD_LABEL} in ({INVENTORY},{MEMBERSHIP})")).await?;
    let mut own = Own { inventories: BTreeMap::new(), membership: None };
    for record in &found {
        if label(record, RECORD_LABEL) == Some(MEMBERSHIP) {
            own.membership = Some(parse(cluster, record)?);
        } else {
            let inventory: Inventory = parse(cluster, record)?;
            own.inventories.insert(inventory.unit.clone(), inventory);
        }
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
        let entry: FleetEntry = parse(hub, record)?;
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

fn parse<T: DeserializeOwned>(cluster: &Cluster, found: &Value) -> Result<T, Failure> {
    let name = found.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("?");
    let text = found.get("data").and_then(|data| data.get(KEY)).and_then(Value::as_str).unwrap_or_default();
    serde_json::from_str(text).map_err(|error| {
        let message = format!(
            "the record ConfigMap {SYSTEM_NAMESPACE}/{name} on cluster {} cannot be read: {error}",
            cluster.name
        );
        let help = "a newer lgtmctl may have written it, or a hand changed it; restore it from a backup, \
                    or delete it and run apply, which then compares every object again";
        Failure::new(Kind::Permanent, message).with_help(help)
    })
}

/// Writes an inventory.
pub(crate) async fn write_inventory(cluster: &Cluster, inventory: &Inventory) -> Result<(), Failure> {
    let name = inventory_name(&inventory.topology, &inventory.unit);
    write(cluster, &name, &inventory.topology, INVENTORY, inventory).await
}

/// Writes a fleet entry on the hub.
pub(crate) async fn write_fleet_entry(hub: &Cluster, entry: &FleetEntry) -> Result<(), Failure> {
    let name = fleet_name(&entry.topology, &entry.cluster);
    write(hub, &name, &entry.topology, FLEET, entry).await
}

/// Writes a cluster's own copy of its fleet entry.
pub(crate) async fn write_membership(cluster: &Cluster, entry: &FleetEntry) -> Result<(), Failure> {
    write(cluster, &membership_name(&entry.topology), &entry.topology, MEMBERSHIP, entry).await
}

async fn write<T: Serialize>(
    cluster: &Cluster,
    name: &str,
    topology: &TopologyName,
    record: &str,
    content: &T,
) -> Result<(), Failure> {
    let broken = |error: String| {
        Failure::new(
            Kind::Permanent,
            format!("the record {name} cannot be written on cluster {}: {error}", cluster.name),
        )
    };
    let text = serde_json::to_string(content).map_err(|error| broken(error.to_string()))?;
    let object = Object::new(json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": SYSTEM_NAMESPACE,
            "labels": {RECORD_LABEL: record, TOPOLOGY_LABEL: topology.as_str()},
        },
        "data": {KEY: text},
    }))
    .map_err(|error| broken(error.to_string()))?;
    let written = cluster.apply(&object, Mode { dry_run: false, force: true }).await;
    written.map(drop).map_err(|error| cluster.failure("writing lgtmctl's record", error))
}

/// Removes an inventory; one that is gone is removed already.
pub(crate) async fn delete_inventory(
    cluster: &Cluster,
    topology: &TopologyName,
    unit: &UnitName,
) -> Result<(), Failure> {
    delete(cluster, &inventory_name(topology, unit)).await
}

/// Removes a fleet entry; one that is gone is removed already.
pub(crate) async fn delete_fleet_entry(
    hub: &Cluster,
    topology: &TopologyName,
    cluster: &ClusterName,
) -> Result<(), Failure> {
    delete(hub, &fleet_name(topology, cluster)).await
}

/// Removes a cluster's own copy of its fleet entry; one that is gone is removed already.
pub(crate) async fn delete_membership(cluster: &Cluster, topology: &TopologyName) -> Result<(), Failure> {
    delete(cluster, &membership_name(topology)).await
}

async fn delete(cluster: &Cluster, name: &str) -> Result<(), Failure> {
    let deleted = cluster.delete(&config_maps(), Some(SYSTEM_NAMESPACE), name, None).await;
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

fn inventory_name(topology: &TopologyName, unit: &UnitName) -> String {
    format!("{topology}.unit.{unit}")
}

fn fleet_name(topology: &TopologyName, cluster: &ClusterName) -> String {
    format!("{topology}.cluster.{cluster}")
}

fn membership_name(topology: &TopologyName) -> String {
    format!("{topology}.membership")
}
