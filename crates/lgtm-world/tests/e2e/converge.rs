//! The whole road: apply, nothing to do, destroy.

use lgtm_executor::{prepare, prepare::PrepareError};
use lgtm_planner::plan::{PlanError, PlanOptions};
use lgtm_topology::ClusterName;

use crate::bed::{Bed, steps};

const QUICKSTART: &str = include_str!("../../../../examples/quickstart.yaml");

#[tokio::test(flavor = "multi_thread")]
async fn quickstart_converges_and_then_there_is_nothing_to_do() {
    let mut bed = Bed::new(QUICKSTART);
    let report = bed.converge().await;
    eprintln!("{:#?}", report.summary);

    bed.restart();
    let marks: Vec<usize> = bed.clusters().iter().map(|cluster| bed.mark(cluster)).collect();
    let begun = std::time::Instant::now();
    let prepared = bed.plan().await;
    eprintln!("plan took {:?}", begun.elapsed());
    assert_eq!(steps(&prepared), [""; 0]);

    bed.converge().await;
    for (cluster, mark) in bed.clusters().iter().zip(marks) {
        let mut writes = bed.writes(cluster, mark);
        writes.retain(|verb, _| !verb.ends_with(" leases"));
        assert!(writes.is_empty(), "{cluster}: {writes:?}");
    }

    let destroyed = bed.destroy().await;
    assert!(destroyed.is_complete(), "{destroyed:#?}");
}

const PAIR: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: pair}
spec:
  provider: {kwok: {}}
  hub: {name: hub, segment: 248/29}
  spokes:
    - {name: edge, tenant: remote01, scenario: otel}
";

/// With another hub the old one would be taken for a cluster that left, and be deleted with its data.
#[tokio::test(flavor = "multi_thread")]
async fn another_hub_and_another_provider_are_refused() {
    let mut bed = Bed::new(PAIR);
    bed.converge().await;
    let problems = |result| match result {
        Err(PrepareError::Plan(problems)) => problems,
        other => panic!("{other:?}"),
    };
    bed.edit(&PAIR.replace("name: hub,", "name: other,"));
    let found = problems(prepare(&bed.world, &bed.topology, PlanOptions::default()).await);
    assert!(
        found.iter().any(
            |problem| matches!(problem, PlanError::AnotherHub { recorded, .. } if recorded.as_str() == "hub")
        ),
        "{found:?}"
    );
    bed.edit(&PAIR.replace(
        "scenario: otel}",
        "scenario: otel, provider: {existing: {kubeconfig: kubeconfig, context: edge}}}",
    ));
    let kubeconfig = bed.world.kubeconfig(&ClusterName::new("hub"), &bed.reference("hub")).await.unwrap();
    std::fs::write(bed.folder.path().join("kubeconfig"), kubeconfig.replace("kwok-lgtmctl-pair-hub", "edge"))
        .unwrap();
    let found = problems(prepare(&bed.world, &bed.topology, PlanOptions::default()).await);
    assert!(
        found.iter().any(
            |problem| matches!(problem, PlanError::AnotherProvider { cluster } if cluster.as_str() == "edge")
        ),
        "{found:?}"
    );
    bed.edit(PAIR);
    assert_eq!(steps(&bed.plan().await), [""; 0]);
}
