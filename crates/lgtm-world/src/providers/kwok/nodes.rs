//! What a simulated cluster holds before anything is applied to it: its nodes and a default StorageClass.
//!
//! Both are read first and written only when they are not as wanted, so that looking at a cluster that
//! is right leaves no write in its audit log.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ipnet::Ipv4Net;
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
const POLL: Duration = Duration::from_millis(40);

fn node_name(number: u16) -> String {
    format!("worker-{number}")
}

/// Makes the nodes and the StorageClass what they shall be. Says whether it wrote anything.
pub(super) async fn converge(
    client: &Client,
    workers: u16,
    pods: Option<Ipv4Net>,
) -> Result<bool, kube::Error> {
    let storage = converge_storage_class(client).await?;
    Ok(scale(client, workers, pods).await? || storage)
}

/// Makes as many nodes as there shall be workers, each with its part of the pod network. Says whether it
/// wrote anything.
pub(super) async fn scale(client: &Client, workers: u16, pods: Option<Ipv4Net>) -> Result<bool, kube::Error> {
    let nodes = Api::<Node>::all(client.clone());
    let wanted: BTreeMap<_, _> = (1..=workers).map(|number| (node_name(number), number)).collect();
    let found: BTreeSet<_> = nodes
        .list(&ListParams::default().labels(SIMULATED))
        .await?
        .items
        .iter()
        .map(kube::ResourceExt::name_any)
        .collect();
    let mut changed = false;
    for (name, number) in wanted.iter().filter(|(name, _)| !found.contains(*name)) {
        let node = node(name, pods.and_then(|network| part_of(network, *number)));
        nodes.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(node)).await?;
        changed = true;
    }
    for name in found.iter().filter(|name| !wanted.contains_key(*name)) {
        changed = true;
        match nodes.delete(name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Ok(changed)
}

/// Waits until every worker is there and ready.
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

/// Pods may be created from here on. The controller-manager lifts the taint of new nodes a moment later,
/// and until then the scheduler keeps Pods waiting, as on any cluster that has just started.
fn is_ready(node: &Node) -> bool {
    node.status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The part of the pod network that a node gets: the usual /24 while there is room for sixteen nodes, else
/// a sixteenth of it. It is given with the node, not by the controller-manager later, since kwok takes the
/// addresses of Pods from it as soon as the node is there. Nodes beyond the last part get none.
fn part_of(network: Ipv4Net, number: u16) -> Option<Ipv4Net> {
    let length = network.prefix_len();
    let length = if length <= 20 { 24 } else { (length + 4).min(30).max(length) };
    network.subnets(length).ok()?.nth(usize::from(number.checked_sub(1)?))
}

fn node(name: &str, pods: Option<Ipv4Net>) -> serde_json::Value {
    let spec = pods.map_or(json!({}), |part| json!({"podCIDR": part, "podCIDRs": [part]}));
    json!({
        "apiVersion": "v1",
        "spec": spec,
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

    fn with(conditions: serde_json::Value) -> Node {
        serde_json::from_value(json!({"status": {"conditions": conditions}})).unwrap()
    }

    #[test]
    fn a_node_is_ready_when_it_says_so() {
        assert!(is_ready(&with(json!([{"type": "Ready", "status": "True"}]))));
        assert!(!is_ready(&with(json!([{"type": "Ready", "status": "Unknown"}]))));
        assert!(!is_ready(&with(json!([{"type": "DiskPressure", "status": "True"}]))));
        assert!(!is_ready(&Node::default()));
    }

    #[test]
    fn every_node_gets_a_part_of_its_own() {
        for network in ["10.11.0.0/16", "10.0.0.0/8", "10.1.0.0/22", "10.1.2.0/24", "10.1.2.0/28"] {
            let network: Ipv4Net = network.parse().unwrap();
            let parts: Vec<_> = (1..=4).map(|number| part_of(network, number).unwrap()).collect();
            for (index, part) in parts.iter().enumerate() {
                assert!(network.contains(part), "{part} is not in {network}");
                assert!(!parts[..index].contains(part), "{part} is given twice");
            }
        }
        assert_eq!(part_of("10.11.0.0/16".parse().unwrap(), 2), "10.11.1.0/24".parse().ok());
        assert_eq!(part_of("10.11.0.0/16".parse().unwrap(), 257), None);
    }
}
