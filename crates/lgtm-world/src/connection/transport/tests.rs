//! The transport against a TLS server in this process that notes what it is asked, and how.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use futures::future::join_all;
use http::Version;
use http_body_util::Empty;
use hyper::{body::Bytes, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;

/// What a server saw.
#[derive(Default)]
struct Seen {
    connections: usize,
    versions: Vec<Version>,
}

/// A server; its address, its certificate in DER, and what it sees.
async fn server() -> (SocketAddr, Vec<u8>, Arc<Mutex<Seen>>) {
    let made = rcgen::generate_simple_self_signed([Ipv4Addr::LOCALHOST.to_string()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
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
    (address, made.cert.der().to_vec(), seen)
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
    assert!(builder(config).is_err());
}
