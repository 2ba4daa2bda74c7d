//! The transport against a TLS server in this process that notes what it is asked, and how.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::future::join_all;
use http::Version;
use http_body_util::Empty;
use hyper::{body::Bytes, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::{Instant, timeout},
};

use super::*;

#[path = "../../../tests/faults/tls.rs"]
mod tls;

use tls::tls;

/// What a server saw.
#[derive(Default)]
struct Seen {
    connections: usize,
    versions: Vec<Version>,
}

/// A server; its address, its certificate in DER, and what it sees.
async fn server() -> (SocketAddr, Vec<u8>, Arc<Mutex<Seen>>) {
    let (acceptor, certificate) = tls();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            noted.lock().unwrap().connections += 1;
            let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                let service = service_fn(move |request: Request<Incoming>| {
                    noted.lock().unwrap().versions.push(request.version());
                    async { Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new())) }
                });
                // The client may close whenever it likes.
                drop(
                    auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
    (address, certificate.der().to_vec(), seen)
}

fn config(server: SocketAddr, certificate: Vec<u8>) -> Config {
    let mut config = Config::new(format!("https://{server}").parse().unwrap());
    config.root_cert = Some(vec![certificate]);
    config
}

fn request(upgrade: bool) -> Request<Body> {
    let mut request = Request::get("/version");
    if upgrade {
        request = request.header(header::CONNECTION, "Upgrade").header(header::UPGRADE, "websocket");
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn requests_share_a_connection_and_upgrades_have_their_own() {
    let (address, certificate, seen) = server().await;
    let client = builder(config(address, certificate)).unwrap().build();
    client.send(request(false)).await.unwrap();
    for answer in join_all((0..20).map(|_| client.send(request(false)))).await {
        answer.unwrap();
    }
    {
        let seen = seen.lock().unwrap();
        assert_eq!(seen.connections, 1);
        assert_eq!(seen.versions, [Version::HTTP_2; 21]);
    }
    client.send(request(true)).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!((seen.connections, seen.versions.last()), (2, Some(&Version::HTTP_11)));
}

#[tokio::test]
async fn what_a_kubeconfig_sends_by_a_proxy_goes_there() {
    let (address, certificate, _) = server().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut config = config(address, certificate);
    config.proxy_url = Some(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
    let proxy = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut asked = String::new();
        stream.read_line(&mut asked).await.unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut server = TcpStream::connect(address).await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut stream, &mut server).await });
        asked
    });
    let client = builder(config).unwrap().build();
    client.send(request(false)).await.unwrap();
    assert_eq!(proxy.await.unwrap(), format!("CONNECT {address} HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_server_name_that_is_none_is_refused() {
    let mut config = config((Ipv4Addr::LOCALHOST, 1).into(), Vec::new());
    config.root_cert = None;
    config.tls_server_name = Some("not a name".to_owned());
    let refused = builder(config).err().unwrap();
    assert_eq!(refused.to_string(), "ServiceError: `not a name` is no server's name: invalid dns name");
}

/// What stands between a client and its server, and can swallow all that comes on the connections that it has.
#[derive(Clone, Default)]
struct Between {
    opened: Arc<AtomicUsize>,
    /// Connections with a lower number are swallowed.
    swallowed: Arc<AtomicUsize>,
}

impl Between {
    async fn start(&self, server: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let between = self.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let number = between.opened.fetch_add(1, Ordering::Relaxed);
                let server = TcpStream::connect(server).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(between.clone().carry(number, from_client, to_server));
                tokio::spawn(between.clone().carry(number, from_server, to_client));
            }
        });
        address
    }

    async fn carry(self, number: usize, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut bytes = vec![0; 16_384];
        // Until it is closed, and nothing is closed but by the two ends.
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            if number >= self.swallowed.load(Ordering::Relaxed) && to.write_all(&bytes[..read]).await.is_err()
            {
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_dead_is_given_up_and_the_next_request_opens_another() {
    let (server, certificate, seen) = server().await;
    let between = Between::default();
    let client = builder(config(between.start(server).await, certificate)).unwrap().build();
    client.send(request(false)).await.unwrap();
    between.swallowed.store(1, Ordering::Relaxed);
    // Nothing moves any more but the clock.
    tokio::time::pause();
    let begun = Instant::now();
    let asked = timeout(Duration::from_secs(120), join_all((0..3).map(|_| client.send(request(false)))));
    for answer in asked.await.expect("a request waits for ever") {
        answer.expect_err("there is an answer");
    }
    let (least, most) = (ASKED_AFTER, ASKED_AFTER + GIVEN_UP_AFTER + Duration::from_secs(1));
    assert!((least..most).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    tokio::time::resume();
    assert_eq!(between.opened.load(Ordering::Relaxed), 1);
    client.send(request(false)).await.unwrap();
    assert_eq!(between.opened.load(Ordering::Relaxed), 2);
    assert_eq!(seen.lock().unwrap().versions, [Version::HTTP_2; 2]);
}
