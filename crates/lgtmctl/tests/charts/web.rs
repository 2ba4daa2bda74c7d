//! A web server on this machine, with a certificate that only those trust who are told to.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// The server; it runs until the test's process ends.
pub(crate) struct Web {
    port: u16,
    file: Arc<Mutex<String>>,
}

impl Web {
    /// Starts it, and writes the certificate of its authority into `trusted`. `/old/…` leads to `/…`, and `/open/…`
    /// to a place without TLS.
    pub(crate) fn start(trusted: &Path) -> Self {
        let config = Arc::new(config(trusted));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let file = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&file);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, file) = (Arc::clone(&config), shared.lock().unwrap().clone());
                // A client that trusts nobody hangs up in the middle.
                std::thread::spawn(move || drop(answer(config, stream, &file)));
            }
        });
        Self { port, file }
    }

    /// What it has from now on.
    pub(crate) fn publish(&self, text: &str) {
        text.clone_into(&mut self.file.lock().unwrap());
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}/{path}", self.port)
    }
}

fn config(trusted: &Path) -> ServerConfig {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(trusted, authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap()
}

fn answer(config: Arc<ServerConfig>, stream: TcpStream, file: &str) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    let (status, location, body) = if let Some(moved) = path.strip_prefix("/old") {
        ("302 Found", format!("Location: {moved}\r\n"), "")
    } else if path.starts_with("/open") {
        ("302 Found", "Location: http://localhost:1/install.yaml\r\n".to_owned(), "")
    } else if file.is_empty() {
        ("404 Not Found", String::new(), "")
    } else {
        ("200 OK", String::new(), file)
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{location}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}
