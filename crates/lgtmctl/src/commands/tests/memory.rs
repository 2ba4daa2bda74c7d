//! A world in memory: clusters are entries of a map, and everything that is done succeeds at once,
//! but for the one step that a test lets fail.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use lgtm_executor::{
    Done, Events, Failure, Kind, Outcome, World,
    world::{ClusterRef, Examination, LockHolder, RenderRequest},
};
use lgtm_planner::{
    desired::Desired,
    digest::Digest,
    inventory::{Connection, FleetEntry, Took},
    object::Object,
    observed::{ClusterObserved, ClusterState, Examined},
    plan::{Action, Rendered, StepId},
    unit::{ServicePort, UnitId},
};
use lgtm_topology::{ClusterName, TopologyName};
use lgtm_world::access::{Identity, loopback::Loopback};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::{
    render::status::ClusterDetails,
    session::{Clusters, Way},
};

/// A world of clusters that are names in a list.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) clusters: Mutex<BTreeMap<ClusterName, ClusterObserved>>,
    pub(super) fleet: Mutex<BTreeMap<ClusterName, FleetEntry>>,
    /// What was done, and the lock.
    pub(super) log: Mutex<Vec<String>>,
    /// The unit whose step fails.
    pub(super) fails: Option<UnitId>,
    pub(super) locked_by: Option<String>,
}

impl Memory {
    fn note(&self, text: impl Into<String>) {
        self.log.lock().unwrap().push(text.into());
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub(super) fn writes(&self) -> Vec<String> {
        self.log().into_iter().filter(|line| line.starts_with("perform")).collect()
    }
}

impl World for Memory {
    fn now(&self) -> i64 {
        1_767_225_600
    }

    async fn fleet(
        &self,
        _: &TopologyName,
        _: &ClusterName,
        _: &ClusterRef,
    ) -> Result<BTreeMap<ClusterName, FleetEntry>, Failure> {
        Ok(self.fleet.lock().unwrap().clone())
    }

    async fn survey(
        &self,
        _: &TopologyName,
        cluster: &ClusterName,
        _: &ClusterRef,
    ) -> Result<ClusterObserved, Failure> {
        Ok(self.clusters.lock().unwrap().get(cluster).cloned().unwrap_or(ClusterObserved::Absent))
    }

    async fn inspect(
        &self,
        _: &TopologyName,
        _: &ClusterName,
        _: &ClusterRef,
        state: Box<ClusterState>,
    ) -> Result<ClusterObserved, Failure> {
        Ok(ClusterObserved::Reachable(state))
    }

    async fn render(&self, request: RenderRequest) -> Result<Rendered, Failure> {
        let (kind, value) = if request.unit.name.as_str() == "mimir" {
            ("Secret", json!({"password": "hunter2"}))
        } else {
            ("ConfigMap", json!({"content": format!("{:?}", request.content)}))
        };
        let object = json!({
            "apiVersion": "v1", "kind": kind, "data": value,
            "metadata": {"name": request.unit.name, "namespace": "default"},
        });
        let object = Object::new(object).unwrap();
        Ok(Rendered { digest: Digest::of_json(object.value()), objects: Arc::new(vec![object]) })
    }

    async fn examine(&self, _: &TopologyName, _: &UnitId, _: Examination) -> Result<Examined, Failure> {
        Ok(Examined::default())
    }

    async fn perform(
        &self,
        desired: &Desired,
        step: &StepId,
        action: &Action,
        _: &Events,
    ) -> Result<Done, Failure> {
        self.note(format!("perform {step}"));
        if self.fails.as_ref() == Some(&step.unit) {
            return Err(Failure::new(Kind::Permanent, "it was refused").with_help("allow it"));
        }
        let cluster = &step.unit.cluster;
        let mut outcome = Outcome::Created;
        match action {
            Action::EnsureCluster(_) => {
                let state = ClusterState {
                    settled: true,
                    enrolled: true,
                    uid: "1".to_owned(),
                    ..ClusterState::default()
                };
                self.clusters
                    .lock()
                    .unwrap()
                    .insert(cluster.clone(), ClusterObserved::Reachable(Box::new(state)));
            }
            Action::Enrol(_) => {
                let entry = FleetEntry {
                    hub: desired.hub.clone(),
                    topology: desired.topology.clone(),
                    cluster: cluster.clone(),
                    connection: Connection::Kwok { name: cluster.to_string() },
                    uid: "1".to_owned(),
                    made: true,
                };
                self.fleet.lock().unwrap().insert(cluster.clone(), entry);
            }
            Action::Withdraw { .. } => {
                outcome = Outcome::Removed;
                self.fleet.lock().unwrap().remove(cluster);
                self.clusters.lock().unwrap().remove(cluster);
            }
            Action::Apply(_) | Action::Make(_) | Action::Remove(_) | Action::Unenrol => {}
        }
        let facts = json!({
            "fingerprint": "ab", "fingerprints": ["ab"], "digest": "cd", "address": "192.0.2.1",
            "notBefore": 1_767_225_600, "notAfter": 1_798_761_600,
        });
        let Value::Object(facts) = facts else { unreachable!("facts are a mapping") };
        Ok(Done { outcome, facts: facts.into_iter().collect(), took: Took::default(), remarks: Vec::new() })
    }

    async fn lock(&self, _: &TopologyName) -> Result<(), Failure> {
        if let Some(holder) = &self.locked_by {
            return Err(Failure::new(Kind::Locked, format!("{holder} applies")));
        }
        self.note("lock");
        Ok(())
    }

    async fn check_lock(&self, _: &StepId) -> Result<(), Failure> {
        Ok(())
    }

    async fn release_lock(&self) {
        self.note("release");
    }
}

/// Sees that somebody can come in, and has enough.
#[derive(Debug)]
pub(super) struct Once;

impl Way for Once {
    async fn carry(self, from: Loopback, tell: impl Fn(&Failure) + Send) {
        let (come, taken) = tokio::join!(TcpStream::connect(("127.0.0.1", from.port())), from.accept());
        assert!(come.is_ok() && taken.is_ok());
        tell(&Failure::new(Kind::Transient, "the next one has no luck"));
    }
}

impl Clusters for Memory {
    type Way = Once;

    async fn identity(
        &self,
        _: &TopologyName,
        cluster: &ClusterName,
        _: &ClusterRef,
    ) -> Result<Option<Identity>, Failure> {
        match self.clusters.lock().unwrap().get(cluster) {
            Some(ClusterObserved::Reachable(state)) => {
                let entry = self.fleet.lock().unwrap().get(cluster).cloned();
                Ok(Some(Identity { uid: state.uid.clone(), entry }))
            }
            _ => Ok(None),
        }
    }

    async fn way(&self, cluster: &ClusterName, _: &ClusterRef, to: &ServicePort) -> Result<Once, Failure> {
        self.note(format!("way to {}/{}:{} on {cluster}", to.namespace, to.service, to.port));
        match self.clusters.lock().unwrap().get(cluster) {
            Some(ClusterObserved::Unreachable { reason }) => {
                Err(Failure::new(Kind::Unreachable, reason.clone()))
            }
            _ => Ok(Once),
        }
    }

    fn details(&self, cluster: &ClusterName, _: &ClusterRef) -> ClusterDetails {
        ClusterDetails { audit_log: Some(PathBuf::from(format!("/logs/{cluster}"))), connection: None }
    }

    async fn kubeconfig(&self, cluster: &ClusterName, _: &ClusterRef) -> Result<String, Failure> {
        Ok(format!("kubeconfig of {cluster}\n"))
    }

    async fn lock_holder(&self, _: &ClusterRef) -> Result<Option<LockHolder>, Failure> {
        let now = self.now();
        Ok(self.locked_by.as_ref().map(|who| LockHolder {
            who: who.clone(),
            since: now - 3_600,
            renewed: now - 90,
            step: "hub/mimir".to_owned(),
        }))
    }

    async fn break_lock(&self, _: &ClusterRef) -> Result<(), Failure> {
        self.note("break lock");
        Ok(())
    }
}
