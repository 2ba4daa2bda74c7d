//! A hub without a cluster: an authority, backends, and the gateway before them.

use std::{collections::BTreeSet, net::Ipv4Addr};

use http_body_util::Full;
use hyper::{Request, body::Bytes};
use lgtm_planner::catalog::tenant_gateway::GatewayInputs;
use lgtm_topology::TenantId;
use lgtm_world::pki::{Authority, CertificateRequest, Issued, Usage};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::{
    backend::{Backend, Protocol},
    gateway::Gateway,
    spoke::Spoke,
};

/// The catalog's inputs with one certificate per pair.
pub(crate) fn inputs(tenants: &[(&str, &str)]) -> GatewayInputs {
    let mut inputs = GatewayInputs {
        address: Some(Ipv4Addr::new(172, 18, 255, 249)),
        tenants: Default::default(),
        server_secret: "tenant-gateway-server".to_owned(),
        loki: None,
        alertmanager: None,
        certificate_digest: "0123456789ab".to_owned(),
    };
    for (tenant, fingerprint) in tenants {
        let listed = inputs.tenants.entry(TenantId::new(*tenant)).or_default();
        listed.push((*fingerprint).to_owned());
    }
    inputs
}

pub(crate) fn authority() -> Authority {
    let started = OffsetDateTime::now_utc() - Duration::days(100);
    Authority::generate("lgtmctl tenant gateway", started, Duration::days(3650)).unwrap()
}

pub(crate) fn client(name: &str) -> CertificateRequest {
    CertificateRequest {
        common_name: name.to_owned(),
        dns_names: BTreeSet::new(),
        ip_addresses: BTreeSet::new(),
        usage: Usage::Client,
        validity: Duration::days(90),
    }
}

pub(crate) fn server() -> CertificateRequest {
    CertificateRequest {
        dns_names: BTreeSet::from(["gateway.test".to_owned()]),
        usage: Usage::Server,
        ..client("gateway.test")
    }
}

pub(crate) fn fingerprint(issued: &Issued) -> &str {
    &issued.facts.fingerprint_sha256
}

/// A hub with its backends, and an authority for everything.
pub(crate) struct Hub {
    pub(crate) authority: Authority,
    pub(crate) mimir: Backend,
    pub(crate) loki: Backend,
    pub(crate) tempo: Backend,
    pub(crate) tempo_grpc: Backend,
    pub(crate) alertmanager: Backend,
}

impl Hub {
    pub(crate) async fn start() -> Self {
        Self {
            authority: authority(),
            mimir: Backend::start(Protocol::Http).await,
            loki: Backend::start(Protocol::Http).await,
            tempo: Backend::start(Protocol::Http).await,
            tempo_grpc: Backend::start(Protocol::Grpc).await,
            alertmanager: Backend::start(Protocol::Http).await,
        }
    }

    pub(crate) fn issue(&self, name: &str) -> Issued {
        self.authority.issue(&client(name), OffsetDateTime::now_utc()).unwrap()
    }

    pub(crate) fn gateway(&self, tenants: &[(&str, &str)]) -> Gateway {
        self.gateway_with(tenants, json!({}))
    }

    pub(crate) fn gateway_with(&self, tenants: &[(&str, &str)], mut extra: Value) -> Gateway {
        let port = |backend: &Backend| backend.address.port();
        extra["upstreams"] = json!({
            "mimir": {"host": "127.0.0.1", "port": port(&self.mimir)},
            "loki": {"host": "127.0.0.1", "port": port(&self.loki)},
            "tempo": {
                "host": "127.0.0.1", "httpPort": port(&self.tempo), "grpcPort": port(&self.tempo_grpc),
            },
            "alertmanager": {"host": "127.0.0.1", "port": port(&self.alertmanager)},
        });
        let certificate = self.authority.issue(&server(), OffsetDateTime::now_utc()).unwrap();
        Gateway::start(&inputs(tenants), certificate, extra)
    }

    pub(crate) fn spoke(&self, gateway: &Gateway, identity: &Issued) -> Spoke {
        Spoke::new(gateway.port, self.authority.certificate_pem(), Some(identity))
    }

    pub(crate) fn received_nothing(&self) {
        for backend in [&self.mimir, &self.loki, &self.tempo, &self.tempo_grpc, &self.alertmanager] {
            let received = backend.take();
            assert!(received.is_empty(), "{received:#?}");
        }
    }
}

/// A batch of samples for Mimir.
pub(crate) fn push() -> Request<Full<Bytes>> {
    Request::post("/api/v1/push").header("host", "gateway.test").body(Full::from("samples")).unwrap()
}
