//! The simulated world against a real API server: the same random actions on both, and after each the same
//! to be seen. Where they differ, the simulation is wrong.
//!
//! `LGTMCTL_SEED` is the first of the seeds, each of which is a sequence of actions on objects of its own.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lgtm_executor::{
    ApplyOptions, Events, World, apply, prepare,
    sim::{Pace, Random, SimWorld, Universe},
    world::ClusterRef,
};
use lgtm_planner::{
    desired::{Capabilities, Desired, desire},
    inventory::{TOPOLOGY_LABEL, UNIT_LABEL},
    object::{Object, ObjectKey},
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
mod side;

use objects::{Wanted, path};
use side::{Applied, Side, Sight};

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
const ACTIONS: usize = 40;
/// What the seeds must come across, lest the comparison says nothing about it.
const MUST_MEET: [&str; 10] = [
    "adopted",
    "autoscaled",
    "conflict",
    "data removed",
    "finalizer",
    "immutable",
    "missing",
    "removed",
    "replace",
    "unknown kind",
];
/// How long the two may take to be alike. The server looks every five seconds whether a definition can go.
const PATIENCE: Duration = Duration::from_secs(12);

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

struct Twins {
    topology: Topology,
    desired: Desired,
    unit: UnitId,
    real: Side<lgtm_world::ClusterWorld>,
    sim: Side<SimWorld>,
    hand: Hand,
    universe: Arc<Universe>,
    met: BTreeMap<&'static str, usize>,
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
            met: BTreeMap::new(),
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

    async fn both_apply(&mut self, wanted: &Wanted) {
        let objects = self.labelled(wanted);
        let twins = (&self.topology, &self.desired, &self.unit);
        let real = self.real.apply(twins, &objects).await;
        let sim = self.sim.apply(twins, &objects).await;
        assert_eq!(sim, real, "left: simulated, right: real");
        self.count(&real.examined);
        let Applied { examined, done } = &real;
        if done.is_err() {
            *self.met.entry("unknown kind").or_default() += 1;
        }
        if done.is_ok() && examined.values().any(|verdict| *verdict == "immutable") {
            *self.met.entry("replace").or_default() += 1;
        }
    }

    async fn both_remove(&mut self, delete_data: bool) {
        let twins = (&self.topology, &self.desired, &self.unit);
        let real = self.real.remove(twins, delete_data).await;
        assert_eq!(self.sim.remove(twins, delete_data).await, real, "left: simulated, right: real");
        *self.met.entry(if delete_data { "data removed" } else { "removed" }).or_default() += 1;
    }

    fn count(&mut self, examined: &BTreeMap<ObjectKey, Value>) {
        for verdict in examined.values() {
            let met = [
                ("adopted", verdict["adopted"] == true),
                ("conflict", verdict["conflicts"].as_array().is_some_and(|all| !all.is_empty())),
                ("autoscaled", verdict["autoscaled"] == true),
                ("immutable", *verdict == "immutable"),
                ("missing", *verdict == "missing"),
            ];
            for (what, _) in met.into_iter().filter(|(_, met)| *met) {
                *self.met.entry(what).or_default() += 1;
            }
        }
    }

    async fn both_do(&mut self, key: &ObjectKey, deed: &Deed) {
        let path = path(key);
        if self.hand.get(&path).await.is_none() && !matches!(deed, Deed::Apply(_)) {
            return;
        }
        if matches!(deed, Deed::Set(at, _) if at == "/metadata/finalizers") {
            *self.met.entry("finalizer").or_default() += 1;
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

    /// Waits until both are alike: deletions that the server finishes by itself take a moment.
    async fn compare(&mut self, wanted: &Wanted, what: &str) {
        let objects = self.labelled(wanted);
        let begun = Instant::now();
        let (sim, real) = loop {
            let both = self.look(&objects).await;
            if both.0 == both.1 || begun.elapsed() > PATIENCE {
                break both;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        for (key, object) in &real.objects {
            assert_eq!(sim.objects.get(key), Some(object), "{what}: {key} (left: simulated, right: real)");
        }
        assert_eq!(sim, real, "{what} (left: simulated, right: real)");
        self.count(&real.examined);
        (self.sim.before, self.real.before) = (sim.found, real.found);
    }

    /// What is to be seen of the simulated world, and of the real one.
    async fn look(&self, objects: &[Object]) -> (Sight, Sight) {
        let twins = (&self.topology, &self.unit);
        let mut there = BTreeMap::new();
        for key in Wanted::all_keys(&self.unit.name) {
            if let Some(object) = self.hand.get(&path(&key)).await {
                there.insert(key, object);
            }
        }
        let real = self.real.sight(twins, objects, there).await;
        let there = self.universe.by_hand(|clusters, _| {
            let server = &clusters[&ClusterName::new("hub")].server;
            let keys = Wanted::all_keys(&self.unit.name).into_iter();
            keys.filter_map(|key| Some((key.clone(), server.get(&key)?))).collect()
        });
        (self.sim.sight(twins, objects, there).await, real)
    }

    /// Lets go of what finalizers hold, so that nothing waits for it.
    async fn release(&mut self) {
        for key in Wanted::keys(&self.unit.name) {
            let found = self.hand.get(&path(&key)).await;
            if found.is_some_and(|found| found["metadata"]["finalizers"].is_array()) {
                self.both_do(&key, &Deed::Unset("/metadata/finalizers".to_owned())).await;
            }
        }
    }

    async fn act(&mut self, random: &mut Random, wanted: &mut Wanted) -> String {
        let mut keys = Wanted::keys(&self.unit.name);
        // Those to which most can be done.
        let often = |key: &&ObjectKey| ["ConfigMap", "Deployment"].contains(&key.kind.as_str());
        keys.extend(keys.clone().iter().filter(often).cycle().take(4).cloned());
        let key = random.pick(&keys).unwrap().clone();
        let there = self.hand.get(&path(&key)).await;
        if there.is_none() && key.kind == "ConfigMap" && random.percent(50) {
            // Somebody else makes it, for lgtmctl to adopt.
            let deed = Deed::Apply(objects::operators(&key, "made by hand"));
            self.both_do(&key, &deed).await;
            return format!("{key}: {deed:?}");
        }
        let deed = there.filter(|_| random.percent(50)).and_then(|found| objects::deed(random, &key, &found));
        let Some(deed) = deed else {
            if random.percent(85) {
                wanted.change(random);
            }
            self.release().await;
            if random.percent(12) {
                let delete_data = random.percent(50);
                self.both_remove(delete_data).await;
                return format!("remove, data too: {delete_data}");
            }
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
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in first..first + SEEDS {
        let mut twins = Twins::new(&bed, seed).await;
        let mut random = Random::new(seed);
        let mut wanted = Wanted::new(&twins.unit.name);
        // An object whose kind nobody has defined is among them.
        twins.both_apply(&wanted).await;
        twins.compare(&wanted, &format!("LGTMCTL_SEED={seed}, first apply")).await;
        for action in 0..ACTIONS {
            let what = twins.act(&mut random, &mut wanted).await;
            twins.compare(&wanted, &format!("LGTMCTL_SEED={seed}, action {action}: {what}")).await;
        }
        twins.release().await;
        for (what, times) in twins.met {
            *met.entry(what).or_default() += times;
        }
    }
    eprintln!("{met:?}");
    assert_eq!(met.into_keys().collect::<Vec<_>>(), MUST_MEET);
}
