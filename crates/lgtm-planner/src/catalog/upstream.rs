//! The charts of others that the catalog installs, at the versions that its values are written for.
//!
//! What does not depend on the topology is plain YAML in `charts-values/`, one file for each chart and role;
//! it is read here and the rest is merged over it. The module refuses to know what the values mean, and where
//! a chart's bytes come from: those are fixed by the lock file.

use std::sync::LazyLock;

use lgtm_topology::{HelmValues, Position};
use serde_json::Value;

use crate::unit::{ChartRef, UpstreamChart};

const FLUENT: &str = "https://fluent.github.io/helm-charts";
const GRAFANA: &str = "https://grafana.github.io/helm-charts";
const GRAFANA_COMMUNITY: &str = "https://grafana-community.github.io/helm-charts";
const OPEN_TELEMETRY: &str = "https://open-telemetry.github.io/opentelemetry-helm-charts";
const PROMETHEUS_COMMUNITY: &str = "https://prometheus-community.github.io/helm-charts";

/// A chart in one of its roles.
pub struct Upstream {
    name: &'static str,
    repository: &'static str,
    version: &'static str,
    file: &'static str,
    base: LazyLock<HelmValues>,
}

macro_rules! upstream {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $repository:expr, $version:literal, $file:literal;)*) => {
        $(
            $(#[$doc])*
            pub static $constant: Upstream = Upstream {
                name: $name,
                repository: $repository,
                version: $version,
                file: concat!("charts-values/", $file),
                base: LazyLock::new(|| read(include_str!(concat!("../../../../charts-values/", $file)))),
            };
        )*

        /// All of them.
        pub static ALL: &[&Upstream] = &[$(&$constant),*];

        #[cfg(test)]
        const FILES: &[(&str, &str)] =
            &[$(($file, include_str!(concat!("../../../../charts-values/", $file)))),*];
    };
}

upstream! {
    /// The definitions of the Prometheus operator; their version goes with the operator's.
    PROMETHEUS_CRDS = "prometheus-operator-crds", PROMETHEUS_COMMUNITY, "31.0.1", "prometheus-operator-crds.yaml";
    /// Figures for autoscalers.
    METRICS_SERVER =
        "metrics-server", "https://kubernetes-sigs.github.io/metrics-server", "3.13.1", "metrics-server.yaml";
    /// Certificates for webhooks.
    CERT_MANAGER = "cert-manager", "https://charts.jetstack.io", "v1.21.1", "cert-manager.yaml";
    /// Prometheus, Alertmanager and Grafana on the hub.
    MONITOR_HUB = "kube-prometheus-stack", PROMETHEUS_COMMUNITY, "88.5.3", "kube-prometheus-stack.hub.yaml";
    /// Prometheus on a spoke.
    MONITOR_SPOKE = "kube-prometheus-stack", PROMETHEUS_COMMUNITY, "88.5.3", "kube-prometheus-stack.spoke.yaml";
    /// Object storage.
    RUSTFS = "rustfs", "https://charts.rustfs.com", "0.12.0", "rustfs.yaml";
    /// Mimir 2.16: from 6.0 on the chart wants Kafka.
    MIMIR = "mimir-distributed", GRAFANA, "5.7.0", "mimir-distributed.yaml";
    /// Loki 3.7.
    LOKI = "loki", GRAFANA_COMMUNITY, "18.11.0", "loki.yaml";
    /// Tempo 2.10: from 3.0 on the chart wants Kafka.
    TEMPO = "tempo-distributed", GRAFANA_COMMUNITY, "2.25.0", "tempo-distributed.yaml";
    /// A log shipper.
    VECTOR = "vector", "https://helm.vector.dev", "0.56.0", "vector.yaml";
    /// The other log shipper.
    FLUENT_BIT = "fluent-bit", FLUENT, "0.58.1", "fluent-bit.yaml";
    /// Alloy on every node.
    ALLOY_DAEMONSET = "alloy", GRAFANA, "1.11.1", "alloy.daemonset.yaml";
    /// Alloy as clustered replicas.
    ALLOY_DEPLOYMENT = "alloy", GRAFANA, "1.11.1", "alloy.deployment.yaml";
    /// What makes OpenTelemetry collectors; its version goes with the collectors'.
    OTEL_OPERATOR = "opentelemetry-operator", OPEN_TELEMETRY, "0.122.0", "opentelemetry-operator.yaml";
    /// OpenTelemetry's demo application.
    OTEL_DEMO = "opentelemetry-demo", OPEN_TELEMETRY, "0.41.0", "opentelemetry-demo.yaml";
}

impl Upstream {
    /// Where the chart comes from.
    pub fn chart(&self) -> ChartRef {
        ChartRef::Upstream(UpstreamChart {
            name: self.name.to_owned(),
            repository: self.repository.to_owned(),
            version: self.version.to_owned(),
        })
    }

    /// A list of the file with more entries, since merging replaces lists. `pointer` is a JSON pointer.
    pub fn list_with(&self, pointer: &str, more: impl IntoIterator<Item = Value>) -> Value {
        let listed =
            self.base.values.pointer(pointer).and_then(Value::as_array).into_iter().flatten().cloned();
        listed.chain(more).collect()
    }

    /// The file's sections that say something of `key`.
    pub fn parts_with(&self, key: &str) -> impl Iterator<Item = &str> {
        let sections = self.base.values.as_object().into_iter().flatten();
        sections.filter(move |(_, section)| section.get(key).is_some()).map(|(name, _)| name.as_str())
    }

    /// The chart's values with what the topology implies.
    pub fn values(&self, implied: Value) -> Value {
        let mut values = self.base.values.clone();
        merge(&mut values, implied);
        values
    }

    /// Where the file of values for this chart says something, as `file:line:column`.
    pub fn place(&self, pointer: &str) -> Option<String> {
        let Position { line, column } = self.base.keys.get(pointer)?;
        Some(format!("{}:{line}:{column}", self.file))
    }
}

/// A file that is broken gives no values, and fails a test.
fn read(text: &str) -> HelmValues {
    lgtm_topology::helm_values(text).unwrap_or_default()
}

/// Merges values as helm does: mappings key by key, and anything else replaces what was there.
pub fn merge(values: &mut Value, over: Value) {
    match (values, over) {
        (Value::Object(values), Value::Object(over)) => {
            for (key, over) in over {
                merge(values.entry(key).or_insert(Value::Null), over);
            }
        }
        (values, over) => *values = over,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_file_is_readable() {
        for (file, text) in FILES {
            let values = lgtm_topology::helm_values(text);
            assert!(values.as_ref().is_ok_and(|values| values.values.is_object()), "{file}: {values:?}");
        }
    }

    /// The chart's init containers for data sources and dashboards may watch, whatever its own default says.
    #[test]
    fn what_grafana_waits_for_before_it_starts_is_a_sidecar_that_says_when_it_is_ready() {
        let values = MONITOR_HUB.values(json!({}));
        let sidecars = values.pointer("/grafana/sidecar").and_then(Value::as_object).unwrap();
        let before = |sidecar: &Value| {
            let keys = sidecar.as_object().into_iter().flatten();
            keys.filter(|(key, value)| key.starts_with("init") && **value == true).count() > 0
        };
        let waited_for: Vec<_> = sidecars.iter().filter(|(_, sidecar)| before(sidecar)).collect();
        assert!(!waited_for.is_empty());
        for (name, sidecar) in waited_for {
            assert_eq!(sidecar["restartPolicy"], "Always", "{name}");
            assert_eq!(sidecar.pointer("/startupProbe/httpGet/path"), Some(&json!("/healthz")), "{name}");
        }
    }

    #[test]
    fn what_is_implied_goes_over_the_file() {
        let mut values = json!({"a": {"b": 1, "c": [1, 2]}, "d": 1});
        merge(&mut values, json!({"a": {"c": [3], "e": null}, "d": {"f": 1}}));
        assert_eq!(values, json!({"a": {"b": 1, "c": [3], "e": null}, "d": {"f": 1}}));
    }
}
