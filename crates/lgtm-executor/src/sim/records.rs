//! lgtmctl's own records in clusters, stored as the real adapter stores them.

use std::collections::BTreeMap;

use lgtm_planner::{
    inventory::{
        FleetEntry, Inventory, RECORD_LABEL, SYSTEM_NAMESPACE, TOPOLOGY_LABEL,
        stored::{
            FLEET, INVENTORY, MEMBERSHIP, Own, config_map, content, fleet_name, inventory_name,
            membership_name,
        },
    },
    object::{Object, ObjectKey, label},
    unit::UnitName,
};
use lgtm_topology::{ClusterName, TopologyName};
use serde::Serialize;
use serde_json::Value;

use super::{
    answer::{Answer, Refusal},
    api::{Api, Permit},
    server::Server,
};
use crate::world::{Failure, Kind};

const DOING: &str = "writing lgtmctl's record";

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

fn found<'a>(server: &'a Server, topology: &'a TopologyName) -> impl Iterator<Item = (&'a str, &'a Value)> {
    server
        .list("", "ConfigMap", Some(SYSTEM_NAMESPACE))
        .filter(|(_, object)| label(object, TOPOLOGY_LABEL) == Some(topology.as_str()))
        .filter_map(|(_, object)| Some((label(object, RECORD_LABEL)?, object)))
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::new(Kind::Permanent, format!("a record cannot be read: {error}"))
}

/// A cluster's own records of a topology.
pub(super) fn own(server: &Server, topology: &TopologyName) -> Result<Own, Failure> {
    let mut own = Own::default();
    for (_, object) in found(server, topology) {
        own.add(object).map_err(|error| unreadable(&error))?;
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
            let entry: FleetEntry = content(object).map_err(|error| unreadable(&error))?;
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
    config_map(name, topology, kind, content)
        .map_err(|error| Failure::new(Kind::Permanent, error.to_string()))
}

fn written(api: &Api, answer: Answer<Value>) -> Result<(), Failure> {
    answer.map(drop).map_err(|refusal: Refusal| api.failure(DOING, refusal))
}

pub(super) async fn write_inventory(api: &Api, inventory: &Inventory, permit: Permit) -> Result<(), Failure> {
    let name = inventory_name(&inventory.topology, &inventory.unit);
    let object = record(&name, &inventory.topology, INVENTORY, inventory)?;
    written(api, api.apply_record(&object, inventory, permit).await)
}

pub(super) async fn write_fleet_entry(hub: &Api, entry: &FleetEntry, permit: Permit) -> Result<(), Failure> {
    let name = fleet_name(&entry.topology, &entry.cluster);
    written(hub, hub.apply(&record(&name, &entry.topology, FLEET, entry)?, permit).await)
}

pub(super) async fn write_membership(api: &Api, entry: &FleetEntry, permit: Permit) -> Result<(), Failure> {
    let name = membership_name(&entry.topology);
    written(api, api.apply(&record(&name, &entry.topology, MEMBERSHIP, entry)?, permit).await)
}

async fn delete(api: &Api, name: String, permit: Permit) -> Result<(), Failure> {
    let deleted = api.delete(&in_system("", "ConfigMap", name), None, permit).await;
    deleted.map(drop).map_err(|refusal| api.failure("removing lgtmctl's record", refusal))
}

pub(super) async fn delete_inventory(
    api: &Api,
    topology: &TopologyName,
    unit: &UnitName,
    permit: Permit,
) -> Result<(), Failure> {
    delete(api, inventory_name(topology, unit), permit).await
}

pub(super) async fn delete_fleet_entry(
    hub: &Api,
    topology: &TopologyName,
    cluster: &ClusterName,
    permit: Permit,
) -> Result<(), Failure> {
    delete(hub, fleet_name(topology, cluster), permit).await
}

pub(super) async fn delete_membership(
    api: &Api,
    topology: &TopologyName,
    permit: Permit,
) -> Result<(), Failure> {
    delete(api, membership_name(topology), permit).await
}
