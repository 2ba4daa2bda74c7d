//! Autoscalers, which set the number of replicas of a workload.

use lgtm_planner::object::ObjectKey;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Server, between, lifecycle::Due};
use crate::sim::seed::Random;

/// Who writes what an autoscaler wants.
const CONTROLLER: &str = "kube-controller-manager";

fn target(scaler: &Value, namespace: Option<&str>) -> Option<ObjectKey> {
    let text = |field: &str| scaler.pointer(&format!("/spec/scaleTargetRef/{field}"))?.as_str();
    let (group, _) = text("apiVersion")?.split_once('/')?;
    Some(ObjectKey {
        group: group.to_owned(),
        kind: text("kind")?.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: text("name")?.to_owned(),
    })
}

impl Server {
    /// Whether an autoscaler of its namespace scales the workload.
    pub(in crate::sim) fn is_autoscaled(&self, workload: &ObjectKey) -> bool {
        let namespace = workload.namespace.as_deref();
        let mut scalers = self.list("autoscaling", "HorizontalPodAutoscaler", namespace);
        scalers.any(|(_, scaler)| {
            target(scaler, namespace).is_some_and(|target| {
                (target.kind, target.name) == (workload.kind.clone(), workload.name.clone())
            })
        })
    }

    /// A new autoscaler comes to a conclusion after a while.
    pub(super) fn watch_load(&mut self, key: &ObjectKey, now: Instant) {
        if let Some(uid) = self.uid(key) {
            let mut random = Random::of(self.seed, &["scaler", &self.name, &uid]);
            let at = now + between(&mut random, self.pace.readiness);
            self.push(at, Due::Scaled { key: key.clone(), uid });
        }
    }

    /// Nobody knows the load, so the number is only kept between the bounds. No replicas at all mean that nothing is
    /// to be scaled. The autoscaler goes on looking.
    pub(super) fn scale(&mut self, key: &ObjectKey, uid: &str, at: Instant) {
        if self.uid(key).as_deref() != Some(uid) {
            return;
        }
        let Some(scaler) = self.objects.get(key) else { return };
        let bound = |field: &str| scaler.value.pointer(field).and_then(Value::as_i64).unwrap_or(1);
        let (least, most) = (bound("/spec/minReplicas"), bound("/spec/maxReplicas"));
        if let Some(workload) = target(&scaler.value, key.namespace.as_deref())
            && let Some(found) = self.objects.get(&workload)
            && let Some(now) = found.value.pointer("/spec/replicas").and_then(Value::as_i64)
            && let wanted = now.min(most).max(least)
            && now != wanted
            && now > 0
            && !found.is_going()
        {
            let write = |found: &mut Value| {
                if let Some(spec) = found.get_mut("spec").and_then(Value::as_object_mut) {
                    spec.insert("replicas".to_owned(), json!(wanted));
                }
            };
            drop(self.edit(&workload, CONTROLLER, at, write));
        }
        // As often as the real one looks.
        self.push(
            at + std::time::Duration::from_secs(15),
            Due::Scaled { key: key.clone(), uid: uid.to_owned() },
        );
    }
}
