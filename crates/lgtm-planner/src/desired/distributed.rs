//! The units of the profile `distributed`: upstream charts on the hub, and on spokes that use them.

use lgtm_topology::{ClusterName, Provider};
use serde_json::{Value, json};

use super::{Catalog, NAMESPACES_UNIT, spoke};
use crate::{
    catalog::{
        self,
        distributed::{self, Backend, STORAGE, STORAGE_KEY, STORAGE_ROOT},
        push::Push,
        upstream::{self, Upstream},
    },
    fact::FactRef,
    unit::{AccessKeyRequest, Buckets, Content, ENROLMENT_UNIT, Material, ObjectStorage, SecretRef, UnitId},
};

/// The namespaces that the hub has in this profile alone.
pub(super) const HUB_NAMESPACES: [&str; 2] = [STORAGE.0, CERT_MANAGER];

/// What makes the certificates of webhooks.
pub(super) const CERT_MANAGER: &str = "cert-manager";
/// The definitions of monitors and of Prometheus itself.
pub(super) const PROMETHEUS_CRDS: &str = "prometheus-crds";
/// Prometheus and what comes with it.
pub(super) const MONITOR: &str = "monitor";

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
        self.cert_manager(&hub.name);
        self.backends();
        let mut monitor = distributed::monitor(&hub.name, push);
        let secret = catalog::grafana::admin_secret(topology);
        upstream::merge(&mut monitor, distributed::grafana(topology, secret, password));
        // The sidecars' rights come with the data sources.
        needs.push(UnitId::new(&hub.name, "grafana"));
        self.upstream((&hub.name, MONITOR), spoke::NAMESPACE, &upstream::MONITOR_HUB, monitor, needs);
        let provisioning = catalog::grafana::provisioning(topology);
        self.release(&hub.name, "grafana", spoke::NAMESPACE, provisioning, [namespaces]);
    }

    /// Object storage, and Mimir, Loki and Tempo over it, each with a key that opens its own buckets.
    fn backends(&mut self) {
        let topology = self.topology;
        let hub = &topology.hub.cluster.name;
        let namespaces = UnitId::new(hub, NAMESPACES_UNIT);
        let (root, id_key, secret_key) = STORAGE_ROOT;
        let root = UnitId::new(hub, root);
        let own =
            AccessKeyRequest { id_key: id_key.to_owned(), secret_key: secret_key.to_owned(), opens: None };
        let secret = (STORAGE.0, root.name.as_str());
        self.material(root.clone(), [namespaces.clone()], secret, Material::AccessKey(own));
        let digest = FactRef::new(&root, "digest").placeholder();
        let needs = [namespaces.clone(), root];
        self.upstream((hub, "rustfs"), STORAGE.0, &upstream::RUSTFS, distributed::rustfs(&digest), needs);
        let policies = Content::Objects(distributed::network_policies());
        self.add(UnitId::new(hub, "network-policies"), [namespaces.clone()], policies);
        for Backend { name, chart, buckets, implied } in &distributed::BACKENDS {
            let key = self.storage_key(name, buckets);
            let values = implied(topology, &FactRef::new(&key, "digest").placeholder());
            self.upstream((hub, name), name, chart, values, [namespaces.clone(), key]);
        }
    }

    /// A backend's key for the object storage, and its buckets there.
    fn storage_key(&mut self, backend: &str, buckets: &[&str]) -> UnitId {
        let hub = &self.topology.hub.cluster;
        let (secret, id_key, secret_key) = STORAGE_KEY;
        let (namespace, service, port) = STORAGE;
        let (root, root_id_key, root_secret_key) = STORAGE_ROOT;
        let storage = ObjectStorage {
            namespace: namespace.to_owned(),
            service: service.to_owned(),
            port,
            root: SecretRef { namespace: namespace.to_owned(), name: root.to_owned() },
            root_unit: Some(UnitId::new(&hub.name, root)),
            root_id_key: root_id_key.to_owned(),
            root_secret_key: root_secret_key.to_owned(),
        };
        let request = AccessKeyRequest {
            id_key: id_key.to_owned(),
            secret_key: secret_key.to_owned(),
            // No Pod answers on simulated nodes.
            opens: (hub.provider != Provider::Kwok)
                .then(|| Buckets { storage, names: buckets.iter().map(ToString::to_string).collect() }),
        };
        let unit = UnitId::new(&hub.name, format!("{backend}-storage"));
        let needs = [UnitId::new(&hub.name, NAMESPACES_UNIT), UnitId::new(&hub.name, "rustfs")];
        self.material(unit.clone(), needs, (backend, secret), Material::AccessKey(request));
        unit
    }

    /// Prometheus on a spoke, and what it reads.
    pub(super) fn monitor(&mut self, cluster: &ClusterName, push: &Push, needs: &[UnitId]) {
        self.prometheus_crds(cluster);
        let (name, needs) = ((cluster, MONITOR), needs.to_vec());
        let values = distributed::monitor(cluster, push);
        self.upstream(name, spoke::NAMESPACE, &upstream::MONITOR_SPOKE, values, needs);
    }

    pub(super) fn prometheus_crds(&mut self, cluster: &ClusterName) {
        let needs = [UnitId::new(cluster, NAMESPACES_UNIT)];
        let name = (cluster, PROMETHEUS_CRDS);
        self.upstream(name, spoke::NAMESPACE, &upstream::PROMETHEUS_CRDS, json!({}), needs);
    }

    pub(super) fn cert_manager(&mut self, cluster: &ClusterName) {
        let needs = [UnitId::new(cluster, NAMESPACES_UNIT)];
        let name = (cluster, CERT_MANAGER);
        self.upstream(name, CERT_MANAGER, &upstream::CERT_MANAGER, json!({}), needs);
    }

    /// An upstream chart with what the topology implies for it.
    ///
    /// Each may bring monitors, by the catalog's values or by an override; so it comes after their definitions where
    /// those are planned. That is stated here because a chart whose facts are not known yet is not rendered, and
    /// nobody could see what it brings.
    pub(super) fn upstream(
        &mut self,
        name: (&ClusterName, &str),
        namespace: &str,
        chart: &Upstream,
        implied: Value,
        needs: impl IntoIterator<Item = UnitId>,
    ) {
        let definitions = UnitId::new(name.0, PROMETHEUS_CRDS);
        let definitions =
            Some(definitions).filter(|unit| name.1 != PROMETHEUS_CRDS && self.units.contains_key(unit));
        self.chart(
            name,
            namespace,
            chart.chart(),
            chart.values(implied),
            needs.into_iter().chain(definitions),
        );
    }
}
