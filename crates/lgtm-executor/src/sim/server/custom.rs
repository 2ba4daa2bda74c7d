//! Custom resources: the definitions that bring their kinds, and what becomes of them when a definition goes.

use std::time::Duration;

use lgtm_planner::object::{ObjectKey, built_in_scope};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Answer, Refusal, Server, Stored, between, lifecycle::Due};
use crate::sim::seed::Random;

/// What holds a definition until nothing of its kind is left.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";
/// How often the server looks whether something is left.
const LOOK: Duration = Duration::from_millis(500);

/// Whether an object is a definition.
pub(super) fn is_definition(key: &ObjectKey) -> bool {
    key.group == "apiextensions.k8s.io" && key.kind == "CustomResourceDefinition"
}

/// Group and kind of what a definition defines.
fn defined(definition: &Stored) -> Option<(String, String)> {
    let text = |pointer| definition.text(pointer).map(str::to_owned);
    Some((text("/spec/group")?, text("/spec/names/kind")?))
}

impl Server {
    /// Whether objects of the kind can be asked for.
    pub(in crate::sim) fn serves(&self, group: &str, kind: &str) -> bool {
        built_in_scope(group, kind).is_some()
            || self.served.contains_key(&(group.to_owned(), kind.to_owned()))
    }

    /// The kinds of a group that definitions have brought.
    pub(in crate::sim) fn brought<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a str> {
        self.served.keys().filter(move |(of, _)| of == group).map(|(_, kind)| kind.as_str())
    }

    /// Whether something new of its kind may come.
    pub(super) fn admit_kind(&self, key: &ObjectKey) -> Answer<()> {
        if !self.serves(&key.group, &key.kind) {
            return Err(Refusal::status(404, format!("there is no kind {} in {}", key.kind, key.group)));
        }
        let definition = self.served.get(&(key.group.clone(), key.kind.clone()));
        if definition.and_then(|definition| self.objects.get(definition)).is_some_and(Stored::is_going) {
            let message = "create not allowed while custom resource definition is terminating";
            return Err(Refusal::status(405, message));
        }
        Ok(())
    }

    /// The names of a new definition are checked, and its kind is served a moment after that was said.
    pub(super) fn bring(&mut self, key: &ObjectKey, now: Instant) {
        if let Some(uid) = self.uid(key) {
            let mut random = Random::of(self.seed, &["definition", &self.name, &uid]);
            let established = now + between(&mut random, self.pace.readiness) / 4;
            let served = established + between(&mut random, self.pace.readiness) / 4;
            self.push(established, Due::Established { key: key.clone(), uid: uid.clone() });
            self.push(served, Due::Served { key: key.clone(), uid });
        }
    }

    pub(super) fn establish(&mut self, key: &ObjectKey, uid: &str) {
        if self.uid(key).as_deref() != Some(uid) {
            return;
        }
        let said = ["NamesAccepted", "Established"].map(|said| json!({"type": said, "status": "True"}));
        self.set_status(key, json!({"conditions": said}));
    }

    pub(super) fn serve(&mut self, key: &ObjectKey, uid: &str) {
        if self.uid(key).as_deref() == Some(uid)
            && let Some(kind) = self.objects.get(key).and_then(defined)
        {
            self.served.insert(kind, key.clone());
        }
    }

    /// A definition that was deleted is held until what it defines is gone.
    pub(super) fn hold(&mut self, key: &ObjectKey, now: Instant) {
        let Some(uid) = self.uid(key) else { return };
        let metadata = self.objects.get_mut(key).and_then(|stored| stored.value.get_mut("metadata"));
        if let Some(metadata) = metadata.and_then(Value::as_object_mut) {
            let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
            if let Some(finalizers) = finalizers.as_array_mut() {
                finalizers.push(json!(CLEANUP));
            }
        }
        let mut random = Random::of(self.seed, &["cleanup", &self.name, &uid]);
        let at = now + between(&mut random, self.pace.readiness) / 4;
        self.push(at, Due::CleanedUp { key: key.clone(), uid });
    }

    pub(super) fn clean_up(&mut self, key: &ObjectKey, uid: &str, at: Instant) {
        if self.uid(key).as_deref() != Some(uid) {
            return;
        }
        let Some((group, kind)) = self.objects.get(key).and_then(defined) else { return };
        let of_it: Vec<ObjectKey> = self.list(&group, &kind, None).map(|(key, _)| key.clone()).collect();
        for key in &of_it {
            drop(self.delete(key, None, at));
        }
        if self.list(&group, &kind, None).next().is_some() {
            self.push(at + LOOK, Due::CleanedUp { key: key.clone(), uid: uid.to_owned() });
        } else {
            self.revision += 1;
            self.objects.remove(key);
            self.served.remove(&(group, kind));
        }
    }
}
