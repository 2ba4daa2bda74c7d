//! Which address a LoadBalancer Service gets: a pure function of all Services and the segment.

use std::{collections::BTreeSet, net::Ipv4Addr};

use k8s_openapi::api::core::v1::Service;
use lgtm_topology::Segment;

use super::follow::{Store, key};

/// Annotations by which an address is asked for, as Cilium and MetalLB know them.
const REQUESTS: [&str; 2] = ["lbipam.cilium.io/ips", "metallb.universe.tf/loadBalancerIPs"];

/// What is to be done about a Service's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Assignment {
    /// It has the right one, or shall have none and has none.
    Keep,
    /// It gets this one. Where another was asked for, `instead_of` says which and why not.
    Give { address: Ipv4Addr, instead_of: Option<String> },
    /// It is no LoadBalancer any more, and loses its address.
    Take,
    /// It cannot have one, and why.
    Refuse(String),
}

/// Decides for one Service, given all.
pub(super) fn assign(service: &Service, all: &Store<Service>, segment: Option<Segment>) -> Assignment {
    let present = address_of(service);
    if !is_load_balancer(service) {
        return if present.is_some() { Assignment::Take } else { Assignment::Keep };
    }
    let Some(segment) = segment else {
        return match present {
            Some(_) => Assignment::Keep,
            None => Assignment::Refuse("the cluster has no segment of LoadBalancer addresses".to_owned()),
        };
    };
    let usable: Vec<_> = segment.usable().collect();
    let others = all.values().filter(|other| key(*other) != key(service) && is_load_balancer(other));
    let held: BTreeSet<_> = others.clone().filter_map(address_of).collect();
    let valid = |address: &Ipv4Addr| usable.contains(address) && !held.contains(address);

    let requested = requested(service);
    if let Some(address) = requested.iter().copied().find(|address| valid(address)) {
        return if present == Some(address) { Assignment::Keep } else { give(address, None) };
    }
    let instead_of = requested.first().map(|address| {
        let why = if held.contains(address) { "in use" } else { "not usable in the cluster's segment" };
        format!("{address} was asked for, but is {why}")
    });
    if present.is_some_and(|address| valid(&address)) {
        return Assignment::Keep;
    }
    // What another Service asks for is its own, though it may not have it yet.
    let wanted: BTreeSet<_> = others.flat_map(self::requested).collect();
    match usable.iter().copied().find(|address| !held.contains(address) && !wanted.contains(address)) {
        Some(address) => give(address, instead_of),
        None => Assignment::Refuse(format!(
            "all {} usable addresses of segment {} are taken",
            usable.len(),
            segment.range
        )),
    }
}

fn give(address: Ipv4Addr, instead_of: Option<String>) -> Assignment {
    Assignment::Give { address, instead_of }
}

fn is_load_balancer(service: &Service) -> bool {
    let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
    kind == Some("LoadBalancer") && service.metadata.deletion_timestamp.is_none()
}

/// The address that a Service has now.
pub(super) fn address_of(service: &Service) -> Option<Ipv4Addr> {
    let ingress = service.status.as_ref()?.load_balancer.as_ref()?.ingress.as_ref()?;
    ingress.iter().find_map(|ingress| ingress.ip.as_ref()?.parse().ok())
}

/// The addresses that a Service asks for, the first annotation that names any before the spec's own.
fn requested(service: &Service) -> Vec<Ipv4Addr> {
    let annotations = service.metadata.annotations.as_ref();
    let spec = service.spec.as_ref().and_then(|spec| spec.load_balancer_ip.as_ref());
    REQUESTS
        .iter()
        .filter_map(|name| annotations?.get(*name))
        .chain(spec)
        .map(|text| text.split(',').filter_map(|address| address.trim().parse().ok()).collect())
        .find(|addresses: &Vec<_>| !addresses.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn segment() -> Segment {
        Segment { range: "172.18.255.248/29".parse().unwrap(), node_network: "172.18.0.0/16".parse().ok() }
    }

    fn service(name: &str, annotations: Value, spec: Value, address: Option<&str>) -> Service {
        let ingress: Vec<_> = address.iter().map(|address| json!({"ip": address})).collect();
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "apps", "annotations": annotations},
            "spec": spec,
            "status": {"loadBalancer": {"ingress": ingress}},
        }))
        .unwrap()
    }

    fn load_balancer(name: &str, request: Option<&str>, address: Option<&str>) -> Service {
        let annotations = request.map_or(json!({}), |ip| json!({"lbipam.cilium.io/ips": ip}));
        service(name, annotations, json!({"type": "LoadBalancer"}), address)
    }

    fn store(services: &[&Service]) -> Store<Service> {
        services.iter().map(|service| (key(*service), (*service).clone())).collect()
    }

    fn given(address: &str) -> Assignment {
        give(address.parse().unwrap(), None)
    }

    #[test]
    fn the_request_wins_however_it_is_made() {
        for asking in [
            load_balancer("a", Some("172.18.255.250"), None),
            load_balancer("a", Some("10.0.0.1, 172.18.255.250"), None),
            service(
                "a",
                json!({"metallb.universe.tf/loadBalancerIPs": "172.18.255.250"}),
                json!({"type": "LoadBalancer"}),
                None,
            ),
            service(
                "a",
                json!({}),
                json!({"type": "LoadBalancer", "loadBalancerIP": "172.18.255.250"}),
                None,
            ),
            // A request that was changed moves the Service.
            load_balancer("a", Some("172.18.255.250"), Some("172.18.255.249")),
        ] {
            assert_eq!(assign(&asking, &store(&[&asking]), Some(segment())), given("172.18.255.250"));
        }
        let right = load_balancer("a", Some("172.18.255.250"), Some("172.18.255.250"));
        assert_eq!(assign(&right, &store(&[&right]), Some(segment())), Assignment::Keep);
    }

    #[test]
    fn without_a_request_the_first_free_address_that_nobody_asks_for_is_given() {
        let asking = load_balancer("a", None, None);
        let holder = load_balancer("b", None, Some("172.18.255.248"));
        let planned = load_balancer("c", Some("172.18.255.249"), None);
        let all = store(&[&asking, &holder, &planned]);
        assert_eq!(assign(&asking, &all, Some(segment())), given("172.18.255.250"));
    }

    #[test]
    fn a_request_that_cannot_be_met_is_named() {
        let holder = load_balancer("b", None, Some("172.18.255.250"));
        for (request, why) in [("172.18.255.250", "in use"), ("192.0.2.7", "not usable")] {
            let asking = load_balancer("a", Some(request), None);
            let assigned = assign(&asking, &store(&[&asking, &holder]), Some(segment()));
            let Assignment::Give { address, instead_of: Some(text) } = assigned else {
                panic!("{request}: {assigned:?}");
            };
            assert_eq!(address, Ipv4Addr::new(172, 18, 255, 248));
            assert!(text.contains(request) && text.contains(why), "{text}");
        }
    }

    #[test]
    fn the_broadcast_address_of_the_node_network_is_never_given_and_then_none_is_left() {
        let addresses: Vec<_> = (248..255).map(|last| format!("172.18.255.{last}")).collect();
        let holders: Vec<_> = addresses
            .iter()
            .enumerate()
            .map(|(number, address)| load_balancer(&format!("holder-{number}"), None, Some(address)))
            .collect();
        let asking = load_balancer("a", Some("172.18.255.255"), None);
        let mut all: Vec<_> = holders.iter().collect();
        all.push(&asking);
        let refused = assign(&asking, &store(&all), Some(segment()));
        assert!(matches!(&refused, Assignment::Refuse(why) if why.contains("all 7 usable")), "{refused:?}");
    }

    #[test]
    fn no_segment_is_said_and_a_service_that_changes_type_loses_its_address() {
        let asking = load_balancer("a", None, None);
        assert!(matches!(assign(&asking, &store(&[&asking]), None), Assignment::Refuse(_)));

        let former = service("a", json!({}), json!({"type": "ClusterIP"}), Some("172.18.255.248"));
        assert_eq!(assign(&former, &store(&[&former]), Some(segment())), Assignment::Take);
        let never = service("a", json!({}), json!({"type": "ClusterIP"}), None);
        assert_eq!(assign(&never, &store(&[&never]), Some(segment())), Assignment::Keep);
    }

    #[test]
    fn an_address_outside_of_a_segment_that_moved_is_replaced() {
        let stale = load_balancer("a", None, Some("172.18.254.1"));
        assert_eq!(assign(&stale, &store(&[&stale]), Some(segment())), given("172.18.255.248"));
    }
}
