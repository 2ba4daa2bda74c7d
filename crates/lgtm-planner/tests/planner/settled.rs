//! What must be there when nothing is left to do, said without the planner's decisions.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::{
    desired::{Capabilities, desire},
    fact::Facts,
    inventory::{State, TOPOLOGY_LABEL, UNIT_LABEL},
    object::{Object, ObjectKey},
    phase::is_run_once,
    unit::{Content, Material, UnitId, UnitName},
};
use lgtm_topology::{ClusterName, Provider, Topology};
use serde_json::Value;

use crate::{
    material::LIFE,
    model::{Cluster, World, address_of, secret_key},
    render::render,
};

/// Fails unless the world is what the topology says, and nothing else of ours is there.
pub(crate) fn assert_settled(world: &World, topology: &Topology) {
    let desired = desire(topology, &Capabilities::default()).unwrap();
    let facts = facts_of(world, topology);
    let mut expected: BTreeMap<ClusterName, BTreeMap<ObjectKey, Value>> = BTreeMap::new();
    let mut recorded: BTreeMap<ClusterName, BTreeSet<UnitName>> = BTreeMap::new();
    for unit in desired.units.values() {
        let on_cluster = expected.entry(unit.id.cluster.clone()).or_default();
        let rendered = render(unit, &facts).map(|rendered| rendered.objects.to_vec()).unwrap_or_default();
        for mut object in rendered.into_iter().filter(|object| !is_run_once(object)) {
            object
                .set_labels([(TOPOLOGY_LABEL, topology.name.as_str()), (UNIT_LABEL, unit.id.name.as_str())]);
            on_cluster.insert(object.key(), object.value().clone());
        }
        match &unit.content {
            Content::Material(content) => {
                let key = secret_key(&content.secret.namespace, &content.secret.name);
                let secret = world.clusters[&unit.id.cluster].objects.get(&key);
                let secret = secret.unwrap_or_else(|| panic!("{key} of {} is missing", unit.id));
                assert_good(world, &facts, &unit.id, &content.material, secret.minted.as_ref().unwrap());
                on_cluster.insert(key, secret.value.clone());
            }
            Content::Objects(_) | Content::Release(_) | Content::Manifests(_) => {}
            Content::Cluster(_) | Content::Enrolment => continue,
        }
        recorded.entry(unit.id.cluster.clone()).or_default().insert(unit.id.name.clone());
    }
    for (name, cluster) in &world.clusters {
        if is_stray(cluster) && desired.cluster(name).is_none() {
            continue;
        }
        let expected = expected.remove(name).unwrap_or_default();
        assert_eq!(ours(cluster, topology), expected, "objects on {name}");
        let found: BTreeSet<UnitName> = cluster.inventories.keys().cloned().collect();
        assert_eq!(found, recorded.remove(name).unwrap_or_default(), "inventories on {name}");
        for inventory in cluster.inventories.values() {
            assert_eq!(inventory.state, State::Applied, "{name}/{}", inventory.unit);
        }
        let wanted = desired.cluster(name);
        assert_eq!(cluster.enrolled, wanted.is_some(), "{name}");
        assert!(cluster.made_as.is_none() || cluster.made_as.as_ref() == wanted, "{name}");
        assert!(!cluster.stopped, "{name} is stopped");
    }
    assert!(expected.is_empty(), "clusters that are missing: {:?}", expected.keys());
    let fleet: Vec<&ClusterName> = world.clusters[&desired.hub].fleet.keys().collect();
    let wanted: Vec<&ClusterName> = desired.clusters().map(|(name, _)| name).collect();
    assert_eq!(fleet, wanted, "the fleet record");
    for (name, entry) in &world.clusters[&desired.hub].fleet {
        assert_eq!(entry.uid, world.clusters[name].uid, "the record of {name}");
        let made = desired.cluster(name).is_some_and(|content| content.provider == Provider::Kwok);
        assert_eq!(entry.made, made, "the record of {name}");
    }
}

/// A cluster that an apply made and was cut before it could record it is unknown to every later one
/// once its spoke has left the file. Nothing was written to it.
fn is_stray(cluster: &Cluster) -> bool {
    cluster.made_as.is_some() && !cluster.enrolled && cluster.objects.is_empty()
}

fn ours(cluster: &Cluster, topology: &Topology) -> BTreeMap<ObjectKey, Value> {
    let ours = cluster.objects.iter().filter(|(_, placed)| {
        placed.label(TOPOLOGY_LABEL) == Some(topology.name.as_str())
            && !is_run_once(&Object::new(placed.value.clone()).unwrap())
    });
    ours.map(|(key, placed)| (key.clone(), placed.value.clone())).collect()
}

/// The facts as they are, read from what the Secrets and Services hold and not from any record.
pub(crate) fn facts_of(world: &World, topology: &Topology) -> Facts {
    let desired = desire(topology, &Capabilities::default()).unwrap();
    let mut facts = Facts::new();
    for unit in desired.units.values() {
        let objects = world.clusters.get(&unit.id.cluster).map(|cluster| &cluster.objects);
        let find = |key| objects.and_then(|objects| objects.get(&key));
        match &unit.content {
            Content::Material(content) => {
                let secret = find(secret_key(&content.secret.namespace, &content.secret.name));
                if let Some(minted) = secret.and_then(|secret| secret.minted.as_ref()) {
                    facts.insert(unit.id.clone(), minted.facts.clone());
                }
            }
            Content::Release(release) => {
                for address in &release.gives {
                    let key = secret_key(&address.namespace, &address.service);
                    if let Some(service) = find(ObjectKey { kind: "Service".to_owned(), ..key }) {
                        let address = ("address".to_owned(), address_of(service));
                        facts.insert(unit.id.clone(), [address].into());
                    }
                }
            }
            Content::Cluster(_) | Content::Enrolment | Content::Objects(_) | Content::Manifests(_) => {}
        }
    }
    facts
}

fn assert_good(
    world: &World,
    facts: &Facts,
    unit: &UnitId,
    material: &Material,
    minted: &crate::material::Minted,
) {
    let mut authority = None;
    if let Material::Certificate(request) = material {
        authority = facts[&request.authority].get("fingerprint").and_then(Value::as_str);
        let left = minted.number("notAfter").unwrap() - world.now;
        assert!(left >= LIFE / 3, "the certificate of {unit} is due for renewal");
    }
    assert!(minted.suits(material, authority), "{unit} holds something else than what is asked for");
}
