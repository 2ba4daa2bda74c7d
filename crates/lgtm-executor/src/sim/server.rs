//! One cluster's API server as data: objects, who owns which of their fields, and what its controllers do.
//!
//! Every method is one request, done at once. Delays, faults and who asks are known elsewhere.

use std::{collections::BTreeMap, time::Duration};

use lgtm_planner::{
    fingerprint::fingerprint,
    inventory::{TOPOLOGY_LABEL, UNIT_LABEL},
    object::{Object, ObjectKey, label},
    observed::{Conflict, Live},
    unit::UnitName,
};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    answer::{Answer, Refusal},
    fields::Fields,
    merge::{compare, merge},
    universe::Pace,
};

mod claims;
mod custom;
mod defaults;
mod lifecycle;
mod scaling;

use lifecycle::Due;

/// An API server and the controllers beside it.
#[derive(Clone, Debug)]
pub struct Server {
    name: String,
    seed: u64,
    pace: Pace,
    objects: BTreeMap<ObjectKey, Stored>,
    revision: u64,
    serial: u64,
    due: BTreeMap<(Instant, u64), Due>,
    /// The kinds that definitions have brought, by group and kind, and the definitions.
    served: BTreeMap<(String, String), ObjectKey>,
}

#[derive(Clone, Debug)]
struct Stored {
    /// The object without its `managedFields`.
    value: Value,
    owners: Vec<Owner>,
    /// `managedFields`, as they are written.
    written: Value,
}

/// One entry of `managedFields`. Times are left out, since nobody looks at them.
#[derive(Clone, Debug, PartialEq)]
struct Owner {
    manager: String,
    operation: String,
    version: String,
    fields: Fields,
}

/// How an object is applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Apply<'a> {
    pub(super) manager: &'a str,
    pub(super) force: bool,
    pub(super) dry_run: bool,
}

impl Owner {
    fn is(&self, manager: &str, operation: &str) -> bool {
        self.manager == manager && self.operation == operation
    }
}

impl Stored {
    fn new(value: Value, owners: Vec<Owner>) -> Self {
        let entries = owners.iter().map(|owner| {
            json!({
                "manager": owner.manager, "operation": owner.operation, "apiVersion": owner.version,
                "fieldsType": "FieldsV1", "fieldsV1": owner.fields.write(),
            })
        });
        let written = entries.collect();
        Self { value, owners, written }
    }

    fn full(&self) -> Value {
        let mut value = self.value.clone();
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("managedFields".to_owned(), self.written.clone());
        }
        value
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer).and_then(Value::as_str)
    }

    fn is_going(&self) -> bool {
        self.text("/metadata/deletionTimestamp").is_some()
    }
}

impl Server {
    /// A server with the namespaces that every cluster has.
    pub(super) fn new(name: &str, seed: u64, pace: Pace, now: Instant) -> Self {
        let mut server = Self {
            name: name.to_owned(),
            seed,
            pace,
            objects: BTreeMap::new(),
            revision: 0,
            serial: 0,
            due: BTreeMap::new(),
            served: BTreeMap::new(),
        };
        for namespace in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            let value =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}, "spec": {}});
            drop(server.create(&value, "kube-apiserver", now));
        }
        server
    }

    /// Counts every change of anything.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// One object as it is read, `managedFields` and all.
    pub fn get(&self, key: &ObjectKey) -> Option<Value> {
        self.objects.get(key).map(Stored::full)
    }

    /// All objects' keys.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.keys()
    }

    /// The objects of a kind, in all namespaces or in one.
    pub(super) fn list<'a>(
        &'a self,
        group: &'a str,
        kind: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a ObjectKey, &'a Value)> {
        let first = ObjectKey {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: String::new(),
        };
        self.objects
            .range(first..)
            .take_while(move |(key, _)| {
                key.group == group
                    && key.kind == kind
                    && (namespace.is_none() || key.namespace.as_deref() == namespace)
            })
            .map(|(key, stored)| (key, &stored.value))
    }

    /// An object's metadata, as far as it matters.
    pub(super) fn live(&self, key: &ObjectKey) -> Option<Live> {
        let stored = self.objects.get(key)?;
        let finalizers = stored.value.pointer("/metadata/finalizers").and_then(Value::as_array);
        let finalizers = finalizers.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        Some(Live {
            uid: stored.text("/metadata/uid").unwrap_or_default().to_owned(),
            fingerprint: fingerprint(&json!({"managedFields": stored.written})),
            unit: label(&stored.value, UNIT_LABEL).map(UnitName::new),
            topology: label(&stored.value, TOPOLOGY_LABEL).map(str::to_owned),
            deleting: stored.is_going().then(|| finalizers.collect()),
        })
    }

    /// A server-side apply. The answer is the object as it is, or would be, afterwards.
    pub(super) fn apply(&mut self, object: &Object, how: Apply<'_>, now: Instant) -> Answer<Value> {
        let key = object.key();
        let live = self.objects.get(&key);
        if live.is_none() {
            self.admit(&key)?;
        }
        let empty = json!({"apiVersion": object.api_version(), "kind": object.kind(), "metadata": {}});
        let before = live.map_or(&empty, |stored| &stored.value);
        let mut owners = live.map(|stored| stored.owners.clone()).unwrap_or_default();
        let ours = Fields::of_object(object.value());
        let mut after = merge(before, object.value(), "");
        let differences = compare(before, &after, "");
        let is_us = |owner: &Owner| owner.is(how.manager, "Apply");
        if !how.force {
            let conflicts = conflicts(&owners, is_us, &differences.changed);
            if !conflicts.is_empty() {
                return Err(Refusal::Status {
                    code: 409,
                    message: format!("Apply failed with {} conflicts", conflicts.len()),
                    conflicts,
                    retry_after: None,
                });
            }
        }
        for owner in owners.iter_mut().filter(|owner| !is_us(owner)) {
            owner.fields.subtract(&differences.changed);
        }
        let entry = Owner {
            manager: how.manager.to_owned(),
            operation: "Apply".to_owned(),
            version: object.api_version().to_owned(),
            fields: ours,
        };
        let last = match owners.iter().position(is_us) {
            Some(index) => owners.get_mut(index).map(|owner| std::mem::replace(owner, entry).fields),
            None => {
                owners.push(entry);
                None
            }
        };
        owners.retain(|owner| !owner.fields.is_empty());
        if let Some(last) = last {
            dropped(&last, &owners).remove_from(&mut after, "");
        }
        defaults::fill(&key, &mut after);
        self.put(key, after, owners, how.dry_run, now)
    }

    /// A forced server-side apply by another manager than lgtmctl.
    pub fn apply_as(&mut self, object: &Object, manager: &str, now: Instant) -> Answer<Value> {
        self.apply(object, Apply { manager, force: true, dry_run: false }, now)
    }

    /// Creates an object as a whole.
    pub fn create(&mut self, value: &Value, manager: &str, now: Instant) -> Answer<Value> {
        let object = Object::new(value.clone()).map_err(|error| Refusal::status(400, error.to_string()))?;
        let key = object.key();
        if self.objects.contains_key(&key) {
            return Err(Refusal::status(409, format!("{key} already exists")));
        }
        self.admit(&key)?;
        let mut after = object.value().clone();
        let owners = vec![Owner {
            manager: manager.to_owned(),
            operation: "Update".to_owned(),
            version: object.api_version().to_owned(),
            fields: Fields::of_object(&after),
        }];
        defaults::fill(&key, &mut after);
        self.put(key, after, owners, false, now)
    }

    /// Changes an object as `manager` does who reads, changes and writes back.
    pub fn edit(
        &mut self,
        key: &ObjectKey,
        manager: &str,
        now: Instant,
        change: impl FnOnce(&mut Value),
    ) -> Answer<Value> {
        let Some(stored) = self.objects.get(key) else { return Err(missing(key)) };
        let mut after = stored.value.clone();
        change(&mut after);
        defaults::fill(key, &mut after);
        let mut differences = compare(&stored.value, &after, "");
        // What nobody owns, such as a status, is nobody's when it changes either.
        let ownable = Fields::of_object(&after).with_ancestors();
        differences.changed = differences.changed.intersection(&ownable);
        let mut owners = stored.owners.clone();
        let version = stored.text("/apiVersion").unwrap_or_default().to_owned();
        if !owners.iter().any(|owner| owner.is(manager, "Update")) {
            let (manager, operation) = (manager.to_owned(), "Update".to_owned());
            owners.push(Owner { manager, operation, version, fields: Fields::default() });
        }
        for owner in &mut owners {
            owner.fields.subtract(&differences.removed);
            if owner.is(manager, "Update") {
                owner.fields.add(&differences.changed);
            } else {
                owner.fields.subtract(&differences.changed);
            }
        }
        owners.retain(|owner| !owner.fields.is_empty());
        self.put(key.clone(), after, owners, false, now)
    }

    /// Writes `managedFields` themselves, as a JSON patch does.
    pub(super) fn write_owners(&mut self, key: &ObjectKey, entries: &Value, now: Instant) -> Answer<Value> {
        let Some(stored) = self.objects.get(key) else { return Err(missing(key)) };
        let text = |entry: &Value, field: &str| {
            entry.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let owners = entries.as_array().into_iter().flatten().map(|entry| Owner {
            manager: text(entry, "manager"),
            operation: text(entry, "operation"),
            version: text(entry, "apiVersion"),
            fields: Fields::parse(entry.get("fieldsV1").unwrap_or(&Value::Null)),
        });
        // What is not on the object any more is not owned either.
        let there = Fields::of_object(&stored.value);
        let owners = owners.map(|owner| Owner { fields: owner.fields.intersection(&there), ..owner });
        let owners = owners.filter(|owner| !owner.fields.is_empty()).collect();
        let value = stored.value.clone();
        self.put(key.clone(), value, owners, false, now)
    }

    /// Checks and stores a new state of an object.
    fn put(
        &mut self,
        key: ObjectKey,
        mut after: Value,
        owners: Vec<Owner>,
        dry_run: bool,
        now: Instant,
    ) -> Answer<Value> {
        let before = self.objects.get(&key);
        if let Some(before) = before {
            defaults::refuse_immutable(&key, &before.value, &after)?;
            if before.value == after && before.owners == owners {
                return Ok(before.full());
            }
        }
        let generation = before.and_then(|before| before.value.pointer("/metadata/generation")?.as_u64());
        let moves = before.is_none_or(|before| defaults::is_another_generation(&key, &before.value, &after));
        let generation = generation.unwrap_or(0) + u64::from(moves);
        let is_new = before.is_none();
        let revision = self.revision + 1;
        if let Some(metadata) = after.get_mut("metadata").and_then(Value::as_object_mut) {
            if is_new {
                let uid = format!("{}-{}", self.name, self.serial + 1);
                metadata.insert("uid".to_owned(), json!(uid));
                metadata.insert("creationTimestamp".to_owned(), json!("2026-01-01T00:00:00Z"));
            }
            if defaults::has_generation(&key) {
                metadata.insert("generation".to_owned(), json!(generation));
            }
            metadata.insert("resourceVersion".to_owned(), json!(revision.to_string()));
        }
        let stored = Stored::new(after, owners);
        let full = stored.full();
        if dry_run {
            return Ok(full);
        }
        self.revision = revision;
        self.serial += u64::from(is_new);
        let finished = stored.is_going() && lifecycle::has_no_finalizers(&stored.value);
        if finished && key.kind != "Namespace" {
            self.objects.remove(&key);
            return Ok(full);
        }
        self.objects.insert(key.clone(), stored);
        if is_new && custom::is_definition(&key) {
            self.bring(&key, now);
        }
        if is_new || moves {
            self.schedule(&key, now);
        }
        Ok(full)
    }
}

fn conflicts(owners: &[Owner], is_us: impl Fn(&Owner) -> bool, changed: &Fields) -> Vec<Conflict> {
    let mut found = Vec::new();
    for owner in owners.iter().filter(|owner| !is_us(owner)) {
        for path in owner.fields.intersection(changed).paths() {
            let path = path.trim_start_matches('.').to_owned();
            found.push(Conflict { path, manager: owner.manager.clone() });
        }
    }
    found
}

/// What an applier leaves out this time and nobody else holds.
fn dropped(last: &Fields, owners: &[Owner]) -> Fields {
    let mut held = Fields::of(&json!({"metadata": {}}), "");
    for owner in owners {
        held.add(&owner.fields);
    }
    let mut dropped = last.with_ancestors();
    dropped.subtract(&held.with_ancestors());
    dropped
}

fn missing(key: &ObjectKey) -> Refusal {
    Refusal::status(404, format!("{key} not found"))
}

/// How long something takes that takes between so and so long.
fn between(random: &mut super::seed::Random, (least, most): (u64, u64)) -> Duration {
    Duration::from_millis(least + random.below(most.saturating_sub(least) + 1))
}

/// A mapping that is there, made where it is not.
fn mapping<'a>(value: &'a mut Value, field: &str) -> Option<&'a mut Map<String, Value>> {
    value.as_object_mut()?.entry(field.to_owned()).or_insert_with(|| json!({})).as_object_mut()
}
