//! Access keys for object storage: where they are in a Secret, and what is opened with them.

use std::collections::BTreeSet;

use lgtm_executor::{Failure, Kind};
use lgtm_planner::{
    digest::Digest,
    fingerprint::is_data_ours,
    plan::UsedKey,
    unit::{AccessKeyRequest, Buckets, ObjectStorage, SecretRef},
};
use serde_json::Value;

use super::{Data, data_of, secrets, text};
use crate::{
    cluster::{Cluster, Resource, answer::Answer},
    object_storage::{self, AccessKey, Keys},
    objects::Context,
};

/// The key that a Secret holds, if it is one that storage takes.
pub(super) fn held(data: &Data, request: &AccessKeyRequest) -> Option<AccessKey> {
    read(data, &request.id_key, &request.secret_key).filter(AccessKey::is_acceptable)
}

fn read(data: &Data, id_key: &str, secret_key: &str) -> Option<AccessKey> {
    Some(AccessKey::new(text(data, id_key)?, text(data, secret_key)?))
}

/// Ensures that the key in `data` opens what is asked for. A root key opens everything as it is.
pub(super) async fn open(
    context: &Context<'_>,
    request: &AccessKeyRequest,
    data: &Data,
) -> Result<(), Failure> {
    let Some(buckets) = &request.opens else { return Ok(()) };
    let root = root(context, buckets).await?;
    let key = held(data, request).ok_or_else(|| {
        Failure::new(Kind::Permanent, format!("{} has made no access key", context.step.unit))
    })?;
    let keys = Keys { root: &root, own: &key };
    object_storage::open(context, &context.step.unit, buckets, keys).await
}

/// Takes away who had the key before: whoever uses it has the one in the Secret by now.
pub(crate) async fn retire(context: &Context<'_>, used: &UsedKey) -> Result<(), Failure> {
    let UsedKey { unit, secret, request } = used;
    let Some(buckets) = &request.opens else { return Ok(()) };
    let live = context.cluster.object(&secrets(), Some(&secret.namespace), &secret.name).await;
    let live = live.map_err(|error| context.cluster.object_failure("reading", &secret.key(), error))?;
    let ours =
        |live: &&Value| [&request.id_key, &request.secret_key].iter().all(|key| is_data_ours(live, key));
    let Some(key) = live.as_ref().filter(ours).map(data_of).and_then(|data| held(&data, request)) else {
        // Another hand was at it. Which user is in use is not known then, and the next plan makes a new key.
        return Ok(());
    };
    let root = root(context, buckets).await?;
    object_storage::retire(context, unit, buckets, Keys { root: &root, own: &key }).await
}

/// A digest of the claims that hold the storage; none where they may not be listed. Other claims may be empty.
pub(super) async fn claims(cluster: &Cluster, request: &AccessKeyRequest) -> Answer<Option<String>> {
    let Some(buckets) = &request.opens else { return Ok(None) };
    let claims = Resource::core("persistentvolumeclaims");
    let found = match cluster.list_metadata_in(&claims, &buckets.storage.namespace).await {
        Ok(found) => found,
        Err(error) if error.code() == Some(403) => return Ok(None),
        Err(error) => return Err(error),
    };
    let uids: BTreeSet<&str> =
        found.iter().filter_map(|claim| claim.pointer("/metadata/uid")?.as_str()).collect();
    Ok(Some(Digest::of_parts(uids).short().to_owned()))
}

/// The key that may do everything.
async fn root(context: &Context<'_>, buckets: &Buckets) -> Result<AccessKey, Failure> {
    let ObjectStorage { root, root_id_key, root_secret_key, .. } = &buckets.storage;
    let SecretRef { namespace, name } = root;
    let live = context.cluster.object(&secrets(), Some(namespace), name).await;
    let live = live.map_err(|error| context.cluster.object_failure("reading", &root.key(), error))?;
    let found = live.as_ref().map(data_of).and_then(|data| read(&data, root_id_key, root_secret_key));
    found.ok_or_else(|| {
        let message = format!(
            "{} needs the root key of the object storage, and Secret {namespace}/{name} on cluster {} has no \
             {root_id_key} and {root_secret_key}",
            context.step.unit, context.cluster.name
        );
        let help = "run `lgtmctl plan` to see what became of that Secret";
        Failure::new(Kind::Permanent, message).with_help(help)
    })
}
