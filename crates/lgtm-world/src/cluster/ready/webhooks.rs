//! Webhook configurations whose authority cert-manager's injector writes into them.
//!
//! Until it has, the API server trusts no answer of the webhook and refuses what the webhook is asked about, though
//! the pods that answer are ready. What is not marked for the injector is ready when it exists; whether an injector
//! runs, the module refuses to know.

use serde_json::Value;

use super::Readiness;

/// <https://cert-manager.io/docs/concepts/ca-injector/>: `inject-ca-from`, `inject-ca-from-secret` and
/// `inject-apiserver-ca`.
const MARKS: &str = "cert-manager.io/inject-";

/// Whether objects of the kind are waited for, as they are marked.
pub(super) fn are_awaited(group: &str, kind: &str, object: &Value) -> bool {
    let marks = object.pointer("/metadata/annotations").and_then(Value::as_object);
    group == "admissionregistration.k8s.io"
        && matches!(kind, "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration")
        && marks.is_some_and(|marks| marks.keys().any(|mark| mark.starts_with(MARKS)))
}

/// How far a live object is; none for one that is not awaited.
pub(super) fn readiness(group: &str, kind: &str, live: &Value) -> Option<Readiness> {
    let trusts_nobody = |webhook: &&Value| {
        let bundle = webhook.pointer("/clientConfig/caBundle").and_then(Value::as_str);
        bundle.is_none_or(str::is_empty)
    };
    are_awaited(group, kind, live).then(|| {
        let webhooks = live.get("webhooks").and_then(Value::as_array);
        match webhooks.into_iter().flatten().find(trusts_nobody) {
            Some(webhook) => {
                let name = webhook.get("name").and_then(Value::as_str).unwrap_or_default();
                Readiness::Waiting(format!("cert-manager has not written the authority of {name} yet"))
            }
            None => Readiness::Ready,
        }
    })
}
