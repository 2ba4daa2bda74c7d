//! The program under test, with folders of its own, and a look at the clusters past it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use kube::{Client, Config, config::Kubeconfig};
use serde_json::Value;

use crate::tools::tools;

pub(crate) struct Program {
    folder: tempfile::TempDir,
    pub(crate) topology: PathBuf,
    /// Those that it makes itself.
    pub(crate) clusters: Vec<String>,
}

impl Program {
    pub(crate) fn new(source: &str, clusters: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("lgtmctl-clusters-").tempdir().unwrap();
        let topology = folder.path().join("topology.yaml");
        std::fs::write(&topology, source).unwrap();
        Self { folder, topology, clusters: clusters.iter().map(|name| (*name).to_owned()).collect() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lgtmctl"));
        command
            .args(arguments)
            .arg("-f")
            .arg(&self.topology)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LGTMCTL_TOOLS", tools())
            // Renders are fixed by their inputs, so rounds may share them; what is tested here is the rest.
            .env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed, and returns what it says on standard output.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) async fn client(&self, cluster: &str) -> Client {
        let kubeconfig = Kubeconfig::from_yaml(&self.succeed(&["kubeconfig", cluster])).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }

    /// Every object of every kind on all clusters that bears the topology's label.
    pub(crate) async fn labelled(&self, topology: &str) -> BTreeMap<String, Value> {
        let mut found = BTreeMap::new();
        for cluster in &self.clusters {
            let client = self.client(cluster).await;
            for path in resources(&client).await {
                let list =
                    get(&client, &format!("{path}?labelSelector=lgtmctl.dev%2Ftopology%3D{topology}")).await;
                for item in list["items"].as_array().into_iter().flatten() {
                    let metadata = &item["metadata"];
                    let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
                    found.insert(
                        format!("{cluster} {path} {}/{}", text("namespace"), text("name")),
                        item.clone(),
                    );
                }
            }
        }
        found
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Without clusters of its own there is nothing to destroy, and those of others are gone by now.
        if std::env::var_os("LGTMCTL_KEEP").is_none() && !self.clusters.is_empty() {
            drop(self.run(&["destroy", "--yes"]));
        }
    }
}

pub(crate) async fn get(client: &Client, path: &str) -> Value {
    client
        .request(http::Request::get(path).body(Vec::new()).unwrap())
        .await
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The list paths of every resource that an API server has.
async fn resources(client: &Client) -> Vec<String> {
    let mut bases = vec!["/api/v1".to_owned()];
    for group in get(client, "/apis").await["groups"].as_array().into_iter().flatten() {
        bases.push(format!("/apis/{}", group["preferredVersion"]["groupVersion"].as_str().unwrap()));
    }
    let mut paths = Vec::new();
    for base in bases {
        for resource in get(client, &base).await["resources"].as_array().into_iter().flatten() {
            let verbs: Vec<&str> =
                resource["verbs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let name = resource["name"].as_str().unwrap();
            if verbs.contains(&"list") && !name.contains('/') && name != "componentstatuses" {
                paths.push(format!("{base}/{name}"));
            }
        }
    }
    paths
}
