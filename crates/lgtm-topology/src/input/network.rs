//! Networks and ranges of addresses as they are written in the file.
//!
//! Each is judged alone here: its form, its size, and whether such addresses can be used at all.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use serde_json::json;

use super::{Input, invalid, text};
use crate::{
    problems::{Problems, quoted},
    tree::Node,
};

/// The network of a cluster's pods.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PodCidr(pub(crate) Ipv4Net);

/// The network of a cluster's Services.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServiceCidr(pub(crate) Ipv4Net);

/// A segment as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SegmentText {
    /// `248/29`: the last octet and the length, at the end of the nodes' network.
    LastOctet { octet: u8, length: u8 },
    /// A whole CIDR.
    Range(Ipv4Net),
}

const CIDR_PATTERN: &str = "^([0-9]{1,3}\\.){3}[0-9]{1,3}/[0-9]{1,2}$";

impl Input for PodCidr {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        // Each node gets a /24 of it (kube-controller-manager's default), so it holds at least one.
        let network = cidr(node, "pods", 8..=24, "10.11.0.0/16", problems)?;
        Some(Self(network))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": CIDR_PATTERN})
    }
}

impl Input for ServiceCidr {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        // kube-apiserver takes no more than 2^20 and no fewer than 8 addresses.
        let network = cidr(node, "Services", 12..=29, "10.12.0.0/16", problems)?;
        Some(Self(network))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": CIDR_PATTERN})
    }
}

impl Input for SegmentText {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let written = text(node, problems)?;
        let Some((octet, length)) = short_form(written) else {
            // Larger ones would leave the nodes no room, and nobody has a thousand load balancers.
            return cidr(node, "LoadBalancer Services", 20..=32, "172.18.255.248/29", problems)
                .map(Self::Range);
        };
        let (Ok(octet), Ok(length @ 24..=32)) = (octet.parse::<u8>(), length.parse::<u8>()) else {
            invalid(
                node,
                format!("{} is not a range of addresses", quoted(written)),
                "octet above 255, or length outside 24 to 32",
                "write the last octet and a length from 24 to 32, such as `248/29`",
                problems,
            );
            return None;
        };
        let mask = u8::MAX.checked_shl(u32::from(32 - length)).unwrap_or(0);
        if octet & !mask != 0 {
            let start = octet & mask;
            invalid(
                node,
                format!("{} does not start where a range of its length can", quoted(written)),
                "not a multiple of the range's size",
                format!("write `{start}/{length}`, the range that holds {octet}"),
                problems,
            );
            return None;
        }
        Some(Self::LastOctet { octet, length })
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": "^(([0-9]{1,3}\\.){3})?[0-9]{1,3}/[0-9]{1,2}$"})
    }
}

/// The two numbers of `248/29`.
fn short_form(text: &str) -> Option<(&str, &str)> {
    let digits = |part: &str| !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('/').filter(|(octet, length)| digits(octet) && digits(length))
}

fn cidr(
    node: &Node,
    what: &str,
    lengths: std::ops::RangeInclusive<u8>,
    example: &str,
    problems: &mut Problems,
) -> Option<Ipv4Net> {
    let written = text(node, problems)?;
    let network = match written.parse::<IpNet>() {
        Ok(IpNet::V4(network)) => network,
        Ok(IpNet::V6(_)) => {
            let help = format!("write an IPv4 network, such as `{example}`; IPv6 is not supported yet");
            invalid(node, format!("{} is an IPv6 network", quoted(written)), "not IPv4", help, problems);
            return None;
        }
        Err(_) => {
            let help = match written.parse::<IpAddr>() {
                Ok(_) => format!("add the length of the network, as in `{example}`"),
                Err(_) => format!("write an IPv4 network as address and length, such as `{example}`"),
            };
            invalid(node, format!("{} is not a network", quoted(written)), "not a CIDR", help, problems);
            return None;
        }
    };
    if network.addr() != network.network() {
        let (message, help) = (
            format!("{} is an address inside a network, not the network", quoted(written)),
            format!("write `{}`", network.trunc()),
        );
        invalid(node, message, "bits are set behind the network's length", help, problems);
        return None;
    }
    if !lengths.contains(&network.prefix_len()) {
        invalid(
            node,
            format!("{} is not a size for {what}", quoted(written)),
            if network.prefix_len() < *lengths.start() { "too large" } else { "too small" },
            format!("use a length from /{} to /{}, such as `{example}`", lengths.start(), lengths.end()),
            problems,
        );
        return None;
    }
    if let Some(kind) = unusable_kind(network) {
        invalid(
            node,
            format!("{} is made of {kind} addresses", quoted(written)),
            "cannot be given to anything",
            format!("use a private network (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16), such as `{example}`"),
            problems,
        );
        return None;
    }
    Some(network)
}

/// What kind of addresses the network has, if no cluster can use them.
fn unusable_kind(network: Ipv4Net) -> Option<&'static str> {
    const KINDS: [(Ipv4Net, &str); 4] = [
        (Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8), "unspecified"),
        (Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8), "loopback"),
        (Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16), "link-local"),
        (Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 3), "multicast or reserved"),
    ];
    KINDS.iter().find(|(other, _)| other.contains(&network) || network.contains(other)).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::{short_form, unusable_kind};

    #[test]
    fn the_short_form_is_two_numbers() {
        assert_eq!(short_form("248/29"), Some(("248", "29")));
        for text in ["248", "/29", "248/", "-8/29", "172.18.255.248/29", "1/2/3"] {
            assert_eq!(short_form(text), None, "{text}");
        }
    }

    #[test]
    fn networks_that_no_cluster_can_use() {
        for bad in ["127.0.0.0/16", "169.254.0.0/24", "224.0.0.0/8", "255.255.255.0/24", "168.0.0.0/7"] {
            assert!(unusable_kind(bad.parse().expect("a network")).is_some(), "{bad}");
        }
        for good in ["10.0.0.0/8", "172.18.0.0/16", "192.168.1.0/24", "100.64.0.0/16"] {
            assert_eq!(unusable_kind(good.parse().expect("a network")), None, "{good}");
        }
    }
}
