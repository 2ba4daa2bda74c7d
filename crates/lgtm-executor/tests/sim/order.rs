//! No unit is written to before what it needs is ready at its new digest, whatever the scheduler thinks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
};

use lgtm_executor::sim::{Entry, Random};
use lgtm_planner::{
    desired::{Capabilities, desire},
    digest::Digest,
    inventory::State,
    unit::{CLUSTER_UNIT, ENROLMENT_UNIT, UnitId},
};
use lgtm_topology::{ClusterName, Topology};

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
    records: Vec<(State, Digest)>,
}

impl Writes {
    /// Whether the last that was recorded is that what was intended last has been applied.
    fn is_ready(&self) -> bool {
        let of = |state| self.records.iter().rfind(|(found, _)| *found == state).map(|(_, digest)| digest);
        self.records.last().is_some_and(|(state, _)| *state == State::Applied)
            && of(State::Applied) == of(State::Intended)
    }
}

fn writes(log: &[Entry]) -> BTreeMap<UnitId, Writes> {
    let mut found: BTreeMap<UnitId, Writes> = BTreeMap::new();
    for (index, entry) in log.iter().enumerate() {
        let Some(step) = entry.step.as_ref().filter(|step| !step.removal) else { continue };
        let writes = found.entry(step.unit.clone()).or_default();
        writes.first.get_or_insert(index);
        writes.last = Some(index);
        writes.records.extend(entry.record.as_ref().map(|(_, state, digest)| (*state, digest.clone())));
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
            assert!(!has_record || before.is_ready(), "{need} was not ready: {before:?}");
        }
    }
    checked
}

/// A removal writes nothing before the last write of what stays on its cluster; where the whole cluster goes,
/// on the hub. Says how many removals there were to check.
fn check_removals(topology: &Topology, log: &[Entry]) -> usize {
    let mut last: BTreeMap<&ClusterName, usize> = BTreeMap::new();
    for (index, entry) in log.iter().enumerate() {
        if let Some(step) = entry.step.as_ref().filter(|step| !step.removal) {
            last.insert(&step.unit.cluster, index);
        }
    }
    let mut checked = BTreeSet::new();
    for (index, entry) in log.iter().enumerate() {
        let Some(step) = entry.step.as_ref().filter(|step| step.removal) else { continue };
        let stays = topology.clusters().any(|cluster| cluster.name == step.unit.cluster);
        let cluster = if stays { &step.unit.cluster } else { &topology.hub.cluster.name };
        if let Some(last) = last.get(cluster) {
            assert!(*last < index, "{step} writes at {index}, and {cluster} is written to until {last}");
            checked.insert(step);
        }
    }
    checked.len()
}

#[test]
fn what_is_needed_is_ready_before_what_needs_it_is_written() {
    let (edges, removals) = (AtomicU64::new(0), AtomicU64::new(0));
    let ran = each_seed("order::what_is_needed", RUNS, |seed| {
        let mut random = Random::of(seed, &["order"]);
        let mut spec = Spec::random(&mut random, 3);
        let first = spec.topology();
        for _ in 0..3 {
            spec.edit(&mut random);
        }
        let second = spec.topology();
        virtually(async {
            let universe = universe(seed, &[&first]);
            let mut checked = [0, 0];
            for (checked, topology) in checked.iter_mut().zip([&first, &second]) {
                add_existing(&universe, topology);
                let report = run(&universe, topology, Goal::Apply).await.report();
                assert!(report.is_complete(), "{report:#?}");
                let log = universe.take_log();
                *checked = check(topology, &log);
                removals.fetch_add(check_removals(topology, &log) as u64, Ordering::Relaxed);
            }
            assert!(checked[0] > 10, "only {} edges were seen", checked[0]);
            edges.fetch_add(checked[1] as u64, Ordering::Relaxed);
        });
    });
    let (edges, removals) = (edges.into_inner(), removals.into_inner());
    assert!(edges >= 5 * ran, "{ran} updates have only {edges} edges");
    assert!(2 * removals >= ran, "{ran} updates have only {removals} removals");
}

/// What is said of a log in which something is wrong.
fn complaint(check: impl FnOnce() -> usize + std::panic::UnwindSafe) -> String {
    std::panic::catch_unwind(check).unwrap_err().downcast_ref::<String>().unwrap().clone()
}

#[test]
fn a_log_in_the_wrong_order_is_noticed() {
    let topology = Spec::random(&mut Random::new(1), 1).topology();
    let log = virtually(async {
        let universe = universe(1, &[&topology]);
        assert!(run(&universe, &topology, Goal::Apply).await.is_complete());
        universe.take_log()
    });
    assert!(check(&topology, &log) > 10);
    let mut reversed = log.clone();
    reversed.reverse();
    let said = complaint(|| check(&topology, &reversed));
    assert!(said.contains(" is written to at "), "{said}");
    // The last record of a unit that another needs: it is not there, or it is of another digest.
    let desired = desire(&topology, &Capabilities::default()).unwrap();
    let needed: BTreeSet<&UnitId> = desired.units.values().flat_map(|unit| &unit.needs).collect();
    let is_last = |entry: &Entry| {
        matches!(&entry.record, Some((_, State::Applied, _)))
            && entry.step.as_ref().is_some_and(|step| needed.contains(&step.unit))
    };
    let index = log.iter().rposition(is_last).unwrap();
    let mut without = log.clone();
    without.remove(index);
    let said = complaint(|| check(&topology, &without));
    assert!(said.contains(" was not ready: "), "{said}");
    let mut other = log.clone();
    other[index].record.as_mut().unwrap().2 = Digest::of_bytes(b"another");
    let said = complaint(|| check(&topology, &other));
    assert!(said.contains(" was not ready: "), "{said}");
    // As if the first write of all belonged to a removal on the hub.
    let mut removed = log.clone();
    let step = removed.iter_mut().find_map(|entry| entry.step.as_mut()).unwrap();
    step.removal = true;
    let said = complaint(|| check_removals(&topology, &removed));
    assert!(said.contains(" writes at "), "{said}");
}
