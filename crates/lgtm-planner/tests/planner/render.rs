//! What a unit renders to: a fixed function of its resolved values, as a real render is.

use std::{collections::BTreeMap, sync::Arc};

use lgtm_planner::{
    digest::Digest,
    fact::{self, Facts},
    object::Object,
    plan::Rendered,
    unit::{ChartRef, Content, Manifests, Release, Unit, UnitId},
};
use serde_json::{Value, json};

/// The unit's objects; none while facts are missing, and for units that are not rendered.
pub(crate) fn render(unit: &Unit, facts: &Facts) -> Option<Rendered> {
    let values = match &unit.content {
        Content::Objects(objects) => return Some(rendered(objects.clone())),
        Content::Manifests(manifests) => manifest_objects(manifests),
        Content::Release(release) => chart_objects(release, &fact::resolve(&release.values, facts).ok()?),
        Content::Cluster(_) | Content::Enrolment | Content::Material(_) => return None,
    };
    Some(rendered(values.into_iter().map(|value| Object::new(value).unwrap()).collect()))
}

/// All units of `units` that can be rendered.
pub(crate) fn render_all<'a>(
    units: impl IntoIterator<Item = &'a Unit>,
    facts: &Facts,
) -> BTreeMap<UnitId, Rendered> {
    units.into_iter().filter_map(|unit| Some((unit.id.clone(), render(unit, facts)?))).collect()
}

fn rendered(objects: Vec<Object>) -> Rendered {
    let digest = Digest::of_json(&json!(objects));
    Rendered { digest, objects: Arc::new(objects) }
}

fn manifest_objects(manifests: &Manifests) -> Vec<Value> {
    let namespace = manifests.namespace.as_deref().unwrap_or("default");
    manifests
        .files
        .iter()
        .map(|file| config_map(namespace, &file.to_string().replace('/', "-"), &json!(file.to_string())))
        .collect()
}

/// A ConfigMap with the values and a Deployment that rolls when they change; the gateway's chart has a
/// Service. Charts of the user's have hooks, and a ConfigMap that moves from one release to another.
fn chart_objects(release: &Release, values: &Value) -> Vec<Value> {
    let (namespace, name) = (release.namespace.as_str(), release.name.as_str());
    let mut objects = vec![
        config_map(namespace, name, values),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "selector": {"app": values.pointer("/selector").unwrap_or(&json!(name))},
                "template": {"digest": Digest::of_json(values).short()},
            },
        }),
    ];
    if name == "tenant-gateway" {
        objects.push(json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": namespace}, "spec": {"type": "LoadBalancer"}}));
    }
    if let ChartRef::Path(_) = release.chart {
        objects.extend(["pre-install", "post-upgrade"].map(|hook| {
            json!({"apiVersion": "batch/v1", "kind": "Job",
                "metadata": {"name": format!("{name}-{hook}"), "namespace": namespace,
                    "annotations": {"helm.sh/hook": hook}},
                "spec": {"template": {"values": Digest::of_json(values).short()}}})
        }));
        if let Some(shared) = values.get("shared").and_then(Value::as_str) {
            objects.push(config_map(namespace, shared, &json!("shared")));
        }
    }
    objects
}

fn config_map(namespace: &str, name: &str, values: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
        "data": {"values": values.to_string()}})
}
