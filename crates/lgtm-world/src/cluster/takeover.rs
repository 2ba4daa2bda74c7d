//! Taking over objects that others made, and handing over what is not lgtmctl's to say.
//!
//! The module sends what the planner's rules say; it knows none of them.

use lgtm_planner::{
    fingerprint::{
        FIELD_MANAGER,
        takeover::{REPLICAS_KEEPER, replicas_only},
    },
    object::Object,
};
use serde_json::{Value, json};

use super::{
    Cluster, Permit, Resource,
    answer::{Answer, ApiError},
};

/// Writes `managedFields` themselves, if the object is still as it was read. One that is gone needs none.
pub(crate) async fn write_owners(
    cluster: &Cluster,
    resource: &Resource,
    live: &Value,
    entries: &Value,
    permit: Permit,
) -> Answer<()> {
    let text = |pointer: &str| live.pointer(pointer).and_then(Value::as_str);
    let (Some(name), Some(version)) = (text("/metadata/name"), text("/metadata/resourceVersion")) else {
        return Ok(());
    };
    let has_entries = live.pointer("/metadata/managedFields").is_some();
    let patch = json!([
        // Someone may have changed the object since it was read. The server then answers with a conflict, and
        // the step looks again; a failed `test` would be an invalid patch, which is tried no more.
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": if has_entries { "replace" } else { "add" }, "path": "/metadata/managedFields", "value": entries},
    ]);
    let path =
        format!("{}?fieldManager={FIELD_MANAGER}", resource.object_path(text("/metadata/namespace"), name));
    match cluster.patch(&path, "application/json-patch+json", &patch, permit).await {
        Ok(_) => Ok(()),
        Err(ApiError::Status(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}

/// Hands the number of replicas over to a manager that says nothing else.
pub(crate) async fn hand_over_replicas(
    cluster: &Cluster,
    resource: &Resource,
    object: &Object,
    permit: Permit,
) -> Answer<()> {
    let live = cluster.object(resource, object.namespace(), object.name()).await?;
    let Some(only) = live.as_ref().and_then(|live| replicas_only(object, live)) else { return Ok(()) };
    let path = resource.object_path(object.namespace(), object.name());
    let path = format!("{path}?fieldManager={REPLICAS_KEEPER}&force=true");
    cluster.patch(&path, "application/apply-patch+yaml", only.value(), permit).await.map(drop)
}
