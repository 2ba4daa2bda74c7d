//! Values of the `otel-collector` chart, which every cluster of the scenario `otel` installs twice.
//!
//! Only spokes run it, so it knows the tenant gateway and no other way to the hub. The module refuses to know
//! the collector's configuration: the chart writes that.

use lgtm_topology::ClusterName;
use serde_json::{Value, json};

use super::push::{Gateway, KUBELET_SIGNS_ITSELF, NAMESPACE};

/// Which half of the work a release does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// On every node: its pods' logs, its host and kubelet metrics, and what its applications send.
    DaemonSet,
    /// Once: the cluster's objects and events, annotated pods, and the judgement of traces.
    StatefulSet,
}

impl Role {
    /// The release's name.
    pub fn release(self) -> &'static str {
        match self {
            Self::DaemonSet => "otel-collector-daemonset",
            Self::StatefulSet => "otel-collector-statefulset",
        }
    }
}

/// The chart's values for one of the two releases on a cluster.
pub fn values(role: Role, cluster: &ClusterName, gateway: &Gateway) -> Value {
    match role {
        Role::DaemonSet => json!({
            "role": "daemonset",
            "cluster": cluster.as_str(),
            "push": gateway.values(),
            "kubelet": {"insecureSkipVerify": KUBELET_SIGNS_ITSELF},
            "aggregator": {"endpoint": format!("{}.{NAMESPACE}.svc:4317", Role::StatefulSet.release())},
        }),
        Role::StatefulSet => json!({
            "role": "statefulset",
            "cluster": cluster.as_str(),
            "push": gateway.values(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::push::fixture;

    fn of(role: Role) -> Value {
        values(role, &ClusterName::new("lgtm-remote-otel"), &fixture::gateway())
    }

    #[test]
    fn the_node_agent() {
        insta::assert_snapshot!(format!("{:#}", of(Role::DaemonSet)));
    }

    #[test]
    fn the_aggregator() {
        insta::assert_snapshot!(format!("{:#}", of(Role::StatefulSet)));
    }

    #[test]
    fn node_agents_send_spans_to_the_service_of_the_other_release() {
        let values = of(Role::DaemonSet);
        let endpoint = values.pointer("/aggregator/endpoint").and_then(Value::as_str).unwrap();
        assert!(endpoint.starts_with(&format!("{}.", Role::StatefulSet.release())), "{endpoint}");
    }
}
