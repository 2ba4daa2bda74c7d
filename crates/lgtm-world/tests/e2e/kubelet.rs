//! A kubelet that forwards the ports of its Pods to one port of this process: as much of it as the API server
//! asks for when a client forwards a port over a WebSocket.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{SinkExt as _, StreamExt as _};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::{
    Message,
    handshake::server::{Request, Response},
};

use crate::hand::Hand;

const PROTOCOL: &str = "v4.channel.k8s.io";
const NODE: &str = "own-node";

/// The one Pod of the node, and its port.
#[derive(Clone, Copy)]
pub(crate) struct PodPort {
    pub(crate) namespace: &'static str,
    pub(crate) name: &'static str,
    pub(crate) port: u16,
}

/// The server; it ends with the test.
pub(crate) struct Kubelet {
    pod: PodPort,
    port: u16,
    forwards: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Kubelet {
    /// Starts it; what is forwarded must be the Pod's port, and ends at `target`.
    pub(crate) async fn start(pod: PodPort, target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = acceptor();
        let forwards = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&forwards);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await.unwrap();
                    counted.fetch_add(1, Ordering::Relaxed);
                    forward(stream, pod, target).await;
                });
            }
        });
        Self { pod, port, forwards, serving }
    }

    /// How many connections were forwarded.
    pub(crate) fn forwards(&self) -> usize {
        self.forwards.load(Ordering::Relaxed)
    }

    /// Makes a node of it, and the Pod that is there. kwok plays all nodes, so it is waited for until it has
    /// said where it answers, once, and contradicted.
    pub(crate) async fn join(&self, hand: &Hand) {
        let PodPort { namespace, name, .. } = self.pod;
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}});
        hand.create("/api/v1/nodes", &node).await;
        let status = json!({"status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
        }});
        let path = format!("/api/v1/nodes/{NODE}");
        let played = |node: &Value| node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64();
        for _ in 0..300 {
            if hand.get(&path).await.as_ref().and_then(played).is_some_and(|port| port > 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        hand.merge(&format!("{path}/status"), &status).await;
        let made = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"nodeName": NODE, "containers": [{"name": "main", "image": "example.com/main:1"}]},
        });
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        hand.create(&path, &made).await;
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn acceptor() -> TlsAcceptor {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// One forwarded port: channel 0 is data, channel 1 is errors, and each begins with the port's number.
async fn forward<S: AsyncRead + AsyncWrite + Unpin>(stream: S, pod: PodPort, target: u16) {
    let mut asked = String::new();
    let callback = |request: &Request, mut response: Response| {
        asked = request.uri().to_string();
        response.headers_mut().insert("sec-websocket-protocol", PROTOCOL.parse().unwrap());
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, callback).await.unwrap();
    let PodPort { namespace, name, port } = pod;
    assert!(asked.starts_with(&format!("/portForward/{namespace}/{name}")), "{asked}");
    assert!(asked.contains(&port.to_string()), "{asked}");
    let (mut sink, mut source) = socket.split();
    let [low, high] = port.to_le_bytes();
    for channel in [0, 1] {
        sink.send(Message::binary(vec![channel, low, high])).await.unwrap();
    }
    let (mut reader, mut writer) = TcpStream::connect(("127.0.0.1", target)).await.unwrap().into_split();
    let there = async {
        while let Some(Ok(message)) = source.next().await {
            if let Message::Binary(bytes) = message {
                assert_eq!(bytes[0], 0);
                writer.write_all(&bytes[1..]).await.unwrap();
            }
        }
    };
    let back = async {
        let mut buffer = vec![0; 4096];
        while let Ok(length) = reader.read(&mut buffer[1..]).await {
            if length == 0 || sink.send(Message::binary(buffer[..=length].to_vec())).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
    }
    // As a kubelet takes leave; without it, the client may drop what it has not read yet.
    drop(sink.send(Message::Close(None)).await);
}
