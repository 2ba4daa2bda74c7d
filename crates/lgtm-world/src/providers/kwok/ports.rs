//! Ports of simulated clusters: which six a cluster gets, and how two clusters made at the same moment
//! are kept from getting the same ones.
//!
//! Left to itself kwokctl looks for ports that are free *now*, and its processes bind them seconds
//! later. So ports are given out in blocks of eight: six for the components, one spare, and one *guard*
//! that the creator listens on until the cluster answers. The kernel lets only one process listen on
//! it, across checkouts, state folders and users, and frees it when that process dies: there is no lock
//! file that could be left behind. All blocks lie below the range from which systems take the ports of
//! outgoing connections.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::{Ipv4Addr, TcpListener},
};

use serde::{Deserialize, Serialize};

const FIRST_PORT: u16 = 22_000;
const BLOCK_SIZE: u16 = 8;
const BLOCKS: u16 = 1_000;

/// The ports of one cluster, all on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ports {
    pub(super) apiserver: u16,
    pub(super) etcd: u16,
    pub(super) etcd_peer: u16,
    pub(super) controller_manager: u16,
    pub(super) scheduler: u16,
    pub(super) kwok: u16,
}

impl Ports {
    fn of_block(base: u16) -> Self {
        Self {
            apiserver: base,
            etcd: base + 1,
            etcd_peer: base + 2,
            controller_manager: base + 3,
            scheduler: base + 4,
            kwok: base + 5,
        }
    }

    pub(super) fn all(self) -> [u16; 6] {
        [self.apiserver, self.etcd, self.etcd_peer, self.controller_manager, self.scheduler, self.kwok]
    }

    /// The ports that a component listens on.
    pub(super) fn of_component(self, component: &str) -> Vec<u16> {
        match component {
            "etcd" => vec![self.etcd, self.etcd_peer],
            "kube-apiserver" => vec![self.apiserver],
            "kube-controller-manager" => vec![self.controller_manager],
            "kube-scheduler" => vec![self.scheduler],
            "kwok-controller" => vec![self.kwok],
            _ => Vec::new(),
        }
    }

    fn overlaps(self, other: Self) -> bool {
        self.all().iter().any(|port| other.all().contains(port))
    }
}

/// Ports that nobody else gets while this value lives.
#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) ports: Ports,
    _guard: TcpListener,
}

/// Reserves a block for the cluster of this name. `taken` are the ports of clusters that may be stopped
/// at present, and so would not show.
pub(super) fn reserve(name: &str, taken: &[Ports]) -> Option<Reservation> {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    // Starting at a place that depends on the name spreads clusters that are made at once.
    let start = u16::try_from(hasher.finish() % u64::from(BLOCKS)).unwrap_or_default();
    (0..BLOCKS).find_map(|step| {
        let base = FIRST_PORT + (start + step) % BLOCKS * BLOCK_SIZE;
        let ports = Ports::of_block(base);
        if taken.iter().any(|other| other.overlaps(ports)) {
            return None;
        }
        let guard = TcpListener::bind((Ipv4Addr::LOCALHOST, base + BLOCK_SIZE - 1)).ok()?;
        ports.all().into_iter().all(is_free).then_some(Reservation { ports, _guard: guard })
    })
}

/// Whether a component could listen on the port now.
pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reservations_never_share_a_port() {
        let held: Vec<_> = (0..40).map(|_| reserve("same-name", &[]).unwrap()).collect();
        let mut ports: Vec<_> = held.iter().flat_map(|reservation| reservation.ports.all()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 40 * 6);
    }

    #[test]
    fn a_block_with_a_port_in_use_is_passed_over() {
        let first = reserve("busy-block", &[]).unwrap().ports;
        let _in_use = TcpListener::bind((Ipv4Addr::LOCALHOST, first.scheduler)).unwrap();
        let second = reserve("busy-block", &[]).unwrap().ports;
        assert!(!first.overlaps(second), "{first:?} {second:?}");
    }

    #[test]
    fn ports_of_stopped_clusters_stay_theirs() {
        let first = reserve("stopped", &[]).unwrap().ports;
        let second = reserve("stopped", &[first]).unwrap().ports;
        assert!(!first.overlaps(second), "{first:?} {second:?}");
    }
}
