//! How long reading and checking a topology takes, by its number of spokes.
//!
//! Each spoke has networks of its own, since comparing those with all others is what could grow faster
//! than the file.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lgtm_topology::parse;

fn text(spokes: usize) -> String {
    let head = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: bench}\nspec:\n  \
                provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  spokes:\n";
    let spoke = |spoke: usize| {
        let (high, low) = (spoke / 128, spoke % 128 * 2);
        format!(
            "    - {{name: spoke-{spoke}, tenant: tenant-{spoke}, scenario: alloy, \
             podCIDR: 10.{high}.{low}.0/23, serviceCIDR: 11.{high}.{low}.0/24}}\n"
        )
    };
    head.to_owned() + &(0..spokes).map(spoke).collect::<String>()
}

fn parse_and_validate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse and validate");
    for spokes in [10, 100, 1_000] {
        let text = text(spokes);
        // A topology that is refused early would be fast for the wrong reason.
        assert_eq!(parse("bench.yaml", &text).diagnostics, []);
        group.throughput(Throughput::Elements(spokes as u64));
        group.bench_with_input(BenchmarkId::from_parameter(spokes), &text, |bencher, text| {
            bencher.iter(|| parse("bench.yaml", black_box(text)));
        });
    }
    group.finish();
}

criterion_group!(benches, parse_and_validate);
criterion_main!(benches);
