//! Simulated clusters: a real etcd, API server, controller-manager and scheduler on loopback, and nodes
//! that kwok plays; made, started again and removed through kwokctl.
//!
//! kwokctl's exit code proves nothing, so a cluster counts as made only when its API server answers and
//! its nodes are ready. Everything lives in the state folder that the caller names, never in the user's
//! `~/.kwok` or kubeconfig. The module refuses to know topologies, and what is applied later.

mod config;
mod error;
mod kwokctl;
mod nodes;
mod ports;
mod probe;
mod processes;
mod record;

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ipnet::Ipv4Net;
use kube::{
    Client,
    config::{KubeConfigOptions, Kubeconfig},
};

pub use self::error::KwokError;
use tokio::sync::Semaphore;

use self::record::{Layout, Record};
use crate::{
    rehearsal,
    tools::{Tool, Tools},
};

/// How long a control plane may take to answer; it takes a few seconds on an idle machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// How long nodes may take to be ready once the API server answers.
const NODES_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the start of components is tried.
const START_ATTEMPTS: u8 = 5;

/// A simulated cluster as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KwokSpec {
    /// A DNS label, unique in the state folder: `lgtmctl-<topology>-<cluster>`.
    pub name: String,
    /// How many nodes there are.
    pub workers: u16,
    /// The network of Pods, from which each node gets a part; kwok's own when absent.
    pub pod_cidr: Option<Ipv4Net>,
    /// The network of Services; the API server's default when absent.
    pub service_cidr: Option<Ipv4Net>,
}

/// How a simulated cluster was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no such cluster.
    Absent,
    /// It is whole, but not all of its processes run, as after a reboot.
    Stopped,
    /// It is whole and its API server accepts connections.
    Running,
    /// Its creation was interrupted, or its data is gone: it can only be made anew.
    Broken,
}

/// What [`Kwok::ensure`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ensured {
    /// The cluster was made, for the first time or anew.
    Created,
    /// Its processes were started again; its data is what it was.
    Started,
    /// It ran, and its number of nodes was changed.
    Updated,
    /// It was as it shall be. Nothing was written.
    Unchanged,
}

/// The provider of simulated clusters.
#[derive(Clone, Debug)]
pub struct Kwok {
    tools: Tools,
    state_dir: PathBuf,
    /// Turns for starting control planes. On a machine that starts twenty at once, none answers before its
    /// controllers give up on it.
    turns: Arc<Semaphore>,
}

impl Kwok {
    /// A provider that keeps its clusters in `state_dir`, which is made when it is first needed.
    pub fn new(tools: Tools, state_dir: impl Into<PathBuf>) -> Self {
        let state_dir = state_dir.into();
        // Paths in this folder are written into files and compared with those of processes.
        let state_dir = std::path::absolute(&state_dir).unwrap_or(state_dir);
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { tools, state_dir, turns: Arc::new(Semaphore::new(2 * processors)) }
    }

    /// How the cluster is. Reads a few files and tries one port; starts no program.
    pub async fn state(&self, name: &str) -> Result<State, KwokError> {
        let layout = self.layout(name)?;
        self.inspect(&layout, name).await.map(|(state, _)| state)
    }

    /// Makes the cluster what it shall be: created, started again, given its nodes, or left alone.
    /// Returns when its API server and its nodes are ready.
    pub async fn ensure(&self, spec: &KwokSpec) -> Result<Ensured, KwokError> {
        let layout = self.layout(&spec.name)?;
        let _lock = layout.lock().await.map_err(|source| self.on_disk(&spec.name, source))?;
        let (state, record) = self.inspect(&layout, &spec.name).await?;
        // Never closed, so there is always a turn to come.
        let _turn = if state == State::Running { None } else { self.turns.acquire().await.ok() };
        match (state, record) {
            (State::Running | State::Stopped, Some(record)) => {
                record.refuse_other_networks(spec)?;
                let started = state == State::Stopped;
                if started {
                    self.start(&layout, &spec.name, &record).await?;
                }
                let changed = self.until_whole(&layout, spec).await?;
                Ok(match (started, changed) {
                    (true, _) => Ensured::Started,
                    (false, true) => Ensured::Updated,
                    (false, false) => Ensured::Unchanged,
                })
            }
            (State::Absent, _) => self.create(&layout, spec).await,
            (State::Broken | State::Running | State::Stopped, _) => {
                tracing::info!(cluster = spec.name, "half-made simulated cluster is made anew");
                self.remove(&layout, &spec.name).await?;
                self.create(&layout, spec).await
            }
        }
    }

    /// A kubeconfig for the cluster's administrator. It names the files that hold the keys and holds
    /// none itself.
    pub async fn kubeconfig(&self, name: &str) -> Result<String, KwokError> {
        let path = self.layout(name)?.kubeconfig();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(KwokError::Absent { name: name.to_owned() })
            }
            Err(source) => Err(self.on_disk(name, source)),
        }
    }

    /// A client for the cluster that calls itself by this user agent.
    pub async fn client(&self, name: &str, user_agent: &'static str) -> Result<Client, KwokError> {
        let config = self.config(name, user_agent).await?;
        Client::try_from(config).map_err(|source| KwokError::no_client(name, source))
    }

    /// How a client reaches the cluster.
    pub(crate) async fn config(
        &self,
        name: &str,
        user_agent: &'static str,
    ) -> Result<kube::Config, KwokError> {
        let text = self.kubeconfig(name).await?;
        let kubeconfig = Kubeconfig::from_yaml(&text).map_err(|error| KwokError::no_client(name, error))?;
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .map_err(|error| KwokError::no_client(name, error))?;
        // A proxy that the user has set for the internet has no way to this machine's loopback.
        config.proxy_url = None;
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(user_agent)));
        Ok(config)
    }

    /// Gives the running cluster as many nodes as there shall be, and waits until they are ready. Says
    /// whether anything was written.
    pub async fn scale_nodes(&self, name: &str, workers: u16) -> Result<bool, KwokError> {
        let layout = self.layout(name)?;
        let _lock = layout.lock().await.map_err(|source| self.on_disk(name, source))?;
        let record = layout.read_record().map_err(|source| self.on_disk(name, source))?;
        let pods = record.and_then(|record| record.pod_cidr?.parse().ok());
        let client = self.client(name, rehearsal::USER_AGENT).await?;
        let changed = nodes::scale(&client, workers, pods)
            .await
            .map_err(|source| asking(name, "scaling nodes", source))?;
        self.until_nodes_ready(&client, name, workers).await?;
        Ok(changed)
    }

    /// Removes the cluster, its processes and its files. One that is absent is removed already.
    pub async fn delete(&self, name: &str) -> Result<(), KwokError> {
        let layout = self.layout(name)?;
        let lock = layout.lock().await.map_err(|source| self.on_disk(name, source))?;
        self.remove(&layout, name).await?;
        lock.remove().map_err(|source| self.on_disk(name, source))
    }

    /// The API server's audit log: who did what to which object, without contents.
    pub fn audit_log(&self, name: &str) -> PathBuf {
        Layout::new(&self.state_dir, name).logs().join("audit.log")
    }

    fn layout(&self, name: &str) -> Result<Layout, KwokError> {
        // The name becomes a folder's, so it must not be able to leave the state folder.
        let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = name.as_bytes();
        let is_label = bytes.len() <= 63
            && bytes.first().is_some_and(edge)
            && bytes.last().is_some_and(edge)
            && bytes.iter().all(|byte| edge(byte) || *byte == b'-');
        if is_label {
            Ok(Layout::new(&self.state_dir, name))
        } else {
            Err(KwokError::Name { name: name.to_owned() })
        }
    }

    fn on_disk(&self, name: &str, source: std::io::Error) -> KwokError {
        KwokError::StateFolder { name: name.to_owned(), folder: self.state_dir.clone(), source }
    }

    async fn inspect(&self, layout: &Layout, name: &str) -> Result<(State, Option<Record>), KwokError> {
        let record = layout.read_record().map_err(|source| self.on_disk(name, source))?;
        let dir = layout.cluster_dir();
        let state = match &record {
            None if !dir.exists() && !layout.record_dir().exists() => State::Absent,
            Some(record) if record.complete && dir.join("etcd/member").exists() => {
                let whole = processes::stopped_components(&dir).is_empty();
                if whole && probe::accepts(record.ports.apiserver).await {
                    State::Running
                } else {
                    State::Stopped
                }
            }
            None | Some(_) => State::Broken,
        };
        Ok((state, record))
    }

    async fn create(&self, layout: &Layout, spec: &KwokSpec) -> Result<Ensured, KwokError> {
        let name = spec.name.as_str();
        let program = self.tools.find(Tool::Kwokctl)?;
        let reservation = ports::reserve(name, &record::ports_in_use(&self.state_dir))
            .ok_or_else(|| KwokError::NoPorts { name: name.to_owned() })?;
        let config = config::kwokctl(&self.tools, layout, spec, reservation.ports)?;
        let mut record = Record::new(spec, reservation.ports);
        layout
            .write_record(&record)
            .and_then(|()| write_json(&layout.kwokctl_config(), &config))
            .and_then(|()| write_json(&layout.audit_policy(), &config::audit_policy()))
            .and_then(|()| record::create_private_dir(&self.state_dir.join("clusters")))
            .map_err(|source| self.on_disk(name, source))?;

        let making = kwokctl::create(&program, &self.state_dir, layout, name);
        // The API server answers before kwokctl has noticed, so it is asked while kwokctl still waits.
        tokio::try_join!(making, self.until_answering(layout, spec))?;
        if !processes::stopped_components(&layout.cluster_dir()).is_empty() {
            // On a busy machine a controller may have given up on the API server before that answered.
            self.start(layout, name, &record).await?;
        }
        self.until_whole(layout, spec).await?;

        record.complete = true;
        layout.write_record(&record).map_err(|source| self.on_disk(name, source))?;
        Ok(Ensured::Created)
    }

    async fn start(&self, layout: &Layout, name: &str, record: &Record) -> Result<(), KwokError> {
        let program = self.tools.find(Tool::Kwokctl)?;
        let dir = layout.cluster_dir();
        for _ in 0..START_ATTEMPTS {
            self.prepare_start(layout, name, record).await?;
            tokio::select! {
                started = kwokctl::start(&program, &self.state_dir, name) => return started,
                // A process that was about to die still counted as alive, and was not started; kwokctl
                // would wait for it in vain.
                () = probe::until_incomplete(&dir) => {}
            }
        }
        let stopped = processes::stopped_components(&dir).join(", ");
        Err(KwokError::Dies { name: name.to_owned(), stopped, logs: layout.logs() })
    }

    async fn prepare_start(&self, layout: &Layout, name: &str, record: &Record) -> Result<(), KwokError> {
        let dir = layout.cluster_dir();
        while processes::end_player_without_server(&dir) {
            tokio::time::sleep(probe::POLL).await;
        }
        processes::forget_dead(&dir).map_err(|source| self.on_disk(name, source))?;
        for component in processes::stopped_components(&dir) {
            // A program's folder may have been cleaned away since the cluster was made.
            kwokctl::link_program(&self.tools, &dir, component, |source| self.on_disk(name, source))?;
            for port in record.ports.of_component(component) {
                if !probe::becomes_free(port).await {
                    return Err(KwokError::PortTaken { name: name.to_owned(), component, port });
                }
            }
        }
        Ok(())
    }

    async fn remove(&self, layout: &Layout, name: &str) -> Result<(), KwokError> {
        let dir = layout.cluster_dir();
        // Done without kwokctl: it kills whatever its pid files name, and refuses a folder that it did
        // not finish writing.
        let deadline = tokio::time::Instant::now() + probe::DYING_TIMEOUT;
        loop {
            processes::kill_all(&dir, &layout.kwokctl_config());
            if processes::running(&dir, &layout.kwokctl_config()).is_empty() {
                break;
            }
            if tokio::time::Instant::now() > deadline {
                return Err(KwokError::StillRunning { name: name.to_owned() });
            }
            tokio::time::sleep(probe::POLL).await;
        }
        layout.remove().map_err(|source| self.on_disk(name, source))
    }

    /// Waits for an API server that answers, then for the nodes and the StorageClass. Says whether it had
    /// to write any.
    async fn until_whole(&self, layout: &Layout, spec: &KwokSpec) -> Result<bool, KwokError> {
        let client = self.until_answering(layout, spec).await?;
        let changed = nodes::converge(&client, spec.workers, spec.pod_cidr)
            .await
            .map_err(|source| asking(&spec.name, "preparing nodes and the StorageClass", source))?;
        self.until_nodes_ready(&client, &spec.name, spec.workers).await?;
        Ok(changed)
    }

    async fn until_answering(&self, layout: &Layout, spec: &KwokSpec) -> Result<Client, KwokError> {
        let answered = tokio::time::timeout(ANSWER_TIMEOUT, async {
            // kwokctl writes the kubeconfig when it has made the keys.
            let client = loop {
                if layout.kubeconfig().exists()
                    && let Ok(client) = self.client(&spec.name, rehearsal::USER_AGENT).await
                {
                    break client;
                }
                tokio::time::sleep(probe::POLL).await;
            };
            // An API server accepts nodes some time before it calls itself ready; given early, they are
            // ready as soon as it is. What fails here is done, or reported, when it is ready.
            let mut prepared = false;
            while !probe::is_ready(&client).await {
                prepared = prepared || nodes::converge(&client, spec.workers, spec.pod_cidr).await.is_ok();
                tokio::time::sleep(probe::POLL).await;
            }
            client
        });
        answered.await.map_err(|_| KwokError::NoAnswer {
            name: spec.name.clone(),
            seconds: ANSWER_TIMEOUT.as_secs(),
            logs: layout.logs(),
        })
    }

    async fn until_nodes_ready(&self, client: &Client, name: &str, workers: u16) -> Result<(), KwokError> {
        match tokio::time::timeout(NODES_TIMEOUT, nodes::until_ready(client, workers)).await {
            Ok(ready) => ready.map_err(|source| asking(name, "waiting for nodes", source)),
            Err(_) => Err(KwokError::NodesNotReady {
                name: name.to_owned(),
                seconds: NODES_TIMEOUT.as_secs(),
                logs: Layout::new(&self.state_dir, name).logs(),
            }),
        }
    }
}

fn asking(name: &str, doing: &'static str, source: kube::Error) -> KwokError {
    KwokError::Kubernetes { name: name.to_owned(), doing, source: Box::new(source) }
}

fn write_json(path: &Path, value: &serde_json::Value) -> std::io::Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(std::io::Error::other)?;
    record::write_private(path, &text)
}
