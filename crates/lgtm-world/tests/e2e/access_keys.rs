//! Access keys for object storage: their Secrets, and the buckets that they open through a real API server.
//!
//! No scenario asks for one yet, so the unit is put beside those of the topology by hand.

use std::{collections::BTreeSet, sync::Arc};

use lgtm_executor::{ApplyOptions, Events, Prepared, World as _, prepare::observe, world::Examination};
use lgtm_planner::{
    desired::{Capabilities, desire},
    digest::Digest,
    object::Object,
    plan::{Action, ApplyObjects, Change, Plan, StepId, UsedKey, assess_material, known_facts, plan},
    unit::{
        AccessKeyRequest, Buckets, Content, ENROLMENT_UNIT, Material, MaterialContent, ObjectStorage,
        SecretRef, Unit, UnitId,
    },
};
use lgtm_topology::ClusterName;
use serde_json::{Value, json};

use crate::{
    bed::{Bed, only, perform},
    existing::{Existing, KUBECONFIG},
    hand::Hand,
    kubelet::{Kubelet, PodPort},
};

mod storage;

use storage::Storage;

const NAMESPACE: &str = "storage";
const CLAIMS: &str = "/api/v1/namespaces/storage/persistentvolumeclaims";
const LOKI_KEY: &str = "/api/v1/namespaces/storage/secrets/loki-key";

/// A unit of the hub that is an access key in a Secret of its name.
fn unit(name: &str, opens: Option<&[&str]>) -> Unit {
    let hub = ClusterName::new("hub");
    let secret = |name: &str| SecretRef { namespace: NAMESPACE.to_owned(), name: name.to_owned() };
    let opens = opens.map(|names| Buckets {
        storage: ObjectStorage {
            namespace: NAMESPACE.to_owned(),
            service: "rustfs-svc".to_owned(),
            port: 9000,
            root: secret("root-key"),
            root_unit: None,
            root_id_key: "ROOT_ID".to_owned(),
            root_secret_key: "ROOT_SECRET".to_owned(),
        },
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    });
    let (id_key, secret_key) = match opens {
        Some(_) => ("ID", "SECRET"),
        None => ("ROOT_ID", "ROOT_SECRET"),
    };
    let request = AccessKeyRequest { id_key: id_key.to_owned(), secret_key: secret_key.to_owned(), opens };
    Unit {
        id: UnitId::new(&hub, name),
        needs: [UnitId::new(&hub, ENROLMENT_UNIT)].into(),
        content: Content::Material(MaterialContent {
            secret: secret(name),
            material: Material::AccessKey(request),
        }),
    }
}

/// What would be done about one unit, with everything looked at.
async fn prepare(bed: &Bed, unit: Unit) -> Prepared {
    let mut desired = desire(&bed.topology, &Capabilities::default()).unwrap();
    let options = only(&unit.id.to_string());
    desired.units.insert(unit.id.clone(), unit);
    desired.add_needs([]).unwrap();
    let mut observed = observe(&bed.world, &desired).await.unwrap();
    for (unit, material) in assess_material(&desired, &observed, true) {
        let examination = Examination::Material(Box::new(material));
        let seen = bed.world.examine(&bed.topology.name, &unit, examination).await.unwrap();
        observed.examined.insert(unit, seen);
    }
    let facts = known_facts(&desired, &observed);
    let none = Plan::nothing(bed.topology.name.clone());
    let (desired, rendered) = (Arc::new(desired), Default::default());
    let mut prepared = Prepared { desired, observed, rendered, facts, options, plan: none };
    prepared.plan = plan(&prepared.inputs()).unwrap();
    prepared
}

/// Applies one unit and returns what was planned for it; none when nothing was.
async fn converge(bed: &Bed, unit: Unit) -> Option<Change> {
    bed.world.lock(&bed.topology.name).await.unwrap();
    let prepared = prepare(bed, unit).await;
    let change = prepared.plan.steps.last().map(|step| step.change);
    let shown = serde_json::to_string(&prepared.plan).unwrap();
    let report = perform(&bed.world, prepared, ApplyOptions::default()).await;
    bed.world.release_lock().await;
    assert!(report.is_complete(), "{report:#?}\n{shown}");
    change
}

async fn secret(hand: &Hand, name: &str) -> Option<Value> {
    hand.get(&format!("/api/v1/namespaces/{NAMESPACE}/secrets/{name}")).await
}

async fn namespace(hand: &Hand) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    hand.create("/api/v1/namespaces", &namespace).await;
}

fn keys(secret: &Value) -> Vec<&str> {
    secret["data"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_once_stays_and_is_made_anew_when_it_is_lost() {
    let bed = Bed::new(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: keys}\nspec:\n  \
         provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  spokes: []\n",
    );
    bed.converge_unit("hub/enrolment").await;
    let hand = Hand::new(bed.by_hand("hub").await);
    namespace(&hand).await;

    let root = || unit("root-key", None);
    assert_eq!(converge(&bed, root()).await, Some(Change::Create));
    let made = secret(&hand, "root-key").await.unwrap();
    assert_eq!(keys(&made), ["ROOT_ID", "ROOT_SECRET"]);
    assert_eq!(made["type"], "Opaque");
    assert_eq!(converge(&bed, root()).await, None);
    assert_eq!(secret(&hand, "root-key").await.unwrap(), made);

    // Under another name it is another key.
    let mut renamed = root();
    if let Content::Material(MaterialContent { material: Material::AccessKey(request), .. }) =
        &mut renamed.content
    {
        request.id_key = "OTHER_ID".to_owned();
    }
    assert_eq!(converge(&bed, renamed.clone()).await, Some(Change::Update));
    let other = secret(&hand, "root-key").await.unwrap();
    assert_eq!(keys(&other), ["OTHER_ID", "ROOT_SECRET"]);
    assert_ne!(other["data"]["ROOT_SECRET"], made["data"]["ROOT_SECRET"]);

    let path = format!("/api/v1/namespaces/{NAMESPACE}/secrets/root-key");
    hand.merge(&path, &json!({"data": {"ROOT_SECRET": "c2hvcnQ="}})).await;
    assert_eq!(converge(&bed, renamed.clone()).await, Some(Change::Replace));
    let mended = secret(&hand, "root-key").await.unwrap();
    assert!(mended["data"]["ROOT_SECRET"].as_str().unwrap().len() > 40, "{:?}", keys(&mended));
    hand.delete(&path).await;
    assert_eq!(converge(&bed, renamed.clone()).await, Some(Change::Replace));
    assert_eq!(converge(&bed, renamed).await, None);
    assert_ne!(secret(&hand, "root-key").await.unwrap()["data"], mended["data"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_are_opened_through_the_api_server() {
    let bed = Bed::new(&format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: keys}}\nspec:\n  \
         provider: {{existing: {{kubeconfig: {KUBECONFIG}}}}}\n  \
         hub: {{name: hub, segment: 172.20.0.248/29, provider: {{existing: {{context: hub}}}}}}\n  spokes: []\n"
    ));
    let existing = Existing::make(bed.folder.path(), &["hub"]).await;
    bed.converge_unit("hub/enrolment").await;
    let hand = existing.hand("hub").await;
    namespace(&hand).await;
    assert_eq!(converge(&bed, unit("root-key", None)).await, Some(Change::Create));

    // Without a Pod nothing is opened, the Secret waits, and the next run goes on with the same key.
    let opening = || unit("loki-key", Some(&["chunks", "ruler"]));
    bed.world.lock(&bed.topology.name).await.unwrap();
    let prepared = prepare(&bed, opening()).await;
    let report = perform(&bed.world, prepared, ApplyOptions::default()).await;
    bed.world.release_lock().await;
    let failure = report.failed.values().next().unwrap();
    assert!(failure.message.contains("no ready Pod is behind the Service"), "{failure:?}");
    let made = secret(&hand, "loki-key").await.unwrap();
    assert_eq!(keys(&made), ["ID", "SECRET"]);

    hand.create(CLAIMS, &claim()).await;
    let storage = Storage::start().await;
    let pod = PodPort { namespace: NAMESPACE, name: "rustfs-0", port: 7000 };
    let kubelet = Kubelet::start(pod, storage.port()).await;
    kubelet.join(&hand).await;
    expose(&hand).await;
    assert_eq!(converge(&bed, opening()).await, Some(Change::Resume));
    assert_eq!(secret(&hand, "loki-key").await.unwrap()["data"], made["data"]);
    assert_eq!(storage.buckets(), ["chunks", "ruler"]);
    let first = storage.users();
    assert_eq!(first.len(), 1);
    assert_eq!(converge(&bed, opening()).await, None);

    // Another bucket costs no key.
    assert_eq!(converge(&bed, unit("loki-key", Some(&["chunks", "index"]))).await, Some(Change::Update));
    assert_eq!(secret(&hand, "loki-key").await.unwrap()["data"], made["data"]);
    assert_eq!(storage.buckets(), ["chunks", "index", "ruler"]);
    assert_eq!(storage.users(), first);

    // Other volumes may be empty.
    let opening = || unit("loki-key", Some(&["chunks", "index"]));
    hand.delete(&format!("{CLAIMS}/data")).await;
    hand.create(CLAIMS, &claim()).await;
    assert_eq!(converge(&bed, opening()).await, Some(Change::Update));
    assert_eq!(secret(&hand, "loki-key").await.unwrap()["data"], made["data"]);
    assert_eq!(kubelet.forwards(), 3);
    assert_eq!(converge(&bed, opening()).await, None);

    // A lost key is made anew once, however often that is tried.
    hand.delete(LOKI_KEY).await;
    let endpoints = format!("/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices/rustfs-svc-1");
    hand.delete(&endpoints).await;
    bed.world.lock(&bed.topology.name).await.unwrap();
    let prepared = prepare(&bed, opening()).await;
    let trying = tokio::spawn({
        let world = Arc::clone(&bed.world);
        async move { perform(&world, prepared, ApplyOptions::default()).await }
    });
    let remade = loop {
        if let Some(secret) = secret(&hand, "loki-key").await {
            break secret["data"].clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(!trying.await.unwrap().is_complete());
    bed.world.release_lock().await;
    assert_ne!(remade, made["data"]);
    assert_eq!(secret(&hand, "loki-key").await.unwrap()["data"], remade);
    hand.create(endpoints.rsplit_once('/').unwrap().0, &slice()).await;
    assert_eq!(converge(&bed, opening()).await, Some(Change::Resume));
    assert_eq!(secret(&hand, "loki-key").await.unwrap()["data"], remade);

    // Who has the earlier key still uses it, until what reads the new one is ready.
    let second = storage.users();
    assert!(second.len() == 2 && second.contains(&first[0]), "the earlier user is there");
    read_key(&bed, &opening()).await;
    let third = storage.users();
    assert!(third.len() == 1 && third != first, "one user, and not the one before");
    assert_eq!(converge(&bed, opening()).await, None);
}

/// Applies something that reads a key, as if it had not had it before.
async fn read_key(bed: &Bed, key: &Unit) {
    let Content::Material(MaterialContent { secret, material: Material::AccessKey(request) }) = &key.content
    else {
        panic!("{key:?}");
    };
    let reader = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "reader", "namespace": NAMESPACE,
            "labels": {"lgtmctl.dev/topology": "keys", "lgtmctl.dev/unit": "reader"},
        },
    });
    let reader = Object::new(reader).unwrap();
    let used = UsedKey { unit: key.id.clone(), secret: secret.clone(), request: request.clone() };
    let work = ApplyObjects {
        write: [reader.key()].into(),
        objects: vec![reader],
        replace: BTreeSet::new(),
        adopt: BTreeSet::new(),
        prune: Vec::new(),
        leaving: Vec::new(),
        used: Vec::new(),
        gives: Vec::new(),
        retires: vec![used],
        digest: Digest::of_bytes(b"reader"),
        needs: BTreeSet::new(),
        before: None,
    };
    let desired = desire(&bed.topology, &Capabilities::default()).unwrap();
    let step = StepId::ensure(UnitId::new(&ClusterName::new("hub"), "reader"));
    let (events, _) = Events::channel();
    bed.world.lock(&bed.topology.name).await.unwrap();
    let done = bed.world.perform(&desired, &step, &Action::Apply(Box::new(work)), &events).await;
    bed.world.release_lock().await;
    done.unwrap();
}

fn claim() -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    })
}

/// A Service in front of the Pod, with another port than the Pod's, and of which one Pod is not ready.
async fn expose(hand: &Hand) {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "rustfs-svc"},
        "spec": {"ports": [{"name": "console", "port": 9001}, {"name": "endpoint", "port": 9000}]},
    });
    hand.create(&format!("/api/v1/namespaces/{NAMESPACE}/services"), &service).await;
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices");
    hand.create(&path, &slice()).await;
}

fn slice() -> Value {
    let endpoint = |address: &str, pod: &str, ready: bool| {
        json!({
            "addresses": [address], "conditions": {"ready": ready},
            "targetRef": {"kind": "Pod", "namespace": NAMESPACE, "name": pod},
        })
    };
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "rustfs-svc-1", "labels": {"kubernetes.io/service-name": "rustfs-svc"}},
        "ports": [{"name": "console", "port": 7001}, {"name": "endpoint", "port": 7000}],
        "endpoints": [endpoint("10.0.0.8", "not-ready", false), endpoint("10.0.0.9", "rustfs-0", true)],
    })
}
