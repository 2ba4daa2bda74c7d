//! The objects through which people outside the cluster reach Grafana: a Gateway with routes, and its certificate.
//!
//! The module knows the Gateway API and cert-manager's API. It refuses to know who plays them: the GatewayClass and
//! its controller are the cluster's, and where certificates are made without cert-manager it is `desired` that asks
//! for one.

use std::net::Ipv4Addr;

use lgtm_topology::{EntranceGateway, Issuer, TopologyName};
use serde_json::{Value, json};

use super::grafana;
use crate::{object::Object, unit::ServicePort};

/// The Gateway API's definitions, in one file of one release. Cilium 1.19 needs `TLSRoute`, which only the
/// experimental channel has.
pub const GATEWAY_API: &str =
    "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.4.1/experimental-install.yaml";
/// The Secret with the certificate for the host, by lgtmctl's authority.
pub const TLS_SECRET: &str = "grafana-tls";
/// The same by cert-manager, which owns it.
pub const ISSUED_TLS_SECRET: &str = "grafana-tls-issued";
/// The Gateway, and the route of Grafana.
const NAME: &str = "grafana";
/// Of the authority by which cert-manager signs where the topology names none.
const AUTHORITY: &str = "grafana-authority";
const SELF_SIGNED: &str = "grafana-self-signed";

/// The Gateway and its routes, or a route alone where the Gateway exists. `address` is the one to ask for, and
/// `secret` holds the certificate.
pub fn gateway(
    host: &str,
    gateway: &EntranceGateway,
    service: &ServicePort,
    address: Option<Ipv4Addr>,
    secret: &str,
) -> Vec<Object> {
    let route = |parent: Value| route(NAME, host, &parent, &json!({"backendRefs": [backend(service)]}));
    let objects = match gateway {
        EntranceGateway::Made { class, .. } => {
            let listener = |name: &str| json!({"name": NAME, "sectionName": name});
            let redirect = json!({"filters": [{
                "type": "RequestRedirect",
                "requestRedirect": {"scheme": "https", "statusCode": 301},
            }]});
            vec![
                made(host, class, address, secret),
                route(listener("https")),
                self::route("grafana-redirect", host, &listener("http"), &redirect),
            ]
        }
        EntranceGateway::Existing { namespace, name, listener } => {
            let mut parent = json!({"namespace": namespace, "name": name});
            if let (Some(listener), Some(parent)) = (listener, parent.as_object_mut()) {
                parent.insert("sectionName".to_owned(), json!(listener));
            }
            vec![route(parent)]
        }
    };
    objects.into_iter().filter_map(|object| Object::new(object).ok()).collect()
}

fn made(host: &str, class: &str, address: Option<Ipv4Addr>, secret: &str) -> Value {
    let listener = |name: &str, port: u16, protocol: &str| {
        json!({
            "name": name,
            "hostname": host,
            "port": port,
            "protocol": protocol,
            "allowedRoutes": {"namespaces": {"from": "Same"}},
        })
    };
    let mut https = listener("https", 443, "HTTPS");
    if let Some(https) = https.as_object_mut() {
        let tls = json!({"mode": "Terminate", "certificateRefs": [{"name": secret}]});
        https.insert("tls".to_owned(), tls);
    }
    let mut spec = json!({"gatewayClassName": class, "listeners": [listener("http", 80, "HTTP"), https]});
    if let (Some(address), Some(spec)) = (address, spec.as_object_mut()) {
        // The controller copies them onto the Service that it makes.
        let annotations = json!({
            "lbipam.cilium.io/ips": address.to_string(),
            "metallb.universe.tf/loadBalancerIPs": address.to_string(),
        });
        spec.insert("infrastructure".to_owned(), json!({"annotations": annotations}));
    }
    object("gateway.networking.k8s.io/v1", "Gateway", NAME, &spec)
}

fn route(name: &str, host: &str, parent: &Value, rule: &Value) -> Value {
    let spec = json!({"hostnames": [host], "parentRefs": [parent], "rules": [rule]});
    object("gateway.networking.k8s.io/v1", "HTTPRoute", name, &spec)
}

fn backend(service: &ServicePort) -> Value {
    json!({"name": service.service, "port": service.port})
}

/// The certificate for the host by cert-manager: by the given issuer, or by an authority of its own.
pub fn certificate(topology: &TopologyName, host: &str, issuer: Option<&Issuer>) -> Vec<Object> {
    let (name, kind) = issuer.map_or((AUTHORITY, "Issuer"), |issuer| (&issuer.name, issuer.kind.as_str()));
    let mut objects = vec![requested(
        ISSUED_TLS_SECRET,
        &json!({
            "dnsNames": [host],
            "usages": ["digital signature", "server auth"],
            // As long as the certificates of lgtmctl's own, and renewed as early.
            "duration": "2160h",
            "renewBefore": "720h",
        }),
        &json!({"name": name, "kind": kind, "group": "cert-manager.io"}),
    )];
    if issuer.is_none() {
        let own = |name: &str, spec: Value| object("cert-manager.io/v1", "Issuer", name, &spec);
        objects.push(own(SELF_SIGNED, json!({"selfSigned": {}})));
        objects.push(requested(
            AUTHORITY,
            &json!({"isCA": true, "commonName": format!("lgtmctl {topology} Grafana"), "duration": "87600h"}),
            &json!({"name": SELF_SIGNED, "kind": "Issuer", "group": "cert-manager.io"}),
        ));
        objects.push(own(AUTHORITY, json!({"ca": {"secretName": AUTHORITY}})));
    }
    objects.into_iter().filter_map(|object| Object::new(object).ok()).collect()
}

/// A Certificate whose Secret is called like itself.
fn requested(name: &str, what: &Value, issuer: &Value) -> Value {
    let mut spec = json!({
        "secretName": name,
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "issuerRef": issuer,
    });
    super::upstream::merge(&mut spec, what.clone());
    object("cert-manager.io/v1", "Certificate", name, &spec)
}

fn object(api_version: &str, kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": grafana::NAMESPACE},
        "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use lgtm_topology::IssuerKind;

    use super::*;

    const HOST: &str = "grafana.example.com";

    fn service() -> ServicePort {
        ServicePort { namespace: grafana::NAMESPACE.to_owned(), service: "grafana".to_owned(), port: 80 }
    }

    fn shown(objects: &[Object]) -> String {
        objects.iter().map(|object| format!("{:#}\n", object.value())).collect()
    }

    #[test]
    fn a_gateway_of_our_own_asks_for_its_address_and_redirects_to_https() {
        let made = EntranceGateway::Made { class: "cilium".to_owned(), issuer: None };
        let address = Some(Ipv4Addr::new(172, 18, 255, 249));
        insta::assert_snapshot!(shown(&gateway(HOST, &made, &service(), address, TLS_SECRET)));
        let unplanned = gateway(HOST, &made, &service(), None, TLS_SECRET);
        assert!(!shown(&unplanned).contains("infrastructure"));
    }

    #[test]
    fn a_gateway_that_exists_gets_a_route_alone() {
        let existing = |listener: Option<&str>| EntranceGateway::Existing {
            namespace: "infra".to_owned(),
            name: "shared".to_owned(),
            listener: listener.map(str::to_owned),
        };
        let [route] = &gateway(HOST, &existing(None), &service(), None, TLS_SECRET)[..] else {
            panic!("one route")
        };
        assert_eq!(route.kind(), "HTTPRoute");
        let parents = route.value().pointer("/spec/parentRefs");
        assert_eq!(parents, Some(&json!([{"namespace": "infra", "name": "shared"}])));
        let named = gateway(HOST, &existing(Some("https")), &service(), None, TLS_SECRET);
        assert_eq!(named[0].value().pointer("/spec/parentRefs/0/sectionName"), Some(&json!("https")));
    }

    #[test]
    fn certificates_are_by_an_authority_of_our_own_or_by_the_users_issuer() {
        let topology = TopologyName::new("fixture");
        insta::assert_snapshot!(shown(&certificate(&topology, HOST, None)));
        let issuer = Issuer { name: "letsencrypt".to_owned(), kind: IssuerKind::ClusterIssuer };
        let [one] = &certificate(&topology, HOST, Some(&issuer))[..] else { panic!("one certificate") };
        let issued_by = one.value().pointer("/spec/issuerRef");
        let expected = json!({"name": "letsencrypt", "kind": "ClusterIssuer", "group": "cert-manager.io"});
        assert_eq!(issued_by, Some(&expected));
    }
}
