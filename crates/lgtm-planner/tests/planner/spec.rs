//! Random topologies: a small description that shrinks well, written out as YAML and parsed.

use std::fmt::Write as _;

use lgtm_topology::{ClusterName, Topology, parse};
use proptest::{collection::btree_map, prelude::*};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::World;

/// Where the hub is, which never changes in one topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HubKind {
    /// Made by lgtmctl, so its addresses are planned.
    Made,
    /// It exists.
    Existing,
}

#[derive(Clone, Debug)]
pub(crate) struct SpokeSpec {
    pub(crate) otel: bool,
    workers: u8,
    series: Option<u16>,
}

impl SpokeSpec {
    /// The scenario, half of the time with the demo that fits it. Told from a number that is drawn anyway, so that the
    /// kept cases draw what they drew.
    fn scenario(&self) -> &'static str {
        match (self.otel, self.workers) {
            (false, 1) => "alloy",
            (false, _) => "alloy, demo: tns",
            (true, 1) => "otel",
            (true, _) => "otel, demo: opentelemetry",
        }
    }
}

#[derive(Clone, Debug)]
struct ReleaseSpec {
    on: BTreeSet<u8>,
    value: u8,
    namespace: u8,
    shared: bool,
    needs_agents: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) hub: HubKind,
    /// Whether an existing hub has a segment of its own, so that addresses are planned there too.
    planned: bool,
    workers: u8,
    password: Option<u8>,
    /// Whether Grafana has a host name, and then whether lgtmctl makes the Gateway.
    host: Option<bool>,
    days: u8,
    pub(crate) spokes: BTreeMap<u8, SpokeSpec>,
    releases: BTreeMap<u8, ReleaseSpec>,
    manifests: BTreeMap<u8, (BTreeSet<u8>, u8)>,
}

/// Any topology with such a hub.
pub(crate) fn specs(hub: HubKind) -> impl Strategy<Value = Spec> {
    let spoke = (any::<bool>(), 1..3_u8, proptest::option::of(1..3_u16))
        .prop_map(|(otel, workers, series)| SpokeSpec { otel, workers, series });
    // Cluster 0 is the hub; the others are spokes, where they are part of the topology.
    let on = || proptest::collection::btree_set(0..7_u8, 1..4);
    let release = (on(), 0..3_u8, 0..2_u8, any::<bool>(), any::<bool>()).prop_map(
        |(on, value, namespace, shared, needs_agents)| ReleaseSpec {
            on,
            value,
            namespace,
            shared,
            needs_agents,
        },
    );
    (
        (any::<bool>(), 1..3_u8, proptest::option::of(0..3_u8), proptest::option::of(any::<bool>()), 1..4_u8),
        btree_map(1..7_u8, spoke, 0..7),
        btree_map(0..3_u8, release, 0..3),
        btree_map(0..2_u8, (on(), 1..4_u8), 0..2),
    )
        .prop_map(move |((planned, workers, password, host, days), spokes, releases, manifests)| Spec {
            hub,
            planned,
            workers,
            password,
            host,
            days,
            spokes,
            releases,
            manifests,
        })
}

/// Either kind of hub.
pub(crate) fn hubs() -> impl Strategy<Value = HubKind> {
    prop_oneof![Just(HubKind::Made), Just(HubKind::Existing)]
}

/// Any topology.
pub(crate) fn any_spec() -> impl Strategy<Value = Spec> {
    hubs().prop_flat_map(specs)
}

pub(crate) fn cluster_name(number: u8) -> ClusterName {
    ClusterName::new(if number == 0 { "hub".to_owned() } else { format!("spoke-{number}") })
}

/// Every third spoke exists; which one does never changes.
pub(crate) fn exists(number: u8) -> bool {
    number.is_multiple_of(3)
}

impl Spec {
    pub(crate) fn with_hub(self, hub: HubKind) -> Self {
        Self { hub, ..self }
    }

    pub(crate) fn without(&self, spoke: u8) -> Self {
        let mut other = self.clone();
        other.spokes.remove(&spoke);
        other
    }

    /// A world in which the clusters exist that are said to.
    pub(crate) fn world(&self) -> World {
        let mut world = World::default();
        if self.hub == HubKind::Existing {
            world.add_existing(&cluster_name(0));
        }
        for spoke in (1..7).filter(|spoke| exists(*spoke)) {
            world.add_existing(&cluster_name(spoke));
        }
        world
    }

    pub(crate) fn topology(&self) -> Topology {
        let parsed = parse("topology.yaml", &self.yaml());
        parsed.topology.unwrap_or_else(|| panic!("{:?}\n{}", parsed.diagnostics, self.yaml()))
    }

    fn on(&self, wanted: &BTreeSet<u8>) -> Option<String> {
        let present: Vec<String> = wanted
            .iter()
            .filter(|number| **number == 0 || self.spokes.contains_key(number))
            .map(|number| cluster_name(*number).to_string())
            .collect();
        (!present.is_empty()).then(|| present.join(", "))
    }

    fn yaml(&self) -> String {
        let mut text = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: model}\nspec:\n\
             \x20 provider: {kwok: {}}\n"
            .to_owned();
        let out = &mut text;
        let _ = writeln!(out, "  retention: {{metrics: {}d}}", self.days);
        let limited = self.spokes.iter().filter_map(|(n, spoke)| Some((n, spoke.series?)));
        let tenants: Vec<String> = limited
            .map(|(n, series)| format!("{{name: tenant-{n}, limits: {{metricsSeries: {series}000}}}}"))
            .collect();
        let _ = writeln!(out, "  tenants: [{}]", tenants.join(", "));
        let _ = writeln!(out, "  hub:\n    name: hub");
        let _ = match (self.hub, self.planned) {
            (HubKind::Made, _) => writeln!(out, "    workers: {}\n    segment: 248/29", self.workers),
            (HubKind::Existing, true) => {
                writeln!(out, "    provider: {{existing: {{context: hub}}}}\n    segment: 192.168.7.0/29")
            }
            (HubKind::Existing, false) => writeln!(out, "    provider: {{existing: {{context: hub}}}}"),
        };
        let password = self.password.map(|number| format!("adminPassword: \"a long pass phrase {number}\""));
        let host = self.host.map(|made| {
            let gateway =
                if made { "gatewayClass: cilium" } else { "gateway: {name: shared, namespace: infra}" };
            format!("host: grafana.example.com, {gateway}")
        });
        let grafana: Vec<String> = password.into_iter().chain(host).collect();
        let _ = writeln!(out, "    grafana: {{{}}}", grafana.join(", "));
        let _ = writeln!(out, "  spokes:{}", if self.spokes.is_empty() { " []" } else { "" });
        for (n, spoke) in &self.spokes {
            let scenario = spoke.scenario();
            let provider = if exists(*n) {
                format!("provider: {{existing: {{context: spoke-{n}}}}}")
            } else {
                format!("workers: {}", spoke.workers)
            };
            let _ = writeln!(
                out,
                "    - {{name: spoke-{n}, tenant: tenant-{n}, scenario: {scenario}, {provider}}}"
            );
        }
        self.extras(out);
        text
    }

    fn extras(&self, out: &mut String) {
        // At most one release renders the shared object: an object has one owner.
        let mut shared = false;
        let mut releases = String::new();
        for (n, release) in &self.releases {
            let mut values = format!("number: {}", release.value);
            if release.shared && !shared {
                shared = true;
                values.push_str(", shared: settings");
            }
            let Some(clusters) = self.on(&release.on) else { continue };
            let needs = if release.needs_agents { "namespaces, hub/mimir" } else { "" };
            let _ = writeln!(
                releases,
                "    - {{name: extra-{n}, clusters: [{clusters}], chart: charts/e{n}, \
                 namespace: extras-{}, values: {{{values}}}, needs: [{needs}]}}",
                release.namespace
            );
        }
        let mut manifests = String::new();
        for (n, (on, files)) in &self.manifests {
            let Some(clusters) = self.on(on) else { continue };
            let files: Vec<String> = (0..*files).map(|file| format!("m{n}/{file}.yaml")).collect();
            let namespace = if *n == 0 { ", namespace: owned" } else { "" };
            let _ = writeln!(
                manifests,
                "    - {{name: manifests-{n}, clusters: [{clusters}], files: [{}]{namespace}}}",
                files.join(", ")
            );
        }
        for (field, entries) in [("extraReleases", releases), ("extraManifests", manifests)] {
            if !entries.is_empty() {
                let _ = write!(out, "  {field}:\n{entries}");
            }
        }
    }
}
