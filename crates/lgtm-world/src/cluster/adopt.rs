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
    let text = |pointer: &str| live.pointer(pointer).and_then(Value::as_str);
    let (Some(name), Some(version)) = (text("/metadata/name"), text("/metadata/resourceVersion")) else {
        return Ok(());
    };
    let Some(fields) = adopted(live) else { return Ok(()) };
    let patch = json!([
        // Someone may have changed the object since it was read.
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/metadata/managedFields", "value": fields},
    ]);
    let path =
        format!("{}?fieldManager={FIELD_MANAGER}", resource.object_path(text("/metadata/namespace"), name));
    match cluster.patch(&path, "application/json-patch+json", &patch).await {
        Ok(_) => Ok(()),
        Err(ApiError::Status(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
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
    entries.push(json!({
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": first.get("apiVersion"),
        "fieldsType": "FieldsV1",
        "fieldsV1": union,
    }));
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
