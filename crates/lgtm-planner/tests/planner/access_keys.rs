//! Access keys for object storage: when one is made, kept and made anew.

use std::{collections::BTreeSet, sync::Arc};

use lgtm_planner::{
    desired::{Capabilities, Desired, desire},
    digest::Digest,
    fact::FactRef,
    object::ObjectKey,
    plan::{Action, Change, MakeMaterial, ObjectVerb, PlanOptions, Step, Target},
    unit::{
        AccessKeyRequest, Buckets, ChartRef, Content, Material, MaterialContent, ObjectStorage, Release,
        SecretRef, Unit, UnitId,
    },
};
use lgtm_topology::{ClusterName, Topology, parse};
use serde_json::json;

use crate::{
    drive::{apply, prepare_desired},
    model::{World, secret_key},
};

fn topology() -> Topology {
    let text = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: model}\nspec:\n  \
                provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  spokes: []\n";
    parse("topology.yaml", text).topology.unwrap()
}

fn request(buckets: &[&str]) -> AccessKeyRequest {
    let secret = |name: &str| SecretRef { namespace: "loki".to_owned(), name: name.to_owned() };
    AccessKeyRequest {
        id_key: "ID".to_owned(),
        secret_key: "SECRET".to_owned(),
        opens: Some(Buckets {
            storage: ObjectStorage {
                namespace: "storage".to_owned(),
                service: "rustfs-svc".to_owned(),
                port: 9000,
                root: secret("root"),
                root_unit: Some(UnitId::new(&ClusterName::new("hub"), "root")),
                root_id_key: "ROOT_ID".to_owned(),
                root_secret_key: "ROOT_SECRET".to_owned(),
            },
            names: buckets.iter().map(|bucket| (*bucket).to_owned()).collect(),
        }),
    }
}

fn desired(request: AccessKeyRequest) -> Desired {
    let mut desired = desire(&topology(), &Capabilities::default()).unwrap();
    let id = UnitId::new(&desired.hub, "loki-key");
    let secret = SecretRef { namespace: "loki".to_owned(), name: "object-storage".to_owned() };
    let content = Content::Material(MaterialContent { secret, material: Material::AccessKey(request) });
    let namespaces = UnitId::new(&desired.hub, "namespaces");
    let root = UnitId::new(&desired.hub, "root");
    let needs = [namespaces.clone(), root.clone()].into();
    desired.units.insert(id.clone(), Unit { id, needs, content });
    let own =
        AccessKeyRequest { id_key: "ROOT_ID".to_owned(), secret_key: "ROOT_SECRET".to_owned(), opens: None };
    let secret = SecretRef { namespace: "loki".to_owned(), name: "root".to_owned() };
    let content = Content::Material(MaterialContent { secret, material: Material::AccessKey(own) });
    desired.units.insert(root.clone(), Unit { id: root, needs: [namespaces].into(), content });
    desired.add_needs([]).unwrap();
    desired
}

/// What is planned for the key, which is then applied; nothing else may be left to do but at first.
fn step(world: &mut World, request: AccessKeyRequest) -> Option<Step> {
    let options = PlanOptions { refresh_full: true, ..PlanOptions::default() };
    let prepared = prepare_desired(world, desired(request), &options).unwrap();
    let step = prepared.plan.steps.iter().find(|step| step.id.unit.name.as_str() == "loki-key").cloned();
    let applied = apply(world, prepared, |_| 0);
    assert!(applied.stuck.is_empty() && !applied.cut);
    step
}

fn work(step: &Step) -> &MakeMaterial {
    match &step.action {
        Some(Action::Make(work)) => work,
        other => panic!("{other:?}"),
    }
}

fn key() -> ObjectKey {
    secret_key("loki", "object-storage")
}

#[test]
fn a_key_is_made_once_and_what_it_opens_may_change() {
    let mut world = World::default();
    let made = step(&mut world, request(&["chunks", "ruler"])).unwrap();
    assert_eq!(made.change, Change::Later, "it rests on the root key, which is made first");
    assert!(step(&mut world, request(&["chunks", "ruler"])).is_none());
    let hub = desired(request(&[])).hub;
    let facts = |world: &World| world.clusters[&hub].objects[&key()].minted.clone().unwrap().facts;
    let before = facts(&world);

    let changed = step(&mut world, request(&["chunks"])).unwrap();
    assert_eq!((changed.change, changed.objects[0].verb), (Change::Update, ObjectVerb::Update));
    assert!(!work(&changed).remake && !changed.needs_permission);
    let remark = "an access key that opens the bucket chunks in storage/rustfs-svc";
    assert_eq!(changed.objects[0].remark.as_deref(), Some(remark));
    assert!(step(&mut world, request(&["chunks"])).is_none());
    assert_eq!(facts(&world), before, "whoever uses the key need not be told");
}

#[test]
fn a_lost_or_changed_key_is_made_anew_without_the_users_word() {
    let mut world = World::default();
    step(&mut world, request(&["chunks"])).unwrap();
    let hub = desired(request(&[])).hub;
    world.cluster(&hub).delete(&key());
    let lost = step(&mut world, request(&["chunks"])).unwrap();
    assert_eq!(lost.change, Change::Replace);
    assert!(work(&lost).remake && !lost.needs_permission);

    world.cluster(&hub).objects.get_mut(&key()).unwrap().edit("/data/content", json!("theirs"));
    let changed = step(&mut world, request(&["chunks"])).unwrap();
    assert_eq!(changed.change, Change::Replace);
    assert!(work(&changed).remake && !changed.needs_permission);
    assert!(step(&mut world, request(&["chunks"])).is_none());
}

#[test]
fn what_a_key_opens_is_made_again_in_a_storage_with_another_root_key() {
    let mut world = World::default();
    step(&mut world, request(&["chunks"])).unwrap();
    let hub = desired(request(&[])).hub;
    let unit = lgtm_planner::unit::UnitName::new("loki-key");
    let digest = |world: &World| world.clusters[&hub].inventories[&unit].digest.clone();
    let facts = |world: &World| world.clusters[&hub].inventories[&unit].facts.clone();
    let before = (digest(&world), facts(&world));

    // With its root key a storage has lost everything, for all that anyone knows.
    world.cluster(&hub).delete(&secret_key("loki", "root"));
    let again = step(&mut world, request(&["chunks"])).unwrap();
    assert_eq!(again.change, Change::Later);
    assert_ne!(digest(&world), before.0);
    assert_eq!(facts(&world), before.1, "the key itself stays");
    assert!(step(&mut world, request(&["chunks"])).is_none());
}

#[test]
fn whatever_is_asked_for_is_in_the_digest() {
    let first = request(&["chunks"]);
    let mut requests = vec![first.clone(), request(&["chunks", "ruler"])];
    requests.push(AccessKeyRequest { id_key: "OTHER".to_owned(), ..first.clone() });
    requests.push(AccessKeyRequest { secret_key: "OTHER".to_owned(), ..first.clone() });
    requests.push(AccessKeyRequest { opens: None, ..first.clone() });
    let edits: [fn(&mut ObjectStorage); 8] = [
        |storage| storage.root_unit = None,
        |storage| storage.namespace.push('2'),
        |storage| storage.service.push('2'),
        |storage| storage.port += 1,
        |storage| storage.root.namespace.push('2'),
        |storage| storage.root.name.push('2'),
        |storage| storage.root_id_key.push('2'),
        |storage| storage.root_secret_key.push('2'),
    ];
    requests.extend(edits.map(|edit| {
        let mut changed = first.clone();
        edit(&mut changed.opens.as_mut().unwrap().storage);
        changed
    }));
    let count = requests.len();
    let digests: BTreeSet<Digest> =
        requests.into_iter().map(|request| Material::AccessKey(request).request_digest()).collect();
    assert_eq!(digests.len(), count);
}

/// A release that reads the key, beside what `desired` has.
fn with_readers(names: &[&str]) -> Desired {
    let mut desired = desired(request(&["chunks"]));
    let key = UnitId::new(&desired.hub, "loki-key");
    for name in names {
        let release = Release {
            chart: ChartRef::Embedded("reader".to_owned()),
            name: (*name).to_owned(),
            namespace: "loki".to_owned(),
            values: Arc::new(json!({"digest": FactRef::new(&key, "digest").placeholder()})),
            gives: Vec::new(),
        };
        let id = UnitId::new(&desired.hub, *name);
        let content = Content::Release(release);
        desired.units.insert(id.clone(), Unit { id, needs: [key.clone()].into(), content });
    }
    desired.add_needs([]).unwrap();
    desired
}

/// The keys that a reader retires when it is applied; none when nothing is planned for it.
fn retired(world: &mut World, readers: &[&str]) -> Option<Vec<String>> {
    let prepared = prepare_desired(world, with_readers(readers), &PlanOptions::default()).unwrap();
    let step = prepared.plan.steps.iter().find(|step| step.id.unit.name.as_str() == readers[0]).cloned();
    assert!(apply(world, prepared, |_| 0).stuck.is_empty());
    match step?.action {
        Some(Action::Apply(work)) => Some(work.retires.iter().map(|key| key.unit.to_string()).collect()),
        other => panic!("{other:?}"),
    }
}

/// Loses the key and makes another, and goes no further.
fn lose(world: &mut World, readers: &[&str]) {
    let hub = desired(request(&[])).hub;
    world.cluster(&hub).delete(&key());
    let targets = vec![Target::Unit(UnitId::new(&hub, "loki-key"))];
    let options = PlanOptions { targets, ..PlanOptions::default() };
    let prepared = prepare_desired(world, with_readers(readers), &options).unwrap();
    assert!(prepared.plan.steps.iter().any(|step| step.change == Change::Replace));
    assert!(apply(world, prepared, |_| 0).stuck.is_empty());
}

#[test]
fn earlier_keys_go_when_the_one_who_reads_them_has_the_new_one() {
    let mut world = World::default();
    let first = prepare_desired(&world, with_readers(&["reader"]), &PlanOptions::default()).unwrap();
    assert!(apply(&mut world, first, |_| 0).stuck.is_empty());
    assert_eq!(retired(&mut world, &["reader"]), None);
    lose(&mut world, &["reader"]);
    assert_eq!(retired(&mut world, &["reader"]), Some(vec!["hub/loki-key".to_owned()]));
    assert_eq!(retired(&mut world, &["reader"]), None);

    // A reader that changes for another reason has the key already.
    let hub = desired(request(&[])).hub;
    let reader = ObjectKey {
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        namespace: Some("loki".to_owned()),
        name: "reader".to_owned(),
    };
    world.cluster(&hub).delete(&reader);
    assert_eq!(retired(&mut world, &["reader"]), Some(Vec::new()));
}

#[test]
fn a_key_that_several_read_is_taken_from_nobody() {
    let readers = ["reader", "second"];
    let mut world = World::default();
    let first = prepare_desired(&world, with_readers(&readers), &PlanOptions::default()).unwrap();
    assert!(apply(&mut world, first, |_| 0).stuck.is_empty());
    lose(&mut world, &readers);
    assert_eq!(retired(&mut world, &readers), Some(Vec::new()));
}
