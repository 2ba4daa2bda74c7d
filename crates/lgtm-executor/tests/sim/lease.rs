//! The Lease: whoever has lost it writes nothing more, to no cluster.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lgtm_executor::{
    Kind,
    sim::{Fault, Faults, Outage, Pace, Random, Trouble, Universe, Verb},
};
use lgtm_planner::{inventory::SYSTEM_NAMESPACE, object::ObjectKey};
use lgtm_topology::{ClusterName, Topology};
use serde_json::Value;

use crate::{
    faults::assert_converges,
    scene::{Goal, Ran, add_existing, each_seed, run, universe, virtually},
    spec::Spec,
};

const RUNS: u64 = 56;

pub(crate) fn hub() -> ClusterName {
    ClusterName::new("hub")
}

/// Milliseconds since 1970 at which the Lease was last renewed, while it is not a stranger's.
pub(crate) fn renewed(universe: &Arc<Universe>, topology: &Topology) -> Option<i64> {
    let key = ObjectKey {
        group: "coordination.k8s.io".to_owned(),
        kind: "Lease".to_owned(),
        namespace: Some(SYSTEM_NAMESPACE.to_owned()),
        name: topology.name.to_string(),
    };
    let lease = universe.by_hand(|clusters, _| clusters.get(&hub())?.server.get(&key))?;
    let holder = lease["spec"]["holderIdentity"].as_str()?;
    lease["spec"]["renewTime"].as_i64().filter(|_| holder != "a stranger").map(Value::from)?.as_i64()
}

/// Takes the Lease in the very moment in which it has run out. Returns when that was.
async fn take_when_it_runs_out(universe: &Arc<Universe>, topology: &Topology) -> Duration {
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if renewed(universe, topology).is_some_and(|renewed| universe.millis() > renewed + 15_000) {
            universe.steal(&hub(), &topology.name);
            return universe.elapsed();
        }
    }
}

/// A hub that falls silent for a while, or answers so slowly that renewals come too late.
fn silent_hub(seed: u64) -> (Arc<Universe>, Topology) {
    let mut random = Random::of(seed, &["lease"]);
    let topology = Spec::random(&mut random, 3).topology();
    // Steps that wait for long are the ones that may outlive a Lease.
    let universe = Universe::new(seed, Pace { readiness: (100, 60_000), ..Pace::default() });
    add_existing(&universe, &topology);
    let from = Duration::from_millis(random.below(40_000));
    let until = from + Duration::from_secs(12 + random.below(40));
    let trouble = if random.percent(50) { Trouble::Silent } else { Trouble::Refused };
    let mut faults = Faults::default();
    faults.outages.push(Outage { cluster: hub(), from, until, trouble, only_from: None });
    let trouble = Trouble::Slow(2_000 + random.below(7_900));
    let before = from.saturating_sub(Duration::from_millis(random.below(12_000)));
    faults.outages.push(Outage { cluster: hub(), from: before, until: from, trouble, only_from: None });
    universe.set_faults(faults);
    (universe, topology)
}

/// Says whether the Lease was taken.
async fn runs_out(seed: u64) -> bool {
    let (universe, topology) = silent_hub(seed);
    let stranger = {
        let (universe, topology) = (Arc::clone(&universe), topology.clone());
        tokio::spawn(async move { take_when_it_runs_out(&universe, &topology).await })
    };
    drop(run(&universe, &topology, Goal::Apply).await);
    let taken = if stranger.is_finished() { Some(stranger.await.unwrap()) } else { None };
    let is_taken = taken.is_some();
    if let Some(taken) = taken {
        let late: Vec<_> = universe.take_log().into_iter().filter(|entry| entry.at > taken).collect();
        assert!(late.is_empty(), "the Lease was another's since {taken:?}: {late:#?}");
    }
    assert_converges(&universe, &topology).await;
    is_taken
}

#[test]
fn a_lease_that_ran_out_stops_every_write() {
    let taken = AtomicU64::new(0);
    let ran = each_seed("lease::a_lease_that", RUNS, |seed| {
        taken.fetch_add(u64::from(virtually(runs_out(seed))), Ordering::Relaxed);
    });
    let taken = taken.into_inner();
    assert!(ran == 0 || 4 * taken > ran, "of {ran} times it was taken only {taken} times");
}

/// A hub that answers again finds the Lease as it was, and whoever held it goes on.
#[test]
fn a_silent_hub_costs_nobody_the_lease() {
    let (whole, cut) = (AtomicU64::new(0), AtomicU64::new(0));
    let ran = each_seed("lease::a_silent_hub", RUNS, |seed| {
        virtually(async {
            let (universe, topology) = silent_hub(seed);
            let Ran::Done(report) = run(&universe, &topology, Goal::Apply).await else { return };
            if report.is_complete() {
                whole.fetch_add(1, Ordering::Relaxed);
            } else {
                cut.fetch_add(1, Ordering::Relaxed);
                let kinds: Vec<Kind> = report.failed.values().map(|failure| failure.kind).collect();
                assert!(!kinds.contains(&Kind::Locked), "{report:#?}");
                assert!(report.unreachable.contains_key(&hub()), "{report:#?}");
                // Steps do not wait for the hub one after the other.
                assert!(universe.elapsed() < Duration::from_secs(300), "{:?}", universe.elapsed());
            }
            assert_converges(&universe, &topology).await;
        });
    });
    let (whole, cut) = (whole.into_inner(), cut.into_inner());
    assert!(ran == 0 || 8 * whole > ran && 8 * cut > ran, "of {ran}, {whole} got through and {cut} did not");
}

/// A Lease that is taken by force, as after `unlock`, is noticed at the next renewal. That is after six
/// seconds at the latest: the clock renews every four, unless a step did so in the two before.
#[test]
fn a_stolen_lease_is_noticed_within_a_renewal() {
    const RENEWAL: Duration = Duration::from_millis(6_100);
    let noticed = AtomicU64::new(0);
    let ran = each_seed("lease::a_stolen", 40, |seed| {
        virtually(async {
            let mut random = Random::of(seed, &["theft"]);
            let topology = Spec::random(&mut random, 3).topology();
            let universe = universe(seed, &[&topology]);
            let at = 20 + random.below(60);
            universe.set_faults(Faults { writes: [(at, Fault::Steal)].into(), ..Faults::default() });
            let ran = run(&universe, &topology, Goal::Apply).await;
            let log = universe.take_log();
            let Ran::Done(report) = ran else { panic!("{ran:?}") };
            // It may have been over by then, or there was no Lease to steal yet.
            let Some(stolen) = universe.stolen_at() else { return };
            // A cluster that is being made comes to life all the same; nothing is written to it.
            let of_a_cluster = |verb| !matches!(verb, Verb::MakeCluster | Verb::Note);
            let last = log.iter().rfind(|entry| of_a_cluster(entry.verb));
            let last = last.unwrap();
            assert!(last.at <= stolen + RENEWAL, "stolen at {stolen:?}: {last:#?}");
            // What is left to do may be done before anyone could notice.
            if !report.is_complete() {
                let kinds: Vec<Kind> = report.failed.values().map(|failure| failure.kind).collect();
                assert!(kinds.contains(&Kind::Locked), "{report:#?}");
                noticed.fetch_add(1, Ordering::Relaxed);
            }
        });
    });
    let noticed = noticed.into_inner();
    assert!(ran == 0 || 4 * noticed > ran, "of {ran} times it was noticed only {noticed} times");
}
