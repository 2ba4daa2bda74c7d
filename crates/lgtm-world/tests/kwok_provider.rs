//! The provider of simulated clusters against real control planes: made, found, healed and removed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, its functions included, and says how long clusters took"
)]

#[path = "e2e/tools.rs"]
mod tools;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{ConfigMap, Event, Node, PersistentVolume, PersistentVolumeClaim, Service},
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, PostParams},
};
use lgtm_world::{
    providers::kwok::{Ensured, Kwok, KwokError, KwokSpec, State},
    rehearsal,
    tools::Tools,
};

use tools::tools;

const AGENT: &str = "kwok-provider-test";

/// Clusters in a folder of their own, which are removed when the test ends, however it ends.
struct Bed {
    kwok: Kwok,
    dir: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { kwok: Kwok::new(tools(), dir.path()), dir }
    }

    fn processes(&self) -> Vec<(u32, String)> {
        processes_under(self.dir.path())
    }

    fn pid(&self, cluster: &str, component: &str) -> u32 {
        let path =
            self.dir.path().join("clusters").join(cluster).join("pids").join(format!("{component}.pid"));
        fs::read_to_string(path).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for (pid, _) in self.processes() {
            kill(pid);
        }
    }
}

fn processes_under(dir: &Path) -> Vec<(u32, String)> {
    let dir = dir.to_string_lossy().into_owned();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let program = String::from_utf8_lossy(line.split(|byte| *byte == 0).next()?).into_owned();
            program.starts_with(&dir).then_some((pid, program))
        })
        .collect()
}

fn kill(pid: u32) {
    let status = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

fn spec(name: &str, workers: u16, pods: &str, services: &str) -> KwokSpec {
    KwokSpec {
        name: name.to_owned(),
        workers,
        pod_cidr: Some(pods.parse().unwrap()),
        service_cidr: Some(services.parse().unwrap()),
    }
}

async fn nodes(client: &Client) -> Vec<Node> {
    Api::<Node>::all(client.clone()).list(&ListParams::default()).await.unwrap().items
}

fn writes_since(log: &Path, offset: usize, agent_part: &str) -> Vec<String> {
    let text = fs::read_to_string(log).unwrap();
    text[offset..]
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|event| event["userAgent"].as_str().unwrap_or_default().contains(agent_part))
        .filter(|event| !matches!(event["verb"].as_str(), Some("get" | "list" | "watch")))
        .map(|event| format!("{} {}", event["verb"], event["requestURI"]))
        .collect()
}

/// The listening sockets of the process, as the kernel lists them: address in hexadecimal, by inode.
fn listening_addresses(pid: u32) -> Vec<String> {
    let inodes: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    ["tcp", "tcp6"]
        .iter()
        .flat_map(|table| {
            fs::read_to_string(format!("/proc/{pid}/net/{table}"))
                .unwrap()
                .lines()
                .skip(1)
                .map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        })
        .filter(|fields| fields[3] == "0A" && inodes.contains(&fields[9]))
        .map(|fields| fields[1].clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clusters_at_once_then_nothing_to_do_then_gone() {
    let bed = Bed::new();
    let hub = spec("lgtmctl-test-hub", 3, "10.11.0.0/16", "10.12.0.0/16");
    let spoke = spec("lgtmctl-test-spoke", 1, "10.21.0.0/16", "10.22.0.0/16");
    assert_eq!(bed.kwok.state(&hub.name).await.unwrap(), State::Absent);

    let began = Instant::now();
    let (made_hub, made_spoke) = tokio::join!(bed.kwok.ensure(&hub), bed.kwok.ensure(&spoke));
    eprintln!("two clusters in {:?}", began.elapsed());
    assert_eq!((made_hub.unwrap(), made_spoke.unwrap()), (Ensured::Created, Ensured::Created));

    for (spec, services) in [(&hub, "10.12."), (&spoke, "10.22.")] {
        let client = bed.kwok.client(&spec.name, AGENT).await.unwrap();
        let nodes = nodes(&client).await;
        assert_eq!(nodes.len(), usize::from(spec.workers));
        let pods = spec.pod_cidr.unwrap();
        for node in nodes {
            let part: ipnet::Ipv4Net = node.spec.unwrap().pod_cidr.unwrap().parse().unwrap();
            assert!(pods.contains(&part), "{part} is not in {pods}");
        }
        let api = Api::<k8s_openapi::api::core::v1::Service>::namespaced(client, "default");
        // The API server makes this Service a moment after it has become ready.
        let address = eventually("the API server's own Service", || async {
            api.get_opt("kubernetes").await.unwrap()?.spec?.cluster_ip
        })
        .await;
        assert!(address.starts_with(services), "{address}");
    }

    // etcd asks nobody who they are, so it must be out of reach of other machines; so must all else be.
    for (pid, program) in bed.processes() {
        let addresses = listening_addresses(pid);
        assert!(!addresses.is_empty(), "{program} listens on nothing");
        for address in addresses {
            assert!(address.starts_with("0100007F:"), "{program} listens on {address}");
        }
    }

    let log = bed.kwok.audit_log(&hub.name);
    let offset = usize::try_from(fs::metadata(&log).unwrap().len()).unwrap();
    assert_eq!(bed.kwok.ensure(&hub).await.unwrap(), Ensured::Unchanged);
    assert_eq!(writes_since(&log, offset, "lgtmctl"), Vec::<String>::new());
    let seen = fs::read_to_string(&log).unwrap()[offset..].contains("lgtmctl-rehearsal/");
    assert!(seen, "the audit log does not show that ensure looked at all");

    let began = Instant::now();
    assert_eq!(bed.kwok.state(&hub.name).await.unwrap(), State::Running);
    assert!(began.elapsed() < Duration::from_millis(50), "looking took {:?}", began.elapsed());

    assert_eq!(bed.kwok.ensure(&KwokSpec { workers: 2, ..hub.clone() }).await.unwrap(), Ensured::Updated);
    assert_eq!(nodes(&bed.kwok.client(&hub.name, AGENT).await.unwrap()).await.len(), 2);
    assert!(bed.kwok.scale_nodes(&hub.name, 4).await.unwrap());
    assert!(!bed.kwok.scale_nodes(&hub.name, 4).await.unwrap());

    let other = KwokSpec { service_cidr: "10.99.0.0/16".parse().ok(), ..hub.clone() };
    let refused = bed.kwok.ensure(&other).await.unwrap_err();
    assert!(matches!(refused, KwokError::OtherNetwork { what: "service network", .. }), "{refused}");

    bed.kwok.delete(&hub.name).await.unwrap();
    assert_eq!(bed.kwok.state(&hub.name).await.unwrap(), State::Absent);
    assert_eq!(bed.kwok.state(&spoke.name).await.unwrap(), State::Running);
    assert_eq!(bed.processes().len(), 5, "{:?}", bed.processes());
    bed.kwok.delete(&spoke.name).await.unwrap();
    bed.kwok.delete(&spoke.name).await.unwrap();
    assert_eq!(bed.processes(), vec![]);
    for folder in ["clusters", "records", "locks"] {
        let left: Vec<_> = fs::read_dir(bed.dir.path().join(folder)).unwrap().collect();
        assert!(left.is_empty(), "{folder} still holds {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_died_is_started_again_and_what_was_half_made_is_made_anew() {
    let bed = Bed::new();
    let spec = spec("lgtmctl-test-reboot", 1, "10.31.0.0/16", "10.32.0.0/16");
    assert_eq!(bed.kwok.ensure(&spec).await.unwrap(), Ensured::Created);
    let note: ConfigMap =
        serde_json::from_value(serde_json::json!({"metadata": {"name": "note"}, "data": {"kept": "yes"}}))
            .unwrap();
    let client = bed.kwok.client(&spec.name, AGENT).await.unwrap();
    Api::namespaced(client, "default").create(&PostParams::default(), &note).await.unwrap();

    for component in ["kube-apiserver", "etcd"] {
        kill(bed.pid(&spec.name, component));
    }
    // Another process now has the pid that the file names.
    let pids = bed.dir.path().join("clusters").join(&spec.name).join("pids");
    fs::write(pids.join("etcd.pid"), std::process::id().to_string()).unwrap();
    assert_eq!(bed.kwok.state(&spec.name).await.unwrap(), State::Stopped);
    let began = Instant::now();
    assert_eq!(bed.kwok.ensure(&spec).await.unwrap(), Ensured::Started);
    eprintln!("started again in {:?}", began.elapsed());
    let client = bed.kwok.client(&spec.name, AGENT).await.unwrap();
    let kept = Api::<ConfigMap>::namespaced(client, "default").get("note").await.unwrap();
    assert_eq!(kept.data.unwrap()["kept"], "yes");
    assert_eq!(bed.kwok.ensure(&spec).await.unwrap(), Ensured::Unchanged);

    // As if lgtmctl had been killed before it was done.
    let record = bed.dir.path().join("records").join(&spec.name).join("cluster.json");
    let text = fs::read_to_string(&record).unwrap().replace("\"complete\": true", "\"complete\": false");
    fs::write(&record, text).unwrap();
    assert_eq!(bed.kwok.state(&spec.name).await.unwrap(), State::Broken);
    assert_eq!(bed.kwok.ensure(&spec).await.unwrap(), Ensured::Created);
    assert_eq!(bed.processes().len(), 5, "{:?}", bed.processes());
    let client = bed.kwok.client(&spec.name, AGENT).await.unwrap();
    assert!(Api::<ConfigMap>::namespaced(client, "default").get_opt("note").await.unwrap().is_none());
    bed.kwok.delete(&spec.name).await.unwrap();
    assert_eq!(bed.processes(), vec![]);
}

#[tokio::test]
async fn a_missing_tool_and_a_bad_name_are_said_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let kwok = Kwok::new(Tools::in_dir(dir.path()), dir.path().join("state"));
    let error = kwok.ensure(&spec("hub", 1, "10.1.0.0/16", "10.2.0.0/16")).await.unwrap_err();
    assert!(error.to_string().contains("was not found in"), "{error}");
    assert_eq!(kwok.state("hub").await.unwrap(), State::Absent);
    for name in ["", "../up", "Hub", "-hub", &"a".repeat(64)] {
        let error = kwok.ensure(&spec(name, 1, "10.1.0.0/16", "10.2.0.0/16")).await.unwrap_err();
        assert!(matches!(error, KwokError::Name { .. }), "{name}: {error}");
    }
}

/// Asks until the answer is there; a rehearsal serves within moments.
async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn object<K: serde::de::DeserializeOwned>(value: serde_json::Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn load_balancer(name: &str, request: Option<&str>) -> Service {
    let annotations =
        request.map_or(serde_json::json!({}), |ip| serde_json::json!({"lbipam.cilium.io/ips": ip}));
    object(serde_json::json!({
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }))
}

async fn address(services: &Api<Service>, name: &str) -> Option<String> {
    let service = services.get(name).await.unwrap();
    service.status?.load_balancer?.ingress?.first()?.ip.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn load_balancers_and_claims_are_served_while_a_rehearsal_plays() {
    let bed = Bed::new();
    let spec = spec("lgtmctl-test-rehearsal", 1, "10.41.0.0/16", "10.42.0.0/16");
    bed.kwok.ensure(&spec).await.unwrap();
    let client = bed.kwok.client(&spec.name, AGENT).await.unwrap();
    let services = Api::<Service>::namespaced(client.clone(), "default");
    let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), "default");
    let volumes = Api::<PersistentVolume>::all(client.clone());
    let pp = PostParams::default();

    // One is there before the rehearsal begins, the others come while it plays.
    services.create(&pp, &load_balancer("early", None)).await.unwrap();
    let (stop, shutdown) = tokio::sync::watch::channel(());
    // Two usable addresses: the other two are the node network's own and its gateway's.
    let segment = lgtm_topology::Segment {
        range: "172.30.0.0/30".parse().unwrap(),
        node_network: "172.30.0.0/24".parse().ok(),
    };
    let player = bed.kwok.client(&spec.name, rehearsal::USER_AGENT).await.unwrap();
    let playing = tokio::spawn(rehearsal::play(player, Some(segment), shutdown));

    let early = eventually("the early Service's address", || address(&services, "early")).await;
    assert_eq!(early, "172.30.0.2");
    services.create(&pp, &load_balancer("asking", Some("172.30.0.3"))).await.unwrap();
    assert_eq!(eventually("the requested address", || address(&services, "asking")).await, "172.30.0.3");
    services.create(&pp, &load_balancer("late", None)).await.unwrap();
    let events = Api::<Event>::namespaced(client.clone(), "default");
    let message = eventually("an event that says why there is no address", || async {
        let lp = ListParams::default().fields("involvedObject.name=late");
        events.list(&lp).await.unwrap().items.first()?.message.clone()
    })
    .await;
    assert!(message.contains("172.30.0.0/30"), "{message}");
    assert_eq!(address(&services, "late").await, None);
    // An address that is given back goes to the one that waits.
    services.delete("early", &DeleteParams::default()).await.unwrap();
    assert_eq!(eventually("the freed address", || address(&services, "late")).await, "172.30.0.2");

    let claim: PersistentVolumeClaim = object(serde_json::json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }));
    claims.create(&pp, &claim).await.unwrap();
    let volume = eventually("a bound claim", || async {
        let claim = claims.get("data").await.unwrap();
        let bound = claim.status?.phase? == "Bound";
        bound.then(|| claim.spec.unwrap().volume_name.unwrap())
    })
    .await;
    claims.delete("data", &DeleteParams::default()).await.unwrap();
    eventually("the volume's removal", || async {
        volumes.get_opt(&volume).await.unwrap().is_none().then_some(())
    })
    .await;

    drop(stop);
    tokio::time::timeout(Duration::from_secs(5), playing).await.unwrap().unwrap();
    bed.kwok.delete(&spec.name).await.unwrap();
    assert_eq!(bed.processes(), vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn workloads_become_ready_on_simulated_nodes() {
    let bed = Bed::new();
    let spec = spec("lgtmctl-test-workload", 2, "10.51.0.0/16", "10.52.0.0/16");
    bed.kwok.ensure(&spec).await.unwrap();
    let client = bed.kwok.client(&spec.name, AGENT).await.unwrap();
    let daemons = Api::<DaemonSet>::namespaced(client, "default");
    let daemon: DaemonSet = object(serde_json::json!({
        "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {"containers": [{"name": "agent", "image": "agent:1"}]},
            },
        },
    }));
    daemons.create(&PostParams::default(), &daemon).await.unwrap();
    let ready = eventually("ready Pods on both nodes", || async {
        let status = daemons.get("agent").await.unwrap().status?;
        (status.number_ready == 2).then_some(status.number_ready)
    })
    .await;
    assert_eq!(ready, 2);
    bed.kwok.delete(&spec.name).await.unwrap();
}
