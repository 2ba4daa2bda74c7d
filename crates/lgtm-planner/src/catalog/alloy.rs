//! Values of the `alloy` chart, which every cluster of the scenario `alloy`, and the hub, installs twice, and
//! one of the scenario `traditional` once.
//!
//! The module decides what the topology implies. It refuses to know Alloy's configuration language: the
//! chart writes that.

use lgtm_topology::ClusterName;
use serde_json::{Value, json};

use super::{
    kube_state_metrics, node_exporter,
    push::{KUBELET_SIGNS_ITSELF, Push},
};

/// The Service of the replicas, which applications have in their configuration; our own chart and the upstream one
/// call it alike.
pub const SERVICE: &str = "grafana-alloy";

/// Which half of the work a release does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// On every node: its pods' logs, its kubelet, its cAdvisor and its node-exporter.
    DaemonSet,
    /// Two clustered replicas: what a cluster has once, and what applications send.
    Deployment {
        /// Whether ServiceMonitors and PodMonitors are followed. Their definitions have to be on the cluster
        /// before this release; otherwise the collector waits for them in vain.
        monitors: bool,
    },
    /// The same replicas without their scrapes: what applications send, and the cluster's events. Another
    /// agent reads the metrics, and a third the logs.
    Traces,
}

impl Role {
    /// The release's name. The two kinds of replicas share one, so that a change of scenario rolls one
    /// Deployment, and the Services that applications send to never change hands.
    pub fn release(self) -> &'static str {
        match self {
            Self::DaemonSet => "grafana-alloy-daemonset",
            Self::Deployment { .. } | Self::Traces => "grafana-alloy-deployment",
        }
    }
}

/// The chart's values for one release on a cluster.
pub fn values(role: Role, cluster: &ClusterName, push: &Push) -> Value {
    match role {
        Role::DaemonSet => json!({
            "role": "daemonset",
            "cluster": cluster.as_str(),
            "push": push.values(),
            "kubelet": {"insecureSkipVerify": KUBELET_SIGNS_ITSELF},
            "nodeExporter": {"enabled": true, "port": node_exporter::PORT},
        }),
        Role::Deployment { monitors } => json!({
            "role": "deployment",
            "cluster": cluster.as_str(),
            "push": push.values(),
            "kubeStateMetrics": {"address": kube_state_metrics::address()},
            "monitors": monitors,
        }),
        Role::Traces => json!({
            "role": "traces",
            "cluster": cluster.as_str(),
            "push": push.values(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::push::fixture;

    fn on_the_spoke(role: Role) -> String {
        let push = Push::Gateway(fixture::gateway());
        format!("{:#}", values(role, &ClusterName::new("lgtm-remote-alloy"), &push))
    }

    fn on_the_hub(role: Role) -> String {
        format!("{:#}", values(role, &ClusterName::new("lgtm-central"), &fixture::direct()))
    }

    #[test]
    fn a_spokes_node_agent() {
        insta::assert_snapshot!(on_the_spoke(Role::DaemonSet));
    }

    #[test]
    fn a_spokes_collector() {
        insta::assert_snapshot!(on_the_spoke(Role::Deployment { monitors: true }));
    }

    #[test]
    fn the_hubs_node_agent() {
        insta::assert_snapshot!(on_the_hub(Role::DaemonSet));
    }

    #[test]
    fn the_hubs_collector() {
        insta::assert_snapshot!(on_the_hub(Role::Deployment { monitors: false }));
    }

    #[test]
    fn a_spokes_receiver_of_traces() {
        insta::assert_snapshot!(on_the_spoke(Role::Traces));
    }

    #[test]
    fn a_change_of_scenario_keeps_the_release_of_the_replicas() {
        assert_eq!(Role::Traces.release(), Role::Deployment { monitors: false }.release());
    }

    #[test]
    fn the_two_releases_have_names_of_their_own() {
        assert_ne!(Role::DaemonSet.release(), Role::Deployment { monitors: true }.release());
    }
}
