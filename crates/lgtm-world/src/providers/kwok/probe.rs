//! Asking whether the processes of a simulated cluster are there and answer. Refuses to change anything.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use kube::Client;
use tokio::time::{Instant, sleep};

use super::{ports, processes};

/// The pause between two looks at something that takes moments.
pub(super) const POLL: Duration = Duration::from_millis(25);
/// How long a killed process may take to be gone.
pub(super) const DYING_TIMEOUT: Duration = Duration::from_secs(10);
/// On loopback a connection is accepted at once or refused at once.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);
/// kwokctl has started every component long before.
const START_CHECK: Duration = Duration::from_secs(5);

/// Whether somebody listens on the port.
pub(super) async fn accepts(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let connecting = tokio::net::TcpStream::connect(address);
    matches!(tokio::time::timeout(CONNECT_TIMEOUT, connecting).await, Ok(Ok(_)))
}

/// Waits until a component does not run that should by now.
pub(super) async fn until_incomplete(cluster_dir: &Path) {
    loop {
        sleep(START_CHECK).await;
        if !processes::stopped_components(cluster_dir).is_empty() {
            return;
        }
    }
}

/// The system closes the sockets of a process some time after it has ended.
pub(super) async fn becomes_free(port: u16) -> bool {
    let deadline = Instant::now() + DYING_TIMEOUT;
    while !ports::is_free(port) {
        if Instant::now() > deadline {
            return false;
        }
        sleep(POLL).await;
    }
    true
}

/// Whether the API server calls itself ready.
pub(super) async fn is_ready(client: &Client) -> bool {
    let Ok(request) = http::Request::get("/readyz").body(Vec::new()) else { return false };
    client.request_text(request).await.is_ok()
}
