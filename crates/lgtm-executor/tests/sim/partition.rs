//! A cluster that is cut off before any of its steps: who depends on it waits, and nobody else.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lgtm_executor::{
    Report, World as _, prepare,
    sim::{Entry, Faults, Outage, SimWorld, Trouble, Universe, Verb},
};
use lgtm_planner::{
    desired::{Capabilities, desire},
    plan::StepId,
};
use lgtm_topology::{ClusterName, Topology};

use crate::{
    scene::{Goal, MACHINE, Ran, parse, perform, permissive, run, universe, virtually},
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

fn is_deletion(entry: &Entry) -> bool {
    matches!(entry.verb, Verb::Delete | Verb::DeleteCluster) && entry.step.is_some()
}

fn deletions(log: &[Entry]) -> BTreeSet<String> {
    let deletions = log.iter().filter(|entry| is_deletion(entry));
    deletions.map(|entry| format!("{} {:?}", entry.cluster, entry.key)).collect()
}

/// What is written to clusters. One that is being made comes to life all the same.
fn is_on_a_cluster(entry: &Entry) -> bool {
    !matches!(entry.verb, Verb::MakeCluster | Verb::Note)
}

/// No step is let through by the lock that did not see it renewed within a second, and a tenth is for its way
/// from there to its first write. One that was let through may write while the Lease cannot have run out:
/// fifteen seconds after it was renewed, which was before the cut.
fn assert_hub_is_missed(universe: &Arc<Universe>, cut: Duration, log: &[Entry]) {
    for entry in log.iter().filter(|entry| entry.at > cut && is_on_a_cluster(entry)) {
        assert_ne!(entry.cluster.as_str(), "hub", "it is cut off: {entry:?}");
        let begun = universe.begun_at(entry.step.as_ref().unwrap()).unwrap();
        assert!(begun <= cut + Duration::from_millis(1_100), "cut at {cut:?}, begun at {begun:?}: {entry:?}");
        assert!(entry.at <= cut + Duration::from_secs(15), "cut at {cut:?}: {entry:?}");
    }
}

/// Nothing is deleted on a cluster that is cut off, nor by a removal where something that stays is not done.
fn assert_no_early_removal(cluster: &ClusterName, cut: Duration, report: &Report, log: &[Entry]) {
    let undone: BTreeSet<&ClusterName> = report
        .failed
        .keys()
        .chain(report.skipped.keys())
        .chain(report.blocked.keys())
        .filter(|step| !step.removal)
        .map(|step| &step.unit.cluster)
        .collect();
    for entry in log.iter().filter(|entry| is_deletion(entry)) {
        let step = entry.step.as_ref().unwrap();
        let is_cut = entry.at > cut && [&entry.cluster, &step.unit.cluster].contains(&cluster);
        assert!(!is_cut, "{cluster} is cut off since {cut:?}: {entry:?}");
        assert!(!step.removal || !undone.contains(&step.unit.cluster), "{report:#?}: {entry:?}");
    }
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
        // Without the hub nothing may be written anywhere, which is for others to check.
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
    let may_go = deletions(&undisturbed.take_log());
    let expected = snapshot(&undisturbed, &topology);
    let universe = begin(update).await;
    universe.set_faults(Faults { cut_off_at: [(cluster.clone(), at)].into(), ..Faults::default() });
    let report = run(&universe, &topology, Goal::Apply).await.report();
    let was_cut = !report.is_complete();
    let what = format!("{cluster} is cut off before step {at}, update {update}");
    if was_cut {
        assert_only_descendants_wait(&topology, cluster, &report);
        let (log, cut) = (universe.take_log(), universe.cut_off_since(cluster).unwrap());
        let gone = deletions(&log);
        assert!(gone.is_subset(&may_go), "{what}: {gone:?}");
        assert_no_early_removal(cluster, cut, &report, &log);
        if cluster.as_str() == "hub" {
            assert_hub_is_missed(&universe, cut, &log);
        }
    }
    universe.set_faults(Faults::default());
    tokio::time::sleep(Duration::from_secs(20)).await;
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

/// The hub is refused, or silent, from now on.
fn away(trouble: Trouble) -> Faults {
    let (from, until) = (Duration::ZERO, Duration::from_secs(24 * 3_600));
    let outage = Outage { cluster: ClusterName::new("hub"), from, until, trouble, only_from: None };
    Faults { outages: vec![outage], ..Faults::default() }
}

async fn begin_without_hub(trouble: Trouble, is_locked: bool) {
    let topology = wanted(true);
    let undisturbed = begin(true).await;
    assert!(run(&undisturbed, &topology, Goal::Apply).await.is_complete());
    let expected = snapshot(&undisturbed, &topology);
    let universe = begin(true).await;
    if is_locked {
        let world = Arc::new(SimWorld::new(&universe, MACHINE, &topology));
        world.lock(&topology.name).await.unwrap();
        universe.take_log();
        universe.set_faults(away(trouble));
        let prepared = prepare(&world, &topology, permissive(&topology)).await.unwrap();
        let report = perform(&world, prepared).await;
        assert!(report.unreachable.contains_key(&ClusterName::new("hub")), "{report:#?}");
        assert!(report.done.is_empty(), "{report:#?}");
        world.kill();
    } else {
        universe.set_faults(away(trouble));
        let ran = run(&universe, &topology, Goal::Apply).await;
        assert!(matches!(ran, Ran::Locked(_)), "{ran:#?}");
    }
    let log = universe.take_log();
    assert!(log.is_empty(), "{trouble:?}: {log:#?}");
    universe.set_faults(Faults::default());
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(run(&universe, &topology, Goal::Apply).await.is_complete());
    assert_same("the end", &snapshot(&universe, &topology), &expected);
}

#[test]
fn without_a_hub_from_the_start_nothing_is_written() {
    for trouble in [Trouble::Refused, Trouble::Silent] {
        virtually(begin_without_hub(trouble, false));
        virtually(begin_without_hub(trouble, true));
    }
}
