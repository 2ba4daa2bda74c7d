//! What to do next: the difference between what must exist and what was seen.
//!
//! [`plan`] is a pure function. It decides everything, so that whoever performs the plan decides
//! nothing: which objects are written, replaced and deleted, in which order, and why. It never names
//! a chart, and never reads a clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use lgtm_topology::{ClusterName, TopologyName};
use serde::Serialize;

use crate::{
    desired::Desired,
    digest::Digest,
    fact::{FactRef, Facts},
    inventory::{Inventory, InventoryObject, UsedFact},
    object::{Object, ObjectKey},
    observed::{Conflict, FieldChange, Observed},
    unit::{AccessKeyRequest, ClusterContent, MaterialContent, SecretRef, ServiceAddress, UnitId},
};

mod decide;
mod error;
mod facts;
mod last;
mod material;
mod objects;
mod reasons;
mod record;
mod remove;

pub use decide::{Decision, decide, plan};
pub use error::PlanError;
pub use facts::known_facts;
pub use material::{CLAIMS, ExamineMaterial, assess_material, is_due};
pub use objects::{assess, assess_unit};
pub use record::ReadBack;
pub use remove::plan_destroy;

/// A unit's rendered objects, shared because a fleet renders the same chart many times.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Digest of the objects.
    pub digest: Digest,
    /// The objects, in the order of the render.
    pub objects: Arc<Vec<Object>>,
}

/// What the user asked of planning.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Compare every object by a dry run, whatever digests and fingerprints say.
    pub refresh_full: bool,
    /// Units whose replacement the user allows although something is lost by it.
    pub allow_replace: BTreeSet<UnitId>,
    /// Only these units or clusters, and what they need; everything when empty.
    pub targets: Vec<Target>,
    /// Refuse to take over values that other managers hold.
    pub conflicts_fail: bool,
    /// When removing: also delete claims, those of StatefulSets too.
    pub delete_data: bool,
}

/// A part of the topology that the user names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A whole cluster.
    Cluster(ClusterName),
    /// One unit.
    Unit(UnitId),
}

impl Target {
    fn covers(&self, unit: &UnitId) -> bool {
        match self {
            Self::Cluster(cluster) => &unit.cluster == cluster,
            Self::Unit(target) => unit == target,
        }
    }
}

/// All that planning looks at.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// What must exist.
    pub desired: &'a Desired,
    /// What was seen.
    pub observed: &'a Observed,
    /// The objects of every unit whose facts are known.
    pub rendered: &'a BTreeMap<UnitId, Rendered>,
    /// The facts that are known (see [`known_facts`]).
    pub facts: &'a Facts,
    /// What the user asked.
    pub options: &'a PlanOptions,
}

/// A step's identity: a unit is brought about, or goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepId {
    /// The unit.
    pub unit: UnitId,
    /// Whether the unit goes.
    pub removal: bool,
}

impl StepId {
    /// The step that brings the unit about.
    pub fn ensure(unit: UnitId) -> Self {
        Self { unit, removal: false }
    }

    /// The step that removes the unit.
    pub fn remove(unit: UnitId) -> Self {
        Self { unit, removal: true }
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.removal { write!(f, "remove {}", self.unit) } else { self.unit.fmt(f) }
    }
}

/// What to do, in an order that respects every edge.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The topology.
    pub topology: TopologyName,
    /// The steps; none when there is nothing to do.
    pub steps: Vec<Step>,
    /// Units that are as they must be.
    pub unchanged: BTreeSet<UnitId>,
    /// Clusters that do not answer, with the reason.
    pub unreachable: BTreeMap<ClusterName, String>,
    /// Whatever the user should know beyond the steps.
    pub notes: Vec<String>,
}

impl Plan {
    /// The plan of a topology for which there is nothing to do.
    pub fn nothing(topology: TopologyName) -> Self {
        Self {
            topology,
            steps: Vec::new(),
            unchanged: BTreeSet::new(),
            unreachable: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Steps that need `--allow-replace` and do not have it.
    pub fn forbidden(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.needs_permission)
    }
}

/// One thing to do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What it is about.
    pub id: StepId,
    /// The steps that must be done before; units without a step are done.
    pub needs: BTreeSet<StepId>,
    /// What happens to the unit.
    pub change: Change,
    /// Why, for people, most important first.
    pub reasons: Vec<String>,
    /// What happens to each object.
    pub objects: Vec<ObjectChange>,
    /// The facts that the content waits for.
    pub waits_for: Vec<FactRef>,
    /// Whether the user must allow it by name, since something would be lost.
    pub needs_permission: bool,
    /// Milliseconds that it is expected to take.
    pub estimate: u64,
    /// How it is done; none while it waits for facts or its cluster does not answer.
    #[serde(skip)]
    pub action: Option<Action>,
}

/// What happens to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It is new.
    Create,
    /// What it must be has changed.
    Update,
    /// Someone changed or removed what lgtmctl owns.
    Repair,
    /// An earlier application was cut short.
    Resume,
    /// Something is deleted and made again.
    Replace,
    /// It is decided when the facts that it waits for are known.
    Later,
    /// It goes.
    Remove,
    /// Its cluster does not answer.
    Blocked,
}

/// What happens to one object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange {
    /// The object.
    pub object: ObjectKey,
    /// What happens.
    pub verb: ObjectVerb,
    /// Field by field, where it is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Values that are taken over from other managers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// Something the user should know about this object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

impl ObjectChange {
    /// A change of which there is no more to say.
    fn new(object: ObjectKey, verb: ObjectVerb) -> Self {
        Self { object, verb, fields: Vec::new(), conflicts: Vec::new(), remark: None }
    }

    /// What happens to an object that its unit lets go of.
    fn of_left(object: &InventoryObject, options: &PlanOptions) -> Self {
        let key = object.key.clone();
        match reasons::why_kept(object, options) {
            Some(reason) => Self { remark: Some(reason.to_owned()), ..Self::new(key, ObjectVerb::Keep) },
            None => {
                let remark = reasons::left_behind(&key, options).map(str::to_owned);
                Self { remark, ..Self::new(key, ObjectVerb::Delete) }
            }
        }
    }
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ObjectVerb {
    /// Made.
    Create,
    /// Changed in place.
    Update,
    /// Exists, was not made by lgtmctl, and becomes owned.
    Adopt,
    /// Deleted and made again.
    Replace,
    /// Deleted.
    Delete,
    /// Left although its unit goes.
    Keep,
}

/// The closed set of things that are done to the world.
#[derive(Clone, Debug)]
pub enum Action {
    /// Make or start a cluster, or see that it answers.
    EnsureCluster(ClusterContent),
    /// Enter a cluster in the fleet record and make the namespace of the records on it.
    Enrol(ClusterContent),
    /// Apply objects, wait until they are ready, then prune.
    Apply(Box<ApplyObjects>),
    /// Make or restore material in a Secret.
    Make(Box<MakeMaterial>),
    /// Delete objects of a unit, then its inventory or what it says of them.
    Remove(RemoveObjects),
    /// Delete the namespace of the records.
    Unenrol,
    /// Delete a cluster, when lgtmctl made it, and its fleet entry.
    Withdraw {
        /// Whether the cluster itself is deleted.
        delete: bool,
    },
}

/// See [`Action::Apply`].
#[derive(Clone, Debug)]
pub struct ApplyObjects {
    /// All objects of the unit, labelled.
    pub objects: Vec<Object>,
    /// Those that must be written; the others are as they must be.
    pub write: BTreeSet<ObjectKey>,
    /// Those that must be deleted first, because a field cannot change in place.
    pub replace: BTreeSet<ObjectKey>,
    /// Those that exist, were not made by lgtmctl, and become owned; no other such object may.
    pub adopt: BTreeSet<ObjectKey>,
    /// Those that go, after the new ones are ready.
    pub prune: Vec<InventoryObject>,
    /// Namespaces and definitions that the content no longer has. They stay in the record until a removal of their
    /// own, which comes after everything else on the cluster.
    pub leaving: Vec<InventoryObject>,
    /// The facts of other units in the content, which the inventory records.
    pub used: Vec<UsedFact>,
    /// Facts to read at the end.
    pub gives: Vec<ServiceAddress>,
    /// The access keys that the content did not use before. When everything is ready nobody needs earlier ones.
    pub retires: Vec<UsedKey>,
    /// The input digest that the inventory records.
    pub digest: Digest,
    /// The needs that the inventory records.
    pub needs: BTreeSet<UnitId>,
    /// The inventory as it was.
    pub before: Option<Inventory>,
}

/// An access key that a unit alone uses.
#[derive(Clone, Debug, PartialEq)]
pub struct UsedKey {
    /// The unit that made it.
    pub unit: UnitId,
    /// Where it is kept.
    pub secret: SecretRef,
    /// What it is for.
    pub request: AccessKeyRequest,
}

/// See [`Action::Make`].
#[derive(Clone, Debug)]
pub struct MakeMaterial {
    /// What is made, and where it is kept.
    pub content: MaterialContent,
    /// Whether the live Secret's content must not be used, even where it looks right.
    pub remake: bool,
    /// The Secret of the authority, for certificates: its cluster, namespace and name.
    pub authority: Option<(ClusterName, SecretRef)>,
    /// The authority's fingerprint, for certificates.
    pub authority_fingerprint: Option<String>,
    /// The input digest that the inventory records.
    pub digest: Digest,
    /// The needs that the inventory records.
    pub needs: BTreeSet<UnitId>,
    /// The inventory as it was.
    pub before: Option<Inventory>,
}

/// See [`Action::Remove`].
#[derive(Clone, Debug)]
pub struct RemoveObjects {
    /// The objects to delete.
    pub objects: Vec<InventoryObject>,
    /// Whether the claims of StatefulSets go too.
    pub delete_data: bool,
    /// What becomes of the unit's inventory.
    pub record: RecordAfter,
}

/// What becomes of an inventory when objects of its unit were removed.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordAfter {
    /// It is deleted: nothing is left of the unit.
    Gone,
    /// It stays without these objects: the unit is still wanted.
    Without,
    /// It holds these alone, and says that nothing was ever applied: the unit is not wanted any more, and
    /// its namespaces go when the last of what others have in them has gone. Should the unit come back, it is
    /// as new.
    Only(Vec<InventoryObject>),
}
