//! A spoke's units: its client certificate and its agents. The hub's own agents are made here too.

use std::sync::Arc;

use lgtm_topology::{ClusterName, LogShipper, Profile, Scenario, Spoke};
use serde_json::Value;

use super::{Catalog, NAMESPACES_UNIT, distributed::PROMETHEUS_CRDS, hub};
use crate::{
    catalog::{
        self,
        push::{Gateway, Push},
    },
    fact::FactRef,
    unit::{CertificateRequest, CertificateUsage, ChartRef, Content, Material, Release, UnitId},
};

/// The namespace of agents everywhere, and of Grafana on the hub.
pub(super) const NAMESPACE: &str = catalog::push::NAMESPACE;
/// The unit and Secret of a spoke's client certificate.
pub(super) const CERTIFICATE_UNIT: &str = "tenant-certificate";

/// What the replicas of Alloy need where they read no metrics. They may have read the cluster's until now, and go on
/// until the unit that reads them instead is ready.
pub(super) fn after_metrics(name: &ClusterName, metrics: &str, needs: &[UnitId]) -> Vec<UnitId> {
    needs.iter().cloned().chain([UnitId::new(name, metrics)]).collect()
}

const SERVICE_MONITOR: &str = "monitoring.coreos.com/v1/ServiceMonitor";
const POD_MONITOR: &str = "monitoring.coreos.com/v1/PodMonitor";

impl Catalog<'_> {
    pub(super) fn spoke(&mut self, spoke: &Spoke) {
        let cluster = &spoke.cluster;
        let hub = &self.topology.hub.cluster.name;
        let namespaces = UnitId::new(&cluster.name, NAMESPACES_UNIT);
        let authority = UnitId::new(hub, hub::AUTHORITY_UNIT);
        let certificate = UnitId::new(&cluster.name, CERTIFICATE_UNIT);
        self.material(
            certificate.clone(),
            [namespaces.clone(), authority.clone()],
            (NAMESPACE, catalog::push::CERTIFICATE_SECRET),
            Material::Certificate(CertificateRequest {
                authority,
                common_name: cluster.name.to_string(),
                usage: CertificateUsage::Client,
                dns_names: Vec::new(),
                addresses: Vec::new(),
                tenant: Some(cluster.tenant.clone()),
            }),
        );
        let mut needs = vec![namespaces, certificate.clone()];
        let address = match self.gateway_address() {
            Some(address) => address.to_string(),
            None => {
                let gateway = UnitId::new(hub, hub::GATEWAY_UNIT);
                needs.push(gateway.clone());
                FactRef::new(&gateway, "address").placeholder()
            }
        };
        let gateway = Gateway {
            address,
            server_name: hub::GATEWAY_SERVER_NAME.to_owned(),
            port: 443,
            secret_name: catalog::push::CERTIFICATE_SECRET.to_owned(),
            certificate_digest: FactRef::new(&certificate, "digest").placeholder(),
        };
        match self.topology.profile {
            Profile::Compact => self.agents(&cluster.name, spoke.scenario, gateway, &needs),
            Profile::Distributed(_) => self.upstream_agents(&cluster.name, spoke.scenario, gateway, &needs),
        }
    }

    /// A spoke's agents, from our own charts.
    fn agents(&mut self, name: &ClusterName, scenario: Scenario, gateway: Gateway, needs: &[UnitId]) {
        match scenario {
            Scenario::Alloy => self.alloy(name, &Push::Gateway(gateway), needs),
            Scenario::Otel => self.otel(name, &gateway, needs),
            Scenario::Traditional(shipper) => {
                self.traditional(name, shipper, &Push::Gateway(gateway), needs);
            }
        }
    }

    /// What tells of a cluster's objects and nodes, for agents that read metrics.
    pub(super) fn exporters(&mut self, name: &ClusterName) {
        use catalog::{kube_state_metrics, node_exporter};
        let namespaces = [UnitId::new(name, NAMESPACES_UNIT)];
        self.release(name, "kube-state-metrics", NAMESPACE, kube_state_metrics::values(), namespaces.clone());
        self.release(name, "node-exporter", NAMESPACE, node_exporter::values(), namespaces);
    }

    /// One program for each signal.
    fn traditional(&mut self, name: &ClusterName, shipper: LogShipper, push: &Push, needs: &[UnitId]) {
        use catalog::{alloy, log_shipper, prometheus_agent};
        self.exporters(name);
        let metrics = prometheus_agent::values(name, push);
        self.release(name, prometheus_agent::RELEASE, NAMESPACE, metrics, needs.to_vec());
        let logs = log_shipper::values(name, push);
        self.release(name, log_shipper::release(shipper), NAMESPACE, logs, needs.to_vec());
        let traces = alloy::values(alloy::Role::Traces, name, push);
        let needs = after_metrics(name, prometheus_agent::RELEASE, needs);
        self.release_of(name, "alloy", alloy::Role::Traces.release(), NAMESPACE, traces, needs);
    }

    pub(super) fn alloy(&mut self, name: &ClusterName, push: &Push, needs: &[UnitId]) {
        use catalog::alloy;
        self.exporters(name);
        let monitors = self.has_monitors(name);
        for role in [alloy::Role::DaemonSet, alloy::Role::Deployment { monitors }] {
            let values = alloy::values(role, name, push);
            self.release_of(name, "alloy", role.release(), NAMESPACE, values, needs.to_vec());
        }
    }

    fn otel(&mut self, cluster: &ClusterName, gateway: &Gateway, needs: &[UnitId]) {
        use catalog::otel_collector::{Role, values};
        for role in [Role::DaemonSet, Role::StatefulSet] {
            let values = values(role, cluster, gateway);
            self.release_of(cluster, "otel-collector", role.release(), NAMESPACE, values, needs.to_vec());
        }
    }

    /// Whether ServiceMonitors and PodMonitors can be discovered on the cluster.
    fn has_monitors(&self, cluster: &ClusterName) -> bool {
        self.units.contains_key(&UnitId::new(cluster, PROMETHEUS_CRDS))
            || [SERVICE_MONITOR, POD_MONITOR].into_iter().all(|kind| self.capabilities.offers(cluster, kind))
    }

    /// Says once where discovery of ServiceMonitors and PodMonitors is left out.
    pub(super) fn monitor_note(&mut self) {
        let hub = std::iter::once(&self.topology.hub.cluster);
        let spokes = self.topology.spokes.iter().filter(|spoke| spoke.scenario == Scenario::Alloy);
        let without: Vec<&str> = hub
            .chain(spokes.map(|spoke| &spoke.cluster))
            .filter(|cluster| !self.has_monitors(&cluster.name))
            .map(|cluster| cluster.name.as_str())
            .collect();
        if !without.is_empty() {
            self.notes.push(format!(
                "discovery of ServiceMonitors and PodMonitors is left out, since their definitions are neither on \
                 the cluster nor in this plan: {}",
                without.join(", ")
            ));
        }
    }

    /// A release whose unit, chart and release have one name.
    pub(super) fn release(
        &mut self,
        cluster: &ClusterName,
        name: &str,
        namespace: &str,
        values: Value,
        needs: impl IntoIterator<Item = UnitId>,
    ) {
        self.release_of(cluster, name, name, namespace, values, needs);
    }

    pub(super) fn release_of(
        &mut self,
        cluster: &ClusterName,
        chart: &str,
        name: &str,
        namespace: &str,
        values: Value,
        needs: impl IntoIterator<Item = UnitId>,
    ) {
        self.chart((cluster, name), namespace, ChartRef::Embedded(chart.to_owned()), values, needs);
    }

    /// A release of any chart; unit and release have one name.
    pub(super) fn chart(
        &mut self,
        (cluster, name): (&ClusterName, &str),
        namespace: &str,
        chart: ChartRef,
        values: Value,
        needs: impl IntoIterator<Item = UnitId>,
    ) {
        let content = Content::Release(Release {
            chart,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            values: Arc::new(values),
            gives: Vec::new(),
        });
        self.add(UnitId::new(cluster, name), needs, content);
    }
}
