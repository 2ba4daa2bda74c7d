//! What an autoscaler has taken over stays its own.

use std::{sync::Arc, time::Duration};

use lgtm_executor::sim::{Entry, Universe};
use lgtm_topology::ClusterName;
use serde_json::Value;

use crate::scene::{Goal, assert_nothing_to_do, parse, run, universe, virtually};

/// An autoscaler takes the number of replicas over from a release that says one. Plans show nothing of that, and an
/// apply that changes something else leaves the number to it.
#[test]
fn what_an_autoscaler_holds_is_left_to_it() {
    let topology = |value: u64| {
        parse(&format!(
            "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: scaled}}\nspec:\n  \
             provider: {{kwok: {{}}}}\n  hub: {{name: hub, segment: 248/29}}\n  spokes: []\n  \
             extraReleases:\n    - {{name: own, clusters: [hub], chart: charts/own, namespace: own, values: {{number: {value}}}}}\n"
        ))
    };
    virtually(async {
        let universe = universe(11, &[&topology(1)]);
        let deployment = |universe: &Arc<Universe>| {
            universe.by_hand(|clusters, _| {
                let server = &clusters[&ClusterName::new("hub")].server;
                let key = server.keys().find(|key| key.kind == "Deployment" && key.name == "own").unwrap();
                server.get(key).unwrap()
            })
        };
        let replicas = |found: &Value| found["spec"]["replicas"].as_u64();
        for value in 1..=3 {
            assert!(run(&universe, &topology(value), Goal::Apply).await.is_complete());
            // The first time it may not have looked yet; after that nobody sets the number back.
            assert!(value == 1 || replicas(&deployment(&universe)) == Some(2), "{value}");
            tokio::time::sleep(Duration::from_secs(60)).await;
            let found = deployment(&universe);
            assert_eq!(replicas(&found), Some(2));
            let entries = found["metadata"]["managedFields"].as_array().unwrap();
            let holders: Vec<&Value> = entries
                .iter()
                .filter(|entry| !entry["fieldsV1"]["f:spec"]["f:replicas"].is_null())
                .map(|entry| &entry["manager"])
                .collect();
            assert_eq!(holders, ["kube-controller-manager"]);
            assert_nothing_to_do(&universe, &topology(value), true).await;
        }
        let scaled = |entry: &&Entry| {
            entry.key.as_ref().is_some_and(|key| key.kind == "Deployment" && key.name == "own")
        };
        assert_eq!(universe.take_log().iter().filter(scaled).count(), 3);
    });
}
