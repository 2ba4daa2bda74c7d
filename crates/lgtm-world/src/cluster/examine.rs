//! Comparing objects with what would be applied, by a server-side dry run. Nothing is changed. An account
//! that may only read gets an approximation instead of the dry run, which it may not send.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use lgtm_executor::Failure;
use lgtm_planner::{
    diff::diff,
    fingerprint::{fingerprint, takeover::are_replicas_given_up},
    inventory::TOPOLOGY_LABEL,
    object::{Object, ObjectKey, label},
    observed::{Conflict, Difference, Examined, ObjectExamined},
};
use lgtm_topology::TopologyName;
use serde_json::Value;

use super::{
    Cluster,
    answer::{Answer, ApiError},
    approximate, forbidden,
};

/// Requests at once on one cluster. The API server's own default for one client is 10 in flight.
const CONCURRENCY: usize = 10;

/// Compares all of a unit's objects.
pub(crate) async fn examine(
    cluster: &Cluster,
    topology: &TopologyName,
    objects: Vec<Object>,
    conceal: &(dyn Fn(&str) -> String + Sync),
) -> Result<Examined, Failure> {
    let comparisons: Vec<_> = objects
        .iter()
        .map(|object| async move {
            let key = object.key();
            let mut approximate = false;
            let seen = one(cluster, topology, object, conceal, &mut approximate).await;
            seen.map(|seen| ((key.clone(), seen), approximate))
                .map_err(|error| cluster.object_failure("comparing", &key, error))
        })
        .collect();
    let seen: Vec<_> = stream::iter(comparisons).buffer_unordered(CONCURRENCY).try_collect().await?;
    let note = seen.iter().any(|(_, approximate)| *approximate).then(|| {
        format!(
            "changes on cluster {} are compared without a dry run, since {} may not patch there; what its \
             API server fills in or converts may show as a change, or hide one",
            cluster.name,
            cluster.account()
        )
    });
    Ok(Examined { objects: seen.into_iter().map(|(seen, _)| seen).collect(), note })
}

async fn one(
    cluster: &Cluster,
    topology: &TopologyName,
    object: &Object,
    conceal: &(dyn Fn(&str) -> String + Sync),
    approximate: &mut bool,
) -> Answer<ObjectExamined> {
    let resource = match cluster.resource(object).await {
        Ok(resource) => resource,
        Err(ApiError::NoKind { .. }) => return Ok(ObjectExamined::NotYet),
        Err(error) => return Err(error),
    };
    let Some(live) = cluster.object(&resource, object.namespace(), object.name()).await? else {
        return Ok(ObjectExamined::Missing);
    };
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Ok(ObjectExamined::Missing);
    }
    if let Some(owner) = label(&live, TOPOLOGY_LABEL).filter(|owner| *owner != topology.as_str()) {
        return Ok(ObjectExamined::Refused {
            reason: format!(
                "it belongs to the topology `{owner}`, and two topologies may not own one object"
            ),
        });
    }
    let mut difference = Difference {
        adopted: label(&live, TOPOLOGY_LABEL).is_none()
            && live.get("metadata").and_then(fingerprint).is_none(),
        ..Difference::default()
    };
    let result = match cluster.dry_run(object, false).await {
        Err(ApiError::Status(status)) if status.code == 409 => {
            difference.conflicts = conflicts(&status);
            cluster.dry_run(object, true).await
        }
        other => other,
    };
    let applied = match result {
        Ok(applied) => applied,
        Err(ApiError::Status(status)) if status.code == 422 && is_immutable(&status) => {
            // The server gives no answer to compare with, only its refusal.
            difference.fields = diff(&live, &approximate::applied(&live, object.value()), conceal);
            return Ok(ObjectExamined::Immutable { difference, reason: first_line(&status.message) });
        }
        Err(ApiError::Status(status)) if matches!(status.code, 400 | 422) => {
            return Ok(ObjectExamined::Refused { reason: status.message.clone() });
        }
        Err(ApiError::Status(status)) if status.code == 404 => return Ok(ObjectExamined::NotYet),
        Err(error) if error.is_namespace_going() => return Ok(ObjectExamined::Missing),
        Err(error) if forbidden::is_for_lack_of_rights(&error) => {
            *approximate = true;
            approximate::applied(&live, object.value())
        }
        Err(error) => return Err(error),
    };
    difference.fields = diff(&live, &applied, conceal);
    leave_replicas(cluster, object, &live, &mut difference).await?;
    let same = difference.fields.is_empty() && !difference.adopted;
    Ok(if same { ObjectExamined::Same } else { ObjectExamined::Differs(difference) })
}

/// Takes a number of replicas out of the comparison that is not lgtmctl's to say.
async fn leave_replicas(
    cluster: &Cluster,
    object: &Object,
    live: &Value,
    difference: &mut Difference,
) -> Answer<()> {
    let on_replicas = |path: &str| path == "spec.replicas" || path == ".spec.replicas";
    if difference.conflicts.iter().any(|conflict| on_replicas(&conflict.path))
        && is_autoscaled(cluster, &object.key()).await?
    {
        difference.autoscaled = true;
        difference.conflicts.retain(|conflict| !on_replicas(&conflict.path));
        difference.fields.retain(|field| !on_replicas(&field.path));
    }
    if are_replicas_given_up(object, live) {
        // The number is handed over before the field is dropped, so it stays.
        difference.fields.retain(|field| !on_replicas(&field.path));
    }
    Ok(())
}

/// The API server's several ways to say that a field cannot change.
fn is_immutable(status: &kube::core::Status) -> bool {
    let says = |text: &str| {
        [
            "is immutable",
            "cannot change roleRef",
            "may not be changed in an update",
            "may not change once set",
            "pod updates may not change fields other than",
            "updates to parameters are forbidden",
            "updates to provisioner are forbidden",
            "updates to statefulset spec for fields other than",
        ]
        .iter()
        .any(|words| text.contains(words))
    };
    says(&status.message)
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(300).collect()
}

/// The conflicts that a 409 of server-side apply lists.
fn conflicts(status: &kube::core::Status) -> Vec<Conflict> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| Conflict {
            path: cause.field.trim_start_matches('.').to_owned(),
            // `conflict with "kubectl-edit" using apps/v1`
            manager: cause.message.split('"').nth(1).unwrap_or(&cause.message).to_owned(),
        })
        .collect()
}

/// Whether a HorizontalPodAutoscaler of the namespace scales the workload.
async fn is_autoscaled(cluster: &Cluster, key: &ObjectKey) -> Answer<bool> {
    let resource = cluster.resource_of("autoscaling/v2", "HorizontalPodAutoscaler").await?;
    let scalers = cluster.list(&resource, key.namespace.as_deref(), "").await?;
    Ok(scalers.iter().any(|scaler| {
        let target = |field: &str| {
            scaler
                .pointer(&format!("/spec/scaleTargetRef/{field}"))
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        target("kind") == key.kind && target("name") == key.name
    }))
}
