//! The lock between machines: worlds that share nothing but the hub.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lgtm_executor::{ApplyOptions, Kind, World as _, prepare};
use lgtm_planner::plan::{PlanOptions, StepId};
use lgtm_world::ClusterWorld;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    bed::{Bed, only, parse, perform, world_on},
    census::{difference, settled},
    existing::{Existing, KUBECONFIG},
    hand::Hand,
};

const MOMENT: Duration = Duration::from_millis(50);
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/lgtmctl-system/leases";

fn topology() -> String {
    named("lock")
}

fn named(name: &str) -> String {
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: {name}}}\nspec:\n  \
         provider: {{existing: {{kubeconfig: {KUBECONFIG}}}}}\n  \
         hub: {{name: hub, segment: 172.20.0.248/29, provider: {{existing: {{context: hub}}}}}}\n  spokes: []\n"
    )
}

fn lease(who: &str, seconds_ago: i64) -> Value {
    lease_of("lock", who, seconds_ago)
}

fn lease_of(topology: &str, who: &str, seconds_ago: i64) -> Value {
    let time = OffsetDateTime::now_utc() - time::Duration::seconds(seconds_ago);
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
    );
    let stamp = time.format(format).unwrap();
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": topology, "namespace": "lgtmctl-system"},
        "spec": {
            "holderIdentity": who, "leaseDurationSeconds": 15, "acquireTime": stamp, "renewTime": stamp,
        },
    })
}

async fn holder(hub: &Hand) -> Option<String> {
    let lease = hub.get(&format!("{LEASES}/lock")).await?;
    Some(lease["spec"]["holderIdentity"].as_str().unwrap().to_owned())
}

/// Another takes the Lease although it runs.
async fn steal(hub: &Hand) {
    let path = format!("{LEASES}/lock");
    let mut lease = hub.get(&path).await.unwrap();
    lease["spec"]["holderIdentity"] = json!("thief@elsewhere process 7 boot 00000000");
    hub.put(&path, &lease).await;
}

/// Waits until a step that begins no longer trusts the last renewal of the Lease.
async fn until_looked_at_again(hub: &Hand) {
    let lease = hub.get(&format!("{LEASES}/lock")).await.unwrap();
    let renewed = lease["spec"]["renewTime"].as_str().unwrap();
    let renewed = OffsetDateTime::parse(renewed, &Rfc3339).unwrap();
    while OffsetDateTime::now_utc() - renewed <= time::Duration::SECOND {
        tokio::time::sleep(MOMENT).await;
    }
}

fn step() -> StepId {
    StepId::ensure("hub/mimir".parse().unwrap())
}

fn another_machine(bed: &Bed, name: &str) -> Arc<ClusterWorld> {
    Arc::new(world_on(bed.folder.path(), name, &bed.topology))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_at_a_time_and_the_dead_hold_nothing() {
    let mut bed = Bed::new(&topology());
    let clusters = Existing::make(bed.folder.path(), &["hub"]).await;
    let hub = clusters.hand("hub").await;
    let name = bed.topology.name.clone();
    bed.converge_unit("hub/namespaces").await;
    assert_eq!(holder(&hub).await, None, "the Lease is given back");

    let second = another_machine(&bed, "second");
    bed.world.lock(&name).await.unwrap();
    let who = holder(&hub).await.unwrap();
    let refused = second.lock(&name).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Locked);
    assert!(refused.message.contains(&who), "{refused}");
    // A plan takes no lock, so it is not refused.
    prepare(&second, &bed.topology, PlanOptions::default()).await.unwrap();
    let shown = second.lock_holder(&bed.reference("hub")).await.unwrap().unwrap();
    assert_eq!((shown.who, shown.step.as_str()), (who, "starting"));
    // Whoever was refused holds not even the file of its own machine.
    bed.world.release_lock().await;
    second.lock(&name).await.unwrap();
    assert!(bed.world.lock(&name).await.is_err());
    second.release_lock().await;

    // An apply that was dropped without a word holds nothing, and renews nothing.
    bed.world.lock(&name).await.unwrap();
    bed.restart();
    let second = another_machine(&bed, "second");
    second.lock(&name).await.unwrap();
    second.release_lock().await;
    assert_eq!(holder(&hub).await, None);

    // On another machine nobody can see whether the holder lives: its Lease has to run out.
    hub.create(LEASES, &lease("x@elsewhere process 1 boot 00000000", 5)).await;
    let refused = bed.world.lock(&name).await.unwrap_err();
    assert!(refused.message.contains("x@elsewhere"), "{refused}");
    hub.delete(&format!("{LEASES}/lock")).await;

    // On this machine, one that is dead is taken over at once.
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let dead = child.id();
    child.wait().unwrap();
    let read = |path| std::fs::read_to_string(path).unwrap().trim().to_owned();
    let host = read("/proc/sys/kernel/hostname");
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap();
    let space: String = space.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    let boot: String = read("/proc/sys/kernel/random/boot_id").chars().take(8).collect();
    let boot = format!("{boot}.{space}");
    hub.create(LEASES, &lease(&format!("x@{host} process {dead} boot {boot} run 1"), 1)).await;
    bed.world.lock(&name).await.unwrap();
    bed.world.release_lock().await;
    hub.create(
        LEASES,
        &lease(&format!("x@{host} process {} boot {boot} run 1", std::os::unix::process::parent_id()), 1),
    )
    .await;
    assert!(bed.world.lock(&name).await.is_err(), "its holder lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lost_the_lease_writes_nothing_more() {
    let bed = Bed::new(&topology());
    let clusters = Existing::make(bed.folder.path(), &["hub"]).await;
    let hub = clusters.hand("hub").await;
    let name = bed.topology.name.clone();
    bed.converge_unit("hub/namespaces").await;
    let found = settled(&hub).await;

    bed.world.lock(&name).await.unwrap();
    bed.world.check_lock(&step()).await.unwrap();
    let prepared = bed.plan_with(only("hub/mimir")).await;
    assert!(!prepared.plan.is_empty());
    steal(&hub).await;
    until_looked_at_again(&hub).await;
    let report = perform(&bed.world, prepared, ApplyOptions::default()).await;
    assert!(report.done.is_empty(), "{report:#?}");
    let failure = report.failed.values().next().unwrap();
    assert_eq!(failure.kind, Kind::Locked);
    assert!(failure.message.contains("thief@elsewhere"), "{failure}");
    bed.world.release_lock().await;
    assert_eq!(holder(&hub).await.unwrap(), "thief@elsewhere process 7 boot 00000000");
    assert_eq!(difference(&found, &settled(&hub).await), [""; 0]);
    hub.delete(&format!("{LEASES}/lock")).await;

    // Whom `unlock` has put out does not take the lock again by itself, and another may have it.
    let second = another_machine(&bed, "second");
    bed.world.lock(&name).await.unwrap();
    second.break_lock(&bed.reference("hub")).await.unwrap();
    second.lock(&name).await.unwrap();
    second.release_lock().await;
    let mark = clusters.audit("hub").len();
    // The renewal that comes by itself finds no Lease, and leaves it at that.
    let looked = || {
        let audit = clusters.audit("hub");
        audit
            .iter()
            .skip(mark)
            .any(|event| event["verb"] == "get" && event["objectRef"]["resource"] == "leases")
    };
    let renewal = async {
        while !looked() {
            tokio::time::sleep(MOMENT).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), renewal).await.unwrap();
    let lost = bed.world.check_lock(&step()).await.unwrap_err();
    assert_eq!(lost.kind, Kind::Locked);
    assert_eq!(holder(&hub).await, None);
    bed.world.release_lock().await;

    // While it runs it is renewed, and names the step.
    bed.world.lock(&name).await.unwrap();
    let begun = hub.get(&format!("{LEASES}/lock")).await.unwrap();
    until_looked_at_again(&hub).await;
    bed.world.check_lock(&step()).await.unwrap();
    let now = hub.get(&format!("{LEASES}/lock")).await.unwrap();
    assert_eq!(begun["spec"]["acquireTime"], now["spec"]["acquireTime"]);
    assert_ne!(begun["spec"]["renewTime"], now["spec"]["renewTime"]);
    assert_eq!(now["metadata"]["annotations"]["lgtmctl.dev/step"], "hub/mimir");
    bed.world.release_lock().await;
}

/// A step that waits for pods notices within moments that the lock is lost, and ends without its record.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_step_ends_when_the_lease_is_lost() {
    let bed = Bed::new(&topology());
    let clusters = Existing::make(bed.folder.path(), &["hub"]).await;
    let hub = clusters.hand("hub").await;
    bed.converge_unit("hub/namespaces").await;
    // No node takes these pods.
    let nodes = hub.list("/api/v1/nodes").await;
    for node in &nodes {
        let path = format!("/api/v1/nodes/{}", node["metadata"]["name"].as_str().unwrap());
        hub.merge(&path, &json!({"spec": {"unschedulable": true}})).await;
    }
    bed.world.lock(&bed.topology.name).await.unwrap();
    let prepared = bed.plan_with(only("hub/mimir")).await;
    let world = Arc::clone(&bed.world);
    let applying = tokio::spawn(async move { perform(&world, prepared, ApplyOptions::default()).await });
    let record = "/api/v1/namespaces/lgtmctl-system/configmaps/lock.unit.mimir";
    let begun = async {
        while hub.get("/apis/apps/v1/namespaces/mimir/statefulsets/mimir").await.is_none() {
            assert!(!applying.is_finished(), "the apply ended without it");
            tokio::time::sleep(MOMENT).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), begun).await.unwrap();
    steal(&hub).await;
    let report = tokio::time::timeout(Duration::from_secs(30), applying).await.unwrap().unwrap();
    assert_eq!(report.failed.values().next().unwrap().kind, Kind::Locked, "{report:#?}");
    assert!(hub.get(record).await.unwrap()["data"]["record"].as_str().unwrap().contains("intended"));
    bed.world.release_lock().await;
}

/// Renews a Lease like one that lives, by a clock that is a minute slow, until it is dropped.
fn renewed_by_a_slow_clock(hub: Arc<Hand>, topology: &'static str) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(4)).await;
            let lease = lease_of(topology, "x@elsewhere process 1 boot 00000000", 60);
            hub.merge(&format!("{LEASES}/{topology}"), &lease).await;
        }
    })
}

/// Whose clock is wrong cannot be seen; that a Lease is still renewed can.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_lease_is_not_taken_whatever_the_clocks_say() {
    let bed = Bed::new(&topology());
    let clusters = Existing::make(bed.folder.path(), &["hub"]).await;
    let hub = Arc::new(clusters.hand("hub").await);
    bed.converge_unit("hub/namespaces").await;
    // A slow clock that lives, one that died, and one that was an hour ahead and died.
    let leases = [("alive", 60), ("dead", 17), ("ahead", -3_600)];
    for (topology, seconds_ago) in leases {
        let lease = lease_of(topology, "x@elsewhere process 1 boot 00000000", seconds_ago);
        hub.create(LEASES, &lease).await;
    }
    let renewing = renewed_by_a_slow_clock(Arc::clone(&hub), "alive");
    let folder = bed.folder.path();
    let tries = leases.map(|(topology, _)| async move {
        let topology = parse(&named(topology));
        let world = world_on(folder, "second", &topology);
        let begun = Instant::now();
        let taken = world.lock(&topology.name).await;
        world.release_lock().await;
        (taken, begun.elapsed())
    });
    let [alive, dead, ahead] = futures::future::join_all(tries).await.try_into().unwrap();
    renewing.abort();
    let refused = alive.0.unwrap_err();
    assert_eq!(refused.kind, Kind::Locked);
    assert!(refused.message.contains("x@elsewhere process 1"), "{refused}");
    for (taken, after) in [dead, ahead] {
        taken.unwrap();
        assert!(after >= Duration::from_secs(15), "{after:?}");
    }
    let left = hub.list(LEASES).await;
    assert_eq!(left.len(), 1, "{left:#?}");
}
