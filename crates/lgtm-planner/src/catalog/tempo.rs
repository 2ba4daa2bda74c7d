//! The values of the `tempo` chart: retention and limits, in all and by tenant.
//!
//! The module knows the chart's own names for them, and refuses to know Tempo's: the chart translates.

use lgtm_topology::{Limits, Tenant, Topology};
use serde_json::{Map, Value, json};

/// The values for the hub's Tempo.
pub fn values(topology: &Topology) -> Value {
    let tenants: Map<String, Value> =
        topology.tenants.iter().map(|(name, own)| (name.as_str().to_owned(), tenant(own))).collect();
    json!({
        "retention": topology.retention.traces.to_string(),
        "limits": limits(&topology.default_limits),
        "tenants": tenants,
    })
}

fn tenant(own: &Tenant) -> Value {
    let mut values = limits(&own.limits);
    if let Some(values) = values.as_object_mut() {
        values.insert("retention".to_owned(), json!(own.retention.traces.to_string()));
    }
    values
}

fn limits(limits: &Limits) -> Value {
    json!({ "megabytesPerSecond": limits.traces_megabytes_per_second })
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
