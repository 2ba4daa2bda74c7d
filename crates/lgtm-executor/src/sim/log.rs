//! What was written, in the order in which it took effect.

use lgtm_planner::{digest::Digest, inventory::State, object::ObjectKey, plan::StepId, unit::UnitName};
use lgtm_topology::ClusterName;
use tokio::time::Duration;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Reads anything.
    Read,
    /// Applies an object.
    Apply,
    /// Creates an object as a whole.
    Create,
    /// Replaces an object as a whole, or patches it.
    Update,
    /// Deletes an object.
    Delete,
    /// Makes or starts a cluster.
    MakeCluster,
    /// Deletes a cluster.
    DeleteCluster,
    /// Keeps or removes a note on the machine.
    Note,
}

/// One write that took effect, or that found nothing to change.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it was sent, since the beginning.
    pub sent: Duration,
    /// When it took effect.
    pub at: Duration,
    /// The process that wrote.
    pub process: u64,
    /// The cluster that was written to.
    pub cluster: ClusterName,
    /// For which step; none for a Lease that renews itself.
    pub step: Option<StepId>,
    /// What was done.
    pub verb: Verb,
    /// To what; none for the cluster itself.
    pub key: Option<ObjectKey>,
    /// What was sent.
    pub content: Option<Digest>,
    /// Whether anything is different now.
    pub changed: bool,
    /// For an inventory: the unit, how far it says the unit is, and at what digest.
    pub record: Option<(UnitName, State, Digest)>,
}
