//! Everything that is on a cluster, so that a test can say what changed and what must not have.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::hand::Hand;

/// Kinds that controllers write all the time, and that follow from others.
const RESTLESS: &[&str] = &[
    "componentstatuses",
    "controllerrevisions",
    "csinodes",
    "endpoints",
    "endpointslices",
    "events",
    "ipaddresses",
    "leases",
    "nodes",
    "pods",
    "replicasets",
];

/// One object's name, as `configmaps observability/grafana`, and what tells one state of it from another.
pub(crate) type Census = BTreeMap<String, Value>;

/// What every object of a cluster is, told from its earlier and later states.
pub(crate) async fn census(hand: &Hand) -> Census {
    let mut found = every_object(hand).await;
    found.retain(|name, _| !RESTLESS.iter().any(|plural| name.starts_with(&format!("{plural} "))));
    found.into_iter().map(|(name, object)| (name, state_of(&object))).collect()
}

/// Every object of every kind that the server serves.
pub(crate) async fn every_object(hand: &Hand) -> BTreeMap<String, Value> {
    let mut places = vec!["/api/v1".to_owned()];
    for group in hand.get("/apis").await.unwrap()["groups"].as_array().unwrap() {
        places.push(format!("/apis/{}", group["preferredVersion"]["groupVersion"].as_str().unwrap()));
    }
    let mut found = BTreeMap::new();
    for place in places {
        let Some(listed) = hand.get(&place).await else { continue };
        for resource in listed["resources"].as_array().unwrap() {
            let plural = resource["name"].as_str().unwrap();
            let lists = resource["verbs"].as_array().unwrap().contains(&json!("list"));
            if !lists || plural.contains('/') || plural == "events" {
                continue;
            }
            for object in hand.list(&format!("{place}/{plural}")).await {
                found.insert(name_of(plural, &object), object);
            }
        }
    }
    found
}

/// A census of a cluster whose controllers have come to rest, as a new one's do after a moment.
pub(crate) async fn settled(hand: &Hand) -> Census {
    let mut before = census(hand).await;
    for _ in 0..60 {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        let now = census(hand).await;
        if now == before {
            return now;
        }
        before = now;
    }
    panic!("the cluster does not come to rest");
}

fn name_of(plural: &str, object: &Value) -> String {
    let name = object["metadata"]["name"].as_str().unwrap();
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{plural} {namespace}/{name}"),
        None => format!("{plural} {name}"),
    }
}

/// The uid and what changes when the object does; a status alone is no change.
fn state_of(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let moves = if metadata["generation"].is_null() {
        metadata["resourceVersion"].clone()
    } else {
        metadata["generation"].clone()
    };
    json!([metadata["uid"], moves, metadata["labels"], metadata["annotations"]])
}

/// The names that differ, each with what happened to it.
pub(crate) fn difference(before: &Census, after: &Census) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| match (before.get(name), after.get(name)) {
            (Some(one), Some(other)) if one == other => None,
            (Some(one), Some(other)) if one[0] == other[0] => Some(format!("changed {name}")),
            (Some(_), Some(_)) => Some(format!("replaced {name}")),
            (Some(_), None) => Some(format!("gone {name}")),
            (None, _) => Some(format!("new {name}")),
        })
        .collect()
}
