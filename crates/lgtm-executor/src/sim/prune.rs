//! Taking objects away, and keeping what someone else's things depend on.

use std::collections::BTreeMap;

use lgtm_planner::{
    fact::UnitFacts,
    inventory::{InventoryObject, SYSTEM_NAMESPACE, TOPOLOGY_LABEL, UNIT_LABEL},
    object::{ObjectKey, label},
    phase::{is_end_awaited, removal_order},
    plan::{RecordAfter, RemoveObjects},
};
use lgtm_topology::TopologyName;
use serde_json::Value;
use tokio::time::{Duration, Instant};

use super::{
    answer::Answer,
    api::{Api, Permit},
    objects::{Context, until_gone},
    records,
    server::Server,
};
use crate::world::{Done, Failure, Outcome};

/// Takes away a unit's objects and then its inventory.
pub(super) async fn remove(context: &Context, work: &RemoveObjects) -> Result<Done, Failure> {
    let begun = Instant::now();
    let remarks = prune(context, &work.objects, work.delete_data).await?;
    let (api, unit) = (&context.api, &context.step.unit.name);
    if work.record == RecordAfter::Gone {
        records::delete_inventory(api, &context.topology, unit, context.may_write()?).await?;
    } else {
        let own = api.read(|server| records::own(server, &context.topology)).await;
        let own = own.map_err(|refusal| api.failure("reading lgtmctl's records", refusal))??;
        if let Some(inventory) = own.inventories.get(unit) {
            let left = match &work.record {
                RecordAfter::Only(objects) => inventory.reduced_to(objects.clone()),
                RecordAfter::Gone | RecordAfter::Without => inventory.without(&work.objects),
            };
            records::write_inventory(api, &left, context.may_write()?).await?;
        }
    }
    let took = context.took(begun, Duration::ZERO);
    Ok(Done { outcome: Outcome::Removed, facts: UnitFacts::new(), took, remarks })
}

/// Deletes objects in the order in which they can go. Returns what was kept, and why.
pub(super) async fn prune(
    context: &Context,
    objects: &[InventoryObject],
    delete_data: bool,
) -> Result<Vec<String>, Failure> {
    let mut groups: BTreeMap<u8, Vec<&InventoryObject>> = BTreeMap::new();
    for object in objects {
        groups.entry(removal_order(&object.key)).or_default().push(object);
    }
    let mut remarks = Vec::new();
    for group in groups.into_values() {
        let mut deleted = Vec::new();
        for object in group {
            match delete(context, object, delete_data).await? {
                Some(kept) => remarks.push(kept),
                None => deleted.push(object),
            }
        }
        for object in deleted.into_iter().filter(|object| is_end_awaited(&object.key)) {
            if let Some(uid) = &object.uid {
                until_gone(context, &object.key, uid).await?;
            }
        }
    }
    remarks.sort();
    Ok(remarks)
}

/// Deletes one object, unless something that is not ours depends on it. Returns why it was kept.
async fn delete(
    context: &Context,
    object: &InventoryObject,
    delete_data: bool,
) -> Result<Option<String>, Failure> {
    let api = &context.api;
    let failed = |refusal| api.failure(&format!("removing {}", object.key), refusal);
    let kept = api.read(|server| match (object.key.group.as_str(), object.key.kind.as_str()) {
        ("", "Namespace") => kept_namespace(server, &context.topology, &object.key.name),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            kept_definition(server, &context.topology, &object.key)
        }
        _ => None,
    });
    if let Some(reason) = kept.await.map_err(failed)? {
        let_go(api, object, context.may_write()?).await.map_err(failed)?;
        return Ok(Some(format!("{} is kept: {reason}", object.key)));
    }
    let is_set = delete_data && object.key.group == "apps" && object.key.kind == "StatefulSet";
    let prefixes =
        if is_set { api.read(|server| server.claims_of(&object.key)).await } else { Ok(Vec::new()) };
    let prefixes = prefixes.map_err(failed)?;
    delete_claims(context, object, &prefixes).await?;
    api.delete(&object.key, object.uid.as_deref(), context.may_write()?).await.map_err(failed)?;
    delete_claims(context, object, &prefixes).await?;
    Ok(None)
}

async fn delete_claims(
    context: &Context,
    object: &InventoryObject,
    prefixes: &[String],
) -> Result<(), Failure> {
    if prefixes.is_empty() {
        return Ok(());
    }
    let api = &context.api;
    let failed = |refusal| api.failure(&format!("removing the claims of {}", object.key), refusal);
    let claims = api.read(|server| server.claims(prefixes, object.key.namespace.as_deref())).await;
    for (claim, uid) in claims.map_err(failed)? {
        api.delete(&claim, Some(&uid), context.may_write()?).await.map_err(failed)?;
    }
    Ok(())
}

/// Takes lgtmctl's labels off an object that is kept.
async fn let_go(api: &Api, object: &InventoryObject, permit: Permit) -> Answer<()> {
    let uid = object.uid.as_deref();
    let is_same = |live: &Value| {
        uid.is_none_or(|uid| live.pointer("/metadata/uid").and_then(Value::as_str) == Some(uid))
    };
    let unlabel = |value: &mut Value| {
        if let Some(labels) = value.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
            labels.remove(TOPOLOGY_LABEL);
            labels.remove(UNIT_LABEL);
        }
    };
    match api.update(&object.key, is_same, unlabel, permit).await {
        Ok(_) => Ok(()),
        Err(refusal) if matches!(refusal.code(), Some(404 | 409)) => Ok(()),
        Err(refusal) => Err(refusal),
    }
}

/// Why a definition stays: someone else's objects are of its kind, and would go with it.
fn kept_definition(server: &Server, topology: &TopologyName, key: &ObjectKey) -> Option<String> {
    let definition = server.get(key)?;
    let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let found = server.list(text("/spec/group"), text("/spec/names/kind"), None);
    let foreign = found.filter(|(_, found)| {
        let ours = label(found, TOPOLOGY_LABEL) == Some(topology.as_str()) && !asks_to_be_kept(found);
        !ours && found.pointer("/metadata/deletionTimestamp").is_none()
    });
    let foreign = foreign.count();
    (foreign > 0).then(|| format!("{foreign} objects of its kind are not lgtmctl's"))
}

fn asks_to_be_kept(found: &Value) -> bool {
    found.pointer("/metadata/annotations/helm.sh~1resource-policy").is_some()
}

/// Why a namespace stays: someone else's objects are in it.
fn kept_namespace(server: &Server, topology: &TopologyName, namespace: &str) -> Option<String> {
    if namespace == SYSTEM_NAMESPACE {
        return None;
    }
    let inside = server.keys().filter(|key| key.namespace.as_deref() == Some(namespace));
    let foreign: Vec<String> = inside
        .filter(|key| {
            server.get(key).is_some_and(|found| {
                let ours = label(&found, TOPOLOGY_LABEL) == Some(topology.as_str())
                    && key.kind != "PersistentVolumeClaim"
                    && !asks_to_be_kept(&found);
                !ours && found.pointer("/metadata/deletionTimestamp").is_none()
            })
        })
        .map(|key| format!("{} {}", key.kind, key.name))
        .collect();
    (!foreign.is_empty()).then(|| format!("it holds what lgtmctl did not make: {}", foreign.join(", ")))
}
