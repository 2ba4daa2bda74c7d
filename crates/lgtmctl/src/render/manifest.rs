//! Rendered objects as files: one object a file, Secrets redacted.

use std::path::PathBuf;

use lgtm_planner::{
    digest::Digest,
    fact::{FactRef, references},
    object::Object,
    unit::UnitId,
};
use serde_json::Value;

/// What stands for every value of a Secret.
const REDACTED: &str = "(redacted)";

/// Where an object's file goes, below the folder that the user names:
/// `<cluster>/<unit>/<kind>-<namespace>-<name>.yaml`.
pub fn path(unit: &UnitId, object: &Object) -> PathBuf {
    let key = object.key();
    let group = key.group.as_str();
    let mut parts = vec![key.kind.to_lowercase()];
    // Two groups may have a kind of the same name; the built-in ones do not.
    if group.contains('.') && !group.ends_with(".k8s.io") {
        parts = vec![format!("{}.{group}", key.kind.to_lowercase())];
    }
    parts.extend(key.namespace);
    parts.push(key.name);
    let name: String = parts
        .join("-")
        .chars()
        // Names of roles may hold colons, which not every file system takes.
        .map(
            |character| {
                if character.is_alphanumeric() || "-._".contains(character) { character } else { '_' }
            },
        )
        .collect();
    [unit.cluster.as_str(), unit.name.as_str(), &format!("{name}.yaml")].iter().collect()
}

/// An object's YAML. Errors are those of the serializer.
pub fn yaml(object: &Object) -> Result<String, serde_saphyr::ser::Error> {
    let mut value = object.value().clone();
    if object.is("", "Secret") {
        redact(&mut value);
    }
    serde_saphyr::to_string(&value)
}

fn redact(secret: &mut Value) {
    for field in ["data", "stringData"] {
        if let Some(Value::Object(entries)) = secret.get_mut(field) {
            entries.values_mut().for_each(|value| *value = REDACTED.into());
        }
    }
    // `kubectl apply` keeps a copy of the whole Secret there.
    if let Some(Value::Object(annotations)) = secret.pointer_mut("/metadata/annotations") {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

/// Values in which facts that are not known yet are named in words, and which facts those are.
pub fn name_placeholders(values: &Value) -> (Value, Vec<FactRef>) {
    let facts = references(values);
    let mut named = values.clone();
    replace(&mut named, &facts);
    (named, facts)
}

fn replace(value: &mut Value, facts: &[FactRef]) {
    match value {
        Value::String(text) => {
            for fact in facts {
                *text = text.replace(&fact.placeholder(), &stand_in(fact));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| replace(value, facts)),
        Value::Object(map) => map.values_mut().for_each(|value| replace(value, facts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What stands for a fact that is not known. Charts check the shape of some, so those keep it.
fn stand_in(fact: &FactRef) -> String {
    match fact.name.as_str() {
        // No two alike: the gateway's chart refuses one certificate for two tenants.
        "fingerprint" | "fingerprints" => Digest::of_bytes(fact.to_string().as_bytes()).as_str().to_owned(),
        "address" => "known-after-apply.invalid".to_owned(),
        _ => format!("(known after apply: {fact})"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::render::fixture::{fact, unit};

    fn object(value: Value) -> Object {
        Object::new(value).unwrap()
    }

    #[test]
    fn files_have_names_that_tell_objects_apart() {
        let name = |value| path(&unit("hub/mimir"), &object(value)).display().to_string();
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:x"}});
        assert_eq!(name(role), "hub/mimir/clusterrole-system_x.yaml");
        let service = |version: &str| json!({"apiVersion": version, "kind": "Service", "metadata": {"name": "a", "namespace": "b"}});
        assert_eq!(name(service("v1")), "hub/mimir/service-b-a.yaml");
        assert_eq!(name(service("serving.knative.dev/v1")), "hub/mimir/service.serving.knative.dev-b-a.yaml");
    }

    #[test]
    fn secrets_are_redacted_and_other_texts_survive() {
        let secret = object(json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "a", "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "hunter2", "other": "kept",
            }},
            "data": {"password": "hunter2"},
        }));
        let text = yaml(&secret).unwrap();
        assert!(text.contains("password: (redacted)") && text.contains("other: kept"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        // What YAML 1.1 reads as something else must come out quoted, since other tools read this.
        let map = object(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
            "data": {"a": "yes", "b": "0123", "c": "line\nline\n", "d": "1e3", "e": "~", "f": "null"},
        }));
        insta::assert_snapshot!(yaml(&map).unwrap());
    }

    #[test]
    fn unknown_facts_are_named() {
        let prints = fact("west/certificate", "fingerprints");
        let values =
            json!({"clients": [prints.placeholder()], "text": format!("a {} b", prints.placeholder())});
        let (named, facts) = name_placeholders(&values);
        assert_eq!(facts, [prints]);
        // The gateway's chart takes nothing but fingerprints there, and each for one tenant only.
        let print = named["clients"][0].as_str().unwrap();
        assert!(print.len() == 64 && print.bytes().all(|byte| byte.is_ascii_hexdigit()), "{print}");
        assert_eq!(named["text"], format!("a {print} b"));
        let (other, _) = name_placeholders(&json!(fact("east/certificate", "fingerprints").placeholder()));
        assert_ne!(other, named["clients"][0]);
        let digest = fact("west/certificate", "digest");
        let (named, _) = name_placeholders(&json!(digest.placeholder()));
        assert_eq!(named, json!("(known after apply: west/certificate#digest)"));
    }
}
