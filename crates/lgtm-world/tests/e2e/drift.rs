//! Drift, kind by kind: what another hand changes or deletes is named exactly and put right, and what
//! is not lgtmctl's is left alone.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::{
    inventory::{InventoryObject, TOPOLOGY_LABEL},
    object::{Scope, built_in_scope},
    plan::{Change, PlanOptions},
};
use lgtm_topology::ClusterName;
use serde_json::{Value, json};

use crate::{
    bed::{Bed, changes, steps},
    hand::Hand,
};

const TOPOLOGY: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: drift}
spec:
  provider: {kwok: {}}
  hub: {name: hub, segment: 248/29}
  spokes:
    - {name: edge, tenant: remote01, scenario: alloy}
    - {name: far, tenant: remote02, scenario: otel}
";

/// How each kind's owned field is changed by hand: a JSON patch, and the field that a plan must name.
/// A kind without a row fails the test, so nobody forgets one.
fn owned_field(kind: &str) -> Result<(Value, &'static str), &'static str> {
    let replace = |path: &str, value: Value| json!([{"op": "replace", "path": path, "value": value}]);
    let image = replace("/spec/template/spec/containers/0/image", json!("example.com/other:1"));
    Ok(match kind {
        "ClusterRole" | "Role" => (replace("/rules", json!([])), "rules"),
        "ClusterRoleBinding" | "RoleBinding" => {
            (replace("/subjects/0/name", json!("other")), "subjects[name=")
        }
        "ConfigMap" => (json!([{"op": "replace", "path": "/data", "value": {"other": "x"}}]), "data["),
        "DaemonSet" | "Deployment" | "StatefulSet" => (image, "spec.template.spec.containers[name="),
        "NetworkPolicy" => {
            (replace("/spec/podSelector", json!({"matchLabels": {"other": "x"}})), "spec.podSelector")
        }
        "PodDisruptionBudget" => (replace("/spec/maxUnavailable", json!(2)), "spec.maxUnavailable"),
        "Service" => (replace("/spec/ports/0/targetPort", json!(9)), "spec.ports["),
        "ServiceAccount" => {
            (replace("/automountServiceAccountToken", json!(true)), "automountServiceAccountToken")
        }
        "Namespace" => return Err("a Namespace has no field but its labels, which the next rounds change"),
        "Secret" => return Err("every Secret here holds material; what befalls it has tests of its own"),
        other => panic!("no row for {other}: say how an owned field of it is changed by hand"),
    })
}

fn path(object: &InventoryObject) -> String {
    let prefix = if object.key.group.is_empty() {
        format!("/api/{}", object.version)
    } else {
        format!("/apis/{}/{}", object.key.group, object.version)
    };
    match &object.key.namespace {
        Some(namespace) => format!("{prefix}/namespaces/{namespace}/{}/{}", object.plural, object.key.name),
        None => format!("{prefix}/{}/{}", object.plural, object.key.name),
    }
}

/// One object of each kind that the topology installs, wherever it is.
async fn one_of_each(bed: &Bed) -> BTreeMap<String, (String, InventoryObject)> {
    let prepared = bed.plan().await;
    let mut chosen = BTreeMap::new();
    for cluster in bed.clusters() {
        let state = prepared.observed.state(&ClusterName::new(&*cluster)).unwrap();
        for inventory in state.inventories.values() {
            for object in &inventory.objects {
                let scope = if object.key.namespace.is_none() { Scope::Cluster } else { Scope::Namespaced };
                assert_eq!(
                    built_in_scope(&object.key.group, &object.key.kind),
                    Some(scope),
                    "{}",
                    object.key
                );
                let material = object.key.kind == "Secret" && inventory.facts.contains_key("fingerprint");
                if !material || object.key.name == "tenant-certificate" {
                    chosen.entry(object.key.kind.clone()).or_insert((cluster.clone(), object.clone()));
                }
            }
        }
    }
    chosen
}

/// The plan names exactly these objects, each with a field that begins like this; then apply puts them
/// right, and there is nothing left to do.
async fn expect_and_restore(bed: &Bed, expected: &BTreeMap<(String, String), (&str, String)>) {
    let prepared = bed.plan().await;
    let mut found = BTreeMap::new();
    for step in &prepared.plan.steps {
        for change in &step.objects {
            let key = (step.id.unit.cluster.to_string(), change.object.to_string());
            let fields: Vec<String> = change.fields.iter().map(|field| field.path.clone()).collect();
            found.insert(key, (format!("{:?}", change.verb), fields));
        }
        assert_eq!(step.change, Change::Repair, "{}: {:?}", step.id, step.reasons);
    }
    let names = |keys: Vec<&(String, String)>| keys.into_iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(found.keys().collect()), names(expected.keys().collect()));
    for (key, (verb, field)) in expected {
        let (found_verb, fields) = &found[key];
        assert_eq!(found_verb, verb, "{key:?}");
        assert!(
            if field.is_empty() {
                fields.is_empty()
            } else {
                !fields.is_empty() && fields.iter().all(|found| found.starts_with(field.as_str()))
            },
            "{key:?}: {fields:?}, not {field}"
        );
    }
    bed.converge().await;
    assert_eq!(changes(&bed.plan().await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_that_is_installed() {
    let bed = Bed::new(TOPOLOGY);
    bed.converge().await;
    let chosen = one_of_each(&bed).await;
    let mut hands = BTreeMap::new();
    for cluster in bed.clusters() {
        hands.insert(cluster.clone(), Hand::new(bed.by_hand(&cluster).await));
    }
    let key = |cluster: &String, object: &InventoryObject| (cluster.clone(), object.key.to_string());

    // An owned field.
    let mut expected = BTreeMap::new();
    for (kind, (cluster, object)) in &chosen {
        match owned_field(kind) {
            Ok((patch, field)) => {
                hands[cluster].patch(&path(object), &patch).await;
                expected.insert(key(cluster, object), ("Update", field.to_owned()));
            }
            Err(reason) => eprintln!("{kind}: no owned field is changed: {reason}"),
        }
    }
    expect_and_restore(&bed, &expected).await;

    // A label of the chart's, where there is one, and lgtmctl's own.
    for label in ["app.kubernetes.io/name", TOPOLOGY_LABEL] {
        let mut expected = BTreeMap::new();
        for (cluster, object) in chosen.values() {
            let live = hands[cluster].get(&path(object)).await.unwrap();
            if live["metadata"]["labels"][label].is_null() {
                continue;
            }
            let value = if label == TOPOLOGY_LABEL { Value::Null } else { json!("other") };
            hands[cluster].merge(&path(object), &json!({"metadata": {"labels": {label: value}}})).await;
            expected.insert(key(cluster, object), ("Update", format!("metadata.labels[{label}]")));
        }
        assert!(label != TOPOLOGY_LABEL || expected.len() == chosen.len());
        expect_and_restore(&bed, &expected).await;
    }

    // The object itself. A Namespace and a Secret take more with them, and have tests of their own.
    let mut expected = BTreeMap::new();
    for (kind, (cluster, object)) in &chosen {
        if !matches!(kind.as_str(), "Namespace" | "Secret") {
            hands[cluster].delete(&path(object)).await;
            expected.insert(key(cluster, object), ("Create", String::new()));
        }
    }
    expect_and_restore(&bed, &expected).await;

    // What is not lgtmctl's: a foreign label, a foreign annotation, a status.
    for (kind, (cluster, object)) in &chosen {
        let foreign = json!({"metadata": {"labels": {"foreign": "x"}, "annotations": {"foreign": "y"}}});
        hands[cluster].merge(&path(object), &foreign).await;
        if matches!(kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet") {
            let status = json!({"status": {"observedGeneration": 1}});
            hands[cluster].merge(&format!("{}/status", path(object)), &status).await;
        }
    }
    assert_eq!(steps(&bed.plan().await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_namespace_shows_itself_and_what_was_in_it() {
    let bed = Bed::new(TOPOLOGY);
    bed.converge().await;
    let hand = Hand::new(bed.by_hand("edge").await);
    let state = bed.plan().await;
    let inside: BTreeSet<String> = state
        .observed
        .state(&ClusterName::new("edge"))
        .unwrap()
        .inventories
        .values()
        .flat_map(|inventory| &inventory.objects)
        .filter(|object| object.key.namespace.as_deref() == Some("observability"))
        .map(|object| object.key.to_string())
        .collect();
    assert!(inside.len() > 10, "{inside:?}");
    hand.delete("/api/v1/namespaces/observability").await;
    let prepared = bed.plan().await;
    let named: BTreeSet<String> = prepared
        .plan
        .steps
        .iter()
        .filter(|step| step.id.unit.cluster.as_str() == "edge")
        .flat_map(|step| step.objects.iter().map(|change| change.object.to_string()))
        .collect();
    let waiting: Vec<String> = prepared
        .plan
        .steps
        .iter()
        .filter(|step| step.change == Change::Later)
        .map(|step| step.id.to_string())
        .collect();
    assert!(named.contains("Namespace observability"), "{named:?}");
    // What waits for the new certificate is named as a unit; everything else object by object.
    let certificate_users = ["edge/grafana-alloy-daemonset", "edge/grafana-alloy-deployment"];
    for user in certificate_users {
        assert!(waiting.contains(&user.to_owned()), "{waiting:?}");
    }
    for object in inside.iter().filter(|object| !object.contains("grafana-alloy")) {
        assert!(named.contains(object), "{object} is missing in {named:?}");
    }
    bed.converge().await;
    assert_eq!(steps(&bed.plan().await), [""; 0]);
}

/// What is still in a namespace that is being deleted looks whole, and goes all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_still_being_deleted() {
    let bed = Bed::new(TOPOLOGY);
    bed.converge().await;
    for (cluster, namespace) in [("hub", "observability"), ("hub", "lgtm-gateway"), ("edge", "observability")]
    {
        let hand = Hand::new(bed.by_hand(cluster).await);
        // Held by a finalizer, so that the apply surely finds it as it goes.
        let path = format!("/api/v1/namespaces/{namespace}");
        let held = format!("{path}/configmaps/held");
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "held", "finalizers": ["example.com/hold"]}});
        hand.create(&format!("{path}/configmaps"), &object).await;
        hand.begin_to_delete(&path).await;
        let release = async {
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            hand.merge(&held, &json!({"metadata": {"finalizers": null}})).await;
        };
        let (report, ()) = tokio::join!(bed.apply(), release);
        assert!(report.is_complete(), "{report:#?}");
        assert_eq!(steps(&bed.plan().await), [""; 0], "after {cluster}/{namespace}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_material() {
    let bed = Bed::new(TOPOLOGY);
    bed.converge().await;
    let hub = Hand::new(bed.by_hand("hub").await);

    // A password is remade with all that depends on it.
    let password = "/api/v1/namespaces/observability/secrets/grafana-admin";
    let before = hub.get(password).await.unwrap()["data"]["password"].clone();
    hub.delete(password).await;
    let prepared = bed.plan().await;
    assert_eq!(steps(&prepared), ["Replace hub/grafana-admin", "Later hub/grafana"]);
    bed.converge().await;
    assert_ne!(hub.get(password).await.unwrap()["data"]["password"], before);
    assert_eq!(steps(&bed.plan().await), [""; 0]);

    // One that was changed by hand is remade as well, and its value is not shown.
    hub.merge(password, &json!({"data": {"password": "aGFuZC1tYWRl"}})).await;
    let prepared = bed.plan().await;
    assert_eq!(changes(&prepared), ["Replace hub Secret observability/grafana-admin [data.password]"]);
    let shown = serde_json::to_string(&prepared.plan).unwrap();
    assert!(!shown.contains("aGFuZC1tYWRl") && !shown.contains("hand-made"), "{shown}");
    bed.converge().await;

    // A spoke's certificate: the gateway learns the new one and still knows the old one.
    let edge = Hand::new(bed.by_hand("edge").await);
    edge.delete("/api/v1/namespaces/observability/secrets/tenant-certificate").await;
    let prepared = bed.plan().await;
    assert_eq!(
        steps(&prepared),
        [
            "Replace edge/tenant-certificate",
            "Later edge/grafana-alloy-daemonset",
            "Later edge/grafana-alloy-deployment",
            "Later hub/tenant-gateway",
        ]
    );
    bed.converge().await;
    let map = hub.list("/api/v1/namespaces/lgtm-gateway/configmaps").await;
    let text = serde_json::to_string(&map).unwrap();
    assert_eq!(text.matches("remote01").count() / 2 * 2, text.matches("remote01").count(), "{text}");
    assert_eq!(steps(&bed.plan().await), [""; 0]);

    // The authority is not remade without the user's word.
    hub.delete("/api/v1/namespaces/lgtmctl-system/secrets/certificate-authority").await;
    let prepared = bed.plan().await;
    let forbidden: Vec<String> = prepared.plan.forbidden().map(|step| step.id.to_string()).collect();
    assert_eq!(forbidden, ["hub/certificate-authority"]);
    let allowed = PlanOptions {
        allow_replace: ["hub/certificate-authority".parse().unwrap()].into(),
        ..PlanOptions::default()
    };
    let report = bed.apply_with(allowed, Default::default()).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(steps(&bed.plan().await), [""; 0]);
}
