//! What happens by itself: workloads become ready, Services are given addresses, namespaces empty and go.
//!
//! Nothing runs in the background. What is due is done when the server is next asked, in the order of the
//! times at which it was due, which nobody can tell from the real thing.

use lgtm_planner::object::ObjectKey;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Answer, Refusal, Server, between, custom::is_definition, missing};
use crate::sim::seed::Random;

/// Something that a controller will have done at a certain time.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// A workload is ready, or a Job done, or a Service has its address, if it is still this generation.
    Ready { key: ObjectKey, uid: String, generation: Option<u64> },
    /// What is in a namespace that is being deleted goes.
    Empty { namespace: String, uid: String },
    /// The namespace itself goes, unless a finalizer in it holds it.
    Gone { namespace: String, uid: String },
    /// A definition's names are accepted.
    Established { key: ObjectKey, uid: String },
    /// What a definition defines can be asked for.
    Served { key: ObjectKey, uid: String },
    /// What a definition that goes has defined is gone, and so is the definition.
    CleanedUp { key: ObjectKey, uid: String },
    /// No pod uses a claim that goes any more.
    Unused { key: ObjectKey, uid: String },
    /// An autoscaler has looked at its workload.
    Scaled { key: ObjectKey, uid: String },
}

impl Server {
    /// Does what is due by now.
    pub fn tick(&mut self, now: Instant) {
        while let Some(entry) = self.due.first_entry() {
            let at = entry.key().0;
            if at > now {
                break;
            }
            match entry.remove() {
                Due::Ready { key, uid, generation } if self.generation(&key) == generation => {
                    self.make_ready(&key, &uid);
                    if key.kind == "StatefulSet" {
                        self.make_claims(&key, at);
                    }
                }
                Due::Ready { .. } => {}
                Due::Empty { namespace, uid } => self.empty(&namespace, &uid, at),
                Due::Gone { namespace, uid } => self.finish(&namespace, &uid, at),
                Due::Established { key, uid } => self.establish(&key, &uid),
                Due::Served { key, uid } => self.serve(&key, &uid),
                Due::CleanedUp { key, uid } => self.clean_up(&key, &uid, at),
                Due::Unused { key, uid } if self.uid(&key).as_deref() == Some(&*uid) => {
                    self.revision += 1;
                    self.objects.remove(&key);
                }
                Due::Unused { .. } => {}
                Due::Scaled { key, uid } => self.scale(&key, &uid, at),
            }
        }
    }

    pub(super) fn schedule(&mut self, key: &ObjectKey, now: Instant) {
        let is_awaited = match (key.group.as_str(), key.kind.as_str()) {
            ("apps", "Deployment" | "StatefulSet") | ("batch", "Job") => true,
            ("", "Service") => self.is_load_balancer(key),
            ("autoscaling", "HorizontalPodAutoscaler") => {
                self.watch_load(key, now);
                false
            }
            _ => false,
        };
        if is_awaited && let Some(uid) = self.uid(key) {
            let mut random = Random::of(self.seed, &[&self.name, &key.to_string(), &uid]);
            let delay = between(&mut random, self.pace.readiness);
            let generation = self.generation(key);
            self.push(now + delay, Due::Ready { key: key.clone(), uid, generation });
        }
    }

    pub(super) fn push(&mut self, at: Instant, due: Due) {
        self.serial += 1;
        self.due.insert((at, self.serial), due);
    }

    fn is_load_balancer(&self, key: &ObjectKey) -> bool {
        self.objects.get(key).and_then(|stored| stored.text("/spec/type")) == Some("LoadBalancer")
    }

    pub(super) fn uid(&self, key: &ObjectKey) -> Option<String> {
        self.objects.get(key)?.text("/metadata/uid").map(str::to_owned)
    }

    fn generation(&self, key: &ObjectKey) -> Option<u64> {
        self.objects.get(key)?.value.pointer("/metadata/generation")?.as_u64()
    }

    fn make_ready(&mut self, key: &ObjectKey, uid: &str) {
        if self.uid(key).as_deref() != Some(uid) {
            return;
        }
        let address = self.address(key, uid);
        let Some(stored) = self.objects.get_mut(key) else { return };
        let number = |pointer: &str| stored.value.pointer(pointer).and_then(Value::as_i64);
        let replicas = number("/spec/replicas").unwrap_or(1);
        let status = match key.kind.as_str() {
            "Deployment" | "StatefulSet" => json!({
                "observedGeneration": number("/metadata/generation"), "replicas": replicas,
                "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
            }),
            "Job" => json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}),
            _ => json!({"loadBalancer": {"ingress": [{"ip": address}]}}),
        };
        self.set_status(key, status);
    }

    pub(super) fn set_status(&mut self, key: &ObjectKey, status: Value) {
        let Some(stored) = self.objects.get_mut(key) else { return };
        self.revision += 1;
        if let Some(object) = stored.value.as_object_mut() {
            object.insert("status".to_owned(), status);
        }
        if let Some(metadata) = stored.value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".to_owned(), json!(self.revision.to_string()));
        }
    }

    /// The address that is asked for, or one that another Service would not be given.
    fn address(&self, key: &ObjectKey, uid: &str) -> String {
        let asked = self.objects.get(key).and_then(|stored| stored.text("/spec/loadBalancerIP"));
        let mut random = Random::of(self.seed, &["address", &self.name, uid]);
        asked.map_or_else(|| format!("203.0.{}.{}", random.below(256), 1 + random.below(254)), str::to_owned)
    }

    /// Deletes an object, if it is the one with this uid.
    pub fn delete(&mut self, key: &ObjectKey, uid: Option<&str>, now: Instant) -> Answer<()> {
        let Some(stored) = self.objects.get(key) else { return Err(missing(key)) };
        if uid.is_some_and(|uid| stored.text("/metadata/uid") != Some(uid)) {
            return Err(Refusal::status(409, "Precondition failed: UID in precondition"));
        }
        if stored.is_going() {
            return Ok(());
        }
        let is_definition = is_definition(key);
        if key.kind != "Namespace" && !is_definition && has_no_finalizers(&stored.value) {
            self.revision += 1;
            self.objects.remove(key);
            return Ok(());
        }
        self.mark(key);
        if is_definition {
            self.hold(key, now);
        }
        if key.kind == "PersistentVolumeClaim"
            && let Some(uid) = self.uid(key)
        {
            let mut random = Random::of(self.seed, &["claim", &self.name, &uid]);
            let at = now + between(&mut random, self.pace.readiness);
            self.push(at, Due::Unused { key: key.clone(), uid });
        }
        if key.kind == "Namespace"
            && let Some(uid) = self.uid(key)
        {
            let mut random = Random::of(self.seed, &["namespace", &self.name, &uid]);
            let empty = now + between(&mut random, self.pace.namespace_end) / 2;
            let gone = empty + between(&mut random, self.pace.namespace_end) / 2;
            let namespace = key.name.clone();
            self.push(empty, Due::Empty { namespace: namespace.clone(), uid: uid.clone() });
            self.push(gone, Due::Gone { namespace, uid });
        }
        Ok(())
    }

    fn mark(&mut self, key: &ObjectKey) {
        self.revision += 1;
        let Some(stored) = self.objects.get_mut(key) else { return };
        if let Some(metadata) = stored.value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("deletionTimestamp".to_owned(), json!("2026-01-01T00:00:00Z"));
            metadata.insert("resourceVersion".to_owned(), json!(self.revision.to_string()));
            if let Some(generation) = metadata.get("generation").and_then(Value::as_u64) {
                metadata.insert("generation".to_owned(), json!(generation + 1));
            }
        }
        if key.kind == "Namespace"
            && let Some(object) = stored.value.as_object_mut()
        {
            object.insert("status".to_owned(), json!({"phase": "Terminating"}));
        }
    }

    fn empty(&mut self, namespace: &str, uid: &str, at: Instant) {
        if self.uid(&namespace_key(namespace)).as_deref() != Some(uid) {
            return;
        }
        let inside: Vec<ObjectKey> =
            self.objects.keys().filter(|key| key.namespace.as_deref() == Some(namespace)).cloned().collect();
        for key in inside {
            drop(self.delete(&key, None, at));
        }
    }

    fn finish(&mut self, namespace: &str, uid: &str, at: Instant) {
        let key = namespace_key(namespace);
        if self.uid(&key).as_deref() != Some(uid) {
            return;
        }
        if self.objects.keys().any(|key| key.namespace.as_deref() == Some(namespace)) {
            // The controller looks again and again until the last finalizer is gone.
            let (namespace, uid) = (namespace.to_owned(), uid.to_owned());
            self.push(at + std::time::Duration::from_millis(500), Due::Gone { namespace, uid });
        } else {
            self.revision += 1;
            self.objects.remove(&key);
        }
    }

    /// Whether something new may be put there.
    pub(super) fn admit(&self, key: &ObjectKey) -> Answer<()> {
        self.admit_kind(key)?;
        let Some(namespace) = &key.namespace else { return Ok(()) };
        match self.objects.get(&namespace_key(namespace)) {
            None => Err(Refusal::status(404, format!("namespaces \"{namespace}\" not found"))),
            Some(stored) if stored.is_going() => Err(Refusal::NamespaceGoes(namespace.clone())),
            Some(_) => Ok(()),
        }
    }
}

pub(super) fn has_no_finalizers(value: &Value) -> bool {
    value.pointer("/metadata/finalizers").and_then(Value::as_array).is_none_or(Vec::is_empty)
}

/// The key of a namespace.
pub(super) fn namespace_key(name: &str) -> ObjectKey {
    ObjectKey { group: String::new(), kind: "Namespace".to_owned(), namespace: None, name: name.to_owned() }
}
