//! What to do about a set of objects: which to write, to replace, to prune, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, ApplyObjects, Decision, Inputs, ObjectChange, ObjectVerb, PlanError, Rendered, UsedKey, last,
    reasons::{ending, explain, lost_by_replacing, why_kept},
    remove::is_ours,
};
use crate::{
    digest::Digest,
    fact::references,
    inventory::{Inventory, InventoryObject, State, TOPOLOGY_LABEL, UNIT_LABEL, UsedFact},
    object::{Object, ObjectKey, duplicate_list_keys},
    observed::{ClusterState, Difference, ObjectExamined},
    phase::{Occasion, is_run_once, select_hooks},
    unit::{Content, Material, MaterialContent, Unit, UnitId},
};

/// The objects that the world must compare with live ones before a plan can be made.
pub fn assess(inputs: &Inputs<'_>) -> Result<BTreeMap<UnitId, Vec<Object>>, PlanError> {
    let mut wanted = BTreeMap::new();
    for (id, rendered) in inputs.rendered {
        if let Some(unit) = inputs.desired.units.get(id) {
            let objects = assess_unit(inputs, unit, rendered)?;
            if !objects.is_empty() {
                wanted.insert(id.clone(), objects);
            }
        }
    }
    Ok(wanted)
}

/// The same for one unit.
pub fn assess_unit(inputs: &Inputs<'_>, unit: &Unit, rendered: &Rendered) -> Result<Vec<Object>, PlanError> {
    // On a cluster that is not there, or does not answer, there is nothing to compare with.
    let Some(state) = inputs.observed.state(&unit.id.cluster) else { return Ok(Vec::new()) };
    let inventory = state.inventories.get(&unit.id.name);
    let settled = inventory.filter(|inventory| {
        inventory.state == State::Applied && inventory.digest == input_digest(inputs, unit, rendered)
    });
    match settled {
        Some(inventory) if !inputs.options.refresh_full => {
            let suspects: BTreeSet<&ObjectKey> = moved(state, inventory).map(|object| &object.key).collect();
            if suspects.is_empty() {
                return Ok(Vec::new());
            }
            let objects = objects_of(inputs, unit, rendered)?;
            Ok(objects.into_iter().filter(|object| suspects.contains(&object.key())).collect())
        }
        Some(_) | None => {
            let mut objects = objects_of(inputs, unit, rendered)?;
            objects.retain(|object| !is_done(inventory, object));
            if settled.is_some() {
                objects.retain(|object| !is_run_once(object));
            }
            Ok(objects)
        }
    }
}

/// Whether the object runs once and was done as it is now.
fn is_done(inventory: Option<&Inventory>, object: &Object) -> bool {
    is_run_once(object)
        && inventory.is_some_and(|inventory| {
            let digest = Digest::of_json(object.value());
            inventory
                .objects
                .iter()
                .any(|done| done.done.as_ref() == Some(&digest) && done.key == object.key())
        })
}

/// Objects of the inventory that are not there as they were left.
fn moved<'a>(state: &'a ClusterState, inventory: &'a Inventory) -> impl Iterator<Item = &'a InventoryObject> {
    let ending = state.ending_namespaces();
    let goes = move |object: &InventoryObject| {
        object.key.namespace.as_ref().is_some_and(|namespace| ending.contains(namespace.as_str()))
    };
    inventory.objects.iter().filter(|object| object.done.is_none()).filter(move |object| {
        goes(object)
            || state.live.get(&object.key).is_none_or(|live| {
                live.fingerprint != object.fingerprint
                    || live.fingerprint.is_none()
                    || live.deleting.is_some()
            })
    })
}

/// The digest of everything that the unit's content is made of.
pub(super) fn input_digest(inputs: &Inputs<'_>, unit: &Unit, rendered: &Rendered) -> Digest {
    Digest::of_parts([inputs.desired.topology.as_str(), unit.id.name.as_str(), rendered.digest.as_str()])
}

/// The unit's objects as they are applied: hooks chosen, labels set, list keys checked.
fn objects_of(inputs: &Inputs<'_>, unit: &Unit, rendered: &Rendered) -> Result<Vec<Object>, PlanError> {
    let occasion =
        // An upgrade that was cut short is still one.
        if inputs
            .observed
            .inventory(&unit.id)
            .is_some_and(|inventory| inventory.state == State::Applied || inventory.applied_at > 0)
        {
            Occasion::Upgrade
        } else {
            Occasion::Install
        };
    let mut objects = select_hooks(rendered.objects.to_vec(), occasion)
        .map_err(|source| PlanError::Hook { unit: unit.id.clone(), source })?;
    for object in &mut objects {
        if let Some(duplicate) = duplicate_list_keys(object.value()).into_iter().next() {
            return Err(PlanError::DuplicateKey {
                unit: unit.id.clone(),
                object: object.key(),
                path: duplicate.path,
                key: duplicate.key,
            });
        }
        object.set_labels([
            (TOPOLOGY_LABEL, inputs.desired.topology.as_str()),
            (UNIT_LABEL, unit.id.name.as_str()),
        ]);
    }
    Ok(objects)
}

pub(super) fn decide(inputs: &Inputs<'_>, unit: &Unit, rendered: &Rendered) -> Result<Decision, PlanError> {
    let inventory = inputs.observed.inventory(&unit.id);
    let digest = input_digest(inputs, unit, rendered);
    let same_digest =
        inventory.is_some_and(|inventory| inventory.state == State::Applied && inventory.digest == digest);
    let examined = inputs.observed.examined.get(&unit.id);
    let outdated = inventory.is_some_and(|inventory| last::is_one_gone(inputs, &unit.id, inventory));
    if same_digest && examined.is_none() && !outdated {
        return Ok(Decision::unchanged());
    }
    let mut objects = objects_of(inputs, unit, rendered)?;
    if same_digest {
        // Nothing is installed or upgraded by a repair. A hook that did not run when something was is none of
        // it, and must not be recorded as done.
        objects.retain(|object| !is_run_once(object) || is_done(inventory, object));
    }
    let mut work = Work::default();
    for object in &mut objects {
        let seen = examined.and_then(|examined| examined.objects.get(&object.key()));
        if is_done(inventory, object) {
            continue;
        }
        let unseen = if same_digest { ObjectExamined::Same } else { ObjectExamined::Missing };
        // A look at an object that goes with its namespace shows what will be no more.
        let state = inputs.observed.state(&unit.id.cluster);
        let goes = state.is_some_and(|state| state.goes_with_namespace(&object.key()));
        let seen = if goes { &ObjectExamined::Missing } else { seen.unwrap_or(&unseen) };
        if !same_digest && seen == &ObjectExamined::Same && is_disowned(inputs, unit, &object.key()) {
            work.take_back(object.key());
            continue;
        }
        work.consider(inputs, unit, object, seen)?;
    }
    let (prune, leaving) = inventory
        .map_or_else(Default::default, |inventory| stale(inputs, unit, inventory, rendered, &mut work));
    if same_digest && work.write.is_empty() && prune.is_empty() && !outdated {
        return Ok(Decision::unchanged());
    }
    let (change, reasons) = explain(inputs, inventory, same_digest, &work, &prune);
    let gives = match &unit.content {
        Content::Release(release) => release.gives.clone(),
        Content::Cluster(_)
        | Content::Enrolment
        | Content::Objects(_)
        | Content::Manifests(_)
        | Content::Material(_) => Vec::new(),
    };
    let needs_permission = work.loses_data && !inputs.options.allow_replace.contains(&unit.id);
    let used = used_facts(inputs, unit);
    let action = Action::Apply(Box::new(ApplyObjects {
        objects,
        write: work.write,
        replace: work.replace,
        adopt: work.adopt,
        prune,
        leaving,
        retires: new_keys(inputs, unit, &used),
        used,
        gives,
        digest,
        needs: unit.needs.clone(),
        before: inventory.cloned(),
    }));
    Ok(Decision { reasons, objects: work.changes, needs_permission, ..Decision::act(change, action) })
}

fn used_facts(inputs: &Inputs<'_>, unit: &Unit) -> Vec<UsedFact> {
    let Content::Release(release) = &unit.content else { return Vec::new() };
    references(&release.values)
        .into_iter()
        .filter_map(|fact| {
            let value = inputs.facts.get(&fact.unit)?.get(&fact.name)?.clone();
            Some(UsedFact { fact, value })
        })
        .collect()
}

/// The access keys in the content that were not in it when the unit was last ready. Where others need a key too,
/// nobody can say when all of them have it.
fn new_keys(inputs: &Inputs<'_>, unit: &Unit, used: &[UsedFact]) -> Vec<UsedKey> {
    let before = inputs.observed.inventory(&unit.id).filter(|before| before.state == State::Applied);
    let is_new = |used: &&UsedFact| before.is_none_or(|before| !before.used.contains(used));
    let key = |used: &UsedFact| {
        let maker = inputs.desired.units.get(&used.fact.unit)?;
        let Content::Material(MaterialContent { secret, material: Material::AccessKey(request) }) =
            &maker.content
        else {
            return None;
        };
        let is_alone = inputs
            .desired
            .units_on(&maker.id.cluster)
            .all(|other| other.id == unit.id || !other.needs.contains(&maker.id));
        let opens = request.opens.is_some() && maker.id.cluster == unit.id.cluster;
        (opens && is_alone).then(|| UsedKey {
            unit: maker.id.clone(),
            secret: secret.clone(),
            request: request.clone(),
        })
    };
    used.iter().filter(is_new).filter_map(key).collect()
}

/// What is gathered over the objects of a unit.
#[derive(Default)]
pub(super) struct Work {
    pub(super) write: BTreeSet<ObjectKey>,
    pub(super) replace: BTreeSet<ObjectKey>,
    adopt: BTreeSet<ObjectKey>,
    changes: Vec<ObjectChange>,
    pub(super) missing: usize,
    loses_data: bool,
}

impl Work {
    /// An object that looks right and of which lgtmctl owns nothing any more: what the new content leaves
    /// out would stay, so it is applied although a dry run shows no difference.
    fn take_back(&mut self, key: ObjectKey) {
        self.write.insert(key.clone());
        self.changes.push(ObjectChange {
            remark: Some("its record of what lgtmctl owns was lost and is restored".to_owned()),
            ..ObjectChange::new(key, ObjectVerb::Update)
        });
    }

    fn consider(
        &mut self,
        inputs: &Inputs<'_>,
        unit: &Unit,
        object: &mut Object,
        seen: &ObjectExamined,
    ) -> Result<(), PlanError> {
        let key = object.key();
        let change = |verb, difference: &Difference, remark| ObjectChange {
            object: key.clone(),
            verb,
            fields: difference.fields.clone(),
            conflicts: difference.conflicts.clone(),
            remark,
        };
        let change = match seen {
            ObjectExamined::Same => return Ok(()),
            ObjectExamined::Missing | ObjectExamined::NotYet => {
                self.missing += 1;
                change(ObjectVerb::Create, &Difference::default(), ending(inputs, unit, &key))
            }
            ObjectExamined::Differs(difference) => {
                if inputs.options.conflicts_fail
                    && let Some(conflict) = difference.conflicts.first()
                {
                    return Err(PlanError::Conflict {
                        cluster: unit.id.cluster.clone(),
                        object: key,
                        path: conflict.path.clone(),
                        manager: conflict.manager.clone(),
                    });
                }
                if difference.autoscaled {
                    object.drop_replicas();
                    if difference.fields.is_empty() && !difference.adopted {
                        return Ok(());
                    }
                }
                let verb = if difference.adopted {
                    self.adopt.insert(key.clone());
                    ObjectVerb::Adopt
                } else {
                    ObjectVerb::Update
                };
                change(verb, difference, None)
            }
            ObjectExamined::Immutable { difference, reason } => {
                self.replace.insert(key.clone());
                let lost = lost_by_replacing(&key);
                self.loses_data |= lost.1 || difference.adopted;
                let foreign = if difference.adopted { "; it was not made by lgtmctl" } else { "" };
                change(ObjectVerb::Replace, difference, Some(format!("{reason}; {}{foreign}", lost.0)))
            }
            ObjectExamined::Refused { reason } => {
                return Err(PlanError::Refused {
                    cluster: unit.id.cluster.clone(),
                    unit: unit.id.clone(),
                    object: key,
                    reason: reason.clone(),
                });
            }
        };
        self.changes.push(change);
        self.write.insert(key);
        Ok(())
    }
}

/// Whether our entry has vanished from an object of which the inventory says what we owned.
fn is_disowned(inputs: &Inputs<'_>, unit: &Unit, key: &ObjectKey) -> bool {
    let Some(state) = inputs.observed.state(&unit.id.cluster) else { return false };
    let vanished = state.find(key).is_some_and(|live| live.fingerprint.is_none());
    let inventory = state.inventories.get(&unit.id.name);
    vanished
        && inventory.is_some_and(|inventory| {
            inventory.objects.iter().any(|object| &object.key == key && object.owned.is_some())
        })
}

/// Objects of the last application that the unit no longer has: those that go as soon as the others are
/// ready, and those that go last of all. What another unit of the cluster now owns, what asks to
/// be kept and what is gone already is left out.
fn stale(
    inputs: &Inputs<'_>,
    unit: &Unit,
    inventory: &Inventory,
    rendered: &Rendered,
    work: &mut Work,
) -> (Vec<InventoryObject>, Vec<InventoryObject>) {
    let leaving = last::leaving(inputs, &unit.id, inventory);
    // The hooks of another occasion are still the unit's, though they are not applied this time.
    let wanted: BTreeSet<ObjectKey> = rendered.objects.iter().map(Object::key).collect();
    let mut prune = Vec::new();
    for object in &inventory.objects {
        if wanted.contains(&object.key) || leaving.iter().any(|last| last.key == object.key) {
            continue;
        }
        let Some(state) = inputs.observed.state(&unit.id.cluster) else { continue };
        if !is_ours(state, object, inventory) || owned_elsewhere(inputs, &unit.id, &object.key) {
            continue;
        }
        work.changes.push(ObjectChange::of_left(object, inputs.options));
        if why_kept(object, inputs.options).is_none() {
            prune.push(state.with_live_uid(object));
        }
    }
    (prune, leaving)
}

/// Whether another unit of the cluster is to own the object, by its rendered objects.
pub(super) fn owned_elsewhere(inputs: &Inputs<'_>, unit: &UnitId, key: &ObjectKey) -> bool {
    inputs.rendered.iter().any(|(id, rendered)| {
        id.cluster == unit.cluster && id != unit && rendered.objects.iter().any(|object| &object.key() == key)
    })
}
