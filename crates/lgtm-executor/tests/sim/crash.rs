//! Cut short at every single write: the next run ends where an undisturbed one does.
//!
//! For each k the process dies when its k-th write has taken effect, before it hears so; and again only the
//! answer is lost, and the process lives.

use std::{collections::BTreeSet, sync::Arc};

use lgtm_executor::sim::{Entry, Fault, Faults, Universe, Verb};
use lgtm_planner::{
    inventory::{Inventory, SYSTEM_NAMESPACE, State},
    unit::{CLUSTER_UNIT, ENROLMENT_UNIT, UnitId},
};
use lgtm_topology::{ClusterName, Topology};

use crate::{
    scene::{Goal, Ran, assert_nothing_to_do, parse, run, universe, virtually},
    snapshot::{Snapshot, assert_clean, assert_same, snapshot},
};

const SEED: u64 = 20_261_121;

fn quickstart() -> Topology {
    parse(include_str!("../../../../examples/quickstart.yaml"))
}

/// Eight spokes of all kinds around a hub that existed.
fn eight_spokes() -> Topology {
    let spokes: String = (1..=8)
        .map(|spoke| {
            let scenario = ["alloy", "otel", "traditional", "traditional, logShipper: fluent-bit"][spoke % 4];
            let provider = if spoke % 3 == 0 {
                format!(", provider: {{existing: {{context: spoke-{spoke}}}}}")
            } else {
                String::new()
            };
            format!("    - {{name: spoke-{spoke}, tenant: tenant-{spoke}, scenario: {scenario}{provider}}}\n")
        })
        .collect();
    parse(&format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: eight}}\nspec:\n  \
         provider: {{kwok: {{}}}}\n  hub: {{name: hub, provider: {{existing: {{context: hub}}}}}}\n  spokes:\n{spokes}  \
         extraReleases:\n    - {{name: own, clusters: [hub, spoke-1, spoke-3], chart: charts/own, namespace: own, values: {{shared: settings}}}}\n  \
         extraManifests:\n    - {{name: more, clusters: [spoke-2, spoke-3], files: [one.yaml, namespace-two.yaml, definition-three.yaml]}}\n"
    ))
}

/// How far units were when a process died, by what their clusters say of them.
#[derive(Debug, Default)]
struct Left {
    done: BTreeSet<UnitId>,
    intended: BTreeSet<UnitId>,
}

fn left(universe: &Arc<Universe>) -> Left {
    universe.by_hand(|clusters, _| {
        let mut left = Left::default();
        for (name, cluster) in clusters.iter() {
            for key in cluster.server.keys() {
                if key.kind != "ConfigMap" || key.namespace.as_deref() != Some(SYSTEM_NAMESPACE) {
                    continue;
                }
                let record = cluster.server.get(key).unwrap();
                let text = record["data"]["record"].as_str().unwrap();
                if key.name.ends_with(".membership") {
                    left.done.insert(UnitId::new(name, ENROLMENT_UNIT));
                    left.done.insert(UnitId::new(name, CLUSTER_UNIT));
                } else if let Ok(inventory) = serde_json::from_str::<Inventory>(text) {
                    let of_its_state = match inventory.state {
                        State::Applied => &mut left.done,
                        State::Intended => &mut left.intended,
                    };
                    of_its_state.insert(UnitId { cluster: name.clone(), name: inventory.unit });
                }
            }
        }
        left
    })
}

/// The rule for what the second run writes. A unit that was done is not written to at all. Of one whose record
/// says that it was intended, writes may find nothing to change, since nobody knows how far it came. So may
/// those of lgtmctl's own: records with their namespace, notes on the machine, and the Lease. Every other write
/// changes something.
fn assert_no_needless_write(what: &str, left: &Left, log: &[Entry]) {
    for entry in log {
        let Some(step) = &entry.step else { continue };
        if step.removal {
            continue;
        }
        assert!(
            !left.done.contains(&step.unit),
            "{what}: {} was done and is written to: {entry:?}",
            step.unit
        );
        let of_records = entry.verb == Verb::Note
            || entry.key.as_ref().is_some_and(|key| {
                key.namespace.as_deref() == Some(SYSTEM_NAMESPACE) || key.name == SYSTEM_NAMESPACE
            });
        let was_intended = left.intended.contains(&step.unit);
        assert!(entry.changed || of_records || was_intended, "{what}: a needless write: {entry:?}");
    }
}

struct Case {
    topology: Topology,
    /// What is there before.
    before: Option<Topology>,
    goal: Goal,
}

impl Case {
    /// A universe in which the case begins.
    async fn begin(&self) -> Arc<Universe> {
        let universe = universe(SEED, &[&self.topology]);
        if let Some(before) = &self.before {
            assert!(run(&universe, before, Goal::Apply).await.is_complete());
        }
        universe.set_faults(Faults::default());
        universe.take_log();
        universe
    }

    async fn undisturbed(&self) -> (Snapshot, u64) {
        let universe = self.begin().await;
        let report = run(&universe, &self.topology, self.goal).await.report();
        assert!(report.is_complete(), "{report:#?}");
        if self.goal == Goal::Destroy {
            // Nothing of ours is left either where a cluster stays.
            universe.by_hand(|clusters, _| {
                clusters.iter().for_each(|(name, cluster)| assert_clean(name, cluster));
            });
        }
        let writes = universe.counted().0;
        (snapshot(&universe, &self.topology), writes)
    }

    /// The process dies at a write, and another goes on.
    async fn die_at(&self, at: u64, expected: &Snapshot) {
        let what = format!("{:?}, dead after write {at}", self.goal);
        let universe = self.begin().await;
        universe.set_faults(Faults { writes: [(at, Fault::DieAfter)].into(), ..Faults::default() });
        assert!(matches!(run(&universe, &self.topology, self.goal).await, Ran::Died), "{what}");
        universe.set_faults(Faults::default());
        let left = left(&universe);
        universe.take_log();
        let report = run(&universe, &self.topology, self.goal).await.report();
        assert!(report.is_complete(), "{what}: {report:#?}");
        assert_no_needless_write(&what, &left, &universe.take_log());
        assert_same(&what, &snapshot(&universe, &self.topology), expected);
        if self.goal == Goal::Apply && at.is_multiple_of(16) {
            assert_nothing_to_do(&universe, &self.topology, true).await;
        }
    }

    /// Every so many answers are lost, and the process tries again. Says how many were lost.
    async fn lose_answers(&self, first: u64, stride: u64, expected: &Snapshot) -> u64 {
        let what = format!("{:?}, each {stride}th answer is lost from write {first}", self.goal);
        let universe = self.begin().await;
        let lost = (0..1_000).map(|number| (first + number * stride, Fault::ResetAfter));
        universe.set_faults(Faults { writes: lost.collect(), ..Faults::default() });
        // A step that loses as many answers as it has tries has failed; the next run does it.
        for left in (0..4).rev() {
            let ran = run(&universe, &self.topology, self.goal).await;
            if ran.is_complete() {
                break;
            }
            assert!(left > 0, "{what}: {ran:#?}");
        }
        assert_same(&what, &snapshot(&universe, &self.topology), expected);
        universe.lost_answers()
    }

    fn at_every_write(&self) {
        let (expected, writes) = virtually(self.undisturbed());
        assert!(writes > 10, "{writes}");
        for at in 1..=writes {
            virtually(self.die_at(at, &expected));
        }
        // Together these lose the answer of every write.
        let lost: u64 =
            (1..=STRIDE).map(|first| virtually(self.lose_answers(first, STRIDE, &expected))).sum();
        // Those of the machine's own writes cannot be, which are most where clusters are deleted.
        assert!(4 * lost >= writes, "of {writes} answers {lost} were lost");
    }
}

const STRIDE: u64 = 9;

#[test]
fn the_quickstart_is_cut_at_every_write() {
    Case { topology: quickstart(), before: None, goal: Goal::Apply }.at_every_write();
}

#[test]
fn its_removal_is_cut_at_every_write() {
    Case { topology: quickstart(), before: Some(quickstart()), goal: Goal::Destroy }.at_every_write();
}

#[test]
fn eight_spokes_are_cut_at_every_write() {
    Case { topology: eight_spokes(), before: None, goal: Goal::Apply }.at_every_write();
}

#[test]
fn the_removal_of_eight_spokes_is_cut_at_every_write() {
    Case { topology: eight_spokes(), before: Some(eight_spokes()), goal: Goal::Destroy }.at_every_write();
}

#[test]
fn a_dead_process_leaves_what_it_made_and_nothing_else_happens() {
    virtually(async {
        let case = Case { topology: quickstart(), before: None, goal: Goal::Apply };
        let universe = case.begin().await;
        universe.set_faults(Faults { writes: [(9, Fault::DieAfter)].into(), ..Faults::default() });
        drop(run(&universe, &case.topology, Goal::Apply).await);
        let log = universe.take_log();
        assert_eq!(log.len(), 9, "{log:#?}");
        assert!(log.iter().any(|entry| entry.verb == Verb::MakeCluster));
        assert!(universe.notes().contains(&ClusterName::new("lgtm-central")));
        tokio::time::sleep(std::time::Duration::from_secs(600)).await;
        assert_eq!(universe.take_log().len(), 0);
    });
}
