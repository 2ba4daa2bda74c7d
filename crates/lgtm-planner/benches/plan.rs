//! How long planning takes, by the number of spokes: what must exist, and a plan with nothing to do.
//!
//! The clusters are the model of an ideal world that the tests plan against; looking at it and rendering
//! are not measured, since real ones cost something else.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark whose setting is wrong has nothing to measure"
)]

#[path = "../tests/planner/drive.rs"]
mod drive;
#[path = "../tests/planner/material.rs"]
mod material;
#[expect(dead_code, reason = "the tests also disturb their clusters")]
#[path = "../tests/planner/model.rs"]
mod model;
#[path = "../tests/planner/render.rs"]
mod render;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lgtm_planner::{
    desired::{Capabilities, desire},
    plan::{PlanOptions, assess, plan},
};
use lgtm_topology::{Topology, parse};

use crate::{
    drive::{Prepared, apply, prepare},
    model::World,
};

fn topology(spokes: usize) -> Topology {
    let head = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: bench}\nspec:\n  \
                provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  spokes:\n";
    let spoke = |spoke: usize| {
        let scenario = if spoke.is_multiple_of(2) { "alloy" } else { "otel" };
        format!("    - {{name: spoke-{spoke}, tenant: tenant-{spoke}, scenario: {scenario}}}\n")
    };
    let text = head.to_owned() + &(0..spokes).map(spoke).collect::<String>();
    parse("bench.yaml", &text).topology.expect("the topology is valid")
}

/// Everything that a second apply would plan from.
fn settled(topology: &Topology) -> Prepared {
    let options = PlanOptions::default();
    let mut world = World::default();
    let first = prepare(&world, topology, &options).expect("a plan");
    apply(&mut world, first, |_| 0);
    let second = prepare(&world, topology, &options).expect("a plan");
    assert!(second.plan.is_empty(), "an apply left something to do: {:?}", second.plan.steps.first());
    second
}

fn what_must_exist(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("desire");
    for spokes in [10, 100, 1_000] {
        let topology = topology(spokes);
        group.throughput(Throughput::Elements(spokes as u64));
        group.bench_with_input(BenchmarkId::from_parameter(spokes), &topology, |bencher, topology| {
            bencher.iter(|| desire(black_box(topology), &Capabilities::default()));
        });
    }
    group.finish();
}

fn nothing_to_do(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan with nothing to do");
    group.sample_size(20);
    for spokes in [10, 100, 1_000] {
        let prepared = settled(&topology(spokes));
        let inputs = prepared.inputs();
        group.throughput(Throughput::Elements(spokes as u64));
        group.bench_with_input(BenchmarkId::from_parameter(spokes), &inputs, |bencher, inputs| {
            bencher.iter(|| (assess(black_box(inputs)), plan(black_box(inputs))));
        });
    }
    group.finish();
}

criterion_group!(benches, what_must_exist, nothing_to_do);
criterion_main!(benches);
