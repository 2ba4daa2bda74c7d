//! The key with which secret values are digested for display, so that a change shows and a value does
//! not. It is a Secret on the hub, in the namespace of the records, and goes with it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lgtm_executor::{Failure, Kind};
use lgtm_planner::inventory::SYSTEM_NAMESPACE;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    cluster::{Cluster, answer::ApiError},
    material::secrets,
    objects::Context,
    pki,
};

const NAME: &str = "digest-key";
const KEY: &str = "key";

/// The key, if it is there.
pub(crate) async fn read(hub: &Cluster) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let found = hub.object(&secrets(), Some(SYSTEM_NAMESPACE), NAME).await;
    let found = found.map_err(|error| hub.failure("reading the digest key", error))?;
    Ok(found.as_ref().and_then(key_of))
}

fn key_of(secret: &Value) -> Option<Zeroizing<Vec<u8>>> {
    STANDARD.decode(secret.get("data")?.get(KEY)?.as_str()?).ok().map(Zeroizing::new)
}

/// The key of the hub, which is the context's cluster; made if it is not there.
pub(crate) async fn ensure(context: &Context<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let hub = context.cluster;
    if let Some(key) = read(hub).await? {
        return Ok(key);
    }
    let made = pki::generate_password(32)
        .map_err(|error| Failure::new(Kind::Permanent, format!("no digest key can be made: {error}")))?;
    let path = format!("/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets");
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": SYSTEM_NAMESPACE},
        "data": {KEY: STANDARD.encode(made.expose())},
    });
    match hub.write(http::Method::POST, &path, &secret, context.may_write()?).await {
        Ok(_) => Ok(Zeroizing::new(made.expose().as_bytes().to_vec())),
        // Another step was first; its key is as good.
        Err(ApiError::Status(status)) if status.code == 409 => Ok(read(hub).await?.unwrap_or_default()),
        Err(error) => Err(hub.failure("making the digest key", error)),
    }
}

/// What may be shown of a secret value.
pub(crate) fn conceal(key: Option<&[u8]>, value: &str) -> String {
    key.map_or_else(
        || "(secret)".to_owned(),
        |key| format!("(secret {})", pki::keyed_digest(key, value.as_bytes())),
    )
}
