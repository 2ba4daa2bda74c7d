//! The hub's units: backends, Grafana, the tenant gateway, and the hub's own agents.

use std::{collections::BTreeMap, sync::Arc};

use lgtm_topology::{AdminPassword, Profile};

use super::{Catalog, NAMESPACES_UNIT, distributed, spoke};
use crate::{
    catalog::{self, services::LOKI_PUSH},
    fact::FactRef,
    inventory::SYSTEM_NAMESPACE,
    unit::{
        CertificateRequest, CertificateUsage, ChartRef, Content, ENROLMENT_UNIT, Material, MaterialContent,
        Release, SecretRef, ServiceAddress, UnitId,
    },
};

/// The namespaces of the backends and of the gateway.
pub(super) const NAMESPACES: [&str; 4] = ["loki", "mimir", "tempo", GATEWAY_NAMESPACE];

const GATEWAY_NAMESPACE: &str = "lgtm-gateway";
/// The tenant gateway's unit, release and Service.
pub(super) const GATEWAY_UNIT: &str = "tenant-gateway";
/// The authority of the certificates between spokes and hub.
pub(super) const AUTHORITY_UNIT: &str = "certificate-authority";
/// The name in the gateway's certificate. Agents reach the gateway by address and expect this name,
/// so a changed address needs no new certificate.
pub(super) const GATEWAY_SERVER_NAME: &str = "tenant-gateway.lgtmctl.internal";
const GATEWAY_CERTIFICATE_UNIT: &str = "gateway-certificate";
const GRAFANA_ADMIN_UNIT: &str = "grafana-admin";

impl Catalog<'_> {
    pub(super) fn hub(&mut self) {
        let hub = self.topology.hub.cluster.name.clone();
        let namespaces = UnitId::new(&hub, NAMESPACES_UNIT);
        let topology = self.topology;
        self.material(
            UnitId::new(&hub, AUTHORITY_UNIT),
            [UnitId::new(&hub, ENROLMENT_UNIT)],
            (SYSTEM_NAMESPACE, AUTHORITY_UNIT),
            Material::Authority { common_name: format!("lgtmctl {}", topology.name) },
        );
        self.gateway();
        let push =
            catalog::push::Push::Direct { tenant: topology.hub.cluster.tenant.clone(), loki: self.loki };
        let (needs, password) = self.grafana_admin();
        match topology.profile {
            Profile::Compact => {
                self.release(&hub, "mimir", "mimir", catalog::mimir::values(topology), [namespaces.clone()]);
                self.release(&hub, "loki", "loki", catalog::loki::values(topology), [namespaces.clone()]);
                self.release(&hub, "tempo", "tempo", catalog::tempo::values(topology), [namespaces.clone()]);
                let grafana = catalog::grafana::values(topology, password.as_deref());
                self.release(&hub, "grafana", spoke::NAMESPACE, grafana, needs);
                self.entrance("grafana");
                self.alloy(&hub, &push, &[namespaces]);
            }
            Profile::Distributed(shipper) => {
                self.distributed_hub(&push, needs, password.as_deref());
                self.entrance(distributed::MONITOR);
                self.upstream_logs_and_traces(&hub, shipper, &push, &[namespaces]);
            }
        }
    }

    /// The administrator's password: what needs it needs these units, and a digest of it is known by then.
    fn grafana_admin(&mut self) -> (Vec<UnitId>, Option<String>) {
        let hub = &self.topology.hub.cluster.name;
        let namespaces = UnitId::new(hub, NAMESPACES_UNIT);
        let admin = UnitId::new(hub, GRAFANA_ADMIN_UNIT);
        let material = match &self.topology.hub.grafana.admin {
            AdminPassword::Secret { .. } => None,
            AdminPassword::Generated => Some(Material::Password { length: 24 }),
            AdminPassword::Given(password) => Some(Material::Given(password.clone())),
        };
        let mut needs = vec![namespaces.clone()];
        let digest = material.map(|material| {
            self.material(
                admin.clone(),
                [namespaces],
                (spoke::NAMESPACE, catalog::grafana::ADMIN_SECRET),
                material,
            );
            needs.push(admin.clone());
            FactRef::new(&admin, "digest").placeholder()
        });
        (needs, digest)
    }

    fn gateway(&mut self) {
        let hub = &self.topology.hub.cluster;
        let namespaces = UnitId::new(&hub.name, NAMESPACES_UNIT);
        let authority = UnitId::new(&hub.name, AUTHORITY_UNIT);
        let certificate = UnitId::new(&hub.name, GATEWAY_CERTIFICATE_UNIT);
        let address = self.gateway_address();
        self.material(
            certificate.clone(),
            [namespaces.clone(), authority.clone()],
            (GATEWAY_NAMESPACE, GATEWAY_CERTIFICATE_UNIT),
            Material::Certificate(CertificateRequest {
                authority,
                common_name: GATEWAY_UNIT.to_owned(),
                usage: CertificateUsage::Server,
                dns_names: vec![GATEWAY_SERVER_NAME.to_owned()],
                addresses: address.into_iter().collect(),
                tenant: None,
            }),
        );
        let mut needs = vec![namespaces, certificate.clone()];
        let mut tenants = BTreeMap::new();
        for spoke in &self.topology.spokes {
            let client = UnitId::new(&spoke.cluster.name, spoke::CERTIFICATE_UNIT);
            let fingerprints = vec![FactRef::new(&client, "fingerprints").placeholder()];
            tenants.insert(spoke.cluster.tenant.clone(), fingerprints);
            needs.push(client);
        }
        let values = catalog::tenant_gateway::values(&catalog::tenant_gateway::GatewayInputs {
            address,
            tenants,
            server_secret: GATEWAY_CERTIFICATE_UNIT.to_owned(),
            loki: (self.loki != LOKI_PUSH).then(|| format!("{}.loki.svc.cluster.local", self.loki)),
            alertmanager: match self.topology.profile {
                Profile::Compact => None,
                Profile::Distributed(_) => Some(catalog::distributed::ALERTMANAGER.to_owned()),
            },
            certificate_digest: FactRef::new(&certificate, "digest").placeholder(),
        });
        // Where the provider assigns addresses, this one is known only when the Service is there.
        let gives = if address.is_none() {
            vec![ServiceAddress { namespace: GATEWAY_NAMESPACE.to_owned(), service: GATEWAY_UNIT.to_owned() }]
        } else {
            Vec::new()
        };
        let content = Content::Release(Release {
            chart: ChartRef::Embedded(GATEWAY_UNIT.to_owned()),
            name: GATEWAY_UNIT.to_owned(),
            namespace: GATEWAY_NAMESPACE.to_owned(),
            values: Arc::new(values),
            gives,
        });
        self.add(UnitId::new(&hub.name, GATEWAY_UNIT), needs, content);
    }

    /// The first assignable address of the hub's segment, if it has one.
    pub(super) fn gateway_address(&self) -> Option<std::net::Ipv4Addr> {
        self.topology.hub.cluster.segment.and_then(|segment| segment.usable().next())
    }

    pub(super) fn material(
        &mut self,
        id: UnitId,
        needs: impl IntoIterator<Item = UnitId>,
        (namespace, name): (&str, &str),
        material: Material,
    ) {
        let secret = SecretRef { namespace: namespace.to_owned(), name: name.to_owned() };
        self.add(id, needs, Content::Material(MaterialContent { secret, material }));
    }
}
