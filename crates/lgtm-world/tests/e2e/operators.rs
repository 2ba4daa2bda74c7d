//! What operators make of custom resources, when the resources are taken away. The test plays the operator, and the
//! real controller-manager takes away what the resource owned.

use lgtm_planner::plan::PlanOptions;
use serde_json::{Value, json};

use crate::{
    bed::Bed,
    conditions::definition,
    existing::{Existing, KUBECONFIG},
    hand::Hand,
};

const DEFINITION: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/databases.gateway.networking.k8s.io";
const SETS: &str = "/apis/apps/v1/namespaces/apps/statefulsets";

fn databases(namespace: &str) -> String {
    format!("/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/databases")
}

fn database(name: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Database", "metadata": {"name": name},
    })
}

/// What an operator makes: it is the resource's, and bears none of our labels.
fn set(name: &str, owner: Option<&Value>) -> Value {
    let labels = json!({"app": name});
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
        "spec": {
            "serviceName": name,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "database:1"}]},
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }],
        },
    });
    if let Some(owner) = owner {
        set["metadata"]["ownerReferences"] = json!([{
            "apiVersion": owner["apiVersion"], "kind": owner["kind"],
            "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        }]);
    }
    set
}

async fn claims(hand: &Hand) -> Vec<String> {
    let found = hand.list("/api/v1/namespaces/apps/persistentvolumeclaims").await;
    let staying = found.iter().filter(|claim| claim["metadata"]["deletionTimestamp"].is_null());
    staying.map(|claim| claim["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

async fn until_claimed(hand: &Hand, wanted: &[&str]) {
    for _ in 0..300 {
        if claims(hand).await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{:?}", claims(hand).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_goes_with_the_resource_whose_operator_keeps_it_and_with_no_other() {
    let bed = Bed::new(&format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: operators}}\nspec:\n  \
         provider: {{existing: {{kubeconfig: {KUBECONFIG}}}}}\n  \
         hub: {{name: hub, provider: {{existing: {{context: hub}}}}}}\n  spokes: []\n  \
         extraManifests:\n    - {{name: mine, clusters: [hub], namespace: apps, files: [mine.json]}}\n"
    ));
    let existing = Existing::make(bed.folder.path(), &["hub"]).await;
    let hand = existing.hand("hub").await;
    bed.write_objects("mine.json", &[definition("Database", "databases"), database("mine")]);
    bed.converge_unit("hub/mine").await;

    let mine = hand.get(&format!("{}/mine", databases("apps"))).await.unwrap();
    hand.create(SETS, &set("mine-made", Some(&mine))).await;
    until_claimed(&hand, &["data-mine-made-0"]).await;
    // Somebody else's set of the same namespace, and somebody else's resource that is on its way out.
    hand.create(SETS, &set("theirs", None)).await;
    until_claimed(&hand, &["data-mine-made-0", "data-theirs-0"]).await;
    let mut held = database("held");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    hand.create(&databases("default"), &held).await;
    let held = format!("{}/held", databases("default"));
    hand.begin_to_delete(&held).await;

    let options = PlanOptions { delete_data: true, ..PlanOptions::default() };
    let report = bed.destroy_with(options).await;
    assert!(report.is_complete(), "{report:#?}");
    assert!(hand.get(&format!("{SETS}/mine-made")).await.is_none());
    until_claimed(&hand, &["data-theirs-0"]).await;
    // Nobody's object is left of the kind but the one that goes, so the definition goes when that has gone.
    let definition = hand.get(DEFINITION).await.unwrap();
    assert!(!definition["metadata"]["deletionTimestamp"].is_null(), "the definition was kept");
    hand.patch(&held, &json!([{"op": "remove", "path": "/metadata/finalizers"}])).await;
    for _ in 0..300 {
        if hand.get(DEFINITION).await.is_none() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the definition does not go");
}
