//! The values of the `mimir` chart: retention, and limits in all and by tenant.
//!
//! The module knows the chart's own names for them, and refuses to know Mimir's: the chart translates.

use lgtm_topology::{Limits, Topology};
use serde_json::{Map, Value, json};

/// The values for the hub's Mimir.
pub fn values(topology: &Topology) -> Value {
    let tenants: Map<String, Value> =
        topology.tenants.iter().map(|(tenant, own)| (tenant.as_str().to_owned(), limits(own))).collect();
    json!({
        "retention": topology.retention.metrics.to_string(),
        "limits": limits(&topology.default_limits),
        "tenants": tenants,
    })
}

fn limits(limits: &Limits) -> Value {
    json!({
        "samplesPerSecond": limits.metrics_samples_per_second,
        "series": limits.metrics_series,
    })
}

#[cfg(test)]
mod tests {
    use super::values;
    use crate::catalog::fixture::topology;

    #[test]
    fn retention_and_limits_come_from_the_topology() {
        insta::assert_snapshot!(format!("{:#}", values(&topology())));
    }
}
