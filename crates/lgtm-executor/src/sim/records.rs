//! lgtmctl's own records in clusters, stored as the real adapter stores them.

use std::collections::BTreeMap;

use lgtm_planner::{
    inventory::{FleetEntry, Inventory, RECORD_LABEL, SYSTEM_NAMESPACE, TOPOLOGY_LABEL},
    object::{Object, ObjectKey},
    unit::UnitName,
};
use lgtm_topology::{ClusterName, TopologyName};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Refusal},
    api::Api,
    server::Server,
};
use crate::world::{Failure, Kind};

const INVENTORY: &str = "inventory";
const FLEET: &str = "fleet";
const MEMBERSHIP: &str = "membership";
const DOING: &str = "writing lgtmctl's record";

/// What a cluster's own records say of a topology.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) inventories: BTreeMap<UnitName, Inventory>,
    pub(super) membership: Option<FleetEntry>,
}

pub(super) fn in_system(group: &str, kind: &str, name: impl Into<String>) -> ObjectKey {
    ObjectKey {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: Some(SYSTEM_NAMESPACE.to_owned()),
        name: name.into(),
    }
}

/// The Lease of a topology.
pub(super) fn lease_key(topology: &TopologyName) -> ObjectKey {
    in_system("coordination.k8s.io", "Lease", topology.as_str())
}

fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(name)?.as_str()
}

fn found<'a>(server: &'a Server, topology: &'a TopologyName) -> impl Iterator<Item = (&'a str, &'a Value)> {
    server
        .list("", "ConfigMap", Some(SYSTEM_NAMESPACE))
        .filter(|(_, object)| label(object, TOPOLOGY_LABEL) == Some(topology.as_str()))
        .filter_map(|(_, object)| Some((label(object, RECORD_LABEL)?, object)))
}

fn parse<T: DeserializeOwned>(object: &Value) -> Result<T, Failure> {
    let text = object.pointer("/data/record").and_then(Value::as_str).unwrap_or_default();
    serde_json::from_str(text)
        .map_err(|error| Failure::new(Kind::Permanent, format!("a record cannot be read: {error}")))
}

/// A cluster's own records of a topology.
pub(super) fn own(server: &Server, topology: &TopologyName) -> Result<Own, Failure> {
    let mut own = Own::default();
    for (kind, object) in found(server, topology) {
        match kind {
            MEMBERSHIP => own.membership = Some(parse(object)?),
            INVENTORY => {
                let inventory: Inventory = parse(object)?;
                own.inventories.insert(inventory.unit.clone(), inventory);
            }
            _ => {}
        }
    }
    Ok(own)
}

/// The fleet record of a topology, on its hub.
pub(super) fn fleet(
    server: &Server,
    topology: &TopologyName,
) -> Result<BTreeMap<ClusterName, FleetEntry>, Failure> {
    let entries = found(server, topology).filter(|(kind, _)| *kind == FLEET);
    entries
        .map(|(_, object)| {
            let entry: FleetEntry = parse(object)?;
            Ok((entry.cluster.clone(), entry))
        })
        .collect()
}

/// Whether any other topology has a record on the cluster.
pub(super) async fn any_of_others(api: &Api, topology: &TopologyName) -> Answer<bool> {
    api.read(|server| {
        server.list("", "ConfigMap", Some(SYSTEM_NAMESPACE)).any(|(_, object)| {
            label(object, RECORD_LABEL).is_some() && label(object, TOPOLOGY_LABEL) != Some(topology.as_str())
        })
    })
    .await
}

fn record<T: Serialize>(
    name: &str,
    topology: &TopologyName,
    kind: &str,
    content: &T,
) -> Result<Object, Failure> {
    let broken = |error: String| Failure::new(Kind::Permanent, error);
    let text = serde_json::to_string(content).map_err(|error| broken(error.to_string()))?;
    Object::new(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": name, "namespace": SYSTEM_NAMESPACE,
            "labels": {RECORD_LABEL: kind, TOPOLOGY_LABEL: topology.as_str()},
        },
        "data": {"record": text},
    }))
    .map_err(|error| broken(error.to_string()))
}

fn written(api: &Api, answer: Answer<Value>) -> Result<(), Failure> {
    answer.map(drop).map_err(|refusal: Refusal| api.failure(DOING, refusal))
}

pub(super) async fn write_inventory(api: &Api, inventory: &Inventory) -> Result<(), Failure> {
    let name = inventory_name(&inventory.topology, &inventory.unit);
    let object = record(&name, &inventory.topology, INVENTORY, inventory)?;
    written(api, api.apply_record(&object, inventory).await)
}

pub(super) async fn write_fleet_entry(hub: &Api, entry: &FleetEntry) -> Result<(), Failure> {
    let name = fleet_name(&entry.topology, &entry.cluster);
    written(hub, hub.apply(&record(&name, &entry.topology, FLEET, entry)?).await)
}

pub(super) async fn write_membership(api: &Api, entry: &FleetEntry) -> Result<(), Failure> {
    let name = membership_name(&entry.topology);
    written(api, api.apply(&record(&name, &entry.topology, MEMBERSHIP, entry)?).await)
}

async fn delete(api: &Api, name: String) -> Result<(), Failure> {
    let deleted = api.delete(&in_system("", "ConfigMap", name), None).await;
    deleted.map(drop).map_err(|refusal| api.failure("removing lgtmctl's record", refusal))
}

pub(super) async fn delete_inventory(
    api: &Api,
    topology: &TopologyName,
    unit: &UnitName,
) -> Result<(), Failure> {
    delete(api, inventory_name(topology, unit)).await
}

pub(super) async fn delete_fleet_entry(
    hub: &Api,
    topology: &TopologyName,
    cluster: &ClusterName,
) -> Result<(), Failure> {
    delete(hub, fleet_name(topology, cluster)).await
}

pub(super) async fn delete_membership(api: &Api, topology: &TopologyName) -> Result<(), Failure> {
    delete(api, membership_name(topology)).await
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
