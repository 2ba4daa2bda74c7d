//! Secrets whose content is made: names and numbers that stand for keys, and no key.

use lgtm_planner::{
    digest::Digest,
    fact::UnitFacts,
    fingerprint::is_data_ours,
    inventory::{Inventory, State, TOPOLOGY_LABEL, UNIT_LABEL},
    object::{Object, label},
    observed::{Difference, Examined, FieldChange, ObjectExamined},
    plan::{ExamineMaterial, MakeMaterial, is_due},
    unit::{Material, UnitId},
};
use lgtm_topology::TopologyName;
use serde_json::{Map, Value, json};

use super::{api::Api, objects::Context, records};
use crate::world::{Done, Failure, Kind, Outcome};

/// Seconds for which certificates are valid.
const LIFE: i64 = 90 * 86_400;

/// The keys of `data`; the first holds what is told of the content.
fn data_keys(material: &Material) -> Vec<&str> {
    match material {
        Material::Authority { .. } => vec!["tls.crt", "tls.key"],
        Material::Certificate(_) => vec!["tls.crt", "tls.key", "ca.crt"],
        Material::Password { .. } | Material::Given(_) => vec!["password"],
        Material::AccessKey(request) => vec![&request.id_key, &request.secret_key],
    }
}

/// What a Secret holds, as the facts that it stands for.
fn content(secret: &Value, material: &Material) -> Option<UnitFacts> {
    let data = secret.get("data")?;
    let whole = data_keys(material).iter().all(|key| data.get(*key).is_some());
    let text = data.get(*data_keys(material).first()?)?.as_str()?;
    serde_json::from_str(text).ok().filter(|_| whole)
}

fn keyed(value: &str) -> Value {
    json!(Digest::of_bytes(value.as_bytes()).short())
}

/// Whether what a Secret holds is what is asked for.
fn suits(work: &MakeMaterial, facts: &UnitFacts, now: i64) -> bool {
    let text = |name: &str| facts.get(name).and_then(Value::as_str);
    let number = |name: &str| facts.get(name).and_then(Value::as_i64).unwrap_or(0);
    let as_asked = text("request") == Some(work.content.material.request_digest().as_str());
    match &work.content.material {
        Material::Authority { .. } | Material::Password { .. } => as_asked,
        // What it opens is not in the Secret, and its change costs no key.
        Material::AccessKey(_) => true,
        Material::Given(value) => facts.get("digest") == Some(&keyed(value.expose())),
        Material::Certificate(_) => {
            as_asked
                && text("authority") == work.authority_fingerprint.as_deref()
                && !is_due(number("notBefore"), number("notAfter"), now)
        }
    }
}

fn mint(work: &MakeMaterial, unit: &UnitId, serial: u64, now: i64) -> UnitFacts {
    let serial = serial.to_string();
    let made = Digest::of_parts([unit.cluster.as_str(), unit.name.as_str(), &serial]);
    let mut facts =
        UnitFacts::from([("request".to_owned(), json!(work.content.material.request_digest().as_str()))]);
    let mut put = |name: &str, value: Value| facts.insert(name.to_owned(), value);
    match &work.content.material {
        Material::Password { .. } | Material::AccessKey(_) => drop(put("digest", json!(made.short()))),
        Material::Given(value) => drop(put("digest", keyed(value.expose()))),
        Material::Authority { .. } | Material::Certificate(_) => {
            put("digest", json!(made.short()));
            put("fingerprint", json!(made.as_str()));
            put("notBefore", json!(now));
            put("notAfter", json!(now + LIFE));
            if let Some(authority) = &work.authority_fingerprint {
                put("authority", json!(authority));
            }
        }
    }
    facts
}

/// What the inventory records of it.
fn told(mut facts: UnitFacts, before: Option<&Inventory>, now: i64) -> UnitFacts {
    facts.remove("request");
    facts.remove("authority");
    if let Some(current) = facts.get("fingerprint").cloned() {
        let previous = previous(before, &current, now);
        facts.insert("fingerprints".to_owned(), std::iter::once(current).chain(previous).collect());
    }
    facts
}

/// The certificate before this one, as long as it has not expired.
fn previous(before: Option<&Inventory>, current: &Value, now: i64) -> Option<Value> {
    let facts = &before?.facts;
    let fingerprint = facts.get("fingerprint")?;
    if fingerprint == current {
        return facts.get("fingerprints")?.get(1).cloned();
    }
    (facts.get("notAfter")?.as_i64()? > now).then(|| fingerprint.clone())
}

/// Makes or restores the material, records it, and returns its facts.
pub(super) async fn make(
    context: &Context,
    authority: Option<&Api>,
    work: &MakeMaterial,
) -> Result<Done, Failure> {
    let begun = tokio::time::Instant::now();
    let api = &context.api;
    let key = work.content.secret.key();
    let failed = |refusal| api.failure(&format!("making {key}"), refusal);
    let live = api.object(&key).await.map_err(failed)?;
    let labelled = |name: &str| live.as_ref().and_then(|live| label(live, name));
    let ours = match labelled(TOPOLOGY_LABEL) {
        Some(topology) => topology == context.topology.as_str(),
        None => labelled(UNIT_LABEL) == Some(context.step.unit.name.as_str()),
    };
    if live.is_some() && !ours && (labelled(TOPOLOGY_LABEL).is_some() || work.before.is_none()) {
        return Err(Failure::new(Kind::Permanent, format!("{key} exists and was not made by lgtmctl")));
    }
    let mut record = work.inventory(&context.topology, &context.step.unit.name);
    if let (Some(object), Some(live)) = (record.objects.first_mut(), &live) {
        object.uid = live.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
    }
    records::write_inventory(api, &record, context.may_write()?).await?;
    check_authority(authority, work).await?;
    let material = &work.content.material;
    let existing = live.as_ref().and_then(|live| content(live, material)).filter(|_| !work.remake);
    let facts = existing.filter(|facts| suits(work, facts, context.now)).unwrap_or_else(|| {
        let serial = api.process.universe.state().serial();
        mint(work, &context.step.unit, serial, context.now)
    });
    let object = secret_object(context, work, &facts)
        .map_err(|error| Failure::new(Kind::Permanent, error.to_string()))?;
    api.apply(&object, context.may_write()?).await.map_err(failed)?;
    let seen = api.live(&key).await.map_err(failed)?;
    record.state = State::Applied;
    record.facts = told(facts, work.before.as_ref(), context.now);
    record.applied_at = context.now;
    record.took = context.took(begun, tokio::time::Duration::ZERO);
    if let (Some(object), Some(seen)) = (record.objects.first_mut(), seen) {
        object.uid = Some(seen.uid);
        object.fingerprint = seen.fingerprint;
    }
    records::write_inventory(api, &record, context.may_write()?).await?;
    let outcome = if work.before.is_some() || live.is_some() { Outcome::Updated } else { Outcome::Created };
    Ok(Done { outcome, facts: record.facts, took: record.took, remarks: Vec::new() })
}

/// A certificate is signed by the authority that the plan was made for, or not at all.
async fn check_authority(hub: Option<&Api>, work: &MakeMaterial) -> Result<(), Failure> {
    let (Some(hub), Some((_, secret))) = (hub, &work.authority) else { return Ok(()) };
    let key = secret.key();
    let found = hub.object(&key).await.map_err(|refusal| hub.failure(&format!("reading {key}"), refusal))?;
    let fingerprint = found.as_ref().and_then(|found| {
        let text = found.pointer("/data/tls.crt")?.as_str()?;
        let facts: Value = serde_json::from_str(text).ok()?;
        facts.get("fingerprint")?.as_str().map(str::to_owned)
    });
    if fingerprint.is_none() || fingerprint != work.authority_fingerprint {
        return Err(Failure::new(Kind::Permanent, format!("{key} is not the authority of the plan")));
    }
    Ok(())
}

fn secret_object(
    context: &Context,
    work: &MakeMaterial,
    facts: &UnitFacts,
) -> Result<Object, lgtm_planner::object::ObjectError> {
    let material = &work.content.material;
    let mut data = Map::new();
    for (index, key) in data_keys(material).iter().enumerate() {
        let told = if index == 0 { json!(facts).to_string() } else { format!("stands for {key}") };
        data.insert((*key).to_owned(), json!(told));
    }
    let kind = match material {
        Material::Authority { .. } | Material::Certificate(_) => "kubernetes.io/tls",
        Material::Password { .. } | Material::Given(_) | Material::AccessKey(_) => "Opaque",
    };
    let labels = json!({
        TOPOLOGY_LABEL: context.topology.as_str(), UNIT_LABEL: context.step.unit.name.as_str(),
    });
    Object::new(json!({
        "apiVersion": "v1", "kind": "Secret", "type": kind, "data": data,
        "metadata": {
            "name": work.content.secret.name, "namespace": work.content.secret.namespace, "labels": labels,
        },
    }))
}

/// A closer look at a Secret: is it still what was put there?
pub(super) async fn examine(
    api: &Api,
    topology: &TopologyName,
    unit: &UnitId,
    wanted: &ExamineMaterial,
) -> Result<Examined, Failure> {
    let key = wanted.content.secret.key();
    let live = api.object(&key).await.map_err(|refusal| api.failure("comparing a Secret", refusal))?;
    let Some(live) = live else {
        return Ok(Examined { objects: [(key, ObjectExamined::Missing)].into(), ..Examined::default() });
    };
    let mut fields = Vec::new();
    for (name, value) in [(TOPOLOGY_LABEL, topology.as_str()), (UNIT_LABEL, unit.name.as_str())] {
        if label(&live, name) != Some(value) {
            fields.push(change(format!("metadata.labels[{name}]")));
        }
    }
    let material = &wanted.content.material;
    for name in data_keys(material) {
        let intact = match material {
            Material::Given(value) => content(&live, material)
                .is_some_and(|facts| facts.get("digest") == Some(&keyed(value.expose()))),
            Material::Authority { .. }
            | Material::Certificate(_)
            | Material::Password { .. }
            | Material::AccessKey(_) => {
                live.get("data").and_then(|data| data.get(name)).is_some() && is_data_ours(&live, name)
            }
        };
        if !intact {
            fields.push(change(format!("data.{name}")));
        }
    }
    let seen = if fields.is_empty() {
        ObjectExamined::Same
    } else {
        ObjectExamined::Differs(Difference { fields, ..Difference::default() })
    };
    Ok(Examined { objects: [(key, seen)].into(), ..Examined::default() })
}

fn change(path: String) -> FieldChange {
    let secret = Some("(secret)".to_owned());
    FieldChange { path, before: secret.clone(), after: secret }
}
