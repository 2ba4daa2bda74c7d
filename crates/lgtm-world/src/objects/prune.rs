//! Taking objects away, and keeping what someone else's things depend on.
//!
//! Which objects go is the plan's to say. Whether a namespace or a definition can go without taking
//! what is not lgtmctl's with it can only be seen at that moment, so it is looked up here, and what is
//! kept is named and let go of.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use lgtm_executor::{Done, Failure, Outcome};
use lgtm_planner::{
    fact::UnitFacts,
    fingerprint::FIELD_MANAGER,
    inventory::{Inventory, InventoryObject, SYSTEM_NAMESPACE, TOPOLOGY_LABEL, UNIT_LABEL},
    object::label,
    phase::{is_end_awaited, removal_order},
    plan::{RecordAfter, RemoveObjects},
};
use lgtm_topology::TopologyName;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::{CONCURRENCY, Context, claims, took, until_gone};
use crate::{
    cluster::{Cluster, Permit, Resource, answer::Answer, discovery},
    observe::resource,
    records,
};

/// Takes away objects of a unit, and then its inventory or what it says of them.
pub(crate) async fn remove(context: &Context<'_>, work: &RemoveObjects) -> Result<Done, Failure> {
    let begun = Instant::now();
    let remarks = prune(context, &work.objects, work.delete_data).await?;
    let (cluster, unit) = (context.cluster, &context.step.unit.name);
    let left = match &work.record {
        RecordAfter::Gone => {
            records::delete_inventory(cluster, context.topology, unit, context.may_write()?).await?;
            None
        }
        // The unit may have been applied since the plan was made, so its record is read anew.
        RecordAfter::Without => recorded(context).await?.map(|record| record.without(&work.objects)),
        RecordAfter::Only(objects) => {
            recorded(context).await?.map(|record| record.reduced_to(objects.clone()))
        }
    };
    if let Some(left) = left {
        records::write_inventory(cluster, &left, context.may_write()?).await?;
    }
    let outcome = Outcome::Removed;
    Ok(Done { outcome, facts: UnitFacts::new(), took: took(begun, Duration::ZERO), remarks })
}

/// The unit's own record, as it is now.
async fn recorded(context: &Context<'_>) -> Result<Option<Inventory>, Failure> {
    let mut own = records::own(context.cluster, context.topology).await?;
    Ok(own.inventories.remove(&context.step.unit.name))
}

/// Deletes objects in the order in which they can go. Returns what was kept, and why.
pub(super) async fn prune(
    context: &Context<'_>,
    objects: &[InventoryObject],
    delete_data: bool,
) -> Result<Vec<String>, Failure> {
    let mut groups: BTreeMap<u8, Vec<&InventoryObject>> = BTreeMap::new();
    for object in objects {
        groups.entry(removal_order(&object.key)).or_default().push(object);
    }
    let mut remarks = Vec::new();
    for group in groups.values() {
        let deletions: Vec<_> = group.iter().map(|object| delete(context, object, delete_data)).collect();
        let kept: Vec<Option<String>> =
            stream::iter(deletions).buffer_unordered(CONCURRENCY).try_collect().await?;
        remarks.extend(kept.into_iter().flatten());
        for object in group {
            if is_end_awaited(&object.key)
                && let Some(uid) = &object.uid
                && !remarks.iter().any(|remark| remark.starts_with(&format!("{} is kept:", object.key)))
            {
                until_gone(context, &resource(object), &object.key, uid).await?;
            }
        }
    }
    remarks.sort();
    Ok(remarks)
}

/// Deletes one object, unless something that is not ours depends on it. Returns why it was kept.
async fn delete(
    context: &Context<'_>,
    object: &InventoryObject,
    delete_data: bool,
) -> Result<Option<String>, Failure> {
    let cluster = context.cluster;
    let failed = |error| cluster.object_failure("removing", &object.key, error);
    let resource = resource(object);
    let kept = match (object.key.group.as_str(), object.key.kind.as_str()) {
        ("", "Namespace") => {
            kept_namespace(cluster, context.topology, &object.key.name).await.map_err(failed)?
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            kept_definition(cluster, context.topology, object).await.map_err(failed)?
        }
        _ => None,
    };
    if let Some(reason) = kept {
        let_go(cluster, object, context.may_write()?).await.map_err(failed)?;
        return Ok(Some(format!("{} is kept: {reason}", object.key)));
    }
    let data = if delete_data { claims::behind(cluster, object).await.map_err(failed)? } else { Vec::new() };
    let (namespace, uid) = (object.key.namespace.as_deref(), object.uid.as_deref());
    // The claims first: what says which they are must not be gone when this is cut short. They last as long as
    // their pods do.
    for set in &data {
        delete_claims(context, object, &set.claims).await?;
    }
    let permit = context.may_write()?;
    cluster.delete(&resource, namespace, &object.key.name, uid, permit).await.map_err(failed)?;
    for set in &data {
        if set.key != object.key {
            // As long as it is there its controller makes the claims again.
            until_gone(context, &Resource::apps("statefulsets"), &set.key, &set.uid).await?;
        }
        // One that no pod used was gone at once, and may have been made again.
        delete_claims(context, object, &set.claims_now(cluster).await.map_err(failed)?).await?;
    }
    Ok(None)
}

async fn delete_claims(
    context: &Context<'_>,
    object: &InventoryObject,
    claims: &[claims::Claim],
) -> Result<(), Failure> {
    let (cluster, namespace) = (context.cluster, object.key.namespace.as_deref());
    for claims::Claim { name, uid } in claims {
        let (claims, permit) = (Resource::core(claims::PLURAL), context.may_write()?);
        let deleted = cluster.delete(&claims, namespace, name, Some(uid), permit).await;
        deleted.map_err(|error| cluster.object_failure("removing the claims of", &object.key, error))?;
    }
    Ok(())
}

/// Takes lgtmctl's labels off an object that is kept: no inventory holds it any more, and another
/// topology may want it.
async fn let_go(cluster: &Cluster, object: &InventoryObject, permit: Permit) -> Answer<()> {
    let path = resource(object).object_path(object.key.namespace.as_deref(), &object.key.name);
    let mut metadata = json!({"labels": {TOPOLOGY_LABEL: null, UNIT_LABEL: null}});
    if let (Some(uid), Some(metadata)) = (&object.uid, metadata.as_object_mut()) {
        // With another uid the server refuses the patch: then it is not the object that was meant.
        metadata.insert("uid".to_owned(), json!(uid));
    }
    let patch = json!({"metadata": metadata});
    let path = format!("{path}?fieldManager={FIELD_MANAGER}");
    match cluster.patch(&path, "application/merge-patch+json", &patch, permit).await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(404) => Ok(()),
        Err(error) if error.code() == Some(409) => {
            // Any other conflict than that of uids passes.
            let (namespace, name) = (object.key.namespace.as_deref(), &object.key.name);
            let live = cluster.metadata(&resource(object), namespace, name).await?;
            let uid = live.as_ref().and_then(|live| live.pointer("/metadata/uid")?.as_str());
            if uid.is_some() && uid == object.uid.as_deref() { Err(error) } else { Ok(()) }
        }
        Err(error) => Err(error),
    }
}

/// Why a namespace stays: claims hold data, or someone else's objects are in it. Every kind that the
/// server has is looked at, since all of them would go with the namespace.
async fn kept_namespace(
    cluster: &Cluster,
    topology: &TopologyName,
    namespace: &str,
) -> Answer<Option<String>> {
    if namespace == SYSTEM_NAMESPACE {
        return Ok(None);
    }
    let offered = discovery::namespaced(cluster).await?;
    if let Some(group) = offered.silent.first() {
        return Ok(Some(format!("the API group {group} does not answer, so nobody knows what it holds")));
    }
    let looks = offered.kinds.iter().map(|(resource, kind)| async move {
        let found = cluster.list_metadata_in(resource, namespace).await?;
        let foreign = found.into_iter().filter(|found| !is_by_the_way(topology, kind, found));
        let name = |found: Value| found.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
        Answer::Ok(foreign.filter_map(name).map(|name| format!("{kind} {name}")).collect::<Vec<_>>())
    });
    let looks: Vec<_> = looks.collect();
    let foreign: Vec<Vec<String>> = stream::iter(looks).buffer_unordered(CONCURRENCY).try_collect().await?;
    let mut foreign: Vec<String> = foreign.into_iter().flatten().collect();
    foreign.sort();
    if let Some(claim) = foreign.iter().find_map(|name| name.strip_prefix("PersistentVolumeClaim ")) {
        return Ok(Some(format!(
            "the claim {claim} holds data (--delete-data removes claims of StatefulSets)"
        )));
    }
    let more = foreign.len().saturating_sub(3);
    foreign.truncate(3);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let named = foreign.join(", ");
    Ok((!foreign.is_empty()).then(|| format!("it holds what lgtmctl did not make: {named}{more}")))
}

/// Whether an object is ours, on its way out, made by a controller, or in every namespace.
fn is_by_the_way(topology: &TopologyName, kind: &str, found: &Value) -> bool {
    let name = found.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let ours = label(found, TOPOLOGY_LABEL) == Some(topology.as_str())
        && kind != "PersistentVolumeClaim"
        && !asks_to_be_kept(found);
    let made_from = found
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)
        .is_some_and(|owners| !owners.is_empty());
    let everywhere = matches!(
        (kind, name),
        ("ConfigMap", "kube-root-ca.crt" | "istio-ca-root-cert") | ("ServiceAccount", "default")
    );
    // Controllers write these beside the objects that they are about, and do not always say so.
    let shadows = matches!(kind, "Endpoints" | "EndpointSlice" | "Event" | "Lease" | "PodMetrics");
    ours || made_from || everywhere || shadows || found.pointer("/metadata/deletionTimestamp").is_some()
}

/// helm's mark on what outlives its release; it must not go with what it stands in either.
fn asks_to_be_kept(found: &Value) -> bool {
    let annotations = found.get("metadata").and_then(|metadata| metadata.get("annotations"));
    annotations.and_then(|annotations| annotations.get("helm.sh/resource-policy")?.as_str()) == Some("keep")
}

/// Why a definition stays: someone else's objects are of its kind, and would go with it.
async fn kept_definition(
    cluster: &Cluster,
    topology: &TopologyName,
    object: &InventoryObject,
) -> Answer<Option<String>> {
    let Some(definition) = cluster.object(&resource(object), None, &object.key.name).await? else {
        return Ok(None);
    };
    let text =
        |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let served = versions
        .into_iter()
        .flatten()
        .find(|version| version.get("served").and_then(Value::as_bool) == Some(true))
        .and_then(|version| version.get("name")?.as_str());
    let Some(served) = served else { return Ok(None) };
    let custom = Resource {
        group: text("/spec/group"),
        version: served.to_owned(),
        plural: text("/spec/names/plural"),
        namespaced: text("/spec/scope") == "Namespaced",
    };
    let mut foreign = cluster.list_metadata(&custom, "").await?;
    foreign.retain(|found| {
        let ours = label(found, TOPOLOGY_LABEL) == Some(topology.as_str()) && !asks_to_be_kept(found);
        // What is on its way out has lost its kind already; the definition waits for its finalizers.
        !ours && found.pointer("/metadata/deletionTimestamp").is_none()
    });
    let foreign = foreign.len();
    Ok((foreign > 0).then(|| format!("{foreign} objects of its kind are not lgtmctl's")))
}
