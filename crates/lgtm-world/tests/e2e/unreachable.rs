//! Clusters that do not answer: the others converge, and nothing of theirs is taken for gone.

use lgtm_executor::{ApplyOptions, Kind, World as _};
use lgtm_planner::plan::Change;
use lgtm_topology::ClusterName;

use crate::{
    bed::{Bed, outcomes, perform, steps},
    census::{census, difference, settled},
    frozen::freeze,
    hand::Hand,
};

fn topology(spokes: &[&str]) -> String {
    let spokes: Vec<String> = spokes
        .iter()
        .map(|name| format!("    - {{name: {name}, tenant: tenant-{name}, scenario: otel}}\n"))
        .collect();
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: down}}\nspec:\n  \
         provider: {{kwok: {{}}}}\n  hub: {{name: hub, segment: 248/29}}\n  spokes:\n{}",
        spokes.concat()
    )
}

async fn gateway_map(hub: &Hand) -> String {
    let maps = hub.list("/api/v1/namespaces/lgtm-gateway/configmaps").await;
    maps.iter().map(|map| map["data"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoke_that_does_not_answer_is_waited_for_and_never_pruned() {
    let mut bed = Bed::new(&topology(&["edge"]));
    bed.converge().await;
    let hub = Hand::new(bed.by_hand("hub").await);
    let edge = Hand::new(bed.by_hand("edge").await);
    let found = settled(&edge).await;
    let known = gateway_map(&hub).await;
    let frozen = freeze(bed.folder.path(), "edge");

    // Another spoke joins meanwhile: the gateway serves it, and still serves the one that is down.
    bed.edit(&topology(&["edge", "new"]));
    let report = bed.apply().await;
    assert!(!report.is_complete());
    assert_eq!(report.unreachable.keys().collect::<Vec<_>>(), [&ClusterName::new("edge")]);
    assert!(report.failed.is_empty(), "{:#?}", report.failed);
    for unit in
        ["new/otel-collector-daemonset", "new/tenant-certificate", "hub/tenant-gateway", "hub/grafana"]
    {
        assert!(outcomes(&report).contains_key(unit), "{unit} is not done: {report:#?}");
    }
    let map = gateway_map(&hub).await;
    assert!(map.contains("tenant-new") && map.contains("tenant-edge"), "{map}");
    let fingerprint = known.split("tenant-edge").next().unwrap();
    assert!(map.contains(fingerprint.rsplit("\\n").next().unwrap().trim()), "{known}\n{map}");

    // It leaves the file while it is down: the gateway refuses it from now on, and the cluster stays.
    bed.edit(&topology(&["new"]));
    let prepared = bed.plan().await;
    let removal = prepared.plan.steps.iter().find(|step| step.id.removal).unwrap();
    assert_eq!((removal.id.to_string().as_str(), removal.change), ("remove edge/cluster", Change::Blocked));
    assert!(removal.reasons[0].contains("does not answer"), "{:?}", removal.reasons);
    let report = bed.apply().await;
    assert!(!report.is_complete());
    let blocked: Vec<String> = report.blocked.keys().map(ToString::to_string).collect();
    assert_eq!(blocked, ["remove edge/cluster"]);
    let map = gateway_map(&hub).await;
    assert!(map.contains("tenant-new") && !map.contains("tenant-edge"), "{map}");
    let entry = "/api/v1/namespaces/lgtmctl-system/configmaps/down.cluster.edge";
    assert!(hub.get(entry).await.is_some());

    // It comes back: nothing there was touched, and now it goes.
    drop(frozen);
    assert_eq!(difference(&found, &settled(&edge).await), [""; 0]);
    bed.restart();
    bed.converge().await;
    assert!(hub.get(entry).await.is_none());
    assert_eq!(steps(&bed.plan().await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoke_that_stops_answering_during_an_apply_is_finished_by_the_next() {
    let bed = Bed::new(&topology(&["edge"]));
    bed.converge().await;
    let hub = Hand::new(bed.by_hand("hub").await);
    let edge = Hand::new(bed.by_hand("edge").await);
    let at_hub = "/api/v1/namespaces/observability/services/grafana";
    hub.delete(at_hub).await;
    let services = edge.list("/api/v1/namespaces/observability/services").await;
    let name = services[0]["metadata"]["name"].as_str().unwrap();
    let at_edge = format!("/api/v1/namespaces/observability/services/{name}");
    edge.delete(&at_edge).await;

    bed.world.lock(&bed.topology.name).await.unwrap();
    let prepared = bed.plan().await;
    assert_eq!(prepared.plan.steps.len(), 2, "{:?}", steps(&prepared));
    let frozen = freeze(bed.folder.path(), "edge");
    let how = ApplyOptions { tries: 1, ..ApplyOptions::default() };
    let report = perform(&bed.world, prepared, how).await;
    bed.world.release_lock().await;
    assert_eq!(report.unreachable.keys().collect::<Vec<_>>(), [&ClusterName::new("edge")]);
    assert_eq!(report.failed.len(), 1, "{report:#?}");
    let failure = report.failed.values().next().unwrap();
    assert_eq!(failure.kind, Kind::Unreachable, "{failure}");
    assert!(failure.message.contains("edge"), "{failure}");
    assert!(hub.get(at_hub).await.is_some());

    drop(frozen);
    bed.converge().await;
    assert!(edge.get(&at_edge).await.is_some());
    assert_eq!(steps(&bed.plan().await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_hub_nothing_is_written_anywhere() {
    let mut bed = Bed::new(&topology(&["edge"]));
    bed.converge().await;
    let edge = Hand::new(bed.by_hand("edge").await);
    let service = "/api/v1/namespaces/observability/services";
    let name = edge.list(service).await[0]["metadata"]["name"].as_str().unwrap().to_owned();
    edge.delete(&format!("{service}/{name}")).await;
    let found = census(&edge).await;
    let frozen = freeze(bed.folder.path(), "hub");
    bed.restart();
    let mark = bed.mark("edge");

    let refused = bed.world.lock(&bed.topology.name).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Unreachable, "{refused}");
    assert!(refused.message.contains("hub"), "{refused}");
    // Who is refused holds nothing, the file neither.
    let again = bed.world.lock(&bed.topology.name).await.unwrap_err();
    assert_eq!(again.kind, Kind::Unreachable, "{again}");

    let prepared = bed.plan().await;
    assert!(!prepared.plan.is_empty());
    assert!(
        prepared.plan.steps.iter().all(|step| step.change == Change::Blocked && step.action.is_none()),
        "{:?}",
        steps(&prepared)
    );
    // Even a plan that was performed all the same would do nothing.
    let report = perform(&bed.world, prepared, ApplyOptions::default()).await;
    assert!(report.done.is_empty() && !report.is_complete(), "{report:#?}");
    assert_eq!(bed.writes("edge", mark), std::collections::BTreeMap::new());
    assert_eq!(difference(&found, &census(&edge).await), [""; 0]);

    drop(frozen);
    bed.restart();
    bed.converge().await;
    assert!(edge.get(&format!("{service}/{name}")).await.is_some());
}
