//! The demo application of a spoke, in a namespace of its own.

use lgtm_topology::{ClusterName, Demo, Spoke};
use serde_json::json;

use super::{Catalog, NAMESPACES_UNIT};
use crate::{
    catalog::{self, upstream},
    unit::UnitId,
};

/// The cluster and the namespace of a spoke's demo.
pub(super) fn namespace(spoke: &Spoke) -> Option<(&ClusterName, &'static str)> {
    Some((&spoke.cluster.name, namespace_of(spoke.demo?)))
}

fn namespace_of(demo: Demo) -> &'static str {
    match demo {
        Demo::Tns => "tns",
        Demo::OpenTelemetry => "otel",
    }
}

impl Catalog<'_> {
    /// It needs its namespace alone: what it sends before an agent is there is lost, and nothing else is.
    pub(super) fn demo(&mut self, spoke: &Spoke) {
        let Some(demo) = spoke.demo else { return };
        let cluster = &spoke.cluster.name;
        let needs = [UnitId::new(cluster, NAMESPACES_UNIT)];
        let namespace = namespace_of(demo);
        match demo {
            Demo::Tns => self.release(cluster, "tns", namespace, catalog::demo::tns(), needs),
            Demo::OpenTelemetry => {
                let name = (cluster, "opentelemetry-demo");
                self.upstream(name, namespace, &upstream::OTEL_DEMO, json!({}), needs);
            }
        }
    }
}
