//! What a unit renders to: a fixed function of its resolved values, as a real render is.
//!
//! Shapes are those of real objects, so that a real API server would take them too.

use std::sync::Arc;

use lgtm_planner::{
    digest::Digest,
    object::{Object, ObjectError},
    plan::Rendered,
    unit::{ChartRef, Content, Manifests, Release},
};
use serde_json::{Value, json};

use crate::world::{Failure, Kind, RenderRequest};

/// The objects of a unit.
pub(super) fn render(request: &RenderRequest) -> Result<Rendered, Failure> {
    let values = match &request.content {
        Content::Objects(objects) => return Ok(rendered(objects.clone())),
        Content::Manifests(manifests) => manifest_objects(manifests),
        Content::Release(release) => chart_objects(release),
        Content::Cluster(_) | Content::Enrolment | Content::Material(_) => Vec::new(),
    };
    let objects: Result<Vec<Object>, ObjectError> = values.into_iter().map(Object::new).collect();
    let failed = |error: ObjectError| Failure::new(Kind::Permanent, format!("{}: {error}", request.unit));
    Ok(rendered(objects.map_err(failed)?))
}

fn rendered(objects: Vec<Object>) -> Rendered {
    let digest = Digest::of_json(&json!(objects));
    Rendered { digest, objects: Arc::new(objects) }
}

/// A ConfigMap for each file. A file whose name begins with `namespace-` is a namespace of its own as well,
/// with the ConfigMap in it, and one whose name has `definition-` in it brings a kind and an object of it.
fn manifest_objects(manifests: &Manifests) -> Vec<Value> {
    let namespace = manifests.namespace.as_deref().unwrap_or("default");
    let mut objects = Vec::new();
    for file in &manifests.files {
        let file = file.to_string();
        let name = file.replace('/', "-").replace(".yaml", "");
        let own = name.split_once("namespace-").map(|(_, own)| own.to_owned());
        if let Some(own) = &own {
            objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": own}}));
        }
        let namespace = own.as_deref().unwrap_or(namespace);
        if name.contains("definition-") {
            objects.extend(custom(namespace, &name));
        }
        objects.push(config_map(namespace, &name, &json!(file)));
    }
    objects
}

/// A definition, and an object of what it defines.
fn custom(namespace: &str, name: &str) -> [Value; 2] {
    let group = format!("{name}.example.com");
    let schema = json!({"openAPIV3Schema": {
        "type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
    }});
    [
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("things.{group}")},
            "spec": {
                "group": group, "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
            },
        }),
        json!({"apiVersion": format!("{group}/v1"), "kind": "Thing",
            "metadata": {"name": name, "namespace": namespace}, "spec": {"of": name}}),
    ]
}

/// A ConfigMap with the values and a Deployment that rolls when they change; the gateway's chart has a
/// Service. Charts of the user's have hooks, a database with claims, an autoscaler, and a ConfigMap that moves
/// from one release to another.
fn chart_objects(release: &Release) -> Vec<Value> {
    let (namespace, name, values) = (release.namespace.as_str(), release.name.as_str(), &release.values);
    let digest = Digest::of_json(values);
    let labels = json!({"app": values.get("selector").and_then(Value::as_str).unwrap_or(name)});
    let mut objects = vec![
        config_map(namespace, name, values),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels, "annotations": {"checksum": digest.short()}},
                    "spec": {"containers": [{"name": "main", "image": format!("registry.invalid/{name}:1")}]},
                },
            },
        }),
    ];
    if name == "tenant-gateway" {
        let mut spec = json!({"type": "LoadBalancer", "selector": labels, "ports": [{"port": 443}]});
        let asked = values.pointer("/service/address").filter(|address| **address != "");
        if let (Some(asked), Some(spec)) = (asked, spec.as_object_mut()) {
            spec.insert("loadBalancerIP".to_owned(), asked.clone());
        }
        objects.push(json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": namespace}, "spec": spec}));
    }
    if let ChartRef::Path(_) = release.chart {
        objects
            .extend(["pre-install", "post-upgrade"].map(|hook| job(namespace, name, hook, digest.short())));
        if let Some(spec) =
            objects.get_mut(1).and_then(|deployment| deployment.get_mut("spec")?.as_object_mut())
        {
            spec.insert("replicas".to_owned(), json!(1));
        }
        objects.extend([scaler(namespace, name), database(namespace, &format!("{name}-database"))]);
        if let Some(shared) = values.get("shared").and_then(Value::as_str) {
            objects.push(config_map(namespace, shared, &json!("shared")));
        }
    }
    objects
}

/// What scales the release's Deployment.
fn scaler(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "minReplicas": 2, "maxReplicas": 4,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        },
    })
}

fn database(namespace: &str, name: &str) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "serviceName": name, "replicas": 2, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": format!("registry.invalid/{name}:1")}]},
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }],
        },
    })
}

fn job(namespace: &str, name: &str, hook: &str, digest: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": format!("{name}-{hook}"), "namespace": namespace, "annotations": {"helm.sh/hook": hook}},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": "registry.invalid/job:1", "args": [digest]}],
        }}},
    })
}

fn config_map(namespace: &str, name: &str, values: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
        "data": {"values": values.to_string()}})
}
