//! No unit is written to before what it needs is ready at its new digest, whatever the scheduler thinks.

use std::collections::BTreeMap;

use lgtm_executor::sim::{Entry, Random};
use lgtm_planner::{
    desired::{Capabilities, desire},
    inventory::State,
    unit::{CLUSTER_UNIT, ENROLMENT_UNIT, UnitId},
};
use lgtm_topology::Topology;

use crate::{
    scene::{Goal, add_existing, each_seed, run, universe, virtually},
    spec::Spec,
};

const RUNS: u64 = 40;

/// The first and the last write of each unit in the log of one run, and how its records went on.
#[derive(Debug, Default)]
struct Writes {
    first: Option<usize>,
    last: Option<usize>,
    records: Vec<State>,
}

fn writes(log: &[Entry]) -> BTreeMap<UnitId, Writes> {
    let mut found: BTreeMap<UnitId, Writes> = BTreeMap::new();
    for (index, entry) in log.iter().enumerate() {
        let Some(step) = entry.step.as_ref().filter(|step| !step.removal) else { continue };
        let writes = found.entry(step.unit.clone()).or_default();
        writes.first.get_or_insert(index);
        writes.last = Some(index);
        writes.records.extend(entry.record.as_ref().map(|(_, state, _)| *state));
    }
    found
}

/// Says how many edges there were to check.
fn check(topology: &Topology, log: &[Entry]) -> usize {
    let desired = desire(topology, &Capabilities::default()).unwrap();
    let writes = writes(log);
    let mut checked = 0;
    for unit in desired.units.values() {
        let Some(first) = writes.get(&unit.id).and_then(|writes| writes.first) else { continue };
        for need in &unit.needs {
            let Some(before) = writes.get(need) else { continue };
            checked += 1;
            let last = before.last.unwrap();
            assert!(last < first, "{} is written to at {first}, and {need} until {last}", unit.id);
            let has_record = ![CLUSTER_UNIT, ENROLMENT_UNIT].contains(&need.name.as_str());
            assert!(
                !has_record || before.records.last() == Some(&State::Applied),
                "{need} was not ready: {before:?}"
            );
        }
    }
    checked
}

#[test]
fn what_is_needed_is_ready_before_what_needs_it_is_written() {
    each_seed("order::", RUNS, |seed| {
        let mut random = Random::of(seed, &["order"]);
        let mut spec = Spec::random(&mut random, 3);
        let first = spec.topology();
        for _ in 0..3 {
            spec.edit(&mut random);
        }
        let second = spec.topology();
        virtually(async {
            let universe = universe(seed, &[&first]);
            let mut checked = 0;
            for topology in [&first, &second] {
                add_existing(&universe, topology);
                let report = run(&universe, topology, Goal::Apply).await.report();
                assert!(report.is_complete(), "{report:#?}");
                checked += check(topology, &universe.take_log());
            }
            assert!(checked > 10, "only {checked} edges were seen");
        });
    });
}

#[test]
fn a_log_in_the_wrong_order_is_noticed() {
    let topology = Spec::random(&mut Random::new(1), 1).topology();
    let result = std::panic::catch_unwind(|| {
        virtually(async {
            let universe = universe(1, &[&topology]);
            assert!(run(&universe, &topology, Goal::Apply).await.is_complete());
            let mut log = universe.take_log();
            log.reverse();
            check(&topology, &log)
        })
    });
    assert!(result.is_err());
}
