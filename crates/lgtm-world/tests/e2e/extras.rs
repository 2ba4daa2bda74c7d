//! The user's own charts and manifests: definitions and their objects, hooks, Jobs, and objects that
//! move, stay or go.

use lgtm_planner::{
    inventory::Inventory,
    plan::{PlanError, PlanOptions, StepId, Target},
};
use serde_json::{Value, json};

use crate::{
    bed::{Bed, changes, steps},
    extra::{config_map, deployment},
    hand::Hand,
};

const HEAD: &str = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: extras}\nspec:\n  \
                    provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  spokes: []\n";

fn manifests(names: &[&str]) -> String {
    let units: Vec<String> = names
        .iter()
        .map(|name| {
            format!("    - {{name: {name}, clusters: [hub], namespace: apps, files: [{name}.json]}}\n")
        })
        .collect();
    format!("{HEAD}  extraManifests:\n{}", units.concat())
}

fn release() -> String {
    format!("{HEAD}  extraReleases:\n    - {{name: app, clusters: [hub], chart: chart, namespace: apps}}\n")
}

fn only(names: &[&str]) -> PlanOptions {
    let targets = names.iter().map(|name| Target::Unit(format!("hub/{name}").parse().unwrap())).collect();
    PlanOptions { targets, ..PlanOptions::default() }
}

async fn converge(bed: &Bed, names: &[&str]) {
    let report = bed.apply_with(only(names), Default::default()).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(steps(&bed.plan_with(only(names)).await), [""; 0]);
}

fn definition(kind: &str) -> Value {
    let singular = kind.to_lowercase();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{singular}s.example.com")},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"kind": kind, "plural": format!("{singular}s"), "singular": singular, "listKind": format!("{kind}List")},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object",
                "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
            }}}],
        },
    })
}

fn custom(kind: &str, size: u32) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": kind, "metadata": {"name": "one"}, "spec": {"size": size}})
}

async fn inventory(hand: &Hand, unit: &str) -> Inventory {
    let record = hand.get(&format!("/api/v1/namespaces/lgtmctl-system/configmaps/extras.unit.{unit}")).await;
    serde_json::from_str(record.unwrap()["data"]["record"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_resources_wait_for_their_definition() {
    let mut bed = Bed::new(&manifests(&["a-thing", "both", "definitions"]));
    bed.write_objects("definitions.json", &[definition("Thing")]);
    bed.write_objects("a-thing.json", &[custom("Thing", 1)]);
    bed.write_objects("both.json", &[custom("Gadget", 1), definition("Gadget")]);
    let all = ["a-thing", "both", "definitions"];
    let prepared = bed.plan_with(only(&all)).await;
    let thing = prepared.plan.steps.iter().find(|step| step.id.to_string() == "hub/a-thing").unwrap();
    let need = StepId::ensure("hub/definitions".parse().unwrap());
    assert!(thing.needs.contains(&need), "{:?}", thing.needs);
    converge(&bed, &all).await;

    let hand = Hand::new(bed.by_hand("hub").await);
    let path = "/apis/example.com/v1/namespaces/apps/things/one";
    hand.merge(path, &json!({"spec": {"size": 7}})).await;
    let planned = changes(&bed.plan_with(only(&all)).await);
    assert_eq!(planned, ["Update hub Thing.example.com apps/one [spec.size]"]);
    converge(&bed, &all).await;
    hand.delete(path).await;
    let planned = changes(&bed.plan_with(only(&all)).await);
    assert_eq!(planned, ["Create hub Thing.example.com apps/one []"]);
    converge(&bed, &all).await;

    // The definition leaves the file while others have objects of its kind: it stays, and is named.
    let mut theirs = custom("Gadget", 3);
    theirs["metadata"]["name"] = json!("theirs");
    hand.create("/apis/example.com/v1/namespaces/default/gadgets", &theirs).await;
    bed.edit(&manifests(&["definitions"]));
    bed.converge().await;
    assert!(hand.get(path).await.is_none());
    assert!(hand.get("/apis/example.com/v1/namespaces/apps/gadgets/one").await.is_none());
    assert!(hand.get("/apis/example.com/v1/namespaces/default/gadgets/theirs").await.is_some());
    let kept = hand.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.example.com").await;
    assert!(kept.unwrap()["metadata"]["labels"]["lgtmctl.dev/topology"].is_null());
    assert_eq!(steps(&bed.plan().await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_its_unit_drops_stays_until_nobody_uses_it() {
    let bed = Bed::new(&manifests(&["a-thing", "definitions"]));
    bed.write_objects("definitions.json", &[definition("Thing"), definition("Gadget")]);
    bed.write_objects("a-thing.json", &[custom("Thing", 1)]);
    bed.converge().await;
    let hand = Hand::new(bed.by_hand("hub").await);
    let (things, thing) = (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com",
        "/apis/example.com/v1/namespaces/apps/things/one",
    );
    let uid = hand.get(thing).await.unwrap()["metadata"]["uid"].clone();

    bed.write_objects("definitions.json", &[definition("Gadget")]);
    bed.converge().await;
    assert!(hand.get(things).await.is_some());
    assert_eq!(hand.get(thing).await.unwrap()["metadata"]["uid"], uid);

    // The group is still that of the other definition, and nobody has an object of it.
    bed.write_objects("a-thing.json", &[config_map("instead", &json!({"size": "1"}))]);
    assert_eq!(steps(&bed.plan().await), ["Update hub/a-thing", "Remove remove hub/definitions"]);
    bed.converge().await;
    // The server takes a moment to be rid of it.
    let left = hand.get(things).await;
    assert!(left.is_none_or(|left| left["metadata"]["deletionTimestamp"].is_string()));
    assert!(
        hand.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.example.com")
            .await
            .is_some()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn monitors_are_discovered_as_soon_as_their_definitions_are_planned() {
    let mut bed = Bed::new(HEAD);
    let note = |prepared: &lgtm_executor::Prepared| {
        prepared.plan.notes.iter().any(|note| note.contains("discovery of ServiceMonitors"))
    };
    assert!(note(&bed.plan().await));
    let monitor = |kind: &str| {
        let plural = format!("{}s", kind.to_lowercase());
        let mut object = definition(kind);
        object["metadata"]["name"] = json!(format!("{plural}.monitoring.coreos.com"));
        object["spec"]["group"] = json!("monitoring.coreos.com");
        object
    };
    bed.edit(&manifests(&["monitors"]));
    bed.write_objects("monitors.json", &[monitor("ServiceMonitor"), monitor("PodMonitor")]);
    assert!(!note(&bed.plan().await));
    bed.converge().await;
    let hand = Hand::new(bed.by_hand("hub").await);
    let maps = hand.list("/api/v1/namespaces/observability/configmaps").await;
    assert!(serde_json::to_string(&maps).unwrap().contains("prometheus.operator.servicemonitors"));
    assert_eq!(steps(&bed.plan().await), [""; 0]);
}

fn hook(name: &str, when: &str, extra: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations:\n    helm.sh/hook: {when}\n{extra}\
         spec:\n  template:\n    spec:\n      restartPolicy: Never\n      \
         containers: [{{name: main, image: example.com/hook:1}}]\n---\n"
    )
}

fn write_chart(bed: &Bed, value: &str, hooks: &str) {
    bed.write("chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n");
    bed.write(
        "chart/templates/all.yaml",
        &format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app}}\ndata: {{a: '{value}'}}\n---\n{hooks}"
        ),
    );
}

/// The names in the order in which they were applied since `mark`.
fn applied(bed: &Bed, mark: usize) -> Vec<String> {
    let mut names = Vec::new();
    for event in bed.audit("hub").into_iter().skip(mark) {
        let text =
            |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let ours = text("/userAgent").starts_with("lgtmctl/") && text("/objectRef/namespace") == "apps";
        let write = matches!(text("/verb").as_str(), "patch" | "delete" | "create");
        if ours && write && text("/stage") == "ResponseComplete" && !text("/requestURI").contains("dryRun") {
            names.push(format!("{} {}", text("/verb"), text("/objectRef/name")));
        }
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_as_phases_and_once() {
    let bed = Bed::new(&release());
    let weight = |weight: i32| format!("    helm.sh/hook-weight: '{weight}'\n");
    let cleaned = "    helm.sh/hook-delete-policy: hook-succeeded\n";
    let hooks = [
        hook("second", "pre-install", &weight(5)),
        hook("first", "pre-install", &weight(-5)),
        hook("last", "post-install,post-upgrade", cleaned),
        hook("upgrading", "pre-upgrade", ""),
        hook("checking", "test", ""),
    ]
    .concat();
    write_chart(&bed, "1", &hooks);
    bed.converge_unit("hub/namespaces").await;
    let hand = Hand::new(bed.by_hand("hub").await);
    let mark = bed.mark("hub");
    converge(&bed, &["app"]).await;
    assert_eq!(
        applied(&bed, mark),
        ["patch first", "patch second", "patch app", "patch last", "delete last"]
    );
    let jobs = "/apis/batch/v1/namespaces/apps/jobs";
    let uid = hand.get(&format!("{jobs}/first")).await.unwrap()["metadata"]["uid"].clone();

    // Done is done: also when a TTL, or a hand, removes what is left of it.
    hand.delete(&format!("{jobs}/second")).await;
    let mark = bed.mark("hub");
    converge(&bed, &["app"]).await;
    write_chart(&bed, "2", &hooks);
    converge(&bed, &["app"]).await;
    assert_eq!(
        applied(&bed, mark),
        ["patch upgrading", "patch app"],
        "an upgrade runs the hooks of upgrades that did not run as they are"
    );
    assert_eq!(hand.get(&format!("{jobs}/first")).await.unwrap()["metadata"]["uid"], uid);
    // What a hook left behind is still known, so that it can go with the release.
    let held: Vec<String> =
        inventory(&hand, "app").await.objects.iter().map(|object| object.key.name.clone()).collect();
    assert!(held.contains(&"first".to_owned()), "{held:?}");
    write_chart(&bed, "2", "");
    converge(&bed, &["app"]).await;
    assert!(hand.list(jobs).await.is_empty(), "hooks that the chart no longer has are removed");

    write_chart(&bed, "2", &hook("back", "pre-rollback", ""));
    let error = bed.try_plan_with(only(&["app"])).await.unwrap_err();
    let lgtm_executor::prepare::PrepareError::Plan(problems) = error else { panic!("{error:?}") };
    assert!(matches!(problems.as_slice(), [PlanError::Hook { .. }]), "{problems:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_once_and_again_only_when_it_changed() {
    let job = |image: &str| {
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"},
            "spec": {"template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "main", "image": image}],
            }}},
        })
    };
    let bed = Bed::new(&manifests(&["mine"]));
    bed.write_objects("mine.json", &[job("a:1"), config_map("settings", &json!({"a": "1"}))]);
    converge(&bed, &["mine"]).await;
    let hand = Hand::new(bed.by_hand("hub").await);
    let path = "/apis/batch/v1/namespaces/apps/jobs/once";
    let uid = async || hand.get(path).await.map(|job| job["metadata"]["uid"].clone());
    let first = uid().await.unwrap();
    bed.write_objects("mine.json", &[job("a:1"), config_map("settings", &json!({"a": "2"}))]);
    converge(&bed, &["mine"]).await;
    assert_eq!(uid().await.unwrap(), first);
    hand.delete(path).await;
    bed.write_objects("mine.json", &[job("a:1"), config_map("settings", &json!({"a": "3"}))]);
    converge(&bed, &["mine"]).await;
    assert_eq!(uid().await, None);
    bed.write_objects("mine.json", &[job("a:2"), config_map("settings", &json!({"a": "3"}))]);
    converge(&bed, &["mine"]).await;
    assert!(uid().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_stay_move_or_go() {
    let bed = Bed::new(&manifests(&["mine", "other"]));
    let both = ["mine", "other"];
    let mut kept = config_map("kept", &json!({"a": "1"}));
    kept["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    let moving = config_map("moving", &json!({"a": "1"}));
    let stays = config_map("stays", &json!({"a": "1"}));
    // What holds data stays too, unless a destroy says otherwise.
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    bed.write_objects("mine.json", &[kept, claim, moving.clone(), deployment("old", "a:1", None)]);
    bed.write_objects("other.json", std::slice::from_ref(&stays));
    converge(&bed, &both).await;
    let hand = Hand::new(bed.by_hand("hub").await);
    let maps = "/api/v1/namespaces/apps/configmaps";
    let uid =
        async |name: &str| hand.get(&format!("{maps}/{name}")).await.unwrap()["metadata"]["uid"].clone();
    let before = (uid("kept").await, uid("moving").await);

    bed.write_objects("mine.json", &[deployment("new", "a:1", None)]);
    bed.write_objects("other.json", &[stays.clone(), moving]);
    let planned = changes(&bed.plan_with(only(&both)).await);
    for expected in [
        "Keep hub ConfigMap apps/kept",
        "Keep hub PersistentVolumeClaim apps/data",
        "Delete hub Deployment apps/old",
        "Create hub Deployment apps/new",
    ] {
        assert!(planned.iter().any(|change| change.starts_with(expected)), "{expected}: {planned:?}");
    }
    assert!(!planned.iter().any(|change| change.starts_with("Delete hub ConfigMap")), "{planned:?}");
    let mark = bed.mark("hub");
    converge(&bed, &both).await;
    assert_eq!((uid("kept").await, uid("moving").await), before);
    assert!(hand.get("/api/v1/namespaces/apps/persistentvolumeclaims/data").await.is_some());
    let order = applied(&bed, mark);
    let place = |what: &str| {
        order.iter().position(|name| name == what).unwrap_or_else(|| panic!("{what}: {order:?}"))
    };
    assert!(place("patch new") < place("delete old"), "{order:?}");
    let holds = async |unit: &str, name: &str| {
        inventory(&hand, unit).await.objects.iter().any(|object| object.key.name == name)
    };
    assert!(holds("other", "moving").await && !holds("mine", "moving").await);

    // One object, one owner.
    bed.write_objects("mine.json", std::slice::from_ref(&stays));
    let error = bed.try_plan_with(only(&both)).await.unwrap_err();
    let lgtm_executor::prepare::PrepareError::Plan(problems) = error else { panic!("{error:?}") };
    assert!(matches!(problems.as_slice(), [PlanError::TwoOwners { .. }]), "{problems:?}");
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}});
    bed.write_objects("mine.json", &[namespace]);
    let error = bed.try_plan_with(only(&both)).await.unwrap_err();
    assert!(format!("{error:?}").contains("TwoOwners"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_as_text_and_lists_with_two_of_a_key() {
    let bed = Bed::new(&manifests(&["mine"]));
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
        "stringData": {"password": "very-secret-indeed"},
    });
    bed.write_objects("mine.json", std::slice::from_ref(&secret));
    converge(&bed, &["mine"]).await;
    let hand = Hand::new(bed.by_hand("hub").await);
    let path = "/api/v1/namespaces/apps/secrets/login";
    hand.merge(path, &json!({"data": {"password": "aGFuZC1tYWRl"}})).await;
    let prepared = bed.plan_with(only(&["mine"])).await;
    assert_eq!(changes(&prepared), ["Update hub Secret apps/login [data.password]"]);
    let shown = format!("{:?}", prepared.plan.steps.iter().map(|step| &step.objects).collect::<Vec<_>>());
    for secret in ["very-secret", "dmVyeS1z", "hand-made", "aGFuZC1t"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    converge(&bed, &["mine"]).await;

    let mut twice = deployment("web", "a:1", None);
    twice["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    bed.write_objects("mine.json", &[secret, twice]);
    let mark = bed.mark("hub");
    let error = bed.try_plan_with(only(&["mine"])).await.unwrap_err();
    let lgtm_executor::prepare::PrepareError::Plan(problems) = error else { panic!("{error:?}") };
    assert!(
        matches!(problems.as_slice(), [PlanError::DuplicateKey { key, .. }] if key == "A"),
        "{problems:?}"
    );
    assert!(bed.writes("hub", mark).is_empty());
}
