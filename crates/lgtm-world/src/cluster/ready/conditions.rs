//! When custom resources are ready, by what their controllers say in their status.
//!
//! Of the kinds that it names the module knows what must have been said: those of the Gateway API, of cert-manager,
//! and of the operators of Prometheus and of OpenTelemetry. Any other kind is ready unless it says that it is not, as
//! many say nothing at all; what else it says, the module refuses to know.

use lgtm_planner::object::{ObjectKey, built_in_scope};
use serde_json::Value;

use super::{Readiness, condition_named, said_by};

const OPEN_TELEMETRY: &str = "opentelemetry.io";
/// What is waited for while the controller has not come to this generation.
const UNSEEN: &str = "its controller has not seen it yet";
/// OpenTelemetry's operator shortens longer names.
const LONGEST_NAME: usize = 63;

/// Whether objects of the kind are waited for. The group of a definition always has a dot.
pub(super) fn are_awaited(group: &str, kind: &str) -> bool {
    group.contains('.') && built_in_scope(group, kind).is_none()
}

/// How far a live object is; none for a kind that is not awaited.
pub(super) fn readiness(group: &str, kind: &str, live: &Value) -> Option<Readiness> {
    if !are_awaited(group, kind) {
        return None;
    }
    let generation = live.pointer("/metadata/generation").and_then(Value::as_i64);
    let whole = live.get("status");
    Some(match (group, kind) {
        ("gateway.networking.k8s.io", "Gateway") => held(whole, &["Programmed"], generation),
        ("gateway.networking.k8s.io", "HTTPRoute") => route(live, generation),
        ("cert-manager.io", "Certificate" | "ClusterIssuer" | "Issuer") => {
            held(whole, &["Ready"], generation)
        }
        ("monitoring.coreos.com", "Alertmanager" | "Prometheus" | "PrometheusAgent" | "ThanosRuler") => {
            operated(live, generation)
        }
        (OPEN_TELEMETRY, "OpenTelemetryCollector") => collector(live, generation),
        _ => own_word(whole, generation),
    })
}

/// The workload behind a live object that calls itself ready whatever its pods are, and what that kind is called in
/// URLs.
pub(super) fn workload(key: &ObjectKey, live: &Value) -> Option<(ObjectKey, &'static str)> {
    if key.group != OPEN_TELEMETRY || key.kind != "OpenTelemetryCollector" || is_left_alone(live) {
        return None;
    }
    let (kind, plural) = match live.pointer("/spec/mode").and_then(Value::as_str) {
        Some("daemonset") => ("DaemonSet", "daemonsets"),
        Some("deployment") | None => ("Deployment", "deployments"),
        Some("statefulset") => ("StatefulSet", "statefulsets"),
        Some(_) => return None,
    };
    let name = format!("{}-collector", key.name);
    let key =
        ObjectKey { group: "apps".to_owned(), kind: kind.to_owned(), namespace: key.namespace.clone(), name };
    (key.name.len() <= LONGEST_NAME).then_some((key, plural))
}

/// Each Gateway that a route names says for itself what it makes of it. What another one said that the route no
/// longer names may stand there for ever.
fn route(live: &Value, generation: Option<i64>) -> Readiness {
    let list = |pointer: &str| live.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let mut said = list("/spec/parentRefs").map(|wanted| {
        let is_of = |answer: &&Value| {
            answer.get("parentRef").is_some_and(|named| parent(live, named) == parent(live, wanted))
        };
        match list("/status/parents").find(is_of) {
            Some(answer) => held(Some(answer), &["Accepted", "ResolvedRefs"], generation),
            None => {
                let name = wanted.get("name").and_then(Value::as_str).unwrap_or_default();
                Readiness::Waiting(format!("{name} has not answered for it yet"))
            }
        }
    });
    said.find(|said| *said != Readiness::Ready).unwrap_or(Readiness::Ready)
}

/// What a reference of a route means, with what the Gateway API takes it to say where it says nothing.
fn parent<'a>(route: &'a Value, reference: &'a Value) -> [Option<&'a str>; 5] {
    let text = |field: &str| reference.get(field).and_then(Value::as_str);
    let own = route.pointer("/metadata/namespace").and_then(Value::as_str);
    [
        text("group").or(Some("gateway.networking.k8s.io")),
        text("kind").or(Some("Gateway")),
        text("namespace").or(own),
        text("name"),
        text("sectionName"),
    ]
}

/// What Prometheus' operator runs. Its `Available` counts all pods that are ready, also those that are to go.
fn operated(live: &Value, generation: Option<i64>) -> Readiness {
    if is_left_alone(live) {
        return Readiness::Ready;
    }
    let said = held(live.get("status"), &["Reconciled", "Available"], generation);
    let pods = |field: &str| live.pointer(&format!("/status/{field}")).and_then(Value::as_i64);
    match (said, pods("replicas").zip(pods("updatedReplicas"))) {
        (Readiness::Ready, Some((all, updated))) if all > updated => {
            Readiness::Waiting(format!("{} old pods left", all - updated))
        }
        (said, _) => said,
    }
}

/// A collector. `Ready` says that the operator has made everything; earlier operators say only the version.
fn collector(live: &Value, generation: Option<i64>) -> Readiness {
    if is_left_alone(live) {
        return Readiness::Ready;
    }
    let status = live.get("status");
    if status.and_then(|status| condition_named(status, "Ready")).is_some() {
        return held(status, &["Ready"], generation);
    }
    match live.pointer("/status/version").and_then(Value::as_str) {
        Some(version) if !version.is_empty() => Readiness::Ready,
        _ => Readiness::Waiting(UNSEEN.to_owned()),
    }
}

/// Whether the object tells its operator to leave everything as it is.
fn is_left_alone(live: &Value) -> bool {
    live.pointer("/spec/paused").and_then(Value::as_bool) == Some(true)
        || live.pointer("/spec/managementState").and_then(Value::as_str) == Some("unmanaged")
}

/// What an object of any kind says of itself: that this generation was not seen yet, or that it is not ready.
fn own_word(status: Option<&Value>, generation: Option<i64>) -> Readiness {
    let seen = status.and_then(|status| status.get("observedGeneration")).and_then(Value::as_i64);
    if seen.zip(generation).is_some_and(|(seen, generation)| seen < generation) {
        return Readiness::Waiting(UNSEEN.to_owned());
    }
    let is_said = |name: &&str| status.is_some_and(|status| condition_named(status, name).is_some());
    let said: Vec<&str> = ["Ready", "Available"].into_iter().filter(is_said).collect();
    held(status, &said, generation)
}

/// Whether all conditions hold, for this generation of the object.
fn held(status: Option<&Value>, names: &[&str], generation: Option<i64>) -> Readiness {
    for name in names {
        let Some(condition) = status.and_then(|status| condition_named(status, name)) else {
            return Readiness::Waiting(format!("not {name}"));
        };
        let (holds, reason, message) = said_by(condition);
        if !holds {
            let said: Vec<&str> = [&*reason, &*message].into_iter().filter(|text| !text.is_empty()).collect();
            return Readiness::Waiting(if said.is_empty() {
                format!("not {name}")
            } else {
                format!("not {name} ({})", said.join(": "))
            });
        }
        let seen = condition.get("observedGeneration").and_then(Value::as_i64);
        if seen.zip(generation).is_some_and(|(seen, generation)| seen < generation) {
            return Readiness::Waiting(UNSEEN.to_owned());
        }
    }
    Readiness::Ready
}

#[cfg(test)]
mod tests;
