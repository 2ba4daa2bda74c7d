//! The user's own values for releases of the catalog, merged over everything else.

use std::sync::Arc;

use lgtm_topology::{Override, Profile, Topology};
use serde_json::{Value, json};

use super::{Catalog, DesireError};
use crate::{
    catalog::{
        services::{self, LOKI_MODE, LOKI_PUSH},
        upstream::merge,
    },
    unit::{Content, UnitId},
};

/// Loki's Service for pushes as the overrides leave it, and those overrides that would hide a release of the hub from
/// others. Our own charts have no values that could.
pub(super) fn services(topology: &Topology) -> (&'static str, Vec<DesireError>) {
    let (mut loki, mut problems) = (LOKI_PUSH, Vec::new());
    if topology.profile == Profile::Compact {
        return (loki, problems);
    }
    let hub = &topology.hub.cluster.name;
    let of_the_hub = |wanted: &&Override| wanted.clusters.as_ref().is_none_or(|some| some.contains(hub));
    for wanted in topology.overrides.iter().filter(of_the_hub) {
        let release = wanted.release.as_str();
        let said = |pointer: &str| wanted.values.values.pointer(pointer);
        for (pointer, fixed) in services::fixed(release) {
            // Without a value the chart's own counts, which of names is none.
            let same = |value: &&Value| **value == fixed || (value.is_null() && fixed == "");
            if let Some(value) = said(pointer).filter(|value| !same(value)) {
                problems.push(unknown_service(wanted, pointer, value, vec![fixed.to_string()]));
            }
        }
        if let Some(mode) = said(LOKI_MODE).filter(|_| release == "loki") {
            match services::loki_push(mode) {
                Some(service) => loki = service,
                None => {
                    let known = services::loki_modes().map(|mode| json!(mode).to_string()).collect();
                    problems.push(unknown_service(wanted, LOKI_MODE, mode, known));
                }
            }
        }
    }
    (loki, problems)
}

fn unknown_service(wanted: &Override, pointer: &str, value: &Value, known: Vec<String>) -> DesireError {
    DesireError::UnknownService {
        release: wanted.release.to_string(),
        key: pointer.trim_start_matches('/').replace('/', "."),
        value: value.to_string(),
        position: wanted.values.keys.get(pointer).copied().unwrap_or(wanted.position),
        known,
    }
}

impl Catalog<'_> {
    /// Merges the overrides in file order, and returns those that are meant for no release.
    pub(super) fn overrides(&mut self) -> Vec<DesireError> {
        let topology = self.topology;
        topology.overrides.iter().flat_map(|wanted| self.override_one(wanted)).collect()
    }

    fn override_one(&mut self, wanted: &Override) -> Vec<DesireError> {
        let every = || self.topology.clusters().map(|cluster| &cluster.name);
        let clusters: Vec<_> = match &wanted.clusters {
            Some(clusters) => clusters.iter().collect(),
            None => every().collect(),
        };
        let mut missing = Vec::new();
        for cluster in &clusters {
            let unit = self.units.get_mut(&UnitId::new(cluster, wanted.release.as_str()));
            match unit.map(|unit| &mut unit.content) {
                Some(Content::Release(release)) => {
                    merge(Arc::make_mut(&mut release.values), wanted.values.values.clone());
                }
                Some(
                    Content::Cluster(_)
                    | Content::Enrolment
                    | Content::Objects(_)
                    | Content::Manifests(_)
                    | Content::Material(_),
                )
                | None => missing.push((*cluster).clone()),
            }
        }
        // Where no cluster is named, it is enough that one of them has the release.
        if wanted.clusters.is_none() && missing.len() < clusters.len() {
            return Vec::new();
        }
        missing.truncate(if wanted.clusters.is_none() { 1 } else { usize::MAX });
        let unknown = |cluster| DesireError::UnknownRelease {
            release: wanted.release.to_string(),
            cluster: wanted.clusters.is_some().then_some(cluster),
            position: wanted.position,
            known: self.releases(wanted.clusters.as_deref()),
        };
        missing.into_iter().map(unknown).collect()
    }

    /// The names of the releases on these clusters, or on all.
    fn releases(&self, clusters: Option<&[lgtm_topology::ClusterName]>) -> Vec<String> {
        let releases = self.units.values().filter(|unit| matches!(unit.content, Content::Release(_)));
        let meant =
            releases.filter(|unit| clusters.is_none_or(|clusters| clusters.contains(&unit.id.cluster)));
        let mut names: Vec<String> = meant.map(|unit| unit.id.name.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use lgtm_topology::parse;

    use super::*;
    use crate::desired::{Capabilities, Desired, desire};

    /// The large profile, or the other, with overrides from line 7 on.
    fn desired(profile: &str, overrides: &str) -> Result<Desired, Vec<DesireError>> {
        let text = format!(
            "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: t}}\nspec:\n  \
             profile: {profile}\n  overrides:\n{overrides}  provider: {{kwok: {{}}}}\n  \
             hub: {{name: hub, segment: 248/29}}\n  \
             spokes: [{{name: spoke, tenant: a, scenario: traditional}}]\n"
        );
        let parsed = parse("topology.yaml", &text);
        let topology = parsed.topology.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
        desire(&topology, &Capabilities::default())
    }

    fn large(overrides: &str) -> Result<Desired, Vec<DesireError>> {
        desired("distributed", overrides)
    }

    #[test]
    fn pushes_follow_lokis_mode() {
        for (mode, service) in
            [("SimpleScalable", "loki-write"), ("Distributed", "loki-distributor"), ("Monolithic", "loki")]
        {
            let mode = format!(
                "    - release: loki\n      clusters: [hub]\n      values: {{deploymentMode: {mode}}}\n"
            );
            let desired = large(&mode).unwrap();
            let values = |name: &str| {
                let unit = desired.units_on(&desired.hub).find(|unit| unit.id.name.as_str() == name);
                let Content::Release(release) = &unit.unwrap().content else { panic!("{name}") };
                std::sync::Arc::clone(&release.values)
            };
            let url = format!("http://{service}.loki.svc:3100/loki/api/v1/push");
            for agent in ["vector-config", "grafana-alloy-deployment-config"] {
                assert_eq!(values(agent).pointer("/push/direct/logsUrl"), Some(&json!(url)), "{mode}");
            }
            let gateway = values("tenant-gateway");
            let host = gateway.pointer("/upstreams/loki/host");
            let moved = json!(format!("{service}.loki.svc.cluster.local"));
            // The gateway's chart knows the Service of the catalog's own mode.
            assert_eq!(host, (service != "loki-write").then_some(&moved), "{mode}");
        }
    }

    #[test]
    fn the_last_override_of_the_mode_counts() {
        let modes = "    - {release: loki, values: {deploymentMode: Monolithic}}\n    \
                     - {release: loki, values: {deploymentMode: SimpleScalable}}\n";
        assert!(
            large(modes).is_ok_and(|desired| !format!("{:?}", desired.units).contains("http://loki.loki"))
        );
    }

    #[test]
    fn a_mode_that_nobody_knows_and_another_name_are_refused_where_they_stand() {
        let wrong = "    - release: loki\n      values:\n        deploymentMode: Microservices\n        \
                     nameOverride: ''\n    - release: mimir\n      values:\n        \
                     fullnameOverride: metrics\n        gateway: {enabledNonEnterprise: false}\n";
        let problems = large(wrong).unwrap_err();
        let said: Vec<_> = problems
            .iter()
            .map(|problem| {
                let DesireError::UnknownService { release, key, value, position, .. } = problem else {
                    panic!("{problem:?}")
                };
                (release.as_str(), key.as_str(), value.as_str(), position.line)
            })
            .collect();
        assert_eq!(
            said,
            [
                ("loki", "deploymentMode", "\"Microservices\"", 9),
                ("mimir", "fullnameOverride", "\"metrics\"", 13),
                ("mimir", "gateway.enabledNonEnterprise", "false", 14),
            ]
        );
    }

    #[test]
    fn what_is_no_others_business_may_be_anything() {
        let replicas = "    - {release: loki, values: {write: {replicas: 5}, fullnameOverride: null}}\n";
        assert!(large(replicas).is_ok());
        let of_a_spoke = "    - {release: monitor, clusters: [spoke], values: {fullnameOverride: other}}\n";
        assert!(large(of_a_spoke).is_ok());
        let own_chart = "    - {release: loki, values: {deploymentMode: Microservices}}\n";
        assert!(desired("compact", own_chart).is_ok());
    }
}
