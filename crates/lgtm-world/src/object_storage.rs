//! Buckets in the object storage that runs on a cluster, and keys that open them.
//!
//! Everything is an "ensure": whatever was made before is found or made to be what is asked, so a run
//! that was cut anywhere is repeated from the start. The storage is reached through the API server. The
//! module knows S3 and the admin API of RustFS; it refuses to know Secrets, records and plans, and it
//! deletes no bucket.

use std::time::Duration;

use lgtm_executor::{Failure, Kind};
use lgtm_planner::{
    digest::Digest,
    unit::{Buckets, ObjectStorage, UnitId},
};
use lgtm_topology::{ClusterName, TopologyName};

use crate::objects::Context;

mod ask;
mod forward;
mod grant;
mod key;
mod sign;
#[cfg(test)]
mod tests;
mod trouble;

pub(crate) use key::AccessKey;

#[cfg(test)]
use ask::Line;
use grant::Grant;
use trouble::Trouble;

/// How long everything may take that is asked of the storage for one key. One request has far less.
const TIMEOUT: Duration = Duration::from_secs(120);

/// What the ids of all keys of one unit begin with, so that those that it had before can be told from
/// everybody else's. The same unit of another topology has another one.
pub(crate) fn family(topology: &TopologyName, unit: &UnitId) -> String {
    let digest = Digest::of_parts([topology.as_str(), unit.cluster.as_str(), unit.name.as_str()]);
    format!("lgtm{}", digest.short())
}

/// Ensures that the buckets are there and that `key` opens them and nothing else.
#[tracing::instrument(name = "open buckets", level = "debug", skip_all, fields(buckets = buckets.names.len()))]
pub(crate) async fn open(
    context: &Context<'_>,
    buckets: &Buckets,
    root: &AccessKey,
    key: &AccessKey,
) -> Result<(), Failure> {
    let place = Place { cluster: &context.cluster.name, storage: &buckets.storage };
    let unit = &context.step.unit;
    let grant = Grant {
        root,
        key,
        family: &family(context.topology, unit),
        policy: &format!("lgtmctl-{}-{}", context.topology, unit.name),
        buckets: &buckets.names,
    };
    let opening = through_any_pod(context, &place, &grant);
    tokio::time::timeout(TIMEOUT, opening)
        .await
        .unwrap_or_else(|_| Err(place.failure(Trouble::Slow { seconds: TIMEOUT.as_secs() })))
}

/// Tries one Pod of the storage after the other, as long as none answers.
async fn through_any_pod(context: &Context<'_>, place: &Place<'_>, grant: &Grant<'_>) -> Result<(), Failure> {
    let may_write = || context.may_write();
    let mut last = place.failure(Trouble::NoPod);
    for pod in forward::pods(context.cluster, place.storage).await? {
        let tried = match forward::line(context.cluster, place.storage, &pod).await {
            Ok(mut line) => grant.ensure(&mut line, &may_write).await,
            Err(trouble) => Err(trouble),
        };
        match tried {
            Ok(()) => return Ok(()),
            Err(trouble @ (Trouble::NoAnswer { .. } | Trouble::Unreached { .. })) => {
                last = place.failure(trouble);
            }
            Err(trouble) => return Err(place.failure(trouble)),
        }
    }
    Err(last)
}

/// Which storage is spoken of, for people.
struct Place<'a> {
    cluster: &'a ClusterName,
    storage: &'a ObjectStorage,
}

impl Place<'_> {
    fn failure(&self, trouble: Trouble) -> Failure {
        let ObjectStorage { namespace, service, .. } = self.storage;
        if let Trouble::Said(failure) = trouble {
            return *failure;
        }
        let kind = if trouble.may_pass() { Kind::Transient } else { Kind::Permanent };
        let (doing, cluster) = (trouble.doing(), self.cluster);
        let message =
            format!("{doing} in the object storage {namespace}/{service} on cluster {cluster}: {trouble}");
        let retry_after = trouble.retry_after();
        Failure { retry_after, help: trouble.help(self.storage), ..Failure::new(kind, message) }
    }
}
