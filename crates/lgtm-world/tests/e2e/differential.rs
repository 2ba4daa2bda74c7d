//! The simulated world against a real API server: the same random actions on both, and after each the same
//! to be seen. Where they differ, the simulation is wrong.
//!
//! `LGTMCTL_SEED` is the first of the seeds, each of which is a sequence of actions on objects of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use lgtm_executor::{
    ApplyOptions, Events, World, apply, prepare,
    sim::{Pace, Random, SimWorld, Universe},
    world::{ClusterRef, Examination},
};
use lgtm_planner::{
    desired::{Capabilities, Desired, desire},
    digest::Digest,
    inventory::{Inventory, State, TOPOLOGY_LABEL, Took, UNIT_LABEL},
    object::{Object, ObjectKey},
    observed::{ClusterObserved, ClusterState, Examined, ObjectExamined},
    plan::{Action, ApplyObjects, StepId},
    unit::UnitId,
};
use lgtm_topology::{ClusterName, Topology};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use crate::{
    bed::{Bed, content, only},
    hand::Hand,
};

mod objects;

use objects::{Wanted, path};

const TOPOLOGY: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: twin}
spec:
  provider: {kwok: {}}
  hub: {name: hub, segment: 248/29}
  spokes: []
";
const SEEDS: u64 = 5;
const ACTIONS: usize = 34;

/// What another hand does to one object.
#[derive(Clone, Debug)]
enum Deed {
    /// Sets a value, as `kubectl edit` does.
    Set(String, Value),
    /// Removes a value.
    Unset(String),
    /// A forced server-side apply of some fields, as an operator does.
    Apply(Value),
    Delete,
}

/// One of the two worlds.
struct Side<W> {
    world: Arc<W>,
    hub: ClusterRef,
    before: BTreeMap<ObjectKey, Value>,
}

/// What is to be seen of a world after an action.
#[derive(Debug, PartialEq)]
struct Sight {
    objects: BTreeMap<ObjectKey, Value>,
    live: BTreeMap<ObjectKey, Value>,
    examined: BTreeMap<ObjectKey, Value>,
    inventory: Value,
}

struct Twins {
    topology: Topology,
    desired: Desired,
    unit: UnitId,
    real: Side<lgtm_world::ClusterWorld>,
    sim: Side<SimWorld>,
    hand: Hand,
    universe: Arc<Universe>,
}

async fn bring_up<W: World>(world: &Arc<W>, topology: &Topology) {
    world.lock(&topology.name).await.unwrap();
    let prepared = prepare(world, topology, only("hub/namespaces")).await.unwrap();
    let (events, _) = Events::channel();
    let (_interrupt, interrupted) = watch::channel(false);
    let report = apply(world, prepared, ApplyOptions::default(), &events, interrupted).await;
    assert!(report.is_complete(), "{report:#?}");
    world.release_lock().await;
}

impl<W: World> Side<W> {
    async fn state(&self, topology: &Topology) -> ClusterState {
        match self.world.observe(&topology.name, &topology.hub.cluster.name, &self.hub).await.unwrap() {
            ClusterObserved::Reachable(state) => *state,
            ClusterObserved::Absent | ClusterObserved::Stopped | ClusterObserved::Unreachable { .. } => {
                panic!("the cluster is not there")
            }
        }
    }

    /// Applies what is wanted, by what a look shows.
    async fn apply(&self, twins: (&Topology, &Desired, &UnitId), objects: &[Object]) -> Result<(), String> {
        let (topology, desired, unit) = twins;
        let state = self.state(topology).await;
        let examined = self.examine(topology, unit, objects).await;
        let before = state.inventories.get(&unit.name).cloned();
        let keys: BTreeSet<ObjectKey> = objects.iter().map(Object::key).collect();
        let select = |wanted: &dyn Fn(&ObjectExamined) -> bool| -> BTreeSet<ObjectKey> {
            examined.objects.iter().filter(|(_, seen)| wanted(seen)).map(|(key, _)| key.clone()).collect()
        };
        let recorded = before.iter().flat_map(|before: &Inventory| &before.objects);
        let left = recorded.filter(|object| !keys.contains(&object.key));
        let prune = left.filter_map(|object| {
            let live = state.live.get(&object.key)?;
            let uid = Some(live.uid.clone());
            (object.uid == uid).then(|| lgtm_planner::inventory::InventoryObject { uid, ..object.clone() })
        });
        let work = ApplyObjects {
            objects: objects.to_vec(),
            write: select(&|seen| *seen != ObjectExamined::Same),
            replace: select(&|seen| matches!(seen, ObjectExamined::Immutable { .. })),
            adopt: select(&|seen| matches!(seen, ObjectExamined::Differs(difference) if difference.adopted)),
            prune: prune.collect(),
            leaving: Vec::new(),
            used: Vec::new(),
            gives: Vec::new(),
            digest: Digest::of_json(&json!(objects)),
            needs: BTreeSet::new(),
            before: before.clone(),
        };
        let step = StepId::ensure(unit.clone());
        let (events, _) = Events::channel();
        let done = self.world.perform(desired, &step, &Action::Apply(Box::new(work)), &events).await;
        done.map(drop).map_err(|failure| format!("{:?}", failure.kind))
    }

    async fn examine(&self, topology: &Topology, unit: &UnitId, objects: &[Object]) -> Examined {
        let examination = Examination::Objects(objects.to_vec());
        self.world.examine(&topology.name, unit, examination).await.unwrap()
    }

    /// What is to be seen, told relative to the last time where it is made anew on each side.
    async fn sight(
        &mut self,
        twins: (&Topology, &UnitId),
        objects: &[Object],
        found: BTreeMap<ObjectKey, Value>,
    ) -> Sight {
        let (topology, unit) = twins;
        let state = self.state(topology).await;
        let examined = self.examine(topology, unit, objects).await;
        let told = found.iter().map(|(key, object)| (key.clone(), self.told(key, object)));
        let objects = told.collect();
        self.before = found;
        let of_the_unit = |key: &&ObjectKey| self.before.contains_key(*key);
        let live = state.live.iter().filter(|(key, _)| of_the_unit(key)).map(|(key, live)| {
            let told = json!({
                "owned": live.fingerprint.is_some(), "unit": live.unit, "topology": live.topology,
                "deleting": live.deleting,
            });
            (key.clone(), told)
        });
        let mut inventory = state.inventories.get(&unit.name).cloned();
        if let Some(inventory) = &mut inventory {
            assert_eq!(inventory.state, State::Applied);
            (inventory.took, inventory.applied_at) = (Took::default(), 0);
            for object in &mut inventory.objects {
                let live = state.live.get(&object.key).map(|live| live.uid.clone());
                object.uid = object
                    .uid
                    .take()
                    .map(|uid| if Some(uid) == live { "its own" } else { "another" }.to_owned());
            }
            inventory.objects.sort_by(|one, other| one.key.cmp(&other.key));
        }
        let examined = examined.objects.into_iter().map(|(key, seen)| (key, verdict(seen))).collect();
        Sight { objects, live: live.collect(), examined, inventory: json!(inventory) }
    }

    fn told(&self, key: &ObjectKey, object: &Value) -> Value {
        let metadata = &object["metadata"];
        let before = self.before.get(key).map(|before| &before["metadata"]);
        let same_uid = before.is_some_and(|before| before["uid"] == metadata["uid"]);
        let moved = |field: &str| before.filter(|_| same_uid).map(|before| before[field] != metadata[field]);
        // Controllers write a Deployment's status, and its version with it, when they like.
        let version = if key.kind == "Deployment" { None } else { moved("resourceVersion") };
        let generation = match (key.kind.as_str(), before.filter(|_| same_uid)) {
            ("Deployment", Some(before)) => {
                json!(metadata["generation"].as_i64().unwrap() - before["generation"].as_i64().unwrap())
            }
            ("Deployment", None) => metadata["generation"].clone(),
            _ => Value::Null,
        };
        let entries = metadata["managedFields"].as_array().into_iter().flatten();
        let known = ["lgtmctl", "lgtmctl-replicas", "kubectl-edit", "operator"];
        let entries: BTreeMap<String, Value> = entries
            .filter(|entry| known.contains(&entry["manager"].as_str().unwrap()))
            .map(|entry| (format!("{} {}", entry["manager"], entry["operation"]), entry["fieldsV1"].clone()))
            .collect();
        json!({
            "same": same_uid, "version moved": version, "generation": generation, "owners": entries,
            "labels": metadata["labels"], "deleting": metadata["deletionTimestamp"].is_string(),
            "finalizers": metadata["finalizers"], "data": object["data"],
        })
    }
}

/// A verdict without values and without the server's words.
fn verdict(seen: ObjectExamined) -> Value {
    let paths = |fields: &[lgtm_planner::observed::FieldChange]| {
        fields.iter().map(|field| field.path.clone()).collect::<BTreeSet<_>>()
    };
    match seen {
        ObjectExamined::Differs(difference) => json!({
            "differs": paths(&difference.fields),
            "adopted": difference.adopted,
            "conflicts": difference.conflicts.iter().map(|conflict| (&conflict.path, &conflict.manager)).collect::<BTreeSet<_>>(),
        }),
        ObjectExamined::Immutable { difference, .. } => json!({"immutable": paths(&difference.fields)}),
        ObjectExamined::Refused { .. } => json!("refused"),
        ObjectExamined::Missing => json!("missing"),
        ObjectExamined::Same => json!("same"),
        ObjectExamined::NotYet => json!("not yet"),
    }
}

impl Twins {
    async fn new(bed: &Bed, seed: u64) -> Self {
        let topology = bed.topology.clone();
        let pace = Pace { latency: (0, 0), readiness: (0, 30), cluster: (0, 0), namespace_end: (50, 100) };
        let universe = Universe::new(seed, pace);
        let sim = Arc::new(SimWorld::new(&universe, "machine", &topology));
        bring_up(&sim, &topology).await;
        let hub = ClusterRef::Wanted(content(&topology.hub.cluster));
        Self {
            desired: desire(&topology, &Capabilities::default()).unwrap(),
            unit: UnitId::new(&ClusterName::new("hub"), format!("twin-{seed}")),
            real: Side { world: Arc::clone(&bed.world), hub: hub.clone(), before: BTreeMap::new() },
            sim: Side { world: sim, hub, before: BTreeMap::new() },
            hand: Hand::new(bed.by_hand("hub").await),
            topology,
            universe,
        }
    }

    /// The objects as they are applied, with lgtmctl's labels.
    fn labelled(&self, wanted: &Wanted) -> Vec<Object> {
        let mut objects = wanted.objects();
        for object in &mut objects {
            object.set_labels([
                (TOPOLOGY_LABEL, self.topology.name.as_str()),
                (UNIT_LABEL, self.unit.name.as_str()),
            ]);
        }
        objects
    }

    async fn both_apply(&self, wanted: &Wanted) {
        let objects = self.labelled(wanted);
        let twins = (&self.topology, &self.desired, &self.unit);
        let real = self.real.apply(twins, &objects).await;
        let sim = self.sim.apply(twins, &objects).await;
        assert_eq!(sim, real);
    }

    async fn both_do(&self, key: &ObjectKey, deed: &Deed) {
        let path = path(key);
        if self.hand.get(&path).await.is_none() {
            return;
        }
        match deed {
            Deed::Set(at, value) => {
                drop(self.hand.patch(&path, &json!([{"op": "add", "path": at, "value": value}])).await);
            }
            Deed::Unset(at) => drop(self.hand.patch(&path, &json!([{"op": "remove", "path": at}])).await),
            Deed::Apply(object) => drop(self.hand.apply_as(&path, "operator", object).await),
            Deed::Delete => drop(self.hand.begin_to_delete(&path).await),
        }
        self.universe.by_hand(|clusters, now| {
            let server = &mut clusters.get_mut(&ClusterName::new("hub")).unwrap().server;
            self.sim_does(server, key, deed, now);
        });
    }

    fn sim_does(&self, server: &mut lgtm_executor::sim::Server, key: &ObjectKey, deed: &Deed, now: Instant) {
        let edit = |object: &mut Value, at: &str, value: Option<&Value>| {
            let (parent, field) = at.rsplit_once('/').unwrap();
            let parent = object.pointer_mut(parent).unwrap();
            let field = field.replace("~1", "/");
            match (parent, value) {
                (Value::Object(map), Some(value)) => drop(map.insert(field, value.clone())),
                (Value::Object(map), None) => drop(map.remove(&field)),
                (Value::Array(list), Some(value)) => list.push(value.clone()),
                (Value::Array(list), None) => drop(list.remove(field.parse().unwrap())),
                other => panic!("{other:?}"),
            }
        };
        match deed {
            Deed::Set(at, value) => {
                server.edit(key, "kubectl-edit", now, |object| edit(object, at, Some(value))).unwrap();
            }
            Deed::Unset(at) => {
                server.edit(key, "kubectl-edit", now, |object| edit(object, at, None)).unwrap();
            }
            Deed::Apply(object) => {
                server.apply_as(&Object::new(object.clone()).unwrap(), "operator", now).unwrap();
            }
            Deed::Delete => server.delete(key, None, now).unwrap(),
        }
    }

    async fn compare(&mut self, wanted: &Wanted, what: &str) {
        // Deletions that the server finishes by itself, and a Deployment's controller, take a moment.
        tokio::time::sleep(Duration::from_millis(60)).await;
        let objects = self.labelled(wanted);
        let twins = (&self.topology, &self.unit);
        let mut there = BTreeMap::new();
        for key in Wanted::keys(&self.unit.name) {
            if let Some(object) = self.hand.get(&path(&key)).await {
                there.insert(key, object);
            }
        }
        let real = self.real.sight(twins, &objects, there).await;
        let there = self.universe.by_hand(|clusters, _| {
            let server = &clusters[&ClusterName::new("hub")].server;
            let keys = Wanted::keys(&self.unit.name).into_iter();
            keys.filter_map(|key| Some((key.clone(), server.get(&key)?))).collect()
        });
        let sim = self.sim.sight(twins, &objects, there).await;
        for (key, object) in &real.objects {
            assert_eq!(sim.objects.get(key), Some(object), "{what}: {key} (left: simulated, right: real)");
        }
        assert_eq!(sim, real, "{what} (left: simulated, right: real)");
    }

    /// Lets go of what finalizers hold, so that nothing waits for it.
    async fn release(&self) {
        for key in Wanted::keys(&self.unit.name) {
            let found = self.hand.get(&path(&key)).await;
            if found.is_some_and(|found| found["metadata"]["finalizers"].is_array()) {
                self.both_do(&key, &Deed::Unset("/metadata/finalizers".to_owned())).await;
            }
        }
    }

    async fn act(&mut self, random: &mut Random, wanted: &mut Wanted) -> String {
        let keys = Wanted::keys(&self.unit.name);
        let key = random.pick(&keys).unwrap().clone();
        let there = self.hand.get(&path(&key)).await;
        let deed = there.filter(|_| random.percent(50)).and_then(|found| objects::deed(random, &key, &found));
        let Some(deed) = deed else {
            if random.percent(85) {
                wanted.change(random);
            }
            self.release().await;
            self.both_apply(wanted).await;
            return format!("apply {wanted:?}");
        };
        self.both_do(&key, &deed).await;
        format!("{key}: {deed:?}")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_server_is_like_a_real_one() {
    let bed = Bed::new(TOPOLOGY);
    bring_up(&bed.world, &bed.topology).await;
    let first = std::env::var("LGTMCTL_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut actions = 0;
    for seed in first..first + SEEDS {
        let mut twins = Twins::new(&bed, seed).await;
        let mut random = Random::new(seed);
        let mut wanted = Wanted::new(&twins.unit.name);
        for action in 0..ACTIONS {
            let what = twins.act(&mut random, &mut wanted).await;
            twins.compare(&wanted, &format!("LGTMCTL_SEED={seed}, action {action}: {what}")).await;
            actions += 1;
        }
        twins.release().await;
    }
    assert!(actions >= 150, "{actions}");
}
