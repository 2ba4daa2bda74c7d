//! What the API server's schemas say about lists and mappings, as far as the simulated objects go.
//!
//! Fields are told by their names alone, which is enough for the kinds that are used here. What the
//! module does not name is merged field by field if it is a mapping, and as a whole if it is a list.

use serde_json::{Map, Value};

/// How a list is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As one value.
    Atomic,
    /// Entry by entry, told apart by these fields and their defaults.
    Keyed(&'static [(&'static str, &'static str)]),
    /// As a set of plain values.
    Set,
}

const NAME: &[(&str, &str)] = &[("name", "")];

/// The shape of the list under `field`; of the two kinds of ports the entries tell.
pub(super) fn list(field: &str, entries: &[Value]) -> Shape {
    match field {
        "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets" => Shape::Keyed(NAME),
        "volumeMounts" => Shape::Keyed(&[("mountPath", "")]),
        "ownerReferences" => Shape::Keyed(&[("uid", "")]),
        "conditions" => Shape::Keyed(&[("type", "")]),
        "ports" if entries.iter().any(|entry| entry.get("containerPort").is_some()) => {
            Shape::Keyed(&[("containerPort", ""), ("protocol", "TCP")])
        }
        "ports" if entries.iter().all(|entry| entry.get("port").is_some()) => {
            Shape::Keyed(&[("port", ""), ("protocol", "TCP")])
        }
        "finalizers" => Shape::Set,
        _ => Shape::Atomic,
    }
}

/// Whether the mapping under `field` is one value: selectors of every kind are.
pub(super) fn is_atomic_mapping(field: &str) -> bool {
    matches!(field, "selector" | "nodeSelector" | "podSelector" | "namespaceSelector" | "labelSelector")
}

/// An entry's key, written as `fieldsV1` writes it.
pub(super) fn entry_key(keys: &[(&str, &str)], entry: &Value) -> String {
    let mut key = Map::new();
    for (field, default) in keys {
        let value = entry.get(*field).cloned().or_else(|| (!default.is_empty()).then(|| (*default).into()));
        key.insert((*field).to_owned(), value.unwrap_or(Value::Null));
    }
    format!("k:{}", Value::Object(key))
}
