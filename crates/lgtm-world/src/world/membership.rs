//! Clusters joining and leaving a topology: the fleet record on the hub, and the namespace of the records.

use super::*;

impl ClusterWorld {
    /// Enters a cluster in the fleet record, then makes the namespace of the records on it.
    pub(super) async fn enrol(
        &self,
        desired: &Desired,
        step: &StepId,
        content: &ClusterContent,
        events: &Events,
    ) -> Result<Done, Failure> {
        let begun = Instant::now();
        let name = &step.unit.cluster;
        let cluster = self.connected(desired, name).await?;
        let hub = self.connected(desired, &desired.hub).await?;
        let context = self.context(&cluster, step, events).await;
        let failed = |error: ApiError| cluster.failure("entering the cluster in the fleet record", error);
        let identity = cluster.read("/api/v1/namespaces/kube-system").await.map_err(failed)?;
        let uid = identity.as_ref().and_then(|identity| identity.pointer("/metadata/uid")?.as_str());
        let entry = FleetEntry {
            topology: self.settings.topology.clone(),
            hub: desired.hub.clone(),
            cluster: name.clone(),
            connection: self.connection(name, &content.provider),
            uid: uid.unwrap_or_default().to_owned(),
            made: self.is_simulated(&content.provider),
        };
        if name == &desired.hub {
            // The record of the hub is on the hub itself, so its namespace has to come first.
            ensure_system_namespace(&context).await?;
            records::write_fleet_entry(&hub, &entry, context.may_write()?).await?;
            digest_key::ensure(&context).await?;
            self.take_lease(&hub).await?;
        } else {
            records::write_fleet_entry(&hub, &entry, context.may_write()?).await?;
            ensure_system_namespace(&context).await?;
        }
        records::write_membership(&cluster, &entry, context.may_write()?).await?;
        Ok(done(Outcome::Created, begun))
    }

    /// Deletes the namespace of the records, unless another topology has records there.
    pub(super) async fn unenrol(
        &self,
        desired: &Desired,
        step: &StepId,
        events: &Events,
    ) -> Result<Done, Failure> {
        let begun = Instant::now();
        let cluster = self.connected(desired, &step.unit.cluster).await?;
        let context = self.context(&cluster, step, events).await;
        let is_hub = step.unit.cluster == desired.hub;
        let topology = &self.settings.topology;
        let failed = |error: ApiError| cluster.failure("removing lgtmctl's records", error);
        let mut remarks = Vec::new();
        // The topology's own last records go with the namespace: as long as it is there, so is what says
        // that it is still to be removed.
        if records::any_of_others(&cluster, topology).await.map_err(failed)? {
            records::delete_membership(&cluster, topology, context.may_write()?).await?;
            if is_hub {
                let (hub, permit) = (&step.unit.cluster, context.may_write()?);
                records::delete_fleet_entry(&cluster, topology, hub, permit).await?;
            }
            remarks.push(format!("namespace {SYSTEM_NAMESPACE} is kept: another topology has records in it"));
        } else {
            // Asked before the Lease is let go, of which nothing more is known then.
            let permit = context.may_write()?;
            if is_hub && let Some(lock) = self.lock.lock().await.as_ref() {
                lock.forget_lease();
            }
            let path = observe::system_namespace_path();
            match cluster.write(http::Method::DELETE, &path, &json!({}), permit).await {
                Ok(_) => {}
                Err(error) if error.code() == Some(404) => {}
                Err(error) => {
                    if is_hub && let Some(lock) = self.lock.lock().await.as_ref() {
                        lock.want_lease_again();
                    }
                    return Err(failed(error));
                }
            }
            // An apply that follows at once could not write its records into a namespace that still goes.
            objects::until_namespace_is_gone(&context, SYSTEM_NAMESPACE).await?;
        }
        Ok(Done { remarks, ..done(Outcome::Removed, begun) })
    }

    /// Deletes a cluster that lgtmctl made, and its fleet entry last.
    pub(super) async fn withdraw(
        &self,
        desired: &Desired,
        step: &StepId,
        delete: bool,
    ) -> Result<Done, Failure> {
        let begun = Instant::now();
        let name = &step.unit.cluster;
        let is_hub = name == &desired.hub;
        let held = self.held().await;
        if delete {
            let permit = lock::permit(held.as_ref())?;
            if is_hub && let Some(lock) = self.lock.lock().await.as_ref() {
                lock.forget_lease();
            }
            self.stop_playing(name);
            self.delete_cluster(name, permit).await?;
        }
        if !is_hub {
            let hub = self.connected(desired, &desired.hub).await?;
            let permit = lock::permit(held.as_ref())?;
            records::delete_fleet_entry(&hub, &self.settings.topology, name, permit).await?;
        }
        Ok(done(Outcome::Removed, begun))
    }
}

/// The namespace is shared by all topologies of a cluster, so it bears no topology's label.
async fn ensure_system_namespace(context: &Context<'_>) -> Result<(), Failure> {
    let cluster = context.cluster;
    let failed = |error| cluster.failure("making the namespace of lgtmctl's records", error);
    let namespace = Object::new(json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": SYSTEM_NAMESPACE, "labels": {"app.kubernetes.io/managed-by": "lgtmctl"}},
    }));
    let Ok(namespace) = namespace else { return Ok(()) };
    let applied = cluster.apply(&namespace, context.may_write()?).await.map_err(failed)?;
    if applied.pointer("/metadata/deletionTimestamp").is_some() {
        // A removal that was cut short has deleted it, and what is written into it goes with it.
        objects::until_namespace_is_gone(context, SYSTEM_NAMESPACE).await?;
        cluster.apply(&namespace, context.may_write()?).await.map_err(failed)?;
    }
    Ok(())
}
