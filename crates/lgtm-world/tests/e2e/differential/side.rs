//! One of the two worlds: what lgtmctl does to it, and what is to be seen of it afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use lgtm_executor::{
    Events, World,
    world::{ClusterRef, Examination},
};
use lgtm_planner::{
    desired::Desired,
    digest::Digest,
    inventory::{Inventory, State, Took},
    object::{Object, ObjectKey},
    observed::{ClusterObserved, ClusterState, Examined, ObjectExamined},
    plan::{Action, ApplyObjects, RecordAfter, RemoveObjects, StepId},
    unit::UnitId,
};
use lgtm_topology::Topology;
use serde_json::{Value, json};

/// One of the two worlds.
pub(super) struct Side<W> {
    pub(super) world: Arc<W>,
    pub(super) hub: ClusterRef,
    /// The objects when they were last compared.
    pub(super) before: BTreeMap<ObjectKey, Value>,
}

/// What is to be seen of a world after an action.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) objects: BTreeMap<ObjectKey, Value>,
    live: BTreeMap<ObjectKey, Value>,
    pub(super) examined: BTreeMap<ObjectKey, Value>,
    inventory: Value,
    /// The objects as they were read, which nobody compares.
    pub(super) found: BTreeMap<ObjectKey, Value>,
}

impl PartialEq for Sight {
    fn eq(&self, other: &Self) -> bool {
        (&self.objects, &self.live, &self.examined, &self.inventory)
            == (&other.objects, &other.live, &other.examined, &other.inventory)
    }
}

/// What an apply found, and whether it was done.
#[derive(Debug, PartialEq)]
pub(super) struct Applied {
    pub(super) examined: BTreeMap<ObjectKey, Value>,
    pub(super) done: Result<(), String>,
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
    pub(super) async fn apply(&self, twins: (&Topology, &Desired, &UnitId), objects: &[Object]) -> Applied {
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
            retires: Vec::new(),
            digest: Digest::of_json(&json!(objects)),
            needs: BTreeSet::new(),
            before: before.clone(),
        };
        let step = StepId::ensure(unit.clone());
        let (events, _) = Events::channel();
        let done = self.world.perform(desired, &step, &Action::Apply(Box::new(work)), &events).await;
        let done = done.map(drop).map_err(|failure| format!("{:?}", failure.kind));
        let mut examined = verdicts(examined);
        for verdict in examined.values_mut().filter_map(Value::as_object_mut) {
            // Of a map that only one of the two has, because a controller wrote to it, the paths differ.
            verdict.remove("differs");
        }
        Applied { examined, done }
    }

    /// Takes everything away that is recorded and there.
    pub(super) async fn remove(
        &self,
        twins: (&Topology, &Desired, &UnitId),
        delete_data: bool,
    ) -> Result<(), String> {
        let (topology, desired, unit) = twins;
        let state = self.state(topology).await;
        let recorded = state.inventories.get(&unit.name).into_iter().flat_map(|record| &record.objects);
        let there = recorded.filter(|object| {
            state.live.get(&object.key).is_some_and(|live| object.uid.as_ref() == Some(&live.uid))
        });
        let objects = there.cloned().collect();
        let work = RemoveObjects { objects, delete_data, record: RecordAfter::Gone };
        let (events, _) = Events::channel();
        let done =
            self.world.perform(desired, &StepId::remove(unit.clone()), &Action::Remove(work), &events).await;
        done.map(drop).map_err(|failure| format!("{:?}", failure.kind))
    }

    async fn examine(&self, topology: &Topology, unit: &UnitId, objects: &[Object]) -> Examined {
        let examination = Examination::Objects(objects.to_vec());
        self.world.examine(&topology.name, unit, examination).await.unwrap()
    }

    /// What is to be seen, told relative to the last time where it is made anew on each side.
    pub(super) async fn sight(
        &self,
        twins: (&Topology, &UnitId),
        objects: &[Object],
        found: BTreeMap<ObjectKey, Value>,
    ) -> Sight {
        let (topology, unit) = twins;
        let state = self.state(topology).await;
        let examined = self.examine(topology, unit, objects).await;
        let told = found.iter().map(|(key, object)| (key.clone(), self.told(key, object)));
        let objects = told.collect();
        let of_the_unit = |key: &&ObjectKey| found.contains_key(*key);
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
        let (live, examined) = (live.collect(), verdicts(examined));
        Sight { objects, live, examined, inventory: json!(inventory), found }
    }

    fn told(&self, key: &ObjectKey, object: &Value) -> Value {
        let metadata = &object["metadata"];
        let before = self.before.get(key).map(|before| &before["metadata"]);
        let same_uid = before.is_some_and(|before| before["uid"] == metadata["uid"]);
        let moved = |field: &str| before.filter(|_| same_uid).map(|before| before[field] != metadata[field]);
        // Controllers write a status, and the version with it, when they like.
        let is_controlled = ["apps", "apiextensions.k8s.io", "autoscaling"].contains(&key.group.as_str())
            || key.kind == "PersistentVolumeClaim";
        let version = if is_controlled { None } else { moved("resourceVersion") };
        let is_counted = ["Deployment", "StatefulSet", "Thing"].contains(&key.kind.as_str());
        let generation = match (is_counted, before.filter(|_| same_uid)) {
            (true, Some(before)) => {
                json!(metadata["generation"].as_i64().unwrap() - before["generation"].as_i64().unwrap())
            }
            (true, None) => metadata["generation"].clone(),
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

fn verdicts(examined: Examined) -> BTreeMap<ObjectKey, Value> {
    examined.objects.into_iter().map(|(key, seen)| (key, verdict(seen))).collect()
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
            "autoscaled": difference.autoscaled,
            "conflicts": difference.conflicts.iter().map(|conflict| (&conflict.path, &conflict.manager)).collect::<BTreeSet<_>>(),
        }),
        // What a server refuses, it does not fill in: the fields are those that differ from the live object,
        // also by defaults that only a real server knows.
        ObjectExamined::Immutable { .. } => json!("immutable"),
        ObjectExamined::Refused { .. } => json!("refused"),
        ObjectExamined::Missing => json!("missing"),
        ObjectExamined::Same => json!("same"),
        // The same to a plan. Which of them it is depends on whether the kind was ever there for this process.
        ObjectExamined::NotYet => json!("missing"),
    }
}
