//! Taking over objects that others made or stripped, and giving up what is not ours to say.

use lgtm_planner::{
    fingerprint::FIELD_MANAGER,
    object::{Object, ObjectKey},
};
use serde_json::{Map, Value, json};

use super::{answer::Answer, api::Api};

fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    live.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn our_entry(api_version: &str, fields: &Value) -> Value {
    json!({"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": api_version,
        "fieldsType": "FieldsV1", "fieldsV1": fields})
}

/// Moves the fields of helm, kubectl and the time before server-side apply into our entry.
pub(super) async fn adopt(api: &Api, key: &ObjectKey, live: &Value) -> Answer<()> {
    let is_movable = |entry: &&Value| {
        let manager = text(entry, "manager");
        manager == "helm" || manager == "before-first-apply" || manager.starts_with("kubectl")
    };
    let is_ours =
        |entry: &&Value| text(entry, "manager") == FIELD_MANAGER && text(entry, "operation") == "Apply";
    let (movable, rest): (Vec<&Value>, Vec<&Value>) = entries(live).partition(is_movable);
    let Some(first) = movable.first() else { return Ok(()) };
    let (ours, mut rest): (Vec<&Value>, Vec<&Value>) = rest.into_iter().partition(is_ours);
    let mut union = Map::new();
    for entry in ours.iter().chain(&movable) {
        if let Some(Value::Object(fields)) = entry.get("fieldsV1") {
            merge_fields(&mut union, fields);
        }
    }
    let entry = our_entry(text(first, "apiVersion"), &Value::Object(union));
    rest.push(&entry);
    write_entries(api, key, live, &json!(rest)).await
}

fn merge_fields(target: &mut Map<String, Value>, fields: &Map<String, Value>) {
    for (name, value) in fields {
        let slot = target.entry(name.clone()).or_insert_with(|| json!({}));
        if let (Value::Object(slot), Value::Object(value)) = (slot, value) {
            merge_fields(slot, value);
        }
    }
}

/// Gives us back the fields that we are known to have owned.
pub(super) async fn restore(
    api: &Api,
    key: &ObjectKey,
    live: &Value,
    version: &str,
    owned: &Value,
) -> Answer<()> {
    let ours = our_entry(version, owned);
    let all: Vec<&Value> =
        entries(live).filter(|entry| entry.get("manager").is_some()).chain([&ours]).collect();
    write_entries(api, key, live, &json!(all)).await
}

async fn write_entries(api: &Api, key: &ObjectKey, live: &Value, entries: &Value) -> Answer<()> {
    api.write_owners(key, live.pointer("/metadata/resourceVersion"), entries).await.map(drop)
}

/// Whether applying `object` would drop the number of replicas that only lgtmctl owns.
pub(super) fn are_replicas_given_up(object: &Object, live: &Value) -> bool {
    if object.group() != "apps" || object.value().pointer("/spec/replicas").is_some() {
        return false;
    }
    let owners = entries(live).filter(|entry| entry.pointer("/fieldsV1/f:spec/f:replicas").is_some());
    owners.map(|entry| text(entry, "manager")).collect::<Vec<_>>() == [FIELD_MANAGER]
}

/// Hands `spec.replicas` over to a manager that says nothing else, before we stop saying how many.
pub(super) async fn hand_over(api: &Api, object: &Object, live: &Value) -> Answer<()> {
    if !are_replicas_given_up(object, live) {
        return Ok(());
    }
    let only = json!({
        "apiVersion": object.api_version(), "kind": object.kind(),
        "metadata": {"name": object.name(), "namespace": object.namespace()},
        "spec": {"replicas": live.pointer("/spec/replicas")},
    });
    match Object::new(only) {
        Ok(only) => api.apply_as("lgtmctl-replicas", &only).await.map(drop),
        Err(_) => Ok(()),
    }
}
