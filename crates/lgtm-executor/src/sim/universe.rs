//! What is outside of every process: clusters, the machine, the log of writes, and what goes wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lgtm_planner::{inventory::FleetEntry, object::ObjectKey, plan::StepId, unit::ClusterContent};
use lgtm_topology::{ClusterName, TopologyName};
use serde_json::json;
use tokio::time::Instant;

use super::{
    faults::{Faults, Gate},
    log::Entry,
    records::lease_key,
    server::Server,
};

/// How long things take, in milliseconds, from the least to the most.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// One way of a request.
    pub latency: (u64, u64),
    /// Until a workload is ready, a Job is done, or a Service has an address.
    pub readiness: (u64, u64),
    /// Until a new cluster answers.
    pub cluster: (u64, u64),
    /// Until a deleted namespace is gone.
    pub namespace_end: (u64, u64),
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            latency: (1, 4),
            readiness: (100, 4_000),
            cluster: (2_000, 9_000),
            namespace_end: (1_000, 6_000),
        }
    }
}

/// A cluster, and what its provider knows of it.
#[derive(Clone, Debug)]
pub struct SimCluster {
    /// Its API server.
    pub server: Server,
    /// What it was made as; none for a cluster that was there before.
    pub made_as: Option<ClusterContent>,
    /// Whether its processes do not run.
    pub stopped: bool,
}

/// Everything outside.
#[derive(Debug)]
pub struct Universe {
    pub(super) seed: u64,
    pub(super) pace: Pace,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) clusters: BTreeMap<ClusterName, SimCluster>,
    /// What looks at a cluster show instead of it.
    pub(super) stale: BTreeMap<ClusterName, SimCluster>,
    pub(super) gate: Gate,
    pub(super) log: Vec<Entry>,
    pub(super) serial: u64,
    pub(super) alive: BTreeSet<u64>,
    /// Who holds the lock file of a topology, by machine.
    pub(super) lock_files: BTreeMap<(String, TopologyName), u64>,
    /// Notes on simulated clusters that are about to be made, by machine.
    pub(super) notes: BTreeMap<(String, ClusterName), FleetEntry>,
}

impl State {
    pub(super) fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

impl Universe {
    /// An empty one. Must be made inside a runtime, whose clock it goes by.
    pub fn new(seed: u64, pace: Pace) -> Arc<Self> {
        Arc::new(Self { seed, pace, began: Instant::now(), state: Mutex::new(State::default()) })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it follows from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Milliseconds since 1970, by this universe's clock.
    pub fn millis(&self) -> i64 {
        1_800_000_000_000 + i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// A cluster that someone else made.
    pub fn add_existing(&self, name: &ClusterName) {
        let server = Server::new(name.as_str(), self.seed, self.pace, Instant::now());
        let cluster = SimCluster { server, made_as: None, stopped: false };
        self.state().clusters.entry(name.clone()).or_insert(cluster);
    }

    /// Looks at or changes the clusters past lgtmctl, as other hands do.
    pub fn by_hand<T>(&self, act: impl FnOnce(&mut BTreeMap<ClusterName, SimCluster>, Instant) -> T) -> T {
        let (mut state, now) = (self.state(), Instant::now());
        for cluster in state.clusters.values_mut() {
            cluster.server.tick(now);
        }
        act(&mut state.clusters, now)
    }

    /// Lets these faults happen from now on, in place of others. Writes and reads are counted anew, whoever
    /// was cut off is reached again, and looks show what is there.
    pub fn set_faults(&self, faults: Faults) {
        let since = self.elapsed();
        let mut state = self.state();
        state.gate = Gate { faults, since, ..Gate::default() };
        state.stale.clear();
    }

    /// How many writes and reads there were since the faults were set.
    pub fn counted(&self) -> (u64, u64) {
        let state = self.state();
        (state.gate.writes, state.gate.reads)
    }

    /// How many answers were lost since the faults were set, of requests that had their effect.
    pub fn lost_answers(&self) -> u64 {
        self.state().gate.lost
    }

    /// When a fault took the Lease from its holder, if there was one to take.
    pub fn stolen_at(&self) -> Option<Duration> {
        self.state().gate.stolen
    }

    /// Since when a cluster is cut off.
    pub fn cut_off_since(&self, cluster: &ClusterName) -> Option<Duration> {
        self.state().gate.cut_off.get(cluster).copied()
    }

    /// When a step was begun, the last time that it was.
    pub fn begun_at(&self, step: &StepId) -> Option<Duration> {
        self.state().gate.begun.get(&step.unit.cluster)?.get(step).copied()
    }

    /// The log, which begins anew.
    pub fn take_log(&self) -> Vec<Entry> {
        std::mem::take(&mut self.state().log)
    }

    /// Another takes the Lease of a topology on its hub, however long it would still run.
    pub fn steal(&self, hub: &ClusterName, topology: &TopologyName) {
        let renewed = self.millis();
        self.by_hand(|clusters, now| steal(clusters, hub, &lease_key(topology), renewed, now));
    }

    /// Notes of simulated clusters that were kept on any machine.
    pub fn notes(&self) -> Vec<ClusterName> {
        self.state().notes.keys().map(|(_, cluster)| cluster.clone()).collect()
    }
}

/// Says whether there was a Lease to steal.
pub(super) fn steal(
    clusters: &mut BTreeMap<ClusterName, SimCluster>,
    hub: &ClusterName,
    lease: &ObjectKey,
    renewed: i64,
    now: Instant,
) -> bool {
    let Some(hub) = clusters.get_mut(hub) else { return false };
    let stolen = hub.server.edit(lease, "stranger", now, |lease| {
        if let Some(lease) = lease.as_object_mut() {
            lease.insert("spec".to_owned(), json!({"holderIdentity": "a stranger", "renewTime": renewed}));
        }
    });
    stolen.is_ok()
}
