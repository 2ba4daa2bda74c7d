//! Where objects of a kind live: built-in kinds as the server says, custom ones as their definition says.

use lgtm_planner::object::{ObjectKey, Scope, built_in_scope};
use serde_json::{Value, json};

use crate::{
    bed::{Bed, steps},
    hand::Hand,
};

fn topology(extras: &str) -> String {
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: scopes}}\nspec:\n  \
         provider: {{kwok: {{}}}}\n  hub: {{name: hub, segment: 248/29}}\n  spokes: []\n{extras}"
    )
}

const EXTRAS: &str = "  extraManifests:
    - {name: definitions, clusters: [hub], files: [definitions.json]}
    - {name: mine, clusters: [hub], namespace: apps, files: [mine.json]}
";

fn definition(group: &str, kind: &str, scope: &str) -> Value {
    let plural = format!("{}s", kind.to_lowercase());
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{group}"),
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": group, "scope": scope,
            "names": {"kind": kind, "plural": plural, "listKind": format!("{kind}List")},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            }}}],
        },
    })
}

fn custom(group: &str, kind: &str) -> Value {
    json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": "one"}, "spec": {"a": 1}})
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_resources_without_a_namespace() {
    let mut bed = Bed::new(&topology(""));
    bed.converge().await;
    let hand = Hand::new(bed.by_hand("hub").await);
    // One that someone else has defined, one of the plan's own, and one in a group of Kubernetes' name.
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    hand.create(definitions, &definition("example.org", "Theirs", "Cluster")).await;
    bed.write_objects(
        "definitions.json",
        &[
            definition("example.com", "Ours", "Cluster"),
            definition("gateway.networking.k8s.io", "GatewayClass", "Cluster"),
            definition("gateway.networking.k8s.io", "Gateway", "Namespaced"),
        ],
    );
    let paths = [
        "/apis/example.org/v1/theirss/one",
        "/apis/example.com/v1/ourss/one",
        "/apis/gateway.networking.k8s.io/v1/gatewayclasss/one",
        "/apis/gateway.networking.k8s.io/v1/namespaces/apps/gateways/one",
    ];
    bed.write_objects(
        "mine.json",
        &[
            custom("example.org", "Theirs"),
            custom("example.com", "Ours"),
            custom("gateway.networking.k8s.io", "GatewayClass"),
            custom("gateway.networking.k8s.io", "Gateway"),
        ],
    );
    bed.edit(&topology(EXTRAS));
    bed.converge().await;
    let prepared = bed.plan().await;
    assert_eq!(steps(&prepared), [""; 0]);
    let unit = prepared.observed.inventory(&"hub/mine".parse().unwrap()).unwrap();
    let places: Vec<(&str, Option<&str>)> = unit
        .objects
        .iter()
        .map(|object| (object.key.kind.as_str(), object.key.namespace.as_deref()))
        .collect();
    assert_eq!(places, [("Theirs", None), ("Ours", None), ("GatewayClass", None), ("Gateway", Some("apps"))]);
    for path in paths {
        assert!(hand.get(path).await.is_some(), "{path}");
    }
    // Drift is seen on each, and each goes with its unit.
    hand.merge(paths[0], &json!({"spec": {"a": 2}})).await;
    assert_eq!(steps(&bed.plan().await), ["Repair hub/mine"]);
    bed.converge().await;
    bed.edit(&topology(""));
    bed.converge().await;
    assert_eq!(steps(&bed.plan().await), [""; 0]);
    assert!(hand.get(paths[0]).await.is_none());
    assert!(hand.get(&format!("{definitions}/gateways.gateway.networking.k8s.io")).await.is_none());
    assert!(hand.get(&format!("{definitions}/theirss.example.org")).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn built_in_kinds_live_where_the_server_says() {
    let bed = Bed::new(&topology(""));
    bed.converge_unit("hub/namespaces").await;
    let hand = Hand::new(bed.by_hand("hub").await);
    let groups = hand.get("/apis").await.unwrap();
    let mut paths = vec!["/api/v1".to_owned()];
    for group in groups["groups"].as_array().unwrap() {
        for version in group["versions"].as_array().unwrap() {
            paths.push(format!("/apis/{}", version["groupVersion"].as_str().unwrap()));
        }
    }
    let mut seen = 0;
    for path in paths {
        let listed = hand.get(&path).await.unwrap();
        let group = path.strip_prefix("/apis/").and_then(|path| path.split('/').next()).unwrap_or_default();
        for resource in listed["resources"].as_array().unwrap() {
            let (name, kind) = (resource["name"].as_str().unwrap(), resource["kind"].as_str().unwrap());
            // Only what can be read back can be applied; a subresource is no object of its own.
            let verbs = resource["verbs"].as_array().unwrap();
            if name.contains('/') || kind == "ComponentStatus" || !verbs.contains(&json!("patch")) {
                continue;
            }
            let scope = if resource["namespaced"] == true { Scope::Namespaced } else { Scope::Cluster };
            let key =
                ObjectKey { group: group.into(), kind: kind.into(), namespace: None, name: name.into() };
            assert_eq!(built_in_scope(group, kind), Some(scope), "{key}");
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} kinds");
}
