//! Merging what is applied into what is there, and what differs between two states of an object.

use serde_json::Value;

use super::{
    fields::Fields,
    shape::{self, Shape},
};

/// Puts `ours` over `live`, which stands under `field`.
pub(super) fn merge(live: &Value, ours: &Value, field: &str) -> Value {
    match (live, ours) {
        (Value::Object(live), Value::Object(ours)) if !shape::is_atomic_mapping(field) => {
            let mut result = live.clone();
            for (name, value) in ours {
                let value = live.get(name).map_or_else(|| value.clone(), |live| merge(live, value, name));
                result.insert(name.clone(), value);
            }
            Value::Object(result)
        }
        (Value::Array(live), Value::Array(ours)) => {
            let Some(key) = keys(field, live, ours) else { return Value::Array(ours.clone()) };
            let mut result = live.clone();
            for entry in ours {
                match result.iter_mut().find(|old| key(old) == key(entry)) {
                    Some(old) => *old = merge(old, entry, ""),
                    None => result.push(entry.clone()),
                }
            }
            Value::Array(result)
        }
        (_, ours) => ours.clone(),
    }
}

/// How entries of a list are told apart; none when it is one value.
fn keys(field: &str, one: &[Value], other: &[Value]) -> Option<impl Fn(&Value) -> String> {
    let shape = match shape::list(field, if one.is_empty() { other } else { one }) {
        Shape::Atomic => return None,
        shape @ (Shape::Keyed(_) | Shape::Set) => shape,
    };
    Some(move |entry: &Value| match shape {
        Shape::Keyed(keys) => shape::entry_key(keys, entry),
        Shape::Set | Shape::Atomic => format!("v:{entry}"),
    })
}

/// What differs between two states.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Fields that are new or have another value.
    pub(super) changed: Fields,
    /// Fields that are gone.
    pub(super) removed: Fields,
}

/// Compares two states of a value that stands under `field`.
pub(super) fn compare(before: &Value, after: &Value, field: &str) -> Comparison {
    let mut found = Comparison::default();
    if before == after {
        return found;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) if !shape::is_atomic_mapping(field) => {
            for (name, value) in old {
                let element = format!("f:{name}");
                match new.get(name) {
                    Some(now) => found.put(element, compare(value, now, name)),
                    None => found.removed.put(element, Fields::of(value, name).with_ancestors()),
                }
            }
            for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                // What is new is new with all that holds it.
                found.changed.put(format!("f:{name}"), Fields::of(value, name).with_ancestors());
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            let Some(key) = keys(field, old, new) else {
                found.changed = Fields::leaf();
                return found;
            };
            let whole = |entry: &Value| {
                let mut fields = Fields::leaf();
                if entry.is_object() {
                    fields.add(&Fields::of(entry, "").with_ancestors());
                }
                fields
            };
            for entry in old {
                match new.iter().find(|other| key(other) == key(entry)) {
                    Some(now) => found.put(key(entry), compare(entry, now, "")),
                    None => found.removed.put(key(entry), whole(entry)),
                }
            }
            for entry in new {
                if !old.iter().any(|other| key(other) == key(entry)) {
                    found.changed.put(key(entry), whole(entry));
                }
            }
        }
        (_, _) => found.changed = Fields::leaf(),
    }
    found
}

impl Comparison {
    fn put(&mut self, element: String, inner: Self) {
        self.changed.put(element.clone(), inner.changed);
        self.removed.put(element, inner.removed);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keyed_lists_are_merged_by_key_and_others_replaced() {
        let live = json!({"env": [{"name": "a", "value": "1"}, {"name": "b"}], "args": ["x"], "selector": {"k": "v"}});
        let ours = json!({"env": [{"name": "a", "value": "2"}], "args": ["y"], "selector": {"l": "w"}});
        let merged = json!({"env": [{"name": "a", "value": "2"}, {"name": "b"}], "args": ["y"], "selector": {"l": "w"}});
        assert_eq!(merge(&live, &ours, ""), merged);
        let found = compare(&live, &merged, "");
        assert_eq!(
            found.changed.write(),
            json!({"f:env": {"k:{\"name\":\"a\"}": {"f:value": {}}}, "f:args": {}, "f:selector": {}})
        );
        assert!(found.removed.is_empty());
        assert_eq!(
            compare(&merged, &json!({"args": ["y"], "selector": {"l": "w"}, "env": [{"name": "b"}]}), "")
                .removed
                .write(),
            json!({"f:env": {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}, "f:value": {}}}})
        );
    }
}
