//! Values of the `kube-state-metrics` chart, and where its metrics are read.
//!
//! Nothing of it depends on the topology; the module exists so that its address is written once.

use serde_json::{Value, json};

/// The release's name, and its Service's.
pub const RELEASE: &str = "kube-state-metrics";

const PORT: u16 = 8080;

/// The chart's values: its defaults.
pub fn values() -> Value {
    json!({})
}

/// Where a collector in the same cluster reads the metrics, as `host:port`.
pub fn address() -> String {
    format!("{RELEASE}.{}.svc:{PORT}", super::push::NAMESPACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_services() {
        assert_eq!(address(), "kube-state-metrics.observability.svc:8080");
        assert_eq!(values(), json!({}));
    }
}
