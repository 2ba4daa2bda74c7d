//! Giving up `spec.replicas` without scaling: the number is handed over before the field is dropped.
//!
//! When a manifest stops to say how many, its field goes, and with it, where nobody else owns it, the
//! number: the workload would fall to one pod until an autoscaler, or a person, notices.

use lgtm_planner::{fingerprint::FIELD_MANAGER, object::Object};
use serde_json::{Value, json};

use super::{Cluster, Resource, answer::Answer};

/// Who holds the number from then on, until an autoscaler or a person takes it.
const KEEPER: &str = "lgtmctl-replicas";

/// Whether applying `object` would drop the number of replicas that only lgtmctl owns. The live
/// object's metadata is enough to tell.
pub(crate) fn are_given_up(object: &Object, live: &Value) -> bool {
    if object.group() != "apps" || object.value().pointer("/spec/replicas").is_some() {
        return false;
    }
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    let mut owners = entries
        .into_iter()
        .flatten()
        .filter(|entry| entry.pointer("/fieldsV1/f:spec/f:replicas").is_some())
        .map(|entry| entry.get("manager").and_then(Value::as_str));
    owners.next() == Some(Some(FIELD_MANAGER)) && owners.next().is_none()
}

/// Hands the number over to a manager that says nothing else.
pub(crate) async fn hand_over(cluster: &Cluster, resource: &Resource, object: &Object) -> Answer<()> {
    let live = cluster.object(resource, object.namespace(), object.name()).await?;
    let Some(replicas) = live.as_ref().and_then(|live| live.pointer("/spec/replicas")) else {
        return Ok(());
    };
    let only = json!({
        "apiVersion": object.api_version(),
        "kind": object.kind(),
        "metadata": {"name": object.name(), "namespace": object.namespace()},
        "spec": {"replicas": replicas},
    });
    let path = resource.object_path(object.namespace(), object.name());
    let path = format!("{path}?fieldManager={KEEPER}&force=true");
    cluster.patch(&path, "application/apply-patch+yaml", &only).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_that_is_ours_alone_is_given_up() {
        let workload = |spec: Value| {
            Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}))
                .unwrap()
        };
        let owned_by = |managers: &[&str]| {
            let entries = managers
                .iter()
                .map(|manager| json!({"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}));
            json!({"metadata": {"managedFields": entries.collect::<Vec<_>>()}})
        };
        let silent = workload(json!({"paused": false}));
        assert!(are_given_up(&silent, &owned_by(&["lgtmctl"])));
        assert!(!are_given_up(&silent, &owned_by(&["lgtmctl", "autoscaler"])));
        assert!(!are_given_up(&silent, &owned_by(&["autoscaler"])));
        assert!(!are_given_up(&workload(json!({"replicas": 2})), &owned_by(&["lgtmctl"])));
    }
}
