//! The lock in front of a hub in this process that answers, falls silent and refuses as it is told, on a clock
//! that goes forward by itself.

use lgtm_executor::Events;
use lgtm_planner::{
    inventory::{InventoryObject, TOPOLOGY_LABEL},
    object::ObjectKey,
    plan::{RecordAfter, RemoveObjects, StepId},
    unit::UnitId,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::sleep;

use super::*;
use crate::objects::{self, Context};

mod hub;

use hub::{Hub, Mood};

#[test]
fn one_process_at_a_time_has_the_file_lock() {
    let folder = tempfile::tempdir().unwrap();
    let topology = TopologyName::new("t");
    let first = Lock::acquire(&topology, folder.path()).unwrap();
    let refused = Lock::acquire(&topology, folder.path()).err().unwrap();
    assert_eq!(refused.kind, Kind::Locked);
    assert!(refused.message.contains("process") && refused.message.contains(" since 2"), "{refused}");
    assert!(Lock::acquire(&TopologyName::new("other"), folder.path()).is_ok());
    drop(first);
    assert!(Lock::acquire(&topology, folder.path()).is_ok());
}

/// A lock with a Lease that was written this very moment.
async fn taken(hub: &Hub) -> (Lock, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let lock = Lock::acquire(&TopologyName::new("t"), folder.path()).unwrap();
    lock.take_lease(hub.cluster()).await.unwrap();
    (lock, folder)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_from_ten_seconds_after_the_last_renewal() {
    let hub = Hub::default();
    let (lock, _folder) = taken(&hub).await;
    let held = lock.held();
    // Renewals keep it.
    sleep(millis(60_500)).await;
    assert!(held.check().is_ok());
    // The last of them was half a second ago; the next one, in three and a half, waits for ten.
    hub.set(Mood::Silent);
    sleep(millis(9_499)).await;
    assert!(held.check().is_ok());
    sleep(millis(1)).await;
    let late = held.check().unwrap_err();
    assert_eq!((late.kind, late.cluster.as_ref().unwrap().as_str()), (Kind::Unreachable, "hub"), "{late}");
    assert!(late.message.contains("could not be renewed in time: the hub does not answer"), "{late}");
    hub.set(Mood::Well);
    sleep(millis(4_500)).await;
    let late = held.check().unwrap_err();
    assert!(late.message.contains("no answer within 10 s"), "{late}");
    // It was nobody else's meanwhile, so the next renewal finds it.
    sleep(millis(4_000)).await;
    assert!(held.check().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_counts_from_the_time_that_stands_in_it() {
    let hub = Hub::default();
    let (lock, _folder) = taken(&hub).await;
    let held = lock.held();
    // Read at 4 s, answered at 10 s, written then, answered at 16 s; read again at 20 s.
    hub.set(Mood::Slow(millis(6_000)));
    sleep(millis(10_100)).await;
    held.check().unwrap_err();
    sleep(millis(6_000)).await;
    assert!(held.check().is_ok());
    sleep(millis(3_800)).await;
    assert!(held.check().is_ok());
    sleep(millis(200)).await;
    held.check().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_renewal_met_is_forgotten_when_a_step_renews() {
    let hub = Hub::default();
    let (lock, _folder) = taken(&hub).await;
    let held = lock.held();
    hub.set(Mood::Refuses);
    sleep(millis(5_000)).await;
    hub.set(Mood::Well);
    held.begin("a step").await.unwrap();
    hub.set(Mood::Silent);
    sleep(millis(10_500)).await;
    let late = held.check().unwrap_err();
    assert!(late.message.ends_with("the hub does not answer"), "{late}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_anothers_stops_writes_at_the_next_renewal() {
    let hub = Hub::default();
    let (lock, _folder) = taken(&hub).await;
    let held = lock.held();
    hub.steal();
    assert!(held.check().is_ok());
    sleep(millis(4_100)).await;
    assert_eq!(held.check().unwrap_err().kind, Kind::Locked);
    assert_eq!(held.begin("a step").await.unwrap_err().kind, Kind::Locked);
}

/// A definition stays when others have objects of its kind, and lgtmctl's labels are taken off it.
#[tokio::test(start_paused = true)]
async fn what_is_kept_is_let_go_of_only_with_the_lock() {
    let hub = Hub::default();
    let definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com";
    hub.put(
        definition,
        json!({
            "metadata": {"name": "things.example.com", "uid": "1", "labels": {TOPOLOGY_LABEL: "t"}},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"plural": "things"},
                "versions": [{"name": "v1", "served": true}],
            },
        }),
    );
    hub.put(
        "/apis/example.com/v1/things",
        json!({"items": [{"metadata": {"name": "theirs", "namespace": "x"}}]}),
    );
    let (lock, _folder) = taken(&hub).await;
    let (events, _) = Events::channel();
    let (cluster, topology) = (hub.cluster(), TopologyName::new("t"));
    let step = StepId::ensure(UnitId::new(&ClusterName::new("hub"), "definitions"));
    let held = Some(lock.held());
    let context =
        Context { cluster: &cluster, topology: &topology, step: &step, events: &events, now: 0, held };
    let key = ObjectKey {
        group: "apiextensions.k8s.io".to_owned(),
        kind: "CustomResourceDefinition".to_owned(),
        namespace: None,
        name: "things.example.com".to_owned(),
    };
    let object = InventoryObject {
        key,
        version: "v1".to_owned(),
        plural: "customresourcedefinitions".to_owned(),
        uid: Some("1".to_owned()),
        fingerprint: None,
        owned: None,
        done: None,
        keep: false,
    };
    let work = RemoveObjects { objects: vec![object], delete_data: false, record: RecordAfter::Without };
    objects::remove(&context, &work).await.unwrap();
    assert_eq!(hub.take_writes(), [format!("PATCH {definition}")]);
    hub.steal();
    sleep(millis(4_100)).await;
    assert_eq!(objects::remove(&context, &work).await.unwrap_err().kind, Kind::Locked);
    assert_eq!(hub.take_writes(), [""; 0]);
}
