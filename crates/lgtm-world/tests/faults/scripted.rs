//! One fault at a time, where it matters what exactly is done about it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use lgtm_executor::{ApplyOptions, Kind, World as _, prepare::PrepareError};
use lgtm_world::rehearsal;
use serde_json::{Value, json};

use crate::{
    bed::{Bed, only, steps},
    front::{Front, PROXIED},
    proxy::{Asked, Fault, Proxy},
    state::state,
};

fn topology(extra: &str) -> String {
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: scripted}}\nspec:\n  \
         provider: {{existing: {{kubeconfig: {PROXIED}}}}}\n  \
         hub: {{name: hub, segment: 172.20.0.248/29, provider: {{existing: {{context: hub}}}}}}\n  spokes: []\n  \
         extraManifests:\n    - {{name: extra, clusters: [hub], files: [{extra}.yaml]}}\n"
    )
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": {}})
}

/// Every request that the filter chooses suffers the fault once; the same request sent again does not.
fn once(
    fault: Fault,
    filter: impl Fn(&Asked) -> bool + Send + 'static,
) -> impl FnMut(&Asked) -> Option<Fault> + Send + 'static {
    let mut known = BTreeSet::new();
    move |asked| {
        let path = asked.path.split('?').next().unwrap().to_owned();
        (filter(asked) && known.insert((asked.verb, path))).then_some(fault)
    }
}

fn is_write(asked: &Asked) -> bool {
    matches!(asked.verb, "create" | "apply" | "patch" | "update" | "delete")
}

/// The times between the first two requests of this verb whose path has this part.
fn pause(proxy: &Proxy, verb: &str, part: &str) -> Duration {
    let seen = proxy.seen();
    let mut found = seen.iter().filter(|seen| seen.verb == verb && seen.path.contains(part));
    let first = found.next().unwrap().at;
    found.next().unwrap().at - first
}

async fn servers_that_ask_for_time(bed: &mut Bed, proxy: &Proxy) {
    // A server that asks for a second gets it, reads and writes alike.
    bed.edit(&topology("many"));
    proxy.play(once(Fault::Throttle(1), |asked| {
        asked.path.contains("/configmaps/b?") || asked.path.starts_with("/version")
    }));
    bed.converge_unit("hub/extra").await;
    for (verb, part) in [("discover", "/version"), ("apply", "/configmaps/b?")] {
        let pause = pause(proxy, verb, part);
        assert!(pause >= Duration::from_secs(1), "{verb} {part}: {pause:?}");
    }

    // One that asks for a minute is not waited for without a word, and not called dead.
    bed.restart();
    proxy.play(|asked| asked.path.starts_with("/version").then_some(Fault::Throttle(60)));
    let PrepareError::World(failures) = bed.try_plan().await.unwrap_err() else { panic!("no failure") };
    assert_eq!((failures[0].kind, failures[0].retry_after), (Kind::Transient, Some(Duration::from_secs(60))));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_met_as_it_should_be() {
    let mut bed = Bed::new(&topology("many"));
    let many: Vec<Value> = ["a", "b", "c", "d"].map(map).into();
    bed.write_objects("many.yaml", &many);
    bed.write_objects("few.yaml", &many[..1]);
    let front = Front::make(bed.folder.path(), &["hub"]).await;
    let (hub, proxy) = (front.hand("hub").await, front.proxy("hub"));

    // Of each write on the way to a new hub the first answer is lost: all is done, and nothing twice.
    proxy.play(once(Fault::ResetAfter, is_write));
    bed.converge().await;
    let lost = proxy.seen().iter().filter(|seen| seen.fault.is_some()).count();
    assert!(lost > 60, "{lost}");
    proxy.heal();
    let whole = state(&hub, "scripted", "hub").await;
    bed.restart();
    assert_eq!(steps(&bed.plan().await), [""; 0]);

    // A conflict does not mean that there is nothing to delete: what is refused is tried again.
    bed.edit(&topology("few"));
    proxy.play(once(Fault::Refuse(409), is_write));
    bed.converge().await;
    assert!(proxy.seen().iter().any(|seen| seen.verb == "delete" && seen.fault.is_some()));
    proxy.heal();
    let fewer = state(&hub, "scripted", "hub").await;
    assert_eq!(fewer.len() + 3, whole.len());
    assert!(!fewer.contains_key("configmaps default/d"));

    servers_that_ask_for_time(&mut bed, proxy).await;

    // A broken connection is made again at once; a step that would begin anew would wait longer. With a connection
    // go all requests on it, and each is sent four times.
    bed.edit(&topology("few"));
    let left = AtomicU32::new(3);
    proxy.play(once(Fault::ResetBefore, move |asked| {
        let one_less = |left: u32| left.checked_sub(1);
        asked.verb != "create"
            && asked.verb != "update"
            && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }));
    let how = ApplyOptions { tries: 1, ..ApplyOptions::default() };
    let report = bed.apply_with(only("hub/extra"), how).await;
    assert!(report.is_complete(), "{report:#?}");

    // With nothing but broken connections the cluster does not answer, and the lock leaves nothing behind.
    bed.restart();
    proxy.play(|_| Some(Fault::ResetBefore));
    let failure = bed.world.lock(&bed.topology.name).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Unreachable);
    assert!(failure.message.contains("cluster hub: the connection broke"), "{failure}");
    proxy.heal();
    assert!(hub.list("/apis/coordination.k8s.io/v1/namespaces/lgtmctl-system/leases").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_grow_too_old_and_watches_that_break_are_begun_anew() {
    let bed = Bed::new(&topology("few"));
    bed.write_objects("few.yaml", &[map("a")]);
    let mut front = Front::make(bed.folder.path(), &["hub"]).await;
    let hub = Arc::new(front.hand("hub").await);
    bed.converge_unit("hub/extra").await;

    // More than one page of objects bears our label.
    let creations = (0..520).map(|number| {
        let mut object = map(&format!("page-{number}"));
        object["metadata"]["labels"] = json!({"lgtmctl.dev/topology": "scripted"});
        let hub = Arc::clone(&hub);
        async move { hub.create("/api/v1/namespaces/default/configmaps", &object).await }
    });
    futures::stream::StreamExt::collect::<Vec<_>>(futures::stream::StreamExt::buffer_unordered(
        futures::stream::iter(creations),
        16,
    ))
    .await;
    let later_page = |asked: &Asked| asked.path.contains("&continue=") && !asked.path.ends_with("&continue=");
    front.proxy("hub").play(once(Fault::Refuse(410), later_page));
    let prepared = bed.plan_with(only("hub/extra")).await;
    assert_eq!(steps(&prepared), [""; 0]);
    let pages =
        front.proxy("hub").seen().iter().filter(|seen| seen.path.contains("/configmaps?limit")).count();
    assert!(pages >= 4, "{pages}");

    // The controllers that lgtmctl plays go on although every watch breaks after its first event.
    front.existing.players.clear();
    front.proxy("hub").play(|asked| (asked.verb == "watch").then_some(Fault::Cut));
    let range = "172.20.0.0/24".parse().unwrap();
    let segment = lgtm_topology::Segment { range, node_network: Some(range) };
    let (stop, stopped) = tokio::sync::watch::channel(());
    let playing = tokio::spawn(rehearsal::play(front.client("hub").await, Some(segment), stopped));
    for name in ["one", "two", "three"] {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
        hub.create("/api/v1/namespaces/default/services", &service).await;
        let path = format!("/api/v1/namespaces/default/services/{name}");
        let given = async {
            while hub.get(&path).await.unwrap()["status"]["loadBalancer"]["ingress"].is_null() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), given).await.unwrap();
    }
    assert!(front.proxy("hub").seen().iter().filter(|seen| seen.fault == Some(Fault::Cut)).count() > 2);
    drop(stop);
    playing.await.unwrap();
}
