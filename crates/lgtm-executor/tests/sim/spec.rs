//! Random topologies and random edits of them, as YAML that is parsed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use lgtm_executor::sim::Random;
use lgtm_topology::Topology;

use crate::scene::parse;

/// Where the hub is, which never changes in one topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hub {
    /// Made by lgtmctl, so its addresses are planned.
    Made,
    /// It exists, and its provider assigns addresses.
    Existing,
    /// It exists and has a segment.
    Planned,
}

/// What a spoke runs, with all that reads its logs where that is a choice of its own.
const SCENARIOS: [&str; 4] = ["alloy", "otel", "traditional", "traditional, logShipper: fluent-bit"];

#[derive(Clone, Debug, PartialEq, Eq)]
struct Spoke {
    /// How often it was renamed.
    name: u64,
    tenant: u64,
    /// An index into the scenarios.
    scenario: u64,
    workers: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Extra {
    /// Cluster 0 is the hub.
    on: BTreeSet<u64>,
    value: u64,
    namespace: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    hub: Hub,
    segment: u64,
    days: u64,
    series: u64,
    password: Option<u64>,
    spokes: BTreeMap<u64, Spoke>,
    releases: BTreeMap<u64, Extra>,
    manifests: BTreeMap<u64, Extra>,
    /// Which release renders the object that moves from one to another.
    shared: u64,
}

impl Spec {
    /// Any topology with at most so many spokes.
    pub(crate) fn random(random: &mut Random, spokes: u64) -> Self {
        let mut spec = Self {
            hub: *random.pick(&[Hub::Made, Hub::Existing, Hub::Planned]).unwrap(),
            segment: 0,
            days: 7,
            series: 1,
            password: random.percent(30).then_some(0),
            spokes: BTreeMap::new(),
            releases: BTreeMap::new(),
            manifests: BTreeMap::new(),
            shared: 0,
        };
        for number in 1..=random.below(spokes + 1) {
            spec.spokes.insert(number, spoke(random, number));
        }
        for number in 0..random.below(3) {
            spec.releases.insert(number, extra(random));
        }
        if random.percent(50) {
            spec.manifests.insert(0, extra(random));
        }
        spec
    }

    /// One edit of the file.
    pub(crate) fn edit(&mut self, random: &mut Random) {
        let spokes: Vec<u64> = self.spokes.keys().copied().collect();
        let one = random.pick(&spokes).copied();
        match (random.below(12), one) {
            (0, _) | (_, None) if self.spokes.len() < 4 => {
                let number = (1..).find(|number| !self.spokes.contains_key(number)).unwrap();
                self.spokes.insert(number, spoke(random, number));
            }
            (1, Some(one)) => drop(self.spokes.remove(&one)),
            // One that exists is another cluster under another name.
            (2, Some(one)) => self.spokes.get_mut(&one).unwrap().name += 1,
            (3, Some(one)) => self.spokes.get_mut(&one).unwrap().tenant += 10,
            (4, Some(one)) => self.spokes.get_mut(&one).unwrap().scenario += 1 + random.below(3),
            (5, Some(one)) => self.spokes.get_mut(&one).unwrap().workers = 1 + random.below(3),
            (6, _) => self.segment = 1 - self.segment,
            (7, _) => self.days = 7 + random.below(3),
            (8, _) => self.series = 1 + random.below(3),
            (9, _) => self.password = random.percent(60).then(|| random.below(3)),
            (10, _) => {
                let extras = if random.percent(50) { &mut self.releases } else { &mut self.manifests };
                let number = random.below(2);
                if extras.remove(&number).is_none() || random.percent(60) {
                    extras.insert(number, extra(random));
                }
            }
            _ => self.shared = random.below(3),
        }
    }

    pub(crate) fn has_spokes(&self) -> bool {
        !self.spokes.is_empty()
    }

    pub(crate) fn topology(&self) -> Topology {
        parse(&self.yaml())
    }

    fn name(&self, number: u64) -> Option<String> {
        if number == 0 {
            return Some("hub".to_owned());
        }
        let renamed = self.spokes.get(&number)?.name;
        Some(if renamed == 0 { format!("spoke-{number}") } else { format!("spoke-{number}-{renamed}") })
    }

    fn yaml(&self) -> String {
        let mut text = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: sim}\nspec:\n\
             \x20 provider: {kwok: {}}\n"
            .to_owned();
        let out = &mut text;
        writeln!(out, "  retention: {{metrics: {}d}}", self.days).unwrap();
        let tenants: Vec<String> = self
            .spokes
            .values()
            .map(|spoke| {
                format!("{{name: tenant-{}, limits: {{metricsSeries: {}000}}}}", spoke.tenant, self.series)
            })
            .collect();
        writeln!(out, "  tenants: [{}]\n  hub:\n    name: hub", tenants.join(", ")).unwrap();
        let existing = "    provider: {existing: {context: hub}}";
        match self.hub {
            Hub::Made => writeln!(out, "    segment: {}/29", [248, 240][self.segment as usize]).unwrap(),
            Hub::Existing => writeln!(out, "{existing}").unwrap(),
            Hub::Planned => {
                writeln!(out, "{existing}\n    segment: 192.168.7.{}/29", [0, 8][self.segment as usize])
                    .unwrap();
            }
        }
        if let Some(password) = self.password {
            writeln!(out, "    grafana: {{adminPassword: \"a long pass phrase {password}\"}}").unwrap();
        }
        writeln!(out, "  spokes:{}", if self.spokes.is_empty() { " []" } else { "" }).unwrap();
        for (number, spoke) in &self.spokes {
            let name = self.name(*number).unwrap();
            let scenario = SCENARIOS[(spoke.scenario % 4) as usize];
            let provider = if number.is_multiple_of(3) {
                format!("provider: {{existing: {{context: {name}}}}}")
            } else {
                format!("workers: {}", spoke.workers)
            };
            let tenant = spoke.tenant;
            writeln!(
                out,
                "    - {{name: {name}, tenant: tenant-{tenant}, scenario: {scenario}, {provider}}}"
            )
            .unwrap();
        }
        self.extras(out);
        text
    }

    fn extras(&self, out: &mut String) {
        let on = |extra: &Extra| {
            let names: Vec<String> = extra.on.iter().filter_map(|number| self.name(*number)).collect();
            names.join(", ")
        };
        let mut releases = String::new();
        for (number, extra) in &self.releases {
            // At most one release renders the shared object: an object has one owner.
            let shared = if *number == self.shared { ", shared: settings" } else { "" };
            writeln!(
                releases,
                "    - {{name: extra-{number}, clusters: [{}], chart: charts/e{number}, namespace: extras-{}, \
                 values: {{number: {}{shared}}}}}",
                on(extra),
                extra.namespace,
                extra.value
            )
            .unwrap();
        }
        let mut manifests = String::new();
        for (number, extra) in &self.manifests {
            let files: Vec<String> = (0..=extra.value).map(|file| format!("m{number}-{file}.yaml")).collect();
            writeln!(
                manifests,
                "    - {{name: manifests-{number}, clusters: [{}], files: [{}, m{number}-namespace-own-{number}-{}.yaml, m{number}-definition-{}.yaml]}}",
                on(extra),
                files.join(", "),
                extra.namespace,
                extra.namespace
            )
            .unwrap();
        }
        for (field, entries) in [("extraReleases", releases), ("extraManifests", manifests)] {
            if !entries.is_empty() {
                write!(out, "  {field}:\n{entries}").unwrap();
            }
        }
    }
}

fn spoke(random: &mut Random, number: u64) -> Spoke {
    Spoke { name: 0, tenant: number, scenario: random.below(4), workers: 1 + random.below(2) }
}

fn extra(random: &mut Random) -> Extra {
    // The hub is always there, so an extra is never on no cluster at all.
    let on = (0..4).filter(|number| *number == 0 || random.percent(40)).collect();
    Extra { on, value: random.below(3), namespace: random.below(2) }
}
