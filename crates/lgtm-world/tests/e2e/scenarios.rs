//! A spoke changes its scenario and its log shipper: the new agents are ready before the old ones go, and
//! nothing of the old ones stays.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    bed::{Bed, steps},
    hand::Hand,
};

fn topology(scenario: &str) -> String {
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: scenarios}}\nspec:\n  \
         provider: {{kwok: {{}}}}\n  hub: {{name: hub, segment: 248/29}}\n  \
         spokes:\n    - {{name: edge, tenant: edge, scenario: {scenario}}}\n"
    )
}

/// What lgtmctl put on the spoke, by kind and name, with the unit that holds it.
async fn installed(bed: &Bed) -> BTreeMap<String, String> {
    let prepared = bed.plan().await;
    assert_eq!(steps(&prepared), [""; 0]);
    let state = prepared.observed.state(&lgtm_topology::ClusterName::new("edge")).unwrap();
    let held = state.inventories.values().flat_map(|inventory| {
        inventory.objects.iter().map(|object| (object.key.to_string(), inventory.unit.to_string()))
    });
    let held: BTreeMap<String, String> = held.collect();
    // Records bear the topology's label and no unit's.
    let labelled = state.live.iter().filter(|(_, live)| live.unit.is_some());
    let labelled: BTreeSet<String> = labelled.map(|(key, _)| key.to_string()).collect();
    assert_eq!(held.keys().cloned().collect::<BTreeSet<_>>(), labelled, "what is there is what is recorded");
    held
}

/// The writes to workloads and to records since `mark`, in order.
fn rollouts(bed: &Bed, mark: usize) -> Vec<String> {
    let text = |event: &Value, pointer: &str| {
        event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let workloads = ["deployments", "daemonsets", "statefulsets"];
    bed.audit("edge")
        .iter()
        .skip(mark)
        .filter(|event| text(event, "/userAgent").starts_with("lgtmctl/"))
        .filter(|event| text(event, "/stage") == "ResponseComplete")
        .filter(|event| !text(event, "/requestURI").contains("dryRun"))
        .filter(|event| matches!(text(event, "/verb").as_str(), "patch" | "delete"))
        .filter_map(|event| {
            let name = text(event, "/objectRef/name");
            let resource = text(event, "/objectRef/resource");
            let record = name.strip_prefix("scenarios.unit.").filter(|_| resource == "configmaps");
            let what = match record {
                Some(unit) => format!("record {unit}"),
                None if workloads.contains(&resource.as_str()) => name,
                None => return None,
            };
            Some(format!("{} {what}", text(event, "/verb")))
        })
        .collect()
}

/// No old workload goes before all new ones are written and their units recorded as `applied`, which comes
/// when what they need is ready. A record is written twice, first as `intended`.
fn assert_ready_before_removal(order: &[String], new: &[String], what: &str) {
    let workload = |verb: &str, write: &String| write.starts_with(verb) && !write.contains(" record ");
    let last_new = order.iter().rposition(|write| workload("patch ", write));
    let first_old = order.iter().position(|write| workload("delete ", write));
    assert!(last_new.is_some() && last_new < first_old, "{what}: {order:#?}");
    assert!(!new.is_empty(), "{what}: {order:#?}");
    for unit in new {
        let record = format!("patch record {unit}");
        let before = order[..first_old.unwrap()].iter().filter(|write| **write == record).count();
        assert_eq!(before, 2, "{what}: {unit} is not applied before the first removal: {order:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_times_round() {
    let mut bed = Bed::new(&topology("alloy"));
    bed.converge().await;
    let hand = Hand::new(bed.by_hand("edge").await);
    let round = ["traditional", "traditional, logShipper: fluent-bit", "otel", "alloy"];
    let mut last = installed(&bed).await;
    let mut seen: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::from([("alloy", last.clone())]);
    for turn in 0..3 {
        for scenario in round {
            bed.edit(&topology(scenario));
            let mark = bed.mark("edge");
            bed.converge().await;
            let order = rollouts(&bed, mark);
            let now = installed(&bed).await;
            let units = |held: &BTreeMap<String, String>| held.values().cloned().collect::<BTreeSet<_>>();
            let new: Vec<String> = units(&now).difference(&units(&last)).cloned().collect();
            assert_ready_before_removal(&order, &new, scenario);
            last.clone_from(&now);
            // What a scenario comes to does not depend on what was there before.
            let before = seen.entry(scenario).or_insert_with(|| now.clone());
            assert_eq!(&now, before, "turn {turn}, {scenario}");
        }
    }
    let shipped = |scenario: &str, name: &str| seen[scenario].values().any(|unit| unit == name);
    assert!(shipped("traditional", "vector") && !shipped("traditional", "fluent-bit"));
    assert!(shipped(round[1], "fluent-bit") && !shipped(round[1], "vector"));
    assert!(shipped("traditional", "prometheus-agent") && !shipped("alloy", "prometheus-agent"));
    // The Service that applications send to is there in both scenarios with Alloy.
    assert!(hand.get("/api/v1/namespaces/observability/services/grafana-alloy").await.is_some());
}
