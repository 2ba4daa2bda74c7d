//! Networks of all clusters together: nothing overlaps, and every segment is where it can work.
//!
//! CIDRs are either disjoint or nested, so after sorting, one pass with a stack of the networks that
//! are still open finds every overlap: n log n for any number of clusters.

use ipnet::Ipv4Net;

use super::clusters::Draft;
use crate::{
    Provider, Segment,
    defaults::{KWOK_NODE_NETWORK, WORKERS},
    diagnostic::{Code, Place},
    input::{At, network::SegmentText},
    problems::{Problem, Problems},
};

/// A network, whose it is, and where that is said.
struct Claim {
    network: Ipv4Net,
    what: String,
    path: String,
    is_segment: bool,
    /// Absent for the nodes' network, which no line of the file states.
    place: Option<Place>,
}

/// Checks all networks and resolves the segments, one for each draft.
pub(super) fn check(drafts: &[Draft<'_>], problems: &mut Problems) -> Vec<Option<Segment>> {
    let mut clusters = Vec::new();
    for draft in drafts {
        check_size(draft, problems);
        let called = draft.called();
        if let Some(cidr) = draft.pod_cidr.get() {
            clusters.push(claim(cidr.value.0, format!("the pods of {called}"), cidr));
        }
        if let Some(cidr) = draft.service_cidr.get() {
            clusters.push(claim(cidr.value.0, format!("the Services of {called}"), cidr));
        }
    }
    let segments: Vec<Option<Segment>> = drafts.iter().map(|draft| segment(draft, problems)).collect();

    let has_node_network = drafts.iter().any(|draft| draft.provider == Some(Provider::Kwok));
    let nodes = has_node_network.then(|| Claim {
        network: KWOK_NODE_NETWORK,
        what: "the simulated nodes".to_owned(),
        path: String::new(),
        is_segment: false,
        place: None,
    });
    // Segments lie in the nodes' network on purpose, so the two are never compared with each other.
    check_disjoint(clusters.iter().chain(&nodes), problems);
    let segment_claims: Vec<Claim> = drafts
        .iter()
        .zip(&segments)
        .filter_map(|(draft, segment)| {
            let what = format!("the load balancers of {}", draft.called());
            let claim = claim(segment.as_ref()?.range, what, draft.segment.get()?);
            Some(Claim { is_segment: true, ..claim })
        })
        .collect();
    // Overlaps among the clusters' networks were reported above; only those with a segment are new.
    let outside = |claim: &&Claim| !has_node_network || !overlap(claim.network, KWOK_NODE_NETWORK);
    check_segments(clusters.iter().filter(outside), &segment_claims, problems);
    segments
}

fn claim<T>(network: Ipv4Net, what: String, at: &At<T>) -> Claim {
    Claim { network, what, path: at.path.clone(), is_segment: false, place: Some(at.place) }
}

fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Reports each claim that lies within another one.
fn check_disjoint<'a>(claims: impl Iterator<Item = &'a Claim>, problems: &mut Problems) {
    for_each_overlap(claims, |outer, inner| report_overlap(outer, inner, problems));
}

/// Reports each overlap that involves a segment.
fn check_segments<'a>(
    clusters: impl Iterator<Item = &'a Claim>,
    segments: &'a [Claim],
    problems: &mut Problems,
) {
    for_each_overlap(clusters.chain(segments), |outer, inner| {
        if outer.is_segment || inner.is_segment {
            report_overlap(outer, inner, problems);
        }
    });
}

/// Calls back for each claim that lies within another, with the narrowest such.
fn for_each_overlap<'a>(
    claims: impl Iterator<Item = &'a Claim>,
    mut found: impl FnMut(&'a Claim, &'a Claim),
) {
    let mut sorted: Vec<&Claim> = claims.collect();
    // A stable sort: of equal networks the first in the file counts as the outer one.
    sorted.sort_by_key(|claim| (claim.network.network(), claim.network.prefix_len()));
    let mut open: Vec<&Claim> = Vec::new();
    for claim in sorted {
        while open.pop_if(|outer| outer.network.broadcast() < claim.network.network()).is_some() {}
        if let Some(outer) = open.last() {
            found(outer, claim);
        }
        open.push(claim);
    }
}

fn report_overlap(outer: &Claim, inner: &Claim, problems: &mut Problems) {
    let help = if outer.is_segment && inner.is_segment {
        "give every cluster a segment of its own, such as `248/29`, `240/29` and `232/29`"
    } else {
        "give every cluster networks that no other uses, such as 10.11.0.0/16 and 10.12.0.0/16, \
         10.21.0.0/16 and 10.22.0.0/16"
    };
    // The later one is the offender; the nodes' network is nobody's offence.
    let (later, earlier) = if inner.place >= outer.place { (inner, outer) } else { (outer, inner) };
    let Some(at) = later.place else { return };
    let problem = Problem {
        code: Code::Overlap,
        at,
        message: format!(
            "the network {} for {} overlaps {} for {}",
            later.network, later.what, earlier.network, earlier.what
        ),
        label: "overlaps".to_owned(),
        help: help.to_owned(),
    };
    match earlier.place {
        Some(place) => problems.report_pair(&later.path, problem, place, "with this one".to_owned()),
        None => problems.report_at(&later.path, problem),
    }
}

/// Each node takes a /24 of the pods' network, so that many must fit.
fn check_size(draft: &Draft<'_>, problems: &mut Problems) {
    let (Some(Provider::Kwok), Some(cidr)) = (&draft.provider, draft.pod_cidr.get()) else { return };
    let nodes = u64::from(draft.workers.value().map_or(WORKERS, |workers| workers.0)) + 1;
    let prefix = cidr.value.0.prefix_len();
    let room = 1_u64 << 24_u8.saturating_sub(prefix);
    if room < nodes {
        problems.report_at(
            &cidr.path,
            Problem {
                code: Code::Segment,
                at: cidr.place,
                message: format!(
                    "the network {} has room for {room} nodes and {} has {nodes}",
                    cidr.value.0,
                    draft.called()
                ),
                label: "too small".to_owned(),
                help: "use a larger network, such as a /16: each node takes a /24 of it for its pods"
                    .to_owned(),
            },
        );
    }
}

/// Resolves a segment against the nodes' network and checks that it fits there.
fn segment(draft: &Draft<'_>, problems: &mut Problems) -> Option<Segment> {
    let provider = draft.provider.as_ref()?;
    let node_network = match provider {
        Provider::Kwok => Some(KWOK_NODE_NETWORK),
        Provider::Existing { .. } => None,
    };
    let Some(at) = draft.segment.get() else {
        if draft.is_hub && node_network.is_some() && draft.segment.is_absent() {
            report_no_segment(draft, problems);
        }
        return None;
    };
    let range = match (at.value, node_network) {
        (SegmentText::Range(range), _) => range,
        (SegmentText::LastOctet { octet, length }, Some(nodes)) => last_octet(nodes, octet, length)?,
        (SegmentText::LastOctet { octet, length }, None) => {
            report(
                at,
                format!("nothing says in which network {octet}/{length} of {} is", draft.called()),
                "not a whole CIDR",
                format!(
                    "write a whole CIDR, such as `192.168.1.{octet}/{length}`: lgtmctl does not know the \
                     nodes' network of a cluster that exists; or remove the field, and the cluster \
                     assigns the addresses"
                ),
                problems,
            );
            return None;
        }
    };
    if let Some(nodes) = node_network.filter(|nodes| !nodes.contains(&range)) {
        report(
            at,
            format!("the segment {range} of {} is outside the nodes' network {nodes}", draft.called()),
            "cannot be reached there",
            format!("use a part of {nodes}, such as `248/29`, which is the end of it"),
            problems,
        );
        return None;
    }
    let segment = Segment { range, node_network };
    // The hub's tenant gateway takes one; a segment without any serves nobody.
    if segment.usable().next().is_none() {
        report(
            at,
            format!("the segment {range} of {} has no address that can be used", draft.called()),
            "only reserved addresses",
            "use a larger one, such as `248/29`: the first two addresses and the last one of the nodes' \
             network are never assigned"
                .to_owned(),
            problems,
        );
        return None;
    }
    Some(segment)
}

/// The range at the end of the nodes' network whose last octet is given: for 172.18.0.0/16 and 248/29,
/// 172.18.255.248/29.
fn last_octet(nodes: Ipv4Net, octet: u8, length: u8) -> Option<Ipv4Net> {
    let [a, b, c, _] = nodes.broadcast().octets();
    Ipv4Net::new([a, b, c, octet].into(), length).ok()
}

fn report_no_segment(draft: &Draft<'_>, problems: &mut Problems) {
    problems.report_at(
        &draft.path,
        Problem {
            code: Code::MissingField,
            at: draft.place,
            message: format!("the hub {} has no segment", draft.called()),
            label: "`segment` is missing here".to_owned(),
            help: "add `segment: 248/29`: the spokes push to an address of it".to_owned(),
        },
    );
}

fn report(at: &At<SegmentText>, message: String, label: &str, help: String, problems: &mut Problems) {
    let label = label.to_owned();
    problems.report_at(&at.path, Problem { code: Code::Segment, at: at.place, message, label, help });
}

#[cfg(test)]
mod tests {
    use super::{Claim, for_each_overlap, last_octet};

    fn claims(networks: &[&str]) -> Vec<Claim> {
        let claim = |network: &&str| Claim {
            network: network.parse().expect("a network"),
            what: String::new(),
            path: String::new(),
            is_segment: false,
            place: None,
        };
        networks.iter().map(claim).collect()
    }

    fn overlaps(networks: &[&str]) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let claims = claims(networks);
        for_each_overlap(claims.iter(), |outer, inner| {
            found.push((outer.network.to_string(), inner.network.to_string()));
        });
        found
    }

    #[test]
    fn nested_and_equal_networks_overlap_and_neighbours_do_not() {
        assert!(overlaps(&["10.1.0.0/16", "10.0.0.0/16", "10.2.0.0/15"]).is_empty());
        assert_eq!(overlaps(&["10.1.0.0/16", "10.1.0.0/16"]).len(), 1);
        let nested = overlaps(&["10.1.2.0/24", "10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "10.200.0.0/16"]);
        let pair = |outer: &str, inner: &str| (outer.to_owned(), inner.to_owned());
        assert_eq!(
            nested,
            [
                pair("10.0.0.0/8", "10.1.0.0/16"),
                pair("10.1.0.0/16", "10.1.2.0/24"),
                pair("10.0.0.0/8", "10.200.0.0/16"),
            ]
        );
    }

    #[test]
    fn the_last_octet_is_at_the_end_of_the_nodes_network() {
        let resolve = |network: &str| last_octet(network.parse().expect("a network"), 248, 29);
        assert_eq!(
            resolve("172.18.0.0/16").map(|range| range.to_string()).as_deref(),
            Some("172.18.255.248/29")
        );
        assert_eq!(resolve("10.0.7.0/24").map(|range| range.to_string()).as_deref(), Some("10.0.7.248/29"));
    }
}
