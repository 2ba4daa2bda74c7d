//! The Lease on the hub: who has it, taking it, renewing it, breaking it.
//!
//! The module knows the object and its times. When it is taken, and what a lost one means, is the
//! lock's to say.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lgtm_executor::{Failure, Kind, world::LockHolder};
use lgtm_planner::inventory::SYSTEM_NAMESPACE;
use lgtm_topology::{ClusterName, TopologyName};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::Instant;

use super::{STARTING, identity};
use crate::cluster::{
    Cluster, Permit,
    answer::{Answer, ApiError},
};

/// How long a Lease outlives its last renewal, in seconds.
const DURATION: i64 = 15;
/// From when on after its last renewal nothing is written any more. Whoever wants the Lease watches it for
/// as long as it lasts when it has run out, so what was sent before has twenty seconds to arrive: a request has
/// ten, unless it is a very large one.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often a write that met another one is tried again.
const RACES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);
/// The annotation that says what the holder is doing.
const STEP: &str = "lgtmctl.dev/step";

/// A Lease that is held.
pub(super) struct Lease {
    hub: Arc<Cluster>,
    topology: TopologyName,
    identity: String,
    begun: OffsetDateTime,
    /// Whose turn it is to renew it, so that the two that do so, the clock and the next step, never take each
    /// other for a stranger.
    turn: tokio::sync::Mutex<()>,
    /// Locked for a moment only: some cannot wait for a renewal that is under way.
    renewal: Mutex<Renewal>,
}

/// What came of the renewals so far.
struct Renewal {
    /// The time that stands in the Lease.
    renewed: Moment,
    /// When the last one ended in vain, and why; none where it was done.
    failed: Option<(Instant, Failure)>,
}

/// A time by both clocks: the wall's goes on while a machine sleeps, and the other is never set back.
#[derive(Clone, Copy)]
struct Moment {
    wall: OffsetDateTime,
    steady: Instant,
}

impl Moment {
    fn now() -> Self {
        Self { wall: OffsetDateTime::now_utc(), steady: Instant::now() }
    }

    /// Whether it was less than so long ago by both clocks. One from the future may be of any age.
    fn is_within(self, span: Duration) -> bool {
        (OffsetDateTime::now_utc() - self.wall).unsigned_abs() < span && self.steady.elapsed() < span
    }

    /// Whether it was so long ago by either clock.
    fn is_over(self, span: Duration) -> bool {
        OffsetDateTime::now_utc() - self.wall >= span || self.steady.elapsed() >= span
    }
}

impl Lease {
    /// Takes the Lease, or says who has it.
    pub(super) async fn take(
        hub: Arc<Cluster>,
        topology: TopologyName,
        identity: String,
    ) -> Result<Self, Failure> {
        let now = Moment::now();
        let renewal = Mutex::new(Renewal { renewed: now, failed: None });
        let turn = tokio::sync::Mutex::default();
        let lease = Self { hub, topology, identity, begun: now.wall, turn, renewal };
        match write_lease(&lease, STARTING, Occasion::Take).await {
            Ok(written) => {
                *lease.renewal() = Renewal { renewed: written, failed: None };
                Ok(lease)
            }
            Err(failure) => {
                // The answer may have been lost after the Lease was written.
                if failure.kind != Kind::Locked {
                    lease.give_back().await;
                }
                Err(failure)
            }
        }
    }

    /// Gives the Lease back. One that has gone with its namespace is given back already.
    pub(super) async fn give_back(&self) {
        let path = lease_path(&self.topology);
        for _ in 0..=RACES {
            let Ok(Some(lease)) = self.hub.read(&path).await else { return };
            if holder_identity(&lease) != Some(self.identity.as_str()) {
                return;
            }
            let body = only_this(&lease);
            match self.hub.write(http::Method::DELETE, &path, &body, Permit::by_the_lock()).await {
                Ok(_) => return,
                // A renewal may have been under way; the Lease itself says whether it is still there.
                Err(error) if matches!(error.code(), Some(404 | 409)) => {}
                Err(error) => {
                    tracing::debug!(error = %error.message(), "the Lease runs out by itself");
                    return;
                }
            }
        }
    }

    /// Renews the Lease unless that was done a moment ago.
    pub(super) async fn renew(&self, step: &str, unless_within: Duration) -> Result<(), Failure> {
        let asked = Instant::now();
        let _turn = self.turn.lock().await;
        {
            let renewal = self.renewal();
            if renewal.renewed.is_within(unless_within) {
                return Ok(());
            }
            // Of many that wait for a hub that does not answer, one waits and all have heard.
            if let Some((_, failure)) = renewal.failed.as_ref().filter(|(ended, _)| *ended >= asked) {
                return Err(failure.clone());
            }
        }
        match write_lease(self, step, Occasion::Renew).await {
            // Others go by the time that stands in the Lease. The answer may have come seconds later, and
            // whoever counted from there would believe in the Lease for longer than they do.
            Ok(written) => {
                *self.renewal() = Renewal { renewed: written, failed: None };
                Ok(())
            }
            Err(failure) => {
                self.renewal().failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    pub(super) fn hub(&self) -> &ClusterName {
        &self.hub.name
    }

    /// Whether the Lease was renewed in time, as far as is known without waiting. If not, what the last renewal met.
    pub(super) fn in_time(&self) -> Result<(), Option<Failure>> {
        let Renewal { renewed, failed } = &*self.renewal();
        if renewed.is_over(DEADLINE) { Err(failed.as_ref().map(|(_, why)| why.clone())) } else { Ok(()) }
    }

    fn renewal(&self) -> MutexGuard<'_, Renewal> {
        self.renewal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a Lease is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    Take,
    Renew,
}

fn lease_path(topology: &TopologyName) -> String {
    format!("{}/{topology}", leases_path())
}

fn leases_path() -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}/leases")
}

fn holder_identity(lease: &Value) -> Option<&str> {
    lease.pointer("/spec/holderIdentity")?.as_str().filter(|holder| !holder.is_empty())
}

/// Takes or renews the Lease and returns the time that it bears, or says who has it. The resourceVersion
/// makes sure that of two that try
/// at once only one gets it.
async fn write_lease(lease: &Lease, step: &str, occasion: Occasion) -> Result<Moment, Failure> {
    let Lease { hub, topology, .. } = lease;
    let failed = |error: ApiError| hub.failure("taking the lock (a Lease)", error);
    let mut tries = 0;
    loop {
        let found = hub.read(&lease_path(topology)).await.map_err(failed)?;
        let found = may_take(lease, occasion, found).await?;
        let now = Moment::now();
        match write_over(lease, step, found.as_ref(), now.wall).await {
            Ok(_) => return Ok(now),
            // Either another was faster, or a write of our own was done although its answer says
            // otherwise: the Lease itself says which.
            Err(error) if tries < RACES && error.may_pass() && !matches!(error, ApiError::NoAnswer(_)) => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) if error.code() == Some(409) => {
                let message =
                    format!("another lgtmctl took the lock of the topology {topology} at the same moment");
                return Err(
                    Failure::new(Kind::Locked, message).with_help("`lgtmctl unlock` shows who holds it")
                );
            }
            Err(error) => return Err(failed(error)),
        }
    }
}

/// The Lease that is ours to write over, if there is one. One that seems to have run out is watched
/// first.
async fn may_take(lease: &Lease, occasion: Occasion, found: Option<Value>) -> Result<Option<Value>, Failure> {
    let Lease { hub, topology, identity, .. } = lease;
    let Some(found) = found else {
        // Whoever ran `unlock` may have begun to apply already.
        return match occasion {
            Occasion::Take => Ok(None),
            Occasion::Renew => Err(Failure::new(Kind::Locked, "its Lease was removed by another hand")),
        };
    };
    let Some(stranger) = holder(&found).filter(|holder| &holder.who != identity) else {
        return Ok(Some(found));
    };
    if occasion == Occasion::Renew {
        return Err(held(topology, &stranger));
    }
    if identity::is_dead_here(&stranger.who) {
        return Ok(Some(found));
    }
    if !seems_over(&stranger) {
        return Err(held(topology, &stranger));
    }
    // Times of two machines cannot be compared: one clock may be wrong by more than a Lease lasts. What
    // can be seen is whether the holder renews it, for as long as it lasts by this machine's own count.
    tracing::info!(holder = stranger.who, seconds = DURATION, "watching whether the lock is still renewed");
    tokio::time::sleep(Duration::from_secs(DURATION.unsigned_abs())).await;
    let failed = |error: ApiError| hub.failure("watching the lock (a Lease)", error);
    let now = hub.read(&lease_path(topology)).await.map_err(failed)?;
    let version = |lease: &Value| lease.pointer("/metadata/resourceVersion").cloned();
    match now {
        Some(now) if version(&now) != version(&found) => {
            Err(held(topology, &holder(&now).unwrap_or(stranger)))
        }
        now => Ok(now),
    }
}

async fn write_over(lease: &Lease, step: &str, found: Option<&Value>, now: OffsetDateTime) -> Answer<Value> {
    let Lease { hub, topology, identity, begun, .. } = lease;
    let version = found.and_then(|found| found.pointer("/metadata/resourceVersion").cloned());
    let mut metadata = json!({
        "name": topology.as_str(),
        "namespace": SYSTEM_NAMESPACE,
        "annotations": {STEP: step},
    });
    if let (Some(version), Some(metadata)) = (version, metadata.as_object_mut()) {
        metadata.insert("resourceVersion".to_owned(), version);
    }
    let written = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": DURATION,
            "acquireTime": micro_time(*begun),
            "renewTime": micro_time(now),
        },
    });
    let (method, path) = match found {
        Some(_) => (http::Method::PUT, lease_path(topology)),
        None => (http::Method::POST, leases_path()),
    };
    hub.write(method, &path, &written, Permit::by_the_lock()).await
}

fn held(topology: &TopologyName, holder: &LockHolder) -> Failure {
    let since = OffsetDateTime::from_unix_timestamp(holder.since).ok();
    let since = since.and_then(|since| since.format(&Rfc3339).ok()).unwrap_or_default();
    let message = format!(
        "the topology {topology} is being applied by {} since {since}, now at: {}",
        holder.who, holder.step
    );
    Failure::new(Kind::Locked, message)
        .with_help("wait until it is done; if it died on another machine, its lock ends within 30 seconds")
}

/// Whether a Lease was not renewed in time, as far as the clock of this machine says. One from the future
/// says nothing: the clock of its holder was wrong, or ours is.
fn seems_over(holder: &LockHolder) -> bool {
    (OffsetDateTime::now_utc().unix_timestamp() - holder.renewed).abs() > DURATION
}

/// The holder that a Lease names.
fn holder(lease: &Value) -> Option<LockHolder> {
    let time = |field: &str| {
        let text = lease.pointer(&format!("/spec/{field}"))?.as_str()?;
        OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
    };
    Some(LockHolder {
        who: holder_identity(lease)?.to_owned(),
        since: time("acquireTime").unwrap_or(0),
        renewed: time("renewTime").unwrap_or(0),
        step: lease
            .get("metadata")
            .and_then(|metadata| metadata.get("annotations")?.get(STEP)?.as_str())
            .unwrap_or_default()
            .to_owned(),
    })
}

/// Who holds the Lease of a topology, if anyone does.
pub(crate) async fn show(hub: &Cluster, topology: &TopologyName) -> Result<Option<LockHolder>, Failure> {
    let lease =
        hub.read(&lease_path(topology)).await.map_err(|error| hub.failure("reading the lock", error))?;
    Ok(lease.as_ref().and_then(holder))
}

/// Removes the Lease, whoever holds it.
pub(crate) async fn break_lease(hub: &Cluster, topology: &TopologyName) -> Result<(), Failure> {
    let failed = |error: ApiError| hub.failure("removing the lock", error);
    let path = lease_path(topology);
    let mut tries = 0;
    loop {
        let Some(lease) = hub.read(&path).await.map_err(failed)? else { return Ok(()) };
        match hub.write(http::Method::DELETE, &path, &only_this(&lease), Permit::by_the_lock()).await {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Some(404) => return Ok(()),
            // Its holder renewed it meanwhile.
            Err(error) if error.code() == Some(409) && tries < RACES => tries += 1,
            Err(error) => return Err(failed(error)),
        }
    }
}

/// That only the Lease that was looked at is deleted: a successor takes it over without making a new one.
fn only_this(lease: &Value) -> Value {
    let metadata = |field: &str| lease.pointer(&format!("/metadata/{field}")).cloned().unwrap_or_default();
    json!({"preconditions": {"uid": metadata("uid"), "resourceVersion": metadata("resourceVersion")}})
}

/// Kubernetes' MicroTime: RFC 3339 with exactly six digits behind the point.
fn micro_time(time: OffsetDateTime) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
    );
    time.format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_digits_behind_the_point() {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_860_760_000).unwrap();
        assert_eq!(micro_time(time), "2023-11-14T22:13:20.860760Z");
    }
}
