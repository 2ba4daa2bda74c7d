//! Walks through revisions of a topology, with faults in between: they end where the last revision says.

use std::collections::BTreeSet;

use lgtm_executor::sim::Random;

use crate::{
    faults::{assert_converges, draw, fresh, rest},
    scene::{Goal, add_existing, each_seed, run, universe, virtually},
    snapshot::{Snapshot, assert_same, snapshot},
    spec::Spec,
};

const RUNS: u64 = 48;

/// A release that moves to another namespace leaves its claims, and with them the namespace. How often it did so is
/// history. Nothing else is left there.
fn without_left_data(mut found: Snapshot, expected: &Snapshot) -> Snapshot {
    let left = found.keys().filter(|key| !expected.contains_key(*key));
    let namespaces: BTreeSet<String> = left
        .filter_map(|key| {
            let (cluster, claim) = key.split_once(": PersistentVolumeClaim ")?;
            Some(format!("{cluster}: Namespace {}", claim.split_once('/')?.0))
        })
        .collect();
    found.retain(|key, _| {
        expected.contains_key(key) || !(namespaces.contains(key) || key.contains(": PersistentVolumeClaim "))
    });
    found
}

#[test]
fn a_walk_ends_where_its_last_revision_says() {
    each_seed("walks::", RUNS, |seed| {
        let mut random = Random::of(seed, &["walk"]);
        let mut spec = Spec::random(&mut random, 3);
        let mut topology = spec.topology();
        let found = virtually(async {
            let universe = universe(seed, &[&topology]);
            for _ in 0..2 + random.below(4) {
                add_existing(&universe, &topology);
                let mut faults = draw(&mut random, &topology);
                // A look that is outdated by a whole revision is what an API server rules out.
                faults.stale_from.clear();
                universe.set_faults(faults);
                drop(run(&universe, &topology, Goal::Apply).await);
                if random.percent(50) {
                    rest().await;
                    drop(run(&universe, &topology, Goal::Apply).await);
                }
                for _ in 0..=random.below(3) {
                    spec.edit(&mut random);
                }
                topology = spec.topology();
            }
            add_existing(&universe, &topology);
            assert_converges(&universe, &topology).await;
            snapshot(&universe, &topology)
        });
        let expected = fresh(&topology);
        assert_same("the end", &without_left_data(found, &expected), &expected);
    });
}
