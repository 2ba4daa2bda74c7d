//! A cluster that is cut off before any of its steps: who depends on it waits, and nobody else.

use std::{collections::BTreeSet, sync::Arc};

use lgtm_executor::{
    Report,
    sim::{Faults, Universe, Verb},
};
use lgtm_planner::{
    desired::{Capabilities, desire},
    plan::StepId,
};
use lgtm_topology::{ClusterName, Topology};

use crate::{
    scene::{Goal, parse, run, universe, virtually},
    snapshot::{assert_same, snapshot},
};

fn topology(days: u8, extra: &str) -> Topology {
    parse(&format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: parted}}\nspec:\n  \
         provider: {{kwok: {{}}}}\n  retention: {{metrics: {days}d}}\n  hub: {{name: hub, segment: 248/29}}\n  spokes:\n    \
         - {{name: made, tenant: one, scenario: alloy}}\n    \
         - {{name: there, tenant: two, scenario: otel, provider: {{existing: {{context: there}}}}}}\n  \
         extraReleases:\n    - {{name: {extra}, clusters: [hub, made, there], chart: charts/own, namespace: {extra}, values: {{days: {days}}}}}\n"
    ))
}

/// The first revision on empty clusters, or the second over the first.
async fn begin(update: bool) -> Arc<Universe> {
    let universe = universe(7, &[&topology(7, "old")]);
    if update {
        assert!(run(&universe, &topology(7, "old"), Goal::Apply).await.is_complete());
    }
    universe.take_log();
    universe
}

fn wanted(update: bool) -> Topology {
    if update { topology(9, "new") } else { topology(7, "old") }
}

fn deletions(universe: &Arc<Universe>) -> BTreeSet<String> {
    let log = universe.take_log().into_iter();
    log.filter(|entry| entry.verb == Verb::Delete && entry.step.is_some())
        .map(|entry| format!("{} {}", entry.cluster, entry.key.unwrap()))
        .collect()
}

/// All that a step waits for, however indirectly; a removal comes after everything on its cluster.
fn waits_for(topology: &Topology, step: &StepId, failed: &BTreeSet<StepId>) -> bool {
    if step.removal {
        return true;
    }
    let desired = desire(topology, &Capabilities::default()).unwrap();
    let mut open = vec![step.unit.clone()];
    let mut seen = BTreeSet::new();
    while let Some(unit) = open.pop() {
        if failed.contains(&StepId::ensure(unit.clone())) {
            return true;
        }
        if seen.insert(unit.clone()) {
            open.extend(desired.units.get(&unit).into_iter().flat_map(|unit| unit.needs.clone()));
        }
    }
    false
}

fn assert_only_descendants_wait(topology: &Topology, cluster: &ClusterName, report: &Report) {
    let failed: BTreeSet<StepId> = report.failed.keys().cloned().collect();
    assert!(report.unreachable.contains_key(cluster), "{cluster} is not named: {report:#?}");
    assert!(!report.is_complete());
    if cluster.as_str() == "hub" {
        // Without the hub nothing may be written anywhere.
        return;
    }
    assert_eq!(report.unreachable.len(), 1, "{report:#?}");
    for step in &failed {
        assert_eq!(&step.unit.cluster, cluster, "{step} failed: {:?}", report.failed[step]);
    }
    for step in report.skipped.keys() {
        assert!(waits_for(topology, step, &failed), "{step} waits and need not");
    }
}

async fn part(cluster: &ClusterName, at: usize, update: bool) -> bool {
    let topology = wanted(update);
    let undisturbed = begin(update).await;
    assert!(run(&undisturbed, &topology, Goal::Apply).await.is_complete());
    let may_go = deletions(&undisturbed);
    let expected = snapshot(&undisturbed, &topology);
    let universe = begin(update).await;
    universe.set_faults(Faults { cut_off_at: [(cluster.clone(), at)].into(), ..Faults::default() });
    let report = run(&universe, &topology, Goal::Apply).await.report();
    let was_cut = !report.is_complete();
    let what = format!("{cluster} is cut off before step {at}, update {update}");
    if was_cut {
        assert_only_descendants_wait(&topology, cluster, &report);
        let gone = deletions(&universe);
        assert!(gone.is_subset(&may_go), "{what}: {gone:?}");
    }
    universe.set_faults(Faults::default());
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    let report = run(&universe, &topology, Goal::Apply).await.report();
    assert!(report.is_complete(), "{what}: {report:#?}");
    assert_same(&what, &snapshot(&universe, &topology), &expected);
    was_cut
}

fn at_every_depth(cluster: &str, update: bool) {
    let cluster = ClusterName::new(cluster);
    let mut depth = 0;
    while virtually(part(&cluster, depth, update)) {
        depth += 1;
    }
    assert!(depth >= 3, "{cluster} has only {depth} steps");
}

#[test]
fn a_hub_is_cut_off_at_every_depth() {
    at_every_depth("hub", false);
    at_every_depth("hub", true);
}

#[test]
fn a_spoke_that_is_made_is_cut_off_at_every_depth() {
    at_every_depth("made", false);
    at_every_depth("made", true);
}

#[test]
fn a_spoke_that_exists_is_cut_off_at_every_depth() {
    at_every_depth("there", false);
    at_every_depth("there", true);
}
