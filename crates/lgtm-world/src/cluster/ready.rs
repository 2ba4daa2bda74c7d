//! When an object is ready, kind by kind, and what it still waits for.
//!
//! The rules are those of `kubectl rollout status` and `kubectl wait`: a workload is ready when the
//! controller has seen this generation and all its pods are of it and available.

mod conditions;
mod webhooks;

use std::time::Duration;

use lgtm_executor::{Failure, Kind};
use lgtm_planner::{
    object::{Object, ObjectKey},
    phase::is_run_once,
};
use serde_json::Value;
use tokio::time::Instant;

use super::{Cluster, Resource, answer::Answer};

/// How long a unit's objects may take before the step has failed. The next run goes on waiting.
pub(crate) const READY_TIMEOUT: Duration = Duration::from_secs(600);
/// The first look comes soon, since on a simulated cluster most things are ready at once.
const FIRST_LOOK: Duration = Duration::from_millis(60);
const SLOWEST_LOOK: Duration = Duration::from_secs(2);

/// Waits until all objects are ready. `tell` hears what is waited for whenever that changes.
#[tracing::instrument(name = "wait until ready", level = "debug", skip_all)]
pub(crate) async fn until_ready(
    cluster: &Cluster,
    objects: &[&Object],
    tell: &(dyn Fn(String) + Sync),
) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut open: Vec<&Object> =
        objects.iter().copied().filter(|object| is_awaited(cluster, object)).collect();
    let mut delay = FIRST_LOOK;
    let mut told = String::new();
    while !open.is_empty() {
        let looks = open.iter().map(|object| look(cluster, object));
        let mut waiting = Vec::new();
        for (object, seen) in open.iter().zip(futures::future::join_all(looks).await) {
            match seen {
                Ok(Readiness::Ready) => {}
                Ok(Readiness::Waiting(what)) => waiting.push((*object, what)),
                Ok(Readiness::Failed(why)) => {
                    let message =
                        format!("{} on cluster {} cannot become ready: {why}", object.key(), cluster.name);
                    return Err(Failure::new(Kind::Permanent, message));
                }
                Err(error) => return Err(cluster.object_failure("waiting for", &object.key(), error)),
            }
        }
        let Some((object, what)) = waiting.first() else { return Ok(()) };
        let now = format!("{}: {what}", object.key());
        if begun.elapsed() > READY_TIMEOUT {
            let message = format!(
                "{now} on cluster {} is not ready after {} minutes",
                cluster.name,
                READY_TIMEOUT.as_secs() / 60
            );
            let help = if is_awaited_of_controllers(object) {
                "see that its controller runs, and what it says; run the same command again to go on waiting"
            } else {
                "look at the pods' events and logs; run the same command again to go on waiting"
            };
            return Err(Failure::new(Kind::Permanent, message).with_help(help));
        }
        if now != told {
            tell(now.clone());
            told = now;
        }
        open = waiting.into_iter().map(|(object, _)| object).collect();
        tokio::time::sleep(delay).await;
        delay = (delay * 3 / 2).min(SLOWEST_LOOK);
    }
    Ok(())
}

/// How far an object is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    Waiting(String),
    Failed(String),
}

async fn look(cluster: &Cluster, object: &Object) -> Answer<Readiness> {
    let resource = cluster.resource(object).await?;
    let Some(live) = cluster.object(&resource, object.namespace(), object.name()).await? else {
        // What runs once was written before anyone looks, and may have ended and been cleared away since.
        return Ok(if is_run_once(object) {
            Readiness::Ready
        } else {
            Readiness::Waiting("not there yet".to_owned())
        });
    };
    match readiness(&object.key(), &live) {
        Readiness::Ready => look_behind(cluster, &object.key(), &live).await,
        said @ (Readiness::Waiting(_) | Readiness::Failed(_)) => Ok(said),
    }
}

/// How far the workload is that stands behind an object which calls itself ready without regard to it.
async fn look_behind(cluster: &Cluster, key: &ObjectKey, live: &Value) -> Answer<Readiness> {
    let Some((key, plural)) = conditions::workload(key, live) else { return Ok(Readiness::Ready) };
    match cluster.object(&Resource::apps(plural), key.namespace.as_deref(), &key.name).await {
        Ok(Some(found)) => Ok(match readiness(&key, &found) {
            Readiness::Waiting(what) => Readiness::Waiting(format!("{} {}: {what}", key.kind, key.name)),
            said @ (Readiness::Ready | Readiness::Failed(_)) => said,
        }),
        // Its controller may have named it otherwise. Who may not read it takes the object's own word.
        Ok(None) => Ok(Readiness::Ready),
        Err(error) if error.code() == Some(403) => Ok(Readiness::Ready),
        Err(error) => Err(error),
    }
}

/// Whether the object is not simply ready when it exists. On a simulated cluster nobody sets the status of custom
/// resources or writes into others, and no pod answers for an APIService.
fn is_awaited(cluster: &Cluster, object: &Object) -> bool {
    if cluster.simulated {
        let is_answered_by_pods =
            object.kind() == "APIService" && object.value().pointer("/spec/service/name").is_some();
        return has_readiness(object) && !is_answered_by_pods;
    }
    has_readiness(object) || is_awaited_of_controllers(object)
}

/// Kinds that are ready by the word of controllers that are not Kubernetes' own.
fn is_awaited_of_controllers(object: &Object) -> bool {
    let (group, kind) = (object.group(), object.kind());
    conditions::are_awaited(group, kind) || webhooks::are_awaited(group, kind, object.value())
}

/// Built-in kinds that are not simply ready when they exist.
fn has_readiness(object: &Object) -> bool {
    match (object.group(), object.kind()) {
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet")
        | ("batch", "Job")
        | ("apiextensions.k8s.io", "CustomResourceDefinition")
        | ("apiregistration.k8s.io", "APIService")
        | ("", "Pod") => true,
        ("", "Service") => {
            object.value().pointer("/spec/type").and_then(Value::as_str) == Some("LoadBalancer")
        }
        _ => false,
    }
}

/// How far a live object is.
pub(crate) fn readiness(key: &ObjectKey, live: &Value) -> Readiness {
    let said = conditions::readiness(&key.group, &key.kind, live);
    if let Some(readiness) = said.or_else(|| webhooks::readiness(&key.group, &key.kind, live)) {
        return readiness;
    }
    let number = |pointer: &str| live.pointer(pointer).and_then(Value::as_i64);
    let status = |field: &str| number(&format!("/status/{field}")).unwrap_or(0);
    if number("/metadata/generation") > number("/status/observedGeneration")
        && matches!(key.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
    {
        return Readiness::Waiting("its controller has not seen it yet".to_owned());
    }
    let replicas = number("/spec/replicas").unwrap_or(1);
    match key.kind.as_str() {
        "Deployment" => {
            if let Some(reason) =
                condition(live, "Progressing").filter(|found| found.1 == "ProgressDeadlineExceeded")
            {
                return Readiness::Failed(reason.2);
            }
            // Such as a ServiceAccount that is missing, or a quota: nobody would look for it elsewhere.
            if let Some((true, _, message)) = condition(live, "ReplicaFailure") {
                return Readiness::Waiting(format!("its pods cannot be made: {message}"));
            }
            let old = status("replicas") - status("updatedReplicas");
            if old > 0 {
                return Readiness::Waiting(format!("{old} old pods left"));
            }
            counted(status("availableReplicas").min(status("updatedReplicas")), replicas)
        }
        "StatefulSet" => {
            if live.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete") {
                return counted(status("readyReplicas"), replicas);
            }
            counted(status("readyReplicas").min(status("updatedReplicas")), replicas)
        }
        "DaemonSet" => {
            let wanted = status("desiredNumberScheduled");
            counted(status("numberAvailable").min(status("updatedNumberScheduled")), wanted)
        }
        "Job" => match (condition(live, "Complete"), condition(live, "Failed")) {
            (Some((true, ..)), _) => Readiness::Ready,
            (_, Some((true, _, message))) => Readiness::Failed(message),
            _ => Readiness::Waiting("not complete".to_owned()),
        },
        "Pod" => match live.pointer("/status/phase").and_then(Value::as_str) {
            Some("Succeeded") => Readiness::Ready,
            Some("Failed") => Readiness::Failed("the pod failed".to_owned()),
            _ if condition(live, "Ready").is_some_and(|found| found.0) => Readiness::Ready,
            _ => Readiness::Waiting("not ready".to_owned()),
        },
        "CustomResourceDefinition" => awaited(live, "Established"),
        "APIService" => awaited(live, "Available"),
        "Service" => match address(live) {
            Some(_) => Readiness::Ready,
            None => Readiness::Waiting("no address yet".to_owned()),
        },
        _ => Readiness::Ready,
    }
}

/// The address of a LoadBalancer Service.
pub(crate) fn address(service: &Value) -> Option<&str> {
    let first = service.pointer("/status/loadBalancer/ingress/0")?;
    first.get("ip").or_else(|| first.get("hostname"))?.as_str()
}

fn counted(ready: i64, wanted: i64) -> Readiness {
    if ready >= wanted { Readiness::Ready } else { Readiness::Waiting(format!("{ready} of {wanted} ready")) }
}

fn awaited(live: &Value, name: &str) -> Readiness {
    if condition(live, name).is_some_and(|found| found.0) {
        Readiness::Ready
    } else {
        Readiness::Waiting(format!("not {name}"))
    }
}

/// A condition's truth, reason and message.
fn condition(live: &Value, name: &str) -> Option<(bool, String, String)> {
    condition_in(live.get("status")?, name)
}

/// The same in a status, or in a part of one.
fn condition_in(status: &Value, name: &str) -> Option<(bool, String, String)> {
    condition_named(status, name).map(said_by)
}

fn condition_named<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    let conditions = status.get("conditions")?.as_array()?;
    conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(name))
}

fn said_by(condition: &Value) -> (bool, String, String) {
    let text = |field| condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("status") == "True", text("reason"), text("message"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(kind: &str, live: &Value) -> Readiness {
        let key =
            ObjectKey { group: String::new(), kind: kind.to_owned(), namespace: None, name: "a".to_owned() };
        readiness(&key, live)
    }

    #[test]
    fn a_deployment_at_its_old_generation_is_not_ready() {
        let mut live = json!({"metadata": {"generation": 2}, "spec": {"replicas": 2},
            "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}});
        assert_eq!(
            of("Deployment", &live),
            Readiness::Waiting("its controller has not seen it yet".to_owned())
        );
        live["status"]["observedGeneration"] = json!(2);
        assert_eq!(of("Deployment", &live), Readiness::Ready);
        live["status"]["replicas"] = json!(3);
        assert_eq!(of("Deployment", &live), Readiness::Waiting("1 old pods left".to_owned()));
    }

    #[test]
    fn jobs_and_services() {
        let failed =
            json!({"status": {"conditions": [{"type": "Failed", "status": "True", "message": "no luck"}]}});
        assert_eq!(of("Job", &failed), Readiness::Failed("no luck".to_owned()));
        assert_eq!(of("Service", &json!({})), Readiness::Waiting("no address yet".to_owned()));
        let service = json!({"status": {"loadBalancer": {"ingress": [{"ip": "172.18.255.248"}]}}});
        assert_eq!(of("Service", &service), Readiness::Ready);
    }

    #[test]
    fn an_empty_daemon_set_is_ready_once_it_was_seen() {
        let live = json!({"metadata": {"generation": 1}, "status": {}});
        assert!(matches!(of("DaemonSet", &live), Readiness::Waiting(_)));
        let live = json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1}});
        assert_eq!(of("DaemonSet", &live), Readiness::Ready);
    }
}
