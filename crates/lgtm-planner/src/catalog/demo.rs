//! Demo applications: what their charts are given. Nothing of it depends on the topology.
//!
//! The module knows where the agents of a demo's scenarios receive what applications send, and refuses to know which
//! scenarios those are: the topology was checked for that.

use serde_json::{Value, json};

use super::{alloy, push::NAMESPACE};

/// The port of Alloy that takes spans of Jaeger's by HTTP.
const JAEGER_HTTP: u16 = 14268;

/// Values of `tns`.
pub fn tns() -> Value {
    let endpoint = format!("http://{}.{NAMESPACE}.svc:{JAEGER_HTTP}/api/traces", alloy::SERVICE);
    json!({"traces": {"endpoint": endpoint}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{otel_collector, upstream};

    fn chart_values(text: &str) -> Value {
        lgtm_topology::helm_values(text).unwrap().values
    }

    #[test]
    fn tns_sends_to_the_service_of_either_chart_of_alloy() {
        let own = chart_values(include_str!("../../../../charts/alloy/values.yaml"));
        assert_eq!(own.pointer("/service/name"), Some(&json!(alloy::SERVICE)));
        let other = upstream::ALLOY_DEPLOYMENT.values(json!({}));
        assert_eq!(other.pointer("/fullnameOverride"), Some(&json!(alloy::SERVICE)));
        let ports = other.pointer("/alloy/extraPorts").and_then(Value::as_array).unwrap();
        assert!(
            ports.iter().any(|port| port["port"] == JAEGER_HTTP && port["protocol"] == "TCP"),
            "{ports:?}"
        );
    }

    #[test]
    fn the_charts_own_default_is_what_the_catalog_sets() {
        let own = chart_values(include_str!("../../../../charts/tns/values.yaml"));
        assert_eq!(own.pointer("/traces/endpoint"), tns().pointer("/traces/endpoint"));
    }

    #[test]
    fn the_opentelemetry_demo_sends_to_the_node_agents_and_brings_no_backends() {
        let values = upstream::OTEL_DEMO.values(json!({}));
        let service = format!("{}.{NAMESPACE}.svc", otel_collector::Role::DaemonSet.release());
        let wanted = json!([{"name": "OTEL_COLLECTOR_NAME", "value": service}]);
        assert_eq!(values.pointer("/default/envOverrides"), Some(&wanted));
        for backend in ["opentelemetry-collector", "jaeger", "prometheus", "grafana", "opensearch"] {
            assert_eq!(values.pointer(&format!("/{backend}/enabled")), Some(&json!(false)), "{backend}");
        }
    }
}
