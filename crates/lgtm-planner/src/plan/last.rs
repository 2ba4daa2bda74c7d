//! What others live in or are of: namespaces, and definitions of custom resources. They go last of all on their
//! cluster.
//!
//! With a namespace goes what is in it, with a definition every resource of its kind, and a finalizer of one of
//! them holds it up. So a unit that no longer has it lets it stand when it applies its other objects, and a removal
//! of its own follows when whatever was in it has moved or gone. Whether a stranger's object is in it can only be
//! seen at that moment; that is not asked here.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_topology::ClusterName;

use super::{
    Action, Inputs, ObjectChange, RecordAfter, RemoveObjects, Step, StepId,
    objects::owned_elsewhere,
    remove::{is_ours, removal},
};
use crate::{
    inventory::{Inventory, InventoryObject},
    object::{Object, ObjectKey},
    observed::ClusterState,
    unit::{Content, UnitId},
};

fn goes_last(key: &ObjectKey) -> bool {
    key.is_namespace() || key.defined_group().is_some()
}

/// The namespaces and definitions in the unit's record that its content no longer has, that are still there, and
/// that no other unit has taken over.
pub(super) fn leaving(inputs: &Inputs<'_>, unit: &UnitId, inventory: &Inventory) -> Vec<InventoryObject> {
    let mut recorded =
        inventory.objects.iter().filter(|object| goes_last(&object.key) && !object.keep).peekable();
    if recorded.peek().is_none() {
        return Vec::new();
    }
    let Some(rendered) = inputs.rendered.get(unit) else { return Vec::new() };
    let Some(state) = inputs.observed.state(&unit.cluster) else { return Vec::new() };
    recorded
        .filter(|object| !has(&rendered.objects, &object.key))
        .filter(|object| is_ours(state, object, inventory) && !owned_elsewhere(inputs, unit, &object.key))
        .map(|object| state.with_live_uid(object))
        .collect()
}

/// Whether the unit's record still holds one that its content no longer has and that is gone. A removal that was
/// cut short has deleted it and did not come to say so.
pub(super) fn is_one_gone(inputs: &Inputs<'_>, unit: &UnitId, inventory: &Inventory) -> bool {
    let mut recorded = inventory.objects.iter().filter(|object| goes_last(&object.key)).peekable();
    if recorded.peek().is_none() {
        return false;
    }
    let Some(rendered) = inputs.rendered.get(unit) else { return false };
    let Some(state) = inputs.observed.state(&unit.cluster) else { return false };
    let mut gone = recorded.filter(|object| !state.live.contains_key(&object.key));
    gone.any(|object| !has(&rendered.objects, &object.key))
}

fn has(objects: &[Object], key: &ObjectKey) -> bool {
    objects.iter().any(|object| &object.key() == key)
}

/// The namespaces and the API groups of what units of the topology have on a cluster.
#[derive(Default)]
pub(super) struct InUse<'a> {
    namespaces: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
}

impl<'a> InUse<'a> {
    pub(super) fn on(inputs: &Inputs<'a>, cluster: &'a ClusterName) -> Self {
        let mut in_use = Self::default();
        for unit in inputs.desired.units_on(cluster) {
            if let Content::Material(material) = &unit.content {
                in_use.namespaces.insert(material.secret.namespace.as_str());
            }
            if let Some(rendered) = inputs.rendered.get(&unit.id) {
                in_use.namespaces.extend(rendered.objects.iter().filter_map(Object::namespace));
                in_use.groups.extend(rendered.objects.iter().map(Object::group));
            } else {
                // What waits for facts will be where it is, and of the kinds that it is.
                let recorded = inputs.observed.inventory(&unit.id);
                for object in recorded.into_iter().flat_map(|inventory| &inventory.objects) {
                    in_use.namespaces.extend(object.key.namespace.as_deref());
                    in_use.groups.insert(&object.key.group);
                }
            }
        }
        in_use
    }

    /// Whether something is in this namespace, or of this definition's group.
    pub(super) fn holds(&self, key: &ObjectKey) -> bool {
        let of_group = |group| self.groups.contains(group);
        if key.is_namespace() {
            self.namespaces.contains(key.name.as_str())
        } else {
            key.defined_group().is_some_and(of_group)
        }
    }
}

/// Adds the removals of what units of the topology let go of. They, and all other removals of nothing but
/// namespaces and definitions, wait for every other removal on the cluster.
pub(super) fn add_removals<'a>(
    inputs: &Inputs<'a>,
    cluster: &'a ClusterName,
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
        let in_use = InUse::on(inputs, cluster);
        for (unit, mut objects) in units {
            objects.retain(|object| !in_use.holds(&object.key));
            if !objects.is_empty() {
                let step = step(inputs, unit, objects);
                removals.insert(step.id.clone(), step);
            }
        }
    }
    let_go_at_the_end(cluster, removals);
}

/// Lets removals of nothing but namespaces and definitions wait for every other removal on the cluster.
fn let_go_at_the_end(cluster: &ClusterName, removals: &mut BTreeMap<StepId, Step>) {
    let (last, others): (Vec<_>, Vec<_>) =
        removals.values().filter(|step| &step.id.unit.cluster == cluster).partition(|step| {
            !step.objects.is_empty() && step.objects.iter().all(|change| goes_last(&change.object))
        });
    let others: BTreeSet<StepId> = others.into_iter().map(|step| step.id.clone()).collect();
    let last: Vec<StepId> = last.into_iter().map(|step| step.id.clone()).collect();
    for id in last {
        // What is left of a removal that was cut may be a namespace alone, for which another waits already.
        let others: Vec<StepId> =
            others.iter().filter(|other| !waits_for(removals, other, &id)).cloned().collect();
        if let Some(step) = removals.get_mut(&id) {
            step.needs.extend(others);
        }
    }
}

/// Lets units that leave with a namespace go after those that leave from inside it, where they do not need
/// each other the other way round.
pub(super) fn let_go_last(
    cluster: &ClusterName,
    leaving: &[&Inventory],
    removals: &mut BTreeMap<StepId, Step>,
) {
    let id = |inventory: &Inventory| {
        StepId::remove(UnitId { cluster: cluster.clone(), name: inventory.unit.clone() })
    };
    for with in leaving {
        let inside = leaving.iter().filter(|other| {
            let mut namespaces = with.objects.iter().filter(|object| object.key.is_namespace());
            other.unit != with.unit
                && namespaces.any(|namespace| {
                    let lives_there =
                        |object: &InventoryObject| object.key.namespace.as_ref() == Some(&namespace.key.name);
                    other.objects.iter().any(lives_there)
                })
        });
        for other in inside.map(|other| id(other)) {
            let with = id(with);
            if removals.contains_key(&other)
                && !waits_for(removals, &other, &with)
                && let Some(step) = removals.get_mut(&with)
            {
                step.needs.insert(other);
            }
        }
    }
}

/// Whether a step waits for another one, be it through others.
fn waits_for(steps: &BTreeMap<StepId, Step>, step: &StepId, other: &StepId) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![step];
    while let Some(next) = open.pop() {
        if next == other {
            return true;
        }
        if seen.insert(next) {
            open.extend(steps.get(next).into_iter().flat_map(|step| &step.needs));
        }
    }
    false
}

fn step(inputs: &Inputs<'_>, unit: UnitId, objects: Vec<InventoryObject>) -> Step {
    let mut step = removal(unit, "nothing of the topology is in it any more");
    step.objects = objects.iter().map(|object| ObjectChange::of_left(object, inputs.options)).collect();
    let delete_data = inputs.options.delete_data;
    step.action = Some(Action::Remove(RemoveObjects { objects, delete_data, record: RecordAfter::Without }));
    step
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::plan::PlanOptions;

    fn left(unit: &str, needs: &[&str], objects: &[(&str, Option<&str>, &str)]) -> Inventory {
        let objects: Vec<_> = objects
            .iter()
            .map(|(kind, namespace, name)| {
                let key = json!({"group": "", "kind": kind, "namespace": namespace, "name": name});
                json!({"key": key, "version": "v1", "plural": "any"})
            })
            .collect();
        let needs: Vec<String> = needs.iter().map(|need| format!("hub/{need}")).collect();
        serde_json::from_value(json!({
            "topology": "t", "unit": unit, "state": "applied", "digest": "00", "needs": needs, "objects": objects,
        }))
        .unwrap()
    }

    fn removals(leaving: &[Inventory]) -> BTreeMap<String, BTreeSet<String>> {
        let hub = ClusterName::new("hub");
        let id = |unit: &str| StepId::remove(UnitId::new(&hub, unit));
        let mut steps: BTreeMap<StepId, Step> = BTreeMap::new();
        for with in leaving {
            let mut step = removal(UnitId::new(&hub, with.unit.as_str()), "");
            let needed_by = leaving.iter().filter(|other| other.needs.contains(&step.id.unit));
            step.needs = needed_by.map(|other| id(other.unit.as_str())).collect();
            steps.insert(step.id.clone(), step);
        }
        let_go_last(&hub, &leaving.iter().collect::<Vec<_>>(), &mut steps);
        let name = |id: &StepId| id.unit.name.to_string();
        steps.values().map(|step| (name(&step.id), step.needs.iter().map(name).collect())).collect()
    }

    #[test]
    fn whoever_brought_a_namespace_goes_after_those_inside() {
        let with = [("Namespace", None, "apps"), ("ConfigMap", Some("apps"), "own")];
        let waits = removals(&[
            left("with", &[], &with),
            left("inside", &[], &[("ConfigMap", Some("apps"), "other")]),
            left("elsewhere", &[], &[("ConfigMap", Some("default"), "other")]),
        ]);
        assert_eq!(waits["with"], BTreeSet::from(["inside".to_owned()]));
        assert!(waits["inside"].is_empty() && waits["elsewhere"].is_empty());
    }

    #[test]
    fn a_removal_that_was_cut_makes_no_circle() {
        let hub = ClusterName::new("hub");
        let with = left("with", &[], &[("Namespace", None, "apps"), ("ConfigMap", Some("apps"), "own")]);
        // Its ConfigMap has gone already, and its record still names it.
        let cut = left("cut", &[], &[("Namespace", None, "other"), ("ConfigMap", Some("apps"), "gone")]);
        let mut steps = BTreeMap::new();
        for (inventory, still_there) in [(&with, 2), (&cut, 1)] {
            let mut step = removal(UnitId::new(&hub, inventory.unit.as_str()), "");
            let objects = inventory.objects.iter().take(still_there);
            step.objects =
                objects.map(|object| ObjectChange::of_left(object, &PlanOptions::default())).collect();
            steps.insert(step.id.clone(), step);
        }
        let_go_last(&hub, &[&with, &cut], &mut steps);
        let_go_at_the_end(&hub, &mut steps);
        let order = crate::graph::order(steps.iter().map(|(id, step)| (id, &step.needs)));
        assert_eq!(order.map(|order| order.len()), Ok(2));
    }

    #[test]
    fn what_needs_a_unit_goes_before_it_all_the_same() {
        // The unit with the namespace needs the one inside it, by way of a third.
        let waits = removals(&[
            left("with", &["between"], &[("Namespace", None, "apps")]),
            left("between", &["inside"], &[]),
            left("inside", &[], &[("ConfigMap", Some("apps"), "other")]),
        ]);
        assert!(waits["with"].is_empty());
        assert_eq!(waits["inside"], BTreeSet::from(["between".to_owned()]));
    }
}
