//! Clusters that leave the topology, and topologies that go: all of what is lgtmctl's goes with them,
//! and nothing else is touched.

use std::collections::BTreeSet;

use lgtm_executor::Outcome;
use lgtm_planner::plan::{Change, PlanError, PlanOptions};
use serde_json::{Value, json};

use crate::{
    bed::{Bed, outcomes, steps},
    census::{Census, census, difference, settled},
    existing::{Existing, KUBECONFIG},
    hand::Hand,
};

/// A topology on simulated clusters with these spokes.
fn simulated(spokes: &[&str]) -> String {
    let spokes: Vec<String> = spokes
        .iter()
        .map(|name| format!("    - {{name: {name}, tenant: tenant-{name}, scenario: alloy}}\n"))
        .collect();
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: removal}}\nspec:\n  \
         provider: {{kwok: {{}}}}\n  hub: {{name: hub, segment: 248/29}}\n  spokes:\n{}",
        spokes.concat()
    )
}

/// A topology on clusters that exist already. Without a segment the gateway's address is a fact.
fn existing(segment: &str, spokes: &[&str]) -> String {
    let spokes: Vec<String> = spokes
        .iter()
        .map(|name| {
            format!(
                "    - {{name: {name}, tenant: tenant-{name}, scenario: alloy, provider: {{existing: {{context: {name}}}}}}}\n"
            )
        })
        .collect();
    let spokes = if spokes.is_empty() {
        "  spokes: []\n".to_owned()
    } else {
        format!("  spokes:\n{}", spokes.concat())
    };
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: removal}}\nspec:\n  \
         provider: {{existing: {{kubeconfig: {KUBECONFIG}}}}}\n  \
         hub: {{name: hub, provider: {{existing: {{context: hub}}}}{segment}}}\n{spokes}"
    )
}

/// All records of lgtmctl's in a census.
fn records(census: &Census) -> BTreeSet<&str> {
    census.keys().filter_map(|name| name.strip_prefix("configmaps lgtmctl-system/removal.")).collect()
}

/// The gateway's and Grafana's configuration, as one text each.
async fn hub_configuration(hub: &Hand) -> (String, String) {
    let text = |objects: Vec<Value>| {
        objects.iter().map(|object| object["data"].to_string()).collect::<Vec<_>>().join("\n")
    };
    (
        text(hub.list("/api/v1/namespaces/lgtm-gateway/configmaps").await),
        text(hub.list("/api/v1/namespaces/observability/configmaps").await),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_spoke_that_leaves_is_deleted_and_the_others_do_not_notice() {
    let mut bed = Bed::new(&simulated(&["edge", "far"]));
    bed.converge().await;
    let hub = Hand::new(bed.by_hand("hub").await);
    let far = Hand::new(bed.by_hand("far").await);
    let note = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a-team-s-own"}});
    hub.create("/api/v1/namespaces/observability/configmaps", &note).await;
    let (gateway, grafana) = hub_configuration(&hub).await;
    assert!(gateway.contains("tenant-edge") && grafana.contains("tenant-edge"), "{gateway}\n{grafana}");
    let (hub_before, far_before) = (settled(&hub).await, settled(&far).await);

    bed.edit(&simulated(&["far"]));
    let prepared = bed.plan().await;
    assert_eq!(
        steps(&prepared),
        // The backends lose the tenant's limits.
        [
            "Update hub/grafana",
            "Update hub/loki",
            "Update hub/mimir",
            "Update hub/tempo",
            "Update hub/tenant-gateway",
            "Remove remove edge/cluster",
        ]
    );
    let report = bed.converge().await;
    assert_eq!(outcomes(&report)["remove edge/cluster"], Outcome::Removed);

    let (gateway, grafana) = hub_configuration(&hub).await;
    assert!(!gateway.contains("tenant-edge") && gateway.contains("tenant-far"), "{gateway}");
    assert!(!grafana.contains("tenant-edge") && grafana.contains("tenant-far"), "{grafana}");
    assert_eq!(difference(&far_before, &census(&far).await), [""; 0]);
    let touched = difference(&hub_before, &census(&hub).await);
    let expected = |name: &String| {
        let what = name.split_once(' ').unwrap().1;
        what.contains(" observability/grafana")
            || what.contains(" lgtm-gateway/tenant-gateway")
            || ["loki", "mimir", "tempo"].iter().any(|name| what.contains(&format!(" {name}/{name}")))
            || what.starts_with("configmaps lgtmctl-system/removal.unit.")
            || what == "configmaps lgtmctl-system/removal.cluster.edge"
    };
    assert!(touched.iter().all(expected), "{touched:#?}");
    assert!(
        touched.contains(&"gone configmaps lgtmctl-system/removal.cluster.edge".to_owned()),
        "{touched:#?}"
    );
    assert!(
        !touched.iter().any(|name| name.starts_with("replaced") || name.starts_with("new")),
        "{touched:#?}"
    );
    // The cluster, its processes and its files are gone.
    let left: Vec<_> = std::fs::read_dir(bed.folder.path().join("state/simulated"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!left.iter().any(|name| name.contains("edge")) && left.len() == 2, "{left:?}");
    assert_eq!(steps(&bed.plan().await), [""; 0]);

    let report = bed.destroy().await;
    assert!(report.is_complete(), "{report:#?}");
    let left = std::fs::read_dir(bed.folder.path().join("state/simulated")).unwrap().count();
    assert_eq!(left, 0);
    bed.restart();
    let prepared = bed.plan().await;
    assert!(prepared.observed.fleet.is_empty(), "{:?}", prepared.observed.fleet);
    assert!(
        prepared.plan.steps.iter().all(|step| step.change == Change::Create || step.change == Change::Later)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn existing_clusters_are_left_as_they_were_found() {
    let mut bed = Bed::new(&existing("", &["edge"]));
    let clusters = Existing::make(bed.folder.path(), &["hub", "edge", "far", "elsewhere"]).await;
    let kubeconfig = std::fs::read(bed.folder.path().join(KUBECONFIG)).unwrap();
    let hub = clusters.hand("hub").await;
    let edge = clusters.hand("edge").await;
    let far = clusters.hand("far").await;

    // What others have there: a namespace of their own, and later something in ours.
    for hand in [&hub, &edge] {
        hand.create("/api/v1/namespaces", &json!({"metadata": {"name": "theirs"}})).await;
        let object = json!({"metadata": {"name": "settings"}, "data": {"a": "b"}});
        hand.create("/api/v1/namespaces/theirs/configmaps", &object).await;
    }
    let (hub_found, edge_found, far_found) = (settled(&hub).await, settled(&edge).await, settled(&far).await);

    let report = bed.converge().await;
    assert!(!report.done.values().any(|outcome| *outcome == Outcome::Removed));
    assert_eq!(steps(&bed.plan().await), [""; 0]);
    let address = hub.get("/api/v1/namespaces/lgtm-gateway/services/tenant-gateway").await.unwrap();
    let address = address["status"]["loadBalancer"]["ingress"][0]["ip"].as_str().unwrap().to_owned();
    let agents = edge.list("/api/v1/namespaces/observability/configmaps").await;
    assert!(serde_json::to_string(&agents).unwrap().contains(&address), "the agents do not know {address}");

    // A second spoke joins, and the first leaves, in one edit.
    let own = json!({"metadata": {"name": "a-team-s-own"}, "data": {"a": "b"}});
    edge.create("/api/v1/namespaces/observability/configmaps", &own).await;
    bed.edit(&existing("", &["far"]));
    let report = bed.converge().await;
    assert_eq!(outcomes(&report)["remove edge/enrolment"], Outcome::Removed);
    let left = difference(&edge_found, &census(&edge).await);
    assert_eq!(
        left,
        [
            "new configmaps observability/a-team-s-own",
            "new configmaps observability/kube-root-ca.crt",
            "new namespaces observability",
            "new serviceaccounts observability/default",
        ]
    );
    // What is kept is nobody's of ours any more.
    let kept = edge.get("/api/v1/namespaces/observability").await.unwrap();
    assert!(kept["metadata"]["labels"]["lgtmctl.dev/topology"].is_null(), "{kept}");
    let (gateway, _) = hub_configuration(&hub).await;
    assert!(gateway.contains("tenant-far") && !gateway.contains("tenant-edge"), "{gateway}");
    assert_eq!(steps(&bed.plan().await), [""; 0]);

    // Destroy: the claims hold data, and so their namespaces stay; everything else goes.
    let report = bed.destroy().await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(difference(&far_found, &census(&far).await), [""; 0]);
    let left = difference(&hub_found, &census(&hub).await);
    let kinds: BTreeSet<&str> = left.iter().map(|name| name.split(' ').nth(1).unwrap()).collect();
    assert_eq!(
        kinds,
        BTreeSet::from([
            "configmaps",
            "namespaces",
            "persistentvolumeclaims",
            "persistentvolumes",
            "serviceaccounts"
        ]),
        "{left:#?}"
    );
    let namespaces: BTreeSet<&str> =
        left.iter().filter_map(|name| name.strip_prefix("new namespaces ")).collect();
    assert_eq!(namespaces, BTreeSet::from(["loki", "mimir", "observability", "tempo"]));
    assert!(records(&census(&hub).await).is_empty());
    assert_eq!(std::fs::read(bed.folder.path().join(KUBECONFIG)).unwrap(), kubeconfig);

    // It can be applied again at once, and finds its data; then it goes with its data.
    bed.restart();
    bed.converge().await;
    assert_eq!(steps(&bed.plan().await), [""; 0]);
    let options = PlanOptions { delete_data: true, ..PlanOptions::default() };
    let foreign = json!({
        "metadata": {"name": "their-data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    hub.create("/api/v1/namespaces/tempo/persistentvolumeclaims", &foreign).await;
    let report = bed.destroy_with(options).await;
    assert!(report.is_complete(), "{report:#?}");
    let mut left = difference(&hub_found, &census(&hub).await);
    left.retain(|name| !name.contains(" persistentvolumes "));
    assert_eq!(
        left,
        [
            "new configmaps tempo/kube-root-ca.crt",
            "new namespaces tempo",
            "new persistentvolumeclaims tempo/their-data",
            "new serviceaccounts tempo/default",
        ]
    );
    assert_eq!(std::fs::read(bed.folder.path().join(KUBECONFIG)).unwrap(), kubeconfig);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cluster_behind_the_same_context_is_refused() {
    let mut bed = Bed::new(&existing(", segment: 172.20.0.248/29", &["edge"]));
    let mut clusters = Existing::make(bed.folder.path(), &["hub", "edge"]).await;
    bed.converge().await;
    clusters.make_anew(bed.folder.path(), "edge").await;
    bed.restart();
    let edge = clusters.hand("edge").await;
    let found = settled(&edge).await;

    let error = bed.try_plan().await.unwrap_err();
    let lgtm_executor::prepare::PrepareError::Plan(problems) = &error else { panic!("{error:?}") };
    assert!(
        matches!(problems.as_slice(), [PlanError::AnotherCluster { cluster, .. }] if cluster.as_str() == "edge"),
        "{problems:?}"
    );

    // Neither when it leaves the file, nor when all goes, is anything done to it.
    bed.edit(&existing(", segment: 172.20.0.248/29", &[]));
    bed.try_plan().await.unwrap_err();
    let report = bed.destroy().await;
    assert!(!report.is_complete());
    assert_eq!(difference(&found, &census(&edge).await), [""; 0]);
    // The hub keeps its records, because edge's real cluster may still have to be cleaned.
    let hub = clusters.hand("hub").await;
    assert_eq!(records(&census(&hub).await).iter().filter(|name| name.starts_with("cluster.")).count(), 2);
}
