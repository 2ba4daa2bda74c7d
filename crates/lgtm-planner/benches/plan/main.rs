//! How long planning takes, by the number of spokes: from the text of the file to a plan with nothing to do.
//!
//! `whole` is all of it, and the other groups are its parts. With `--curve` the same is printed as a table,
//! together with the memory that one process needs for it.
//!
//! Looking at clusters and rendering charts are not measured: what they give is made up.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark whose setting is wrong has nothing to measure"
)]

mod curve;
mod fleet;
#[expect(dead_code, reason = "the tests also judge what was made")]
#[path = "../../tests/planner/material.rs"]
mod material;
#[expect(dead_code, reason = "the tests also render all units at once")]
#[path = "../../tests/planner/render.rs"]
mod render;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use lgtm_planner::{
    desired::{Capabilities, desire},
    plan::{assess, known_facts, plan},
};
use lgtm_topology::parse;

use crate::fleet::Fleet;

/// The one of lgtmctl.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SPOKES: [usize; 3] = [10, 100, 1_000];

/// Measures one part of planning for each number of spokes.
fn measure<T>(criterion: &mut Criterion, part: &str, work: impl Fn(&Fleet) -> T) {
    let mut group = criterion.benchmark_group(part);
    group.sample_size(20);
    for spokes in SPOKES {
        let fleet = Fleet::settled(spokes);
        group.throughput(Throughput::Elements(spokes as u64));
        group.bench_with_input(BenchmarkId::from_parameter(spokes), &fleet, |bencher, fleet| {
            bencher.iter(|| work(black_box(fleet)));
        });
    }
    group.finish();
}

fn parts(criterion: &mut Criterion) {
    measure(criterion, "parse and validate", |fleet| parse("fleet.yaml", &fleet.text));
    measure(criterion, "desire", |fleet| desire(&fleet.topology, &Capabilities::default()));
    measure(criterion, "facts", |fleet| known_facts(&fleet.desired, &fleet.observed));
    measure(criterion, "assess", |fleet| assess(&fleet.inputs()));
    measure(criterion, "plan with nothing to do", |fleet| plan(&fleet.inputs()));
}

fn whole(criterion: &mut Criterion) {
    measure(criterion, "whole", Fleet::plan_from_text);
}

criterion_group!(benches, whole, parts);

fn main() {
    if !curve::asked() {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
