//! Needs that no fact shows and that only a rendered chart would show: before a unit's facts are known it is not
//! rendered, and a first apply has to go by the same graph as the next one.

use lgtm_planner::{
    desired::{Capabilities, Desired, desire},
    unit::{ChartRef, Content, Release, Unit},
};
use lgtm_topology::parse;
use serde_json::Value;

/// Every profile, scenario and log shipper, with everything that a hub may have besides.
fn all() -> Vec<Desired> {
    let mut all = Vec::new();
    for profile in ["compact", "distributed"] {
        for shipper in ["vector", "fluent-bit"] {
            let text = format!(
                "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: needs}}\nspec:\n  \
                 provider: {{kwok: {{}}}}\n  profile: {profile}\n  logShipper: {shipper}\n  \
                 hub: {{name: hub, segment: 248/29, grafana: {{host: grafana.example.com, gatewayClass: cilium}}}}\n  \
                 spokes:\n    - {{name: traditional, tenant: a, scenario: traditional, demo: tns}}\n    \
                 - {{name: alloy, tenant: b, scenario: alloy}}\n    \
                 - {{name: otel, tenant: c, scenario: otel, demo: opentelemetry}}\n"
            );
            let parsed = parse("topology.yaml", &text);
            let topology = parsed.topology.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
            all.push(desire(&topology, &Capabilities::default()).unwrap());
        }
    }
    all
}

fn releases(desired: &Desired) -> impl Iterator<Item = (&Unit, &Release)> {
    desired.units.values().filter_map(|unit| {
        let Content::Release(release) = &unit.content else { return None };
        Some((unit, release))
    })
}

fn needs(unit: &Unit, other: &str) -> bool {
    unit.needs.iter().any(|need| need.cluster == unit.id.cluster && need.name.as_str() == other)
}

/// Whether values switch a monitor on, in whichever way their chart calls it.
fn monitored(values: &Value) -> bool {
    let Some(values) = values.as_object() else { return false };
    values.iter().any(|(key, value)| {
        let monitor = key.to_lowercase().ends_with("monitor") && value["enabled"] == true;
        monitor || monitored(value)
    })
}

#[test]
fn what_brings_monitors_comes_after_their_definitions() {
    let mut found = std::collections::BTreeSet::new();
    for desired in all() {
        for (unit, release) in releases(&desired).filter(|(_, release)| monitored(&release.values)) {
            assert!(needs(unit, "prometheus-crds"), "{}", unit.id);
            assert!(matches!(release.chart, ChartRef::Upstream(_)), "{}", unit.id);
            found.insert(unit.id.name.to_string());
        }
    }
    let known = ["cert-manager", "fluent-bit", "loki", "metrics-server", "mimir", "tempo", "vector"];
    for unit in known {
        assert!(found.contains(unit), "{unit} is not among {found:?}");
    }
}

#[test]
fn replicas_that_may_have_read_metrics_stop_only_when_others_do() {
    let mut found = 0;
    for desired in all() {
        let traces = releases(&desired).filter(|(_, release)| release.values["role"] == "traces");
        for (unit, _) in traces {
            assert!(needs(unit, "monitor") || needs(unit, "prometheus-agent"), "{}", unit.id);
            found += 1;
            // The pods roll with their own unit, where the configuration is another's.
            if let Some(program) = unit.id.name.as_str().strip_suffix("-config") {
                let program =
                    desired.units_on(&unit.id.cluster).find(|unit| unit.id.name.as_str() == program);
                assert!(needs(program.unwrap(), "monitor"), "{}", unit.id);
            }
        }
    }
    // A spoke of each, and the large hub.
    assert_eq!(found, 6);
}
