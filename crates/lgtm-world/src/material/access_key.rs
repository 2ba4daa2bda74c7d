//! Access keys for object storage: where they are in a Secret, and what is opened with them.

use lgtm_executor::{Failure, Kind};
use lgtm_planner::unit::{AccessKeyRequest, Buckets, ObjectStorage, SecretRef};

use super::{Data, data_of, secrets, text};
use crate::{
    object_storage::{self, AccessKey},
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
    object_storage::open(context, buckets, &root, &key).await
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
