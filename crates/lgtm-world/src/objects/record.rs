//! What a record of an application needs from the cluster: the kinds' names in URLs, and what is there when
//! everything is ready.
//!
//! What goes into the record is the planner's to say, and how it is stored is not known here.

use std::collections::BTreeMap;

use lgtm_executor::Failure;
use lgtm_planner::{
    fingerprint::OwnedFields,
    inventory::{TOPOLOGY_LABEL, UNIT_LABEL},
    object::ObjectKey,
    phase::{Phase, phase},
    plan::{ApplyObjects, ReadBack},
};

use super::Context;
use crate::{
    cluster::{Resource, answer::ApiError},
    observe::of_metadata,
};

/// The objects' resources in URLs, in the objects' order.
pub(super) async fn plurals(context: &Context<'_>, work: &ApplyObjects) -> Result<Vec<String>, Failure> {
    let brings_definitions = work.objects.iter().any(|object| phase(object) == Phase::Definitions);
    let mut plurals = Vec::with_capacity(work.objects.len());
    for object in &work.objects {
        plurals.push(match context.cluster.resource(object).await {
            Ok(resource) => resource.plural,
            // The definition may be among the very objects that are about to be applied.
            Err(ApiError::NoKind { .. }) if brings_definitions => String::new(),
            Err(error) => return Err(context.cluster.object_failure("applying", &object.key(), error)),
        });
    }
    Ok(plurals)
}

/// Reads back uids and fingerprints, after readiness: controllers take some fields over only then.
pub(super) async fn read_back(
    context: &Context<'_>,
    work: &ApplyObjects,
) -> Result<BTreeMap<ObjectKey, ReadBack>, Failure> {
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
                let (key, live) = of_metadata(&resource.group, kind, found);
                let owned = found.get("metadata").and_then(OwnedFields::of);
                (key, ReadBack { plural: resource.plural.clone(), live, owned })
            });
            Ok::<_, Failure>(seen.collect::<Vec<_>>())
        }
    });
    Ok(futures::future::try_join_all(lists).await?.into_iter().flatten().collect())
}
