//! Namespaces that the topology no longer has go last of all, and only when nobody is in them.

use serde_json::{Value, json};

use crate::{
    bed::{Bed, steps},
    extra::config_map,
    hand::Hand,
};

/// Units of manifests, each as its name and namespace; without a namespace the objects say it.
fn topology(units: &[(&str, Option<&str>)]) -> String {
    let units: Vec<String> = units
        .iter()
        .map(|(name, namespace)| {
            let namespace =
                namespace.map(|namespace| format!("namespace: {namespace}, ")).unwrap_or_default();
            format!("    - {{name: {name}, clusters: [hub], {namespace}files: [{name}.json]}}\n")
        })
        .collect();
    let extras =
        if units.is_empty() { String::new() } else { format!("  extraManifests:\n{}", units.concat()) };
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: namespaces}}\nspec:\n  \
         provider: {{kwok: {{}}}}\n  hub: {{name: hub, segment: 248/29}}\n  spokes: []\n{extras}"
    )
}

async fn edit(bed: &mut Bed, units: &[(&str, Option<&str>)]) -> Vec<String> {
    bed.edit(&topology(units));
    let planned = steps(&bed.plan().await);
    bed.converge().await;
    assert_eq!(steps(&bed.plan().await), [""; 0]);
    planned
}

fn at(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_outlives_what_was_in_it() {
    let mut bed = Bed::new(&topology(&[("mine", Some("one"))]));
    let mut held = config_map("held", &json!({"a": "1"}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    bed.write_objects("mine.json", &[held]);
    bed.converge().await;
    let hand = Hand::new(bed.by_hand("hub").await);

    // While a finalizer holds the old place, the new one is ready: whoever waits for it sees it so.
    let freed = tokio::spawn(async move {
        let path = "/api/v1/namespaces/one/configmaps/held";
        loop {
            let old: Value = hand.get(path).await.unwrap();
            if !old["metadata"]["deletionTimestamp"].is_null() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let new = hand.get("/api/v1/namespaces/two/configmaps/held").await.unwrap();
        assert!(new["metadata"]["deletionTimestamp"].is_null());
        hand.patch(path, &json!([{"op": "remove", "path": "/metadata/finalizers"}])).await;
        hand
    });
    let planned = edit(&mut bed, &[("mine", Some("two"))]).await;
    assert_eq!(planned, ["Update hub/namespaces", "Update hub/mine", "Remove remove hub/namespaces"]);
    let hand = freed.await.unwrap();
    assert!(hand.get(&at("one")).await.is_none());

    // What still stands in a namespace keeps it, whichever unit it was made for.
    let mut guest = config_map("guest", &json!({"a": "1"}));
    guest["metadata"]["namespace"] = json!("two");
    let held = "/api/v1/namespaces/two/configmaps/held";
    hand.patch(held, &json!([{"op": "remove", "path": "/metadata/finalizers"}])).await;
    bed.write_objects("mine.json", &[config_map("own", &json!({"a": "1"}))]);
    bed.write_objects("other.json", &[guest]);
    edit(&mut bed, &[("mine", Some("two")), ("other", None)]).await;
    edit(&mut bed, &[("other", None)]).await;
    assert!(hand.get(&format!("{}/configmaps/guest", at("two"))).await.is_some());
    assert!(hand.get(&format!("{}/configmaps/own", at("two"))).await.is_none());
    let planned = edit(&mut bed, &[]).await;
    assert_eq!(planned, ["Remove remove hub/other", "Remove remove hub/namespaces"]);
    assert!(hand.get(&at("two")).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_goes_leaves_its_namespace_to_those_who_live_there() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shared"}});
    let placed = |name: &str| {
        let mut map = config_map(name, &json!({"a": "1"}));
        map["metadata"]["namespace"] = json!("shared");
        map
    };
    let mut bed = Bed::new(&topology(&[("owner", None)]));
    bed.write_objects("owner.json", &[namespace, placed("owners")]);
    bed.write_objects("lodger.json", &[placed("lodgers")]);
    bed.converge().await;
    edit(&mut bed, &[("owner", None), ("lodger", None)]).await;
    let hand = Hand::new(bed.by_hand("hub").await);
    assert_eq!(edit(&mut bed, &[("lodger", None)]).await, ["Remove remove hub/owner"]);
    assert!(hand.get(&format!("{}/configmaps/lodgers", at("shared"))).await.is_some());
    let owners = format!("{}/configmaps/owners", at("shared"));
    assert!(hand.get(&owners).await.is_none());
    // It comes back as new, though its record was never quite gone.
    edit(&mut bed, &[("owner", None), ("lodger", None)]).await;
    assert!(hand.get(&owners).await.is_some());
    // What is to be kept is kept, and is no reason to do the same again and again.
    let mut kept = placed("owners");
    kept["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shared"}});
    bed.write_objects("owner.json", &[namespace, kept]);
    edit(&mut bed, &[("owner", None), ("lodger", None)]).await;
    edit(&mut bed, &[("lodger", None)]).await;
    assert!(hand.get(&owners).await.is_some());
    hand.delete(&owners).await;
    edit(&mut bed, &[]).await;
    assert!(hand.get(&at("shared")).await.is_none(), "it was still known to be lgtmctl's");
}
