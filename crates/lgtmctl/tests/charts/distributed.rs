//! The profile `distributed` with charts that stand in for the upstream ones: each has the name and version that the
//! catalog asks for, and renders the values that it is given. So the way from the topology through lock and render is
//! run without a repository. What the real charts make of the values is tried by hand.

use lgtm_planner::{catalog::upstream::ALL, unit::ChartRef};

use crate::Place;

const TOPOLOGY: &str = "apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: large}
spec:
  provider: {kwok: {}}
  profile: distributed
  hub: {name: hub, segment: 248/29}
  tenants: [{name: team-a, retention: {logs: 5d}}]
  overrides: [{release: loki, values: {write: {replicas: 5}}}]
  spokes:
    - {name: a, tenant: team-a, scenario: traditional}
    - {name: b, tenant: team-b, scenario: traditional, logShipper: fluent-bit}
    - {name: c, tenant: team-c, scenario: alloy}
    - {name: d, tenant: team-d, scenario: otel}
";

const SHOWN: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-values}\n\
                     data: {values: {{ toJson .Values | quote }}}\n";

#[test]
fn every_chart_of_the_catalog_is_locked_and_given_its_values() {
    let place = Place::new("1.0.0");
    std::fs::write(place.path("topology.yaml"), TOPOLOGY).unwrap();
    for upstream in ALL {
        let ChartRef::Upstream(chart) = upstream.chart() else { continue };
        place.package(&chart.name, &chart.version, SHOWN);
    }
    let (code, locked, said) = place.run(&["lock", "--chart-mirror", "mirror"]);
    assert_eq!(code, 0, "{said}");
    for upstream in ALL {
        let ChartRef::Upstream(chart) = upstream.chart() else { continue };
        assert!(locked.contains(&format!("+ {chart}: sha256:")), "{chart}: {locked}");
    }
    // These charts know no value at all, so the lock names those of the catalog's files, each at its place.
    assert!(said.contains("unknown value: charts-values/loki.yaml:3:1: the chart loki"), "{said}");

    let (code, _, said) = place.run(&["render", "--all", "--to", "out", "--chart-mirror", "mirror"]);
    assert_eq!(code, 0, "{said}");
    let values = |unit: &str| {
        let name = unit.rsplit('/').next().unwrap();
        let folder = std::fs::read_dir(place.path("out").join(unit)).unwrap();
        let mut files = folder.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
        files.find(|text| text.contains(&format!("{name}-values"))).unwrap()
    };
    let loki = values("hub/loki");
    assert!(loki.contains("team-a") && loki.contains("120h"), "{loki}");
    assert!(loki.contains(r#"\"write\":{"#) && loki.contains(r#"\"replicas\":5"#), "{loki}");
    assert!(values("a/monitor").contains("tenant-certificate"));
    for agent in ["hub/vector", "a/vector", "b/fluent-bit", "c/grafana-alloy-daemonset"] {
        assert!(values(agent).contains("lgtmctl.dev/configuration"), "{agent}");
    }
    assert!(place.path("out/d/opentelemetry-operator").is_dir());
}
