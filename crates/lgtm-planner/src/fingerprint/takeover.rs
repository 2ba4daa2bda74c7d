//! Taking over what others own, and giving up what is not ours to say, in terms of `managedFields`.
//!
//! helm and kubectl own the fields that they wrote. As long as they do, a field that is dropped from
//! the applied object stays, because its other owner still has it. So before the first apply their
//! entries are moved into ours; what controllers and people with other tools own is left to them.

use serde_json::{Map, Value, json};

use super::{FIELD_MANAGER, is_ours};
use crate::object::Object;

/// Who holds the number of replicas once we stop to say it, until an autoscaler or a person takes it.
pub const REPLICAS_KEEPER: &str = "lgtmctl-replicas";

fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    live.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten()
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

/// The `managedFields` in which the entries of helm, kubectl and the time before server-side apply are
/// part of ours; none when there is nothing to move.
pub fn adopted(live: &Value) -> Option<Value> {
    let (movable, mut rest): (Vec<&Value>, Vec<&Value>) = entries(live).partition(|entry| is_movable(entry));
    let first = movable.first()?;
    let ours = rest.iter().position(|entry| is_ours(entry)).map(|index| rest.remove(index));
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

/// The `managedFields` with the fields that we are known to have owned, after our entry was lost. Fields
/// that are gone since, or that others own too, do no harm there.
pub fn restored(live: &Value, api_version: &str, owned: &Value) -> Value {
    // Whoever strips the entries leaves an empty one, since none at all would mean "leave them".
    let left = entries(live).filter(|entry| entry.get("manager").is_some()).cloned();
    left.chain([our_entry(Some(&api_version.into()), owned)]).collect()
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

/// Whether applying `object` would drop the number of replicas that only lgtmctl owns. The live
/// object's metadata is enough to tell.
pub fn are_replicas_given_up(object: &Object, live: &Value) -> bool {
    if object.group() != "apps" || object.value().pointer("/spec/replicas").is_some() {
        return false;
    }
    let mut owners = entries(live)
        .filter(|entry| entry.pointer("/fieldsV1/f:spec/f:replicas").is_some())
        .map(|entry| entry.get("manager").and_then(Value::as_str));
    owners.next() == Some(Some(FIELD_MANAGER)) && owners.next().is_none()
}

/// An object that says its number of replicas and nothing else; none where the live one has no number.
pub fn replicas_only(object: &Object, live: &Value) -> Option<Object> {
    let replicas = live.pointer("/spec/replicas")?;
    let only = Object::new(json!({
        "apiVersion": object.api_version(),
        "kind": object.kind(),
        "metadata": {"name": object.name(), "namespace": object.namespace()},
        "spec": {"replicas": replicas},
    }));
    only.ok()
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
        assert!(are_replicas_given_up(&silent, &owned_by(&["lgtmctl"])));
        assert!(!are_replicas_given_up(&silent, &owned_by(&["lgtmctl", "autoscaler"])));
        assert!(!are_replicas_given_up(&silent, &owned_by(&["autoscaler"])));
        assert!(!are_replicas_given_up(&workload(json!({"replicas": 2})), &owned_by(&["lgtmctl"])));
    }
}
