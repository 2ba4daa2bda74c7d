//! Taking away: units that the topology no longer has, clusters that left it, and whole topologies.
//!
//! Only what an inventory or the fleet record holds is ever taken away. On a cluster that lgtmctl
//! made and that goes as a whole, its objects need no steps of their own.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_topology::{ClusterName, TopologyName};

use super::{
    Action, Change, Inputs, ObjectChange, Plan, PlanOptions, RecordAfter, RemoveObjects, Step, StepId,
    last::{self, InUse},
    objects::owned_elsewhere,
    reasons::why_kept,
};
use crate::{
    graph,
    inventory::{FleetEntry, Inventory, InventoryObject, State},
    observed::{ClusterObserved, ClusterState, Observed},
    unit::{CLUSTER_UNIT, Content, ENROLMENT_UNIT, UnitId, UnitName},
};

/// Why most things are removed.
const LEFT: &str = "it is no longer in the topology";

/// Adds the removal of whatever is recorded and no longer wanted.
pub(super) fn add_removals(inputs: &Inputs<'_>, steps: &mut BTreeMap<StepId, Step>) {
    let mut removals = BTreeMap::new();
    for (name, entry) in &inputs.observed.fleet {
        if inputs.desired.cluster(name).is_none() {
            remove_cluster(name, entry, inputs.observed, inputs.options, &mut removals);
            if let Some(ClusterObserved::Unreachable { reason }) = inputs.observed.clusters.get(name) {
                // Only `destroy` says clearly enough that a cluster is to go that nobody can look at.
                for step in removals.values_mut().filter(|step| &step.id.unit.cluster == name) {
                    step.change = Change::Blocked;
                    step.action = None;
                    step.reasons =
                        vec![format!("{name} does not answer, so nothing on it is removed: {reason}")];
                }
            }
        } else if let Some(state) = inputs.observed.state(name) {
            let wanted: BTreeSet<&UnitName> =
                inputs.desired.units_on(name).map(|unit| &unit.id.name).collect();
            let gone = state.inventories.values().filter(|inventory| !wanted.contains(&inventory.unit));
            remove_units(name, state, gone, Some(inputs), inputs.options, &mut removals);
            last::add_removals(inputs, name, state, &mut removals);
        }
    }
    // What replaces a unit must be ready before the unit goes, and only the same cluster can replace it.
    // A removal on a cluster that leaves waits for the hub, which stops sending there first.
    let mut by_cluster: BTreeMap<&ClusterName, BTreeSet<StepId>> = BTreeMap::new();
    for id in steps.keys() {
        by_cluster.entry(&id.unit.cluster).or_default().insert(id.clone());
    }
    for step in removals.values_mut() {
        let here = by_cluster.get(&step.id.unit.cluster).or_else(|| by_cluster.get(&inputs.desired.hub));
        step.needs.extend(here.into_iter().flatten().cloned());
        if step.needs.iter().any(|need| steps.get(need).is_some_and(|step| step.change == Change::Blocked)) {
            step.change = Change::Blocked;
            step.action = None;
        }
    }
    steps.extend(removals);
}

/// Plans the removal of everything of a topology.
pub fn plan_destroy(
    topology: &TopologyName,
    hub: &ClusterName,
    observed: &Observed,
    options: &PlanOptions,
) -> Plan {
    let mut steps = BTreeMap::new();
    for (name, entry) in &observed.fleet {
        remove_cluster(name, entry, observed, options, &mut steps);
    }
    for reason in steps.values_mut().flat_map(|step| &mut step.reasons).filter(|reason| *reason == LEFT) {
        "the whole topology is removed".clone_into(reason);
    }
    // The hub holds the fleet record, so its records and it itself go when no other cluster is left.
    let others: BTreeSet<StepId> = steps.keys().filter(|id| &id.unit.cluster != hub).cloned().collect();
    for (id, step) in &mut steps {
        if &id.unit.cluster == hub && [CLUSTER_UNIT, ENROLMENT_UNIT].contains(&id.unit.name.as_str()) {
            step.needs.extend(others.iter().cloned());
        }
    }
    let blocked_others =
        steps.values().any(|step| step.change == Change::Blocked && &step.id.unit.cluster != hub);
    if blocked_others {
        for (id, step) in &mut steps {
            if &id.unit.cluster == hub && [CLUSTER_UNIT, ENROLMENT_UNIT].contains(&id.unit.name.as_str()) {
                step.change = Change::Blocked;
                step.action = None;
                step.reasons =
                    vec!["the fleet record is needed until the other clusters are clean".to_owned()];
            }
        }
    }
    // Removals follow recorded needs, which a plan ordered once; a damaged record may form a circle,
    // and then the order of names is as good as any.
    let order = graph::order(steps.iter().map(|(id, step)| (id, &step.needs)));
    let order = order.unwrap_or_else(|_| steps.keys().cloned().collect());
    Plan {
        topology: topology.clone(),
        steps: order.iter().filter_map(|id| steps.remove(id)).collect(),
        unchanged: BTreeSet::new(),
        unreachable: observed.unreachable(),
        notes: Vec::new(),
    }
}

fn remove_cluster(
    name: &ClusterName,
    entry: &FleetEntry,
    observed: &Observed,
    options: &PlanOptions,
    steps: &mut BTreeMap<StepId, Step>,
) {
    let mut withdraw = removal(UnitId::new(name, CLUSTER_UNIT), LEFT);
    withdraw.action = Some(Action::Withdraw { delete: entry.made });
    if entry.made {
        withdraw.reasons.push("lgtmctl made the cluster, so it is deleted with all that is on it".to_owned());
        steps.insert(withdraw.id.clone(), withdraw);
        return;
    }
    let Some(state) = observed.state(name) else {
        withdraw.change = Change::Blocked;
        withdraw.action = None;
        withdraw.reasons = vec![format!("{name} does not answer, so nothing on it is removed")];
        steps.insert(withdraw.id.clone(), withdraw);
        return;
    };
    if state.uid != entry.uid {
        withdraw.change = Change::Blocked;
        withdraw.action = None;
        withdraw.reasons = vec![format!(
            "{name} is not the cluster of the last apply (kube-system had uid {}, now {}), so nothing on it is \
             removed",
            entry.uid, state.uid
        )];
        steps.insert(withdraw.id.clone(), withdraw);
        return;
    }
    remove_units(name, state, state.inventories.values(), None, options, steps);
    let mut unenrol = removal(UnitId::new(name, ENROLMENT_UNIT), LEFT);
    unenrol.action = Some(Action::Unenrol);
    unenrol.needs = steps.keys().filter(|id| &id.unit.cluster == name).cloned().collect();
    withdraw.needs = BTreeSet::from([unenrol.id.clone()]);
    steps.insert(unenrol.id.clone(), unenrol);
    steps.insert(withdraw.id.clone(), withdraw);
}

fn remove_units<'a>(
    cluster: &'a ClusterName,
    state: &ClusterState,
    gone: impl Iterator<Item = &'a Inventory>,
    inputs: Option<&Inputs<'a>>,
    options: &PlanOptions,
    steps: &mut BTreeMap<StepId, Step>,
) {
    let gone: Vec<&Inventory> = gone.collect();
    if gone.is_empty() {
        return;
    }
    let in_use = inputs.map_or_else(InUse::default, |inputs| InUse::on(inputs, cluster));
    for inventory in &gone {
        let unit = UnitId { cluster: cluster.clone(), name: inventory.unit.clone() };
        let mut step = removal(unit.clone(), LEFT);
        // Whatever needed this unit goes first.
        step.needs = gone
            .iter()
            .filter(|other| other.needs.contains(&unit))
            .map(|other| StepId::remove(UnitId { cluster: cluster.clone(), name: other.unit.clone() }))
            .collect();
        let mut objects = Vec::new();
        let mut stay = Vec::new();
        for object in &inventory.objects {
            if !is_ours(state, object, inventory)
                || inputs.is_some_and(|inputs| wanted_by_another(inputs, &unit, object))
            {
                continue;
            }
            if in_use.holds(&object.key) {
                // It goes when the last of what others have in it, or of its kind, is gone.
                stay.push(state.with_live_uid(object));
                continue;
            }
            step.objects.push(ObjectChange::of_left(object, options));
            if why_kept(object, options).is_none() {
                objects.push(state.with_live_uid(object));
            }
        }
        if !stay.is_empty() && objects.is_empty() {
            continue;
        }
        let record = if stay.is_empty() { RecordAfter::Gone } else { RecordAfter::Only(stay) };
        let delete_data = options.delete_data;
        step.action = Some(Action::Remove(RemoveObjects { objects, delete_data, record }));
        steps.insert(step.id.clone(), step);
    }
    last::let_go_last(cluster, &gone, steps);
}

/// Whether a live object is the one that the inventory means. In an intent without a uid the labels
/// decide: what bears ours and was not there before is ours, also when the answer to its creation
/// was lost. With a uid, the label counts only where another unit's inventory agrees that the object
/// has moved there; anyone could have edited it.
pub(super) fn is_ours(state: &ClusterState, object: &InventoryObject, inventory: &Inventory) -> bool {
    let moved_to = |name: &UnitName| {
        name != &inventory.unit
            && state
                .inventories
                .get(name)
                .is_some_and(|other| other.objects.iter().any(|held| held.key == object.key))
    };
    let of_this_topology = |topology: &String| topology == inventory.topology.as_str();
    state.live.get(&object.key).is_some_and(|live| match &object.uid {
        Some(uid) => {
            // An application that was cut short may have made it anew, with our labels and fields.
            let made_anew = inventory.state == State::Intended
                && live.fingerprint.is_some()
                && live.unit.as_ref() == Some(&inventory.unit)
                && live.topology.as_ref().is_some_and(of_this_topology);
            made_anew
                || (&live.uid == uid
                    && live.topology.as_ref().is_none_or(of_this_topology)
                    && !live.unit.as_ref().is_some_and(moved_to))
        }
        // Units of other topologies may have the same name.
        None => {
            live.unit.as_ref() == Some(&inventory.unit)
                && live.topology.as_ref().is_some_and(of_this_topology)
        }
    })
}

fn wanted_by_another(inputs: &Inputs<'_>, unit: &UnitId, object: &InventoryObject) -> bool {
    owned_elsewhere(inputs, unit, &object.key)
        || inputs.desired.units_on(&unit.cluster).any(|other| {
            matches!(&other.content, Content::Material(content) if object.key == content.secret.key())
        })
}

pub(super) fn removal(unit: UnitId, reason: &str) -> Step {
    Step {
        id: StepId::remove(unit),
        needs: BTreeSet::new(),
        change: Change::Remove,
        reasons: vec![reason.to_owned()],
        objects: Vec::new(),
        waits_for: Vec::new(),
        needs_permission: false,
        estimate: 1_000,
        action: None,
    }
}
