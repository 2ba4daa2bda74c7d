//! Values of the `vector` chart, one of the two log shippers of the scenario `traditional`.
//!
//! The module refuses to know Vector's configuration: the chart writes that.

use lgtm_topology::ClusterName;
use serde_json::{Value, json};

use super::push::Push;

/// The release's name.
pub const RELEASE: &str = "vector";

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
