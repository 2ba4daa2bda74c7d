//! What an apply would come to, reckoned here: for accounts that may read and not write, so that the
//! server cannot be asked by a dry run.
//!
//! The live object shows what the server fills in, and lgtmctl's entry in its `managedFields` shows what
//! lgtmctl put there: which fields go when they are left out, and by which keys entries of lists are
//! known. What the server would default, refuse or convert in new values cannot be known here; whoever
//! shows the result must say so.

use lgtm_planner::fingerprint::owned_fields;
use serde_json::{Map, Value};

/// The live object as it would be when `ours` was applied.
pub(super) fn applied(live: &Value, ours: &Value) -> Value {
    let owned = live.get("metadata").and_then(owned_fields);
    overlay(live, ours, owned)
}

fn overlay(live: &Value, ours: &Value, owned: Option<&Value>) -> Value {
    match (live, ours) {
        (Value::Object(live), Value::Object(ours)) => Value::Object(fields(live, ours, owned)),
        (Value::Array(live), Value::Array(ours)) => Value::Array(entries(live, ours, owned)),
        (Value::String(one), Value::String(other))
            if quantity(one).is_some() && quantity(one) == quantity(other) =>
        {
            live.clone()
        }
        (_, ours) => ours.clone(),
    }
}

fn fields(live: &Map<String, Value>, ours: &Map<String, Value>, owned: Option<&Value>) -> Map<String, Value> {
    let owned_below = |name: &str| owned.and_then(|owned| owned.get(format!("f:{name}")));
    let mut result = Map::new();
    for (name, value) in live {
        match (ours.get(name), owned_below(name)) {
            (Some(ours), owned) => {
                result.insert(name.clone(), overlay(value, ours, owned));
            }
            (None, Some(owned)) => {
                if let Some(rest) = without(value, owned) {
                    result.insert(name.clone(), rest);
                }
            }
            (None, None) => {
                result.insert(name.clone(), value.clone());
            }
        }
    }
    for (name, value) in ours {
        if !live.contains_key(name) && !is_empty(value) {
            result.insert(name.clone(), value.clone());
        }
    }
    result
}

/// A value without what is owned in it; none when nothing is left.
fn without(value: &Value, owned: &Value) -> Option<Value> {
    let below = owned.as_object().filter(|owned| !owned.is_empty())?;
    match value {
        Value::Object(map) => {
            let nothing = Map::new();
            let rest = fields(map, &nothing, Some(owned));
            (!rest.is_empty()).then_some(Value::Object(rest))
        }
        Value::Array(list) => {
            let rest: Vec<Value> =
                list.iter().filter(|entry| !below.keys().any(|key| names(key, entry))).cloned().collect();
            (!rest.is_empty()).then_some(Value::Array(rest))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn entries(live: &[Value], ours: &[Value], owned: Option<&Value>) -> Vec<Value> {
    let keys: Vec<&String> = owned.and_then(Value::as_object).into_iter().flat_map(Map::keys).collect();
    let key_fields = keys.iter().find_map(|key| key_of(key)).map(|key| key.keys().cloned().collect());
    let key_fields: Option<Vec<String>> =
        key_fields.or_else(|| named(live).zip(named(ours)).map(|_| vec!["name".to_owned()]));
    if let Some(key_fields) = key_fields {
        return keyed(live, ours, owned, &keys, &key_fields);
    }
    if keys.iter().any(|key| key.starts_with("v:")) {
        let kept =
            live.iter().filter(|entry| !keys.iter().any(|key| names(key, entry)) || ours.contains(entry));
        let mut result: Vec<Value> = kept.cloned().collect();
        result.extend(ours.iter().filter(|entry| !live.contains(entry)).cloned());
        return result;
    }
    // A list that is replaced as a whole; the server fills in entries that are otherwise the same.
    ours.iter()
        .enumerate()
        .map(|(index, ours)| live.get(index).map_or_else(|| ours.clone(), |live| overlay(live, ours, None)))
        .collect()
}

/// Entries that are known by some of their fields.
fn keyed(
    live: &[Value],
    ours: &[Value],
    owned: Option<&Value>,
    keys: &[&String],
    key_fields: &[String],
) -> Vec<Value> {
    // Where we leave out part of a key, the server has filled it in.
    let same = |live: &Value, ours: &Value| {
        key_fields.iter().all(|field| ours.get(field).is_none_or(|value| live.get(field) == Some(value)))
    };
    let mut result = Vec::new();
    for entry in live {
        let owning = keys.iter().find(|key| names(key, entry));
        match ours.iter().find(|ours| same(entry, ours)) {
            Some(ours) => {
                let owned = owning.and_then(|key| owned?.get(key.as_str()));
                result.push(overlay(entry, ours, owned));
            }
            None if owning.is_some() => {}
            None => result.push(entry.clone()),
        }
    }
    let new = ours.iter().filter(|ours| !live.iter().any(|entry| same(entry, ours)));
    result.extend(new.cloned());
    result
}

/// The fields of `k:{"name":"a"}`.
fn key_of(key: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(key.strip_prefix("k:")?).ok()
}

/// Whether a key of `fieldsV1` stands for this entry of a list.
fn names(key: &str, entry: &Value) -> bool {
    if let Some(value) = key.strip_prefix("v:") {
        return serde_json::from_str::<Value>(value).is_ok_and(|value| &value == entry);
    }
    key_of(key).is_some_and(|key| key.iter().all(|(field, value)| entry.get(field) == Some(value)))
}

/// Some, when all entries have a name.
fn named(list: &[Value]) -> Option<()> {
    (!list.is_empty() && list.iter().all(|entry| entry.get("name").is_some())).then_some(())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A quantity in thousandths, since the server writes `1000m` as `1`.
fn quantity(text: &str) -> Option<u128> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = match unit {
        "m" => 1,
        "" => 1_000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "Ki" => 1_000 << 10,
        "Mi" => 1_000 << 20,
        "Gi" => 1_000 << 30,
        "Ti" => 1_000 << 40,
        _ => return None,
    };
    number.parse::<u128>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use lgtm_planner::diff::diff;
    use serde_json::json;

    use super::*;

    fn changes(live: &Value, ours: &Value) -> Vec<String> {
        let fields = diff(live, &applied(live, ours), &|_| "(secret)".to_owned());
        fields.into_iter().map(|field| field.path).collect()
    }

    fn live() -> Value {
        json!({
            "kind": "Deployment",
            "metadata": {
                "name": "a", "labels": {"x": "1", "foreign": "y"},
                "managedFields": [{"manager": "lgtmctl", "operation": "Apply", "fieldsV1": {
                    "f:metadata": {"f:labels": {"f:x": {}}},
                    "f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {
                        ".": {}, "f:name": {}, "f:image": {}, "f:args": {},
                        "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}},
                        "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                        "f:resources": {"f:limits": {"f:cpu": {}}},
                    }}}}},
                }}],
            },
            "spec": {"progressDeadlineSeconds": 600, "template": {"spec": {"restartPolicy": "Always", "containers": [
                {"name": "c", "image": "i:1", "args": ["-a"], "imagePullPolicy": "IfNotPresent",
                 "env": [{"name": "A", "value": "1"}, {"name": "INJECTED", "value": "2"}],
                 "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {"limits": {"cpu": "1"}}},
                {"name": "sidecar", "image": "s"},
            ]}}},
        })
    }

    fn ours() -> Value {
        json!({
            "kind": "Deployment", "metadata": {"name": "a", "labels": {"x": "1"}},
            "spec": {"template": {"spec": {"containers": [
                {"name": "c", "image": "i:1", "args": ["-a"], "env": [{"name": "A", "value": "1"}],
                 "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1000m"}}},
            ]}}},
        })
    }

    #[test]
    fn what_the_server_and_others_add_is_no_difference() {
        assert_eq!(changes(&live(), &ours()), [""; 0]);
    }

    #[test]
    fn what_changes_comes_and_goes_is_one() {
        let mut ours = ours();
        ours["metadata"]["labels"] = json!({"z": "1"});
        let container = &mut ours["spec"]["template"]["spec"]["containers"][0];
        container["image"] = json!("i:2");
        container["env"] = json!([{"name": "B", "value": "1"}]);
        container["args"] = json!(["-a", "-b"]);
        let at = "spec.template.spec.containers[name=c]";
        assert_eq!(
            changes(&live(), &ours),
            [
                "metadata.labels.x".to_owned(),
                "metadata.labels.z".to_owned(),
                format!("{at}.args"),
                format!("{at}.env[name=A]"),
                format!("{at}.env[name=B]"),
                format!("{at}.image"),
            ]
        );
    }

    #[test]
    fn sets_are_compared_by_their_values() {
        let live = json!({"metadata": {"finalizers": ["a", "other"], "managedFields": [{
            "manager": "lgtmctl", "operation": "Apply",
            "fieldsV1": {"f:metadata": {"f:finalizers": {"v:\"a\"": {}}}},
        }]}});
        let result = applied(&live, &json!({"metadata": {"finalizers": ["b"]}}));
        assert_eq!(result["metadata"]["finalizers"], json!(["other", "b"]));
        let result = applied(&live, &json!({"metadata": {}}));
        assert_eq!(result["metadata"]["finalizers"], json!(["other"]));
    }
}
