//! The words of a plan for a set of objects: why it changes, and what is lost by it.
//!
//! Nothing is decided here; what was decided is told.

use super::{Change, Inputs, PlanOptions, objects::Work};
use crate::{
    inventory::{Inventory, InventoryObject, State},
    object::ObjectKey,
    unit::Unit,
};

/// Why an object that its unit lets go of stays where it is; none when it goes.
pub(super) fn why_kept(object: &InventoryObject, options: &PlanOptions) -> Option<&'static str> {
    let is_claim = object.key.group.is_empty() && object.key.kind == "PersistentVolumeClaim";
    match (is_claim, options.delete_data) {
        // What the user says of data goes over what a chart says.
        (true, true) => None,
        (true, false) => {
            Some("it holds data, and is yours to delete; `destroy --delete-data` takes claims along")
        }
        (false, _) if object.keep && object.key.defined_group().is_some() => {
            Some("it was there before, or its chart asks to keep it; objects of its kind would go with it")
        }
        // helm's mark on what outlives its release.
        (false, _) => object.keep.then_some("helm.sh/resource-policy: keep"),
    }
}

/// What stays behind when an object goes.
pub(super) fn left_behind(key: &ObjectKey, options: &PlanOptions) -> Option<&'static str> {
    let makes_claims = key.group == "apps" && key.kind == "StatefulSet";
    (makes_claims && !options.delete_data).then_some("claims that it made stay, with their data")
}

/// Who holds up an object that is on its way out and must be gone before it is made again.
pub(super) fn ending(inputs: &Inputs<'_>, unit: &Unit, key: &ObjectKey) -> Option<String> {
    let state = inputs.observed.state(&unit.id.cluster)?;
    let finalizers = state.live.get(key)?.deleting.as_ref()?;
    Some(if finalizers.is_empty() {
        "made when the one that is being deleted is gone".to_owned()
    } else {
        format!("made when the one that is being deleted is gone; its finalizers: {}", finalizers.join(", "))
    })
}

/// What is lost while an object is replaced, and whether it is data.
pub(super) fn lost_by_replacing(key: &ObjectKey) -> (&'static str, bool) {
    match key.kind.as_str() {
        "PersistentVolumeClaim" | "PersistentVolume" => ("the data on the volume is lost", true),
        "CustomResourceDefinition" => ("all objects of the kind are lost", true),
        "Namespace" => ("everything in the namespace is lost", true),
        "StatefulSet" => ("its pods stop until it is made again; its claims and their data stay", false),
        "Deployment" | "DaemonSet" | "ReplicaSet" => ("its pods stop until it is made again", false),
        "Service" => ("its address may change and connections break", false),
        _ => ("it is absent for a moment", false),
    }
}

/// What happens to the unit as a whole, and why.
pub(super) fn explain(
    inputs: &Inputs<'_>,
    inventory: Option<&Inventory>,
    same_digest: bool,
    work: &Work,
    prune: &[InventoryObject],
) -> (Change, Vec<String>) {
    let Some(inventory) = inventory else { return (Change::Create, vec!["new".to_owned()]) };
    if inventory.state == State::Intended {
        return (Change::Resume, vec!["an earlier apply was cut short".to_owned()]);
    }
    let changed_facts: Vec<String> = inventory
        .used
        .iter()
        .filter(|used| {
            inputs
                .facts
                .get(&used.fact.unit)
                .and_then(|facts| facts.get(&used.fact.name))
                .is_some_and(|now| now != &used.value)
        })
        .map(|used| format!("{} has changed", used.fact))
        .collect();
    if !work.replace.is_empty() {
        return (Change::Replace, vec!["a field that cannot change in place has changed".to_owned()]);
    }
    if same_digest {
        let mut reasons = Vec::new();
        if work.missing > 0 {
            reasons.push(format!("{} deleted by another hand", objects_word(work.missing)));
        }
        if work.write.len() > work.missing {
            reasons
                .push(format!("{} changed by another hand", objects_word(work.write.len() - work.missing)));
        }
        if reasons.is_empty() {
            reasons.push("its record holds what is gone".to_owned());
        }
        return (Change::Repair, reasons);
    }
    if !changed_facts.is_empty() {
        return (Change::Update, changed_facts);
    }
    let reason = match (work.write.is_empty(), prune.is_empty()) {
        (true, true) => "only lgtmctl's own record changes",
        (true, false) => "objects are no longer part of it",
        (false, _) => "its content has changed",
    };
    (Change::Update, vec![reason.to_owned()])
}

fn objects_word(count: usize) -> String {
    if count == 1 { "1 object was".to_owned() } else { format!("{count} objects were") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_stateful_set_the_data_stays_unless_it_is_to_go() {
        let key = |group: &str, kind: &str| ObjectKey {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: Some("mimir".to_owned()),
            name: "mimir".to_owned(),
        };
        let options = PlanOptions::default();
        assert!(
            left_behind(&key("apps", "StatefulSet"), &options).is_some_and(|said| said.contains("claims"))
        );
        assert_eq!(left_behind(&key("apps", "Deployment"), &options), None);
        let options = PlanOptions { delete_data: true, ..options };
        assert_eq!(left_behind(&key("apps", "StatefulSet"), &options), None);
    }
}
