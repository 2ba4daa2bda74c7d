//! The executor's port, on a universe in memory: one process and what it does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use lgtm_planner::{
    desired::Desired,
    inventory::{Connection, FleetEntry},
    observed::{ClusterObserved, ClusterState, Examined},
    plan::{Action, Rendered, StepId},
    unit::{ClusterContent, UnitId},
};
use lgtm_topology::{ClusterName, Provider, Topology, TopologyName};
use tokio::{sync::watch, time::Instant};

use super::{
    api::{Api, Process},
    lease::Lock,
    look, material, membership,
    membership::done,
    objects::{self, Context},
    prune, records,
    render::render,
    seed::Random,
    universe::Universe,
};
use crate::{
    event::Events,
    world::{ClusterRef, Done, Examination, Failure, Kind, Outcome, RenderRequest, World, seen},
};

/// A process of lgtmctl that works on one topology.
#[derive(Debug)]
pub struct SimWorld {
    pub(super) process: Arc<Process>,
    lock: tokio::sync::Mutex<Option<Lock>>,
    /// The same lock, for those who cannot wait.
    held: Mutex<Option<Lock>>,
    connected: Mutex<BTreeSet<ClusterName>>,
    silent_hub: Mutex<Option<String>>,
}

impl SimWorld {
    /// Starts a process on a machine.
    pub fn new(universe: &Arc<Universe>, machine: &str, topology: &Topology) -> Self {
        let number = {
            let mut state = universe.state();
            let number = state.serial();
            state.alive.insert(number);
            number
        };
        let hub = &topology.hub.cluster;
        let process = Process {
            universe: Arc::clone(universe),
            machine: machine.to_owned(),
            number,
            topology: topology.name.clone(),
            hub: hub.name.clone(),
            hub_content: ClusterContent {
                provider: hub.provider.clone(),
                workers: hub.workers,
                pod_cidr: hub.pod_cidr,
                service_cidr: hub.service_cidr,
                segment: hub.segment,
            },
            died: watch::channel(false).0,
            random: Mutex::new(Random::of(universe.seed, &["process", &number.to_string()])),
        };
        Self {
            process: Arc::new(process),
            lock: tokio::sync::Mutex::new(None),
            held: Mutex::new(None),
            connected: Mutex::new(BTreeSet::new()),
            silent_hub: Mutex::new(None),
        }
    }

    /// The process's number, as the log has it.
    pub fn number(&self) -> u64 {
        self.process.number
    }

    /// Returns when a fault has killed the process. Whoever runs it drops it then.
    pub async fn died(&self) {
        let mut died = self.process.died.subscribe();
        // The sender lives as long as the process.
        drop(died.wait_for(|died| *died).await);
    }

    /// Ends the process as a kill does: nothing is given back.
    pub fn kill(&self) {
        let mut state = self.process.universe.state();
        state.alive.remove(&self.process.number);
        state.lock_files.retain(|_, holder| *holder != self.process.number);
    }

    pub(super) fn held(&self) -> Option<Lock> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn forget_lease(&self) {
        if let Some(lock) = self.held() {
            lock.forget_lease();
        }
    }

    fn api(&self, cluster: &ClusterName, step: Option<&StepId>) -> Api {
        Api {
            process: Arc::clone(&self.process),
            cluster: cluster.clone(),
            step: step.cloned(),
            stale: false,
        }
    }

    fn connect(&self, cluster: &ClusterName, step: Option<&StepId>) -> Api {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster.clone());
        self.api(cluster, step)
    }

    /// The connection to a cluster that was connected to before.
    fn known(&self, cluster: &ClusterName, step: Option<&StepId>) -> Result<Api, Failure> {
        if self.connected.lock().unwrap_or_else(PoisonError::into_inner).contains(cluster) {
            return Ok(self.api(cluster, step));
        }
        Err(Failure::new(Kind::Unreachable, format!("cluster {cluster} was not reached yet")))
    }

    pub(super) fn connected(
        &self,
        desired: &Desired,
        cluster: &ClusterName,
        step: Option<&StepId>,
    ) -> Result<Api, Failure> {
        match desired.cluster(cluster) {
            Some(_) => Ok(self.connect(cluster, step)),
            None => self.known(cluster, step),
        }
    }

    /// Whether there is such a cluster, as far as its provider knows.
    fn presence(&self, cluster: &ClusterName, how: &ClusterRef) -> ClusterObserved {
        let simulated = match how {
            ClusterRef::Wanted(content) => content.provider == Provider::Kwok,
            ClusterRef::Recorded(entry) => matches!(entry.connection, Connection::Kwok { .. }),
        };
        let state = self.process.universe.state();
        match state.clusters.get(cluster) {
            _ if !simulated => ClusterObserved::Reachable(Box::default()),
            None => ClusterObserved::Absent,
            Some(cluster) if cluster.stopped => ClusterObserved::Stopped,
            Some(_) => ClusterObserved::Reachable(Box::default()),
        }
    }

    fn is_settled(&self, cluster: &ClusterName, how: &ClusterRef) -> bool {
        let ClusterRef::Wanted(content) = how else { return true };
        let state = self.process.universe.state();
        let made_as = state.clusters.get(cluster).and_then(|cluster| cluster.made_as.as_ref());
        content.provider != Provider::Kwok || made_as.is_some_and(|made| made.workers == content.workers)
    }

    pub(super) async fn take_lease(&self, hub: Api) -> Result<(), Failure> {
        let lock = self.lock.lock().await;
        let Some(lock) = lock.as_ref().filter(|lock| lock.wants_lease()) else { return Ok(()) };
        let enrolled = hub.live(&membership::system_namespace()).await;
        match enrolled.map_err(|refusal| hub.failure("looking for the lock", refusal))? {
            Some(namespace) if namespace.deleting.is_none() => lock.take_lease(hub).await,
            Some(_) | None => Ok(()),
        }
    }

    async fn ensure_cluster(&self, context: &Context, content: &ClusterContent) -> Result<Done, Failure> {
        let begun = Instant::now();
        let name = &context.step.unit.cluster;
        if content.provider != Provider::Kwok {
            let api = self.connect(name, Some(&context.step));
            api.read(|_| ()).await.map_err(|refusal| api.failure("reaching the API server", refusal))?;
            return Ok(done(Outcome::Unchanged, begun));
        }
        let outcome = membership::make_cluster(&self.process, context, content).await?;
        Ok(done(outcome, begun))
    }
}

impl Drop for SimWorld {
    fn drop(&mut self) {
        if let Some(lock) = self.held() {
            lock.abandon();
        }
        self.kill();
    }
}

impl World for SimWorld {
    fn now(&self) -> i64 {
        self.process.universe.millis() / 1_000
    }

    async fn fleet(
        &self,
        topology: &TopologyName,
        hub: &ClusterName,
        content: &ClusterRef,
    ) -> Result<BTreeMap<ClusterName, FleetEntry>, Failure> {
        let mut fleet = BTreeMap::new();
        if let ClusterObserved::Reachable(_) = self.presence(hub, content) {
            let api = Api { stale: true, ..self.connect(hub, None) };
            match api.read(|server| records::fleet(server, topology)).await {
                Ok(found) => fleet = found?,
                Err(refusal) => {
                    let failure = api.failure("reading lgtmctl's records", refusal);
                    if failure.kind != Kind::Unreachable {
                        return Err(failure);
                    }
                    *self.silent_hub.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.message);
                }
            }
        }
        let state = self.process.universe.state();
        for ((machine, cluster), entry) in &state.notes {
            if machine == &self.process.machine && &entry.topology == topology {
                fleet.entry(cluster.clone()).or_insert_with(|| entry.clone());
            }
        }
        Ok(fleet)
    }

    async fn survey(
        &self,
        topology: &TopologyName,
        cluster: &ClusterName,
        how: &ClusterRef,
    ) -> Result<ClusterObserved, Failure> {
        match self.presence(cluster, how) {
            ClusterObserved::Reachable(_) => {}
            absent @ (ClusterObserved::Absent
            | ClusterObserved::Stopped
            | ClusterObserved::Unreachable { .. }) => return Ok(absent),
        }
        if cluster == &self.process.hub {
            let silent = self.silent_hub.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(reason) = silent {
                return Ok(ClusterObserved::Unreachable { reason });
            }
        }
        let api = Api { stale: true, ..self.connect(cluster, None) };
        seen(look::survey(&api, topology).await)
    }

    async fn inspect(
        &self,
        topology: &TopologyName,
        cluster: &ClusterName,
        how: &ClusterRef,
        mut state: Box<ClusterState>,
    ) -> Result<ClusterObserved, Failure> {
        let api = Api { stale: true, ..self.connect(cluster, None) };
        state.settled = self.is_settled(cluster, how);
        seen(look::inspect(&api, topology, state).await)
    }

    async fn render(&self, request: RenderRequest) -> Result<Rendered, Failure> {
        render(&request)
    }

    async fn examine(
        &self,
        topology: &TopologyName,
        unit: &UnitId,
        examination: Examination,
    ) -> Result<Examined, Failure> {
        let api = self.known(&unit.cluster, None)?;
        match examination {
            Examination::Objects(objects) => look::examine(&api, topology, &objects).await,
            Examination::Material(wanted) => material::examine(&api, topology, unit, &wanted).await,
        }
    }

    async fn perform(
        &self,
        desired: &Desired,
        step: &StepId,
        action: &Action,
        events: &Events,
    ) -> Result<Done, Failure> {
        let cluster = &step.unit.cluster;
        let now = self.process.universe.elapsed();
        self.process.universe.state().gate.begin(step, now);
        let api = match action {
            Action::EnsureCluster(_) | Action::Withdraw { .. } => self.api(cluster, Some(step)),
            Action::Enrol(_) | Action::Apply(_) | Action::Make(_) | Action::Remove(_) | Action::Unenrol => {
                self.connected(desired, cluster, Some(step))?
            }
        };
        let context = Context {
            api,
            topology: self.process.topology.clone(),
            step: step.clone(),
            events: events.clone(),
            now: self.now(),
            lock: self.held(),
        };
        match action {
            Action::EnsureCluster(content) => self.ensure_cluster(&context, content).await,
            Action::Enrol(content) => self.enrol(desired, &context, content).await,
            Action::Apply(work) => objects::apply(&context, work).await,
            Action::Make(work) => {
                let authority = match &work.authority {
                    Some((name, _)) => Some(self.connected(desired, name, Some(step))?),
                    None => None,
                };
                let hub = self.connected(desired, &desired.hub, Some(step))?;
                membership::ensure_digest_key(&Context { api: hub, ..context.again() }).await?;
                material::make(&context, authority.as_ref(), work).await
            }
            Action::Remove(work) => prune::remove(&context, work).await,
            Action::Unenrol => self.unenrol(desired, &context).await,
            Action::Withdraw { delete } => self.withdraw(desired, &context, *delete).await,
        }
    }

    async fn lock(&self, _: &TopologyName) -> Result<(), Failure> {
        {
            let mut lock = self.lock.lock().await;
            if lock.is_none() {
                *lock = Some(Lock::acquire(&self.process)?);
                (*self.held.lock().unwrap_or_else(PoisonError::into_inner)).clone_from(&lock);
            }
        }
        let how = ClusterRef::Wanted(self.process.hub_content.clone());
        let hub = &self.process.hub;
        let taken = match self.presence(hub, &how) {
            ClusterObserved::Reachable(_) => self.take_lease(self.connect(hub, None)).await,
            ClusterObserved::Absent | ClusterObserved::Stopped | ClusterObserved::Unreachable { .. } => {
                Ok(())
            }
        };
        if taken.is_err() {
            self.release_lock().await;
        }
        taken
    }

    async fn check_lock(&self, _: &StepId) -> Result<(), Failure> {
        if let Ok(hub) = self.known(&self.process.hub, None) {
            self.take_lease(hub).await?;
        }
        match self.held() {
            Some(lock) => lock.check().await,
            None => Err(Failure::new(Kind::Locked, "nothing may be written without the topology's lock")),
        }
    }

    async fn release_lock(&self) {
        let lock = self.lock.lock().await.take();
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(lock) = lock {
            lock.release().await;
        }
    }
}
