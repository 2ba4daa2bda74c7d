//! What a simulated cluster holds before anything is applied to it: its nodes and a default StorageClass.
//!
//! Both are read first and written only when they are not as wanted, so that looking at a cluster that
//! is right leaves no write in its audit log.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::{core::v1::Node, storage::v1::StorageClass};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;

use crate::rehearsal::{FIELD_MANAGER, PROVISIONER};

/// Marks the nodes that this module made, and may remove.
const SIMULATED: &str = "lgtmctl.dev/simulated";
const STORAGE_CLASS: &str = "standard";
const NOT_READY_TAINT: &str = "node.kubernetes.io/not-ready";
const POLL: Duration = Duration::from_millis(40);

fn node_name(number: u16) -> String {
    format!("worker-{number}")
}

/// Makes the nodes and the StorageClass what they shall be. Says whether it wrote anything.
pub(super) async fn converge(client: &Client, workers: u16) -> Result<bool, kube::Error> {
    let storage = converge_storage_class(client).await?;
    Ok(scale(client, workers).await? || storage)
}

/// Makes as many nodes as there shall be workers. Says whether it wrote anything.
pub(super) async fn scale(client: &Client, workers: u16) -> Result<bool, kube::Error> {
    let nodes = Api::<Node>::all(client.clone());
    let wanted: BTreeSet<_> = (1..=workers).map(node_name).collect();
    let found: BTreeSet<_> = nodes
        .list(&ListParams::default().labels(SIMULATED))
        .await?
        .items
        .iter()
        .map(kube::ResourceExt::name_any)
        .collect();
    for name in wanted.difference(&found) {
        nodes.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(node(name))).await?;
    }
    for name in found.difference(&wanted) {
        match nodes.delete(name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Ok(wanted != found)
}

/// Waits until every worker is there and Pods can be put on it.
pub(super) async fn until_ready(client: &Client, workers: u16) -> Result<(), kube::Error> {
    let nodes = Api::<Node>::all(client.clone());
    loop {
        let listed = nodes.list(&ListParams::default().labels(SIMULATED)).await?;
        let ready = listed.items.iter().filter(|node| is_ready(node)).count();
        if ready >= usize::from(workers) && listed.items.len() == usize::from(workers) {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A node whose taint the controller-manager has not lifted yet takes no Pods, though it calls itself
/// ready.
fn is_ready(node: &Node) -> bool {
    let ready = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let tainted = node
        .spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten())
        .any(|taint| taint.key == NOT_READY_TAINT);
    ready && !tainted
}

fn node(name: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            // What kwok asks of the nodes that it plays.
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                SIMULATED: "true",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node.kubernetes.io/instance-type": "simulated",
            },
        },
    })
}

async fn converge_storage_class(client: &Client) -> Result<bool, kube::Error> {
    let classes = Api::<StorageClass>::all(client.clone());
    // Most fields of a class cannot be changed. One that is there, whoever made it, stays as it is.
    if let Some(found) = classes.get_opt(STORAGE_CLASS).await? {
        tracing::debug!(provisioner = found.provisioner, class = found.name_any(), "found");
        return Ok(false);
    }
    let class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": true,
    });
    classes.patch(STORAGE_CLASS, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(class)).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(ready: &str, taints: serde_json::Value) -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": "worker-1"},
            "spec": {"taints": taints},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }))
        .unwrap()
    }

    #[test]
    fn a_node_is_ready_when_it_says_so_and_takes_pods() {
        assert!(is_ready(&with("True", json!([]))));
        assert!(!is_ready(&with("False", json!([]))));
        assert!(!is_ready(&with("True", json!([{"key": NOT_READY_TAINT, "effect": "NoSchedule"}]))));
        assert!(is_ready(&with("True", json!([{"key": "team", "effect": "NoSchedule"}]))));
        assert!(!is_ready(&Node::default()));
    }
}
