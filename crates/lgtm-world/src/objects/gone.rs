//! Waiting for the end of objects that were deleted, and naming who holds them.

use std::time::Duration;

use lgtm_executor::{Failure, Kind};
use lgtm_planner::{object::ObjectKey, observed::Live};
use serde_json::Value;
use tokio::time::Instant;

use super::Context;
use crate::{
    cluster::{Cluster, Resource},
    observe::of_metadata,
};

/// How long a deleted object may take to be gone before it is named with whoever holds it.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Waits until the object with this uid is gone; then names who holds it.
pub(crate) async fn until_gone(
    context: &Context<'_>,
    resource: &Resource,
    key: &ObjectKey,
    uid: &str,
) -> Result<(), Failure> {
    let cluster = context.cluster;
    let begun = Instant::now();
    let mut delay = Duration::from_millis(50);
    loop {
        let found = cluster.metadata(resource, key.namespace.as_deref(), &key.name).await;
        let found = found.map_err(|error| cluster.object_failure("waiting for the end of", key, error))?;
        let Some(found) = found else { return Ok(()) };
        let (_, seen) = of_metadata(&key.group, &key.kind, &found);
        if seen.uid != uid {
            return Ok(());
        }
        let held = held_by(cluster, resource, key, &seen).await;
        let held = held.map(|held| format!(" ({held})")).unwrap_or_default();
        if begun.elapsed() > TIMEOUT {
            let message = format!("{key} on cluster {} is being deleted and does not go{held}", cluster.name);
            let help = "see that the controllers behind the finalizers run, then run the same command again";
            return Err(Failure::new(Kind::Permanent, message).with_help(help));
        }
        context.tell(format!("{key} to be gone{held}"));
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(Duration::from_secs(2));
    }
}

/// Who holds an object that is being deleted: its finalizers, or what is left in a namespace. Best effort:
/// it only makes a message better.
async fn held_by(cluster: &Cluster, resource: &Resource, key: &ObjectKey, seen: &Live) -> Option<String> {
    match seen.deleting.as_deref() {
        Some(finalizers) if !finalizers.is_empty() => Some(format!("finalizers: {}", finalizers.join(", "))),
        Some(_) if key.group.is_empty() && key.kind == "Namespace" => {
            remaining(&cluster.object(resource, None, &key.name).await.ok()??)
        }
        Some(_) | None => None,
    }
}

/// What the namespace controller says of a namespace that it cannot empty.
fn remaining(namespace: &Value) -> Option<String> {
    let conditions = namespace.pointer("/status/conditions").and_then(Value::as_array)?;
    let said = conditions.iter().filter(|condition| condition.get("status").is_some_and(|is| is == "True"));
    let said: Vec<&str> = said.filter_map(|condition| condition.get("message")?.as_str()).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// Waits until a namespace that was deleted is gone.
pub(crate) async fn until_namespace_is_gone(context: &Context<'_>, name: &str) -> Result<(), Failure> {
    let namespaces = Resource { namespaced: false, ..Resource::core("namespaces") };
    let key = ObjectKey {
        group: String::new(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: name.to_owned(),
    };
    let found = context.cluster.metadata(&namespaces, None, name).await;
    let found =
        found.map_err(|error| context.cluster.object_failure("waiting for the end of", &key, error))?;
    let uid = found.as_ref().and_then(|found| found.pointer("/metadata/uid")?.as_str());
    match uid {
        Some(uid) => until_gone(context, &namespaces, &key, uid).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_namespace_says_what_is_left_in_it() {
        let condition = |kind: &str, status: &str, message: &str| json!({"type": kind, "status": status, "message": message});
        let namespace = json!({"status": {"conditions": [
            condition("NamespaceDeletionContentFailure", "False", "All content successfully deleted"),
            condition("NamespaceContentRemaining", "True", "Some resources are remaining: configmaps. has 1 resource instances"),
            condition("NamespaceFinalizersRemaining", "True", "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"),
        ]}});
        let said = remaining(&namespace).unwrap();
        assert!(said.contains("configmaps") && said.contains("example.com/hold"), "{said}");
        assert!(!said.contains("successfully"), "{said}");
        assert_eq!(remaining(&json!({"status": {"phase": "Terminating"}})), None);
    }
}
