//! Why there is no plan. What to do about it is said by whoever talks to people.

use lgtm_topology::ClusterName;

use crate::{object::ObjectKey, phase::HookError, unit::UnitId};

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two units render the same object.
    #[error(
        "{object} on cluster {cluster} is rendered by both {first} and {second}; an object has one owner"
    )]
    TwoOwners {
        /// The cluster.
        cluster: ClusterName,
        /// The object.
        object: ObjectKey,
        /// One unit.
        first: UnitId,
        /// The other.
        second: UnitId,
    },
    /// A hook that lgtmctl does not run.
    #[error("unit {unit} cannot be planned")]
    Hook {
        /// The unit.
        unit: UnitId,
        /// The hook.
        #[source]
        source: HookError,
    },
    /// A list of an object has two entries with one key.
    #[error("{object} of unit {unit} has two entries `{key}` in {path}; the API server would refuse it")]
    DuplicateKey {
        /// The unit.
        unit: UnitId,
        /// The object.
        object: ObjectKey,
        /// The list.
        path: String,
        /// The key.
        key: String,
    },
    /// The server refuses an object.
    #[error("cluster {cluster} would refuse {object} of unit {unit}: {reason}")]
    Refused {
        /// The cluster.
        cluster: ClusterName,
        /// The unit.
        unit: UnitId,
        /// The object.
        object: ObjectKey,
        /// The server's words.
        reason: String,
    },
    /// `--conflicts=fail` and someone else holds a value.
    #[error("{object} on cluster {cluster}: {manager} holds {path} with another value")]
    Conflict {
        /// The cluster.
        cluster: ClusterName,
        /// The object.
        object: ObjectKey,
        /// The field.
        path: String,
        /// Who holds it.
        manager: String,
    },
    /// The cluster that answers is not the one that was recorded.
    #[error(
        "the cluster {cluster} is not the one of the last apply: kube-system had uid {recorded}, now {found}"
    )]
    AnotherCluster {
        /// The cluster.
        cluster: ClusterName,
        /// The uid in the fleet record.
        recorded: String,
        /// The uid that was read.
        found: String,
    },
    /// The topology was applied with another hub.
    #[error("cluster {cluster} belongs to the hub {recorded}, and the topology names {wanted} as its hub")]
    AnotherHub {
        /// The cluster that says so.
        cluster: ClusterName,
        /// The hub of the last apply.
        recorded: ClusterName,
        /// The hub in the topology.
        wanted: ClusterName,
    },
    /// A cluster was made by one provider, or found by another, and the topology now says otherwise.
    #[error("the provider of cluster {cluster} has changed, and what the old one holds would be forgotten")]
    AnotherProvider {
        /// The cluster.
        cluster: ClusterName,
    },
    /// The units' needs form a cycle.
    #[error("units need each other in a circle: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → "))]
    Cycle(Vec<UnitId>),
    /// A target names nothing.
    #[error("the target {0} names no cluster and no unit of the topology")]
    UnknownTarget(String),
}
