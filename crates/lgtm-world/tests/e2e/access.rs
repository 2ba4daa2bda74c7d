//! A port of this machine that leads to a Pod behind a Service, through a real API server.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use lgtm_executor::Kind;
use lgtm_planner::unit::ServicePort;
use lgtm_topology::ClusterName;
use lgtm_world::access::loopback::Loopback;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    bed::Bed,
    existing::{Existing, KUBECONFIG},
    hand::Hand,
    kubelet::{Kubelet, PodPort},
};

const NAMESPACE: &str = "observability";

fn service() -> ServicePort {
    ServicePort { namespace: NAMESPACE.to_owned(), service: "grafana".to_owned(), port: 80 }
}

/// A Service whose port has another number than the Pod's.
async fn expose(hand: &Hand) {
    let made = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "grafana"},
        "spec": {"ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    });
    hand.create(&format!("/api/v1/namespaces/{NAMESPACE}/services"), &made).await;
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "grafana-1", "labels": {"kubernetes.io/service-name": "grafana"}},
        "ports": [{"name": "http", "port": 3000}],
        "endpoints": [{
            "addresses": ["10.0.0.9"], "conditions": {"ready": true},
            "targetRef": {"kind": "Pod", "namespace": NAMESPACE, "name": "grafana-0"},
        }],
    });
    hand.create(&format!("/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"), &slice).await;
}

/// A program that says everything twice, which stands for Grafana.
async fn start_program() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = [0; 5];
                stream.read_exact(&mut heard).await.unwrap();
                // Whoever asks has long said all by then.
                tokio::time::sleep(Duration::from_millis(300)).await;
                stream.write_all(&[heard, heard].concat()).await.unwrap();
            });
        }
    });
    port
}

/// What is answered; `half` asks as a program does that ends its side once it has asked.
async fn said(port: u16, half: bool) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    if half {
        stream.shutdown().await.unwrap();
    }
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer).await);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_port_leads_to_a_pod_behind_the_service() {
    let bed = Bed::new(&format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: access}}\nspec:\n  \
         provider: {{existing: {{kubeconfig: {KUBECONFIG}}}}}\n  \
         hub: {{name: hub, provider: {{existing: {{context: hub}}}}}}\n  spokes: []\n"
    ));
    let existing = Existing::make(bed.folder.path(), &["hub"]).await;
    let hand = existing.hand("hub").await;
    let (hub, how) = (ClusterName::new("hub"), bed.reference("hub"));
    let service = service();
    let tunnel = || bed.world.tunnel(&hub, &how, &service);

    let identity = || bed.world.identity(&bed.topology.name, &hub, &how);
    let uid = hand.get("/api/v1/namespaces/kube-system").await.unwrap()["metadata"]["uid"].clone();
    let stranger = identity().await.unwrap().unwrap();
    assert!(json!(stranger.uid) == uid && stranger.entry.is_none(), "{stranger:?}");
    bed.converge_unit("hub/enrolment").await;
    let known = identity().await.unwrap().unwrap();
    assert_eq!(known.entry.map(|entry| json!([entry.uid, entry.hub])), Some(json!([uid, hub])));

    let Err(failure) = tunnel().await else { panic!("a way to nobody") };
    assert!(failure.kind == Kind::Permanent, "{failure:?}");
    assert!(
        failure.message.contains("no ready Pod is behind the Service observability/grafana on cluster hub")
    );

    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    hand.create("/api/v1/namespaces", &namespace).await;
    let pod = PodPort { namespace: NAMESPACE, name: "grafana-0", port: 3000 };
    let kubelet = Kubelet::start(pod, start_program().await).await;
    kubelet.join(&hand).await;
    expose(&hand).await;
    let from = Loopback::bind_any().unwrap();
    let port = from.port();
    let (told, tunnel) = (Arc::new(Mutex::new(Vec::new())), tunnel().await.unwrap());
    let telling = Arc::clone(&told);
    let carrying = tokio::spawn(async move {
        tunnel.carry(from, |failure| telling.lock().unwrap().push(failure.message.clone())).await;
    });
    let (one, other) = tokio::join!(said(port, false), said(port, true));
    assert_eq!((one.as_str(), other.as_str()), ("hellohello", "hellohello"));
    assert_eq!(kubelet.forwards(), 2);
    assert_eq!(*told.lock().unwrap(), [""; 0]);

    // A Pod that has gone is said once, however often it is asked, and the way stays open for the next.
    let count = async |least: usize| {
        for _ in 0..100 {
            if told.lock().unwrap().len() >= least {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        told.lock().unwrap().clone()
    };
    drop(kubelet);
    assert_eq!(said(port, false).await, "");
    let first = count(1).await;
    assert!(first.len() == 1 && first[0].contains("grafana-0"), "{first:?}");
    for _ in 0..3 {
        assert_eq!(said(port, false).await, "");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    // What goes wrong in another way is said.
    hand.delete(&format!("/api/v1/namespaces/{NAMESPACE}/services/grafana")).await;
    assert_eq!(said(port, false).await, "");
    let both = count(2).await;
    assert!(both.len() == 2 && both[1].contains("no ready Pod"), "{both:?}");
    assert!(!carrying.is_finished());
    carrying.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_answers_on_simulated_nodes() {
    let bed = Bed::new(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: access}\nspec:\n  \
         provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  spokes: []\n",
    );
    let (hub, how) = (ClusterName::new("hub"), bed.reference("hub"));
    assert!(bed.world.identity(&bed.topology.name, &hub, &how).await.unwrap().is_none());
    let tunnel = bed.world.tunnel(&hub, &how, &service()).await;
    let Err(failure) = tunnel else { panic!("a way to nobody") };
    assert!(failure.message.contains("simulated"), "{failure:?}");
}
