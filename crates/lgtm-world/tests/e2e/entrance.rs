//! A host name for Grafana, on a real API server: definitions, certificate, Gateway and routes come in their order and
//! go again. The definitions are as much of the Gateway API's as the objects need; nobody plays them.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lgtm_planner::catalog::entrance::GATEWAY_API;
use lgtm_world::{charts::upstream::Remote, pki::Certificate};
use serde_json::{Value, json};

use crate::{
    bed::{Bed, changes, only},
    conditions::definition,
    hand::Hand,
};

const UNIT: &str = "hub/grafana-gateway";
const NAMESPACE: &str = "observability";

fn topology(grafana: &str) -> String {
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: entrance}}\nspec:\n  \
         provider: {{kwok: {{}}}}\n  hub: {{name: hub, segment: 248/29, grafana: {grafana}}}\n  spokes: []\n"
    )
}

fn path(plural: &str, name: &str) -> String {
    format!("/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/{plural}/{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_comes_and_goes_with_all_that_it_needs() {
    let mut bed = Bed::new(&topology("{host: grafana.example.com, gatewayClass: cilium}"));
    let file = Remote::Manifests(GATEWAY_API.to_owned()).file_name();
    let definitions = [definition("Gateway", "gateways"), definition("HTTPRoute", "httproutes")];
    bed.write_objects(&format!("mirror/{file}"), &definitions);
    bed.converge_unit(UNIT).await;
    assert_eq!(changes(&bed.plan_with(only(UNIT)).await), [""; 0]);

    let hand = Hand::new(bed.by_hand("hub").await);
    let gateway = hand.get(&path("gateways", "grafana")).await.unwrap();
    // The first address of the segment is the tenant gateway's.
    let wish = "/spec/infrastructure/annotations/lbipam.cilium.io~1ips";
    assert_eq!(gateway.pointer(wish), Some(&json!("172.18.255.249")));
    assert!(hand.get(&path("httproutes", "grafana-redirect")).await.is_some());
    let secret = hand.get(&format!("/api/v1/namespaces/{NAMESPACE}/secrets/grafana-tls")).await.unwrap();
    assert_eq!(secret["type"], "kubernetes.io/tls");
    let pem = STANDARD.decode(secret["data"]["tls.crt"].as_str().unwrap()).unwrap();
    let certificate = Certificate::from_pem(std::str::from_utf8(&pem).unwrap()).unwrap();
    assert!(
        format!("{:?}", certificate.facts()).contains("grafana.example.com"),
        "{:?}",
        certificate.facts()
    );
    let config = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/grafana-config");
    let knows = |config: Option<Value>| config.unwrap().to_string().contains("https://grafana.example.com/");
    assert!(knows(hand.get(&config).await));

    bed.edit(&topology("{}"));
    bed.converge().await;
    assert!(!knows(hand.get(&config).await));
    // The API server first looks for objects of a kind whose definition goes.
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let mut left = hand.list(definitions).await;
    assert!(
        left.iter().all(|definition| definition["metadata"]["deletionTimestamp"].is_string()),
        "{left:?}"
    );
    for _ in 0..300 {
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        left = hand.list(definitions).await;
    }
    assert!(left.is_empty(), "{left:?}");
    let secrets = hand.list(&format!("/api/v1/namespaces/{NAMESPACE}/secrets")).await;
    assert!(secrets.iter().all(|secret| secret["metadata"]["name"] != "grafana-tls"), "{secrets:?}");
}
