//! What lgtmctl writes down in clusters: per unit an inventory, per cluster a fleet entry.
//!
//! These records are the only state. They hold names, uids and digests, never a secret, and are
//! read back by later versions, so fields are added with defaults and never change their meaning.

use std::collections::BTreeSet;

use lgtm_topology::{ClusterName, Provider, TopologyName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    digest::Digest,
    fact::{FactRef, UnitFacts},
    fingerprint::OwnedFields,
    object::ObjectKey,
    unit::{UnitId, UnitName},
};

pub mod stored;

/// The namespace of lgtmctl's own records on every cluster.
pub const SYSTEM_NAMESPACE: &str = "lgtmctl-system";
/// The label that names the topology on everything lgtmctl applies.
pub const TOPOLOGY_LABEL: &str = "lgtmctl.dev/topology";
/// The label that names the owning unit.
pub const UNIT_LABEL: &str = "lgtmctl.dev/unit";
/// The label that tells records from applied objects.
pub const RECORD_LABEL: &str = "lgtmctl.dev/record";

/// What one unit put on its cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// The topology it belongs to.
    pub topology: TopologyName,
    /// The unit.
    pub unit: UnitName,
    /// How far its last application came.
    pub state: State,
    /// The input digest that was, or is being, applied.
    pub digest: Digest,
    /// The units that it needed, so that it can be removed in the right order.
    pub needs: BTreeSet<UnitId>,
    /// The facts that it gave.
    #[serde(default, skip_serializing_if = "UnitFacts::is_empty")]
    pub facts: UnitFacts,
    /// The facts of other units that went into it. A changed one is a reason to apply again, and
    /// while another cluster does not answer, this is what is known of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<UsedFact>,
    /// Its objects.
    pub objects: Vec<InventoryObject>,
    /// Milliseconds of work and of waiting for readiness, for estimates.
    #[serde(default)]
    pub took: Took,
    /// Seconds since 1970 at which it became ready.
    #[serde(default)]
    pub applied_at: i64,
}

impl Inventory {
    /// The record of a unit of which nothing is left but these objects: it was never applied, as far as a
    /// next application is concerned.
    pub fn reduced_to(&self, objects: Vec<InventoryObject>) -> Self {
        Self {
            state: State::Intended,
            applied_at: 0,
            facts: UnitFacts::new(),
            used: Vec::new(),
            objects,
            ..self.clone()
        }
    }

    /// The record without some objects.
    pub fn without(&self, gone: &[InventoryObject]) -> Self {
        let mut left = self.clone();
        left.objects.retain(|object| !gone.iter().any(|gone| gone.key == object.key));
        left
    }
}

/// A fact that went into a unit's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsedFact {
    /// Which.
    pub fact: FactRef,
    /// Its value then.
    pub value: Value,
}

/// How long an application took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// Rendering, reading and writing.
    pub work: u64,
    /// Waiting for readiness.
    pub wait: u64,
}

/// How far an application came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Written before the first write of the unit.
    Intended,
    /// Written after everything is ready.
    Applied,
}

/// One object of an inventory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryObject {
    /// Its identity.
    pub key: ObjectKey,
    /// The version at which it was applied.
    pub version: String,
    /// The resource in URLs, for example `deployments`.
    pub plural: String,
    /// Its uid; in an intent, the uid seen before, or none where there was no such object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The fingerprint after readiness; none in an intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Digest>,
    /// The fields that we own on it (`fieldsV1`), as read with the fingerprint. When our entry is lost, as by
    /// a tool that strips `managedFields`, this tells what a later application has to take away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned: Option<OwnedFields>,
    /// For what runs once: the digest of the object with which it was done. It is not looked at
    /// again until that digest changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Digest>,
    /// Never pruned: `helm.sh/resource-policy: keep`, or a definition that was there before it was ours.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
}

/// One cluster of a topology, recorded on the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetEntry {
    /// The topology.
    pub topology: TopologyName,
    /// The hub that holds the fleet record. Each cluster keeps a copy of its own entry, so that a
    /// topology whose hub was exchanged is noticed on every cluster.
    pub hub: ClusterName,
    /// The cluster.
    pub cluster: ClusterName,
    /// How it is reached; never a credential.
    pub connection: Connection,
    /// The uid of its `kube-system` namespace, which tells one cluster from another of its name.
    pub uid: String,
    /// Whether lgtmctl made it, and so may delete it.
    pub made: bool,
}

/// How a cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Connection {
    /// A simulated cluster of this name.
    Kwok {
        /// kwok's name for it.
        name: String,
    },
    /// A kubeconfig's context.
    Existing {
        /// The path as the topology gives it; the user's default when absent.
        kubeconfig: Option<String>,
        /// The context.
        context: String,
    },
}

impl Connection {
    /// Whether `provider` is of the same kind as the one that was recorded.
    pub fn is_kind_of(&self, provider: &Provider) -> bool {
        matches!(
            (self, provider),
            (Self::Kwok { .. }, Provider::Kwok) | (Self::Existing { .. }, Provider::Existing { .. })
        )
    }

    /// Whether `provider` still means this connection; a kwok cluster's name follows from others.
    pub fn matches(&self, provider: &Provider) -> bool {
        match (self, provider) {
            (Self::Kwok { .. }, Provider::Kwok) => true,
            (
                Self::Existing { kubeconfig, context },
                Provider::Existing { kubeconfig: other_file, context: other_context },
            ) => kubeconfig == other_file && context == other_context,
            (Self::Kwok { .. }, Provider::Existing { .. }) | (Self::Existing { .. }, Provider::Kwok) => false,
        }
    }
}
