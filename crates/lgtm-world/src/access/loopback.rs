//! A port of this machine alone, on each of its loopback addresses.
//!
//! A name in `.localhost` may lead to `127.0.0.1` or to `::1`, and which of them is tried first is the affair of whoever
//! asks. A program of somebody else on the address that was left free would answer in our place, so it is both or none.
//! The module refuses to know what comes in.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that may wait to be taken; a browser opens six at once.
const BACKLOG: u32 = 128;
/// How often a port that is free on one address may be taken on the other, before it is said.
const TRIES: usize = 16;

/// A port that is listened on.
#[derive(Debug)]
pub struct Loopback {
    port: u16,
    v4: TcpListener,
    /// None where this machine has no such address, so that nobody else can listen there either.
    v6: Option<TcpListener>,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{address} of this machine cannot be listened on")]
pub struct Taken {
    /// The address and the port.
    pub address: SocketAddr,
    /// Why not.
    pub source: io::Error,
}

impl Taken {
    /// Whether another program listens there.
    pub fn by_another(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

impl Loopback {
    /// Listens on one port of every loopback address.
    ///
    /// # Errors
    ///
    /// The first address where that cannot be.
    pub fn bind(port: u16) -> Result<Self, Taken> {
        let at = |address: SocketAddr| move |source| Taken { address, source };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let v4 = TcpSocket::new_v4().and_then(|socket| listen(socket, address)).map_err(at(address))?;
        let port = v4.local_addr().map_err(at(address))?.port();
        let address = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let v6 = listen_on_v6(address).map_err(at(address))?;
        Ok(Self { port, v4, v6 })
    }

    /// Listens on a port that nobody has on any loopback address.
    ///
    /// # Errors
    ///
    /// The address where that cannot be, after several ports.
    pub fn bind_any() -> Result<Self, Taken> {
        let mut bound = Self::bind(0);
        for _ in 1..TRIES {
            if !bound.as_ref().is_err_and(Taken::by_another) {
                break;
            }
            bound = Self::bind(0);
        }
        bound
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next connection. It is not lost when this is dropped before it came.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        let taken = match &self.v6 {
            Some(v6) => tokio::select! {
                taken = self.v4.accept() => taken,
                taken = v6.accept() => taken,
            },
            None => self.v4.accept().await,
        };
        taken.map(|(stream, _)| stream)
    }
}

/// Listens on the address of IPv6. A machine without it makes no such socket, and one where it is turned off has no
/// such address.
fn listen_on_v6(address: SocketAddr) -> io::Result<Option<TcpListener>> {
    let Ok(socket) = TcpSocket::new_v6() else { return Ok(None) };
    match listen(socket, address) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Ok(None),
        Err(error) => Err(error),
    }
}

fn listen(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpListener> {
    // Connections of a run before that are still being closed are no hindrance. On Windows the option would let two
    // programs listen at one address.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// The loopback addresses of this machine, one of them at least.
    async fn addresses() -> Vec<IpAddr> {
        let mut addresses = vec![IpAddr::from(Ipv4Addr::LOCALHOST)];
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok() {
            addresses.push(Ipv6Addr::LOCALHOST.into());
        }
        addresses
    }

    #[tokio::test]
    async fn whoever_comes_to_any_loopback_address_is_taken() {
        let loopback = Loopback::bind_any().unwrap();
        for address in addresses().await {
            let mut come = TcpStream::connect((address, loopback.port())).await.unwrap();
            come.write_all(b"x").await.unwrap();
            assert_eq!(loopback.accept().await.unwrap().read_u8().await.unwrap(), b'x', "{address}");
        }
    }

    #[tokio::test]
    async fn an_address_that_another_program_has_is_named() {
        for address in addresses().await {
            let theirs = TcpListener::bind((address, 0)).await.unwrap();
            let address = theirs.local_addr().unwrap();
            let taken = Loopback::bind(address.port()).unwrap_err();
            assert!(taken.by_another() && taken.address == address, "{taken:?}");
            assert_eq!(taken.to_string(), format!("{address} of this machine cannot be listened on"));
        }
    }
}
