//! Random faults over random topologies: it always ends, and when they are over, so is what they did.

use std::{sync::Arc, time::Duration};

use lgtm_executor::sim::{Fault, Faults, Random, Universe};
use lgtm_planner::object::ObjectKey;
use lgtm_topology::{ClusterName, Topology};
use serde_json::{Value, json};

use crate::{
    scene::{Goal, Ran, add_existing, assert_nothing_to_do, each_seed, run, universe, virtually},
    snapshot::{Snapshot, assert_same, snapshot},
    spec::Spec,
};

/// How many random cases there are without `LGTMCTL_SIM_RUNS`.
const RUNS: u64 = 1_000;

/// What an undisturbed apply to empty clusters comes to.
pub(crate) fn fresh(topology: &Topology) -> Snapshot {
    virtually(async {
        let universe = universe(1, &[topology]);
        let report = run(&universe, topology, Goal::Apply).await.report();
        assert!(report.is_complete(), "{report:#?}");
        snapshot(&universe, topology)
    })
}

fn theirs() -> ObjectKey {
    ObjectKey {
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        namespace: Some("default".to_owned()),
        name: "theirs".to_owned(),
    }
}

/// Puts something of someone else's on every cluster that there is.
pub(crate) fn put_theirs(universe: &Arc<Universe>) {
    universe.by_hand(|clusters, now| {
        for cluster in clusters.values_mut() {
            let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "theirs", "namespace": "default"}, "data": {"of": "others"}});
            drop(cluster.server.create(&object, "others", now));
        }
    });
}

pub(crate) fn look_at_theirs(universe: &Arc<Universe>) -> Vec<(ClusterName, Option<Value>)> {
    universe.by_hand(|clusters, _| {
        clusters.iter().map(|(name, cluster)| (name.clone(), cluster.server.get(&theirs()))).collect()
    })
}

/// Passing faults, and sometimes one of the worse: a death, a lost Lease, an outdated look.
pub(crate) fn draw(random: &mut Random, topology: &Topology) -> Faults {
    let clusters: Vec<ClusterName> = topology.clusters().map(|cluster| cluster.name.clone()).collect();
    let among = 40 + 60 * clusters.len() as u64;
    let count = random.below(14);
    let mut faults = Faults::passing(random, count, among, &clusters);
    let at = 1 + random.below(among);
    match random.below(8) {
        0 => drop(faults.writes.insert(at, Fault::Die)),
        1 => drop(faults.writes.insert(at, Fault::DieAfter)),
        2 => drop(faults.writes.insert(at, Fault::Steal)),
        3 => {
            faults.stale_from.insert(at, random.pick(&clusters).cloned().unwrap());
            faults.writes.insert(at + random.below(30), Fault::DieAfter);
        }
        _ => {}
    }
    faults
}

/// What the next run may need: a stranger's Lease runs out, a cluster that was being read comes to rest.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_secs(60)).await;
}

/// At most two runs come to the end, and a third has nothing to do.
pub(crate) async fn assert_converges(universe: &Arc<Universe>, topology: &Topology) {
    universe.set_faults(Faults::default());
    rest().await;
    let first = run(universe, topology, Goal::Apply).await;
    if !first.is_complete() {
        let second = run(universe, topology, Goal::Apply).await;
        assert!(second.is_complete(), "first: {first:#?}\nsecond: {second:#?}");
    }
    assert_nothing_to_do(universe, topology, universe.seed().is_multiple_of(4)).await;
}

async fn case(seed: u64, topology: &Topology, expected: &Snapshot) {
    let mut random = Random::of(seed, &["faults"]);
    let universe = universe(seed, &[topology]);
    add_existing(&universe, topology);
    put_theirs(&universe);
    let before = look_at_theirs(&universe);
    universe.set_faults(draw(&mut random, topology));
    for _ in 0..=random.below(2) {
        let ran = run(&universe, topology, Goal::Apply).await;
        if let Ran::Done(report) = &ran
            && report.is_complete()
        {
            break;
        }
    }
    assert_converges(&universe, topology).await;
    for (name, theirs) in before {
        assert!(look_at_theirs(&universe).contains(&(name, theirs)), "someone else's object was touched");
    }
    let mut found = snapshot(&universe, topology);
    found.retain(|name, _| !name.ends_with("ConfigMap default/theirs"));
    assert_same("the end", &found, expected);
}

#[test]
fn whatever_goes_wrong_for_a_while_is_over_when_it_is_over() {
    // A few topologies, each for many seeds, since what an undisturbed apply comes to is asked of each.
    let mut random = Random::new(20_261_121);
    let topologies: Vec<Topology> =
        (0..16).map(|number| Spec::random(&mut random, 1 + number % 2).topology()).collect();
    let expected: Vec<Snapshot> = topologies.iter().map(fresh).collect();
    each_seed("faults::", RUNS, |seed| {
        let index = usize::try_from(seed).unwrap() % topologies.len();
        virtually(case(seed, &topologies[index], &expected[index]));
    });
}
