//! How records are stored: one ConfigMap each, in the namespace of lgtmctl's records.
//!
//! The form is fixed here, since later versions read what earlier ones wrote; how a ConfigMap is sent and
//! found is the world's.

use std::collections::BTreeMap;

use lgtm_topology::{ClusterName, TopologyName};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{FleetEntry, Inventory, RECORD_LABEL, SYSTEM_NAMESPACE, TOPOLOGY_LABEL};
use crate::{
    object::{Object, ObjectError, label},
    unit::UnitName,
};

/// The record label of inventories.
pub const INVENTORY: &str = "inventory";
/// The record label of fleet entries, on the hub.
pub const FLEET: &str = "fleet";
/// The record label of a cluster's own copy of its fleet entry.
pub const MEMBERSHIP: &str = "membership";
/// The key in a record's `data`.
const KEY: &str = "record";

/// Why a record cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is no JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Its ConfigMap is no object.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

/// The ConfigMap's name of a unit's inventory.
pub fn inventory_name(topology: &TopologyName, unit: &UnitName) -> String {
    format!("{topology}.unit.{unit}")
}

/// The ConfigMap's name of a cluster's entry in the fleet record.
pub fn fleet_name(topology: &TopologyName, cluster: &ClusterName) -> String {
    format!("{topology}.cluster.{cluster}")
}

/// The ConfigMap's name of a cluster's own copy of its entry.
pub fn membership_name(topology: &TopologyName) -> String {
    format!("{topology}.membership")
}

/// The ConfigMap of a record; `kind` is its record label.
pub fn config_map<T: Serialize>(
    name: &str,
    topology: &TopologyName,
    kind: &str,
    content: &T,
) -> Result<Object, StoreError> {
    let text = serde_json::to_string(content)?;
    Ok(Object::new(json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": SYSTEM_NAMESPACE,
            "labels": {RECORD_LABEL: kind, TOPOLOGY_LABEL: topology.as_str()},
        },
        "data": {KEY: text},
    }))?)
}

/// The record that a ConfigMap holds.
pub fn content<T: DeserializeOwned>(config_map: &Value) -> serde_json::Result<T> {
    let text = config_map.get("data").and_then(|data| data.get(KEY)).and_then(Value::as_str);
    serde_json::from_str(text.unwrap_or_default())
}

/// What a cluster's own records say of a topology.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// By unit.
    pub inventories: BTreeMap<UnitName, Inventory>,
    /// The cluster's copy of its fleet entry.
    pub membership: Option<FleetEntry>,
}

impl Own {
    /// Takes up a ConfigMap with a record label.
    pub fn add(&mut self, config_map: &Value) -> serde_json::Result<()> {
        match label(config_map, RECORD_LABEL) {
            Some(MEMBERSHIP) => self.membership = Some(content(config_map)?),
            Some(INVENTORY) => {
                let inventory: Inventory = content(config_map)?;
                self.inventories.insert(inventory.unit.clone(), inventory);
            }
            Some(_) | None => {}
        }
        Ok(())
    }
}
