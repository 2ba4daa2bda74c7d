//! Values of the log shippers of the scenario `traditional`: the charts `vector` and `fluent-bit` take the same.
//!
//! The module refuses to know the programs' configuration: the charts write that.

use lgtm_topology::{ClusterName, LogShipper};
use serde_json::{Value, json};

use super::push::Push;

/// The release's name, and the chart's.
pub fn release(shipper: LogShipper) -> &'static str {
    match shipper {
        LogShipper::Vector => "vector",
        LogShipper::FluentBit => "fluent-bit",
    }
}

/// The chart's values on a cluster.
pub fn values(cluster: &ClusterName, push: &Push) -> Value {
    json!({
        "cluster": cluster.as_str(),
        "push": push.values(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::push::fixture;

    #[test]
    fn a_spokes_log_shipper() {
        let values = values(&ClusterName::new("lgtm-remote"), &Push::Gateway(fixture::gateway()));
        insta::assert_snapshot!(format!("{values:#}"));
    }

    #[test]
    fn the_hubs_log_shipper() {
        let values = values(&ClusterName::new("lgtm-central"), &fixture::direct());
        insta::assert_snapshot!(format!("{values:#}"));
    }
}
