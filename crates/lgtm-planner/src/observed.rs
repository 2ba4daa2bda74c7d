//! What was seen in the world, as plain data: enough to decide, and nothing that could decide.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_topology::ClusterName;
use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    inventory::{FleetEntry, Inventory, InventoryObject},
    object::ObjectKey,
    unit::{UnitId, UnitName},
};

/// Everything that was seen, at one time.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Seconds since 1970, for certificates' ages.
    pub now: i64,
    /// Every cluster of the topology, and every other one of the fleet record.
    pub clusters: BTreeMap<ClusterName, ClusterObserved>,
    /// The hub's fleet record; none when the hub could not be read.
    pub fleet: BTreeMap<ClusterName, FleetEntry>,
    /// What a server-side dry run of units' objects showed.
    pub examined: BTreeMap<UnitId, Examined>,
}

impl Observed {
    /// The cluster's state, where it could be read.
    pub fn state(&self, cluster: &ClusterName) -> Option<&ClusterState> {
        match self.clusters.get(cluster)? {
            ClusterObserved::Reachable(state) => Some(state),
            ClusterObserved::Absent | ClusterObserved::Stopped | ClusterObserved::Unreachable { .. } => None,
        }
    }

    /// Whether the cluster should exist and does not answer. One that is not there yet is not silent.
    pub fn is_unreachable(&self, cluster: &ClusterName) -> bool {
        matches!(self.clusters.get(cluster), Some(ClusterObserved::Unreachable { .. }))
    }

    /// The clusters that do not answer, with the reason.
    pub fn unreachable(&self) -> BTreeMap<ClusterName, String> {
        let reason = |cluster: &ClusterObserved| match cluster {
            ClusterObserved::Unreachable { reason } => Some(reason.clone()),
            ClusterObserved::Absent | ClusterObserved::Stopped | ClusterObserved::Reachable(_) => None,
        };
        self.clusters.iter().filter_map(|(name, cluster)| Some((name.clone(), reason(cluster)?))).collect()
    }

    /// A unit's inventory, where its cluster could be read and has one.
    pub fn inventory(&self, unit: &UnitId) -> Option<&Inventory> {
        self.state(&unit.cluster)?.inventories.get(&unit.name)
    }
}

/// One cluster, as it was found.
#[derive(Clone, Debug)]
pub enum ClusterObserved {
    /// There is no such cluster yet; its provider can make it.
    Absent,
    /// It exists and its processes do not run; its provider can start it.
    Stopped,
    /// It should exist and does not answer.
    Unreachable {
        /// Why, for people.
        reason: String,
    },
    /// It answers.
    Reachable(Box<ClusterState>),
}

/// What was read from a cluster that answers.
#[derive(Clone, Debug, Default)]
pub struct ClusterState {
    /// The uid of `kube-system`.
    pub uid: String,
    /// The server's version, for example `v1.35.1`.
    pub version: String,
    /// Whether lgtmctl's provider says that nodes, processes and settings are as wanted.
    pub settled: bool,
    /// Whether the namespace of the records is there and not being deleted.
    pub enrolled: bool,
    /// The hub that the cluster's own copy of its fleet entry names.
    pub hub: Option<ClusterName>,
    /// Inventories of this topology, by unit.
    pub inventories: BTreeMap<UnitName, Inventory>,
    /// Live objects that inventories name, and all others that bear the topology's label.
    pub live: BTreeMap<ObjectKey, Live>,
    /// Kinds of custom resources that matter to the catalog, as `group/version/Kind`.
    pub definitions: BTreeSet<String>,
}

impl ClusterState {
    /// A live object, unless it goes with its namespace: what is still in a namespace that is being
    /// deleted is as good as gone, whatever it says of itself.
    pub fn find(&self, key: &ObjectKey) -> Option<&Live> {
        self.live.get(key).filter(|_| !self.goes_with_namespace(key))
    }

    /// The custom resources that are there and stay, when these are the units that are wanted: those that another
    /// unit of ours brought go with it, and then nobody can discover any.
    pub fn lasting_definitions(&self, wanted: &BTreeSet<&UnitName>) -> BTreeSet<String> {
        let leaving = self.inventories.values().filter(|inventory| !wanted.contains(&inventory.unit));
        let groups: BTreeSet<&str> = leaving
            .flat_map(|inventory| &inventory.objects)
            .filter(|object| !object.keep)
            .filter_map(|object| object.key.defined_group())
            .collect();
        let lasts = |definition: &&String| {
            !definition.split_once('/').is_some_and(|(group, _)| groups.contains(group))
        };
        self.definitions.iter().filter(lasts).cloned().collect()
    }

    /// A recorded object with the uid that it has now.
    pub fn with_live_uid(&self, object: &InventoryObject) -> InventoryObject {
        let uid = self.live.get(&object.key).map(|live| live.uid.clone());
        InventoryObject { uid, ..object.clone() }
    }

    /// Whether the object's namespace is being deleted.
    pub fn goes_with_namespace(&self, key: &ObjectKey) -> bool {
        key.namespace.as_ref().is_some_and(|namespace| self.ending_namespaces().contains(namespace.as_str()))
    }

    /// The namespaces that are being deleted.
    pub fn ending_namespaces(&self) -> BTreeSet<&str> {
        let (group, kind) = (String::new(), "Namespace".to_owned());
        let first = ObjectKey { group, kind, namespace: None, name: String::new() };
        let namespaces = self.live.range(&first..).take_while(|(key, _)| key.is_namespace());
        namespaces.filter(|(_, live)| live.deleting.is_some()).map(|(key, _)| key.name.as_str()).collect()
    }
}

/// An object's metadata, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its uid.
    pub uid: String,
    /// The digest of what we own on it.
    pub fingerprint: Option<Digest>,
    /// The unit that its label names.
    pub unit: Option<UnitName>,
    /// The topology that its label names.
    pub topology: Option<String>,
    /// Finalizers, when it is being deleted.
    pub deleting: Option<Vec<String>>,
}

/// What a closer look at a unit's objects showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examined {
    /// One entry for each object that was looked at.
    pub objects: BTreeMap<ObjectKey, ObjectExamined>,
    /// What to know of the look itself, such as that the server could not be asked.
    pub note: Option<String>,
}

/// What applying one object would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ObjectExamined {
    /// There is none.
    Missing,
    /// Applying changes nothing.
    Same,
    /// Applying changes fields.
    Differs(Difference),
    /// Fields that cannot change in place differ.
    Immutable {
        /// What differs.
        difference: Difference,
        /// The server's words.
        reason: String,
    },
    /// The server would refuse it.
    Refused {
        /// The server's words.
        reason: String,
    },
    /// The kind, or the namespace, is not there yet.
    NotYet,
}

/// How a live object differs from what would be applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Field by field.
    pub fields: Vec<FieldChange>,
    /// Values that other managers hold and that differ.
    pub conflicts: Vec<Conflict>,
    /// Whether lgtmctl never applied it before.
    pub adopted: bool,
    /// Whether `spec.replicas` must be left to an autoscaler.
    pub autoscaled: bool,
}

/// One field that differs. Values of secret origin are digests already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The path, for example `spec.template.spec.containers[name=mimir].image`.
    pub path: String,
    /// The value that is there; none when the field is added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The value that will be there; none when the field goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A value that another manager holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// The field.
    pub path: String,
    /// The manager, for example `kubectl-edit`.
    pub manager: String,
}

#[cfg(test)]
mod tests {
    use lgtm_topology::TopologyName;

    use super::*;
    use crate::{
        fact::UnitFacts,
        inventory::{State, Took},
    };

    fn definition(name: &str, keep: bool) -> InventoryObject {
        InventoryObject {
            key: ObjectKey {
                group: "apiextensions.k8s.io".to_owned(),
                kind: "CustomResourceDefinition".to_owned(),
                namespace: None,
                name: name.to_owned(),
            },
            version: "v1".to_owned(),
            plural: "customresourcedefinitions".to_owned(),
            uid: None,
            fingerprint: None,
            owned: None,
            done: None,
            keep,
        }
    }

    #[test]
    fn definitions_go_with_the_unit_that_brought_them() {
        let unit = UnitName::new("prometheus-crds");
        let state = |keep| ClusterState {
            definitions: ["monitoring.coreos.com/v1/PodMonitor".to_owned(), "other.io/v1/Thing".to_owned()]
                .into(),
            inventories: [(
                unit.clone(),
                Inventory {
                    topology: TopologyName::new("any"),
                    unit: unit.clone(),
                    state: State::Applied,
                    digest: Digest::of_bytes(b""),
                    needs: BTreeSet::new(),
                    facts: UnitFacts::new(),
                    used: Vec::new(),
                    objects: vec![definition("podmonitors.monitoring.coreos.com", keep)],
                    took: Took::default(),
                    applied_at: 0,
                },
            )]
            .into(),
            ..ClusterState::default()
        };
        assert_eq!(state(false).lasting_definitions(&[&unit].into()).len(), 2);
        assert_eq!(state(true).lasting_definitions(&BTreeSet::new()).len(), 2);
        let left = state(false).lasting_definitions(&BTreeSet::new());
        assert_eq!(left, BTreeSet::from(["other.io/v1/Thing".to_owned()]));
    }
}
