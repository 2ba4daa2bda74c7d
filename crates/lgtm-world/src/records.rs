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
};

const INVENTORY: &str = "inventory";
const FLEET: &str = "fleet";
/// The key in a record's `data`.
const KEY: &str = "record";

/// Where ConfigMaps are in URLs.
pub(crate) fn config_maps() -> Resource {
    Resource {
        group: String::new(),
        version: "v1".to_owned(),
        plural: "configmaps".to_owned(),
        namespaced: true,
    }
}

/// All inventories of a topology on a cluster.
pub(crate) async fn inventories(
    cluster: &Cluster,
    topology: &TopologyName,
) -> Result<BTreeMap<UnitName, Inventory>, Failure> {
    let records: Vec<Inventory> = read(cluster, topology, INVENTORY).await?;
    Ok(records.into_iter().map(|inventory| (inventory.unit.clone(), inventory)).collect())
}

/// The fleet record of a topology, from its hub.
pub(crate) async fn fleet(
    hub: &Cluster,
    topology: &TopologyName,
) -> Result<BTreeMap<ClusterName, FleetEntry>, Failure> {
    let records: Vec<FleetEntry> = read(hub, topology, FLEET).await?;
    Ok(records.into_iter().map(|entry| (entry.cluster.clone(), entry)).collect())
}

async fn read<T: DeserializeOwned>(
    cluster: &Cluster,
    topology: &TopologyName,
    record: &str,
) -> Result<Vec<T>, Failure> {
    let selector = format!("{RECORD_LABEL}={record},{TOPOLOGY_LABEL}={topology}");
    let found = cluster
        .list(&config_maps(), Some(SYSTEM_NAMESPACE), &selector)
        .await
        .map_err(|error| cluster.failure("reading lgtmctl's records", error))?;
    found.iter().map(|found| parse(cluster, found)).collect()
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

async fn delete(cluster: &Cluster, name: &str) -> Result<(), Failure> {
    let deleted = cluster.delete(&config_maps(), Some(SYSTEM_NAMESPACE), name, None).await;
    deleted.map(drop).map_err(|error| cluster.failure("removing lgtmctl's record", error))
}

/// Whether any topology still has a record on the cluster.
pub(crate) async fn any_left(cluster: &Cluster) -> Answer<bool> {
    match cluster.list(&config_maps(), Some(SYSTEM_NAMESPACE), RECORD_LABEL).await {
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
