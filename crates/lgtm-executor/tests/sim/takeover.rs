//! Two machines: whoever has lost the hub is done with writing before another takes the Lease over, also where
//! requests are long on their way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lgtm_executor::sim::{Entry, Fault, Faults, Outage, Pace, Random, Trouble, Universe, Verb};
use lgtm_planner::inventory::SYSTEM_NAMESPACE;
use lgtm_topology::Topology;

use crate::{
    faults::assert_converges,
    lease::{hub, renewed},
    scene::{Goal, MACHINE, Ran, add_existing, each_seed, parse, run, run_on, universe, virtually},
    spec::Spec,
};

const DEADLINE: Duration = Duration::from_secs(10);

/// The hub is cut off from the one machine, and the other clusters get its requests late.
fn cut_off(seed: u64) -> (Arc<Universe>, Topology) {
    let mut random = Random::of(seed, &["takeover"]);
    let mut spec = Spec::random(&mut random, 3);
    while !spec.has_spokes() {
        spec = Spec::random(&mut random, 3);
    }
    let topology = spec.topology();
    let universe = Universe::new(seed, Pace { readiness: (100, 60_000), ..Pace::default() });
    add_existing(&universe, &topology);
    let mut faults = Faults::default();
    let from = Duration::from_millis(15_000 + random.below(40_000));
    let outage = |cluster, from, trouble| Outage {
        cluster,
        from,
        until: from + Duration::from_secs(600),
        trouble,
        only_from: Some(MACHINE.to_owned()),
    };
    let trouble = if random.percent(50) { Trouble::Silent } else { Trouble::Refused };
    faults.outages.push(outage(hub(), from, trouble));
    for spoke in topology.spokes.iter() {
        // What is sent in the last moment arrives as late as a request can that is still waited for.
        let late = Trouble::Late(1_000 + random.below(8_900));
        faults.outages.push(outage(spoke.cluster.name.clone(), from / 2, late));
    }
    universe.set_faults(faults);
    (universe, topology)
}

/// Waits until there is a Lease, and then for it. Returns how that process ended.
async fn apply_when_free(universe: Arc<Universe>, topology: Topology) -> Ran {
    while renewed(&universe, &topology).is_none() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        match run_on(&universe, "another machine", &topology, Goal::Apply).await {
            Ran::Locked(_) => {}
            ran @ (Ran::Done(_) | Ran::Died | Ran::NoPlan(_)) => return ran,
        }
    }
}

fn is_of_the_lease(entry: &&Entry) -> bool {
    entry.key.as_ref().is_some_and(|key| key.kind == "Lease") && entry.verb != Verb::Delete
}

/// What the seeds come across.
#[derive(Debug, Default)]
struct Met {
    /// Times that the Lease was taken over from one who could not give it back.
    taken: AtomicU64,
    /// Writes that were sent in time and arrived after the deadline.
    late: AtomicU64,
}

async fn case(seed: u64, met: &Met) {
    let (universe, topology) = cut_off(seed);
    let other = tokio::spawn(apply_when_free(Arc::clone(&universe), topology.clone()));
    let first = run(&universe, &topology, Goal::Apply).await;
    if renewed(&universe, &topology).is_none() {
        other.abort();
    } else {
        assert!(!matches!(other.await.unwrap(), Ran::Locked(_)));
    }
    let log = universe.take_log();
    let process = log.first().unwrap().process;
    let (own, others): (Vec<&Entry>, Vec<&Entry>) = log.iter().partition(|entry| entry.process == process);
    // A cluster that is being made comes to life all the same; nothing is written to it.
    let written = own.iter().filter(|entry| {
        entry.step.is_some() && !matches!(entry.verb, Verb::MakeCluster | Verb::Note | Verb::DeleteCluster)
    });
    let written: Vec<&&Entry> = written.collect();
    if let Some(taken) = others.iter().copied().find(is_of_the_lease) {
        let last = written.iter().map(|entry| entry.at).max().unwrap();
        assert!(
            last < taken.at,
            "the Lease was another's at {:?}, and there is a write at {last:?}",
            taken.at
        );
        met.taken.fetch_add(u64::from(!first.is_complete()), Ordering::Relaxed);
    }
    let renewals: Vec<&Entry> = own.iter().copied().filter(is_of_the_lease).collect();
    for entry in written {
        let before = renewals.iter().filter(|renewal| renewal.at <= entry.sent).map(|renewal| renewal.sent);
        let Some(renewed) = before.max() else { continue };
        assert!(entry.sent < renewed + DEADLINE, "renewed at {renewed:?}: {entry:#?}");
        met.late.fetch_add(u64::from(entry.at >= renewed + DEADLINE), Ordering::Relaxed);
    }
    assert_converges(&universe, &topology).await;
}

#[test]
fn nothing_lands_once_the_lease_is_anothers() {
    let met = Met::default();
    let ran = each_seed("takeover::nothing_lands", 64, |seed| virtually(case(seed, &met)));
    let (taken, late) = (met.taken.into_inner(), met.late.into_inner());
    assert!(
        ran == 0 || 4 * taken > ran && 4 * late > ran,
        "of {ran}: {taken} taken over, {late} writes late"
    );
}

/// The hub's records are the last to go, and its Lease with them. When the server does not let them go yet, the
/// Lease runs out while that is waited for, and may be another's when it is tried again.
#[test]
fn the_last_removal_asks_for_the_lease_again() {
    const AGAIN: u64 = 40;
    virtually(async {
        let topology = parse(
            "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: last}\nspec:\n  \
             provider: {kwok: {}}\n  hub: {name: hub, provider: {existing: {context: hub}}}\n  spokes: []\n",
        );
        let is_last = |entry: &&Entry| {
            entry.verb == Verb::Delete && entry.key.as_ref().is_some_and(|key| key.name == SYSTEM_NAMESPACE)
        };
        let begin = async || {
            let universe = universe(7, &[&topology]);
            assert!(run(&universe, &topology, Goal::Apply).await.is_complete());
            universe.set_faults(Faults::default());
            universe.take_log();
            universe
        };
        let undisturbed = begin().await;
        assert!(run(&undisturbed, &topology, Goal::Destroy).await.is_complete());
        let log = undisturbed.take_log();
        let after = log.iter().rev().take_while(|entry| !is_last(entry)).count() as u64;
        let at = undisturbed.counted().0 - after;
        let universe = begin().await;
        let begun = universe.elapsed();
        let refused = Fault::Refuse(503, Some(AGAIN));
        universe.set_faults(Faults { writes: [(at, refused)].into(), ..Faults::default() });
        let stranger = {
            let (universe, topology) = (Arc::clone(&universe), topology.clone());
            tokio::spawn(async move {
                while universe.counted().0 < at {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                tokio::time::sleep(Duration::from_secs(AGAIN - 2)).await;
                universe.steal(&hub(), &topology.name);
                universe.elapsed()
            })
        };
        let ran = run(&universe, &topology, Goal::Destroy).await;
        assert!(!ran.is_complete(), "{ran:#?}");
        let stolen = stranger.await.unwrap();
        assert!(stolen > begun + Duration::from_secs(AGAIN - 2));
        let late: Vec<_> = universe.take_log().into_iter().filter(|entry| entry.at >= stolen).collect();
        assert!(late.is_empty(), "{late:#?}");
    });
}
