//! The claims of StatefulSets: made by their controller, and left behind when the StatefulSet goes.

use lgtm_planner::object::ObjectKey;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Server;

/// What holds a claim as long as a pod may use it.
pub(super) const PROTECTION: &str = "kubernetes.io/pvc-protection";

fn claim(namespace: Option<&str>, name: String) -> ObjectKey {
    ObjectKey {
        group: String::new(),
        kind: "PersistentVolumeClaim".to_owned(),
        namespace: namespace.map(str::to_owned),
        name,
    }
}

/// The names of a StatefulSet's claims, without their ordinals.
fn prefixes(set: &Value, name: &str) -> Vec<String> {
    let templates = set.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
    let names =
        templates.into_iter().flatten().filter_map(|template| template.pointer("/metadata/name")?.as_str());
    names.map(|template| format!("{template}-{name}-")).collect()
}

impl Server {
    /// What the names of a StatefulSet's claims begin with.
    pub(in crate::sim) fn claims_of(&self, set: &ObjectKey) -> Vec<String> {
        self.objects.get(set).map(|stored| prefixes(&stored.value, &set.name)).unwrap_or_default()
    }

    /// The claims of such names that nobody has deleted yet, with their uids.
    pub(in crate::sim) fn claims(
        &self,
        prefixes: &[String],
        namespace: Option<&str>,
    ) -> Vec<(ObjectKey, String)> {
        let is_its_own = |name: &str| {
            let mut ordinals = prefixes.iter().filter_map(|prefix| name.strip_prefix(prefix.as_str()));
            ordinals.any(|ordinal| !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let claims = self.list("", "PersistentVolumeClaim", namespace);
        let own = claims.filter(|(key, found)| {
            is_its_own(&key.name) && found.pointer("/metadata/deletionTimestamp").is_none()
        });
        own.filter_map(|(key, _)| Some((key.clone(), self.uid(key)?))).collect()
    }

    /// Makes the claims that are not there. Nobody is their owner.
    pub(super) fn make_claims(&mut self, set: &ObjectKey, now: Instant) {
        let Some(stored) = self.objects.get(set).filter(|stored| !stored.is_going()) else { return };
        let replicas = stored.value.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
        let labels = stored.value.pointer("/spec/selector/matchLabels").cloned().unwrap_or_default();
        let prefixes = prefixes(&stored.value, &set.name);
        for prefix in prefixes {
            for ordinal in 0..replicas {
                let key = claim(set.namespace.as_deref(), format!("{prefix}{ordinal}"));
                let value = json!({
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "metadata": {
                        "name": key.name, "namespace": key.namespace, "labels": labels,
                        "finalizers": [PROTECTION],
                    },
                    "spec": {},
                });
                // One that is there is taken as it is.
                drop(self.create(&value, "kube-controller-manager", now));
            }
        }
    }
}
