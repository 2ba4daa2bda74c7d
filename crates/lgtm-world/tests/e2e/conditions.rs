//! Custom resources that say in conditions when they are ready. On a cluster that is not simulated they are waited for,
//! and the test plays their controllers.

use std::{sync::Arc, time::Duration};

use lgtm_executor::ApplyOptions;
use serde_json::{Value, json};

use crate::{
    bed::{Bed, only},
    existing::Existing,
    extra::{Extra, deployment},
};

const GATEWAY: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/apps/gateways/front";

const TOPOLOGY: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: ready}
spec:
  provider: {existing: {kubeconfig: clusters.yaml}}
  hub: {name: hub, provider: {existing: {context: hub}}}
  spokes: []
  extraManifests:
    - {name: mine, clusters: [hub], namespace: apps, files: [mine.json]}
";

/// As much of a definition as objects need.
pub(crate) fn definition(kind: &str, plural: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.gateway.networking.k8s.io"),
            // The API server takes no definition of this group without it.
            "annotations": {"api-approved.kubernetes.io": "https://example.com/approved"},
        },
        "spec": {
            "group": "gateway.networking.k8s.io", "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
}

fn gateway() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "front"},
        "spec": {"gatewayClassName": "any"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_waited_for_until_its_controller_has_programmed_it() {
    let bed = Arc::new(Bed::new(TOPOLOGY));
    let existing = Existing::make(bed.folder.path(), &["hub"]).await;
    let hand = existing.hand("hub").await;
    bed.write_objects("mine.json", &[definition("Gateway", "gateways"), gateway()]);
    let applying = tokio::spawn({
        let bed = Arc::clone(&bed);
        async move { bed.apply_with(only("hub/mine"), ApplyOptions::default()).await }
    });
    while hand.get(GATEWAY).await.is_none() {
        assert!(!applying.is_finished(), "{:#?}", applying.await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let status = |programmed: &str| {
        json!({"status": {"conditions": [{
            "type": "Programmed", "status": programmed, "observedGeneration": 1, "reason": "Pending",
        }]}})
    };
    hand.merge(&format!("{GATEWAY}/status"), &status("False")).await;
    // Longer than several looks.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!applying.is_finished(), "nobody waited");
    hand.merge(&format!("{GATEWAY}/status"), &status("True")).await;
    let report = applying.await.unwrap();
    assert!(report.is_complete(), "{report:#?}");
}

/// The operator calls a collector ready when it has made everything, and says nothing of pods.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_waited_for_until_what_runs_it_is_ready() {
    const COLLECTOR: &str = "/apis/opentelemetry.io/v1beta1/namespaces/apps/opentelemetrycollectors/mine";
    let mut definition = definition("OpenTelemetryCollector", "opentelemetrycollectors");
    definition["metadata"] = json!({"name": "opentelemetrycollectors.opentelemetry.io"});
    definition["spec"]["group"] = json!("opentelemetry.io");
    definition["spec"]["versions"][0]["name"] = json!("v1beta1");
    let collector = json!({
        "apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector",
        "metadata": {"name": "mine"}, "spec": {"mode": "deployment"},
    });
    let bed = Arc::new(Bed::new(TOPOLOGY));
    let existing = Existing::make(bed.folder.path(), &["hub"]).await;
    let hand = existing.hand("hub").await;
    bed.write_objects("mine.json", &[definition, collector]);
    let applying = tokio::spawn({
        let bed = Arc::clone(&bed);
        async move { bed.apply_with(only("hub/mine"), ApplyOptions::default()).await }
    });
    while hand.get(COLLECTOR).await.is_none() {
        assert!(!applying.is_finished(), "{:#?}", applying.await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // A node that nobody has, so that its pod waits.
    let mut deployment = deployment("mine-collector", "collector:1", Some(1));
    deployment["spec"]["template"]["spec"]["nodeSelector"] = json!({"example.com/none": "such"});
    hand.create("/apis/apps/v1/namespaces/apps/deployments", &deployment).await;
    let status = json!({"status": {"version": "0.158.0", "conditions": [{
        "type": "Ready", "status": "True", "observedGeneration": 1, "reason": "Reconciled",
    }]}});
    hand.merge(&format!("{COLLECTOR}/status"), &status).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!applying.is_finished(), "nobody waited for the pods");
    let schedulable = json!({"spec": {"template": {"spec": {"nodeSelector": null}}}});
    hand.merge("/apis/apps/v1/namespaces/apps/deployments/mine-collector", &schedulable).await;
    let report = applying.await.unwrap();
    assert!(report.is_complete(), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_simulated_cluster_nobody_is_waited_for_who_cannot_come() {
    let extra = Extra::new(&[definition("Gateway", "gateways"), gateway()]).await;
    assert!(extra.hand.get(GATEWAY).await.unwrap().get("status").is_none());
    assert_eq!(extra.changes().await, [""; 0]);
}
