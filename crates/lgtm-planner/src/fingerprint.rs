//! The fingerprint of what lgtmctl owns on an object, read from `metadata.managedFields`.
//!
//! When anyone changes or removes an owned value, the API server drops it from our manager's entry;
//! status writes and foreign fields leave the entry alone. So the entry's field set, never its time,
//! tells whether an object may have drifted, and metadata is all that has to be read
//! (Kubernetes documentation, "Server-Side Apply"; checked kind by kind in the e2e tests).

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::digest::Digest;

pub mod takeover;

/// The field manager under which every object is applied.
pub const FIELD_MANAGER: &str = "lgtmctl";

/// The digest of our entry in an object's `managedFields`; none when all owned values are lost.
pub fn fingerprint(metadata: &Value) -> Option<Digest> {
    let entry = owned(metadata)?;
    let version = entry.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let fields = entry.get("fieldsV1").map(Value::to_string).unwrap_or_default();
    Some(Digest::of_parts([version, fields.as_str()]))
}

/// The fields of our entry in an object's `managedFields`, as `fieldsV1`.
pub fn owned_fields(metadata: &Value) -> Option<&Value> {
    owned(metadata)?.get("fieldsV1")
}

/// Whether our entry on a live Secret still holds a key of its `data`.
pub fn is_data_ours(secret: &Value, key: &str) -> bool {
    let fields = secret.get("metadata").and_then(owned_fields);
    fields.and_then(|fields| fields.get("f:data")?.get(format!("f:{key}"))).is_some()
}

/// The fields that lgtmctl owns on an object, in the form of `fieldsV1`.
///
/// They are kept as text: every inventory holds some for every object, as trees they would be most of the
/// memory of a plan, and only an object that lost its entry ever needs them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnedFields(Box<RawValue>);

impl OwnedFields {
    /// The fields of our entry in an object's `managedFields`.
    pub fn of(metadata: &Value) -> Option<Self> {
        RawValue::from_string(owned_fields(metadata)?.to_string()).ok().map(Self)
    }

    /// The fields as JSON.
    pub fn to_value(&self) -> Value {
        // What is kept was JSON when it was read.
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

impl PartialEq for OwnedFields {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

fn owned(metadata: &Value) -> Option<&Value> {
    metadata.get("managedFields")?.as_array()?.iter().find(|entry| is_ours(entry))
}

/// Whether an entry is our own for the main resource: manager ours, operation Apply, no subresource.
fn is_ours(entry: &Value) -> bool {
    let text = |field| entry.get(field).and_then(Value::as_str).unwrap_or_default();
    text("manager") == FIELD_MANAGER && text("operation") == "Apply" && text("subresource").is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(time: &str, fields: &Value) -> Value {
        json!({"managedFields": [
            {"manager": "kubectl", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:x": {}}},
            {"manager": "lgtmctl", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:y": {}}},
            {"manager": "lgtmctl", "operation": "Apply", "subresource": "status", "fieldsV1": {}},
            {"manager": "lgtmctl", "operation": "Apply", "apiVersion": "v1", "time": time, "fieldsV1": fields},
        ]})
    }

    #[test]
    fn only_our_applied_fields_count() {
        let before = fingerprint(&metadata("2026-01-01T00:00:00Z", &json!({"f:a": {}})));
        assert!(before.is_some());
        assert_eq!(before, fingerprint(&metadata("2027-01-01T00:00:00Z", &json!({"f:a": {}}))));
        assert_ne!(before, fingerprint(&metadata("2026-01-01T00:00:00Z", &json!({"f:b": {}}))));
    }

    #[test]
    fn a_vanished_entry_is_none() {
        assert_eq!(
            fingerprint(&json!({"managedFields": [{"manager": "kubectl", "operation": "Apply"}]})),
            None
        );
        assert_eq!(fingerprint(&json!({})), None);
    }
}
