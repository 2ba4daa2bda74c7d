//! The profile `distributed` with charts that stand in for the upstream ones: each has the name and version that the
//! catalog asks for, and renders the values that it is given. So the way from the topology through lock and render is
//! run without a repository. What the real charts make of the values is tried by hand.

use lgtm_planner::{
    catalog::upstream::{ALL, OTEL_DEMO},
    unit::ChartRef,
};

use crate::{Place, remote::mirror};

const TOPOLOGY: &str = "apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: large}
spec:
  provider: {kwok: {}}
  profile: distributed
  hub: {name: hub, segment: 248/29, grafana: {host: grafana.example.com, gatewayClass: cilium}}
  tenants: [{name: team-a, retention: {logs: 5d}}]
  overrides: [{release: loki, values: {write: {replicas: 5}}}]
  spokes:
    - {name: a, tenant: team-a, scenario: traditional}
    - {name: b, tenant: team-b, scenario: traditional, logShipper: fluent-bit}
    - {name: c, tenant: team-c, scenario: alloy}
    - {name: d, tenant: team-d, scenario: otel, demo: opentelemetry}
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
    mirror(&place, "kind: ConfigMap\napiVersion: v1\nmetadata: {name: definitions}\n");
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
    assert!(values("hub/monitor").contains("https://grafana.example.com/"));
    assert!(values("a/monitor").contains("tenant-certificate"));
    for agent in ["hub/vector", "a/vector", "b/fluent-bit", "c/grafana-alloy-daemonset"] {
        assert!(values(agent).contains("lgtmctl.dev/configuration"), "{agent}");
    }
    assert!(place.path("out/d/opentelemetry-operator").is_dir());
    assert!(values("d/opentelemetry-demo").contains("otel-collector-daemonset.observability.svc"));
}

#[test]
fn a_demo_from_a_repository_is_locked_in_the_other_profile_too() {
    let place = Place::new("1.0.0");
    let spokes = "spokes: [{name: d, tenant: team-d, scenario: otel, demo: opentelemetry}]\n";
    let (before, _) = TOPOLOGY.split_once("profile:").unwrap();
    let topology = format!("{before}hub: {{name: hub, segment: 248/29}}\n  {spokes}");
    std::fs::write(place.path("topology.yaml"), topology).unwrap();
    let ChartRef::Upstream(chart) = OTEL_DEMO.chart() else { panic!("it is somebody else's") };
    place.package(&chart.name, &chart.version, SHOWN);

    let render = ["render", "--all", "--to", "out", "--chart-mirror", "mirror"];
    let (code, _, said) = place.run(&render);
    assert!(code == 1 && said.contains("d/opentelemetry-demo") && said.contains("lgtmctl lock"), "{said}");
    let (code, locked, said) = place.run(&["lock", "--chart-mirror", "mirror"]);
    assert!(code == 0 && locked.starts_with(&format!("+ {chart}")), "{locked}{said}");
    assert_eq!(locked.lines().count(), 1, "{locked}");
    let (code, _, said) = place.run(&render);
    assert_eq!(code, 0, "{said}");
}
