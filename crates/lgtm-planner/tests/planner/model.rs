//! An ideal world: clusters as plain data, and every action as a pure change of them.
//!
//! Each single write costs one unit of [`World::budget`], so an apply can be cut between any two.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::{
    desired::Desired,
    diff::diff,
    digest::Digest,
    fact::UnitFacts,
    inventory::{
        Connection, FleetEntry, Inventory, InventoryObject, SYSTEM_NAMESPACE, State, TOPOLOGY_LABEL, Took,
        UNIT_LABEL,
    },
    object::{Object, ObjectKey},
    observed::{
        ClusterObserved, ClusterState, Conflict, Difference, Examined, Live, ObjectExamined, Observed,
    },
    phase::{is_run_once, phase},
    plan::{Action, ApplyObjects, ExamineMaterial, MakeMaterial, RecordAfter, RemoveObjects, StepId},
    unit::{ClusterContent, UnitId, UnitName},
};
use lgtm_topology::{ClusterName, Provider, TopologyName};
use serde_json::{Value, json};

use crate::material::{Minted, mint};

/// The apply was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut;

/// Namespaces that every cluster has.
const GIVEN: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// An object as it is on a cluster.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    pub(crate) uid: String,
    pub(crate) value: Value,
    /// The paths that we hold; what someone else changes is no longer among them.
    owned: BTreeSet<String>,
    /// What it holds, for a Secret whose content is made.
    pub(crate) minted: Option<Minted>,
}

impl Placed {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.value.get("metadata")?.get("labels")?.get(name)?.as_str()
    }

    fn live(&self) -> Live {
        let owned: Vec<&str> = self.owned.iter().map(String::as_str).collect();
        Live {
            uid: self.uid.clone(),
            fingerprint: (!owned.is_empty()).then(|| Digest::of_parts(owned)),
            unit: self.label(UNIT_LABEL).map(UnitName::new),
            topology: self.label(TOPOLOGY_LABEL).map(str::to_owned),
            deleting: None,
        }
    }

    /// Another hand changes a value.
    pub(crate) fn edit(&mut self, path: &str, value: Value) {
        *self.value.pointer_mut(path).expect("the scenario edits a value that is there") = value;
        self.owned.remove(path);
        if let Some(minted) = &mut self.minted {
            minted.spoilt |= path.starts_with("/data");
        }
    }
}

/// One cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) uid: String,
    pub(crate) stopped: bool,
    /// What it was made as; none for a cluster that existed.
    pub(crate) made_as: Option<ClusterContent>,
    pub(crate) enrolled: bool,
    pub(crate) inventories: BTreeMap<UnitName, Inventory>,
    pub(crate) objects: BTreeMap<ObjectKey, Placed>,
    /// The fleet record, on the hub.
    pub(crate) fleet: BTreeMap<ClusterName, FleetEntry>,
}

impl Cluster {
    fn has_namespace(&self, name: &str) -> bool {
        GIVEN.contains(&name)
            || (name == SYSTEM_NAMESPACE && self.enrolled)
            || self.objects.keys().any(|key| key.kind == "Namespace" && key.name == name)
    }

    /// Deletes an object, and with a namespace what is in it.
    pub(crate) fn delete(&mut self, key: &ObjectKey) {
        self.objects.remove(key);
        if key.kind == "Namespace" {
            self.objects.retain(|other, _| other.namespace.as_ref() != Some(&key.name));
        }
    }

    /// The namespace of the records goes, and with it all that is kept in it.
    pub(crate) fn forget(&mut self) {
        self.enrolled = false;
        self.inventories.clear();
        self.fleet.clear();
        self.objects.retain(|key, _| key.namespace.as_deref() != Some(SYSTEM_NAMESPACE));
    }

    /// What the adapter must do for a prune: the same object, and no namespace that others live in.
    fn prune(&mut self, object: &InventoryObject, topology: &TopologyName) {
        let Some(placed) = self.objects.get(&object.key) else { return };
        let inhabited = object.key.kind == "Namespace"
            && self.objects.iter().any(|(key, other)| {
                key.namespace.as_ref() == Some(&object.key.name)
                    && other.label(TOPOLOGY_LABEL) != Some(topology.as_str())
            });
        if Some(&placed.uid) == object.uid.as_ref() && !inhabited {
            for inventory in self.inventories.values().filter(|_| object.key.kind == "Namespace") {
                let still = inventory.objects.iter().find(|other| {
                    other.key.namespace.as_ref() == Some(&object.key.name)
                        && other.done.is_none()
                        && self.objects.contains_key(&other.key)
                });
                assert!(still.is_none(), "{} goes with {:?} of {}", object.key, still, inventory.unit);
            }
            self.delete(&object.key);
        }
    }
}

/// The world.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) now: i64,
    pub(crate) clusters: BTreeMap<ClusterName, Cluster>,
    /// Clusters that do not answer.
    pub(crate) down: BTreeSet<ClusterName>,
    /// How many more writes succeed; without end when none.
    pub(crate) budget: Option<u32>,
    serial: u64,
}

impl Default for World {
    fn default() -> Self {
        let clusters = BTreeMap::new();
        Self { now: 1_800_000_000, clusters, down: BTreeSet::new(), budget: None, serial: 0 }
    }
}

impl World {
    fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn write(&mut self) -> Result<(), Cut> {
        match &mut self.budget {
            None => Ok(()),
            Some(0) => Err(Cut),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// A cluster that someone else made.
    pub(crate) fn add_existing(&mut self, name: &ClusterName) {
        let uid = format!("cluster-{}", self.serial());
        self.clusters.entry(name.clone()).or_insert(Cluster { uid, ..Cluster::default() });
    }

    /// Someone else's object.
    pub(crate) fn add_foreign(&mut self, cluster: &ClusterName, value: Value) {
        let uid = format!("object-{}", self.serial());
        let key = Object::new(value.clone()).unwrap().key();
        let placed = Placed { uid, value, owned: BTreeSet::new(), minted: None };
        self.cluster(cluster).objects.insert(key, placed);
    }

    pub(crate) fn cluster(&mut self, name: &ClusterName) -> &mut Cluster {
        assert!(!self.down.contains(name), "{name} does not answer and is written to");
        self.clusters.get_mut(name).unwrap_or_else(|| panic!("there is no cluster {name}"))
    }

    /// What a run would see.
    pub(crate) fn observe(&self, desired: &Desired) -> Observed {
        let hub =
            self.clusters.get(&desired.hub).filter(|hub| !hub.stopped && !self.down.contains(&desired.hub));
        let fleet = hub.map(|hub| hub.fleet.clone()).unwrap_or_default();
        let names: BTreeSet<&ClusterName> =
            fleet.keys().chain(desired.clusters().map(|(name, _)| name)).collect();
        let clusters = names.into_iter().map(|name| (name.clone(), self.observe_cluster(desired, name)));
        Observed { now: self.now, clusters: clusters.collect(), fleet, examined: BTreeMap::new() }
    }

    pub(crate) fn observe_cluster(&self, desired: &Desired, name: &ClusterName) -> ClusterObserved {
        if self.down.contains(name) {
            return ClusterObserved::Unreachable { reason: "connection refused".to_owned() };
        }
        let Some(cluster) = self.clusters.get(name) else { return ClusterObserved::Absent };
        if cluster.stopped {
            return ClusterObserved::Stopped;
        }
        let wanted = desired.cluster(name);
        let topology = desired.topology.as_str();
        let live = cluster.objects.iter().filter(|(key, placed)| {
            let named = cluster.inventories.values().any(|i| i.objects.iter().any(|o| &o.key == *key));
            named || placed.label(TOPOLOGY_LABEL) == Some(topology)
        });
        ClusterObserved::Reachable(Box::new(ClusterState {
            uid: cluster.uid.clone(),
            version: "v1.35.1".to_owned(),
            settled: cluster.made_as.as_ref().is_none_or(|made| wanted.is_none_or(|wanted| made == wanted)),
            enrolled: cluster.enrolled,
            hub: None,
            inventories: cluster.inventories.clone(),
            live: live.map(|(key, placed)| (key.clone(), placed.live())).collect(),
            definitions: BTreeSet::new(),
        }))
    }

    /// What a dry run of the objects would show.
    pub(crate) fn examine(&self, unit: &UnitId, objects: &[Object]) -> Examined {
        let cluster = self.clusters.get(&unit.cluster);
        let examine = |object: &Object| {
            let Some(live) = cluster.and_then(|cluster| cluster.objects.get(&object.key())) else {
                return ObjectExamined::Missing;
            };
            let wanted = object.value();
            if &live.value == wanted && live.owned == paths(wanted) {
                return ObjectExamined::Same;
            }
            let fields = diff(&live.value, wanted, &|_| "(secret)".to_owned());
            let adopted = live.label(TOPOLOGY_LABEL).is_none();
            let foreign = |path: &String| {
                !adopted && !live.owned.contains(path) && live.value.pointer(path) != wanted.pointer(path)
            };
            let lost = paths(wanted).into_iter().filter(foreign);
            let conflicts = lost.map(|path| Conflict { path, manager: "kubectl-edit".to_owned() }).collect();
            let difference = Difference { fields, conflicts, adopted, autoscaled: false };
            if live.value.pointer("/spec/selector") == wanted.pointer("/spec/selector") {
                ObjectExamined::Differs(difference)
            } else {
                ObjectExamined::Immutable { difference, reason: "the selector is immutable".to_owned() }
            }
        };
        let objects = objects.iter().map(|object| (object.key(), examine(object))).collect();
        Examined { objects, ..Examined::default() }
    }

    /// What a look into a Secret would show.
    pub(crate) fn examine_material(&self, unit: &UnitId, wanted: &ExamineMaterial) -> Examined {
        let key = secret_key(&wanted.content.secret.namespace, &wanted.content.secret.name);
        let live = self.clusters.get(&unit.cluster).and_then(|cluster| cluster.objects.get(&key));
        let seen = match live {
            None => ObjectExamined::Missing,
            Some(live) => {
                let minted = live.minted.as_ref();
                let intact = minted.is_some_and(|minted| {
                    minted.facts == wanted.recorded
                        && minted.suits(&wanted.content.material, minted.authority.as_deref())
                });
                let path = if intact { "metadata.labels" } else { "data" };
                let change = lgtm_planner::observed::FieldChange {
                    path: path.to_owned(),
                    before: Some("(secret)".to_owned()),
                    after: Some("(secret)".to_owned()),
                };
                if intact && live.owned == paths(&live.value) {
                    ObjectExamined::Same
                } else {
                    ObjectExamined::Differs(Difference { fields: vec![change], ..Difference::default() })
                }
            }
        };
        Examined { objects: BTreeMap::from([(key, seen)]), ..Examined::default() }
    }

    /// Does one action, as far as the budget goes.
    pub(crate) fn perform(
        &mut self,
        desired: &Desired,
        step: &StepId,
        action: &Action,
    ) -> Result<UnitFacts, Cut> {
        let (hub, name) = (&desired.hub, &step.unit.cluster);
        match action {
            Action::EnsureCluster(content) => self.ensure_cluster(name, content)?,
            Action::Enrol(content) => self.enrol(desired, name, content)?,
            Action::Apply(apply) => return self.apply(desired, &step.unit, apply),
            Action::Make(make) => return self.make(desired, &step.unit, make),
            Action::Remove(removal) => self.remove(desired, &step.unit, removal)?,
            Action::Unenrol => {
                self.write()?;
                self.cluster(name).forget();
            }
            Action::Withdraw { delete } => {
                if *delete {
                    self.write()?;
                    self.clusters.remove(name);
                }
                self.write()?;
                if let Some(hub) = self.clusters.get_mut(hub) {
                    hub.fleet.remove(name);
                }
            }
        }
        Ok(UnitFacts::new())
    }

    fn ensure_cluster(&mut self, name: &ClusterName, content: &ClusterContent) -> Result<(), Cut> {
        if content.provider == Provider::Kwok {
            self.write()?;
            let uid = format!("cluster-{}", self.serial());
            self.clusters.entry(name.clone()).or_insert(Cluster { uid, ..Cluster::default() });
            let cluster = self.cluster(name);
            cluster.stopped = false;
            cluster.made_as = Some(content.clone());
        }
        Ok(())
    }

    fn enrol(&mut self, desired: &Desired, name: &ClusterName, content: &ClusterContent) -> Result<(), Cut> {
        let connection = match &content.provider {
            Provider::Kwok => Connection::Kwok { name: name.to_string() },
            Provider::Existing { kubeconfig, context } => {
                Connection::Existing { kubeconfig: kubeconfig.clone(), context: context.clone() }
            }
        };
        if name == &desired.hub {
            // The record is kept in the namespace, so on the hub that comes first.
            self.write()?;
            self.cluster(name).enrolled = true;
        }
        self.write()?;
        let entry = FleetEntry {
            hub: desired.hub.clone(),
            topology: desired.topology.clone(),
            cluster: name.clone(),
            connection,
            uid: self.cluster(name).uid.clone(),
            made: content.provider == Provider::Kwok,
        };
        self.cluster(&desired.hub).fleet.insert(name.clone(), entry);
        self.write()?;
        self.cluster(name).enrolled = true;
        Ok(())
    }

    fn put(&mut self, cluster: &ClusterName, object: &Object, minted: Option<Minted>) -> Result<(), Cut> {
        self.write()?;
        let uid = format!("object-{}", self.serial());
        let key = object.key();
        let cluster = self.cluster(cluster);
        if let Some(namespace) = &key.namespace {
            assert!(cluster.has_namespace(namespace), "{key} is written, and its namespace is not there");
        }
        let value = object.value().clone();
        let uid = cluster.objects.get(&key).map_or(uid, |before| before.uid.clone());
        let placed = Placed { uid, owned: paths(&value), value, minted };
        cluster.objects.insert(key, placed);
        Ok(())
    }

    fn record(&mut self, desired: &Desired, cluster: &ClusterName, record: Inventory) -> Result<(), Cut> {
        self.write()?;
        let recorded = self.cluster(&desired.hub).fleet.contains_key(cluster);
        assert!(recorded, "{cluster} is written to before the fleet record knows it");
        let cluster = self.cluster(cluster);
        assert!(cluster.enrolled, "an inventory is written, and its namespace is not there");
        cluster.inventories.insert(record.unit.clone(), record);
        Ok(())
    }

    fn inventory_object(&mut self, cluster: &ClusterName, object: &Object, ready: bool) -> InventoryObject {
        let live = self.cluster(cluster).objects.get(&object.key()).map(Placed::live);
        let once = ready && is_run_once(object);
        InventoryObject {
            key: object.key(),
            version: object.api_version().to_owned(),
            plural: format!("{}s", object.kind().to_lowercase()),
            uid: live.as_ref().map(|live| live.uid.clone()),
            fingerprint: live.filter(|_| ready && !once).and_then(|live| live.fingerprint),
            owned: None,
            done: once.then(|| Digest::of_json(object.value())),
            keep: object.annotation("helm.sh/resource-policy") == Some("keep"),
        }
    }

    fn apply(&mut self, desired: &Desired, unit: &UnitId, apply: &ApplyObjects) -> Result<UnitFacts, Cut> {
        let cluster = &unit.cluster;
        let wanted: BTreeSet<ObjectKey> = apply.objects.iter().map(Object::key).collect();
        let before = apply.before.iter().flat_map(|before| &before.objects);
        let left: Vec<InventoryObject> = before.filter(|o| !wanted.contains(&o.key)).cloned().collect();
        let mut objects: Vec<InventoryObject> =
            apply.objects.iter().map(|object| self.inventory_object(cluster, object, false)).collect();
        objects.extend(left.iter().cloned());
        let mut record = Inventory {
            topology: desired.topology.clone(),
            unit: unit.name.clone(),
            state: State::Intended,
            digest: apply.digest.clone(),
            needs: apply.needs.clone(),
            facts: UnitFacts::new(),
            used: apply.used.clone(),
            objects,
            took: Took::default(),
            applied_at: 0,
        };
        self.record(desired, cluster, record.clone())?;
        let mut ordered: Vec<&Object> = apply.objects.iter().collect();
        ordered.sort_by_key(|object| phase(object));
        for object in ordered.into_iter().filter(|object| apply.write.contains(&object.key())) {
            if apply.replace.contains(&object.key()) {
                self.write()?;
                self.cluster(cluster).delete(&object.key());
            }
            self.put(cluster, object, None)?;
        }
        for object in &apply.prune {
            self.write()?;
            self.cluster(cluster).prune(object, &desired.topology);
        }
        let mut facts = UnitFacts::new();
        for address in &apply.gives {
            let key =
                ObjectKey { kind: "Service".to_owned(), ..secret_key(&address.namespace, &address.service) };
            let service = self.cluster(cluster).objects.get(&key).expect("the Service was just applied");
            facts.insert("address".to_owned(), address_of(service));
        }
        record.objects = apply.objects.iter().map(|o| self.inventory_object(cluster, o, true)).collect();
        record.objects.extend(left.into_iter().filter(|object| object.done.is_some()));
        record.objects.extend(apply.leaving.iter().cloned());
        record.state = State::Applied;
        record.facts = facts.clone();
        record.applied_at = self.now;
        self.record(desired, cluster, record)?;
        Ok(facts)
    }

    fn make(&mut self, desired: &Desired, unit: &UnitId, make: &MakeMaterial) -> Result<UnitFacts, Cut> {
        let secret = &make.content.secret;
        let key = secret_key(&secret.namespace, &secret.name);
        let stored = self.cluster(&unit.cluster).objects.get(&key).and_then(|placed| placed.minted.clone());
        let authority = make.authority_fingerprint.as_deref();
        if let Some((cluster, secret)) = &make.authority {
            let key = secret_key(&secret.namespace, &secret.name);
            let signer = self.cluster(cluster).objects.get(&key).and_then(|placed| placed.minted.clone());
            let signer = signer.expect("the authority is made before what it signs");
            assert_eq!(signer.facts.get("fingerprint").and_then(Value::as_str), authority, "{unit}");
        }
        let kept = stored.clone().filter(|kept| {
            !make.remake && kept.suits(&make.content.material, authority) && !kept.is_due(self.now)
        });
        let serial = self.serial();
        let minted =
            kept.unwrap_or_else(|| mint(&make.content, authority, stored.as_ref(), serial, self.now));
        let mut object = Object::new(json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": secret.name, "namespace": secret.namespace},
            "data": {"content": minted.facts.get("digest")}}))
        .unwrap();
        object.set_labels([(TOPOLOGY_LABEL, desired.topology.as_str()), (UNIT_LABEL, unit.name.as_str())]);
        let mut record = Inventory {
            topology: desired.topology.clone(),
            unit: unit.name.clone(),
            state: State::Intended,
            digest: make.digest.clone(),
            needs: make.needs.clone(),
            facts: UnitFacts::new(),
            used: Vec::new(),
            objects: vec![self.inventory_object(&unit.cluster, &object, false)],
            took: Took::default(),
            applied_at: 0,
        };
        self.record(desired, &unit.cluster, record.clone())?;
        self.put(&unit.cluster, &object, Some(minted.clone()))?;
        record.objects = vec![self.inventory_object(&unit.cluster, &object, true)];
        record.state = State::Applied;
        record.facts = minted.facts.clone();
        self.record(desired, &unit.cluster, record)?;
        Ok(minted.facts)
    }

    fn remove(&mut self, desired: &Desired, unit: &UnitId, removal: &RemoveObjects) -> Result<(), Cut> {
        for object in &removal.objects {
            self.write()?;
            self.cluster(&unit.cluster).prune(object, &desired.topology);
        }
        self.write()?;
        let inventories = &mut self.cluster(&unit.cluster).inventories;
        let inventory = inventories.remove(&unit.name).expect("only what is recorded is removed");
        match &removal.record {
            RecordAfter::Gone => {}
            RecordAfter::Without => {
                inventories.insert(unit.name.clone(), inventory.without(&removal.objects));
            }
            RecordAfter::Only(left) => {
                inventories.insert(unit.name.clone(), inventory.reduced_to(left.clone()));
            }
        }
        Ok(())
    }
}

/// The address that a provider assigns to a Service: another one for another Service.
pub(crate) fn address_of(service: &Placed) -> Value {
    json!(format!("203.0.113.{}", service.uid.trim_start_matches("object-")))
}

pub(crate) fn secret_key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey {
        group: String::new(),
        kind: "Secret".to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    }
}

/// The JSON pointers of all values in an object, which are what an applier owns.
fn paths(value: &Value) -> BTreeSet<String> {
    fn visit(at: &str, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) if !map.is_empty() => map.iter().for_each(|(name, value)| {
                visit(&format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), value, found);
            }),
            Value::Object(_)
            | Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => {
                found.insert(at.to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    visit("", value, &mut found);
    found
}
