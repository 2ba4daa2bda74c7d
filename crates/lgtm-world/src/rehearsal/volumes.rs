//! Gives claims their volumes, and removes the volumes of claims that are gone, in place of a storage
//! provisioner. The binding itself is done by the real controller-manager.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim},
    storage::v1::StorageClass,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

use super::{PROVISIONER, follow::Follow};

/// Set by the controller-manager on a claim that waits for the provisioner which it names.
const WAITING_FOR: &str = "volume.kubernetes.io/storage-provisioner";
/// Set by the scheduler on a claim whose class waits for the first Pod.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// Tells the controller-manager that the volume is its provisioner's to delete.
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

pub(super) async fn play(client: Client) {
    let mut claims = Follow::<PersistentVolumeClaim>::new(Api::all(client.clone()));
    let mut volumes = Follow::<PersistentVolume>::new(Api::all(client.clone()));
    loop {
        tokio::select! {
            () = claims.changed() => {
                for claim in claims.store.values().filter(|claim| awaits_volume(claim)) {
                    if let Err(error) = provision(&client, claim).await {
                        tracing::warn!(claim = claim.name_any(), namespace = claim.namespace(), %error, "no volume made");
                    }
                }
            }
            () = volumes.changed() => {
                for volume in volumes.store.values().filter(|volume| is_left_over(volume)) {
                    if let Err(error) = delete(&client, volume).await {
                        tracing::warn!(volume = volume.name_any(), %error, "volume not deleted");
                    }
                }
            }
        }
    }
}

fn annotation<'a>(annotations: Option<&'a BTreeMap<String, String>>, name: &str) -> Option<&'a str> {
    annotations?.get(name).map(String::as_str)
}

fn awaits_volume(claim: &PersistentVolumeClaim) -> bool {
    claim.metadata.deletion_timestamp.is_none()
        && annotation(claim.metadata.annotations.as_ref(), WAITING_FOR) == Some(PROVISIONER)
        && claim.spec.as_ref().is_some_and(|spec| spec.volume_name.is_none())
}

fn is_left_over(volume: &PersistentVolume) -> bool {
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
    volume.metadata.deletion_timestamp.is_none()
        && annotation(volume.metadata.annotations.as_ref(), PROVISIONED_BY) == Some(PROVISIONER)
        && policy == Some("Delete")
        && phase == Some("Released")
}

async fn provision(client: &Client, claim: &PersistentVolumeClaim) -> Result<(), kube::Error> {
    let class = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.clone()).unwrap_or_default();
    // A class that is gone again leaves its claims waiting, as everywhere.
    let Some(class) = Api::<StorageClass>::all(client.clone()).get_opt(&class).await? else { return Ok(()) };
    let Some(volume) = volume_for(claim, &class) else { return Ok(()) };
    let volumes = Api::<PersistentVolume>::all(client.clone());
    match volumes.create(&PostParams::default(), &volume).await {
        // The name holds the claim's uid, so this is the same volume, and its binding is under way.
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

/// The volume of a claim, bound to it beforehand. There is none while the class waits for a Pod.
fn volume_for(claim: &PersistentVolumeClaim, class: &StorageClass) -> Option<PersistentVolume> {
    let waits = class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer");
    if waits && annotation(claim.metadata.annotations.as_ref(), SELECTED_NODE).is_none() {
        return None;
    }
    let spec = claim.spec.as_ref()?;
    let capacity = spec.resources.as_ref()?.requests.as_ref()?.get("storage")?;
    let uid = claim.uid()?;
    let name = format!("pvc-{uid}");
    serde_json::from_value(json!({
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "accessModes": spec.access_modes,
            "capacity": {"storage": capacity},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim.namespace(),
                "name": claim.name_any(),
                "uid": uid,
            },
            // Never looked at: there is no kubelet that would mount it.
            "hostPath": {"path": format!("/var/lib/lgtmctl-simulated/{name}")},
            "persistentVolumeReclaimPolicy": class.reclaim_policy.as_deref().unwrap_or("Delete"),
            "storageClassName": class.name_any(),
            "volumeMode": spec.volume_mode.as_deref().unwrap_or("Filesystem"),
            "mountOptions": class.mount_options,
        },
    }))
    .ok()
}

async fn delete(client: &Client, volume: &PersistentVolume) -> Result<(), kube::Error> {
    let parameters = DeleteParams::default();
    match Api::<PersistentVolume>::all(client.clone()).delete(&volume.name_any(), &parameters).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn claim(annotations: Value) -> PersistentVolumeClaim {
        serde_json::from_value(json!({
            "metadata": {"name": "data", "namespace": "apps", "uid": "u-1", "annotations": annotations},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "standard",
                "resources": {"requests": {"storage": "5Gi"}},
            },
        }))
        .unwrap()
    }

    fn class(mode: &str, policy: &str) -> StorageClass {
        serde_json::from_value(json!({
            "metadata": {"name": "standard"},
            "provisioner": PROVISIONER,
            "reclaimPolicy": policy,
            "volumeBindingMode": mode,
        }))
        .unwrap()
    }

    #[test]
    fn only_claims_that_wait_for_us_are_served() {
        assert!(awaits_volume(&claim(json!({WAITING_FOR: PROVISIONER}))));
        assert!(!awaits_volume(&claim(json!({WAITING_FOR: "ebs.csi.aws.com"}))));
        assert!(!awaits_volume(&claim(json!({}))));
        let mut bound = claim(json!({WAITING_FOR: PROVISIONER}));
        bound.spec.as_mut().unwrap().volume_name = Some("pvc-u-1".to_owned());
        assert!(!awaits_volume(&bound));
    }

    #[test]
    fn a_volume_is_made_to_measure_for_its_claim() {
        let volume = volume_for(&claim(json!({})), &class("Immediate", "Retain")).unwrap();
        assert_eq!(volume.name_any(), "pvc-u-1");
        let spec = volume.spec.unwrap();
        assert_eq!(spec.capacity.unwrap()["storage"].0, "5Gi");
        assert_eq!(spec.access_modes, Some(vec!["ReadWriteOnce".to_owned()]));
        assert_eq!(spec.persistent_volume_reclaim_policy.as_deref(), Some("Retain"));
        let claim = spec.claim_ref.unwrap();
        assert_eq!((claim.namespace.as_deref(), claim.uid.as_deref()), (Some("apps"), Some("u-1")));
    }

    #[test]
    fn a_class_that_waits_for_a_pod_waits() {
        let waiting = class("WaitForFirstConsumer", "Delete");
        assert!(volume_for(&claim(json!({})), &waiting).is_none());
        assert!(volume_for(&claim(json!({SELECTED_NODE: "worker-1"})), &waiting).is_some());
    }

    #[test]
    fn only_our_released_volumes_with_policy_delete_are_left_over() {
        let volume = |policy: &str, phase: &str, by: &str| -> PersistentVolume {
            serde_json::from_value(json!({
                "metadata": {"name": "pv", "annotations": {PROVISIONED_BY: by}},
                "spec": {"persistentVolumeReclaimPolicy": policy},
                "status": {"phase": phase},
            }))
            .unwrap()
        };
        assert!(is_left_over(&volume("Delete", "Released", PROVISIONER)));
        assert!(!is_left_over(&volume("Retain", "Released", PROVISIONER)));
        assert!(!is_left_over(&volume("Delete", "Bound", PROVISIONER)));
        assert!(!is_left_over(&volume("Delete", "Released", "ebs.csi.aws.com")));
    }
}
