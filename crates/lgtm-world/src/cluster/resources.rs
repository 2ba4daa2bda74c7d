//! The plural names of Kubernetes' built-in kinds, so that they need no discovery.
//!
//! Kubernetes 1.35's API reference. A kind that is missing here costs one request and nothing else.

/// The resource of a built-in kind, as it is written in URLs.
pub(super) fn plural(group: &str, kind: &str) -> Option<&'static str> {
    Some(match (group, kind) {
        ("", "ConfigMap") => "configmaps",
        ("", "Endpoints") => "endpoints",
        ("", "Event") => "events",
        ("", "LimitRange") => "limitranges",
        ("", "Namespace") => "namespaces",
        ("", "Node") => "nodes",
        ("", "PersistentVolume") => "persistentvolumes",
        ("", "PersistentVolumeClaim") => "persistentvolumeclaims",
        ("", "Pod") => "pods",
        ("", "ResourceQuota") => "resourcequotas",
        ("", "Secret") => "secrets",
        ("", "Service") => "services",
        ("", "ServiceAccount") => "serviceaccounts",
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration") => "mutatingwebhookconfigurations",
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration") => {
            "validatingwebhookconfigurations"
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => "customresourcedefinitions",
        ("apiregistration.k8s.io", "APIService") => "apiservices",
        ("apps", "DaemonSet") => "daemonsets",
        ("apps", "Deployment") => "deployments",
        ("apps", "ReplicaSet") => "replicasets",
        ("apps", "StatefulSet") => "statefulsets",
        ("autoscaling", "HorizontalPodAutoscaler") => "horizontalpodautoscalers",
        ("batch", "CronJob") => "cronjobs",
        ("batch", "Job") => "jobs",
        ("coordination.k8s.io", "Lease") => "leases",
        ("networking.k8s.io", "Ingress") => "ingresses",
        ("networking.k8s.io", "IngressClass") => "ingressclasses",
        ("networking.k8s.io", "NetworkPolicy") => "networkpolicies",
        ("policy", "PodDisruptionBudget") => "poddisruptionbudgets",
        ("rbac.authorization.k8s.io", "ClusterRole") => "clusterroles",
        ("rbac.authorization.k8s.io", "ClusterRoleBinding") => "clusterrolebindings",
        ("rbac.authorization.k8s.io", "Role") => "roles",
        ("rbac.authorization.k8s.io", "RoleBinding") => "rolebindings",
        ("scheduling.k8s.io", "PriorityClass") => "priorityclasses",
        ("storage.k8s.io", "StorageClass") => "storageclasses",
        _ => return None,
    })
}
