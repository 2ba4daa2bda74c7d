//! The order in which the objects of one unit are applied and go, and what helm's hooks mean for it.
//!
//! The phases exist because a later object needs an earlier one to be accepted (a namespace, a CRD)
//! or to start cleanly (a pod whose ConfigMap is missing waits out a back-off).

use serde::{Deserialize, Serialize};

use crate::object::{Object, ObjectKey, built_in_scope};

/// A step in the application of one unit; all objects of a phase are applied at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// helm's `pre-install` and `pre-upgrade` hooks, by weight.
    PreHook(i32),
    /// Namespaces.
    Namespaces,
    /// CustomResourceDefinitions, until they are Established.
    Definitions,
    /// Accounts, roles, configuration, secrets, claims, classes.
    Configuration,
    /// Services, before the pods that look them up.
    Services,
    /// Everything that runs pods.
    Workloads,
    /// Webhooks and API services, after the pods that answer them.
    Webhooks,
    /// Custom resources.
    CustomResources,
    /// helm's `post-install` and `post-upgrade` hooks, by weight.
    PostHook(i32),
}

/// Why a chart's hook cannot be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// A hook that lgtmctl does not run.
    #[error("{object} is a helm hook `{hook}`, which lgtmctl does not run")]
    Unsupported {
        /// The object that bears the hook.
        object: ObjectKey,
        /// The hook.
        hook: String,
    },
}

/// Whether a release is made for the first time or changed; hooks differ between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// No inventory of the unit exists.
    Install,
    /// An inventory exists.
    Upgrade,
}

const HOOK: &str = "helm.sh/hook";

/// Drops test hooks and those of the other occasion, and refuses hooks that cannot be honoured.
pub fn select_hooks(objects: Vec<Object>, occasion: Occasion) -> Result<Vec<Object>, HookError> {
    let mut selected = Vec::with_capacity(objects.len());
    for object in objects {
        let Some(hooks) = object.annotation(HOOK).map(str::to_owned) else {
            selected.push(object);
            continue;
        };
        let mut wanted = false;
        for hook in hooks.split(',').map(str::trim) {
            match hook {
                "test" | "test-success" | "test-failure" => {}
                "pre-install" | "post-install" => wanted |= occasion == Occasion::Install,
                "pre-upgrade" | "post-upgrade" => wanted |= occasion == Occasion::Upgrade,
                other => {
                    return Err(HookError::Unsupported { object: object.key(), hook: other.to_owned() });
                }
            }
        }
        if wanted {
            selected.push(object);
        }
    }
    Ok(selected)
}

/// Whether the object runs once: a Job or a hook is recorded as done at its digest, is not checked
/// for drift, and is not missed when a TTL or a delete policy removes it.
pub fn is_run_once(object: &Object) -> bool {
    object.is("batch", "Job") || object.annotation(HOOK).is_some()
}

/// The phase of an object.
pub fn phase(object: &Object) -> Phase {
    if let Some(hooks) = object.annotation(HOOK) {
        let weight =
            object.annotation("helm.sh/hook-weight").and_then(|weight| weight.parse().ok()).unwrap_or(0);
        return if hooks.contains("pre-") { Phase::PreHook(weight) } else { Phase::PostHook(weight) };
    }
    match (object.group(), object.kind()) {
        ("", "Namespace") => Phase::Namespaces,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Phase::Definitions,
        ("", "Service") => Phase::Services,
        ("", "Pod" | "ReplicationController") | ("apps" | "batch", _) => Phase::Workloads,
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => Phase::Webhooks,
        (group, kind) if built_in_scope(group, kind).is_none() => Phase::CustomResources,
        _ => Phase::Configuration,
    }
}

/// The order in which objects go, the lowest first: custom resources before what serves them, webhooks before
/// their backends, namespaces and definitions last.
pub fn removal_order(key: &ObjectKey) -> u8 {
    match (key.group.as_str(), key.kind.as_str()) {
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => 1,
        ("apps" | "batch", _) | ("", "Pod") => 2,
        ("", "Namespace") => 4,
        ("apiextensions.k8s.io", _) => 5,
        (group, kind) if built_in_scope(group, kind).is_none() => 0,
        _ => 3,
    }
}

/// Whether an object must really be gone before the next in the order of removal: custom resources, whose
/// finalizers need their controllers, and namespaces.
pub fn is_end_awaited(key: &ObjectKey) -> bool {
    matches!(removal_order(key), 0 | 4)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hook(kind: &str) -> Object {
        Object::new(json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "j", "annotations": {"helm.sh/hook": kind, "helm.sh/hook-weight": "-3"}}}))
        .unwrap()
    }

    #[test]
    fn hooks_follow_the_occasion() {
        let count = |kind, occasion| select_hooks(vec![hook(kind)], occasion).map(|kept| kept.len());
        assert_eq!(count("pre-install", Occasion::Install), Ok(1));
        assert_eq!(count("pre-install", Occasion::Upgrade), Ok(0));
        assert_eq!(count("post-install,post-upgrade", Occasion::Upgrade), Ok(1));
        assert_eq!(count("test", Occasion::Install), Ok(0));
        let refused = count("pre-rollback", Occasion::Install).unwrap_err().to_string();
        assert_eq!(refused, "Job j is a helm hook `pre-rollback`, which lgtmctl does not run");
    }

    #[test]
    fn phases_are_ordered() {
        let of = |version: &str, kind: &str| {
            phase(
                &Object::new(json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}}))
                    .unwrap(),
            )
        };
        let order = [
            phase(&hook("pre-install")),
            of("v1", "Namespace"),
            of("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            of("v1", "Secret"),
            of("v1", "Service"),
            of("apps/v1", "Deployment"),
            of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
            of("monitoring.coreos.com/v1", "ServiceMonitor"),
            phase(&hook("post-install")),
        ];
        assert!(order.is_sorted(), "{order:?}");
        assert_eq!(of("networking.k8s.io/v1", "NetworkPolicy"), Phase::Configuration);
    }
}
