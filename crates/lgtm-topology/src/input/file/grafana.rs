//! The fields of the hub's Grafana: its administrator, and the way in from outside the cluster.

use crate::{
    IssuerKind, Sensitive,
    input::{
        names::{HostName, NamespaceName, ObjectName},
        record,
        scalars::{Flag, SecretKey, SecretName},
    },
};

record! {
    /// How Grafana is reached and administered. Without a password or a Secret, lgtmctl makes a password once
    /// and keeps it in a Secret on the hub; without a host, `lgtmctl access` opens Grafana.
    Fields GrafanaInput {
        /// The administrator's password, at least 12 characters. Prefer `adminSecret`, which keeps it out of
        /// this file.
        optional admin_password "adminPassword": Sensitive,
        /// A Secret with the administrator's password, in namespace `observability` on the hub.
        optional admin_secret "adminSecret": AdminSecretInput,
        /// The DNS name by which people reach Grafana, over HTTPS and through the Gateway API. It needs
        /// `gatewayClass` or `gateway`.
        optional host "host": HostName,
        /// The GatewayClass of the gateway controller that the hub has, such as `cilium`. lgtmctl makes a
        /// Gateway of this class, with a certificate for the host.
        optional gateway_class "gatewayClass": ObjectName,
        /// A Gateway that the hub has already, with a certificate of its own, in place of `gatewayClass`.
        optional gateway "gateway": GatewayInput,
        /// Whether lgtmctl installs the Gateway API's definitions (experimental channel, 1.4.1), for a hub that
        /// has none; `false` by default, since they come with most gateway controllers, and several look for
        /// them only when they start. Those that were there already stay when lgtmctl lets go of them.
        optional install_gateway_crds "installGatewayCRDs": Flag,
        /// cert-manager's issuer of the certificate for the host, in the profile `distributed`; without it the
        /// certificate is by an authority made on the hub. It must not need the Gateway itself, which waits for
        /// the certificate: of ACME's challenges DNS-01 works and HTTP-01 does not.
        optional issuer "issuer": IssuerInput,
    }
    unsupported {
        "ingress": "remove it: Grafana is reached through the Gateway API; write `host` and `gatewayClass`",
    }
}

record! {
    /// A key of a Secret.
    Fields AdminSecretInput {
        /// The Secret's name.
        required name "name": SecretName,
        /// The key in it that holds the password.
        required key "key": SecretKey,
    }
    unsupported {}
}

record! {
    /// A Gateway that exists. It must admit routes from namespace `observability`.
    Fields GatewayInput {
        /// The Gateway's name.
        required name "name": ObjectName,
        /// The Gateway's namespace.
        required namespace "namespace": NamespaceName,
        /// The name of one of its listeners, best the one with TLS; when absent, all that admit the host serve
        /// Grafana, one without TLS too.
        optional listener "listener": ObjectName,
    }
    unsupported {
        "class": "write `gatewayClass` beside `host` for a Gateway that lgtmctl makes",
    }
}

record! {
    /// An issuer of cert-manager's.
    Fields IssuerInput {
        /// The issuer's name.
        required name "name": ObjectName,
        /// `ClusterIssuer`, or `Issuer` for one in namespace `observability`.
        required kind "kind": IssuerKind,
    }
    unsupported {}
}
