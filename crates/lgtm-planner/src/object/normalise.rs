//! The normal form of an object, and the check for list keys that the API server would refuse.

use serde_json::{Map, Value};

/// Fields in which an empty mapping or list means the same as none. Only these are dropped: in a
/// selector, an `emptyDir` or a network policy's rule, empty means "everything" or "the default kind".
///
/// It matters because an empty value is *owned*: `annotations: {}` was seen to be taken over by the
/// deployment controller, after which the object looks drifted for ever.
const EMPTY_MEANS_NONE: &[&str] = &[
    "affinity",
    "annotations",
    "args",
    "binaryData",
    "command",
    "containers",
    "data",
    "env",
    "envFrom",
    "finalizers",
    "hostAliases",
    "imagePullSecrets",
    "initContainers",
    "labels",
    "limits",
    "nodeSelector",
    "ownerReferences",
    "parameters",
    "ports",
    "requests",
    "resources",
    "securityContext",
    "tolerations",
    "topologySpreadConstraints",
    "volumeClaimTemplates",
    "volumeMounts",
    "volumes",
];

/// Lists that the API server merges by key, with the key's fields and their defaults.
const LIST_KEYS: &[(&str, &[(&str, &str)])] = &[
    ("containers", &[("name", "")]),
    ("initContainers", &[("name", "")]),
    ("env", &[("name", "")]),
    ("volumes", &[("name", "")]),
    ("volumeMounts", &[("mountPath", "")]),
    ("imagePullSecrets", &[("name", "")]),
];

/// Drops what has no meaning and turns `stringData` into `data`.
pub(super) fn normalise(value: &mut Value) {
    let is_secret = value.get("kind").and_then(Value::as_str) == Some("Secret");
    let is_custom = value
        .get("apiVersion")
        .and_then(Value::as_str)
        .is_some_and(|version| version.contains('.') && !version.contains(".k8s.io/"));
    if let Value::Object(object) = value {
        // What the server fills in is never ours to apply.
        object.remove("status");
        if is_secret {
            encode_string_data(object);
        }
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            for field in
                ["creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink"]
            {
                metadata.remove(field);
            }
            prune(metadata);
        }
        if is_custom {
            // A custom resource's empty values may mean something that only its controller knows.
            object.retain(|_, value| !value.is_null());
        } else {
            prune(object);
        }
    }
}

fn prune(object: &mut Map<String, Value>) {
    for value in object.values_mut() {
        prune_value(value);
    }
    object.retain(|field, value| {
        let empty = match value {
            Value::Null => return false,
            Value::Object(map) => map.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        };
        !(empty && EMPTY_MEANS_NONE.contains(&field.as_str()))
    });
}

fn prune_value(value: &mut Value) {
    match value {
        Value::Object(map) => prune(map),
        Value::Array(list) => list.iter_mut().for_each(prune_value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A Secret applied with `stringData` owns `stringData`, so an edit of `data` would stay invisible.
fn encode_string_data(secret: &mut Map<String, Value>) {
    let Some(Value::Object(plain)) = secret.remove("stringData") else { return };
    let data = secret.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if !data.is_object() {
        *data = Value::Object(Map::new());
    }
    if let Value::Object(data) = data {
        for (key, value) in plain {
            let text = match value {
                Value::String(text) => text,
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    value.to_string()
                }
            };
            data.insert(key, Value::String(base64(text.as_bytes())));
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Two entries of a keyed list that bear the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateKey {
    /// Where the list is, as `spec.template.spec.containers`.
    pub path: String,
    /// The key that occurs twice.
    pub key: String,
}

/// Finds entries of keyed lists with the same key. The API server answers these with a 500 that
/// looks transient and never goes away, so they are found before anything is sent.
pub fn duplicate_list_keys(value: &Value) -> Vec<DuplicateKey> {
    let mut found = Vec::new();
    search(value, &mut Vec::new(), &mut found);
    found
}

fn search<'a>(value: &'a Value, path: &mut Vec<&'a str>, found: &mut Vec<DuplicateKey>) {
    match value {
        Value::Object(map) => {
            for (field, value) in map {
                path.push(field);
                if let (Some((_, keys)), Value::Array(list)) =
                    (LIST_KEYS.iter().find(|(list, _)| list == field), value)
                {
                    let mut seen = std::collections::BTreeSet::new();
                    for entry in list {
                        let key = key_of(entry, keys);
                        if !key.is_empty() && !seen.insert(key.clone()) {
                            found.push(DuplicateKey { path: path.join("."), key });
                        }
                    }
                }
                search(value, path, found);
                path.pop();
            }
        }
        Value::Array(list) => list.iter().for_each(|value| search(value, path, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn key_of(entry: &Value, keys: &[(&str, &str)]) -> String {
    let parts: Vec<&str> = keys
        .iter()
        .map(|(field, default)| entry.get(field).and_then(Value::as_str).unwrap_or(default))
        .collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::object::Object;

    #[test]
    fn empty_annotations_go_and_meaningful_empties_stay() {
        let object = Object::new(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "a", "annotations": {}, "creationTimestamp": null},
            "spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]}, "status": {},
        }))
        .unwrap();
        assert_eq!(
            object.value(),
            &json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"},
                "spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]},
            })
        );
    }

    #[test]
    fn string_data_becomes_data() {
        let secret = Object::new(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
            "data": {"kept": "eA=="}, "stringData": {"added": "hi"},
        }))
        .unwrap();
        assert_eq!(secret.value()["data"], json!({"kept": "eA==", "added": "aGk="}));
        assert!(secret.value().get("stringData").is_none());
    }

    #[test]
    fn duplicate_environment_variables_are_found() {
        let value = json!({"spec": {"containers": [{"name": "a", "env": [{"name": "X"}, {"name": "X"}]}]}});
        assert_eq!(
            duplicate_list_keys(&value),
            [DuplicateKey { path: "spec.containers.env".to_owned(), key: "X".to_owned() }]
        );
    }
}
