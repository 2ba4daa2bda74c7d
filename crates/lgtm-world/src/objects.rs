//! Applying a unit's objects, and taking a unit's objects away.
//!
//! The order is always: write down the intent, write, wait until ready, prune, read what is there,
//! write down the result. Whatever cuts it short, the next run finds the intent and goes on.

use std::{collections::BTreeMap, time::Duration};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use lgtm_executor::{Done, Event, Events, Failure, Kind, Outcome};
use lgtm_planner::{
    fact::UnitFacts,
    fingerprint::takeover::{adopted, are_replicas_given_up, restored},
    inventory::{Inventory, State, Took},
    object::{Object, ObjectKey},
    observed::Live,
    phase::{Phase, is_run_once, phase},
    plan::{ApplyObjects, StepId},
};
use lgtm_topology::TopologyName;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    cluster::{
        Permit, Resource,
        answer::{Answer, ApiError},
        ready,
        takeover::{hand_over_replicas, write_owners},
    },
    lock::{self, Held},
    material,
    observe::of_metadata,
    records,
};

mod claims;
mod gone;
mod prune;
mod record;

use gone::until_gone;
pub(crate) use gone::until_namespace_is_gone;
use prune::prune;
pub(crate) use prune::remove;

/// Writes at once for one unit.
const CONCURRENCY: usize = 8;
/// How long it may take until a kind is served whose definition is established.
const SERVED_WITHIN: Duration = Duration::from_secs(10);

/// What all functions here need to know of their step.
pub(crate) struct Context<'a> {
    pub(crate) cluster: &'a crate::cluster::Cluster,
    pub(crate) topology: &'a TopologyName,
    pub(crate) step: &'a StepId,
    pub(crate) events: &'a Events,
    pub(crate) now: i64,
    pub(crate) held: Option<Held>,
}

impl Context<'_> {
    /// Asked before every write: a step may wait for long, and the lock may be lost meanwhile.
    pub(crate) fn may_write(&self) -> Result<Permit, Failure> {
        lock::permit(self.held.as_ref())
    }

    fn tell(&self, what: String) {
        self.events.tell(Event::Waiting { step: self.step.clone(), what });
    }
}

/// Applies objects, waits until they are ready, prunes, and records.
pub(crate) async fn apply(context: &Context<'_>, work: &ApplyObjects) -> Result<Done, Failure> {
    let cluster = context.cluster;
    let begun = Instant::now();
    let mut waited = Duration::ZERO;
    let skeleton = work.skeleton(record::plurals(context, work).await?);
    let inventory =
        |state, objects| work.inventory(context.topology, &context.step.unit.name, state, objects);
    let intended = inventory(State::Intended, work.intended(&skeleton));
    records::write_inventory(cluster, &intended, context.may_write()?).await?;
    for key in &work.replace {
        replace_first(context, work, key).await?;
    }
    let mut phases: BTreeMap<Phase, Vec<&Object>> = BTreeMap::new();
    for object in work.objects.iter().filter(|object| work.write.contains(&object.key())) {
        phases.entry(phase(object)).or_default().push(object);
    }
    for (phase, objects) in &phases {
        let writes: Vec<_> = objects.iter().map(|object| write(context, work, object)).collect();
        stream::iter(writes).buffer_unordered(CONCURRENCY).try_collect::<Vec<()>>().await?;
        // Later phases need these to be in force, not only to exist.
        if matches!(phase, Phase::Definitions | Phase::PreHook(_) | Phase::PostHook(_)) {
            waited += wait(context, objects).await?;
        }
        if *phase == Phase::Definitions {
            cluster.forget_kinds();
        }
        if matches!(phase, Phase::PreHook(_) | Phase::PostHook(_)) {
            clean_up(context, objects).await?;
        }
    }
    // What runs once was waited for when it ran, and may be gone by now.
    let lasting: Vec<&Object> = work.objects.iter().filter(|object| !is_run_once(object)).collect();
    let once = work.objects.iter().filter(|object| is_run_once(object) && work.write.contains(&object.key()));
    let jobs: Vec<&Object> = once.filter(|object| !is_hook(object)).chain(lasting).collect();
    waited += wait(context, &jobs).await?;
    for key in &work.retires {
        material::retire(context, key).await?;
    }
    let remarks = prune(context, &work.prune, false).await?;
    let objects = work.applied(skeleton, &record::read_back(context, work).await?);
    let facts = facts(context, work).await?;
    let applied = Inventory {
        facts: facts.clone(),
        took: took(begun, waited),
        applied_at: context.now,
        ..inventory(State::Applied, objects)
    };
    records::write_inventory(cluster, &applied, context.may_write()?).await?;
    let outcome = if work.before.is_none() { Outcome::Created } else { Outcome::Updated };
    Ok(Done { outcome, facts, took: took(begun, waited), remarks })
}

pub(crate) fn took(begun: Instant, waited: Duration) -> Took {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Took { work: millis(begun.elapsed().saturating_sub(waited)), wait: millis(waited) }
}

fn is_hook(object: &Object) -> bool {
    matches!(phase(object), Phase::PreHook(_) | Phase::PostHook(_))
}

/// Deletes hooks that have succeeded and ask to be deleted then. helm's default, to delete a hook before
/// it is made again, is what replacing does; and of a failed one the next run makes a new one.
async fn clean_up(context: &Context<'_>, hooks: &[&Object]) -> Result<(), Failure> {
    let cluster = context.cluster;
    for hook in hooks {
        let policies = hook.annotation("helm.sh/hook-delete-policy").unwrap_or_default();
        if !policies.split(',').any(|policy| policy.trim() == "hook-succeeded") {
            continue;
        }
        let key = hook.key();
        let failed = |error| cluster.object_failure("removing the hook", &key, error);
        let resource = cluster.resource(hook).await.map_err(failed)?;
        let permit = context.may_write()?;
        cluster.delete(&resource, hook.namespace(), hook.name(), None, permit).await.map_err(failed)?;
    }
    Ok(())
}

async fn wait(context: &Context<'_>, objects: &[&Object]) -> Result<Duration, Failure> {
    let begun = Instant::now();
    let lost = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if let Err(failure) = context.may_write() {
                break failure;
            }
        }
    };
    let tell = |what| context.tell(what);
    tokio::select! {
        ready = ready::until_ready(context.cluster, objects, &tell) => ready?,
        // Whoever has lost the lock has nothing to wait for.
        failure = lost => return Err(failure),
    }
    Ok(begun.elapsed())
}

/// The object's resource. The kind of a definition of the same unit is served a moment after the definition is said to
/// be established.
async fn served(context: &Context<'_>, work: &ApplyObjects, object: &Object) -> Answer<Resource> {
    let begun = Instant::now();
    let is_brought = work.objects.iter().any(|other| phase(other) == Phase::Definitions);
    loop {
        match context.cluster.resource(object).await {
            Err(ApiError::NoKind { .. }) if is_brought && begun.elapsed() < SERVED_WITHIN => {
                context.tell(format!("{} to be served", object.kind()));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            answer => return answer,
        }
    }
}

/// Applies one object, taking over what helm and kubectl left on it.
async fn write(context: &Context<'_>, work: &ApplyObjects, object: &Object) -> Result<(), Failure> {
    let cluster = context.cluster;
    let key = object.key();
    let failed = |error| cluster.object_failure("applying", &key, error);
    let resource = served(context, work, object).await.map_err(failed)?;
    // An object on its way out would swallow the apply.
    if let Some(live) =
        cluster.metadata(&resource, object.namespace(), object.name()).await.map_err(failed)?
    {
        let (_, seen) = of_metadata(object.group(), object.kind(), &live);
        refuse_foreign(context, &key, &seen)?;
        if seen.deleting.is_some() {
            until_gone(context, &resource, &key, &seen.uid).await?;
        } else if seen.topology.is_none() {
            if seen.fingerprint.is_none() && !work.adopt.contains(&key) {
                let message = format!("{key} on cluster {} exists and was not made by lgtmctl", cluster.name);
                return Err(Failure::new(Kind::Permanent, message)
                    .with_help("it appeared after the plan was made; a new plan says what becomes of it"));
            }
            if let Some(entries) = adopted(&live) {
                let permit = context.may_write()?;
                write_owners(cluster, &resource, &live, &entries, permit).await.map_err(failed)?;
            }
        }
        if seen.deleting.is_none() && seen.fingerprint.is_none() {
            let before = work.before.iter().flat_map(|before| &before.objects);
            let known = before.filter(|before| before.key == key && before.uid.as_ref() == Some(&seen.uid));
            if let Some(owned) = known.filter_map(|before| before.owned.as_ref()).next() {
                let entries = restored(&live, object.api_version(), &owned.to_value());
                let permit = context.may_write()?;
                write_owners(cluster, &resource, &live, &entries, permit).await.map_err(failed)?;
            }
        }
        if seen.deleting.is_none() && are_replicas_given_up(object, &live) {
            hand_over_replicas(cluster, &resource, object, context.may_write()?).await.map_err(failed)?;
        }
    }
    cluster.apply(object, context.may_write()?).await.map_err(failed)?;
    Ok(())
}

fn refuse_foreign(context: &Context<'_>, key: &ObjectKey, seen: &Live) -> Result<(), Failure> {
    match &seen.topology {
        Some(owner) if owner != context.topology.as_str() => {
            let message =
                format!("{key} on cluster {} belongs to the topology `{owner}`", context.cluster.name);
            Err(Failure::new(Kind::Permanent, message)
                .with_help("two topologies may not own one object; rename one"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Deletes an object that cannot be changed in place, and waits until it is gone.
async fn replace_first(context: &Context<'_>, work: &ApplyObjects, key: &ObjectKey) -> Result<(), Failure> {
    let cluster = context.cluster;
    let Some(object) = work.objects.iter().find(|object| &object.key() == key) else { return Ok(()) };
    let failed = |error| cluster.object_failure("replacing", key, error);
    let resource = cluster.resource(object).await.map_err(failed)?;
    let live = cluster.metadata(&resource, object.namespace(), object.name()).await.map_err(failed)?;
    let Some(live) = live else { return Ok(()) };
    let (_, seen) = of_metadata(object.group(), object.kind(), &live);
    refuse_foreign(context, key, &seen)?;
    let before = work.before.iter().flat_map(|before| &before.objects).find(|before| &before.key == key);
    if before.and_then(|before| before.uid.as_ref()).is_some_and(|uid| uid != &seen.uid) {
        // An earlier try of this very step has replaced it already.
        return Ok(());
    }
    let permit = context.may_write()?;
    cluster
        .delete(&resource, object.namespace(), object.name(), Some(&seen.uid), permit)
        .await
        .map_err(failed)?;
    until_gone(context, &resource, key, &seen.uid).await
}

async fn facts(context: &Context<'_>, work: &ApplyObjects) -> Result<UnitFacts, Failure> {
    let mut facts = UnitFacts::new();
    for given in &work.gives {
        let services = Resource::core("services");
        let service = context.cluster.object(&services, Some(&given.namespace), &given.service).await;
        let service =
            service.map_err(|error| context.cluster.failure("reading a Service's address", error))?;
        if let Some(address) = service.as_ref().and_then(ready::address) {
            facts.insert("address".to_owned(), json!(address));
        }
    }
    Ok(facts)
}
