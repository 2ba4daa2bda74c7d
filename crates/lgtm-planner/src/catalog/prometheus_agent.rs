//! Values of the `prometheus-agent` chart, which every cluster of the scenario `traditional` installs once.
//!
//! The module decides what the topology implies. It refuses to know Prometheus' configuration: the chart
//! writes that.

use lgtm_topology::ClusterName;
use serde_json::{Value, json};

use super::{
    kube_state_metrics, node_exporter,
    push::{KUBELET_SIGNS_ITSELF, Push},
};

/// The release's name.
pub const RELEASE: &str = "prometheus-agent";

/// The chart's values on a cluster.
pub fn values(cluster: &ClusterName, push: &Push) -> Value {
    json!({
        "cluster": cluster.as_str(),
        "push": push.values(),
        // It asks the kubelets of all nodes, so here the connections do leave the node; the chart's README
        // says what that risks.
        "kubelet": {"insecureSkipVerify": KUBELET_SIGNS_ITSELF},
        "nodeExporter": {"enabled": true, "port": node_exporter::PORT},
        "kubeStateMetrics": {"address": kube_state_metrics::address()},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{alloy, push::fixture};

    fn on_the_spoke() -> Value {
        values(&ClusterName::new("lgtm-remote"), &Push::Gateway(fixture::gateway()))
    }

    #[test]
    fn a_spokes_collector_of_metrics() {
        insta::assert_snapshot!(format!("{:#}", on_the_spoke()));
    }

    #[test]
    fn the_hubs_collector_of_metrics() {
        let values = values(&ClusterName::new("lgtm-central"), &fixture::direct());
        insta::assert_snapshot!(format!("{values:#}"));
    }

    #[test]
    fn it_reads_at_the_same_places_as_the_agents_of_the_other_scenario() {
        let cluster = ClusterName::new("lgtm-remote");
        let push = Push::Gateway(fixture::gateway());
        let node_agent = alloy::values(alloy::Role::DaemonSet, &cluster, &push);
        let collector = alloy::values(alloy::Role::Deployment { monitors: false }, &cluster, &push);
        let own = on_the_spoke();
        assert_eq!(own.get("nodeExporter"), node_agent.get("nodeExporter"));
        assert_eq!(own.get("kubelet"), node_agent.get("kubelet"));
        assert_eq!(own.get("kubeStateMetrics"), collector.get("kubeStateMetrics"));
    }
}
