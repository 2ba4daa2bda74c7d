//! The controllers that lgtmctl plays on simulated clusters while an apply runs: those that a topology
//! needs and that cannot run where Pods do not.
//!
//! Load balancers get addresses, and claims get volumes; nothing else. Both go by what the API server
//! holds, as the real controllers do, and refuse to know the topology. They are never played on a
//! cluster that is not simulated: the caller, who knows the provider, sees to that. Two of them do each
//! other no harm, so they ask for no lock. What this proves, and what not, is in `docs/rehearsal.md`.

mod addresses;
mod follow;
mod load_balancers;
mod volumes;

use kube::Client;
use lgtm_topology::Segment;
use tokio::sync::watch;

/// The field manager of everything that is written in place of a real controller.
pub const FIELD_MANAGER: &str = "lgtmctl-rehearsal";
/// How clients that play controllers call themselves, so that an audit log tells them from an apply.
pub const USER_AGENT: &str = concat!("lgtmctl-rehearsal/", env!("CARGO_PKG_VERSION"));
/// The provisioner of simulated volumes, named by the StorageClass of simulated clusters.
pub const PROVISIONER: &str = "lgtmctl.dev/simulated";

/// Plays the controllers of one simulated cluster until `shutdown` changes or its sender is dropped.
///
/// The client should call itself [`USER_AGENT`]. An API server that is away is waited for: what an
/// apply makes of that is the apply's to say.
pub async fn play(client: Client, segment: Option<Segment>, mut shutdown: watch::Receiver<()>) {
    tokio::select! {
        _ = shutdown.changed() => {}
        () = load_balancers::play(client.clone(), segment) => {}
        () = volumes::play(client) => {}
    }
}
