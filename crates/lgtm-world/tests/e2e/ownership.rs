//! Other owners: their values are shown before they are taken over, and what is theirs stays.

use lgtm_executor::ApplyOptions;
use lgtm_planner::plan::{ObjectVerb, PlanOptions};
use serde_json::{Value, json};

use crate::{
    bed::{only, perform},
    extra::{Extra, UNIT, config_map, deployment},
};
use lgtm_executor::World as _;

const WEB: &str = "/apis/apps/v1/namespaces/apps/deployments/web";
const CONFIG_MAPS: &str = "/api/v1/namespaces/apps/configmaps";
const FIRST: &str = "example.com/web:1";

fn managers(live: &Value) -> Vec<String> {
    let entries = live["metadata"]["managedFields"].as_array().unwrap();
    entries.iter().map(|entry| entry["manager"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_managers_value_is_a_conflict_that_names_it() {
    let extra =
        Extra::new(&[deployment("web", FIRST, Some(1)), config_map("settings", &json!({"a": "1"}))]).await;
    let image =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "other:2"}]}}}});
    let mut theirs = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
    theirs["spec"] = image["spec"].clone();
    extra.hand.apply_as(WEB, "argocd", &theirs).await;
    // An equal value is no conflict.
    let equal = config_map("settings", &json!({"a": "1"}));
    extra.hand.apply_as(&format!("{CONFIG_MAPS}/settings"), "argocd", &equal).await;

    let prepared = extra.bed.plan_with(only(UNIT)).await;
    let [change] = prepared.plan.steps[0].objects.as_slice() else { panic!("{:?}", prepared.plan.steps) };
    assert_eq!(change.object.to_string(), "Deployment apps/web");
    let [conflict] = change.conflicts.as_slice() else { panic!("{change:?}") };
    assert_eq!(conflict.manager, "argocd");
    assert!(conflict.path.ends_with(".image"), "{conflict:?}");

    let options = PlanOptions { conflicts_fail: true, ..only(UNIT) };
    let refused = extra.refusal(options).await;
    assert!(refused.contains("argocd") && refused.contains("image"), "{refused}");

    extra.converge().await;
    let live = extra.hand.get(WEB).await.unwrap();
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], FIRST);
    let settings = extra.hand.get(&format!("{CONFIG_MAPS}/settings")).await.unwrap();
    assert!(managers(&settings).contains(&"argocd".to_owned()), "{settings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_belong_to_the_autoscaler_and_never_fall_when_they_are_given_up() {
    let extra = Extra::new(&[deployment("web", FIRST, Some(2)), deployment("plain", FIRST, Some(3))]).await;
    let scaler = json!({
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 9,
        },
    });
    extra.hand.create("/apis/autoscaling/v2/namespaces/apps/horizontalpodautoscalers", &scaler).await;
    // As the controller does: through the subresource.
    extra.hand.merge(&format!("{WEB}/scale"), &json!({"spec": {"replicas": 5}})).await;
    assert_eq!(extra.changes().await, [""; 0]);

    let replicas = async |name: &str| {
        let live =
            extra.hand.get(&format!("/apis/apps/v1/namespaces/apps/deployments/{name}")).await.unwrap();
        live["spec"]["replicas"].as_i64().unwrap()
    };
    let newer = "example.com/web:2";
    extra.edit(&[deployment("web", newer, Some(2)), deployment("plain", FIRST, Some(3))]);
    assert_eq!(
        extra.changes().await,
        ["Update hub Deployment apps/web [spec.template.spec.containers[name=main].image]"]
    );
    extra.converge().await;
    assert_eq!(replicas("web").await, 5);

    // What no one scales yet: the manifests stop saying how many, and the number stays.
    extra.edit(&[deployment("web", newer, None), deployment("plain", newer, None)]);
    assert_eq!(
        extra.changes().await,
        ["Update hub Deployment apps/plain [spec.template.spec.containers[name=main].image]"]
    );
    extra.converge().await;
    assert_eq!((replicas("plain").await, replicas("web").await), (3, 5));
    // And by hand it can be scaled now without a word.
    let plain = "/apis/apps/v1/namespaces/apps/deployments/plain";
    extra.hand.merge(&format!("{plain}/scale"), &json!({"spec": {"replicas": 4}})).await;
    assert_eq!(extra.changes().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn adoption_is_planned_and_complete() {
    let extra = Extra::new(&[config_map("own", &json!({"a": "1"}))]).await;
    for (name, manager) in [("of-helm", "helm"), ("of-kubectl", "kubectl-client-side-apply")] {
        let object = config_map(name, &json!({"kept": "1", "dropped": "2"}));
        extra.hand.create_as(CONFIG_MAPS, manager, &object).await;
    }
    let both = json!({"kept": "1", "dropped": "2"});
    extra.edit(&[
        config_map("of-helm", &both),
        config_map("of-kubectl", &both),
        config_map("own", &json!({"a": "1"})),
    ]);
    let labels = "metadata.labels";
    let planned = extra.changes().await;
    assert_eq!(planned.len(), 2, "{planned:?}");
    assert!(planned.iter().all(|change| change.starts_with("Adopt hub ConfigMap apps/of-")), "{planned:?}");
    assert!(planned.iter().all(|change| change.contains(labels)), "{planned:?}");
    extra.converge().await;
    for name in ["of-helm", "of-kubectl"] {
        let live = extra.hand.get(&format!("{CONFIG_MAPS}/{name}")).await.unwrap();
        assert_eq!(managers(&live), ["lgtmctl"], "{live}");
    }
    // What is dropped later really goes, since nobody else has it any more.
    let one = json!({"kept": "1"});
    extra.edit(&[
        config_map("of-helm", &one),
        config_map("of-kubectl", &one),
        config_map("own", &json!({"a": "1"})),
    ]);
    extra.converge().await;
    for name in ["of-helm", "of-kubectl"] {
        let live = extra.hand.get(&format!("{CONFIG_MAPS}/{name}")).await.unwrap();
        assert_eq!(live["data"], one);
    }

    // An object that appears between plan and apply is not adopted, for no plan said so.
    let last = config_map("late", &json!({"mine": "1"}));
    extra.edit(&[last, config_map("own", &json!({"a": "1"}))]);
    let bed = &extra.bed;
    bed.world.lock(&bed.topology.name).await.unwrap();
    let prepared = bed.plan_with(only(UNIT)).await;
    let verbs: Vec<ObjectVerb> = prepared.plan.steps[0].objects.iter().map(|change| change.verb).collect();
    assert_eq!(verbs, [ObjectVerb::Create, ObjectVerb::Delete, ObjectVerb::Delete]);
    let theirs = config_map("late", &json!({"theirs": "1"}));
    extra.hand.create_as(CONFIG_MAPS, "helm", &theirs).await;
    let report = perform(&bed.world, prepared, ApplyOptions::default()).await;
    bed.world.release_lock().await;
    let failure = report.failed.values().next().unwrap();
    assert!(failure.message.contains("ConfigMap apps/late"), "{failure}");
    assert!(failure.message.contains("not made by lgtmctl"), "{failure}");
    let live = extra.hand.get(&format!("{CONFIG_MAPS}/late")).await.unwrap();
    assert_eq!(live["data"], theirs["data"]);
    // The next plan says it.
    let planned = extra.changes().await;
    assert!(planned.iter().any(|change| change.starts_with("Adopt hub ConfigMap apps/late")), "{planned:?}");
    extra.converge().await;
    let live = extra.hand.get(&format!("{CONFIG_MAPS}/late")).await.unwrap();
    assert_eq!(live["data"], json!({"mine": "1"}), "what helm had and we do not say is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_topology_owns_is_refused_and_a_foreign_container_stays() {
    let extra = Extra::new(&[deployment("web", FIRST, Some(1))]).await;
    let mut theirs = config_map("shared", &json!({"a": "1"}));
    theirs["metadata"]["labels"] = json!({"lgtmctl.dev/topology": "another", "lgtmctl.dev/unit": "mine"});
    extra.hand.create_as(CONFIG_MAPS, "lgtmctl", &theirs).await;
    extra.edit(&[deployment("web", FIRST, Some(1)), config_map("shared", &json!({"a": "2"}))]);
    let refused = extra.refusal(only(UNIT)).await;
    assert!(refused.contains("shared") && refused.contains("`another`"), "{refused}");

    // When it appears after the plan was made, it is not touched either.
    let bed = &extra.bed;
    extra.hand.delete(&format!("{CONFIG_MAPS}/shared")).await;
    bed.world.lock(&bed.topology.name).await.unwrap();
    let prepared = bed.plan_with(only(UNIT)).await;
    extra.hand.create_as(CONFIG_MAPS, "lgtmctl", &theirs).await;
    let report = perform(&bed.world, prepared, ApplyOptions::default()).await;
    bed.world.release_lock().await;
    let failure = report.failed.values().next().unwrap();
    assert!(failure.message.contains("another"), "{failure}");
    assert_eq!(extra.hand.get(&format!("{CONFIG_MAPS}/shared")).await.unwrap()["data"], json!({"a": "1"}));
    extra.edit(&[deployment("web", FIRST, Some(1))]);
    extra.bed.converge_unit(UNIT).await;
    // What is left of the attempt does not take the other topology's object with it.
    assert!(extra.hand.get(&format!("{CONFIG_MAPS}/shared")).await.is_some());

    let sidecar = json!([{
        "op": "add", "path": "/spec/template/spec/containers/-",
        "value": {"name": "sidecar", "image": "example.com/sidecar:1"},
    }]);
    extra.hand.patch(WEB, &sidecar).await;
    assert_eq!(extra.changes().await, [""; 0]);
    extra.edit(&[deployment("web", "example.com/web:2", Some(1))]);
    extra.converge().await;
    let live = extra.hand.get(WEB).await.unwrap();
    let names: Vec<&str> = live["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|container| container["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["main", "sidecar"]);
}

/// Some tools write `managedFields: [{}]`, after which the server knows of nobody what they own.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_goes_also_when_the_record_of_ownership_was_stripped() {
    let both = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "1", "b": "2"}});
    let extra = Extra::new(&[both]).await;
    let path = "/api/v1/namespaces/apps/configmaps/one";
    let stripped =
        extra.hand.merge(path, &json!({"metadata": {"managedFields": [{}]}, "data": {"c": "3"}})).await;
    assert!(!stripped["metadata"]["managedFields"].to_string().contains("lgtmctl"), "{stripped}");
    // Nothing differs, so there is nothing to do yet.
    assert_eq!(extra.changes().await, [""; 0]);
    extra.edit(&[
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "1"}}),
    ]);
    assert_eq!(extra.changes().await, ["Update hub ConfigMap apps/one []"]);
    extra.converge().await;
    // What we put there is gone; what another hand put there stays.
    assert_eq!(extra.hand.get(path).await.unwrap()["data"], json!({"a": "1", "c": "3"}));
}
