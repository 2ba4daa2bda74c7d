//! A spoke's agent: it speaks TLS with or without a client certificate, and HTTP/1.1 or HTTP/2 within.

use std::{io, net::Ipv4Addr, sync::Arc};

use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, StatusCode, body::Bytes, client::conn::http1::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lgtm_world::pki::Issued;
use rustls::{
    ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) body: String,
}

/// One agent with one certificate, or none.
pub(crate) struct Spoke {
    port: u16,
    config: ClientConfig,
}

impl Spoke {
    /// Trusts `authority_pem` for the gateway and presents `identity` to it.
    pub(crate) fn new(port: u16, authority_pem: &str, identity: Option<&Issued>) -> Self {
        Self::with_versions(port, authority_pem, identity, &[&TLS13, &TLS12])
    }

    pub(crate) fn with_versions(
        port: u16,
        authority_pem: &str,
        identity: Option<&Issued>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(authority_pem.as_bytes()) {
            roots.add(root.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(issued) => {
                let chain = CertificateDer::pem_slice_iter(issued.certificate_pem.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(issued.private_key.expose().as_bytes()).unwrap();
                builder.with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
            }
        };
        Self { port, config }
    }

    async fn connect(&self, protocol: &[u8]) -> io::Result<TlsStream<TcpStream>> {
        let mut config = self.config.clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        let name = ServerName::try_from("gateway.test").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
        Ok(stream)
    }

    /// How the session of a new connection came about. A byte of an answer is awaited first, since
    /// tickets arrive with it.
    pub(crate) async fn handshake(&self) -> io::Result<HandshakeKind> {
        let mut stream = self.connect(b"http/1.1").await?;
        stream
            .write_all(b"POST /handshake HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 0\r\n\r\n")
            .await?;
        stream.read_u8().await?;
        Ok(stream.get_ref().1.handshake_kind().unwrap())
    }

    /// A POST over HTTP/1.1 on a connection of its own.
    pub(crate) async fn post(&self, path: &str) -> io::Result<Answer> {
        let request = Request::post(path).header("host", "gateway.test");
        self.open().await?.send(request.body(Full::from("samples")).unwrap()).await
    }

    /// An HTTP/1.1 connection that stays open.
    pub(crate) async fn open(&self) -> io::Result<Connection> {
        let stream = TokioIo::new(self.connect(b"http/1.1").await?);
        let (sender, connection) =
            hyper::client::conn::http1::handshake(stream).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Connection(sender))
    }

    /// Sends bytes as they are and reads the answer to its end, for what a library would not send.
    pub(crate) async fn send_raw(&self, request: &str) -> io::Result<String> {
        let mut stream = self.connect(b"http/1.1").await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer).await {
            // HAProxy may close without a closing alert once the answer is out.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        }
        Ok(String::from_utf8(answer).unwrap())
    }

    /// A request over HTTP/2, as gRPC exporters send it.
    pub(crate) async fn send_http2(&self, request: Request<Full<Bytes>>) -> io::Result<Answer> {
        let stream = TokioIo::new(self.connect(b"h2").await?);
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        whole(sender.send_request(request).await.map_err(io::Error::other)?).await
    }
}

/// An open HTTP/1.1 connection.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> io::Result<Answer> {
        self.0.ready().await.map_err(io::Error::other)?;
        whole(self.0.send_request(request).await.map_err(io::Error::other)?).await
    }
}

async fn whole(response: hyper::Response<hyper::body::Incoming>) -> io::Result<Answer> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?;
    let trailers = body.trailers().cloned();
    let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
    Ok(Answer { status: parts.status, headers: parts.headers, trailers, body })
}
