//! Applying a unit's objects, in the order of the real adapter: the intent, the writes by phase, waiting,
//! pruning, the result.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::{
    fact::UnitFacts,
    fingerprint::{
        OwnedFields,
        takeover::{REPLICAS_KEEPER, adopted, are_replicas_given_up, replicas_only, restored},
    },
    inventory::{InventoryObject, State, TOPOLOGY_LABEL, Took, UNIT_LABEL},
    object::{Object, ObjectKey, built_in_scope, label},
    observed::Live,
    phase::{Phase, is_run_once, phase},
    plan::{ApplyObjects, ReadBack, StepId},
};
use lgtm_topology::TopologyName;
use serde_json::Value;
use tokio::time::{Duration, Instant};

use super::{
    answer::{Answer, Refusal},
    api::{Api, Permit},
    lease::Lock,
    prune::prune,
    records,
};
use crate::{
    event::{Event, Events},
    world::{Done, Failure, Kind, Outcome},
};

const READY_TIMEOUT: Duration = Duration::from_secs(600);
const GONE_TIMEOUT: Duration = Duration::from_secs(90);
const SERVED_WITHIN: Duration = Duration::from_secs(10);
const FIRST_LOOK: Duration = Duration::from_millis(60);
const SLOWEST_LOOK: Duration = Duration::from_secs(2);

/// What all functions here need to know of their step.
pub(super) struct Context {
    pub(super) api: Api,
    pub(super) topology: TopologyName,
    pub(super) step: StepId,
    pub(super) events: Events,
    pub(super) now: i64,
    pub(super) lock: Option<Lock>,
}

impl Context {
    /// The permit for one write. Whoever has no lock has none to lose.
    pub(super) fn may_write(&self) -> Result<Permit, Failure> {
        self.lock.as_ref().map_or_else(|| Ok(Permit::by_the_lock()), Lock::may_write)
    }

    /// The same for another connection.
    pub(super) fn again(&self) -> Self {
        Self {
            api: self.api.clone(),
            topology: self.topology.clone(),
            step: self.step.clone(),
            events: self.events.clone(),
            now: self.now,
            lock: self.lock.clone(),
        }
    }

    fn tell(&self, what: String) {
        self.events.tell(Event::Waiting { step: self.step.clone(), what });
    }

    fn failed(&self, doing: &str, key: &ObjectKey) -> impl Fn(Refusal) -> Failure {
        let (api, doing) = (self.api.clone(), format!("{doing} {key}"));
        move |refusal| api.failure(&doing, refusal)
    }

    pub(super) fn took(&self, begun: Instant, waited: Duration) -> Took {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Took { work: millis(begun.elapsed().saturating_sub(waited)), wait: millis(waited) }
    }
}

/// Applies objects, waits until they are ready, prunes, and records.
pub(super) async fn apply(context: &Context, work: &ApplyObjects) -> Result<Done, Failure> {
    let begun = Instant::now();
    let mut waited = Duration::ZERO;
    let skeleton = work.skeleton(plurals(context, work).await?);
    let inventory =
        |state, objects| work.inventory(&context.topology, &context.step.unit.name, state, objects);
    let intended = inventory(State::Intended, work.intended(&skeleton));
    records::write_inventory(&context.api, &intended, context.may_write()?).await?;
    for key in &work.replace {
        replace_first(context, work, key).await?;
    }
    let mut phases: BTreeMap<Phase, Vec<&Object>> = BTreeMap::new();
    for object in work.objects.iter().filter(|object| work.write.contains(&object.key())) {
        phases.entry(phase(object)).or_default().push(object);
    }
    for (phase, objects) in &phases {
        for object in objects {
            write(context, work, object).await?;
        }
        if matches!(phase, Phase::Definitions | Phase::PreHook(_) | Phase::PostHook(_)) {
            waited += until_ready(context, objects).await?;
        }
    }
    let lasting = work.objects.iter().filter(|object| !is_run_once(object));
    let once = work.objects.iter().filter(|object| {
        is_run_once(object)
            && work.write.contains(&object.key())
            && !matches!(phase(object), Phase::PreHook(_) | Phase::PostHook(_))
    });
    waited += until_ready(context, &once.chain(lasting).collect::<Vec<_>>()).await?;
    let remarks = prune(context, &work.prune, false).await?;
    let objects = work.applied(skeleton, &read_back(context, work).await?);
    let facts = facts(context, work).await?;
    let mut record = inventory(State::Applied, objects);
    record.facts.clone_from(&facts);
    record.took = context.took(begun, waited);
    record.applied_at = context.now;
    records::write_inventory(&context.api, &record, context.may_write()?).await?;
    let outcome = if work.before.is_none() { Outcome::Created } else { Outcome::Updated };
    Ok(Done { outcome, facts, took: context.took(begun, waited), remarks })
}

/// Applies one object, taking over what helm and kubectl left on it.
async fn write(context: &Context, work: &ApplyObjects, object: &Object) -> Result<(), Failure> {
    let (api, key) = (&context.api, object.key());
    let failed = context.failed("applying", &key);
    until_served(context, work, object).await.map_err(&failed)?;
    let live = api.read(|server| server.live(&key).zip(server.get(&key))).await.map_err(&failed)?;
    if let Some((seen, live)) = live {
        refuse_foreign(context, &key, &seen)?;
        if seen.deleting.is_some() {
            until_gone(context, &key, &seen.uid).await?;
        } else {
            if seen.topology.is_none() {
                if seen.fingerprint.is_none() && !work.adopt.contains(&key) {
                    let message = format!("{key} exists and was not made by lgtmctl");
                    return Err(Failure::new(Kind::Permanent, message));
                }
                if let Some(entries) = adopted(&live) {
                    api.write_owners(&key, &live, &entries, context.may_write()?).await.map_err(&failed)?;
                }
            }
            if seen.fingerprint.is_none() {
                let before = work.before.iter().flat_map(|before| &before.objects);
                let known =
                    |before: &&InventoryObject| before.key == key && before.uid.as_ref() == Some(&seen.uid);
                if let Some(owned) = before.filter(known).find_map(|before| before.owned.as_ref()) {
                    let entries = restored(&live, object.api_version(), &owned.to_value());
                    api.write_owners(&key, &live, &entries, context.may_write()?).await.map_err(&failed)?;
                }
            }
            if are_replicas_given_up(object, &live)
                && let Some(only) = replicas_only(object, &live)
            {
                api.apply_as(REPLICAS_KEEPER, &only, context.may_write()?).await.map_err(&failed)?;
            }
        }
    }
    api.apply(object, context.may_write()?).await.map_err(&failed)?;
    Ok(())
}

/// The kind of a definition of the same unit is served a moment after the definition is established.
async fn until_served(context: &Context, work: &ApplyObjects, object: &Object) -> Answer<()> {
    let begun = Instant::now();
    if built_in_scope(object.group(), object.kind()).is_some()
        || work.objects.iter().all(|other| phase(other) != Phase::Definitions)
    {
        return Ok(());
    }
    while begun.elapsed() < SERVED_WITHIN
        && !context.api.read(|server| server.serves(object.group(), object.kind())).await?
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn refuse_foreign(context: &Context, key: &ObjectKey, seen: &Live) -> Result<(), Failure> {
    match &seen.topology {
        Some(owner) if owner != context.topology.as_str() => {
            Err(Failure::new(Kind::Permanent, format!("{key} belongs to the topology `{owner}`")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Deletes an object that cannot be changed in place, and waits until it is gone.
async fn replace_first(context: &Context, work: &ApplyObjects, key: &ObjectKey) -> Result<(), Failure> {
    let failed = context.failed("replacing", key);
    let Some(seen) = context.api.live(key).await.map_err(&failed)? else { return Ok(()) };
    refuse_foreign(context, key, &seen)?;
    let before = work.before.iter().flat_map(|before| &before.objects).find(|before| &before.key == key);
    if before.and_then(|before| before.uid.as_ref()).is_some_and(|uid| uid != &seen.uid) {
        return Ok(());
    }
    context.api.delete(key, Some(&seen.uid), context.may_write()?).await.map_err(&failed)?;
    until_gone(context, key, &seen.uid).await
}

/// Waits until the object with this uid is gone.
pub(super) async fn until_gone(context: &Context, key: &ObjectKey, uid: &str) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut delay = Duration::from_millis(50);
    loop {
        let found = context.api.live(key).await.map_err(context.failed("waiting for the end of", key))?;
        let Some(seen) = found.filter(|seen| seen.uid == uid) else { return Ok(()) };
        if begun.elapsed() > GONE_TIMEOUT {
            let holders = seen.deleting.unwrap_or_default().join(", ");
            return Err(Failure::new(Kind::Permanent, format!("{key} does not go; finalizers: {holders}")));
        }
        context.tell(format!("{key} to be gone"));
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(Duration::from_secs(2));
    }
}

/// Waits until all objects are ready, or the lock is lost.
async fn until_ready(context: &Context, objects: &[&Object]) -> Result<Duration, Failure> {
    let begun = Instant::now();
    let mut open: Vec<&Object> = objects.iter().copied().filter(|object| has_readiness(object)).collect();
    let mut delay = FIRST_LOOK;
    while !open.is_empty() {
        let mut waiting = Vec::new();
        for object in open {
            let key = object.key();
            let live = context.api.object(&key).await.map_err(context.failed("waiting for", &key))?;
            let ready = live.as_ref().map_or(is_run_once(object), |live| is_ready(&key, live));
            if !ready {
                waiting.push(object);
            }
        }
        let Some(object) = waiting.first() else { break };
        if begun.elapsed() > READY_TIMEOUT {
            let message = format!("{} is not ready after 10 minutes", object.key());
            return Err(Failure::new(Kind::Permanent, message));
        }
        context.tell(format!("{}: not ready", object.key()));
        drop(context.may_write()?);
        open = waiting;
        tokio::time::sleep(delay).await;
        delay = (delay * 3 / 2).min(SLOWEST_LOOK);
    }
    Ok(begun.elapsed())
}

fn has_readiness(object: &Object) -> bool {
    match (object.group(), object.kind()) {
        ("apps", "Deployment" | "StatefulSet")
        | ("batch", "Job")
        | ("apiextensions.k8s.io", "CustomResourceDefinition") => true,
        ("", "Service") => {
            object.value().pointer("/spec/type").and_then(Value::as_str) == Some("LoadBalancer")
        }
        _ => false,
    }
}

fn is_ready(key: &ObjectKey, live: &Value) -> bool {
    let number = |pointer: &str| live.pointer(pointer).and_then(Value::as_i64);
    match key.kind.as_str() {
        "Deployment" => {
            number("/status/observedGeneration") >= number("/metadata/generation")
                && number("/status/availableReplicas").unwrap_or(0) >= number("/spec/replicas").unwrap_or(1)
        }
        "StatefulSet" => {
            number("/status/observedGeneration") >= number("/metadata/generation")
                && number("/status/readyReplicas").unwrap_or(0) >= number("/spec/replicas").unwrap_or(1)
        }
        "CustomResourceDefinition" => live.pointer("/status/conditions/1/status").is_some(),
        "Job" => live.pointer("/status/conditions/0/status").is_some(),
        _ => address(live).is_some(),
    }
}

fn address(service: &Value) -> Option<&Value> {
    service.pointer("/status/loadBalancer/ingress/0/ip")
}

/// The objects' names in URLs. A kind that is not there may come with a definition of the same unit.
async fn plurals(context: &Context, work: &ApplyObjects) -> Result<Vec<String>, Failure> {
    let brings_definitions = work.objects.iter().any(|object| phase(object) == Phase::Definitions);
    let kinds: Vec<_> = work.objects.iter().map(|object| (object.group(), object.kind())).collect();
    let is_served = context
        .api
        .read(|server| kinds.iter().map(|(group, kind)| server.serves(group, kind)).collect::<Vec<_>>());
    let is_served = is_served.await.map_err(|refusal| context.api.failure("looking for kinds", refusal))?;
    let mut plurals = Vec::new();
    for (object, is_served) in work.objects.iter().zip(is_served) {
        plurals.push(match is_served {
            true => plural(object.kind()),
            false if brings_definitions => String::new(),
            false => {
                return Err(context.failed("applying", &object.key())(Refusal::status(404, "no such kind")));
            }
        });
    }
    Ok(plurals)
}

/// A kind's name in URLs.
fn plural(kind: &str) -> String {
    format!("{}s", kind.to_lowercase())
}

/// Reads back uids and fingerprints, after readiness.
async fn read_back(context: &Context, work: &ApplyObjects) -> Result<BTreeMap<ObjectKey, ReadBack>, Failure> {
    let kinds: BTreeSet<(&str, &str)> =
        work.objects.iter().map(|object| (object.group(), object.kind())).collect();
    let mut seen = BTreeMap::new();
    for (group, kind) in kinds {
        let found = context.api.read(|server| {
            let labelled = server.list(group, kind, None).filter(|(_, value)| {
                label(value, TOPOLOGY_LABEL) == Some(context.topology.as_str())
                    && label(value, UNIT_LABEL) == Some(context.step.unit.name.as_str())
            });
            let read = |(key, _): (&ObjectKey, &Value)| {
                let owned = server.get(key).and_then(|full| OwnedFields::of(full.get("metadata")?));
                Some((key.clone(), ReadBack { plural: plural(kind), live: server.live(key)?, owned }))
            };
            labelled.filter_map(read).collect::<Vec<_>>()
        });
        let found = found.await;
        seen.extend(found.map_err(|refusal| context.api.failure("reading back what was applied", refusal))?);
    }
    Ok(seen)
}

async fn facts(context: &Context, work: &ApplyObjects) -> Result<UnitFacts, Failure> {
    let mut facts = UnitFacts::new();
    for given in &work.gives {
        let key = ObjectKey {
            group: String::new(),
            kind: "Service".to_owned(),
            namespace: Some(given.namespace.clone()),
            name: given.service.clone(),
        };
        let service =
            context.api.object(&key).await.map_err(context.failed("reading the address of", &key))?;
        if let Some(address) = service.as_ref().and_then(address) {
            facts.insert("address".to_owned(), address.clone());
        }
    }
    Ok(facts)
}
