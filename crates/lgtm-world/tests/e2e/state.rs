//! What an apply comes to, without what differs from one making to the next, and the check that clusters
//! and inventories agree: no orphan, nothing recorded that is not there, no Lease left.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::inventory::{Inventory, State};
use serde_json::{Value, json};

use crate::{census::every_object, hand::Hand};

/// A digest, or part of one, follows from keys that are made anew. A gateway's map may hold the
/// certificate before this one as well, so runs of masked lines count once.
fn mask(text: &str) -> String {
    let mut masked = String::new();
    let mut hex = String::new();
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_hexdigit() && !character.is_ascii_uppercase() {
            hex.push(character);
            continue;
        }
        masked.push_str(if hex.len() >= 12 { "#" } else { &hex });
        hex.clear();
        masked.push(character);
    }
    let mut lines: Vec<&str> = masked.split("\\n").collect();
    lines.dedup_by(|line, before| line == before && line.contains('#'));
    lines.join("\n")
}

/// An object without what differs from one making to the next.
fn normalised(object: &Value) -> String {
    let mut object = object.clone();
    object["status"] = Value::Null;
    for field in
        ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "ownerReferences"]
    {
        object["metadata"][field] = Value::Null;
    }
    // How often a Deployment was rolled out is its history, not what it is.
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove("deployment.kubernetes.io/revision");
    }
    if object["metadata"]["annotations"] == json!({}) {
        object["metadata"]["annotations"] = Value::Null;
    }
    if object["data"].is_object() && object["type"].is_string() {
        object["data"] = json!(object["data"].as_object().unwrap().keys().collect::<Vec<_>>());
    }
    if object["spec"]["clusterIP"] != json!("None") {
        object["spec"]["clusterIP"] = Value::Null;
        object["spec"]["clusterIPs"] = Value::Null;
    }
    for port in object["spec"]["ports"].as_array_mut().into_iter().flatten() {
        port["nodePort"] = Value::Null;
    }
    mask(&object.to_string())
}

fn inventories(topology: &str, objects: &BTreeMap<String, Value>) -> Vec<Inventory> {
    objects
        .iter()
        .filter(|(name, _)| name.starts_with(&format!("configmaps lgtmctl-system/{topology}.unit.")))
        .map(|(_, object)| serde_json::from_str(object["data"]["record"].as_str().unwrap()).unwrap())
        .collect()
}

/// All that bears our label as it should be, and that inventories and clusters agree.
pub(crate) async fn state(hand: &Hand, topology: &str, cluster: &str) -> BTreeMap<String, String> {
    let objects = every_object(hand).await;
    let records = inventories(topology, &objects);
    let mut recorded: BTreeMap<String, String> = BTreeMap::new();
    let mut state = BTreeMap::new();
    for record in &records {
        assert_eq!(record.state, State::Applied, "{cluster}/{}", record.unit);
        for object in &record.objects {
            let name = match &object.key.namespace {
                Some(namespace) => format!("{} {namespace}/{}", object.plural, object.key.name),
                None => format!("{} {}", object.plural, object.key.name),
            };
            let twice = recorded.insert(name.clone(), object.uid.clone().unwrap());
            assert!(twice.is_none(), "{cluster}: two inventories hold {name}");
        }
        let needs: Vec<String> = record.needs.iter().map(ToString::to_string).collect();
        let facts: Vec<&str> = record.facts.keys().map(AsRef::as_ref).collect();
        let used: Vec<String> = record.used.iter().map(|used| used.fact.to_string()).collect();
        state.insert(format!("unit {}", record.unit), format!("{needs:?} {facts:?} {used:?}"));
    }
    for (name, object) in &objects {
        let labels = &object["metadata"]["labels"];
        // Endpoints bear the labels of their Service.
        if labels["lgtmctl.dev/topology"] != topology
            || !labels["lgtmctl.dev/record"].is_null()
            || name.starts_with("endpoint")
        {
            continue;
        }
        let uid = recorded.remove(name);
        assert_eq!(uid.as_deref(), object["metadata"]["uid"].as_str(), "{cluster}: an orphan, {name}");
        state.insert(name.clone(), normalised(object));
    }
    assert!(recorded.is_empty(), "{cluster}: recorded and not there: {recorded:?}");
    let leases: BTreeSet<&String> =
        objects.keys().filter(|name| name.starts_with("leases lgtmctl-system/")).collect();
    assert!(leases.is_empty(), "{leases:?}");
    state
}

pub(crate) fn assert_same(what: &str, one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    for name in names {
        assert_eq!(one.get(name), other.get(name), "{what}: {name}");
    }
}
