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
    world::{ClusterRef, Examination, LockHolder, RenderRequest},
};
use lgtm_planner::{
    desired::Desired,
    fact::UnitFacts,
    inventory::{Connection, FleetEntry, SYSTEM_NAMESPACE},
    object::Object,
    observed::{ClusterObserved, Examined},
    plan::{Action, MakeMaterial, Rendered, StepId},
    unit::{ClusterContent, UnitId},
};
use lgtm_topology::{ClusterName, Provider, TopologyName};
use serde_json::json;
use tokio::{sync::watch, time::Instant};

use crate::{
    cluster::{Cluster, Mode, REQUEST_TIMEOUT, answer::ApiError, environment, examine, ready},
    connection, digest_key,
    lock::{self, Lock},
    material,
    objects::{self, Context, took},
    observe,
    providers::kwok::{Ensured, Kwok, KwokSpec, State},
    records, rehearsal,
    render::Renderer,
    tools::Tools,
};

mod clusters;

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
}

impl ClusterWorld {
    /// A world. Nothing is read or started yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            renderer: Renderer::new(
                settings.tools.clone(),
                settings.base_dir.clone(),
                settings.cache_dir.clone(),
            ),
            kwok: Kwok::new(settings.tools.clone(), settings.state_dir.join("kwok")),
            clusters: Mutex::new(BTreeMap::new()),
            players: Mutex::new(BTreeMap::new()),
            lock: tokio::sync::Mutex::new(None),
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

    fn context<'a>(&'a self, cluster: &'a Cluster, step: &'a StepId, events: &'a Events) -> Context<'a> {
        Context { cluster, topology: &self.settings.topology, step, events, now: self.now() }
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
        let key = digest_key::ensure(&hub).await?;
        material::make(&self.context(&cluster, step, events), authority.as_deref(), work, &key).await
    }

    /// Enters a cluster in the fleet record, then makes the namespace of the records on it.
    async fn enrol(
        &self,
        desired: &Desired,
        step: &StepId,
        content: &ClusterContent,
        events: &Events,
    ) -> Result<Done, Failure> {
        let begun = Instant::now();
        let name = &step.unit.cluster;
        let cluster = self.connected(desired, name).await?;
        let hub = self.connected(desired, &desired.hub).await?;
        let failed = |error: ApiError| cluster.failure("entering the cluster in the fleet record", error);
        let identity = cluster.read("/api/v1/namespaces/kube-system").await.map_err(failed)?;
        let uid = identity.as_ref().and_then(|identity| identity.pointer("/metadata/uid")?.as_str());
        let entry = FleetEntry {
            topology: self.settings.topology.clone(),
            hub: desired.hub.clone(),
            cluster: name.clone(),
            connection: self.connection(name, &content.provider),
            uid: uid.unwrap_or_default().to_owned(),
            made: self.is_simulated(&content.provider),
        };
        if name == &desired.hub {
            // The record of the hub is on the hub itself, so its namespace has to come first.
            ensure_system_namespace(&self.context(&cluster, step, events)).await?;
            records::write_fleet_entry(&hub, &entry).await?;
            digest_key::ensure(&hub).await?;
            self.take_lease(&hub).await?;
        } else {
            records::write_fleet_entry(&hub, &entry).await?;
            ensure_system_namespace(&self.context(&cluster, step, events)).await?;
        }
        records::write_membership(&cluster, &entry).await?;
        Ok(done(Outcome::Created, begun))
    }

    /// Deletes the namespace of the records, unless another topology has records there.
    async fn unenrol(&self, desired: &Desired, step: &StepId, events: &Events) -> Result<Done, Failure> {
        let begun = Instant::now();
        let cluster = self.connected(desired, &step.unit.cluster).await?;
        let is_hub = step.unit.cluster == desired.hub;
        let topology = &self.settings.topology;
        let failed = |error: ApiError| cluster.failure("removing lgtmctl's records", error);
        let mut remarks = Vec::new();
        // The topology's own last records go with the namespace: as long as it is there, so is what says
        // that it is still to be removed.
        if records::any_of_others(&cluster, topology).await.map_err(failed)? {
            records::delete_membership(&cluster, topology).await?;
            if is_hub {
                records::delete_fleet_entry(&cluster, topology, &step.unit.cluster).await?;
            }
            remarks.push(format!("namespace {SYSTEM_NAMESPACE} is kept: another topology has records in it"));
        } else {
            if is_hub && let Some(lock) = self.lock.lock().await.as_ref() {
                lock.forget_lease();
            }
            let path = observe::system_namespace_path();
            match cluster.write(http::Method::DELETE, &path, &json!({})).await {
                Ok(_) => {}
                Err(error) if error.code() == Some(404) => {}
                Err(error) => return Err(failed(error)),
            }
            // An apply that follows at once could not write its records into a namespace that still goes.
            objects::until_namespace_is_gone(&self.context(&cluster, step, events), SYSTEM_NAMESPACE).await?;
        }
        Ok(Done { remarks, ..done(Outcome::Removed, begun) })
    }

    /// Deletes a cluster that lgtmctl made, and its fleet entry last.
    async fn withdraw(&self, desired: &Desired, step: &StepId, delete: bool) -> Result<Done, Failure> {
        let begun = Instant::now();
        let name = &step.unit.cluster;
        let is_hub = name == &desired.hub;
        if delete {
            if is_hub && let Some(lock) = self.lock.lock().await.as_ref() {
                lock.forget_lease();
            }
            self.stop_playing(name);
            self.delete_cluster(name).await?;
        }
        if !is_hub {
            let hub = self.connected(desired, &desired.hub).await?;
            records::delete_fleet_entry(&hub, &self.settings.topology, name).await?;
        }
        Ok(done(Outcome::Removed, begun))
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

/// The namespace is shared by all topologies of a cluster, so it bears no topology's label.
async fn ensure_system_namespace(context: &Context<'_>) -> Result<(), Failure> {
    let cluster = context.cluster;
    let failed = |error| cluster.failure("making the namespace of lgtmctl's records", error);
    let namespace = Object::new(json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": SYSTEM_NAMESPACE, "labels": {"app.kubernetes.io/managed-by": "lgtmctl"}},
    }));
    let Ok(namespace) = namespace else { return Ok(()) };
    let mode = Mode { dry_run: false, force: true };
    let applied = cluster.apply(&namespace, mode).await.map_err(failed)?;
    if applied.pointer("/metadata/deletionTimestamp").is_some() {
        // A removal that was cut short has deleted it, and what is written into it goes with it.
        objects::until_namespace_is_gone(context, SYSTEM_NAMESPACE).await?;
        cluster.apply(&namespace, mode).await.map_err(failed)?;
    }
    Ok(())
}

impl World for ClusterWorld {
    fn now(&self) -> i64 {
        time::OffsetDateTime::now_utc().unix_timestamp()
    }

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
                    Err(failure) if failure.kind == Kind::Unreachable => BTreeMap::new(),
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

    async fn observe(
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
        let connected = match self.connect(cluster, how).await {
            Ok(connected) => connected,
            Err(failure) => return Ok(ClusterObserved::Unreachable { reason: failure.message }),
        };
        // A server that takes connections and never answers must not hold up the others.
        let read = tokio::time::timeout(REQUEST_TIMEOUT * 2, observe::observe(&connected, topology)).await;
        match read {
            Ok(Ok(mut state)) => {
                state.settled = self.is_settled(&connected, how).await?;
                Ok(ClusterObserved::Reachable(Box::new(state)))
            }
            Ok(Err(failure)) if failure.kind == Kind::Unreachable => {
                Ok(ClusterObserved::Unreachable { reason: failure.message })
            }
            Ok(Err(failure)) => Err(failure),
            Err(_) => Ok(ClusterObserved::Unreachable { reason: "it answers too slowly".to_owned() }),
        }
    }

    async fn render(&self, request: RenderRequest) -> Result<Rendered, Failure> {
        self.renderer.render(request).await
    }

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
                objects::apply(&self.context(&cluster, step, events), work).await
            }
            Action::Make(work) => self.make(desired, step, work, events).await,
            Action::Remove(work) => {
                let cluster = self.connected(desired, &step.unit.cluster).await?;
                objects::remove(&self.context(&cluster, step, events), work).await
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
        match self.lock.lock().await.as_ref() {
            Some(lock) => lock.check(&step.to_string()).await,
            None => Err(Failure::new(Kind::Locked, "nothing may be written without the topology's lock")),
        }
    }

    async fn release_lock(&self) {
        if let Some(lock) = self.lock.lock().await.take() {
            lock.release().await;
        }
    }
}
