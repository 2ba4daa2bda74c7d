//! Namespaces that a topology no longer has: they go last of all on their cluster.
//!
//! With a namespace goes what is in it, and a finalizer inside holds it up. So its unit lets it stand
//! when it applies its other objects, and a removal of its own follows when whatever was in it has
//! moved or gone. Whether a stranger's object is in it can only be seen at that moment; that is not asked
//! here.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_topology::ClusterName;

use super::{
    Action, Inputs, ObjectChange, RecordAfter, RemoveObjects, Step, StepId,
    objects::owned_elsewhere,
    remove::{is_ours, removal},
};
use crate::{
    inventory::{Inventory, InventoryObject},
    object::ObjectKey,
    observed::ClusterState,
    unit::{Content, UnitId},
};

pub(super) fn is_namespace(key: &ObjectKey) -> bool {
    key.group.is_empty() && key.kind == "Namespace"
}

/// The namespaces in the unit's record that its content no longer has, that are still there, and that no
/// other unit has taken over.
pub(super) fn leaving(inputs: &Inputs<'_>, unit: &UnitId, inventory: &Inventory) -> Vec<InventoryObject> {
    let Some(rendered) = inputs.rendered.get(unit) else { return Vec::new() };
    let Some(state) = inputs.observed.state(&unit.cluster) else { return Vec::new() };
    let recorded = inventory.objects.iter().filter(|object| is_namespace(&object.key) && !object.keep);
    recorded
        .filter(|object| !rendered.objects.iter().any(|wanted| wanted.key() == object.key))
        .filter(|object| is_ours(state, object, inventory) && !owned_elsewhere(inputs, unit, &object.key))
        .map(|object| state.with_live_uid(object))
        .collect()
}

/// Whether the unit's record still holds a namespace that its content no longer has and that is gone. A
/// removal that was cut short has deleted it and did not come to say so.
pub(super) fn is_one_gone(inputs: &Inputs<'_>, unit: &UnitId, inventory: &Inventory) -> bool {
    let Some(rendered) = inputs.rendered.get(unit) else { return false };
    let Some(state) = inputs.observed.state(&unit.cluster) else { return false };
    let recorded = inventory.objects.iter().filter(|object| is_namespace(&object.key));
    let mut gone = recorded.filter(|object| !state.live.contains_key(&object.key));
    gone.any(|object| !rendered.objects.iter().any(|wanted| wanted.key() == object.key))
}

/// The namespaces that units of the topology have objects in.
pub(super) fn inhabited<'a>(inputs: &Inputs<'a>, cluster: &'a ClusterName) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for unit in inputs.desired.units_on(cluster) {
        if let Content::Material(material) = &unit.content {
            names.insert(material.secret.namespace.as_str());
        }
        match inputs.rendered.get(&unit.id) {
            Some(rendered) => names.extend(rendered.objects.iter().filter_map(|object| object.namespace())),
            // What waits for facts will be where it is.
            None => names.extend(inputs.observed.inventory(&unit.id).into_iter().flat_map(|inventory| {
                inventory.objects.iter().filter_map(|object| object.key.namespace.as_deref())
            })),
        }
    }
    names
}

/// Adds the removals of namespaces that units of the topology let go of. They, and all other removals of
/// nothing but namespaces, wait for every other removal on the cluster.
pub(super) fn add_removals(
    inputs: &Inputs<'_>,
    cluster: &ClusterName,
    state: &ClusterState,
    removals: &mut BTreeMap<StepId, Step>,
) {
    let units = state.inventories.values().map(|inventory| {
        let unit = UnitId { cluster: cluster.clone(), name: inventory.unit.clone() };
        let leaving = leaving(inputs, &unit, inventory);
        (unit, leaving)
    });
    let units: Vec<(UnitId, Vec<InventoryObject>)> =
        units.filter(|(_, leaving)| !leaving.is_empty()).collect();
    if !units.is_empty() {
        let inhabited = inhabited(inputs, cluster);
        for (unit, mut objects) in units {
            objects.retain(|object| !inhabited.contains(object.key.name.as_str()));
            if !objects.is_empty() {
                let step = step(inputs, unit, objects);
                removals.insert(step.id.clone(), step);
            }
        }
    }
    let (last, others): (Vec<_>, Vec<_>) =
        removals.values().filter(|step| &step.id.unit.cluster == cluster).partition(|step| {
            !step.objects.is_empty() && step.objects.iter().all(|change| is_namespace(&change.object))
        });
    let others: BTreeSet<StepId> = others.into_iter().map(|step| step.id.clone()).collect();
    let last: Vec<StepId> = last.into_iter().map(|step| step.id.clone()).collect();
    for id in last {
        if let Some(step) = removals.get_mut(&id) {
            step.needs.extend(others.iter().cloned());
        }
    }
}

fn step(inputs: &Inputs<'_>, unit: UnitId, objects: Vec<InventoryObject>) -> Step {
    let mut step = removal(unit, "nothing of the topology is in it any more");
    step.objects = objects.iter().map(|object| ObjectChange::of_left(object, inputs.options)).collect();
    let delete_data = inputs.options.delete_data;
    step.action = Some(Action::Remove(RemoveObjects { objects, delete_data, record: RecordAfter::Without }));
    step
}
