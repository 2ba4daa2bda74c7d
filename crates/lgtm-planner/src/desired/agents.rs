//! The agents of the profile `distributed`: programs from upstream charts, each beside a release of our own chart
//! that has its configuration.

use lgtm_topology::{ClusterName, LogShipper, Scenario, Spoke};
use serde_json::{Value, json};

use super::{Catalog, NAMESPACES_UNIT, distributed, spoke};
use crate::{
    catalog::{
        agents::{self, Annotations},
        alloy, configuration, log_shipper, otel_collector,
        push::{Gateway, Push},
        upstream::{self, Upstream, merge},
    },
    digest::Digest,
    fact,
    unit::{ChartRef, Content, UnitId},
};

/// The operator of collectors.
const OPERATOR: &str = "opentelemetry-operator";

/// A program, the release that configures it, and how its pods are told of a change.
pub(super) struct Configured {
    program: UnitId,
    configuration: UnitId,
    annotations: Annotations,
}

/// What an agent is made of: our own chart and its values, and the upstream chart and what it is given.
struct Agent<'a> {
    program: &'a str,
    own: (&'a str, Value),
    upstream: (&'static Upstream, Value),
    annotations: Annotations,
}

impl Catalog<'_> {
    /// A spoke's agents.
    pub(super) fn upstream_agents(
        &mut self,
        name: &ClusterName,
        scenario: Scenario,
        gateway: Gateway,
        needs: &[UnitId],
    ) {
        match scenario {
            Scenario::Alloy => self.upstream_alloys(name, &Push::Gateway(gateway), needs),
            Scenario::Otel => self.operated_otel(name, &gateway, needs),
            Scenario::Traditional(shipper) => {
                let push = Push::Gateway(gateway);
                self.monitor(name, &push, needs);
                self.upstream_logs_and_traces(name, shipper, &push, needs);
            }
        }
    }

    /// Alloy for everything. The definitions of monitors are there before it looks for any.
    fn upstream_alloys(&mut self, name: &ClusterName, push: &Push, needs: &[UnitId]) {
        self.exporters(name);
        self.prometheus_crds(name);
        let mut needs = needs.to_vec();
        needs.push(UnitId::new(name, distributed::PROMETHEUS_CRDS));
        for role in [alloy::Role::DaemonSet, alloy::Role::Deployment { monitors: true }] {
            self.upstream_alloy(name, role, push, &needs);
        }
    }

    /// What reads logs, and what takes traces from applications. What reads metrics is there already.
    pub(super) fn upstream_logs_and_traces(
        &mut self,
        name: &ClusterName,
        shipper: LogShipper,
        push: &Push,
        needs: &[UnitId],
    ) {
        let upstream = match shipper {
            LogShipper::Vector => (&upstream::VECTOR, agents::vector(push)),
            LogShipper::FluentBit => (&upstream::FLUENT_BIT, agents::fluent_bit(push)),
        };
        let program = log_shipper::release(shipper);
        let own = (program, log_shipper::values(name, push));
        let shipper = Agent { program, own, upstream, annotations: Annotations::AtTheTop };
        self.agent(name, shipper, needs);
        let needs = spoke::after_metrics(name, distributed::MONITOR, needs);
        self.upstream_alloy(name, alloy::Role::Traces, push, &needs);
    }

    /// Alloy in one of its roles.
    fn upstream_alloy(&mut self, name: &ClusterName, role: alloy::Role, push: &Push, needs: &[UnitId]) {
        let chart = agents::alloy_chart(role);
        let agent = Agent {
            program: role.release(),
            own: ("alloy", alloy::values(role, name, push)),
            upstream: (chart, agents::alloy(chart, push)),
            annotations: Annotations::OfTheController,
        };
        self.agent(name, agent, needs);
    }

    fn agent(&mut self, cluster: &ClusterName, agent: Agent<'_>, needs: &[UnitId]) {
        let (chart, values) = agent.own;
        let release = agents::configuration_release(agent.program);
        let configuration = UnitId::new(cluster, release.as_str());
        let values = agents::without_workload(values);
        self.release_of(cluster, chart, &release, spoke::NAMESPACE, values, needs.to_vec());
        let (chart, implied) = agent.upstream;
        let needs = needs.iter().cloned().chain([configuration.clone()]);
        self.upstream((cluster, agent.program), spoke::NAMESPACE, chart, implied, needs);
        self.configured.push(Configured {
            program: UnitId::new(cluster, agent.program),
            configuration,
            annotations: agent.annotations,
        });
    }

    /// The operator, and the collectors that it is to make.
    fn operated_otel(&mut self, cluster: &ClusterName, gateway: &Gateway, needs: &[UnitId]) {
        use otel_collector::{Role, values};
        self.prometheus_crds(cluster);
        let namespaces = UnitId::new(cluster, NAMESPACES_UNIT);
        self.cert_manager(cluster);
        let operator_needs = [namespaces, UnitId::new(cluster, distributed::CERT_MANAGER)];
        let operator = (cluster, OPERATOR);
        self.upstream(operator, spoke::NAMESPACE, &upstream::OTEL_OPERATOR, json!({}), operator_needs);
        // The collectors are the operator's to judge and to make; without the definitions of monitors the target
        // allocator would look for none until it starts anew.
        let mut needs = needs.to_vec();
        needs.extend([OPERATOR, distributed::PROMETHEUS_CRDS].map(|unit| UnitId::new(cluster, unit)));
        for role in [Role::DaemonSet, Role::StatefulSet] {
            let values = agents::without_workload(values(role, cluster, gateway));
            let release = role.release();
            self.release_of(cluster, "otel-collector", release, spoke::NAMESPACE, values, needs.clone());
        }
    }

    /// Tells each program of its configuration. Comes last, since the user's overrides are part of it.
    pub(super) fn announce_configurations(&mut self) {
        for configured in std::mem::take(&mut self.configured) {
            let Some(said) = self.configuration_text(&configured.configuration) else { continue };
            let program = self.units.get_mut(&configured.program).map(|unit| &mut unit.content);
            if let Some(Content::Release(release)) = program {
                let values = std::sync::Arc::make_mut(&mut release.values);
                merge(values, configured.annotations.of(&said));
            }
        }
    }

    /// A text that is another whenever the configuration is: a digest of what is known, and the facts that are not.
    fn configuration_text(&self, unit: &UnitId) -> Option<String> {
        let Content::Release(release) = &self.units.get(unit)?.content else { return None };
        let ChartRef::Embedded(chart) = &release.chart else { return None };
        let chart = configuration::digest(chart)?;
        let values = Digest::of_json(&release.values);
        let digest = Digest::of_parts([chart.as_str(), values.as_str()]);
        let facts = fact::references(&release.values);
        let facts: String = facts.iter().map(|fact| format!(" {}", fact.placeholder())).collect();
        Some(format!("{}{facts}", digest.short()))
    }

    /// Says where Vector depends on the hub's load balancer having an address.
    pub(super) fn hosts_file_note(&mut self) {
        if self.gateway_address().is_some() {
            return;
        }
        let ships = |spoke: &&Spoke| spoke.scenario == Scenario::Traditional(LogShipper::Vector);
        let spokes: Vec<&str> =
            self.topology.spokes.iter().filter(ships).map(|spoke| spoke.cluster.name.as_str()).collect();
        if !spokes.is_empty() {
            self.notes.push(format!(
                "Vector finds the tenant gateway by an entry in its hosts file, which only an IPv4 address can be: \
                 where the hub's load balancer is given a name, choose the log shipper fluent-bit: {}",
                spokes.join(", ")
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use lgtm_topology::{HelmValues, Override, Position, Profile, ReleaseName, Topology};

    use super::*;
    use crate::{
        catalog::fixture::topology,
        desired::{Capabilities, Desired, desire},
        unit::{Release, Unit},
    };

    const SPOKE: &str = "lgtm-remote-alloy";

    fn distributed(scenario: Scenario) -> Topology {
        let mut topology = Topology { profile: Profile::Distributed(LogShipper::Vector), ..topology() };
        topology.spokes.truncate(1);
        topology.spokes[0].scenario = scenario;
        topology
    }

    fn desired(topology: &Topology) -> Desired {
        desire(topology, &Capabilities::default()).unwrap()
    }

    fn unit<'a>(desired: &'a Desired, name: &str) -> &'a Unit {
        desired.units.get(&UnitId::new(&ClusterName::new(SPOKE), name)).unwrap_or_else(|| panic!("no {name}"))
    }

    fn release<'a>(desired: &'a Desired, name: &str) -> &'a Release {
        let Content::Release(release) = &unit(desired, name).content else { panic!("{name} is no release") };
        release
    }

    fn needs(desired: &Desired, name: &str) -> Vec<String> {
        unit(desired, name).needs.iter().map(|need| need.name.to_string()).collect()
    }

    fn announced(desired: &Desired, program: &str) -> String {
        let values = &release(desired, program).values;
        let at = ["", "/controller"].map(|at| format!("{at}/podAnnotations/lgtmctl.dev~1configuration"));
        let found = at.iter().find_map(|at| values.pointer(at)?.as_str());
        found.unwrap_or_else(|| panic!("{program} is not told of its configuration")).to_owned()
    }

    fn programs(scenario: Scenario) -> &'static [&'static str] {
        match scenario {
            Scenario::Traditional(LogShipper::Vector) => &["vector", "grafana-alloy-deployment"],
            Scenario::Traditional(LogShipper::FluentBit) => &["fluent-bit", "grafana-alloy-deployment"],
            Scenario::Alloy => &["grafana-alloy-daemonset", "grafana-alloy-deployment"],
            Scenario::Otel => &[],
        }
    }

    #[test]
    fn every_program_comes_after_its_configuration_and_is_told_of_it() {
        for scenario in [
            Scenario::Traditional(LogShipper::Vector),
            Scenario::Traditional(LogShipper::FluentBit),
            Scenario::Alloy,
        ] {
            let desired = desired(&distributed(scenario));
            for program in programs(scenario) {
                let configuration = format!("{program}-config");
                assert!(needs(&desired, program).contains(&configuration), "{program}");
                assert!(matches!(release(&desired, program).chart, ChartRef::Upstream(_)), "{program}");
                let own = release(&desired, &configuration);
                assert_eq!(own.values.pointer("/workload/enabled"), Some(&json!(false)), "{program}");
                // The gateway's address and the certificate are known later, and roll the pods too.
                let said = announced(&desired, program);
                assert_eq!(fact::references(&json!(said)), fact::references(&own.values), "{program}");
            }
        }
    }

    #[test]
    fn a_users_change_to_the_configuration_rolls_the_program_and_no_other() {
        let before = distributed(Scenario::Traditional(LogShipper::Vector));
        let mut after = before.clone();
        after.overrides.push(Override {
            release: ReleaseName::new("vector-config"),
            clusters: None,
            values: HelmValues { values: json!({"buffer": {"megabytes": 1024}}), ..HelmValues::default() },
            position: Position { line: 1, column: 1 },
        });
        let (before, after) = (desired(&before), desired(&after));
        assert_ne!(announced(&before, "vector"), announced(&after, "vector"));
        let alloy = "grafana-alloy-deployment";
        assert_eq!(announced(&before, alloy), announced(&after, alloy));
    }

    #[test]
    fn monitors_are_followed_where_their_definitions_are_planned() {
        let desired = desired(&distributed(Scenario::Alloy));
        let configuration = "grafana-alloy-deployment-config";
        assert_eq!(release(&desired, configuration).values.pointer("/monitors"), Some(&json!(true)));
        assert!(needs(&desired, configuration).contains(&"prometheus-crds".to_owned()));
        assert!(desired.notes.iter().all(|note| !note.contains("left out")), "{:?}", desired.notes);
    }

    #[test]
    fn collectors_come_after_their_operator_and_that_after_what_certifies_it() {
        let desired = desired(&distributed(Scenario::Otel));
        for collector in ["otel-collector-daemonset", "otel-collector-statefulset"] {
            let needs = needs(&desired, collector);
            for need in [OPERATOR, "prometheus-crds", "tenant-certificate"] {
                assert!(needs.contains(&need.to_owned()), "{collector} needs {needs:?}");
            }
            let values = &release(&desired, collector).values;
            assert_eq!(values.pointer("/workload/enabled"), Some(&json!(false)));
        }
        assert!(needs(&desired, OPERATOR).contains(&"cert-manager".to_owned()));
        let Content::Objects(namespaces) = &unit(&desired, NAMESPACES_UNIT).content else { panic!() };
        assert!(namespaces.iter().any(|namespace| namespace.name() == "cert-manager"));
    }

    #[test]
    fn what_a_load_balancer_may_not_be_called_is_said_where_it_matters() {
        let noted = |scenario| desired(&distributed(scenario)).notes.join("\n").contains("fluent-bit");
        assert!(noted(Scenario::Traditional(LogShipper::Vector)));
        assert!(!noted(Scenario::Traditional(LogShipper::FluentBit)));
    }
}
