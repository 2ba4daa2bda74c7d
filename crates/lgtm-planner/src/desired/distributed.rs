//! The units of the profile `distributed`: upstream charts on the hub, and on spokes that use them.

use std::sync::Arc;

use lgtm_topology::{ClusterName, Provider};
use serde_json::{Value, json};

use super::{Catalog, NAMESPACES_UNIT, spoke};
use crate::{
    catalog::{
        self,
        distributed::{self, STORAGE},
        push::Push,
        upstream::{self, Upstream},
    },
    unit::{Content, ENROLMENT_UNIT, Release, UnitId},
};

/// The namespaces that the hub has in this profile alone.
pub(super) const HUB_NAMESPACES: [&str; 2] = [STORAGE.0, CERT_MANAGER];

const CERT_MANAGER: &str = "cert-manager";
/// The definitions of monitors and of Prometheus itself.
const PROMETHEUS_CRDS: &str = "prometheus-crds";
/// Prometheus and what comes with it.
const MONITOR: &str = "monitor";

impl Catalog<'_> {
    /// What the hub has besides the backends' own charts and its agents.
    pub(super) fn distributed_hub(&mut self, push: &Push, mut needs: Vec<UnitId>, password: Option<&str>) {
        let topology = self.topology;
        let hub = &topology.hub.cluster;
        let namespaces = UnitId::new(&hub.name, NAMESPACES_UNIT);
        let simulated = hub.provider == Provider::Kwok;
        self.prometheus_crds(&hub.name);
        let enrolment = UnitId::new(&hub.name, ENROLMENT_UNIT);
        self.upstream(
            (&hub.name, "metrics-server"),
            "kube-system",
            &upstream::METRICS_SERVER,
            distributed::metrics_server(simulated),
            [enrolment],
        );
        self.upstream(
            (&hub.name, CERT_MANAGER),
            CERT_MANAGER,
            &upstream::CERT_MANAGER,
            json!({}),
            [namespaces.clone()],
        );
        self.backends();
        let mut monitor = distributed::monitor(&hub.name, push);
        let secret = catalog::grafana::admin_secret(topology);
        upstream::merge(&mut monitor, distributed::grafana(secret, password));
        needs.push(UnitId::new(&hub.name, PROMETHEUS_CRDS));
        self.upstream((&hub.name, MONITOR), spoke::NAMESPACE, &upstream::MONITOR_HUB, monitor, needs);
        let provisioning = catalog::grafana::provisioning(topology);
        self.release(&hub.name, "grafana", spoke::NAMESPACE, provisioning, [namespaces]);
    }

    /// Object storage, and Mimir, Loki and Tempo over it.
    fn backends(&mut self) {
        let topology = self.topology;
        let hub = &topology.hub.cluster.name;
        let namespaces = UnitId::new(hub, NAMESPACES_UNIT);
        self.upstream((hub, "rustfs"), STORAGE.0, &upstream::RUSTFS, json!({}), [namespaces.clone()]);
        let needs = [namespaces];
        let mimir = distributed::mimir(topology, "");
        self.upstream((hub, "mimir"), "mimir", &upstream::MIMIR, mimir, needs.clone());
        let loki = distributed::loki(topology, "");
        self.upstream((hub, "loki"), "loki", &upstream::LOKI, loki, needs.clone());
        let tempo = distributed::tempo(topology, "");
        self.upstream((hub, "tempo"), "tempo", &upstream::TEMPO, tempo, needs);
    }

    /// Prometheus on a spoke, and what it reads.
    pub(super) fn monitor(&mut self, cluster: &ClusterName, push: &Push, needs: &[UnitId]) {
        self.prometheus_crds(cluster);
        let mut needs = needs.to_vec();
        needs.push(UnitId::new(cluster, PROMETHEUS_CRDS));
        let values = distributed::monitor(cluster, push);
        self.upstream((cluster, MONITOR), spoke::NAMESPACE, &upstream::MONITOR_SPOKE, values, needs);
    }

    fn prometheus_crds(&mut self, cluster: &ClusterName) {
        let needs = [UnitId::new(cluster, NAMESPACES_UNIT)];
        let name = (cluster, PROMETHEUS_CRDS);
        self.upstream(name, spoke::NAMESPACE, &upstream::PROMETHEUS_CRDS, json!({}), needs);
    }

    /// An upstream chart with what the topology implies for it; unit and release have one name.
    fn upstream(
        &mut self,
        (cluster, name): (&ClusterName, &str),
        namespace: &str,
        chart: &Upstream,
        implied: Value,
        needs: impl IntoIterator<Item = UnitId>,
    ) {
        let content = Content::Release(Release {
            chart: chart.chart(),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            values: Arc::new(chart.values(implied)),
            gives: Vec::new(),
        });
        self.add(UnitId::new(cluster, name), needs, content);
    }
}
