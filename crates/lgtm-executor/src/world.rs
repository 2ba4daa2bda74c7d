//! The port to the world: everything that an apply needs from outside, and nothing more.
//!
//! An implementation makes no choices. If it has to, the plan was not specific enough.

use std::{collections::BTreeMap, fmt, future::Future, time::Duration};

use lgtm_planner::{
    desired::Desired,
    fact::UnitFacts,
    inventory::{FleetEntry, Took},
    object::{Object, Scope},
    observed::{ClusterObserved, ClusterState, Examined},
    plan::{Action, ExamineMaterial, Rendered, StepId},
    unit::{ClusterContent, Content, UnitId},
};
use lgtm_topology::{ClusterName, TopologyName};

use crate::event::Events;

/// How a cluster is found: by the topology, or by the fleet record once it has left the topology.
#[derive(Clone, Debug)]
pub enum ClusterRef {
    /// As the topology says.
    Wanted(ClusterContent),
    /// As the record says.
    Recorded(FleetEntry),
}

/// What is looked at more closely.
#[derive(Clone, Debug)]
pub enum Examination {
    /// Objects, by a server-side dry run.
    Objects(Vec<Object>),
    /// A Secret whose content is made.
    Material(Box<ExamineMaterial>),
}

/// A unit's content with all facts filled in, to be rendered.
#[derive(Clone, Debug)]
pub struct RenderRequest {
    /// The unit, for messages.
    pub unit: UnitId,
    /// Objects, a release with resolved values, or manifests.
    pub content: Content,
    /// The Kubernetes version to render for, for example `v1.35.1`.
    pub kube_version: String,
    /// API versions beyond the built-in ones, as `group/version/Kind`, and where objects of each kind live.
    pub api_versions: BTreeMap<String, Scope>,
}

/// What an action did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was as it must be.
    Unchanged,
    /// It was changed.
    Updated,
    /// It is new.
    Created,
    /// It is gone.
    Removed,
}

/// A finished action.
#[derive(Clone, Debug)]
pub struct Done {
    /// What it did.
    pub outcome: Outcome,
    /// Facts that are known now.
    pub facts: UnitFacts,
    /// How long it took.
    pub took: Took,
    /// What the user should know, such as objects that were kept.
    pub remarks: Vec<String>,
}

/// What a failure means for what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Trying again may help.
    Transient,
    /// Trying again cannot help.
    Permanent,
    /// The cluster does not answer.
    Unreachable,
    /// A program or file that lgtmctl needs is not there.
    Environment,
    /// The Lease was lost or is held by another; nothing may be written.
    Locked,
}

/// Something that could not be done.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What it means.
    pub kind: Kind,
    /// What happened, to which object on which cluster, and why.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
    /// How long the server asks to wait before the next try.
    pub retry_after: Option<Duration>,
    /// The cluster that it is about, which need not be the one of the step: without the hub no step is done.
    pub cluster: Option<ClusterName>,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), help: None, retry_after: None, cluster: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Who holds, or held, the Lease of a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockHolder {
    /// `user@host, process 123`.
    pub who: String,
    /// Seconds since 1970.
    pub since: i64,
    /// Seconds since 1970 of the last renewal.
    pub renewed: i64,
    /// What it was doing.
    pub step: String,
}

/// What a look at a cluster showed: one that does not answer is a state, and nothing else that failed is.
pub fn seen(look: Result<Box<ClusterState>, Failure>) -> Result<ClusterObserved, Failure> {
    match look {
        Ok(state) => Ok(ClusterObserved::Reachable(state)),
        Err(failure) if failure.kind == Kind::Unreachable => {
            Ok(ClusterObserved::Unreachable { reason: failure.message })
        }
        Err(failure) => Err(failure),
    }
}

/// Everything outside.
pub trait World: Send + Sync + 'static {
    /// Seconds since 1970.
    fn now(&self) -> i64;

    /// The fleet record, as the hub holds it; none when the hub is not there yet.
    fn fleet(
        &self,
        topology: &TopologyName,
        hub: &ClusterName,
        content: &ClusterRef,
    ) -> impl Future<Output = Result<BTreeMap<ClusterName, FleetEntry>, Failure>> + Send;

    /// A first look at one cluster: who it is, what it offers, and what lgtmctl recorded there. That is enough
    /// to render. A cluster that does not answer is a state, not a failure.
    fn survey(
        &self,
        topology: &TopologyName,
        cluster: &ClusterName,
        how: &ClusterRef,
    ) -> impl Future<Output = Result<ClusterObserved, Failure>> + Send;

    /// The rest of the look: the state that [`World::survey`] gave, with every object and with whether the
    /// cluster itself is as wanted.
    fn inspect(
        &self,
        topology: &TopologyName,
        cluster: &ClusterName,
        how: &ClusterRef,
        state: Box<ClusterState>,
    ) -> impl Future<Output = Result<ClusterObserved, Failure>> + Send;

    /// Both looks, one after the other.
    fn observe(
        &self,
        topology: &TopologyName,
        cluster: &ClusterName,
        how: &ClusterRef,
    ) -> impl Future<Output = Result<ClusterObserved, Failure>> + Send {
        async move {
            match self.survey(topology, cluster, how).await? {
                ClusterObserved::Reachable(state) => self.inspect(topology, cluster, how, state).await,
                other @ (ClusterObserved::Absent
                | ClusterObserved::Stopped
                | ClusterObserved::Unreachable { .. }) => Ok(other),
            }
        }
    }

    /// The objects that a unit's content stands for.
    fn render(&self, request: RenderRequest) -> impl Future<Output = Result<Rendered, Failure>> + Send;

    /// How live objects differ from what would be applied. Nothing is changed.
    fn examine(
        &self,
        topology: &TopologyName,
        unit: &UnitId,
        examination: Examination,
    ) -> impl Future<Output = Result<Examined, Failure>> + Send;

    /// Does one action, and returns when its result is ready.
    fn perform(
        &self,
        desired: &Desired,
        step: &StepId,
        action: &Action,
        events: &Events,
    ) -> impl Future<Output = Result<Done, Failure>> + Send;

    /// Takes the lock of a topology: a file's at first, the hub's Lease as soon as the hub is there.
    fn lock(&self, topology: &TopologyName) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Whether the lock is still held; called before every action.
    fn check_lock(&self, step: &StepId) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Gives the lock back.
    fn release_lock(&self) -> impl Future<Output = ()> + Send;
}
