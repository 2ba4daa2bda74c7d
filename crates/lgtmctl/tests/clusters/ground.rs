//! A cluster that someone else made, for the real program: a control plane in a folder of its own, reached
//! through a kubeconfig, whose LoadBalancers get addresses and whose claims get volumes.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use lgtm_world::{
    providers::kwok::{Kwok, KwokSpec, State},
    rehearsal,
    tools::Tools,
};
use tokio::{sync::watch, task::JoinHandle};

use crate::tools::tools;

pub(crate) struct Ground {
    kwok: Kwok,
    folder: PathBuf,
    player: Option<watch::Sender<()>>,
    kubelet: Option<(watch::Sender<()>, JoinHandle<()>)>,
}

/// What the topology calls its provider.
pub(crate) const PROVIDER: &str = "existing: {kubeconfig: ground.yaml, context: kwok-ground}";

fn spec() -> KwokSpec {
    KwokSpec { name: "ground".to_owned(), workers: 1, pod_cidr: None, service_cidr: None }
}

impl Ground {
    /// Makes the cluster, and the kubeconfig beside the topology.
    pub(crate) async fn make(folder: &Path) -> Self {
        let others = folder.join("others");
        let kwok = Kwok::new(Tools::in_dir(tools()), &others);
        let mut ground = Self { kwok, folder: others, player: None, kubelet: None };
        ground.kwok.ensure(&spec()).await.unwrap();
        std::fs::write(folder.join("ground.yaml"), ground.kwok.kubeconfig("ground").await.unwrap()).unwrap();
        ground.play().await;
        ground
    }

    async fn play(&mut self) {
        let range = "172.20.0.0/24".parse().unwrap();
        let segment = lgtm_topology::Segment { range, node_network: Some(range) };
        let client = self.kwok.client("ground", rehearsal::USER_AGENT).await.unwrap();
        let (stop, stopped) = watch::channel(());
        tokio::spawn(rehearsal::play(client, Some(segment), stopped));
        self.player = Some(stop);
        let (stop, stopped) = watch::channel(());
        self.kubelet = Some((stop, tokio::spawn(restart_what_ends(self.kwok.clone(), stopped))));
    }

    pub(crate) async fn client(&self) -> kube::Client {
        self.kwok.client("ground", "administrator").await.unwrap()
    }

    /// Kills the API server as a crash does, and returns when it is dead.
    pub(crate) async fn kill_api_server(&mut self) {
        if let Some((stop, kubelet)) = self.kubelet.take() {
            drop(stop);
            kubelet.await.unwrap();
        }
        let file = self.folder.join("clusters/ground/pids/kube-apiserver.pid");
        let pid = std::fs::read_to_string(file).unwrap();
        let killed = std::process::Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap();
        assert!(killed.success());
        // The dead whom nobody has buried yet have no command line.
        let command_line = format!("/proc/{}/cmdline", pid.trim());
        while std::fs::read(&command_line).is_ok_and(|line| !line.is_empty()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts what was killed.
    pub(crate) async fn start_again(&mut self) {
        self.kwok.ensure(&spec()).await.unwrap();
        self.play().await;
    }
}

/// What a kubelet does for the static Pods of a control plane. The scheduler, for one, exits when it sees a
/// Pod bound that it has taken for not bound, which an API server that dies between the two brings about.
async fn restart_what_ends(kwok: Kwok, mut stopped: watch::Receiver<()>) {
    while tokio::time::timeout(Duration::from_secs(1), stopped.changed()).await.is_err() {
        if kwok.state("ground").await.is_ok_and(|state| state == State::Stopped) {
            kwok.ensure(&spec()).await.unwrap();
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Some((_, kubelet)) = self.kubelet.take() {
            kubelet.abort();
        }
        if std::env::var_os("LGTMCTL_KEEP").is_some() {
            return;
        }
        let kwok = self.kwok.clone();
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { drop(kwok.delete("ground").await) });
        });
        drop(ended.join());
    }
}
