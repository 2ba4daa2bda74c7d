//! The units through which people outside the hub reach Grafana by a host name.

use lgtm_topology::{Entrance, EntranceGateway, ManifestLocation, Profile, Provider};

use super::{Catalog, NAMESPACES_UNIT, distributed, hub};
use crate::{
    catalog::{self, entrance, grafana},
    unit::{CertificateRequest, CertificateUsage, Content, ENROLMENT_UNIT, Manifests, Material, UnitId},
};

/// The Gateway API's definitions.
const GATEWAY_API_UNIT: &str = "gateway-api";
/// The certificate for the host, by lgtmctl's authority.
const CERTIFICATE_UNIT: &str = "grafana-certificate";
/// The same by cert-manager. Its controller owns the Secret, so another unit with another Secret takes over when
/// the profile changes.
const ISSUED_CERTIFICATE_UNIT: &str = "grafana-issued-certificate";
/// The Gateway and its routes.
const GATEWAY_UNIT: &str = "grafana-gateway";

impl Catalog<'_> {
    /// The units of the entrance, if the topology has one; the route goes to Grafana's own `unit`.
    pub(super) fn entrance(&mut self, unit: &str) {
        let topology = self.topology;
        let Some(Entrance { host, gateway, install_crds }) = &topology.hub.grafana.entrance else { return };
        let hub = &topology.hub.cluster.name;
        let mut needs = vec![UnitId::new(hub, NAMESPACES_UNIT), UnitId::new(hub, unit)];
        // Simulated clusters have no gateway controller that could have brought them.
        if *install_crds || topology.hub.cluster.provider == Provider::Kwok {
            let definitions = UnitId::new(hub, GATEWAY_API_UNIT);
            let files = vec![ManifestLocation::Url(entrance::GATEWAY_API.to_owned())];
            let content = Content::Manifests(Manifests { files, namespace: None });
            self.add(definitions.clone(), [UnitId::new(hub, ENROLMENT_UNIT)], content);
            needs.push(definitions);
        }
        let address = self.entrance_address();
        if matches!(gateway, EntranceGateway::Made { .. }) {
            needs.push(self.entrance_certificate(host, gateway));
            let place = address.map_or_else(
                || format!("the address that the Gateway is given on cluster {hub}"),
                |address| format!("{address}, which the Gateway on cluster {hub} asks for"),
            );
            self.notes.push(format!("Grafana is https://{host}: let that name lead to {place}"));
        }
        let secret = match topology.profile {
            Profile::Compact => entrance::TLS_SECRET,
            Profile::Distributed(_) => entrance::ISSUED_TLS_SECRET,
        };
        let objects = entrance::gateway(host, gateway, &grafana::service(topology), address, secret);
        self.add(UnitId::new(hub, GATEWAY_UNIT), needs, Content::Objects(objects));
    }

    /// By cert-manager where the profile has it, else by lgtmctl's own authority.
    fn entrance_certificate(&mut self, host: &str, gateway: &EntranceGateway) -> UnitId {
        let topology = self.topology;
        let hub = &topology.hub.cluster.name;
        let namespaces = UnitId::new(hub, NAMESPACES_UNIT);
        match topology.profile {
            Profile::Compact => {
                let unit = UnitId::new(hub, CERTIFICATE_UNIT);
                let authority = UnitId::new(hub, hub::AUTHORITY_UNIT);
                let request = CertificateRequest {
                    authority: authority.clone(),
                    common_name: "grafana".to_owned(),
                    usage: CertificateUsage::Server,
                    dns_names: vec![host.to_owned()],
                    addresses: Vec::new(),
                    tenant: None,
                };
                let secret = (grafana::NAMESPACE, entrance::TLS_SECRET);
                self.material(unit.clone(), [namespaces, authority], secret, Material::Certificate(request));
                unit
            }
            Profile::Distributed(_) => {
                let unit = UnitId::new(hub, ISSUED_CERTIFICATE_UNIT);
                let issuer = match gateway {
                    EntranceGateway::Made { issuer, .. } => issuer.as_ref(),
                    EntranceGateway::Existing { .. } => None,
                };
                let objects = catalog::entrance::certificate(&topology.name, host, issuer);
                let needs = [namespaces, UnitId::new(hub, distributed::CERT_MANAGER)];
                self.add(unit.clone(), needs, Content::Objects(objects));
                unit
            }
        }
    }

    /// The second assignable address of the hub's segment: the first is the tenant gateway's.
    fn entrance_address(&self) -> Option<std::net::Ipv4Addr> {
        self.topology.hub.cluster.segment.and_then(|segment| segment.usable().nth(1))
    }
}
