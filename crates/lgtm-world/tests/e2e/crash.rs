//! Cut short at any moment: the next run ends where an undisturbed one does, and leaves nothing behind.
//!
//! An apply runs in a runtime of its own, which is thrown away at a random moment of a seeded sequence.
//! That is what a killed process looks like from the clusters; `tests/` of the command line kills real
//! ones.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use lgtm_executor::{ApplyOptions, Report, World as _, prepare, prepare_destroy, sim::Random};
use lgtm_planner::plan::PlanOptions;
use lgtm_topology::Topology;

use crate::{
    bed::{Bed, parse, perform, steps, world},
    census::{difference, settled},
    existing::{Existing, KUBECONFIG},
    state::{assert_same, state},
};

fn topology(retention: &str, spokes: &[(&str, &str)]) -> String {
    let spokes: Vec<String> = spokes
        .iter()
        .map(|(name, scenario)| {
            format!(
                "\n    - {{name: {name}, tenant: tenant-{name}, scenario: {scenario}, provider: {{existing: {{context: {name}}}}}}}"
            )
        })
        .collect();
    let spokes = if spokes.is_empty() { " []".to_owned() } else { spokes.concat() };
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: crash}}\nspec:\n  \
         provider: {{existing: {{kubeconfig: {KUBECONFIG}}}}}\n  retention: {{metrics: {retention}}}\n  \
         hub: {{name: hub, segment: 172.20.0.248/29, provider: {{existing: {{context: hub}}}}}}\n  \
         spokes:{spokes}\n"
    )
}

/// What the user wants, one after the other.
const VARIANTS: [(&str, &[(&str, &str)]); 3] =
    [("7d", &[("edge", "alloy")]), ("14d", &[("edge", "otel")]), ("7d", &[])];

/// Another variant. Mostly one of the first two: what waits for namespaces to go takes ten times as long.
fn next(random: &mut Random, index: usize) -> usize {
    match (index, random.below(9)) {
        (0 | 1, 0) => 2,
        (0, _) => 1,
        _ => 0,
    }
}

fn variant(index: usize) -> Topology {
    let (retention, spokes) = VARIANTS[index];
    parse(&topology(retention, spokes))
}

async fn run(folder: PathBuf, topology: Topology, destroy: bool) -> Report {
    let world = Arc::new(world(&folder, &topology));
    world.lock(&topology.name).await.unwrap();
    let prepared = if destroy {
        prepare_destroy(&world, &topology, PlanOptions { delete_data: true, ..PlanOptions::default() }).await
    } else {
        prepare(&world, &topology, PlanOptions::default()).await
    };
    let report = perform(&world, prepared.unwrap(), ApplyOptions::default()).await;
    world.release_lock().await;
    report
}

/// Runs until the moment comes; says whether it was done before.
async fn run_until(folder: PathBuf, topology: Topology, destroy: bool, moment: Duration) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let running = runtime.spawn(run(folder, topology, destroy));
    tokio::time::sleep(moment).await;
    let done = running.is_finished();
    // Its threads end at their next await, and the lock must be given up before the next run.
    tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5))).await.unwrap();
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_random_moments() {
    const MOMENTS: usize = 30;
    let bed = Bed::new(&topology("7d", &[("edge", "alloy")]));
    let folder = bed.folder.path().to_owned();
    let clusters = Existing::make(&folder, &["hub", "edge"]).await;
    let (hub, edge) = (clusters.hand("hub").await, clusters.hand("edge").await);
    let found = (settled(&hub).await, settled(&edge).await);
    let both = async || (state(&hub, "crash", "hub").await, state(&edge, "crash", "edge").await);

    // What undisturbed runs come to, and how long they take.
    let mut expected = Vec::new();
    let mut spans = Vec::new();
    for index in 0..VARIANTS.len() {
        let begun = Instant::now();
        let report = run(folder.clone(), variant(index), false).await;
        assert!(report.is_complete(), "{report:#?}");
        spans.push(begun.elapsed());
        expected.push(both().await);
    }
    let begun = Instant::now();
    assert!(run(folder.clone(), variant(2), true).await.is_complete());
    let destroying = begun.elapsed();
    eprintln!("undisturbed: {spans:?}, destroy {destroying:?}");

    let seed = std::env::var("LGTMCTL_SEED").map_or(20_261_121, |seed| seed.parse().unwrap());
    let mut random = Random::new(seed);
    let (mut cut, mut index) = (0, 0);
    while cut < MOMENTS {
        let destroy = random.below(8) == 0;
        let span = if destroy { destroying } else { spans[index] };
        let moment = Duration::from_millis(random.below(u64::try_from(span.as_millis()).unwrap()));
        let what = format!("seed {seed}, moment {cut}: variant {index}, destroy {destroy}, after {moment:?}");
        let done = run_until(folder.clone(), variant(index), destroy, moment).await;
        eprintln!("{what}{}", if done { ", was done before" } else { "" });
        cut += usize::from(!done);
        // Sometimes it is cut short again before it is finished, or something else is wanted meanwhile.
        if random.below(3) == 0 {
            index = next(&mut random, index);
            continue;
        }
        if destroy && random.below(2) == 0 {
            let report = run(folder.clone(), variant(index), true).await;
            assert!(report.is_complete(), "{what}: {report:#?}");
            let mut left = difference(&found.0, &settled(&hub).await);
            left.extend(difference(&found.1, &settled(&edge).await));
            assert_eq!(left, [""; 0], "{what}");
        }
        let report = run(folder.clone(), variant(index), false).await;
        assert!(report.is_complete(), "{what}: {report:#?}");
        let now = both().await;
        assert_same(&what, &now.0, &expected[index].0);
        assert_same(&what, &now.1, &expected[index].1);
        index = next(&mut random, index);
    }
    let report = run(folder.clone(), variant(0), false).await;
    assert!(report.is_complete(), "{report:#?}");
    let topology = variant(0);
    let world = Arc::new(world(&folder, &topology));
    let options = PlanOptions { refresh_full: true, ..PlanOptions::default() };
    assert_eq!(steps(&prepare(&world, &topology, options).await.unwrap()), [""; 0]);
}
