//! What is there in the end, without what differs from one making to the next, and what must be so.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use lgtm_executor::sim::{Server, SimCluster, Universe};
use lgtm_planner::{
    fingerprint::fingerprint,
    inventory::{FleetEntry, Inventory, RECORD_LABEL, SYSTEM_NAMESPACE, State, TOPOLOGY_LABEL},
    object::{Object, ObjectKey},
    phase::is_run_once,
};
use lgtm_topology::{ClusterName, Topology};
use serde_json::{Value, json};

/// Everything on all clusters, by cluster and object.
pub(crate) type Snapshot = BTreeMap<String, String>;

/// Takes a snapshot of a universe at rest. Fails where inventories and clusters do not agree, where something
/// of ours is in no inventory, and where a Lease is left.
pub(crate) fn snapshot(universe: &Arc<Universe>, topology: &Topology) -> Snapshot {
    universe.by_hand(|clusters, _| {
        let uids: BTreeMap<ClusterName, String> =
            clusters.iter().map(|(name, cluster)| (name.clone(), identity(&cluster.server))).collect();
        let mut snapshot = Snapshot::new();
        for (name, cluster) in clusters.iter() {
            if !topology.clusters().any(|wanted| &wanted.name == name) {
                assert_clean(name, cluster);
                continue;
            }
            assert!(!cluster.stopped, "{name} is stopped");
            let workers = cluster.made_as.as_ref().map(|made| made.workers);
            snapshot.insert(name.to_string(), format!("{workers:?}"));
            for (key, text) in objects(&cluster.server, topology, name, &uids) {
                snapshot.insert(format!("{name}: {key}"), text);
            }
        }
        snapshot
    })
}

/// A cluster that is not of the topology is not lgtmctl's, and holds nothing of it.
pub(crate) fn assert_clean(name: &ClusterName, cluster: &SimCluster) {
    assert_eq!(cluster.made_as, None, "{name} is left");
    for key in cluster.server.keys() {
        let object = cluster.server.get(key).unwrap();
        let ours = object["metadata"]["labels"][TOPOLOGY_LABEL].is_string()
            || key.name == SYSTEM_NAMESPACE
            || key.namespace.as_deref() == Some(SYSTEM_NAMESPACE);
        assert!(!ours, "{name}: {key} is left");
    }
}

fn identity(server: &Server) -> String {
    let key = ObjectKey {
        group: String::new(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: "kube-system".to_owned(),
    };
    server.get(&key).unwrap()["metadata"]["uid"].as_str().unwrap().to_owned()
}

fn objects(
    server: &Server,
    topology: &Topology,
    cluster: &ClusterName,
    uids: &BTreeMap<ClusterName, String>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut recorded = BTreeSet::new();
    let mut ours = BTreeSet::new();
    for key in server.keys() {
        let object = server.get(key).unwrap();
        let label = |name: &str| object["metadata"]["labels"][name].as_str();
        assert!(object["metadata"]["deletionTimestamp"].is_null(), "{cluster}: {key} is on its way out");
        assert_ne!(key.kind, "Lease", "{cluster}: {key} is left");
        let text = match label(RECORD_LABEL) {
            Some("inventory") => {
                let inventory: Inventory = record(&object);
                for held in &inventory.objects {
                    let twice = !recorded.insert(held.key.clone());
                    assert!(!twice, "{cluster}: two inventories hold {}", held.key);
                }
                of_inventory(server, cluster, &inventory)
            }
            Some(_) => {
                let mut entry: FleetEntry = record(&object);
                assert_eq!(uids.get(&entry.cluster), Some(&entry.uid), "the record of {}", entry.cluster);
                entry.uid.clear();
                json!(entry).to_string()
            }
            None => {
                if label(TOPOLOGY_LABEL) == Some(topology.name.as_str()) {
                    ours.insert(key.clone());
                }
                let sent = Object::new(object.clone()).unwrap();
                if is_run_once(&sent) {
                    // Which hooks ran depends on how often something changed.
                    continue;
                }
                of_object(server, key, &object)
            }
        };
        found.insert(key.to_string(), mask(&text));
    }
    let orphans: Vec<String> = ours.difference(&recorded).map(ToString::to_string).collect();
    assert_eq!(orphans, [""; 0], "{cluster}: in no inventory");
    found
}

fn record<T: serde::de::DeserializeOwned>(object: &Value) -> T {
    serde_json::from_str(object["data"]["record"].as_str().unwrap()).unwrap()
}

fn of_inventory(server: &Server, cluster: &ClusterName, inventory: &Inventory) -> String {
    assert_eq!(inventory.state, State::Applied, "{cluster}/{}", inventory.unit);
    let mut inventory = inventory.clone();
    inventory.took = lgtm_planner::inventory::Took::default();
    inventory.applied_at = 0;
    inventory.facts.values_mut().filter(|fact| fact.is_number()).for_each(|fact| *fact = json!(0));
    inventory.objects.retain(|object| object.done.is_none());
    inventory.objects.sort_by(|one, other| one.key.cmp(&other.key));
    for object in &mut inventory.objects {
        let live = server.get(&object.key);
        let live = live.unwrap_or_else(|| panic!("{cluster}: {} is recorded and not there", object.key));
        assert_eq!(object.uid.as_deref(), live["metadata"]["uid"].as_str(), "{cluster}: {}", object.key);
        if is_autoscaled(server, &object.key) {
            // The autoscaler may have come after the record.
            (object.uid, object.fingerprint, object.owned) = (None, None, None);
            continue;
        }
        assert_eq!(object.fingerprint, fingerprint(&live["metadata"]), "{cluster}: {}", object.key);
        assert!(object.fingerprint.is_some(), "{cluster}: {}", object.key);
        object.uid = None;
    }
    // How many certificates there were is history.
    if let Some(fingerprints) = inventory.facts.get_mut("fingerprints").and_then(Value::as_array_mut) {
        fingerprints.truncate(1);
    }
    json!(inventory).to_string()
}

/// An object with the fields that each manager owns, without what differs from one making to the next.
fn of_object(server: &Server, key: &ObjectKey, object: &Value) -> String {
    let mut object = object.clone();
    if is_autoscaled(server, key) {
        object["spec"].as_object_mut().unwrap().remove("replicas");
        object["metadata"]["managedFields"] = Value::Null;
    }
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion", "generation", "creationTimestamp"] {
        metadata.remove(field);
    }
    object.as_object_mut().unwrap().remove("status");
    object.to_string()
}

/// Whether the number of replicas is an autoscaler's, and says only when it was there last.
fn is_autoscaled(server: &Server, key: &ObjectKey) -> bool {
    let (group, kind) = ("autoscaling".to_owned(), "HorizontalPodAutoscaler".to_owned());
    key.kind == "Deployment" && server.get(&ObjectKey { group, kind, ..key.clone() }).is_some()
}

/// Digests follow from material, and addresses from uids, that are made anew in each universe; so do times in
/// certificates.
fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut run = String::new();
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_digit() || ('a'..='f').contains(&character) || character == '.' {
            run.push(character);
            continue;
        }
        let address = run.starts_with("203.0.");
        let number = run.len() == 10 && run.starts_with("18");
        masked.push_str(if run.len() >= 12 || address || number { "#" } else { &run });
        run.clear();
        masked.push(character);
    }
    // How many certificates a gateway still knows, the last and perhaps the one before, is history.
    masked.replace("#\\\",\\\"#", "#").replace("#\",\"#", "#")
}

/// Fails with the first difference.
pub(crate) fn assert_same(what: &str, found: &Snapshot, expected: &Snapshot) {
    let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    for name in names {
        assert_eq!(found.get(name), expected.get(name), "{what}: {name}");
    }
}
