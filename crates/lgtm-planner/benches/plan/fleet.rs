//! A topology with many spokes, and clusters on which all of it is in place.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use lgtm_planner::{
    desired::{Capabilities, Desired, desire},
    digest::Digest,
    fact::{Facts, UnitFacts},
    fingerprint::{FIELD_MANAGER, OwnedFields, fingerprint},
    inventory::{Connection, FleetEntry, Inventory, InventoryObject, State, Took},
    object::Object,
    observed::{ClusterObserved, ClusterState, Live, Observed},
    phase::is_run_once,
    plan::{Action, Inputs, Plan, PlanOptions, Rendered, assess, decide, known_facts, plan},
    unit::{SecretRef, UnitId},
};
use lgtm_topology::{ClusterName, Topology, TopologyName, parse};
use serde_json::{Value, json};

use crate::{material::mint, render::render};

/// Extras of each kind, all of them on every spoke: with the catalog's own, a spoke has 15 units on average.
const EXTRAS: usize = 4;

/// All that planning starts from.
pub(crate) struct Fleet {
    pub(crate) text: String,
    pub(crate) topology: Topology,
    pub(crate) desired: Desired,
    pub(crate) observed: Observed,
    rendered: BTreeMap<UnitId, Rendered>,
    facts: Facts,
    options: PlanOptions,
}

impl Fleet {
    /// A fleet whose topology was applied.
    pub(crate) fn settled(spokes: usize) -> Self {
        let text = text(spokes);
        let parsed = parse("fleet.yaml", &text);
        // A topology that is refused early would be fast for the wrong reason.
        assert_eq!(parsed.diagnostics, []);
        let topology = parsed.topology.expect("the topology is valid");
        let desired = desire(&topology, &Capabilities::default()).expect("the topology can be planned");
        let mut fleet = Self {
            text,
            topology,
            observed: Observed { now: NOW, ..Observed::default() },
            desired,
            rendered: BTreeMap::new(),
            facts: Facts::new(),
            options: PlanOptions::default(),
        };
        fleet.settle();
        fleet
    }

    /// Does and records what the planner decides, one unit after the other.
    fn settle(&mut self) {
        for unit in self.desired.ordered() {
            let (id, cluster) = (&unit.id, &unit.id.cluster);
            if let Some(rendered) = render(unit, &self.facts) {
                self.rendered.insert(id.clone(), rendered);
            }
            let inputs = Inputs {
                desired: &self.desired,
                observed: &self.observed,
                rendered: &self.rendered,
                facts: &self.facts,
                options: &self.options,
            };
            let action = decide(&inputs, unit).expect("a decision").action.expect("everything is new");
            let observed = &mut self.observed;
            let state = match observed.clusters.get_mut(cluster) {
                Some(ClusterObserved::Reachable(state)) => Some(state),
                Some(_) | None => None,
            };
            match (action, state) {
                (Action::EnsureCluster(_), _) => {
                    observed.clusters.insert(cluster.clone(), cluster_state(id));
                }
                (Action::Enrol(_), Some(state)) => {
                    state.enrolled = true;
                    observed.fleet.insert(cluster.clone(), fleet_entry(&self.desired, cluster, &state.uid));
                }
                (Action::Apply(work), Some(state)) => {
                    let inventory = Inventory { used: work.used, ..inventory(id, work.digest, work.needs) };
                    record(state, inventory, &work.objects);
                }
                (Action::Make(work), Some(state)) => {
                    let facts =
                        mint(&work.content, work.authority_fingerprint.as_deref(), None, 1, NOW).facts;
                    self.facts.insert(id.clone(), facts.clone());
                    let inventory = Inventory { facts, ..inventory(id, work.digest, work.needs) };
                    record(state, inventory, &[secret(&work.content.secret)]);
                }
                (other, _) => panic!("{id} is new, and the plan says {other:?}"),
            }
        }
        self.facts = known_facts(&self.desired, &self.observed);
        let plan = self.plan_from_text();
        assert!(plan.is_empty(), "an apply left something to do: {:?}", plan.steps.first());
        assert_eq!(plan.unchanged.len(), self.desired.units.len());
    }

    pub(crate) fn inputs(&self) -> Inputs<'_> {
        Inputs {
            desired: &self.desired,
            observed: &self.observed,
            rendered: &self.rendered,
            facts: &self.facts,
            options: &self.options,
        }
    }

    /// Everything that the pure crates do for a plan.
    pub(crate) fn plan_from_text(&self) -> Plan {
        let topology = parse("fleet.yaml", &self.text).topology.expect("the topology is valid");
        let desired = desire(&topology, &Capabilities::default()).expect("the topology can be planned");
        let facts = known_facts(&desired, &self.observed);
        let inputs = Inputs { desired: &desired, facts: &facts, ..self.inputs() };
        let wanted = assess(&inputs).expect("an assessment");
        assert_eq!(wanted, BTreeMap::new(), "something has to be looked at again");
        plan(&inputs).expect("a plan")
    }
}

/// Each cluster has networks and a segment of its own, since comparing those with all others is what could
/// grow faster than the file.
fn text(spokes: usize) -> String {
    use std::fmt::Write as _;
    let mut text = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: fleet}\nspec:\n  \
                    provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  spokes:\n"
        .to_owned();
    for spoke in 0..u32::try_from(spokes).expect("fewer spokes") {
        let scenario = if spoke.is_multiple_of(2) { "alloy" } else { "otel" };
        let network = |index: u32| Ipv4Addr::from((10 << 24) + (index << 12));
        let segment = Ipv4Addr::from((172 << 24) + (18 << 16) + ((spoke + 1) << 3));
        writeln!(
            text,
            "    - {{name: spoke-{spoke}, tenant: tenant-{spoke}, scenario: {scenario}, podCIDR: {}/20, \
             serviceCIDR: {}/20, segment: {segment}/29}}",
            network(2 * spoke),
            network(2 * spoke + 1),
        )
        .expect("a String takes any text");
    }
    let everywhere = (0..spokes).map(|spoke| format!("spoke-{spoke}")).collect::<Vec<_>>().join(", ");
    for (list, what) in [
        ("extraReleases", "chart: charts/own, namespace: own, values: {replicas: 2, mode: plain}"),
        ("extraManifests", "files: [manifests/own.yaml], namespace: own"),
    ] {
        writeln!(text, "  {list}:").expect("a String takes any text");
        for extra in 0..EXTRAS {
            let name = format!("{}-{extra}", list.to_lowercase());
            let what = what.replace("own.yaml", &format!("{name}.yaml"));
            writeln!(text, "    - {{name: {name}, clusters: [{everywhere}], {what}}}")
                .expect("a String takes any text");
        }
    }
    text
}

const NOW: i64 = 1_800_000_000;

fn cluster_state(cluster: &UnitId) -> ClusterObserved {
    ClusterObserved::Reachable(Box::new(ClusterState {
        uid: format!("uid of {}", cluster.cluster),
        version: "v1.35.1".to_owned(),
        settled: true,
        ..ClusterState::default()
    }))
}

fn fleet_entry(desired: &Desired, cluster: &ClusterName, uid: &str) -> FleetEntry {
    FleetEntry {
        topology: desired.topology.clone(),
        hub: desired.hub.clone(),
        cluster: cluster.clone(),
        connection: Connection::Kwok { name: cluster.to_string() },
        uid: uid.to_owned(),
        made: true,
    }
}

fn inventory(unit: &UnitId, digest: Digest, needs: BTreeSet<UnitId>) -> Inventory {
    Inventory {
        topology: TopologyName::new("fleet"),
        unit: unit.name.clone(),
        state: State::Applied,
        digest,
        needs,
        facts: UnitFacts::new(),
        used: Vec::new(),
        objects: Vec::new(),
        took: Took { work: 100, wait: 900 },
        applied_at: NOW,
    }
}

/// Puts objects on a cluster, and into the inventory of their unit.
fn record(state: &mut ClusterState, mut inventory: Inventory, objects: &[Object]) {
    for object in objects {
        let key = object.key();
        let entry = json!({"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": object.api_version(),
            "fieldsV1": fields(object.value())});
        let metadata = json!({"managedFields": [entry]});
        let uid = format!("{:036}", state.live.len());
        let fingerprint = fingerprint(&metadata);
        let done = is_run_once(object).then(|| Digest::of_json(object.value()));
        inventory.objects.push(InventoryObject {
            key: key.clone(),
            version: object.api_version().to_owned(),
            plural: format!("{}s", object.kind().to_lowercase()),
            uid: Some(uid.clone()),
            fingerprint: fingerprint.clone(),
            owned: OwnedFields::of(&metadata),
            done,
            keep: false,
        });
        let (unit, topology) = (Some(inventory.unit.clone()), Some(inventory.topology.to_string()));
        state.live.insert(key, Live { uid, fingerprint, unit, topology, deleting: None });
    }
    state.inventories.insert(inventory.unit.clone(), inventory);
}

/// What the API server would say that we own, in its form.
fn fields(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(name, value)| (format!("f:{name}"), fields(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => json!({}),
    }
}

fn secret(secret: &SecretRef) -> Object {
    let metadata = json!({"namespace": secret.namespace, "name": secret.name});
    let data = json!({"ca.crt": "", "tls.crt": "", "tls.key": ""});
    Object::new(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}))
        .expect("a Secret is an object")
}
