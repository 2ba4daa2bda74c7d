//! Custom resources that say in conditions when they are ready, and webhooks that are ready when others have written
//! into them. On a cluster that is not simulated they are waited for,
//! and the test plays their controllers.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
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

/// cert-manager's injector is another program than the webhook, and may come after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_waited_for_until_its_authority_is_injected() {
    let bed = Arc::new(Bed::new(TOPOLOGY));
    let existing = Existing::make(bed.folder.path(), &["hub"]).await;
    let hand = existing.hand("hub").await;
    bed.write_objects("mine.json", &[webhook(true)]);
    let applying = tokio::spawn({
        let bed = Arc::clone(&bed);
        async move { bed.apply_with(only("hub/mine"), ApplyOptions::default()).await }
    });
    while hand.get(WEBHOOK).await.is_none() {
        assert!(!applying.is_finished(), "{:#?}", applying.await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!applying.is_finished(), "nobody waited");
    let root = hand.get("/api/v1/namespaces/default/configmaps/kube-root-ca.crt").await.unwrap();
    let bundle = BASE64.encode(root["data"]["ca.crt"].as_str().unwrap());
    let inject = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]);
    hand.patch(WEBHOOK, &inject).await;
    let report = applying.await.unwrap();
    assert!(report.is_complete(), "{report:#?}");

    // One that nobody is asked to write into is ready when it is there.
    hand.delete(WEBHOOK).await;
    bed.write_objects("mine.json", &[webhook(false)]);
    let report = bed.apply_with(only("hub/mine"), ApplyOptions::default()).await;
    assert!(report.is_complete(), "{report:#?}");
}

const WEBHOOK: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/mine";

fn webhook(is_marked: bool) -> Value {
    let mut object = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "mine"},
        "webhooks": [{
            "name": "mine.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"name": "mine", "namespace": "apps"}},
            "rules": [{
                "apiGroups": ["example.com"], "apiVersions": ["v1"], "resources": ["things"], "operations": ["CREATE"],
            }],
        }],
    });
    if is_marked {
        object["metadata"]["annotations"] = json!({"cert-manager.io/inject-ca-from-secret": "apps/mine-ca"});
    }
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_simulated_cluster_nobody_is_waited_for_who_cannot_come() {
    let extra = Extra::new(&[definition("Gateway", "gateways"), gateway(), webhook(true)]).await;
    assert!(extra.hand.get(GATEWAY).await.unwrap().get("status").is_none());
    assert!(extra.hand.get(WEBHOOK).await.is_some());
    assert_eq!(extra.changes().await, [""; 0]);
}
