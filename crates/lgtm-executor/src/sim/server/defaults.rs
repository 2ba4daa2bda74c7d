//! What the server fills in, and what it lets nobody change, for the kinds that are used here.

use lgtm_planner::object::{ObjectKey, built_in_scope};
use serde_json::{Value, json};

use super::mapping;
use crate::sim::answer::{Answer, Refusal};

/// Drops what is empty and means nothing, and fills in what was left out.
pub(super) fn fill(key: &ObjectKey, value: &mut Value) {
    drop_empty(value, &["data"]);
    if let Some(metadata) = value.get_mut("metadata") {
        drop_empty(metadata, &["annotations", "finalizers", "labels"]);
    }
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Namespace") => {
            if let Some(labels) = value.get_mut("metadata").and_then(|metadata| mapping(metadata, "labels")) {
                labels.insert("kubernetes.io/metadata.name".to_owned(), json!(key.name));
            }
            set(value, "spec", "finalizers", json!(["kubernetes"]));
        }
        ("", "Secret") => {
            if let Some(secret) = value.as_object_mut() {
                secret.entry("type").or_insert_with(|| json!("Opaque"));
            }
        }
        ("", "Service") => {
            set(value, "spec", "type", json!("ClusterIP"));
            set(value, "spec", "sessionAffinity", json!("None"));
            if value.pointer("/spec/sessionAffinity").and_then(Value::as_str) == Some("ClientIP") {
                set(value, "spec", "sessionAffinityConfig", json!({"clientIP": {"timeoutSeconds": 10_800}}));
            }
            each(value.pointer_mut("/spec/ports"), |port| {
                port.entry("protocol").or_insert_with(|| json!("TCP"));
                if let Some(number) = port.get("port").cloned() {
                    port.entry("targetPort").or_insert(number);
                }
            });
        }
        ("apps", "Deployment") => {
            set(value, "spec", "replicas", json!(1));
            set(value, "spec", "revisionHistoryLimit", json!(10));
            set(value, "spec", "strategy", json!({"type": "RollingUpdate"}));
            pods(value);
        }
        ("apps", "StatefulSet") => {
            set(value, "spec", "replicas", json!(1));
            set(value, "spec", "podManagementPolicy", json!("OrderedReady"));
            set(value, "spec", "updateStrategy", json!({"type": "RollingUpdate"}));
            pods(value);
        }
        ("batch", "Job") => {
            set(value, "spec", "backoffLimit", json!(6));
            set(value, "spec", "suspend", json!(false));
            pods(value);
        }
        _ => {}
    }
}

fn pods(value: &mut Value) {
    let template = value.pointer_mut("/spec/template");
    if let Some(pod) = template.and_then(|template| mapping(template, "spec")) {
        pod.entry("dnsPolicy").or_insert_with(|| json!("ClusterFirst"));
        pod.entry("restartPolicy").or_insert_with(|| json!("Always"));
    }
    each(value.pointer_mut("/spec/template/spec/containers"), |container| {
        container.entry("imagePullPolicy").or_insert_with(|| json!("IfNotPresent"));
        each(container.get_mut("ports"), |port| {
            port.entry("protocol").or_insert_with(|| json!("TCP"));
        });
    });
}

fn drop_empty(value: &mut Value, fields: &[&str]) {
    if let Some(map) = value.as_object_mut() {
        map.retain(|name, value| {
            let empty = value.as_object().is_some_and(serde_json::Map::is_empty)
                || value.as_array().is_some_and(Vec::is_empty);
            !(empty && fields.contains(&name.as_str()))
        });
    }
}

fn set(value: &mut Value, part: &str, field: &str, default: Value) {
    if let Some(part) = mapping(value, part) {
        part.entry(field).or_insert(default);
    }
}

fn each(list: Option<&mut Value>, fill: impl Fn(&mut serde_json::Map<String, Value>)) {
    let entries = list.and_then(Value::as_array_mut).into_iter().flatten();
    entries.filter_map(Value::as_object_mut).for_each(fill);
}

/// Kinds whose generation the server counts.
pub(super) fn has_generation(key: &ObjectKey) -> bool {
    matches!(key.group.as_str(), "apps" | "batch" | "apiextensions.k8s.io")
        || built_in_scope(&key.group, &key.kind).is_none()
}

/// Whether the object is another generation. Of a Deployment, annotations count as well.
pub(super) fn is_another_generation(key: &ObjectKey, before: &Value, after: &Value) -> bool {
    let differs = |pointer: &str| before.pointer(pointer) != after.pointer(pointer);
    differs("/spec") || (key.kind == "Deployment" && differs("/metadata/annotations"))
}

/// Refuses what cannot change in place.
pub(super) fn refuse_immutable(key: &ObjectKey, before: &Value, after: &Value) -> Answer<()> {
    let fields: &[&str] = match (key.group.as_str(), key.kind.as_str()) {
        ("apps", "Deployment") => &["/spec/selector"],
        ("apps", "StatefulSet") => &["/spec/selector", "/spec/serviceName", "/spec/volumeClaimTemplates"],
        ("batch", "Job") => &["/spec/template", "/spec/selector"],
        ("", "Secret") => &["/type"],
        _ => &[],
    };
    match fields.iter().find(|field| before.pointer(field) != after.pointer(field)) {
        Some(field) => {
            let path = field.trim_start_matches('/').replace('/', ".");
            let message = format!("{key} is invalid: {path}: Invalid value: field is immutable");
            Err(Refusal::status(422, message))
        }
        None => Ok(()),
    }
}
