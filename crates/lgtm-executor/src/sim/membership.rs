//! Clusters being made, joining and leaving a topology.

use lgtm_planner::{
    desired::Desired,
    fact::UnitFacts,
    inventory::{Connection, FleetEntry, SYSTEM_NAMESPACE, Took},
    object::{Object, ObjectKey},
    unit::ClusterContent,
};
use lgtm_topology::{ClusterName, Provider};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::{
    answer::{Answer, Refusal},
    api::{Permit, Process, Request},
    log::Verb,
    objects::{Context, until_gone},
    records::{self, in_system},
    seed::Random,
    server::Server,
    universe::SimCluster,
    world::SimWorld,
};
use crate::world::{Done, Failure, Kind, Outcome};

pub(super) fn done(outcome: Outcome, begun: Instant) -> Done {
    let work = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Done { outcome, facts: UnitFacts::new(), took: Took { work, wait: 0 }, remarks: Vec::new() }
}

pub(super) fn connection(name: &ClusterName, provider: &Provider) -> Connection {
    match provider {
        Provider::Existing { kubeconfig, context } => {
            Connection::Existing { kubeconfig: kubeconfig.clone(), context: context.clone() }
        }
        Provider::Kwok => Connection::Kwok { name: name.to_string() },
    }
}

fn failed(refusal: Refusal) -> Failure {
    Failure::new(Kind::Permanent, format!("{refusal:?}"))
}

/// The namespace of the records on a cluster.
pub(super) fn system_namespace() -> ObjectKey {
    ObjectKey {
        group: String::new(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: SYSTEM_NAMESPACE.to_owned(),
    }
}

/// Makes or starts a simulated cluster, after a note on the machine that it is about to be made.
pub(super) async fn make_cluster(
    process: &Process,
    context: &Context,
    content: &ClusterContent,
) -> Result<Outcome, Failure> {
    let name = &context.step.unit.cluster;
    let note = (process.machine.clone(), name.clone());
    let entry = FleetEntry {
        topology: process.topology.clone(),
        hub: process.hub.clone(),
        cluster: name.clone(),
        connection: connection(name, &content.provider),
        uid: String::new(),
        made: true,
    };
    let request = |verb| Request::new(verb, Some(&context.step));
    let noted = process
        .pass(name, request(Verb::Note), |state, _| Ok(((), state.notes.insert(note, entry).is_none())));
    noted.await.map_err(failed)?;
    let (seed, pace) = (process.universe.seed, process.universe.pace);
    let serial = process.universe.state().serial().to_string();
    let mut random = Random::of(seed, &["cluster", name.as_str(), &serial]);
    let (least, most) = pace.cluster;
    tokio::time::sleep(Duration::from_millis(least + random.below(most.saturating_sub(least) + 1))).await;
    let made = process.pass(name, request(Verb::MakeCluster), |state, now| {
        let serial = state.serial();
        let mut outcome = Outcome::Unchanged;
        let cluster = state.clusters.entry(name.clone()).or_insert_with(|| {
            outcome = Outcome::Created;
            let server = Server::new(&format!("{name}-{serial}"), seed, pace, now);
            SimCluster { server, made_as: None, stopped: false }
        });
        if outcome == Outcome::Unchanged && (cluster.stopped || cluster.made_as.as_ref() != Some(content)) {
            outcome = Outcome::Updated;
        }
        cluster.stopped = false;
        cluster.made_as = Some(content.clone());
        Ok((outcome, outcome != Outcome::Unchanged))
    });
    made.await.map_err(failed)
}

async fn delete_cluster(process: &Process, context: &Context, _: Permit) -> Result<(), Failure> {
    let name = &context.step.unit.cluster;
    let request = |verb| Request::new(verb, Some(&context.step));
    let deleted = process
        .pass(name, request(Verb::DeleteCluster), |state, _| Ok(((), state.clusters.remove(name).is_some())));
    deleted.await.map_err(failed)?;
    let note = (process.machine.clone(), name.clone());
    let forgotten =
        process.pass(name, request(Verb::Note), |state, _| Ok(((), state.notes.remove(&note).is_some())));
    forgotten.await.map_err(failed)
}

/// The namespace is shared by all topologies of a cluster, so it bears no topology's label.
async fn ensure_system_namespace(context: &Context) -> Result<(), Failure> {
    let failed = |refusal| context.api.failure("making the namespace of lgtmctl's records", refusal);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": SYSTEM_NAMESPACE, "labels": {"app.kubernetes.io/managed-by": "lgtmctl"}}});
    let Ok(namespace) = Object::new(namespace) else { return Ok(()) };
    let applied = context.api.apply(&namespace, context.may_write()?).await.map_err(failed)?;
    if applied.pointer("/metadata/deletionTimestamp").is_some() {
        let uid = applied.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        until_gone(context, &system_namespace(), uid).await?;
        context.api.apply(&namespace, context.may_write()?).await.map_err(failed)?;
    }
    Ok(())
}

/// The key of digests on the hub, made if it is not there.
pub(super) async fn ensure_digest_key(context: &Context) -> Result<(), Failure> {
    let api = &context.api;
    let key = in_system("", "Secret", "digest-key");
    let failed = |refusal| api.failure("making the digest key", refusal);
    if api.object(&key).await.map_err(failed)?.is_some() {
        return Ok(());
    }
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": key.name, "namespace": key.namespace}, "data": {"key": "stands for a key"}});
    match api.create(&key, &secret, context.may_write()?).await {
        Ok(_) => Ok(()),
        Err(refusal) if refusal.code() == Some(409) => Ok(()),
        Err(refusal) => Err(failed(refusal)),
    }
}

impl SimWorld {
    /// Enters a cluster in the fleet record, then makes the namespace of the records on it.
    pub(super) async fn enrol(
        &self,
        desired: &Desired,
        context: &Context,
        content: &ClusterContent,
    ) -> Result<Done, Failure> {
        let begun = Instant::now();
        let name = &context.step.unit.cluster;
        let hub = self.connected(desired, &desired.hub, Some(&context.step))?;
        let key = ObjectKey { name: "kube-system".to_owned(), ..system_namespace() };
        let identity: Answer<_> = context.api.live(&key).await;
        let identity = identity.map_err(|refusal| context.api.failure("entering the cluster", refusal))?;
        let entry = FleetEntry {
            topology: self.process.topology.clone(),
            hub: desired.hub.clone(),
            cluster: name.clone(),
            connection: connection(name, &content.provider),
            uid: identity.map(|live| live.uid).unwrap_or_default(),
            made: content.provider == Provider::Kwok,
        };
        if name == &desired.hub {
            ensure_system_namespace(context).await?;
            records::write_fleet_entry(&hub, &entry, context.may_write()?).await?;
            ensure_digest_key(context).await?;
            self.take_lease(hub).await?;
        } else {
            records::write_fleet_entry(&hub, &entry, context.may_write()?).await?;
            ensure_system_namespace(context).await?;
        }
        records::write_membership(&context.api, &entry, context.may_write()?).await?;
        Ok(done(Outcome::Created, begun))
    }

    /// Deletes the namespace of the records, unless another topology has records there.
    pub(super) async fn unenrol(&self, desired: &Desired, context: &Context) -> Result<Done, Failure> {
        let begun = Instant::now();
        let (api, topology) = (&context.api, &self.process.topology);
        let is_hub = context.step.unit.cluster == desired.hub;
        let failed = |refusal| api.failure("removing lgtmctl's records", refusal);
        if records::any_of_others(api, topology).await.map_err(failed)? {
            records::delete_membership(api, topology, context.may_write()?).await?;
            if is_hub {
                let (hub, permit) = (&context.step.unit.cluster, context.may_write()?);
                records::delete_fleet_entry(api, topology, hub, permit).await?;
            }
        } else {
            let seen = api.live(&system_namespace()).await.map_err(failed)?;
            let permit = context.may_write()?;
            if is_hub {
                self.forget_lease();
            }
            if let Err(refusal) = api.delete(&system_namespace(), None, permit).await {
                if let Some(lock) = self.held().filter(|_| is_hub) {
                    lock.want_lease_again();
                }
                return Err(failed(refusal));
            }
            if let Some(seen) = seen {
                until_gone(context, &system_namespace(), &seen.uid).await?;
            }
        }
        Ok(done(Outcome::Removed, begun))
    }

    /// Deletes a cluster that lgtmctl made, and its fleet entry last.
    pub(super) async fn withdraw(
        &self,
        desired: &Desired,
        context: &Context,
        delete: bool,
    ) -> Result<Done, Failure> {
        let begun = Instant::now();
        let name = &context.step.unit.cluster;
        let is_hub = name == &desired.hub;
        if delete {
            let permit = context.may_write()?;
            if is_hub {
                self.forget_lease();
            }
            delete_cluster(&self.process, context, permit).await?;
        }
        if !is_hub {
            let hub = self.connected(desired, &desired.hub, Some(&context.step))?;
            records::delete_fleet_entry(&hub, &self.process.topology, name, context.may_write()?).await?;
        }
        Ok(done(Outcome::Removed, begun))
    }
}
