//! What an inventory says of an application: before its first write, and when everything is ready.
//!
//! How records are stored is not known here, and what they mean is the planner's to say.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_executor::Failure;
use lgtm_planner::{
    digest::Digest,
    fingerprint::OwnedFields,
    inventory::{Inventory, InventoryObject, State, TOPOLOGY_LABEL, UNIT_LABEL},
    object::ObjectKey,
    observed::Live,
    phase::{Phase, is_run_once, phase},
    plan::ApplyObjects,
};

use super::Context;
use crate::{
    cluster::{Resource, answer::ApiError},
    observe::of_metadata,
};

pub(super) fn inventory(
    context: &Context<'_>,
    work: &ApplyObjects,
    state: State,
    objects: Vec<InventoryObject>,
) -> Inventory {
    Inventory {
        topology: context.topology.clone(),
        unit: context.step.unit.name.clone(),
        state,
        digest: work.digest.clone(),
        needs: work.needs.clone(),
        facts: work.before.as_ref().map(|before| before.facts.clone()).unwrap_or_default(),
        used: work.used.clone(),
        objects,
        took: work.before.as_ref().map(|before| before.took).unwrap_or_default(),
        applied_at: work.before.as_ref().map_or(0, |before| before.applied_at),
    }
}

/// The unit's objects as the intent records them: with the uid known from before, or none.
pub(super) async fn skeleton(
    context: &Context<'_>,
    work: &ApplyObjects,
) -> Result<Vec<InventoryObject>, Failure> {
    let known: BTreeMap<&ObjectKey, &InventoryObject> =
        work.before.iter().flat_map(|before| &before.objects).map(|object| (&object.key, object)).collect();
    let brings_definitions = work.objects.iter().any(|object| phase(object) == Phase::Definitions);
    let mut objects = Vec::with_capacity(work.objects.len());
    for object in &work.objects {
        let key = object.key();
        let plural = match context.cluster.resource(object).await {
            Ok(resource) => resource.plural,
            // The definition may be among the very objects that are about to be applied.
            Err(ApiError::NoKind { .. }) if brings_definitions => String::new(),
            Err(error) => return Err(context.cluster.object_failure("applying", &key, error)),
        };
        let before = known.get(&key);
        objects.push(InventoryObject {
            version: object.api_version().rsplit('/').next().unwrap_or_default().to_owned(),
            plural,
            uid: before.and_then(|before| before.uid.clone()),
            fingerprint: before.and_then(|before| before.fingerprint.clone()),
            owned: before.and_then(|before| before.owned.clone()),
            done: is_run_once(object).then(|| Digest::of_json(object.value())),
            keep: object.annotation("helm.sh/resource-policy") == Some("keep")
                || before.is_some_and(|before| before.keep),
            key,
        });
    }
    Ok(objects)
}

/// The intent also keeps what the last inventory holds and this one does not, or a crash would lose it.
pub(super) fn with_before(objects: &[InventoryObject], before: Option<&Inventory>) -> Vec<InventoryObject> {
    let known: BTreeSet<&ObjectKey> = objects.iter().map(|object| &object.key).collect();
    let left =
        before.into_iter().flat_map(|before| &before.objects).filter(|object| !known.contains(&object.key));
    let done = |object: &InventoryObject| {
        let same = |old: &&InventoryObject| old.key == object.key && old.done == object.done;
        before.into_iter().flat_map(|before| &before.objects).find(same).and_then(|old| old.done.clone())
    };
    // What runs once is done only when this application is, unless it was done before as it is now.
    let intended = objects.iter().map(|object| InventoryObject { done: done(object), ..object.clone() });
    intended.filter(|object| !object.plural.is_empty()).chain(left.cloned()).collect()
}

/// Reads back uids and fingerprints, after readiness: controllers take some fields over only then.
pub(super) async fn fingerprints(
    context: &Context<'_>,
    work: &ApplyObjects,
    recorded: Vec<InventoryObject>,
) -> Result<Vec<InventoryObject>, Failure> {
    let cluster = context.cluster;
    let failed = |error| cluster.failure("reading back what was applied", error);
    let mut kinds: BTreeMap<Resource, String> = BTreeMap::new();
    for object in &work.objects {
        kinds.insert(cluster.resource(object).await.map_err(failed)?, object.kind().to_owned());
    }
    let selector = format!("{TOPOLOGY_LABEL}={},{UNIT_LABEL}={}", context.topology, context.step.unit.name);
    let lists = kinds.iter().map(|(resource, kind)| {
        let selector = &selector;
        async move {
            let found = cluster.list_metadata(resource, selector).await.map_err(failed)?;
            let seen = found.iter().map(|found| {
                let (key, seen) = of_metadata(&resource.group, kind, found);
                (key, seen, found.get("metadata").and_then(OwnedFields::of))
            });
            Ok::<_, Failure>((resource.plural.clone(), seen.collect::<Vec<_>>()))
        }
    });
    let mut live: BTreeMap<ObjectKey, (String, Live, Option<OwnedFields>)> = BTreeMap::new();
    for (plural, seen) in futures::future::try_join_all(lists).await? {
        live.extend(seen.into_iter().map(|(key, seen, owned)| (key, (plural.clone(), seen, owned))));
    }
    // Hooks of another occasion ran once as well, and what they left behind goes with the unit.
    let known: BTreeSet<ObjectKey> =
        recorded.iter().chain(&work.prune).map(|object| object.key.clone()).collect();
    let before = work.before.iter().flat_map(|before| &before.objects);
    let left = before.filter(|object| object.done.is_some() && !known.contains(&object.key)).cloned();
    let left: Vec<InventoryObject> = left.collect();
    Ok(recorded
        .into_iter()
        .chain(left)
        .chain(work.leaving.iter().cloned())
        .map(|object| match live.get(&object.key) {
            Some((plural, seen, owned)) => InventoryObject {
                plural: plural.clone(),
                uid: Some(seen.uid.clone()),
                fingerprint: seen.fingerprint.clone(),
                owned: owned.clone(),
                ..object
            },
            None => object,
        })
        .collect())
}
