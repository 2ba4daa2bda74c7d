//! The real world: clusters, helm, and key material, behind the executor's port.
//!
//! This module joins the adapters and keeps what they share: connections, the lock, and the
//! controllers that are played on simulated clusters. It decides nothing that a plan could have said.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use lgtm_executor::{
    Done, Events, Failure, Kind, Outcome, World,
    world::{ClusterRef, Examination, LockHolder, RenderRequest, seen},
};
use lgtm_planner::{
    desired::Desired,
    fact::UnitFacts,
    inventory::{Connection, FleetEntry, SYSTEM_NAMESPACE},
    object::Object,
    observed::{ClusterObserved, ClusterState, Examined},
    plan::{Action, MakeMaterial, Rendered, StepId},
    unit::{ClusterContent, UnitId},
};
use lgtm_topology::{ClusterName, Provider, TopologyName};
use serde_json::json;
use tokio::{sync::watch, time::Instant};

use crate::{
    charts::upstream::ChartSource,
    cluster::{Cluster, REQUEST_TIMEOUT, answer::ApiError, environment, examine},
    connection, digest_key,
    lock::{self, Held, Lock},
    material,
    objects::{self, Context, took},
    observe,
    providers::kwok::{Ensured, Kwok, KwokSpec, State},
    records, rehearsal,
    render::Renderer,
    tools::Tools,
};

mod clusters;
mod membership;

/// Where a world is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The topology file's folder: what its paths are relative to.
    pub base_dir: PathBuf,
    /// Where programs are.
    pub tools: Tools,
    /// Locks and simulated clusters.
    pub state_dir: PathBuf,
    /// Renders and extracted charts; may be emptied at any time.
    pub cache_dir: PathBuf,
    /// The topology that is worked on.
    pub topology: TopologyName,
    /// The hub's name in it.
    pub hub: ClusterName,
    /// What the hub is, so that its Lease can be taken before anything is planned.
    pub hub_content: ClusterContent,
    /// Where upstream charts come from.
    pub charts: ChartSource,
    /// When set, every cluster is simulated, under names of this rehearsal's own.
    pub rehearsal: Option<String>,
}

/// The real world.
pub struct ClusterWorld {
    settings: Settings,
    renderer: Renderer,
    kwok: Kwok,
    clusters: Mutex<BTreeMap<ClusterName, Arc<Cluster>>>,
    /// The controllers played on simulated clusters; they stop when their sender goes.
    players: Mutex<BTreeMap<ClusterName, watch::Sender<()>>>,
    lock: tokio::sync::Mutex<Option<Lock>>,
    /// Why the hub did not answer when the fleet record was read, so that it is not waited for again.
    silent_hub: Mutex<Option<String>>,
}

impl ClusterWorld {
    /// A world. Nothing is read or started yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            renderer: Renderer::new(
                settings.tools.clone(),
                settings.base_dir.clone(),
                settings.cache_dir.clone(),
                settings.charts.clone(),
            ),
            kwok: Kwok::new(settings.tools.clone(), settings.state_dir.join("kwok")),
            clusters: Mutex::new(BTreeMap::new()),
            players: Mutex::new(BTreeMap::new()),
            lock: tokio::sync::Mutex::new(None),
            silent_hub: Mutex::new(None),
            settings,
        }
    }

    /// Who holds the Lease of the topology.
    pub async fn lock_holder(&self, hub: &ClusterRef) -> Result<Option<LockHolder>, Failure> {
        let hub = self.connect(&self.settings.hub, hub).await?;
        lock::show(&hub, &self.settings.topology).await
    }

    /// Removes the Lease of the topology, whoever holds it.
    pub async fn break_lock(&self, hub: &ClusterRef) -> Result<(), Failure> {
        let hub = self.connect(&self.settings.hub, hub).await?;
        lock::break_lease(&hub, &self.settings.topology).await
    }

    async fn context<'a>(
        &'a self,
        cluster: &'a Cluster,
        step: &'a StepId,
        events: &'a Events,
    ) -> Context<'a> {
        let held = self.held().await;
        Context { cluster, topology: &self.settings.topology, step, events, now: self.now(), held }
    }

    /// The lock's guard is not kept: other steps would wait for this one to be answered.
    async fn held(&self) -> Option<Held> {
        self.lock.lock().await.as_ref().map(Lock::held)
    }

    async fn make(
        &self,
        desired: &Desired,
        step: &StepId,
        work: &MakeMaterial,
        events: &Events,
    ) -> Result<Done, Failure> {
        let cluster = self.connected(desired, &step.unit.cluster).await?;
        let authority = match &work.authority {
            Some((name, _)) => Some(self.connected(desired, name).await?),
            None => None,
        };
        let hub = self.connected(desired, &desired.hub).await?;
        let key = digest_key::ensure(&self.context(&hub, step, events).await).await?;
        material::make(&self.context(&cluster, step, events).await, authority.as_deref(), work, &key).await
    }

    /// Takes the Lease as soon as the hub has a namespace for it; until then the file is the lock.
    async fn take_lease(&self, hub: &Arc<Cluster>) -> Result<(), Failure> {
        // The guard is held throughout: of several steps that come here at once, one takes the Lease.
        let lock = self.lock.lock().await;
        let Some(lock) = lock.as_ref().filter(|lock| lock.wants_lease()) else { return Ok(()) };
        let enrolled = hub.read(&observe::system_namespace_path()).await;
        match enrolled.map_err(|error| hub.failure("looking for the lock", error))? {
            Some(namespace) if namespace.pointer("/metadata/deletionTimestamp").is_none() => {
                lock.take_lease(Arc::clone(hub)).await
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn done(outcome: Outcome, begun: Instant) -> Done {
    Done {
        outcome,
        facts: UnitFacts::new(),
        took: took(begun, std::time::Duration::ZERO),
        remarks: Vec::new(),
    }
}

/// A look at a cluster. A server that takes connections and never answers must not hold up the others.
async fn in_time(
    look: impl Future<Output = Result<Box<ClusterState>, Failure>>,
) -> Result<ClusterObserved, Failure> {
    match tokio::time::timeout(REQUEST_TIMEOUT * 2, look).await {
        Ok(look) => seen(look),
        Err(_) => Ok(ClusterObserved::Unreachable { reason: "it answers too slowly".to_owned() }),
    }
}

impl World for ClusterWorld {
    fn now(&self) -> i64 {
        time::OffsetDateTime::now_utc().unix_timestamp()
    }

    #[tracing::instrument(name = "fleet record", skip_all, fields(cluster = %hub))]
    async fn fleet(
        &self,
        topology: &TopologyName,
        hub: &ClusterName,
        content: &ClusterRef,
    ) -> Result<BTreeMap<ClusterName, FleetEntry>, Failure> {
        let mut fleet = match self.presence(hub, content).await? {
            ClusterObserved::Reachable(_) => {
                let cluster = self.connect(hub, content).await?;
                match records::fleet(&cluster, topology).await {
                    Ok(fleet) => fleet,
                    // What that means is said when the hub itself is observed.
                    Err(failure) if failure.kind == Kind::Unreachable => {
                        *self.silent_hub.lock().unwrap_or_else(PoisonError::into_inner) =
                            Some(failure.message);
                        BTreeMap::new()
                    }
                    Err(failure) => return Err(failure),
                }
            }
            ClusterObserved::Absent | ClusterObserved::Stopped | ClusterObserved::Unreachable { .. } => {
                BTreeMap::new()
            }
        };
        // A simulated cluster may have been made just before its entry was written.
        for found in self.simulated_clusters()? {
            fleet.entry(found.cluster.clone()).or_insert(found);
        }
        Ok(fleet)
    }

    #[tracing::instrument(name = "survey", skip_all, fields(%cluster))]
    async fn survey(
        &self,
        topology: &TopologyName,
        cluster: &ClusterName,
        how: &ClusterRef,
    ) -> Result<ClusterObserved, Failure> {
        match self.presence(cluster, how).await? {
            ClusterObserved::Reachable(_) => {}
            absent @ (ClusterObserved::Absent
            | ClusterObserved::Stopped
            | ClusterObserved::Unreachable { .. }) => return Ok(absent),
        }
        if cluster == &self.settings.hub {
            // Once: the next look asks again.
            let silent = self.silent_hub.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(reason) = silent {
                return Ok(ClusterObserved::Unreachable { reason });
            }
        }
        match self.connect(cluster, how).await {
            Ok(connected) => in_time(observe::survey(&connected, topology)).await,
            Err(failure) => Ok(ClusterObserved::Unreachable { reason: failure.message }),
        }
    }

    #[tracing::instrument(name = "inspect", skip_all, fields(%cluster))]
    async fn inspect(
        &self,
        topology: &TopologyName,
        cluster: &ClusterName,
        how: &ClusterRef,
        mut state: Box<ClusterState>,
    ) -> Result<ClusterObserved, Failure> {
        let connected = self.known(cluster)?;
        in_time(async {
            let live = observe::live(&connected, topology, &state.inventories);
            (state.live, state.settled) = tokio::try_join!(live, self.is_settled(&connected, how))?;
            Ok(state)
        })
        .await
    }

    #[tracing::instrument(
        name = "render", level = "debug", skip_all,
        fields(cluster = %request.unit.cluster, unit = %request.unit.name)
    )]
    async fn render(&self, request: RenderRequest) -> Result<Rendered, Failure> {
        let cluster = self.known(&request.unit.cluster).ok();
        self.renderer.render(request, cluster.as_deref()).await
    }

    #[tracing::instrument(
        name = "examine", level = "debug", skip_all, fields(cluster = %unit.cluster, unit = %unit.name)
    )]
    async fn examine(
        &self,
        topology: &TopologyName,
        unit: &UnitId,
        examination: Examination,
    ) -> Result<Examined, Failure> {
        let cluster = self.known(&unit.cluster)?;
        let key = match self.known(&self.settings.hub) {
            Ok(hub) => digest_key::read(&hub).await.unwrap_or_default(),
            Err(_) => None,
        };
        match examination {
            Examination::Objects(objects) => {
                let conceal =
                    |value: &str| digest_key::conceal(key.as_ref().map(|key| key.as_slice()), value);
                examine::examine(&cluster, topology, objects, &conceal).await
            }
            Examination::Material(material) => {
                material::examine(&cluster, topology, unit, &material, key.as_ref().map(|key| key.as_slice()))
                    .await
                    .map_err(|error| cluster.failure("comparing a Secret", error))
            }
        }
    }

    async fn perform(
        &self,
        desired: &Desired,
        step: &StepId,
        action: &Action,
        events: &Events,
    ) -> Result<Done, Failure> {
        match action {
            Action::EnsureCluster(content) => self.ensure_cluster(&step.unit.cluster, content).await,
            Action::Enrol(content) => self.enrol(desired, step, content, events).await,
            Action::Apply(work) => {
                let cluster = self.connected(desired, &step.unit.cluster).await?;
                objects::apply(&self.context(&cluster, step, events).await, work).await
            }
            Action::Make(work) => self.make(desired, step, work, events).await,
            Action::Remove(work) => {
                let cluster = self.connected(desired, &step.unit.cluster).await?;
                objects::remove(&self.context(&cluster, step, events).await, work).await
            }
            Action::Unenrol => self.unenrol(desired, step, events).await,
            Action::Withdraw { delete } => self.withdraw(desired, step, *delete).await,
        }
    }

    async fn lock(&self, topology: &TopologyName) -> Result<(), Failure> {
        {
            let mut lock = self.lock.lock().await;
            if lock.is_none() {
                *lock = Some(Lock::acquire(topology, &self.settings.state_dir)?);
            }
        }
        let hub = ClusterRef::Wanted(self.settings.hub_content.clone());
        let taken = match self.presence(&self.settings.hub, &hub).await? {
            ClusterObserved::Reachable(_) => match self.connect(&self.settings.hub, &hub).await {
                Ok(hub) => self.take_lease(&hub).await,
                Err(failure) => Err(failure),
            },
            ClusterObserved::Absent | ClusterObserved::Stopped | ClusterObserved::Unreachable { .. } => {
                Ok(())
            }
        };
        if taken.is_err() {
            // Whoever is refused holds nothing, the file neither.
            self.release_lock().await;
        }
        taken
    }

    async fn check_lock(&self, step: &StepId) -> Result<(), Failure> {
        if let Ok(hub) = self.known(&self.settings.hub)
            && self.lock.lock().await.as_ref().is_some_and(Lock::wants_lease)
        {
            self.take_lease(&hub).await?;
        }
        match self.held().await {
            Some(held) => held.begin(&step.to_string()).await,
            None => Err(Failure::new(Kind::Locked, "nothing may be written without the topology's lock")),
        }
    }

    async fn release_lock(&self) {
        if let Some(lock) = self.lock.lock().await.take() {
            lock.release().await;
        }
    }
}
