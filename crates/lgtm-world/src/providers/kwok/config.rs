//! What kwokctl is told to make: the components' programs, ports and flags.
//!
//! Everything is spelled out, because what is left out kwokctl would choose by itself: ports that
//! another cluster is about to take, an etcd that listens on every address, programs from the internet.

use serde_json::{Value, json};

use super::{KwokError, KwokSpec, ports::Ports, record::Layout};
use crate::tools::{Tool, Tools};

/// The audit policy: who did what to which object, when it was done; never contents, so that no secret
/// comes into the log.
pub(super) fn audit_policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    })
}

/// The `KwokctlConfiguration` of a cluster.
pub(super) fn kwokctl(
    tools: &Tools,
    layout: &Layout,
    spec: &KwokSpec,
    ports: Ports,
) -> Result<Value, KwokError> {
    let find = |tool| tools.find(tool).map(|path| path.display().to_string());
    let patches: Vec<_> = component_flags(layout, spec)
        .into_iter()
        .map(|(component, flags)| {
            let flags: Vec<_> =
                flags.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
            json!({"name": component, "extraArgs": flags})
        })
        .collect();
    Ok(json!({
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "options": {
            "runtime": "binary",
            "bindAddress": "127.0.0.1",
            "securePort": true,
            "kubeAuthorization": true,
            "kubeAdmission": true,
            "kubeAuditPolicy": layout.audit_policy().display().to_string(),
            "kubeApiserverBinary": find(Tool::KubeApiserver)?,
            "kubeControllerManagerBinary": find(Tool::KubeControllerManager)?,
            "kubeSchedulerBinary": find(Tool::KubeScheduler)?,
            "etcdBinary": find(Tool::Etcd)?,
            "kwokControllerBinary": find(Tool::Kwok)?,
            "kubeApiserverPort": ports.apiserver,
            "etcdPort": ports.etcd,
            "etcdPeerPort": ports.etcd_peer,
            "kubeControllerManagerPort": ports.controller_manager,
            "kubeSchedulerPort": ports.scheduler,
            "kwokControllerPort": ports.kwok,
        },
        "componentsPatches": patches,
    }))
}

type Flags = Vec<(&'static str, String)>;

fn component_flags(layout: &Layout, spec: &KwokSpec) -> Vec<(&'static str, Flags)> {
    // No pod answers a webhook call on simulated nodes: an object that a Fail-policy webhook looks at
    // could never be written.
    let mut apiserver: Flags = vec![
        ("disable-admission-plugins", "MutatingAdmissionWebhook,ValidatingAdmissionWebhook".to_owned()),
        ("audit-log-maxsize", "64".to_owned()),
        ("audit-log-maxbackup", "1".to_owned()),
    ];
    let pki = layout.cluster_dir().join("pki");
    // There is one instance of each, so waiting for a lease would only delay the start. The default
    // limits of requests a second are made for a control plane that is shared by many.
    let single: Flags = vec![
        ("leader-elect", "false".to_owned()),
        ("kube-api-qps", "200".to_owned()),
        ("kube-api-burst", "400".to_owned()),
    ];
    let mut controllers = single.clone();
    controllers.push(("cluster-signing-cert-file", pki.join("ca.crt").display().to_string()));
    controllers.push(("cluster-signing-key-file", pki.join("ca.key").display().to_string()));
    if let Some(cidr) = spec.service_cidr {
        apiserver.push(("service-cluster-ip-range", cidr.to_string()));
        controllers.push(("service-cluster-ip-range", cidr.to_string()));
    }
    vec![
        // A rehearsal need not survive a power cut, and does not wait for the disk at each write. What
        // the processes wrote survives their death, since the system holds it.
        ("etcd", vec![("unsafe-no-fsync", "true".to_owned()), ("log-level", "warn".to_owned())]),
        ("kube-apiserver", apiserver),
        ("kube-controller-manager", controllers),
        ("kube-scheduler", single),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn flag<'a>(flags: &'a [(&str, Flags)], component: &str, key: &str) -> Option<&'a str> {
        let (_, flags) = flags.iter().find(|(name, _)| *name == component)?;
        flags.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
    }

    #[test]
    fn networks_reach_the_components_that_use_them() {
        let spec = KwokSpec {
            name: "hub".to_owned(),
            workers: 3,
            pod_cidr: "10.11.0.0/16".parse().ok(),
            service_cidr: "10.12.0.0/16".parse().ok(),
        };
        let flags = component_flags(&Layout::new(Path::new("/state"), "hub"), &spec);
        assert_eq!(flag(&flags, "kube-apiserver", "service-cluster-ip-range"), Some("10.12.0.0/16"));
        assert_eq!(flag(&flags, "kube-controller-manager", "service-cluster-ip-range"), Some("10.12.0.0/16"));

        let bare = KwokSpec { service_cidr: None, ..spec };
        let flags = component_flags(&Layout::new(Path::new("/state"), "hub"), &bare);
        assert_eq!(flag(&flags, "kube-apiserver", "service-cluster-ip-range"), None);
    }
}
