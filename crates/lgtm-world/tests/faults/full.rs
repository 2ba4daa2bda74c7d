//! An etcd that has no space left: the error says so and what to do, nothing is half recorded, and when
//! there is room again an apply goes on.

use std::{collections::BTreeMap, path::Path};

use lgtm_executor::{ApplyOptions, Kind, World as _};
use serde_json::{Value, json};

use crate::{
    bed::{Bed, perform, steps},
    census::{census, difference, settled},
    existing::Existing,
    state::state,
};

const TOPOLOGY: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: full}
spec:
  provider: {existing: {kubeconfig: clusters.yaml}}
  hub: {name: hub, segment: 172.20.0.248/29, provider: {existing: {context: hub}}}
  spokes: []
";

/// The alarm that etcd raises when its file has grown to its quota.
struct Alarm {
    etcd: kube::Client,
    member: String,
}

impl Alarm {
    /// The alarm of a cluster whose files are in this folder.
    async fn of(folder: &Path, cluster: &str) -> Self {
        let record = folder.join("others/records").join(cluster).join("cluster.json");
        let record: Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
        let port = &record["ports"]["etcd"];
        let address = format!("http://127.0.0.1:{port}").parse().unwrap();
        let etcd = kube::Client::try_from(kube::Config::new(address)).unwrap();
        let members = post(&etcd, "/v3/cluster/member/list", &json!({})).await;
        Self { etcd, member: members["members"][0]["ID"].as_str().unwrap().to_owned() }
    }

    async fn set(&self, raised: bool) {
        let action = if raised { "ACTIVATE" } else { "DEACTIVATE" };
        let alarm = json!({"action": action, "memberID": self.member, "alarm": "NOSPACE"});
        post(&self.etcd, "/v3/maintenance/alarm", &alarm).await;
    }
}

async fn post(etcd: &kube::Client, path: &str, body: &Value) -> Value {
    let request = http::Request::post(path).body(body.to_string().into_bytes()).unwrap();
    etcd.request(request).await.unwrap()
}

/// How often lgtmctl asked for each write.
fn writes(audit: &[Value]) -> BTreeMap<String, usize> {
    let mut writes = BTreeMap::new();
    for event in audit {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let read = matches!(text("/verb"), "get" | "list" | "watch");
        let ours = text("/userAgent").starts_with("lgtmctl/");
        if ours && !read {
            *writes.entry(format!("{} {}", text("/verb"), text("/requestURI"))).or_default() += 1;
        }
    }
    writes
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_without_space_is_named_and_nothing_is_half_recorded() {
    let mut bed = Bed::new(TOPOLOGY);
    let clusters = Existing::make(bed.folder.path(), &["hub"]).await;
    let hub = clusters.hand("hub").await;
    let alarm = Alarm::of(bed.folder.path(), "hub").await;
    bed.converge_unit("hub/namespaces").await;
    let says = |text: &str| text.contains("on cluster hub: its etcd has no space left");

    // In the middle: whatever is written next is refused, once, and a person is told what to do.
    let before = settled(&hub).await;
    bed.world.lock(&bed.topology.name).await.unwrap();
    let prepared = bed.plan().await;
    alarm.set(true).await;
    let mark = clusters.audit("hub").len();
    let report = perform(&bed.world, prepared, ApplyOptions::default()).await;
    assert!(report.done.is_empty() && !report.failed.is_empty(), "{report:#?}");
    for failure in report.failed.values() {
        assert_eq!(failure.kind, Kind::Permanent, "{failure}");
        assert!(says(&failure.message), "{failure}");
        assert!(failure.help.as_deref().unwrap().contains("etcdctl alarm disarm"), "{failure:?}");
    }
    assert_eq!(difference(&before, &census(&hub).await), [""; 0]);
    // What cannot pass is not tried again; only the Lease is asked for by each step. The log comes a moment
    // after the answers.
    let logged = async {
        while writes(&clusters.audit("hub")[mark..]).is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), logged).await.unwrap();
    let mut writes = writes(&clusters.audit("hub")[mark..]);
    writes.retain(|write, times| *times > 1 && !write.contains("/leases"));
    assert!(writes.is_empty(), "tried again: {writes:#?}");
    bed.world.release_lock().await;

    // From the start: not even the lock can be taken. A plan only reads.
    bed.restart();
    let failure = bed.world.lock(&bed.topology.name).await.unwrap_err();
    assert!(failure.kind == Kind::Permanent && says(&failure.message), "{failure}");
    assert!(!bed.plan().await.plan.is_empty());

    alarm.set(false).await;
    bed.restart();
    bed.converge().await;
    assert!(state(&hub, "full", "hub").await.len() > 60);
    bed.restart();
    assert_eq!(steps(&bed.plan().await), [""; 0]);
}
