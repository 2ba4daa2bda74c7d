//! Custom resources that say in conditions when they are ready. On a cluster that is not simulated they are waited for,
//! and the test plays their controllers.

use std::{sync::Arc, time::Duration};

use lgtm_executor::ApplyOptions;
use serde_json::{Value, json};

use crate::{
    bed::{Bed, only},
    existing::{Existing, KUBECONFIG},
    extra::Extra,
};

const GATEWAY: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/apps/gateways/front";

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
    let bed = Arc::new(Bed::new(&format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: ready}}\nspec:\n  \
         provider: {{existing: {{kubeconfig: {KUBECONFIG}}}}}\n  \
         hub: {{name: hub, provider: {{existing: {{context: hub}}}}}}\n  spokes: []\n  \
         extraManifests:\n    - {{name: mine, clusters: [hub], namespace: apps, files: [mine.json]}}\n"
    )));
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

#[tokio::test(flavor = "multi_thread")]
async fn on_a_simulated_cluster_nobody_is_waited_for_who_cannot_come() {
    let extra = Extra::new(&[definition("Gateway", "gateways"), gateway()]).await;
    assert!(extra.hand.get(GATEWAY).await.unwrap().get("status").is_none());
    assert_eq!(extra.changes().await, [""; 0]);
}
