//! What the topology says of Grafana: its administrator, and the way in from outside the cluster.

use serde::Serialize;

use super::Sensitive;

/// Settings of the hub's Grafana.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grafana {
    /// Where the admin password comes from.
    pub admin: AdminPassword,
    /// The way in from outside the cluster; without it, only through the API server.
    pub entrance: Option<Entrance>,
}

/// Where Grafana's admin password comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AdminPassword {
    /// Made once by lgtmctl and kept in a Secret on the hub.
    Generated,
    /// Written in the topology.
    Given(Sensitive),
    /// In a Secret that the user keeps in Grafana's namespace on the hub (`observability`).
    Secret {
        /// The Secret's name.
        name: String,
        /// The key that holds the password.
        key: String,
    },
}

/// How people outside the cluster reach Grafana: by a host name, over HTTPS, through the Gateway API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entrance {
    /// The host name, a DNS name in lower case.
    pub host: String,
    /// The Gateway that it goes through.
    pub gateway: EntranceGateway,
    /// Whether lgtmctl brings the Gateway API's definitions, or the cluster has them.
    pub install_crds: bool,
}

/// The Gateway before Grafana.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EntranceGateway {
    /// One that lgtmctl makes, with a certificate for the host.
    Made {
        /// The GatewayClass, which belongs to the controller that the cluster has.
        class: String,
        /// cert-manager's issuer of the certificate; an authority of lgtmctl's own when absent.
        issuer: Option<Issuer>,
    },
    /// One that exists, with a certificate of its own.
    Existing {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The one of its listeners that is meant; all that admit the host when absent.
        listener: Option<String>,
    },
}

/// An issuer of cert-manager's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issuer {
    /// Its name.
    pub name: String,
    /// Where it lives.
    pub kind: IssuerKind,
}

/// Where an issuer lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum IssuerKind {
    /// In Grafana's namespace (`observability`).
    Issuer,
    /// Once for the whole cluster.
    ClusterIssuer,
}

impl IssuerKind {
    /// The kind, as cert-manager calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "Issuer",
            Self::ClusterIssuer => "ClusterIssuer",
        }
    }
}
