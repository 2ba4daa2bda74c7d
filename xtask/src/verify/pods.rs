//! What no program sees of its own pod: whether the init containers end, whether the images stay what they are, and
//! whether the Secrets and ConfigMaps that the pod names are there.
//!
//! Programs are known here only where a container of theirs may be meant to end and does not.

use std::collections::BTreeSet;

use serde_json::Value;

use super::rendered::{Object, Rendered, at, list, text};

/// Tags that are another image tomorrow.
const MOVING: [&str; 7] = ["edge", "latest", "main", "master", "nightly", "stable", "unstable"];

/// Definitions from which an operator makes pods, with the fields of a pod's.
const OPERATED: [&str; 3] = ["Alertmanager", "OpenTelemetryCollector", "Prometheus"];

/// The specification of the pods of an object, or of the definition that becomes one.
fn pod(object: &Value) -> Option<&Value> {
    let spec = at(object, "/spec");
    let places = [at(spec, "/template/spec"), at(spec, "/jobTemplate/spec/template/spec")];
    let template = places.into_iter().find(|pod| at(pod, "/containers").is_array());
    let itself = text(object, "/kind") == "Pod" || OPERATED.contains(&text(object, "/kind"));
    template.or_else(|| itself.then_some(spec))
}

/// Images that move and init containers of which nobody knows that they end.
pub(super) fn check(source: &Rendered) -> Vec<String> {
    let mut problems = BTreeSet::new();
    for object in source.objects() {
        let Some(pod) = pod(&object.value) else { continue };
        let init = || list(pod, "/initContainers");
        for container in init().chain(list(pod, "/containers")).chain([pod]) {
            let image = at(container, "/image").as_str();
            if let Some(why) = image.and_then(moving) {
                problems.insert(format!("{}: {why}", source.line(object, text(container, "/name"))));
            }
        }
        for container in init() {
            if let Some(why) = endless(container) {
                problems.insert(format!("{}: {why}", source.line(object, text(container, "/name"))));
            }
        }
    }
    problems.into_iter().collect()
}

fn moving(image: &str) -> Option<String> {
    let last = image.rsplit('/').next().unwrap_or(image);
    let fixed = last.contains('@')
        || last.split_once(':').is_some_and(|(_, tag)| !tag.is_empty() && !MOVING.contains(&tag));
    (!fixed).then(|| format!("the image `{image}` is another one tomorrow"))
}

/// Why an init container may never end. One that is started anew for ever is a sidecar, and not waited for.
fn endless(container: &Value) -> Option<String> {
    if at(container, "/restartPolicy") == "Always" {
        return None;
    }
    let image = text(container, "/image").rsplit('/').next().unwrap_or_default();
    let program = image.split([':', '@']).next().unwrap_or_default();
    let method = list(container, "/env").find(|variable| at(variable, "/name") == "METHOD");
    match program {
        "k8s-sidecar" if method.is_some_and(|method| at(method, "/value") == "LIST") => None,
        "k8s-sidecar" => Some("it watches for ever, and the pod never starts".to_owned()),
        // What is told which command to run is told so to run that one and end.
        _ if at(container, "/command").is_array() => None,
        _ => Some("nobody has said that it ends; see xtask/src/verify/pods.rs".to_owned()),
    }
}

/// Secrets and ConfigMaps that pods cannot do without and nobody makes.
pub(super) fn named(source: &Rendered) -> Vec<String> {
    let mut problems = BTreeSet::new();
    for object in source.objects() {
        let mut names = BTreeSet::new();
        if let Some(pod) = pod(&object.value) {
            gather(pod, &mut names);
        }
        for (kind, name) in names {
            if !made(source, object, kind, &name) {
                problems.insert(format!("{}: nobody makes the {kind} {name}", source.line(object, "")));
            }
        }
    }
    problems.into_iter().collect()
}

/// All that is named anywhere in a pod, but for what is optional.
fn gather(value: &Value, names: &mut BTreeSet<(&'static str, String)>) {
    if let Some(values) = value.as_array() {
        values.iter().for_each(|value| gather(value, names));
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let kind = match key.as_str() {
            "secret" | "secretKeyRef" | "secretRef" | "keySecret" | "secrets" => "Secret",
            "configMap" | "configMapKeyRef" | "configMapRef" | "configMaps" => "ConfigMap",
            _ => "",
        };
        if !kind.is_empty() && at(value, "/optional") != true {
            let one = at(value, "/name").as_str().or_else(|| at(value, "/secretName").as_str());
            let several = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            names.extend(one.into_iter().chain(several).map(|name| (kind, name.to_owned())));
        }
        gather(value, names);
    }
}

/// Whether something is in the plan, or made by something in it.
fn made(source: &Rendered, object: &Object, kind: &str, name: &str) -> bool {
    let namespace = text(&object.value, "/metadata/namespace");
    let planned = source.secrets.contains(&format!("{}/{namespace}/{name}", object.cluster));
    // Kubernetes puts the authority of its API server into every namespace.
    let given = kind == "ConfigMap" && name == "kube-root-ca.crt";
    let certified = || {
        source.objects().any(|other| {
            other.cluster == object.cluster
                && text(&other.value, "/kind") == "Certificate"
                && text(&other.value, "/metadata/namespace") == namespace
                && text(&other.value, "/spec/secretName") == name
        })
    };
    given || source.find(object, kind, name).is_some() || (kind == "Secret" && (planned || certified()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload(pod: &Value) -> Value {
        let metadata = json!({"name": "app", "namespace": "logs"});
        json!({"kind": "StatefulSet", "metadata": metadata, "spec": {"template": {"spec": pod}}})
    }

    fn checked(init: &Value) -> Vec<String> {
        let pod = json!({"initContainers": [init], "containers": [{"name": "app", "image": "app:1"}]});
        check(&Rendered::of("test", &[workload(&pod)]))
    }

    #[test]
    fn an_init_container_that_watches_is_found() {
        let watching = json!({"name": "it", "image": "quay.io/kiwigrid/k8s-sidecar:2.10.1",
            "env": [{"name": "METHOD", "value": "WATCH"}]});
        let found = checked(&watching);
        assert!(found.len() == 1 && found[0].contains("it watches for ever"), "{found:?}");
        let mut sidecar = watching.clone();
        sidecar["restartPolicy"] = json!("Always");
        assert!(checked(&sidecar).is_empty());
        let mut listing = watching;
        listing["env"][0]["value"] = json!("LIST");
        assert!(checked(&listing).is_empty());
        listing["env"] = json!([]);
        assert_eq!(checked(&listing).len(), 1);
        assert!(checked(&json!({"name": "it", "image": "any:1", "command": ["true"]})).is_empty());
        assert_eq!(checked(&json!({"name": "it", "image": "any:1"})).len(), 1);
    }

    #[test]
    fn an_image_that_moves_is_found() {
        let moves = |image: &str| !checked(&json!({"image": image, "command": ["true"]})).is_empty();
        for image in ["busybox", "busybox:latest", "registry:5000/busybox", "a/b:stable", "a:"] {
            assert!(moves(image), "{image}");
        }
        for image in ["busybox:1.38.0", "registry:5000/a/b:v1", "a@sha256:00", "a:latest@sha256:00"] {
            assert!(!moves(image), "{image}");
        }
        let collector = json!({"kind": "OpenTelemetryCollector", "spec": {"image": "otel/collector"}});
        assert_eq!(check(&Rendered::of("test", &[collector])).len(), 1);
    }

    #[test]
    fn what_nobody_makes_is_found() {
        let pod = json!({
            "containers": [{
                "envFrom": [{"secretRef": {"name": "planned"}}, {"configMapRef": {"name": "lost-1", "optional": true}}],
                "env": [{"valueFrom": {"secretKeyRef": {"name": "lost-2", "key": "a"}}}],
            }],
            "volumes": [
                {"configMap": {"name": "rendered"}},
                {"secret": {"secretName": "certified"}},
                {"projected": {"sources": [{"secret": {"name": "lost-3"}}, {"configMap": {"name": "kube-root-ca.crt"}}]}},
            ],
        });
        let map = json!({"kind": "ConfigMap", "metadata": {"name": "rendered", "namespace": "logs"}});
        let certificate = json!({"kind": "Certificate", "metadata": {"name": "any", "namespace": "logs"},
            "spec": {"secretName": "certified"}});
        let prometheus = json!({"kind": "Prometheus", "metadata": {"name": "it", "namespace": "logs"},
            "spec": {"secrets": ["planned", "lost-4"], "remoteWrite": [{"tlsConfig": {"ca": {"secret": {"name": "lost-5"}}}}]}});
        let mut source = Rendered::of("test", &[workload(&pod), map, certificate, prometheus]);
        source.secrets.insert("hub/logs/planned".to_owned());
        let found = named(&source);
        let lost: Vec<&str> = found.iter().filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(lost, ["lost-2", "lost-3", "lost-4", "lost-5"], "{found:?}");
    }
}
