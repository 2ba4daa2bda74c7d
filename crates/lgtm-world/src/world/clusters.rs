//! Clusters as a world sees them: where they are, whether they are there, and how they are made.

use std::sync::OnceLock;

use super::*;
use crate::{
    cluster::Permit, connection::Access, providers::kwok::KwokError, tools::MissingTool, whole_file,
};

impl ClusterWorld {
    /// Whether the cluster is simulated: because the topology says so, or because this is a rehearsal.
    pub(super) fn is_simulated(&self, provider: &Provider) -> bool {
        self.settings.rehearsal.is_some() || matches!(provider, Provider::Kwok)
    }

    /// How the fleet record says that the cluster is reached.
    pub(super) fn connection(&self, name: &ClusterName, provider: &Provider) -> Connection {
        match provider {
            Provider::Existing { kubeconfig, context } if self.settings.rehearsal.is_none() => {
                Connection::Existing { kubeconfig: kubeconfig.clone(), context: context.clone() }
            }
            Provider::Existing { .. } | Provider::Kwok => Connection::Kwok { name: self.kwok_name(name) },
        }
    }

    fn connection_of(&self, name: &ClusterName, how: &ClusterRef) -> Connection {
        match how {
            ClusterRef::Wanted(content) => self.connection(name, &content.provider),
            ClusterRef::Recorded(entry) => entry.connection.clone(),
        }
    }

    /// The name of a simulated cluster: the topology's and the cluster's, so that no two meet. Names that
    /// would be too long end in a digest instead.
    fn kwok_name(&self, cluster: &ClusterName) -> String {
        let prefix = self.settings.rehearsal.as_deref().unwrap_or("lgtmctl");
        let name = format!("{prefix}-{}-{cluster}", self.settings.topology);
        if name.len() <= 63 {
            return name;
        }
        let digest = lgtm_planner::digest::Digest::of_bytes(name.as_bytes());
        format!("{}-{}", name.chars().take(50).collect::<String>(), digest.short())
    }

    /// Whether there is such a cluster, as far as its provider knows. `Reachable` only says that it is
    /// worth asking.
    pub(super) async fn presence(
        &self,
        name: &ClusterName,
        how: &ClusterRef,
    ) -> Result<ClusterObserved, Failure> {
        let Connection::Kwok { name: kwok } = self.connection_of(name, how) else {
            return Ok(ClusterObserved::Reachable(Box::default()));
        };
        let state = self.kwok.state(&kwok).await.map_err(|error| provider_failure(name, &error))?;
        Ok(match state {
            State::Absent | State::Broken => ClusterObserved::Absent,
            State::Stopped => ClusterObserved::Stopped,
            State::Running => ClusterObserved::Reachable(Box::default()),
        })
    }

    /// Connects to a cluster, or returns the connection that there is.
    pub(super) async fn connect(
        &self,
        name: &ClusterName,
        how: &ClusterRef,
    ) -> Result<Arc<Cluster>, Failure> {
        if let Ok(known) = self.known(name) {
            return Ok(known);
        }
        let (client, access, simulated) = match self.connection_of(name, how) {
            Connection::Kwok { name: kwok } => {
                let config = self.kwok.config(&kwok, connection::USER_AGENT).await;
                let client = config.and_then(|config| {
                    connection::traced(config, name).map_err(|error| KwokError::no_client(&kwok, error))
                });
                (client.map_err(|error| provider_failure(name, &error))?, None, true)
            }
            Connection::Existing { kubeconfig, context } => {
                let base_dir = self.settings.base_dir.clone();
                let cluster = name.clone();
                let access = Access { base_dir, kubeconfig, context, cluster, server: OnceLock::new() };
                (access.connect().await?, Some(access), false)
            }
        };
        let cluster = Arc::new(Cluster::new(name.clone(), client, access, simulated));
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(clusters.entry(name.clone()).or_insert(cluster)))
    }

    /// The connection to a cluster whose pods run; none where they only claim to.
    pub(crate) async fn connect_to_nodes(
        &self,
        name: &ClusterName,
        how: &ClusterRef,
    ) -> Result<Option<Arc<Cluster>>, Failure> {
        match self.connection_of(name, how) {
            Connection::Kwok { .. } => Ok(None),
            Connection::Existing { .. } => self.connect(name, how).await.map(Some),
        }
    }

    /// The connection to a cluster that was connected to before.
    pub(super) fn known(&self, name: &ClusterName) -> Result<Arc<Cluster>, Failure> {
        let clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        clusters
            .get(name)
            .cloned()
            .ok_or_else(|| Failure::new(Kind::Unreachable, format!("cluster {name} was not reached yet")))
    }

    /// The connection to a cluster of the plan; on a simulated one, its controllers are played from now on.
    pub(super) async fn connected(
        &self,
        desired: &Desired,
        name: &ClusterName,
    ) -> Result<Arc<Cluster>, Failure> {
        match desired.cluster(name) {
            Some(content) => {
                let cluster = self.connect(name, &ClusterRef::Wanted(content.clone())).await?;
                if self.is_simulated(&content.provider) {
                    self.play(&cluster, content);
                }
                Ok(cluster)
            }
            None => self.known(name),
        }
    }

    /// Starts the controllers that lgtmctl plays on a simulated cluster, once.
    fn play(&self, cluster: &Cluster, content: &ClusterContent) {
        let mut players = self.players.lock().unwrap_or_else(PoisonError::into_inner);
        players.entry(cluster.name.clone()).or_insert_with(|| {
            let (stop, stopped) = watch::channel(());
            let kwok = self.kwok.clone();
            let (name, segment) = (self.kwok_name(&cluster.name), content.segment);
            tokio::spawn(async move {
                match kwok.client(&name, rehearsal::USER_AGENT).await {
                    Ok(client) => rehearsal::play(client, segment, stopped).await,
                    Err(error) => tracing::warn!(cluster = name, %error, "no controllers are played"),
                }
            });
            stop
        });
    }

    pub(super) fn stop_playing(&self, name: &ClusterName) {
        self.players.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn spec(&self, name: &ClusterName, content: &ClusterContent) -> KwokSpec {
        KwokSpec {
            name: self.kwok_name(name),
            workers: content.workers,
            pod_cidr: content.pod_cidr,
            service_cidr: content.service_cidr,
        }
    }

    /// Makes or starts a cluster, or sees that it answers. A simulated one is a matter of this machine, on which the
    /// file is the lock: its processes and nodes ask for no permit.
    pub(super) async fn ensure_cluster(
        &self,
        name: &ClusterName,
        content: &ClusterContent,
    ) -> Result<Done, Failure> {
        let begun = Instant::now();
        if !self.is_simulated(&content.provider) {
            let cluster = self.connect(name, &ClusterRef::Wanted(content.clone())).await?;
            cluster
                .read("/version")
                .await
                .map_err(|error| cluster.failure("reaching the API server", error))?;
            return Ok(done(Outcome::Unchanged, begun));
        }
        self.note_making(name, content)?;
        let ensured = self.kwok.ensure(&self.spec(name, content)).await;
        let outcome = match ensured.map_err(|error| provider_failure(name, &error))? {
            Ensured::Created => Outcome::Created,
            Ensured::Started | Ensured::Updated => Outcome::Updated,
            Ensured::Unchanged => Outcome::Unchanged,
        };
        if outcome == Outcome::Created {
            // A connection to a cluster of this name that is no more has other certificates.
            self.stop_playing(name);
        }
        Ok(done(outcome, begun))
    }

    pub(super) async fn delete_cluster(&self, name: &ClusterName, _: Permit) -> Result<(), Failure> {
        self.kwok.delete(&self.kwok_name(name)).await.map_err(|error| provider_failure(name, &error))?;
        match std::fs::remove_file(self.note_path(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.note_failure(name, &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Notes on this machine that a simulated cluster is about to be made. The fleet record cannot say so
    /// yet, since the hub may be made at the same time, and a crash in between must leave no orphan.
    fn note_making(&self, name: &ClusterName, content: &ClusterContent) -> Result<(), Failure> {
        let path = self.note_path(name);
        if path.exists() {
            return Ok(());
        }
        let entry = FleetEntry {
            topology: self.settings.topology.clone(),
            hub: self.settings.hub.clone(),
            cluster: name.clone(),
            connection: self.connection(name, &content.provider),
            uid: String::new(),
            made: true,
        };
        let write = || -> std::io::Result<()> { whole_file::write(&path, &serde_json::to_vec(&entry)?) };
        write().map_err(|error| self.note_failure(name, &error))
    }

    fn notes(&self) -> PathBuf {
        self.settings.state_dir.join("simulated")
    }

    fn note_path(&self, name: &ClusterName) -> PathBuf {
        self.notes().join(format!("{}.json", self.kwok_name(name)))
    }

    fn note_failure(&self, name: &ClusterName, error: &std::io::Error) -> Failure {
        environment(
            format!(
                "the note on the simulated cluster {name} in {} cannot be kept: {error}",
                self.notes().display()
            ),
            "make the folder writable, or set XDG_STATE_HOME to one that is",
        )
    }

    /// Whether a simulated cluster has the nodes that it should have.
    pub(super) async fn is_settled(&self, cluster: &Cluster, how: &ClusterRef) -> Result<bool, Failure> {
        let ClusterRef::Wanted(content) = how else { return Ok(true) };
        if !self.is_simulated(&content.provider) {
            return Ok(true);
        }
        let nodes = cluster.resource_of("v1", "Node").await;
        let failed = |error| cluster.failure("counting nodes", error);
        let nodes = cluster.list_metadata(&nodes.map_err(failed)?, "").await.map_err(failed)?;
        Ok(nodes.len() == usize::from(content.workers))
    }

    /// Fleet entries for the simulated clusters of this topology that are on this machine.
    pub(super) fn simulated_clusters(&self) -> Result<Vec<FleetEntry>, Failure> {
        let read = || -> std::io::Result<Vec<FleetEntry>> {
            let mut entries = Vec::new();
            for file in std::fs::read_dir(self.notes())? {
                let path = file?.path();
                // A crash may have left the temporary file of a note behind.
                if path.extension().is_none_or(|extension| extension != "json") {
                    continue;
                }
                let entry: FleetEntry = serde_json::from_slice(&std::fs::read(path)?)?;
                let expected = Connection::Kwok { name: self.kwok_name(&entry.cluster) };
                if entry.topology == self.settings.topology && entry.connection == expected {
                    entries.push(entry);
                }
            }
            Ok(entries)
        };
        match read() {
            Ok(entries) => Ok(entries),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.note_failure(&self.settings.hub, &error)),
        }
    }

    /// A kubeconfig that reaches one cluster, as text. It never touches the user's own files.
    pub async fn kubeconfig(&self, name: &ClusterName, how: &ClusterRef) -> Result<String, Failure> {
        match self.connection_of(name, how) {
            Connection::Kwok { name: kwok } => {
                self.kwok.kubeconfig(&kwok).await.map_err(|error| provider_failure(name, &error))
            }
            Connection::Existing { kubeconfig, context } => {
                let mut kubeconfig =
                    connection::kubeconfig(&self.settings.base_dir, kubeconfig.as_deref(), name)?;
                kubeconfig.contexts.retain(|named| named.name == context);
                let used = kubeconfig.contexts.first().and_then(|named| named.context.clone());
                kubeconfig
                    .clusters
                    .retain(|named| used.as_ref().is_some_and(|used| used.cluster == named.name));
                kubeconfig.auth_infos.retain(|named| {
                    used.as_ref().is_some_and(|used| used.user.as_ref() == Some(&named.name))
                });
                kubeconfig.current_context = Some(context);
                serde_saphyr::to_string(&kubeconfig).map_err(|error| {
                    environment(format!("the kubeconfig cannot be written: {error}"), "report it")
                })
            }
        }
    }

    /// The audit log of a simulated cluster.
    pub fn audit_log(&self, name: &ClusterName, how: &ClusterRef) -> Option<PathBuf> {
        match self.connection_of(name, how) {
            Connection::Kwok { name: kwok } => Some(self.kwok.audit_log(&kwok)),
            Connection::Existing { .. } => None,
        }
    }
}

fn provider_failure(name: &ClusterName, error: &KwokError) -> Failure {
    use std::error::Error as _;
    let mut message = format!("the simulated cluster {name}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    if matches!(error, KwokError::MissingTool(_)) {
        return environment(message, MissingTool::HELP);
    }
    // On a machine that is busy with something else, components give up on each other.
    let kind = if matches!(error, KwokError::Dies { .. }) { Kind::Transient } else { Kind::Permanent };
    Failure::new(kind, message)
}
