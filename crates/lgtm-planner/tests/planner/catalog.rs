//! What every choice of profile, scenario and log shipper turns into: units, edges and values, as text that a
//! reviewer reads as a diff.
//!
//! A cluster at a time: the hub in each of its forms, then a spoke in each of its own.

use std::fmt::Write as _;

use lgtm_planner::{
    desired::{Capabilities, desire},
    unit::{Content, Unit},
};
use lgtm_topology::{ClusterName, parse};

fn shown(settings: &str, cluster: &str) -> String {
    shown_with(settings, "{}", cluster)
}

fn shown_with(settings: &str, grafana: &str, cluster: &str) -> String {
    let text = format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: catalog}}\nspec:\n  \
         provider: {{existing: {{}}}}\n  {settings}\n  \
         hub: {{name: hub, segment: 192.0.2.248/29, provider: {{existing: {{context: hub}}}}, grafana: {grafana}}}\n"
    );
    let parsed = parse("topology.yaml", &text);
    let topology = parsed.topology.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
    let desired = desire(&topology, &Capabilities::default()).unwrap();
    let cluster = ClusterName::new(cluster);
    let mut text: String = desired.units_on(&cluster).map(unit).collect();
    for note in &desired.notes {
        writeln!(text, "note: {note}").unwrap();
    }
    text
}

fn unit(unit: &Unit) -> String {
    let mut text = format!("# {}\n", unit.id);
    for need in &unit.needs {
        writeln!(text, "needs: {need}").unwrap();
    }
    match &unit.content {
        Content::Cluster(_) => text.push_str("a cluster\n"),
        Content::Enrolment => text.push_str("its entry in the fleet record\n"),
        Content::Objects(objects) => {
            for object in objects {
                writeln!(text, "object: {}", object.key()).unwrap();
            }
        }
        Content::Release(release) => {
            writeln!(text, "chart: {}", release.chart).unwrap();
            writeln!(text, "release: {}/{}", release.namespace, release.name).unwrap();
            for given in &release.gives {
                writeln!(text, "gives the address of: {}/{}", given.namespace, given.service).unwrap();
            }
            text.push_str(&serde_saphyr::to_string(&*release.values).unwrap());
        }
        Content::Manifests(manifests) => writeln!(
            text,
            "files: {}",
            manifests.files.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        )
        .unwrap(),
        Content::Material(content) => {
            writeln!(text, "secret: {}/{}", content.secret.namespace, content.secret.name).unwrap();
            writeln!(text, "{:?}", content.material).unwrap();
        }
    }
    text.push('\n');
    text
}

/// What a host name for Grafana adds to a hub, line by line: the rest is shown elsewhere.
fn entrance(settings: &str, grafana: &str) -> String {
    let without = shown(settings, "hub");
    let before: Vec<&str> = without.split("\n\n").collect();
    let mut text = String::new();
    for unit in shown_with(settings, grafana, "hub").split("\n\n") {
        let name = unit.lines().next().unwrap();
        match before.iter().find(|before| before.lines().next() == Some(name)) {
            Some(same) if *same == unit => {}
            Some(before) => {
                let known: Vec<&str> = before.lines().collect();
                writeln!(text, "{name}, with").unwrap();
                unit.lines()
                    .filter(|line| !known.contains(line))
                    .for_each(|line| writeln!(text, "{line}").unwrap());
                text.push('\n');
            }
            None => writeln!(text, "{unit}\n").unwrap(),
        }
    }
    text
}

macro_rules! entrances {
    ($($name:ident: $settings:literal, $grafana:literal;)*) => {
        $(
            #[test]
            fn $name() {
                insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                    insta::assert_snapshot!(concat!("catalog_", stringify!($name)), entrance($settings, $grafana));
                });
            }
        )*
    };
}

macro_rules! hubs {
    ($($name:ident: $settings:literal;)*) => {
        $(
            #[test]
            fn $name() {
                insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                    insta::assert_snapshot!(concat!("catalog_", stringify!($name)), shown($settings, "hub"));
                });
            }
        )*
    };
}

macro_rules! spokes {
    ($($name:ident: $profile:literal, $scenario:literal;)*) => {
        $(
            #[test]
            fn $name() {
                let settings = concat!(
                    "profile: ", $profile, "\n  spokes: [{name: spoke, tenant: team, scenario: ", $scenario,
                    ", provider: {existing: {context: spoke}}}]"
                );
                insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                    insta::assert_snapshot!(concat!("catalog_", stringify!($name)), shown(settings, "spoke"));
                });
            }
        )*
    };
}

hubs! {
    hub_compact: "profile: compact";
    hub_distributed_vector: "profile: distributed";
    hub_distributed_fluent_bit: "profile: distributed\n  logShipper: fluent-bit";
}

entrances! {
    entrance_compact: "profile: compact", "{host: grafana.example.com, gatewayClass: cilium}";
    entrance_compact_definitions_there:
        "profile: compact", "{host: grafana.example.com, gatewayClass: gke, installGatewayCRDs: false}";
    entrance_compact_existing:
        "profile: compact", "{host: grafana.example.com, gateway: {name: shared, namespace: infra}}";
    entrance_distributed: "profile: distributed", "{host: grafana.example.com, gatewayClass: cilium}";
    entrance_distributed_issuer:
        "profile: distributed",
        "{host: grafana.example.com, gatewayClass: cilium, issuer: {name: letsencrypt, kind: ClusterIssuer}}";
}

spokes! {
    spoke_compact_alloy: "compact", "alloy";
    spoke_compact_otel: "compact", "otel";
    spoke_compact_traditional_vector: "compact", "traditional";
    spoke_compact_traditional_fluent_bit: "compact", "traditional, logShipper: fluent-bit";
    spoke_compact_tns: "compact", "alloy, demo: tns";
    spoke_compact_opentelemetry_demo: "compact", "otel, demo: opentelemetry";
    spoke_distributed_alloy: "distributed", "alloy";
    spoke_distributed_otel: "distributed", "otel";
    spoke_distributed_traditional_vector: "distributed", "traditional";
    spoke_distributed_traditional_fluent_bit: "distributed", "traditional, logShipper: fluent-bit";
    spoke_distributed_tns: "distributed", "traditional, demo: tns";
    spoke_distributed_opentelemetry_demo: "distributed", "otel, demo: opentelemetry";
}

/// The combinations that have no snapshot of their own.
#[test]
fn a_log_shipper_changes_nothing_where_none_runs() {
    let fluent_bit = "logShipper: fluent-bit";
    let hub = |more: &str| shown(&format!("profile: compact\n  {more}"), "hub");
    assert_eq!(hub(fluent_bit), hub("logShipper: vector"));
    for profile in ["compact", "distributed"] {
        for scenario in ["alloy", "otel"] {
            let spoke = |more: &str| {
                let spoke = format!(
                    "profile: {profile}\n  {more}\n  spokes: [{{name: spoke, tenant: team, scenario: {scenario}, \
                     provider: {{existing: {{context: spoke}}}}}}]"
                );
                shown(&spoke, "spoke")
            };
            assert_eq!(spoke(fluent_bit), spoke("logShipper: vector"), "{profile} {scenario}");
        }
    }
}
