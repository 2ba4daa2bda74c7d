//! Existing clusters with a proxy in front of each: lgtmctl reaches them through a kubeconfig of its own,
//! and the test reaches them past the proxies.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kube::config::Kubeconfig;
use serde_json::{Value, json};

use crate::{
    existing::{Existing, KUBECONFIG},
    hand::Hand,
    proxy::Proxy,
};

/// The kubeconfig that leads through the proxies, relative to the topology.
pub(crate) const PROXIED: &str = "proxied.yaml";

pub(crate) struct Front {
    pub(crate) existing: Existing,
    proxies: BTreeMap<String, Proxy>,
    /// What is in the file at first.
    kubeconfig: String,
}

impl Front {
    /// Makes clusters and a proxy for each; contexts bear the clusters' names.
    pub(crate) async fn make(folder: &Path, names: &[&str]) -> Self {
        let existing = Existing::make(folder, names).await;
        let text = std::fs::read_to_string(folder.join(KUBECONFIG)).unwrap();
        let mut kubeconfig = Kubeconfig::from_yaml(&text).unwrap();
        let mut proxies = BTreeMap::new();
        for name in names {
            proxies.insert((*name).to_owned(), Proxy::start(client(&text, name).await).await);
        }
        for named in &mut kubeconfig.clusters {
            let cluster = named.cluster.as_mut().unwrap();
            let proxy = &proxies[&named.name];
            cluster.server = Some(format!("https://{}", proxy.address));
            cluster.certificate_authority = None;
            cluster.certificate_authority_data = Some(STANDARD.encode(&proxy.certificate));
        }
        for named in &mut kubeconfig.auth_infos {
            // It is the proxy that the server knows.
            named.auth_info = Some(kube::config::AuthInfo::default());
        }
        let kubeconfig = serde_json::to_string_pretty(&kubeconfig).unwrap();
        std::fs::write(folder.join(PROXIED), &kubeconfig).unwrap();
        Self { existing, proxies, kubeconfig }
    }

    pub(crate) fn proxy(&self, name: &str) -> &Proxy {
        &self.proxies[name]
    }

    /// From now on lgtmctl acts as another user, or again as the administrator.
    pub(crate) fn act_as(&self, folder: &Path, user: Option<&str>) {
        let path = folder.join(PROXIED);
        let mut kubeconfig: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for named in kubeconfig["users"].as_array_mut().unwrap() {
            named["user"] = user.map_or_else(|| json!({}), |user| json!({"as": user}));
        }
        std::fs::write(path, kubeconfig.to_string()).unwrap();
    }

    /// A client that goes through the proxy.
    pub(crate) async fn client(&self, name: &str) -> kube::Client {
        client(&self.kubeconfig, name).await
    }

    pub(crate) async fn hand(&self, name: &str) -> Hand {
        self.existing.hand(name).await
    }
}

/// A client that hands on what the server says and tries nothing again.
async fn client(kubeconfig: &str, context: &str) -> kube::Client {
    let options = kube::config::KubeConfigOptions { context: Some(context.to_owned()), ..Default::default() };
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    config.default_retry = false;
    kube::Client::try_from(config).unwrap()
}
