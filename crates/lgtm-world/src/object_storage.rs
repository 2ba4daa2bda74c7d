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

/// Ensures that the buckets are there and that `key` opens them and nothing else. The keys that `unit` had before
/// open them too, until they are retired.
#[tracing::instrument(name = "open buckets", level = "debug", skip_all, fields(buckets = buckets.names.len()))]
pub(crate) async fn open(
    context: &Context<'_>,
    unit: &UnitId,
    buckets: &Buckets,
    keys: Keys<'_>,
) -> Result<(), Failure> {
    ask_for(context, unit, buckets, keys, Purpose::Open).await
}

/// Removes the users that `unit` had before, when whoever used their keys has this one.
#[tracing::instrument(name = "retire keys", level = "debug", skip_all)]
pub(crate) async fn retire(
    context: &Context<'_>,
    unit: &UnitId,
    buckets: &Buckets,
    keys: Keys<'_>,
) -> Result<(), Failure> {
    ask_for(context, unit, buckets, keys, Purpose::Retire).await
}

/// The key that may do everything, and the one that a unit has.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) root: &'a AccessKey,
    pub(crate) own: &'a AccessKey,
}

#[derive(Clone, Copy)]
enum Purpose {
    Open,
    Retire,
}

async fn ask_for(
    context: &Context<'_>,
    unit: &UnitId,
    buckets: &Buckets,
    keys: Keys<'_>,
    purpose: Purpose,
) -> Result<(), Failure> {
    let place = Place { cluster: &context.cluster.name, storage: &buckets.storage };
    let grant = Grant {
        root: keys.root,
        key: keys.own,
        family: &family(context.topology, unit),
        policy: &format!("lgtmctl-{}-{}", context.topology, unit.name),
        buckets: &buckets.names,
    };
    let asking = through_any_pod(context, &place, &grant, purpose);
    tokio::time::timeout(TIMEOUT, asking)
        .await
        .unwrap_or_else(|_| Err(place.failure(Trouble::Slow { seconds: TIMEOUT.as_secs() })))
}

/// Tries one Pod of the storage after the other, as long as none answers.
async fn through_any_pod(
    context: &Context<'_>,
    place: &Place<'_>,
    grant: &Grant<'_>,
    purpose: Purpose,
) -> Result<(), Failure> {
    let may_write = || context.may_write().map(drop);
    let mut last = place.failure(Trouble::NoPod);
    for pod in forward::pods(context.cluster, place.storage).await? {
        let tried = match forward::line(context.cluster, place.storage, &pod).await {
            Ok(mut line) => match purpose {
                Purpose::Open => grant.ensure(&mut line, &may_write).await,
                Purpose::Retire => grant.retire(&mut line, &may_write).await,
            },
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
