//! The difference between two states of one object, field by field.
//!
//! Lists whose entries have a natural key are compared by it, so that one new container is one line
//! and not a shifted list. Fields that only the server writes are passed over. Values under a
//! Secret's `data` never come out: the caller says how a secret value is shown.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::observed::FieldChange;

/// Fields that the server fills in and that no one applies.
const SERVER_FIELDS: &[&str] =
    &["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// An annotation that the API server counts up with each change of a DaemonSet's template.
const SERVER_ANNOTATION: &str = "deprecated.daemonset.template.generation";

/// The keys by which entries of lists are known, most specific first.
const ENTRY_KEYS: &[&[&str]] =
    &[&["name"], &["mountPath"], &["port", "protocol"], &["containerPort", "protocol"], &["key"], &["type"]];

/// Compares what is there with what will be there. `conceal` turns a secret value into what may be
/// shown of it, such as a keyed digest.
pub fn diff(before: &Value, after: &Value, conceal: &dyn Fn(&str) -> String) -> Vec<FieldChange> {
    let secret = after.get("kind").or_else(|| before.get("kind")).and_then(Value::as_str) == Some("Secret");
    let mut comparison = Comparison { changes: Vec::new(), conceal: secret.then_some(conceal) };
    comparison.fields("", before, after);
    comparison.changes
}

struct Comparison<'a> {
    changes: Vec<FieldChange>,
    conceal: Option<&'a dyn Fn(&str) -> String>,
}

impl Comparison<'_> {
    fn value(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (Some(before), Some(after)) if before == after => {}
            (Some(Value::Object(_)), Some(Value::Object(_))) => {
                if let (Some(before), Some(after)) = (before, after) {
                    self.fields(path, before, after);
                }
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => match entry_key(before, after) {
                Some(key) => self.entries(path, key, before, after),
                None => {
                    self.change(path, Some(&Value::from(before.clone())), Some(&Value::from(after.clone())));
                }
            },
            (before, after) => self.change(path, before, after),
        }
    }

    fn fields(&mut self, path: &str, before: &Value, after: &Value) {
        let (Value::Object(before), Value::Object(after)) = (before, after) else { return };
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            if (path.is_empty() && name == "status")
                || (path == "metadata.annotations" && name == SERVER_ANNOTATION)
                || (path == "metadata" && SERVER_FIELDS.contains(&name.as_str()))
            {
                continue;
            }
            self.value(&join(path, name), before.get(name), after.get(name));
        }
    }

    fn entries(&mut self, path: &str, key: &[&str], before: &[Value], after: &[Value]) {
        let find =
            |list: &[Value], wanted: &str| list.iter().find(|entry| key_text(entry, key) == wanted).cloned();
        let names: BTreeSet<String> = before.iter().chain(after).map(|entry| key_text(entry, key)).collect();
        for name in names {
            let (old, new) = (find(before, &name), find(after, &name));
            self.value(&format!("{path}[{name}]"), old.as_ref(), new.as_ref());
        }
    }

    fn change(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        let is_secret = path == "data" || path.starts_with("data.") || path.starts_with("stringData");
        let show = |value: &Value| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    value.to_string()
                }
            };
            match self.conceal {
                Some(conceal) if is_secret => conceal(&text),
                Some(_) | None => text,
            }
        };
        self.changes.push(FieldChange {
            path: path.to_owned(),
            before: before.map(show),
            after: after.map(show),
        });
    }
}

/// A path with one more field; names that hold dots or slashes are bracketed, as labels' names are.
fn join(path: &str, name: &str) -> String {
    if name.contains(['.', '/']) {
        format!("{path}[{name}]")
    } else if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The key that tells all entries of both lists apart, if there is one.
fn entry_key(before: &[Value], after: &[Value]) -> Option<&'static [&'static str]> {
    ENTRY_KEYS.iter().copied().find(|key| {
        [before, after].into_iter().all(|list| {
            let mut seen = BTreeSet::new();
            list.iter().all(|entry| {
                let leading = key.first().and_then(|field| entry.get(field));
                leading.is_some() && seen.insert(key_text(entry, key))
            })
        })
    })
}

fn key_text(entry: &Value, key: &[&str]) -> String {
    let parts: Vec<String> = key
        .iter()
        .filter_map(|field| entry.get(field))
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    if parts.len() > 1 {
        parts.join("/")
    } else {
        format!("{}={}", key.first().unwrap_or(&""), parts.concat())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(before: &Value, after: &Value) -> Vec<String> {
        let show = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        diff(before, after, &|_| "(secret)".to_owned())
            .into_iter()
            .map(|change| format!("{}: {} → {}", change.path, show(change.before), show(change.after)))
            .collect()
    }

    #[test]
    fn lists_are_compared_by_their_keys() {
        let before =
            json!({"spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y"}]}});
        let after =
            json!({"spec": {"containers": [{"name": "b", "image": "y"}, {"name": "a", "image": "x:2"}]}});
        assert_eq!(paths(&before, &after), ["spec.containers[name=a].image: x:1 → x:2"]);
        let ports = json!({"ports": [{"port": 80, "protocol": "TCP", "targetPort": 1}]});
        let others = json!({"ports": [{"port": 80, "protocol": "TCP", "targetPort": 2}]});
        assert_eq!(paths(&ports, &others), ["ports[80/TCP].targetPort: 1 → 2"]);
    }

    #[test]
    fn what_the_server_writes_is_passed_over() {
        let before =
            json!({"metadata": {"resourceVersion": "1", "labels": {"a.b/c": "x"}}, "status": {"ready": 1}});
        let after = json!({"metadata": {"resourceVersion": "2"}, "status": {"ready": 2}});
        assert_eq!(paths(&before, &after), [r#"metadata.labels: {"a.b/c":"x"} → -"#]);
        let relabelled = json!({"metadata": {"labels": {"a.b/c": "y"}}});
        assert_eq!(paths(&before, &relabelled), ["metadata.labels[a.b/c]: x → y"]);
    }

    #[test]
    fn secret_values_never_come_out() {
        let before = json!({"kind": "Secret", "data": {"password": "b2xk"}, "type": "Opaque"});
        let after =
            json!({"kind": "Secret", "data": {"password": "bmV3", "more": "bW9yZQ=="}, "type": "Opaque"});
        let shown = paths(&before, &after).join("\n");
        assert!(shown.contains("data.password: (secret) → (secret)"), "{shown}");
        assert!(!shown.contains("b2xk") && !shown.contains("bmV3") && !shown.contains("bW9y"), "{shown}");
        let gone = json!({"kind": "Secret", "type": "Opaque"});
        assert!(!paths(&before, &gone).join("").contains("b2xk"));
    }
}
