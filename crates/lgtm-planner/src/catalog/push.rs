//! Where a cluster's agents send what they collect.
//!
//! The module knows the hub's entrances by name. It knows no agent's configuration, and of a certificate
//! only where it is kept and a digest that changes when it does.

use lgtm_topology::TenantId;
use serde_json::{Value, json};

/// The namespace of all agents, and of the Secret with a spoke's client certificate.
pub const NAMESPACE: &str = "observability";

/// The Secret with `ca.crt`, `tls.crt` and `tls.key` that a spoke's agents show to the tenant gateway.
pub const CERTIFICATE_SECRET: &str = "tenant-certificate";

/// Whether agents read kubelets without checking their certificates.
///
/// kubeadm's kubelets, and so kind's, sign their own certificate, which no authority vouches for. An agent on
/// each node asks its own node's address only, so the connection never leaves the node, and whoever could sit
/// in it owns the node already. Prometheus in agent mode asks all nodes; its chart's README says what that
/// risks. The charts' own default is to check.
pub(super) const KUBELET_SIGNS_ITSELF: bool = true;

pub(super) const MIMIR: &str = "http://mimir-distributor.mimir.svc:8080/api/v1/push";
const TEMPO: &str = "tempo-distributor.tempo.svc:4317";

/// How telemetry reaches the hub's backends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// Over mutual TLS, from a spoke. The gateway names the tenant, the agents do not.
    Gateway(Gateway),
    /// Within the hub, straight to the backends, which believe the tenant that the agents name.
    Direct {
        /// The tenant of the hub's own telemetry.
        tenant: TenantId,
        /// Loki's Service for pushes, in its namespace.
        loki: &'static str,
    },
}

impl Push {
    /// The charts' value `push`.
    pub fn values(&self) -> Value {
        match self {
            Self::Gateway(gateway) => gateway.values(),
            Self::Direct { tenant, loki } => json!({
                "direct": {
                    "tenant": tenant.as_str(),
                    "metricsUrl": MIMIR,
                    "logsUrl": format!("http://{loki}.loki.svc:3100/loki/api/v1/push"),
                    "tracesEndpoint": TEMPO,
                },
            }),
        }
    }
}

/// The tenant gateway as a spoke sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// An IPv4 address or a host name, as the hub's LoadBalancer has it.
    pub address: String,
    /// The gateway's port: HTTPS, for HTTP/1.1 and HTTP/2 alike.
    pub port: u16,
    /// The name in the gateway's certificate. It is stated, because the address rarely is that name.
    pub server_name: String,
    /// The Secret with the client certificate, in the agents' namespace.
    pub secret_name: String,
    /// A digest of the client certificate; the agents' pods are replaced when it changes.
    pub certificate_digest: String,
}

impl Gateway {
    /// `host:port`.
    pub fn host(&self) -> String {
        format!("{}:{}", self.address, self.port)
    }

    /// Its root, without a slash at the end.
    pub fn url(&self) -> String {
        format!("https://{}", self.host())
    }

    /// The charts' value `push`.
    pub fn values(&self) -> Value {
        json!({
            "gateway": {
                "url": self.url(),
                "serverName": self.server_name,
                "secretName": self.secret_name,
                "certificateDigest": self.certificate_digest,
            },
        })
    }
}

#[cfg(test)]
pub(crate) mod fixture {
    //! The two ways to the hub, for the tests of the agents' values.

    use super::{CERTIFICATE_SECRET, Gateway, Push};
    use crate::catalog::services::LOKI_PUSH;
    use lgtm_topology::TenantId;

    pub(crate) fn gateway() -> Gateway {
        Gateway {
            address: "172.18.255.249".to_owned(),
            port: 443,
            server_name: "tenant-gateway".to_owned(),
            secret_name: CERTIFICATE_SECRET.to_owned(),
            certificate_digest: "0123456789ab".to_owned(),
        }
    }

    pub(crate) fn direct() -> Push {
        Push::Direct { tenant: TenantId::new("_local"), loki: LOKI_PUSH }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spoke_names_no_tenant_and_no_backend() {
        let values = Push::Gateway(fixture::gateway()).values();
        assert_eq!(values.pointer("/gateway/url"), Some(&json!("https://172.18.255.249:443")));
        let text = values.to_string();
        assert!(!text.contains("direct") && !text.contains(".svc"), "{text}");
    }

    #[test]
    fn the_hub_pushes_under_its_own_tenant() {
        let values = fixture::direct().values();
        assert_eq!(values.pointer("/direct/tenant"), Some(&json!("_local")));
        assert_eq!(values.get("gateway"), None);
    }

    #[test]
    fn a_renewed_certificate_and_a_moved_gateway_change_the_values() {
        let before = fixture::gateway();
        let renewed = Gateway { certificate_digest: "ba9876543210".to_owned(), ..before.clone() };
        let moved = Gateway { address: "hub.example.com".to_owned(), port: 8443, ..before.clone() };
        assert_ne!(before.values(), renewed.values());
        assert_eq!(moved.values().pointer("/gateway/url"), Some(&json!("https://hub.example.com:8443")));
    }
}
