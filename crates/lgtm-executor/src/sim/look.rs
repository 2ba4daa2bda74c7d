//! Looks at a cluster: what is there, and how objects differ from what would be applied.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::{
    diff::diff,
    fingerprint::takeover::are_replicas_given_up,
    inventory::{InventoryObject, SYSTEM_NAMESPACE, TOPOLOGY_LABEL},
    object::{Object, ObjectKey, label},
    observed::{ClusterState, Difference, Examined, Live, ObjectExamined},
};
use lgtm_topology::TopologyName;

use super::{
    answer::{Answer, Refusal},
    api::Api,
    merge::merge,
    records,
    server::Server,
};
use crate::{prepare::SIMULATED_VERSION, world::Failure};

/// The group whose kinds the catalog asks for.
const GROUP: &str = "monitoring.coreos.com";

fn namespace(name: &str) -> ObjectKey {
    ObjectKey { group: String::new(), kind: "Namespace".to_owned(), namespace: None, name: name.to_owned() }
}

/// Reads who a cluster is, and its records.
pub(super) async fn survey(api: &Api, topology: &TopologyName) -> Result<Box<ClusterState>, Failure> {
    let failed = |refusal| api.failure("reading the cluster", refusal);
    let first =
        |server: &Server| (server.live(&namespace("kube-system")), server.live(&namespace(SYSTEM_NAMESPACE)));
    let (identity, system) = api.read(first).await.map_err(failed)?;
    let own = api.read(|server| records::own(server, topology)).await.map_err(failed)??;
    let definitions = |server: &Server| -> BTreeSet<String> {
        server.brought(GROUP).map(|kind| format!("{GROUP}/v1/{kind}")).collect()
    };
    let definitions = api.read(definitions).await.map_err(failed)?;
    Ok(Box::new(ClusterState {
        uid: identity.map(|live| live.uid).unwrap_or_default(),
        version: SIMULATED_VERSION.to_owned(),
        settled: true,
        enrolled: own.membership.is_some() && system.is_some_and(|system| system.deleting.is_none()),
        hub: own.membership.map(|entry| entry.hub),
        inventories: own.inventories,
        live: BTreeMap::new(),
        definitions,
    }))
}

/// Reads what the records name.
pub(super) async fn inspect(
    api: &Api,
    topology: &TopologyName,
    mut state: Box<ClusterState>,
) -> Result<Box<ClusterState>, Failure> {
    let recorded: Vec<&InventoryObject> =
        state.inventories.values().flat_map(|inventory| &inventory.objects).collect();
    let live = api.read(|server| live(server, topology, &recorded)).await;
    state.live = live.map_err(|refusal| api.failure("reading the cluster", refusal))?;
    Ok(state)
}

/// Of each kind that inventories name the labelled objects, and those named ones that lost the label.
fn live(
    server: &Server,
    topology: &TopologyName,
    recorded: &[&InventoryObject],
) -> BTreeMap<ObjectKey, Live> {
    let kinds: BTreeSet<(&str, &str)> =
        recorded.iter().map(|object| (object.key.group.as_str(), object.key.kind.as_str())).collect();
    let mut found = BTreeMap::new();
    for (group, kind) in kinds {
        let labelled = server
            .list(group, kind, None)
            .filter(|(_, value)| label(value, TOPOLOGY_LABEL) == Some(topology.as_str()));
        found.extend(labelled.filter_map(|(key, _)| Some((key.clone(), server.live(key)?))));
    }
    for object in recorded.iter().filter(|object| object.done.is_none()) {
        if !found.contains_key(&object.key)
            && let Some(seen) = server.live(&object.key)
        {
            found.insert(object.key.clone(), seen);
        }
    }
    found
}

/// Compares all of a unit's objects.
pub(super) async fn examine(
    api: &Api,
    topology: &TopologyName,
    objects: &[Object],
) -> Result<Examined, Failure> {
    let mut examined = Examined::default();
    for object in objects {
        let key = object.key();
        let seen = one(api, topology, object).await;
        let seen = seen.map_err(|refusal| api.failure(&format!("comparing {key}"), refusal))?;
        examined.objects.insert(key, seen);
    }
    Ok(examined)
}

async fn one(api: &Api, topology: &TopologyName, object: &Object) -> Answer<ObjectExamined> {
    let key = object.key();
    if !api.read(|server| server.serves(object.group(), object.kind())).await? {
        return Ok(ObjectExamined::NotYet);
    }
    let Some((live, seen)) = api.read(|server| server.get(&key).zip(server.live(&key))).await? else {
        return Ok(ObjectExamined::Missing);
    };
    if seen.deleting.is_some() {
        return Ok(ObjectExamined::Missing);
    }
    if let Some(owner) = seen.topology.as_ref().filter(|owner| *owner != topology.as_str()) {
        return Ok(ObjectExamined::Refused { reason: format!("it belongs to the topology `{owner}`") });
    }
    let mut difference = Difference {
        adopted: seen.topology.is_none() && seen.fingerprint.is_none(),
        ..Difference::default()
    };
    let result = match api.dry_run(object, false).await {
        Err(Refusal::Status { code: 409, conflicts, .. }) => {
            difference.conflicts = conflicts;
            api.dry_run(object, true).await
        }
        other => other,
    };
    let applied = match result {
        Ok(applied) => applied,
        Err(Refusal::Status { code: 422, message, .. }) => {
            difference.fields = diff(&live, &merge(&live, object.value(), ""), &|_| "(secret)".to_owned());
            return Ok(ObjectExamined::Immutable { difference, reason: message });
        }
        Err(Refusal::Status { code: 400, message, .. }) => {
            return Ok(ObjectExamined::Refused { reason: message });
        }
        Err(Refusal::Status { code: 404, .. }) => return Ok(ObjectExamined::NotYet),
        Err(Refusal::NamespaceGoes(_)) => return Ok(ObjectExamined::Missing),
        Err(refusal) => return Err(refusal),
    };
    difference.fields = diff(&live, &applied, &|_| "(secret)".to_owned());
    if difference.conflicts.iter().any(|conflict| conflict.path == "spec.replicas")
        && api.read(|server| server.is_autoscaled(&key)).await?
    {
        difference.autoscaled = true;
        difference.conflicts.retain(|conflict| conflict.path != "spec.replicas");
        difference.fields.retain(|field| field.path != "spec.replicas");
    }
    if are_replicas_given_up(object, &live) {
        // The number is handed over before the field is dropped, so it stays.
        difference.fields.retain(|field| field.path != "spec.replicas");
    }
    if difference.fields.is_empty() && !difference.adopted {
        return Ok(ObjectExamined::Same);
    }
    Ok(ObjectExamined::Differs(difference))
}
