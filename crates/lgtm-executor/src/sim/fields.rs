//! Sets of fields, as `managedFields` holds them in `fieldsV1`.
//!
//! The module knows how a set is written and what unions and differences of sets are. Who owns which
//! set, and when it changes, is the server's.

use std::collections::BTreeMap;

use lgtm_planner::object::built_in_scope;
use serde_json::{Map, Value};

use super::shape::{self, Shape};

/// A set of paths, as a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Whether the path that ends here is in the set.
    own: bool,
    /// Longer paths, by their next element (`f:name`, `k:{"name":"x"}`, `v:"x"`).
    under: BTreeMap<String, Self>,
}

/// Metadata that nobody owns.
const NOBODYS: &[&str] = &[
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "managedFields",
    "selfLink",
];

impl Fields {
    /// All fields of an object that an applier of it owns.
    pub(super) fn of_object(object: &Value) -> Self {
        let mut fields = Self::of(object, "");
        let text = |field| object.get(field).and_then(Value::as_str).unwrap_or_default();
        let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
        if built_in_scope(group, text("kind")).is_none()
            && let Some(spec) = fields.under.get_mut("f:spec")
        {
            spec.own_entries();
        }
        for field in ["apiVersion", "kind", "status"] {
            fields.under.remove(&format!("f:{field}"));
        }
        if let Some(metadata) = fields.under.get_mut("f:metadata") {
            for field in NOBODYS {
                metadata.under.remove(&format!("f:{field}"));
            }
            metadata.own = false;
            if metadata.under.is_empty() {
                fields.under.remove("f:metadata");
            }
        }
        fields
    }

    /// Where the definition of a kind names no fields, what is there is owned entry by entry.
    fn own_entries(&mut self) {
        for inner in self.under.values_mut() {
            inner.own = true;
            inner.own_entries();
        }
    }

    /// The fields of a value that stands under `field`.
    pub(super) fn of(value: &Value, field: &str) -> Self {
        let mut fields = Self::default();
        match value {
            Value::Object(map) if !map.is_empty() && !shape::is_atomic_mapping(field) => {
                for (name, value) in map {
                    fields.under.insert(format!("f:{name}"), Self::of(value, name));
                }
            }
            Value::Array(list) => match shape::list(field, list) {
                Shape::Atomic => fields.own = true,
                Shape::Keyed(keys) => {
                    for entry in list {
                        let mut inner = Self::of(entry, "");
                        inner.own = true;
                        fields.under.insert(shape::entry_key(keys, entry), inner);
                    }
                }
                Shape::Set => {
                    for entry in list {
                        fields.under.insert(format!("v:{entry}"), Self::leaf());
                    }
                }
            },
            Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                fields.own = true;
            }
        }
        fields
    }

    pub(super) fn leaf() -> Self {
        Self { own: true, under: BTreeMap::new() }
    }

    /// The set that `fieldsV1` stands for.
    pub(super) fn parse(written: &Value) -> Self {
        let mut fields = Self::default();
        if let Value::Object(map) = written {
            for (name, inner) in map {
                if name == "." {
                    fields.own = true;
                } else {
                    let mut inner = Self::parse(inner);
                    inner.own |= inner.under.is_empty();
                    fields.under.insert(name.clone(), inner);
                }
            }
        }
        fields
    }

    /// The set as `fieldsV1`.
    pub(super) fn write(&self) -> Value {
        let mut map = Map::new();
        if self.own && !self.under.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (name, inner) in &self.under {
            map.insert(name.clone(), inner.write());
        }
        Value::Object(map)
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.own && self.under.values().all(Self::is_empty)
    }

    /// Puts a set under an element.
    pub(super) fn put(&mut self, element: String, inner: Self) {
        if !inner.is_empty() {
            self.under.entry(element).or_default().add(&inner);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.own |= other.own;
        for (name, inner) in &other.under {
            self.under.entry(name.clone()).or_default().add(inner);
        }
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        self.own &= !other.own;
        for (name, inner) in &other.under {
            if let Some(mine) = self.under.get_mut(name) {
                mine.subtract(inner);
            }
        }
        self.under.retain(|_, inner| !inner.is_empty());
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let mut common = Self { own: self.own && other.own, under: BTreeMap::new() };
        for (name, inner) in &self.under {
            if let Some(theirs) = other.under.get(name) {
                common.put(name.clone(), inner.intersection(theirs));
            }
        }
        common
    }

    /// The same with every mapping on the way to a member: whoever owns a field owns that there is
    /// something to hold it.
    pub(super) fn with_ancestors(&self) -> Self {
        let under: BTreeMap<String, Self> =
            self.under.iter().map(|(name, inner)| (name.clone(), inner.with_ancestors())).collect();
        Self { own: self.own || !under.is_empty(), under }
    }

    /// Takes every member out of a value that stands under `field`.
    pub(super) fn remove_from(&self, value: &mut Value, field: &str) {
        match value {
            Value::Object(map) => {
                for (element, inner) in &self.under {
                    let Some(name) = element.strip_prefix("f:") else { continue };
                    if inner.own {
                        map.remove(name);
                    } else if let Some(value) = map.get_mut(name) {
                        inner.remove_from(value, name);
                    }
                }
            }
            Value::Array(list) => {
                let shape = shape::list(field, list);
                list.retain_mut(|entry| {
                    let element = match shape {
                        Shape::Keyed(keys) => shape::entry_key(keys, entry),
                        Shape::Set | Shape::Atomic => format!("v:{entry}"),
                    };
                    match self.under.get(&element) {
                        Some(inner) if inner.own => false,
                        Some(inner) => {
                            inner.remove_from(entry, "");
                            true
                        }
                        None => true,
                    }
                });
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The members as paths, `.spec.containers[name="x"].image`.
    pub(super) fn paths(&self) -> Vec<String> {
        fn visit(fields: &Fields, at: &str, found: &mut Vec<String>) {
            if fields.own {
                found.push(at.to_owned());
            }
            for (element, inner) in &fields.under {
                let next = match element.split_once(':') {
                    Some(("f", name)) => format!("{at}.{name}"),
                    Some((_, key)) => {
                        let key: Value = serde_json::from_str(key).unwrap_or_default();
                        let parts = key.as_object().into_iter().flatten();
                        let parts: Vec<String> =
                            parts.map(|(name, value)| format!("{name}={value}")).collect();
                        format!("{at}[{}]", parts.join(","))
                    }
                    None => at.to_owned(),
                };
                visit(inner, &next, found);
            }
        }
        let mut found = Vec::new();
        visit(self, "", &mut found);
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_set_is_written_as_the_server_writes_it() {
        let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "labels": {"x": "y"}},
            "spec": {"ports": [{"port": 80, "name": "http"}], "selector": {"app": "a"}, "externalIPs": []}});
        let fields = Fields::of_object(&object);
        let written = json!({"f:metadata": {"f:labels": {"f:x": {}}},
            "f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:name": {}}},
                "f:selector": {}, "f:externalIPs": {}}});
        assert_eq!(fields.write(), written);
        assert_eq!(Fields::parse(&written), fields);
    }

    #[test]
    fn what_is_subtracted_is_gone_and_what_is_removed_leaves_its_neighbours() {
        let mut fields = Fields::of(&json!({"a": 1, "b": {"c": 2, "d": 3}}), "");
        fields.subtract(&Fields::of(&json!({"a": 1, "b": {"c": 2}}), ""));
        assert_eq!(fields.write(), json!({"f:b": {"f:d": {}}}));
        let mut value = json!({"b": {"c": 2, "d": 3}, "env": [{"name": "x"}, {"name": "y"}]});
        fields.put("f:env".to_owned(), Fields::of(&json!([{"name": "x"}]), "env"));
        fields.remove_from(&mut value, "");
        assert_eq!(value, json!({"b": {"c": 2}, "env": [{"name": "y"}]}));
        assert_eq!(fields.paths(), [".b.d", ".env[name=\"x\"]", ".env[name=\"x\"].name"]);
    }
}
