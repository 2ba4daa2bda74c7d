//! What cannot be changed in place is said before it is done, with the reason and with what is lost.

use std::collections::BTreeMap;

use lgtm_executor::{ApplyOptions, Event, Events, World as _, apply};
use lgtm_planner::plan::{Change, ObjectVerb, PlanOptions};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    bed::only,
    extra::{Extra, UNIT, config_map, deployment},
};

const CORE: &str = "/api/v1/namespaces/apps";

fn service(headless: bool) -> Value {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]},
    });
    if headless {
        object["spec"]["clusterIP"] = json!("None");
    }
    object
}

fn job(image: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "main", "image": image}],
        }}},
    })
}

fn stateful_set(size: &str) -> Value {
    let labels = json!({"app": "store"});
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "store"},
        "spec": {
            "serviceName": "store", "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "example.com/store:1"}]},
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
            }],
        },
    })
}

fn claim(mode: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "own"},
        "spec": {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}},
    })
}

fn class(provisioner: &str) -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "theirs"},
        "provisioner": provisioner,
    })
}

fn secret(value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sealed"},
        "immutable": true, "stringData": {"password": value},
    })
}

fn immutable_map(value: &str) -> Value {
    let mut object = config_map("sealed", &json!({"a": value}));
    object["immutable"] = json!(true);
    object
}

fn selecting(label: &str) -> Value {
    let mut object = deployment("web", "example.com/web:1", None);
    object["spec"]["selector"]["matchLabels"] = json!({"app": label});
    object["spec"]["template"]["metadata"]["labels"] = json!({"app": label});
    object
}

fn role_binding(role: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "web"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "apps"}],
    })
}

const PATHS: [&str; 9] = [
    "/apis/apps/v1/namespaces/apps/deployments/web",
    "/api/v1/namespaces/apps/services/web",
    "/apis/batch/v1/namespaces/apps/jobs/once",
    "/apis/apps/v1/namespaces/apps/statefulsets/store",
    "/apis/storage.k8s.io/v1/storageclasses/theirs",
    "/api/v1/namespaces/apps/secrets/sealed",
    "/api/v1/namespaces/apps/configmaps/sealed",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/apps/rolebindings/web",
    "/api/v1/namespaces/apps/persistentvolumeclaims/own",
];

async fn uids(extra: &Extra) -> Vec<Value> {
    let mut uids = Vec::new();
    for path in PATHS {
        uids.push(extra.hand.get(path).await.unwrap()["metadata"]["uid"].clone());
    }
    uids
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_with_fields_that_cannot_change() {
    let first = [
        selecting("web"),
        service(false),
        job("example.com/job:1"),
        stateful_set("1Gi"),
        class("example.com/one"),
        secret("first-password"),
        immutable_map("1"),
        role_binding("view"),
    ];
    let mut with_claim = first.to_vec();
    with_claim.push(claim("ReadWriteOnce"));
    let extra = Extra::new(&with_claim).await;
    let data = extra.hand.get(&format!("{CORE}/persistentvolumeclaims/data-store-0")).await.unwrap();
    let before = uids(&extra).await;

    let second = [
        selecting("other"),
        service(true),
        job("example.com/job:2"),
        stateful_set("2Gi"),
        class("example.com/two"),
        secret("second-password"),
        immutable_map("2"),
        role_binding("edit"),
    ];
    let mut changed = second.to_vec();
    changed.push(claim("ReadWriteOnce"));
    extra.edit(&changed);
    let prepared = extra.bed.plan_with(only(UNIT)).await;
    let step = &prepared.plan.steps[0];
    assert_eq!((step.change, step.needs_permission), (Change::Replace, false));
    let mut fields_shown = BTreeMap::new();
    let mut replaced: Vec<String> = step
        .objects
        .iter()
        .map(|change| {
            assert_eq!(change.verb, ObjectVerb::Replace, "{change:?}");
            let fields: Vec<&str> = change.fields.iter().map(|field| field.path.as_str()).collect();
            fields_shown.insert(change.object.kind.as_str(), fields.join(" "));
            let remark = change.remark.as_deref().unwrap();
            let (reason, lost) = remark.rsplit_once("; ").unwrap();
            assert!(reason.len() > 10, "{remark}");
            format!("{}: {lost}", change.object.kind)
        })
        .collect();
    replaced.sort();
    let pods = "its pods stop until it is made again";
    assert_eq!(
        replaced,
        [
            "ConfigMap: it is absent for a moment".to_owned(),
            format!("Deployment: {pods}"),
            "Job: it is absent for a moment".to_owned(),
            "RoleBinding: it is absent for a moment".to_owned(),
            "Secret: it is absent for a moment".to_owned(),
            "Service: its address may change and connections break".to_owned(),
            "StatefulSet: its claims and their data stay".to_owned(),
            "StorageClass: it is absent for a moment".to_owned(),
        ]
    );
    // What the server filled in is not shown as taken away.
    let fields_shown: Vec<String> =
        fields_shown.into_iter().map(|(kind, fields)| format!("{kind} {fields}")).collect();
    assert_eq!(
        fields_shown,
        [
            "ConfigMap data.a",
            "Deployment spec.selector.matchLabels.app spec.template.metadata.labels.app",
            "Job spec.template.spec.containers[name=main].image",
            "RoleBinding roleRef.name",
            "Secret data.password",
            "Service spec.clusterIP",
            "StatefulSet spec.volumeClaimTemplates",
            "StorageClass provisioner",
        ]
    );
    let shown = serde_json::to_string(&prepared.plan).unwrap();
    assert!(!shown.contains("second-password") && !shown.contains("c2Vjb25k"), "{shown}");
    extra.converge().await;
    let after = uids(&extra).await;
    for (index, path) in PATHS.iter().enumerate() {
        assert_eq!(before[index] == after[index], path.ends_with("/own"), "{path}");
    }
    let kept = extra.hand.get(&format!("{CORE}/persistentvolumeclaims/data-store-0")).await.unwrap();
    assert_eq!(kept["metadata"]["uid"], data["metadata"]["uid"]);

    // What holds data is not replaced unless the user allows it by name.
    let mut changed = second.to_vec();
    changed.push(claim("ReadWriteMany"));
    extra.edit(&changed);
    let prepared = extra.bed.plan_with(only(UNIT)).await;
    let step = &prepared.plan.steps[0];
    assert!(step.needs_permission);
    assert!(step.objects[0].remark.as_deref().unwrap().ends_with("the data on the volume is lost"));
    let report = extra.bed.apply_with(only(UNIT), ApplyOptions::default()).await;
    let failure = report.failed.values().next().unwrap();
    assert!(failure.help.as_deref().unwrap().contains("--allow-replace hub/mine"), "{failure:?}");
    assert_eq!(uids(&extra).await, after);
    let allowed = PlanOptions { allow_replace: [UNIT.parse().unwrap()].into(), ..only(UNIT) };
    let report = extra.bed.apply_with(allowed, ApplyOptions::default()).await;
    assert!(report.is_complete(), "{report:#?}");
    let last = uids(&extra).await;
    assert_eq!(last[..8], after[..8]);
    assert_ne!(last[8], after[8]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_is_replaced_only_when_its_objects_may_be_lost() {
    let definition = |scope: &str| {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "things.example.com"},
            "spec": {
                "group": "example.com", "scope": scope,
                "names": {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                }}}],
            },
        })
    };
    let extra = Extra::new(&[definition("Namespaced")]).await;
    extra.edit(&[definition("Cluster")]);
    let prepared = extra.bed.plan_with(only(UNIT)).await;
    let step = &prepared.plan.steps[0];
    assert!(step.needs_permission && step.change == Change::Replace, "{step:#?}");
    assert!(step.objects[0].remark.as_deref().unwrap().ends_with("all objects of the kind are lost"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_that_blocks_is_named() {
    let extra = Extra::new(&[immutable_map("1")]).await;
    let path = format!("{CORE}/configmaps/sealed");
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    extra.hand.merge(&path, &hold).await;
    extra.edit(&[immutable_map("2")]);

    // The apply deletes it, waits, and says for what.
    let bed = &extra.bed;
    bed.world.lock(&bed.topology.name).await.unwrap();
    let prepared = bed.plan_with(only(UNIT)).await;
    let (events, mut heard) = Events::channel();
    let (_interrupt, interrupted) = watch::channel(false);
    let world = std::sync::Arc::clone(&bed.world);
    let applying =
        tokio::spawn(
            async move { apply(&world, prepared, ApplyOptions::default(), &events, interrupted).await },
        );
    loop {
        if let Event::Waiting { what, .. } = heard.recv().await.unwrap()
            && what.starts_with("ConfigMap apps/sealed")
        {
            assert!(what.contains("example.com/hold"), "{what}");
            break;
        }
    }
    // So does a plan that someone else makes meanwhile.
    let prepared = bed.plan_with(only(UNIT)).await;
    let change = &prepared.plan.steps[0].objects[0];
    assert_eq!(change.verb, ObjectVerb::Create);
    assert!(change.remark.as_deref().unwrap().contains("example.com/hold"), "{change:?}");

    extra.hand.merge(&path, &json!({"metadata": {"finalizers": null}})).await;
    let report = applying.await.unwrap();
    bed.world.release_lock().await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(extra.hand.get(&path).await.unwrap()["data"], json!({"a": "2"}));
    assert_eq!(extra.changes().await, [""; 0]);
}
