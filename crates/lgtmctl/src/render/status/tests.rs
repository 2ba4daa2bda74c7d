//! How the status looks.

use std::{collections::BTreeMap, sync::Arc};

use lgtm_planner::{
    desired::{Capabilities, Desired, desire},
    digest::Digest,
    inventory::{FleetEntry, Inventory, Took},
    observed::{ClusterState as Read, Observed},
    plan::PlanOptions,
};
use serde_json::json;

use super::*;
use crate::render::fixture::{PLAIN, cluster, plan as make, step};

const NOW: i64 = 1_767_225_600;

fn desired() -> Desired {
    let source = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: small}\nspec:\n  \
        provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  \
        spokes: [{name: west, tenant: west, scenario: alloy}, {name: east, tenant: east, scenario: alloy}]\n";
    let parsed = lgtm_topology::parse("small.yaml", source);
    desire(&parsed.topology.unwrap(), &Capabilities::default()).unwrap()
}

fn inventory(id: &UnitId, facts: Value) -> Inventory {
    let Value::Object(facts) = facts else { panic!("facts are a mapping") };
    Inventory {
        topology: lgtm_topology::TopologyName::new("small"),
        unit: id.name.clone(),
        state: State::Applied,
        digest: Digest::of_bytes(b""),
        needs: std::collections::BTreeSet::new(),
        facts: facts.into_iter().collect(),
        used: Vec::new(),
        objects: Vec::new(),
        took: Took::default(),
        applied_at: NOW - 600,
    }
}

/// A hub that has everything, with one certificate about to end, a spoke that does not answer, one that
/// drifted, and one that has left the file.
fn prepared() -> Prepared {
    let desired = desired();
    let mut observed = Observed { now: NOW, ..Observed::default() };
    for name in ["hub", "west"] {
        let mut read = Read { version: "v1.35.1".to_owned(), ..Read::default() };
        for unit in desired.units.values().filter(|unit| unit.id.cluster.as_str() == name) {
            let facts = match &unit.content {
                Content::Material(content)
                    if format!("{:?}", content.material).starts_with("Certificate") =>
                {
                    let left = if name == "hub" { 5 } else { 70 };
                    json!({"notAfter": NOW + left * DAY, "notBefore": NOW - DAY})
                }
                Content::Release(_) if unit.id.name.as_str().contains("gateway") => {
                    json!({"address": "192.0.2.7"})
                }
                Content::Cluster(_)
                | Content::Enrolment
                | Content::Objects(_)
                | Content::Release(_)
                | Content::Manifests(_)
                | Content::Material(_) => json!({}),
            };
            read.inventories.insert(unit.id.name.clone(), inventory(&unit.id, facts));
        }
        observed.clusters.insert(cluster(name), ClusterObserved::Reachable(Box::new(read)));
    }
    observed
        .clusters
        .insert(cluster("east"), ClusterObserved::Unreachable { reason: "refused\u{1b}[2J".to_owned() });
    let connection = Connection::Existing { kubeconfig: None, context: "old".to_owned() };
    observed.clusters.insert(cluster("old"), ClusterObserved::Reachable(Box::default()));
    observed.fleet.insert(
        cluster("old"),
        FleetEntry {
            hub: ClusterName::new("hub"),
            topology: desired.topology.clone(),
            cluster: cluster("old"),
            connection,
            uid: "1".to_owned(),
            made: false,
        },
    );
    let drifted = desired.units.keys().rev().find(|id| id.cluster.as_str() == "west").unwrap().to_string();
    let mut plan = make(vec![
        step(&drifted, Change::Repair, "1 object was deleted by another hand"),
        step("east/cluster", Change::Blocked, "east does not answer"),
        step("old/alloy", Change::Remove, "it is no longer in the topology"),
    ]);
    plan.unreachable.insert(cluster("east"), "refused".to_owned());
    Prepared {
        desired: Arc::new(desired),
        observed,
        rendered: BTreeMap::new(),
        facts: BTreeMap::new(),
        options: PlanOptions::default(),
        plan,
    }
}

fn details(name: &ClusterName, how: &ClusterRef) -> ClusterDetails {
    match how {
        ClusterRef::Wanted(_) => {
            ClusterDetails { audit_log: Some(format!("/logs/{name}.log").into()), connection: None }
        }
        ClusterRef::Recorded(_) => ClusterDetails::default(),
    }
}

fn look() -> Survey {
    survey(&prepared(), details)
}

#[test]
fn what_wants_a_look_is_shown_and_the_rest_is_counted() {
    let text = human(&look(), |at| format!("at {at}"), PLAIN());
    for expected in [
        "hub hub · ready · kwok v1.35.1 · last apply at 1767225000",
        "certificate ends in 5 days",
        "192.0.2.7",
        "spoke east · does not answer · refused\u{fffd}[2J · kwok",
        "drifted",
        "leftover old · ready · existing",
        "other units ready",
        "Not as the topology says:",
    ] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
    assert!(!text.contains("audit log"), "{text}");
    let verbose = human(&look(), |at| at.to_string(), Style::new(false, 100, true));
    assert!(verbose.contains("audit log: /logs/hub.log"), "{verbose}");
    assert!(verbose.lines().count() > text.lines().count());
}

#[test]
fn scripts_get_a_line_per_cluster() {
    let lines = json(&look());
    let names: Vec<&Value> = lines.iter().map(|line| &line["name"]).collect();
    assert_eq!(names, [&json!("hub"), &json!("east"), &json!("old"), &json!("west"), &Value::Null]);
    assert!(lines.iter().all(|line| line["version"].is_number()));
    assert_eq!(lines[0]["auditLog"], json!("/logs/hub.log"));
    assert_eq!(lines[0]["kubernetesVersion"], json!("v1.35.1"));
    assert_eq!(lines[2]["connection"]["existing"]["context"], json!("old"));
    assert_eq!(lines[2]["units"][0]["state"], json!("leftover"));
    assert_eq!(lines[4]["converged"], json!(false));
    let days: Vec<i64> = lines[0]["units"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|unit| unit["certificate"]["daysLeft"].as_i64())
        .collect();
    assert!(days.contains(&5), "{:#}", lines[0]);
}

#[test]
fn everything_in_order() {
    let mut prepared = prepared();
    prepared.plan = make(Vec::new());
    let survey = survey(&prepared, details);
    let text = human(&survey, |at| at.to_string(), PLAIN());
    assert!(text.ends_with("Everything is as the topology says.\n"), "{text}");
    assert_eq!(json(&survey).last().unwrap()["converged"], json!(true));
}

#[test]
fn expired_certificates_are_not_overlooked() {
    let mut prepared = prepared();
    prepared.observed.now += 6 * DAY;
    let text = human(&survey(&prepared, details), |at| at.to_string(), PLAIN());
    assert!(text.contains("certificate expired "), "{text}");
}
