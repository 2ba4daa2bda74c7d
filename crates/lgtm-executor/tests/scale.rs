//! A thousand spokes: how near the schedule comes to the best that there is, and what a spoke takes of memory.
//!
//! One test in a program of its own, since other tests would take memory too.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "all of this crate is test code"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use lgtm_executor::{
    ApplyOptions, Event, Events, World as _, apply, prepare,
    sim::{Pace, SimWorld, Universe},
};
use lgtm_planner::{
    graph,
    plan::{PlanOptions, StepId},
};
use lgtm_topology::ClusterName;
use tokio::sync::watch;

#[path = "sim/clock.rs"]
mod clock;

use clock::virtually;

/// The wall time of an apply and the least that any schedule of the same steps could take.
#[derive(Debug)]
struct Measured {
    steps: usize,
    wall: Duration,
    /// The longest path, all work over the bound for all clusters, and the busiest cluster's work over the
    /// bound for one: a schedule can be faster than none of them.
    longest_path: Duration,
    all: Duration,
    busiest: Duration,
}

impl Measured {
    fn ratio(&self) -> f64 {
        self.wall.as_secs_f64() / self.longest_path.max(self.all).max(self.busiest).as_secs_f64()
    }
}

async fn measure(spokes: usize) -> Measured {
    let listed: String = (0..spokes)
        .map(|spoke| {
            let scenario = if spoke % 2 == 0 { "otel" } else { "alloy" };
            format!("    - {{name: spoke-{spoke}, tenant: tenant-{spoke}, scenario: {scenario}}}\n")
        })
        .collect();
    let topology = lgtm_topology::parse(
        "topology.yaml",
        &format!(
            "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: scale}}\nspec:\n  \
         provider: {{kwok: {{}}}}\n  hub: {{name: hub, segment: 248/29}}\n  spokes:\n{listed}"
        ),
    )
    .topology
    .unwrap();
    let universe = Universe::new(3, Pace::default());
    let world = Arc::new(SimWorld::new(&universe, "machine", &topology));
    world.lock(&topology.name).await.unwrap();
    let prepared = prepare(&world, &topology, PlanOptions::default()).await.unwrap();
    let needs: BTreeMap<StepId, BTreeSet<StepId>> =
        prepared.plan.steps.iter().map(|step| (step.id.clone(), step.needs.clone())).collect();
    let order: Vec<StepId> = prepared.plan.steps.iter().map(|step| step.id.clone()).collect();
    let (events, mut heard) = Events::channel();
    let (_interrupt, interrupted) = watch::channel(false);
    let (options, begun) = (ApplyOptions::default(), universe.elapsed());
    let report = apply(&world, prepared, options, &events, interrupted).await;
    let wall = universe.elapsed() - begun;
    assert!(report.is_complete(), "{:?}", report.failed);
    drop(events);
    let mut took: BTreeMap<StepId, u64> = BTreeMap::new();
    while let Some(event) = heard.recv().await {
        if let Event::StepDone { step, took: one, .. } = event {
            took.insert(step, one.work + one.wait);
        }
    }
    world.release_lock().await;
    let mut clusters: BTreeMap<&ClusterName, u64> = BTreeMap::new();
    for (step, took) in &took {
        *clusters.entry(&step.unit.cluster).or_default() += took;
    }
    let (_, longest) = graph::longest_path(&order, &needs, |step| took[step]);
    let share = |sum: u64, among: usize| Duration::from_millis(sum / among as u64);
    Measured {
        steps: took.len(),
        wall,
        longest_path: Duration::from_millis(longest),
        all: share(took.values().sum(), options.limits.total),
        busiest: share(clusters.values().copied().max().unwrap(), options.limits.per_cluster),
    }
}

/// The most memory that this process ever had, in KiB, where the system says so.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn a_thousand_spokes_take_hardly_longer_than_they_must_and_no_more_memory_each() {
    assert!(virtually(measure(10)).steps > 70);
    let (before, small, hundred) = (peak(), virtually(measure(100)), peak());
    let (large, thousand) = (virtually(measure(1_000)), peak());
    assert!(large.steps > 7_000, "{large:?}");
    for measured in [&small, &large] {
        eprintln!("{} steps take {:.3} times what they must", measured.steps, measured.ratio());
        assert!(measured.ratio() <= 1.1, "{:.3} {measured:?}", measured.ratio());
    }
    // The simulated servers are in the same process, so this is theirs and the executor's together.
    if let (Some(before), Some(hundred), Some(thousand)) = (before, hundred, thousand) {
        let (first, then) = ((hundred - before) / 100, (thousand - before) / 1_000);
        let figures = format!("{first} KiB a spoke at 100, {then} KiB at 1,000");
        eprintln!("{figures}");
        assert!(then <= first + first / 4, "{figures}");
    }
}
