//! Stand-ins for Mimir, Loki and Tempo: they answer everything and remember what reached them.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Method, Request, Response, Version,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, UdpSocket},
    task::JoinHandle,
};

/// A request as a backend saw it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    /// Every value of the tenant header, so that a second one cannot hide behind the first.
    pub(crate) fn tenants(&self) -> Vec<&str> {
        self.headers.get_all("x-scope-orgid").iter().map(|value| value.to_str().unwrap()).collect()
    }
}

/// What a backend speaks.
#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    /// HTTP/1.1; answers 200.
    Http,
    /// HTTP/2 without TLS; answers as a gRPC server that accepts, with its status in the trailers.
    Grpc,
}

/// One backend on a loopback port.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Backend {
    pub(crate) async fn start(protocol: Protocol) -> Self {
        Self::start_on(protocol, 0).await
    }

    pub(crate) async fn start_on(protocol: Protocol, port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(listener, protocol, received.clone()));
        Self { address, received, task }
    }

    /// What arrived since the last call.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.received.lock().unwrap())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, protocol: Protocol, received: Arc<Mutex<Vec<Received>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let received = received.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(request, protocol, received.clone()));
            let stream = TokioIo::new(stream);
            // A connection that the gateway cuts is no event here; the tests look at what was received.
            let _ended = match protocol {
                Protocol::Http => {
                    hyper::server::conn::http1::Builder::new().serve_connection(stream, answer).await
                }
                Protocol::Grpc => {
                    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    builder.serve_connection(stream, answer).await
                }
            };
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    protocol: Protocol,
    received: Arc<Mutex<Vec<Received>>>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    received.lock().unwrap().push(Received {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        version: parts.version,
        headers: parts.headers,
        body,
    });
    Ok(match protocol {
        Protocol::Http => Response::new(Full::new(Bytes::from_static(b"stored")).boxed()),
        Protocol::Grpc => {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            trailers.insert("grpc-message", "stored".parse().unwrap());
            // An empty message: no compression, length zero.
            let frame = Full::new(Bytes::from_static(&[0, 0, 0, 0, 0]));
            let body = frame.with_trailers(async move { Some(Ok(trailers)) }).boxed();
            Response::builder().header("content-type", "application/grpc").body(body).unwrap()
        }
    })
}

/// A DNS server that knows no name until it is told to answer every one with 127.0.0.1.
pub(crate) struct Dns {
    pub(crate) address: SocketAddr,
    knows_names: Arc<Mutex<bool>>,
    task: JoinHandle<()>,
}

impl Dns {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let knows_names = Arc::new(Mutex::new(false));
        let task = tokio::spawn(resolve(socket, knows_names.clone()));
        Self { address, knows_names, task }
    }

    pub(crate) fn learn(&self) {
        *self.knows_names.lock().unwrap() = true;
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn resolve(socket: UdpSocket, knows_names: Arc<Mutex<bool>>) {
    let mut packet = [0_u8; 2048];
    loop {
        let (length, client) = socket.recv_from(&mut packet).await.unwrap();
        let query = &packet[..length];
        // The header has 12 bytes; the name's labels end with an empty one; type and class follow.
        let name = query[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
        let question = &query[12..12 + name + 4];
        let asks_for_ipv4 = question[name..] == [0, 1, 0, 1];
        let known = *knows_names.lock().unwrap();
        let mut reply = query[..2].to_vec();
        // A recursive answer; 3 is NXDOMAIN.
        reply.extend([0x81, if known { 0x80 } else { 0x83 }, 0, 1]);
        reply.extend([0, u8::from(known && asks_for_ipv4), 0, 0, 0, 0]);
        reply.extend(question);
        if known && asks_for_ipv4 {
            // The name of the question, type A, class IN, one second, four bytes.
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
        }
        socket.send_to(&reply, client).await.unwrap();
    }
}
