//! Taking over objects that others made, so that what lgtmctl later removes really goes.
//!
//! helm and kubectl own the fields that they wrote. As long as they do, a field that is dropped from
//! the applied object stays, because its other owner still has it. So before the first apply their
//! entries are moved into ours; what controllers and people with other tools own is left to them.

use lgtm_planner::fingerprint::FIELD_MANAGER;
use serde_json::{Map, Value, json};

use super::{
    Cluster, Resource,
    answer::{Answer, ApiError},
};

/// Moves the fields of helm, kubectl and the time before server-side apply into our entry.
pub(crate) async fn adopt(cluster: &Cluster, resource: &Resource, live: &Value) -> Answer<()> {
    match adopted(live) {
        Some(entries) => write_entries(cluster, resource, live, &entries).await,
        None => Ok(()),
    }
}

/// Gives us back the fields that we are known to have owned, after our entry was lost. Fields that are
/// gone since, or that others own too, do no harm there.
pub(crate) async fn restore(
    cluster: &Cluster,
    resource: &Resource,
    live: &Value,
    api_version: &str,
    owned: &Value,
) -> Answer<()> {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    // Whoever strips the entries leaves an empty one, since none at all would mean "leave them".
    let mut entries: Vec<Value> =
        entries.into_iter().flatten().filter(|entry| entry.get("manager").is_some()).cloned().collect();
    entries.push(our_entry(Some(&api_version.into()), owned));
    write_entries(cluster, resource, live, &Value::Array(entries)).await
}

async fn write_entries(cluster: &Cluster, resource: &Resource, live: &Value, entries: &Value) -> Answer<()> {
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
    match cluster.patch(&path, "application/json-patch+json", &patch).await {
        Ok(_) => Ok(()),
        Err(ApiError::Status(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}

fn our_entry(api_version: Option<&Value>, fields: &Value) -> Value {
    json!({
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    })
}

/// The new `managedFields`; none when there is nothing to move.
fn adopted(live: &Value) -> Option<Value> {
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    let (movable, mut rest): (Vec<&Value>, Vec<&Value>) = entries.iter().partition(|entry| is_movable(entry));
    let first = movable.first()?;
    let is_ours = |entry: &&Value| {
        entry.get("manager").and_then(Value::as_str) == Some(FIELD_MANAGER)
            && entry.get("operation").and_then(Value::as_str) == Some("Apply")
            && entry.get("subresource").is_none()
    };
    let ours = rest.iter().position(is_ours).map(|index| rest.remove(index));
    let mut union = Map::new();
    for entry in ours.iter().chain(&movable) {
        if let Some(Value::Object(fields)) = entry.get("fieldsV1") {
            merge(&mut union, fields);
        }
    }
    let mut entries: Vec<Value> = rest.into_iter().cloned().collect();
    entries.push(our_entry(first.get("apiVersion"), &Value::Object(union)));
    Some(Value::Array(entries))
}

fn is_movable(entry: &Value) -> bool {
    let text = |field| entry.get(field).and_then(Value::as_str).unwrap_or_default();
    let manager = text("manager");
    text("subresource").is_empty()
        && (manager == "helm" || manager == "before-first-apply" || manager.starts_with("kubectl"))
}

fn merge(target: &mut Map<String, Value>, fields: &Map<String, Value>) {
    for (name, value) in fields {
        let slot = target.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
        if let (Value::Object(slot), Value::Object(value)) = (slot, value) {
            merge(slot, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_helm_and_kubectl_move_and_others_stay() {
        let live = json!({"metadata": {"managedFields": [
            {"manager": "helm", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:a": {}}}},
            {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:b": {}}}},
            {"manager": "operator", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:c": {}}}},
            {"manager": "kubectl", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
        ]}});
        let moved = adopted(&live).unwrap();
        let ours = moved.as_array().unwrap().iter().find(|entry| entry["manager"] == "lgtmctl").unwrap();
        assert_eq!(ours["fieldsV1"], json!({"f:data": {"f:a": {}, "f:b": {}}}));
        assert_eq!(ours["operation"], "Apply");
        let managers: Vec<_> =
            moved.as_array().unwrap().iter().map(|entry| entry["manager"].clone()).collect();
        assert_eq!(managers, ["operator", "kubectl", "lgtmctl"]);
    }

    #[test]
    fn nothing_to_move_is_no_patch() {
        assert_eq!(adopted(&json!({"metadata": {"managedFields": [{"manager": "operator"}]}})), None);
        assert_eq!(adopted(&json!({"metadata": {}})), None);
    }
}
