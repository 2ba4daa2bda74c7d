//! Whatever the text, parsing ends without a panic, and what it returns can be relied on.

#![expect(clippy::indexing_slicing, reason = "a wrong index fails the test, which is what it is for")]

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use lgtm_topology::{KWOK_NODE_NETWORK, Parsed, Provider, Segment, Topology, parse, parse_bytes};
use proptest::prelude::*;

const QUICKSTART: &str = include_str!("../../../examples/quickstart.yaml");
const EXAMPLE: &str = include_str!("../../../topology.example.yaml");

/// Values that are likely to hit a rule.
const VALUES: &[&str] = &[
    "",
    "null",
    "~",
    "true",
    "0",
    "1",
    "2",
    "255",
    "256",
    "-1",
    "1.5",
    "lgtm-central",
    "lgtm-remote",
    "_local",
    "remote01",
    "alloy",
    "otel",
    "traditional",
    "{}",
    "[]",
    "[a]",
    "{kwok: {}}",
    "{existing: {context: a}}",
    "{existing: {}}",
    "10.11.0.0/16",
    "10.0.0.0/8",
    "10.22.0.0/24",
    "172.18.255.0/24",
    "172.18.0.0/16",
    "0.0.0.0/0",
    "255.255.255.255/32",
    "248/29",
    "255/32",
    "0/24",
    "240/28",
    "*a",
    "&a b",
    "!x y",
    "|",
    "\"",
    "'",
    "é",
    "\u{1b}",
    "---",
    "2w",
    "1h",
    "lgtm-central/mimir",
    "/",
    "99999999999999999999999999",
];

/// One change of a text's lines.
#[derive(Clone, Debug)]
enum Change {
    Delete(usize),
    Duplicate(usize),
    Swap(usize, usize),
    Value(usize, usize),
    Key(usize, usize),
    Indent(usize, bool),
    Cut(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let line = 0..200_usize;
    let value = 0..VALUES.len();
    prop_oneof![
        line.clone().prop_map(Change::Delete),
        line.clone().prop_map(Change::Duplicate),
        (line.clone(), line.clone()).prop_map(|(one, other)| Change::Swap(one, other)),
        // Values matter most: they leave the YAML intact and reach the rules.
        (line.clone(), value.clone()).prop_map(|(line, value)| Change::Value(line, value)),
        (line.clone(), value.clone()).prop_map(|(line, value)| Change::Value(line, value)),
        (line.clone(), value.clone()).prop_map(|(line, value)| Change::Value(line, value)),
        (line.clone(), value).prop_map(|(line, value)| Change::Key(line, value)),
        (line.clone(), any::<bool>()).prop_map(|(line, deeper)| Change::Indent(line, deeper)),
        line.prop_map(Change::Cut),
    ]
}

fn apply(text: &str, changes: &[Change]) -> String {
    let mut lines: Vec<String> =
        text.lines().filter(|line| !line.trim_start().starts_with('#')).map(str::to_owned).collect();
    for change in changes {
        let count = lines.len();
        if count == 0 {
            break;
        }
        match *change {
            Change::Delete(line) => {
                lines.remove(line % count);
            }
            Change::Duplicate(line) => lines.insert(line % count, lines[line % count].clone()),
            Change::Swap(one, other) => lines.swap(one % count, other % count),
            Change::Value(line, value) => {
                let line = &mut lines[line % count];
                if let Some(colon) = line.find(": ") {
                    line.truncate(colon + 2);
                    line.push_str(VALUES[value]);
                }
            }
            Change::Key(line, value) => {
                let line = &mut lines[line % count];
                if let Some(colon) = line.find(':') {
                    let start = line.find(|c: char| c.is_alphanumeric()).unwrap_or(colon).min(colon);
                    line.replace_range(start..colon, VALUES[value]);
                }
            }
            Change::Indent(line, true) => lines[line % count].insert_str(0, "  "),
            Change::Indent(line, false) => {
                let line = &mut lines[line % count];
                if line.starts_with("  ") {
                    line.replace_range(..2, "");
                }
            }
            Change::Cut(line) => {
                let line = &mut lines[line % count];
                let half = line.chars().count() / 2;
                *line = line.chars().take(half).collect();
            }
        }
    }
    lines.join("\n") + "\n"
}

/// What holds for everything that parsing returns.
fn assert_sound(source: &str, parsed: &Parsed) {
    assert_eq!(parsed.topology.is_none(), parsed.has_errors(), "{source}\n{parsed:?}");
    let lines = source.split('\n').count();
    for found in &parsed.diagnostics {
        assert!(!found.help.is_empty() && !found.message.is_empty() && !found.label.is_empty(), "{found:?}");
        let end = found.span.offset + found.span.len;
        assert!(end <= source.len() && source.is_char_boundary(found.span.offset), "{found:?}\n{source}");
        assert!(source.is_char_boundary(end), "{found:?}\n{source}");
        assert!((1..=lines + 1).contains(&(found.position.line as usize)), "{found:?}\n{source}");
        assert!(found.position.column >= 1, "{found:?}");
    }
    if let Some(topology) = &parsed.topology {
        assert_invariants(topology);
    }
}

fn assert_disjoint(networks: &[Ipv4Net]) {
    for (index, one) in networks.iter().enumerate() {
        for other in &networks[..index] {
            assert!(!one.contains(other) && !other.contains(one), "{one} and {other}");
        }
    }
}

/// The promises of the model, checked the slow and obvious way.
fn assert_invariants(topology: &Topology) {
    let clusters: Vec<_> = topology.clusters().collect();
    let names: BTreeSet<_> = clusters.iter().map(|cluster| &cluster.name).collect();
    assert_eq!(names.len(), clusters.len());
    for name in &names {
        let name = name.as_str();
        assert!((1..=32).contains(&name.len()) && name != "default");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        assert!(!name.starts_with('-') && !name.ends_with('-'));
    }
    let ids: Vec<_> = clusters.iter().filter_map(|cluster| cluster.id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert!(!ids.contains(&0));
    assert!(clusters.iter().all(|cluster| (1..=100).contains(&cluster.workers)));

    let tenants: BTreeSet<_> = clusters.iter().map(|cluster| &cluster.tenant).collect();
    assert_eq!(tenants.len(), clusters.len());
    assert_eq!(tenants, topology.tenants.keys().collect());
    assert_eq!(topology.hub.cluster.tenant.as_str(), "_local");

    let networks: Vec<_> =
        clusters.iter().flat_map(|cluster| [cluster.pod_cidr, cluster.service_cidr]).flatten().collect();
    let segments: Vec<_> = clusters.iter().filter_map(|cluster| cluster.segment).collect();
    let ranges: Vec<_> = segments.iter().map(|segment| segment.range).collect();
    assert_disjoint(&[networks.clone(), ranges].concat());
    if clusters.iter().any(|cluster| cluster.provider == Provider::Kwok) {
        assert_disjoint(&[networks, vec![KWOK_NODE_NETWORK]].concat());
    }
    for segment in segments {
        assert!(segment.usable().next().is_some());
        assert!(segment.node_network.is_none_or(|nodes| nodes.contains(&segment.range)));
    }
    assert!(topology.hub.cluster.provider != Provider::Kwok || topology.hub.cluster.segment.is_some());

    let existing: Vec<_> = clusters
        .iter()
        .filter(|cluster| cluster.provider != Provider::Kwok)
        .map(|cluster| format!("{:?}", cluster.provider))
        .collect();
    assert_eq!(existing.iter().collect::<BTreeSet<_>>().len(), existing.len());

    let mut extras = BTreeSet::new();
    let places = topology
        .extra_releases
        .iter()
        .map(|extra| (&extra.name, &extra.clusters, &extra.needs))
        .chain(topology.extra_manifests.iter().map(|extra| (&extra.name, &extra.clusters, &extra.needs)));
    for (name, clusters, needs) in places {
        assert!(extras.insert(name));
        assert!(!clusters.is_empty());
        assert!(
            clusters
                .iter()
                .chain(needs.iter().filter_map(|need| need.cluster.as_ref()))
                .all(|name| names.contains(name))
        );
        assert!(topology.positions.extras.contains_key(name));
    }
    assert!(topology.extra_releases.iter().all(|release| release.values.values.is_object()));
    assert!(clusters.iter().all(|cluster| topology.positions.clusters.contains_key(&cluster.name)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_text(source in "\\PC{0,200}") {
        assert_sound(&source, &parse("any.yaml", &source));
    }

    #[test]
    fn any_punctuation(source in "[-:{}\\[\\],&*!|>'\"%@`#?~<=. \\n\\ta0é]{0,120}") {
        assert_sound(&source, &parse("any.yaml", &source));
    }

    #[test]
    fn any_bytes(source in proptest::collection::vec(any::<u8>(), 0..200)) {
        parse_bytes("any.yaml", &source);
    }

    #[test]
    fn a_changed_quickstart(changes in proptest::collection::vec(change(), 1..4)) {
        let source = apply(QUICKSTART, &changes);
        assert_sound(&source, &parse("changed.yaml", &source));
    }

    #[test]
    fn a_changed_example(changes in proptest::collection::vec(change(), 1..6)) {
        let source = apply(EXAMPLE, &changes);
        assert_sound(&source, &parse("changed.yaml", &source));
    }

    #[test]
    fn a_password_is_never_shown(
        password in "[a-z]{3}hunter2[ -~]{0,12}",
        quote in prop_oneof![Just(""), Just("\""), Just("'"), Just("|\n        "), Just("*"), Just("&"), Just("!")],
        key in prop_oneof![Just("adminPassword"), Just("adminPasword"), Just("password"), Just("admin-password")],
        more in prop_oneof![Just(""), Just("\n  hub: {}"), Just("\n   }"), Just("\n---\na: b")],
    ) {
        let grafana = format!("    grafana:\n      {key}: {quote}{password}{more}\n    segment:");
        let source = QUICKSTART.replace("    segment:", &grafana);
        let parsed = parse("password.yaml", &source);
        assert_sound(&source, &parsed);
        let shown = format!("{parsed:?}{:?}", parsed.report());
        prop_assert!(!shown.contains("hunter2"), "{}\n{}", source, shown);
    }
}

/// Every value of the quickstart replaced by every value, one at a time: none by luck.
#[test]
fn every_single_value_changed() {
    let (mut valid, mut broken) = (0, 0);
    for line in 0..QUICKSTART.lines().count() {
        for value in 0..VALUES.len() {
            let source = apply(QUICKSTART, &[Change::Value(line, value)]);
            let parsed = parse("changed.yaml", &source);
            assert_sound(&source, &parsed);
            *(if parsed.has_errors() { &mut broken } else { &mut valid }) += 1;
        }
    }
    // Both sides are exercised, or the invariants above would be checked on nothing.
    assert!(valid > 300 && broken > 1_000, "{valid} valid, {broken} broken");
}

#[test]
fn the_last_segment_of_the_default_network_leaves_seven_addresses() {
    let segment = Segment {
        range: "172.18.255.248/29".parse().expect("a range"),
        node_network: Some(KWOK_NODE_NETWORK),
    };
    let usable: Vec<_> = segment.usable().map(|address| address.to_string()).collect();
    assert_eq!(usable.len(), 7);
    assert_eq!(usable.first().map(String::as_str), Some("172.18.255.248"));
    assert_eq!(usable.last().map(String::as_str), Some("172.18.255.254"));
}

#[test]
fn the_first_segment_of_a_network_leaves_out_its_own_and_its_gateways_address() {
    let range: Ipv4Net = "172.18.0.0/29".parse().expect("a range");
    let first =
        |node_network| Segment { range, node_network }.usable().next().map(|address| address.to_string());
    assert_eq!(first(Some(KWOK_NODE_NETWORK)).as_deref(), Some("172.18.0.2"));
    // Where nothing is known of the nodes' network, the user's word counts.
    assert_eq!(first(None).as_deref(), Some("172.18.0.0"));
}
