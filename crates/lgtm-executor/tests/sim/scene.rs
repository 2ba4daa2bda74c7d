//! A universe and the processes that are run in it, one after the other.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lgtm_executor::{
    ApplyOptions, Events, Failure, Prepared, Report, World as _, apply, prepare,
    prepare::PrepareError,
    prepare_destroy,
    sim::{Pace, SimWorld, Universe},
};
use lgtm_planner::{plan::PlanOptions, unit::UnitId};
use lgtm_topology::{Provider, Topology};
use tokio::sync::watch;

pub(crate) use crate::clock::virtually;

/// The machine that most processes run on.
pub(crate) const MACHINE: &str = "machine";

/// Longer than any run takes, faults and all.
const FOREVER: Duration = Duration::from_secs(4 * 3_600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    Apply,
    Destroy,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) enum Ran {
    Done(Report),
    /// The process died.
    Died,
    /// There was no plan.
    NoPlan(PrepareError),
    /// The lock was not to be had.
    Locked(Failure),
}

impl Ran {
    pub(crate) fn report(self) -> Report {
        match self {
            Self::Done(report) => report,
            Self::Died => panic!("the process died"),
            Self::NoPlan(error) => panic!("there is no plan: {error:?}"),
            Self::Locked(failure) => panic!("the lock was not to be had: {failure}"),
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        matches!(self, Self::Done(report) if report.is_complete())
    }
}

/// A universe in which the clusters exist that the topology does not have made.
pub(crate) fn universe(seed: u64, topologies: &[&Topology]) -> Arc<Universe> {
    let universe = Universe::new(seed, Pace::default());
    topologies.iter().for_each(|topology| add_existing(&universe, topology));
    universe
}

/// Adds the clusters that the topology takes for granted.
pub(crate) fn add_existing(universe: &Arc<Universe>, topology: &Topology) {
    for cluster in topology.clusters() {
        if let Provider::Existing { .. } = cluster.provider {
            universe.add_existing(&cluster.name);
        }
    }
}

/// Runs a case for each of so many seeds, on as many threads as there are processors. Says how many there
/// were; none when it was one that is replayed, of which nothing is to be counted.
pub(crate) fn each_seed(test: &str, runs: u64, case: impl Fn(u64) + Sync) -> u64 {
    let variable = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    if let Some(seed) = variable("LGTMCTL_SIM_SEED") {
        case(seed);
        return 0;
    }
    let runs = variable("LGTMCTL_SIM_RUNS").map_or(runs, |wanted| (runs * wanted).div_ceil(1_000));
    let next = std::sync::atomic::AtomicU64::new(0);
    let failed = std::sync::Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= runs || !failed.lock().unwrap().is_empty() {
                        break;
                    }
                    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(seed))).is_err() {
                        failed.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let replay = failed
        .iter()
        .map(|seed| format!("LGTMCTL_SIM_SEED={seed} cargo test -p lgtm-executor --test sim -- {test}"));
    assert!(failed.is_empty(), "failed; replay with\n{}", replay.collect::<Vec<_>>().join("\n"));
    runs
}

/// The user allows whatever is asked.
pub(crate) fn permissive(topology: &Topology) -> PlanOptions {
    let authority = UnitId::new(&topology.hub.cluster.name, "certificate-authority");
    PlanOptions { allow_replace: BTreeSet::from([authority]), delete_data: true, ..PlanOptions::default() }
}

/// One process from its start to its end.
pub(crate) async fn run(universe: &Arc<Universe>, topology: &Topology, goal: Goal) -> Ran {
    run_on(universe, MACHINE, topology, goal).await
}

pub(crate) async fn run_on(universe: &Arc<Universe>, machine: &str, topology: &Topology, goal: Goal) -> Ran {
    let world = Arc::new(SimWorld::new(universe, machine, topology));
    let ran = tokio::select! {
        biased;
        () = world.died() => Ran::Died,
        ran = work(&world, topology, goal) => ran,
        () = tokio::time::sleep(FOREVER) => panic!("a run does not end"),
    };
    world.kill();
    ran
}

async fn work(world: &Arc<SimWorld>, topology: &Topology, goal: Goal) -> Ran {
    if let Err(failure) = world.lock(&topology.name).await {
        return Ran::Locked(failure);
    }
    let options = permissive(topology);
    let prepared = match goal {
        Goal::Apply => prepare(world, topology, options).await,
        Goal::Destroy => prepare_destroy(world, topology, options).await,
    };
    let ran = match prepared {
        Ok(prepared) => Ran::Done(perform(world, prepared).await),
        Err(error) => Ran::NoPlan(error),
    };
    world.release_lock().await;
    ran
}

pub(crate) async fn perform(world: &Arc<SimWorld>, prepared: Prepared) -> Report {
    let (events, _) = Events::channel();
    let (_interrupt, interrupted) = watch::channel(false);
    apply(world, prepared, ApplyOptions::default(), &events, interrupted).await
}

/// The plan that there is now, as text; it takes no lock and changes nothing.
pub(crate) async fn plan(universe: &Arc<Universe>, topology: &Topology, options: PlanOptions) -> Vec<String> {
    let world = Arc::new(SimWorld::new(universe, MACHINE, topology));
    let prepared = prepare(&world, topology, options).await.unwrap_or_else(|error| panic!("{error:?}"));
    let steps = prepared.plan.steps.iter();
    steps.map(|step| format!("{:?} {}: {:?}", step.change, step.id, step.reasons)).collect()
}

/// Nothing is left to do, by digests and fingerprints or by a look at every object, which takes longer.
pub(crate) async fn assert_nothing_to_do(universe: &Arc<Universe>, topology: &Topology, thoroughly: bool) {
    for refresh_full in [false, true].into_iter().take(1 + usize::from(thoroughly)) {
        let options = PlanOptions { refresh_full, ..permissive(topology) };
        assert_eq!(plan(universe, topology, options).await, [""; 0]);
    }
}

pub(crate) fn parse(text: &str) -> Topology {
    let parsed = lgtm_topology::parse("topology.yaml", text);
    parsed.topology.unwrap_or_else(|| panic!("{:?}\n{text}", parsed.diagnostics))
}
