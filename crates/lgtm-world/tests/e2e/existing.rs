//! Clusters that someone else made: real control planes in a state folder that lgtmctl does not know,
//! reached through a kubeconfig with several contexts.
//!
//! On a cluster that is not simulated lgtmctl plays no controller, so the test plays those that a real
//! cluster has: it gives LoadBalancers addresses and claims volumes.

use std::{collections::BTreeMap, path::Path};

use kube::config::{Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};
use lgtm_world::{
    providers::kwok::{Kwok, KwokSpec},
    rehearsal,
};
use serde_json::Value;
use tokio::sync::watch;

use crate::{hand::Hand, tools::tools};

/// Where the kubeconfig is, relative to the topology.
pub(crate) const KUBECONFIG: &str = "clusters.yaml";

pub(crate) struct Existing {
    kwok: Kwok,
    names: Vec<String>,
    pub(crate) players: BTreeMap<String, watch::Sender<()>>,
}

impl Existing {
    /// Makes clusters and a kubeconfig whose contexts bear their names. Its current context is none of
    /// them, so that whoever uses it fails.
    pub(crate) async fn make(folder: &Path, names: &[&str]) -> Self {
        let kwok = Kwok::new(tools(), folder.join("others"));
        let mut existing = Self {
            kwok,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            players: BTreeMap::new(),
        };
        let making = names.iter().map(|name| async {
            let spec = KwokSpec { name: (*name).to_owned(), workers: 1, pod_cidr: None, service_cidr: None };
            existing.kwok.ensure(&spec).await.unwrap();
        });
        futures::future::join_all(making).await;
        for name in names {
            existing.play(name).await;
        }
        existing.write_kubeconfig(folder).await;
        existing
    }

    async fn play(&mut self, name: &str) {
        let range = "172.20.0.0/24".parse().unwrap();
        let segment = lgtm_topology::Segment { range, node_network: Some(range) };
        let client = self.kwok.client(name, rehearsal::USER_AGENT).await.unwrap();
        let (stop, stopped) = watch::channel(());
        tokio::spawn(rehearsal::play(client, Some(segment), stopped));
        self.players.insert(name.to_owned(), stop);
    }

    async fn write_kubeconfig(&self, folder: &Path) {
        let mut all = Kubeconfig { current_context: Some("elsewhere".to_owned()), ..Kubeconfig::default() };
        for name in &self.names {
            let text = self.kwok.kubeconfig(name).await.unwrap();
            let one = Kubeconfig::from_yaml(&text).unwrap();
            let cluster = one.clusters[0].clone();
            let user = one.auth_infos[0].clone();
            let mut context = one.contexts[0].clone();
            if let Some(context) = &mut context.context {
                context.cluster.clone_from(name);
                context.user = Some(name.clone());
            }
            all.clusters.push(NamedCluster { name: name.clone(), ..cluster });
            all.auth_infos.push(NamedAuthInfo { name: name.clone(), ..user });
            all.contexts.push(NamedContext { name: name.clone(), ..context });
        }
        std::fs::write(folder.join(KUBECONFIG), serde_json::to_string_pretty(&all).unwrap()).unwrap();
    }

    pub(crate) async fn hand(&self, name: &str) -> Hand {
        Hand::new(self.kwok.client(name, "administrator").await.unwrap())
    }

    /// What was asked of a cluster by anyone.
    pub(crate) fn audit(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.kwok.audit_log(name)).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Deletes a cluster and makes another of its name, which the same context then reaches.
    pub(crate) async fn make_anew(&mut self, folder: &Path, name: &str) {
        self.players.remove(name);
        self.kwok.delete(name).await.unwrap();
        let spec = KwokSpec { name: name.to_owned(), workers: 1, pod_cidr: None, service_cidr: None };
        self.kwok.ensure(&spec).await.unwrap();
        self.play(name).await;
        self.write_kubeconfig(folder).await;
    }
}

impl Drop for Existing {
    fn drop(&mut self) {
        if std::env::var_os("LGTMCTL_KEEP").is_some() {
            return;
        }
        let (kwok, names) = (self.kwok.clone(), std::mem::take(&mut self.names));
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for name in names {
                    drop(kwok.delete(&name).await);
                }
            });
        })
        .join();
        drop(ended);
    }
}
