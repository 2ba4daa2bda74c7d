//! The lock of a topology: a file while there is no hub, and a Lease on the hub as soon as there is.
//!
//! Both are taken for an apply and never for a plan. The Lease is renewed while the apply runs; when
//! it is lost, nothing further is written. A holder that died on this very machine since its last boot
//! is taken over at once, any other when its Lease has run out.

use std::{
    collections::BTreeSet,
    fs::{File, TryLockError},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lgtm_executor::{Failure, Kind, world::LockHolder};
use lgtm_planner::inventory::SYSTEM_NAMESPACE;
use lgtm_topology::TopologyName;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::cluster::{Cluster, answer::ApiError};

/// How long a Lease outlives its last renewal, in seconds.
const DURATION: i64 = 15;
/// Three renewals may fail before the Lease runs out.
const RENEWAL: Duration = Duration::from_secs(4);
/// A step that begins looks at the Lease itself unless that was done this recently.
const CHECK: Duration = Duration::from_secs(1);
const STEP: &str = "lgtmctl.dev/step";

/// The identities of this process's own locks: several topologies may be applied by one process, and
/// one topology by two parts of it must not.
static HELD_HERE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What one apply holds.
pub(crate) struct Lock {
    topology: TopologyName,
    identity: String,
    state: Arc<Mutex<State>>,
    _file: File,
}

#[derive(Default)]
struct State {
    /// Why nothing may be written any more.
    lost: Option<String>,
    /// The step that renewals name.
    step: String,
    renewal: Option<tokio::task::JoinHandle<()>>,
    /// The hub's records are being removed, the Lease with them; from then on the file is the lock.
    hub_goes: bool,
    lease: Option<Arc<Lease>>,
}

/// A Lease that is held.
struct Lease {
    hub: Arc<Cluster>,
    topology: TopologyName,
    identity: String,
    begun: OffsetDateTime,
    /// When it was last renewed. Locked while that happens, so that the two that renew it, the clock and
    /// the next step, never take each other for a stranger.
    renewed: tokio::sync::Mutex<OffsetDateTime>,
}

impl Lease {
    /// Renews the Lease unless that was done a moment ago. By the wall clock, since that is what others
    /// judge it by, and since it goes on while a machine sleeps.
    async fn renew(&self, step: &str, unless_within: Duration) -> Result<(), Failure> {
        let mut renewed = self.renewed.lock().await;
        if (OffsetDateTime::now_utc() - *renewed).unsigned_abs() < unless_within {
            return Ok(());
        }
        write_lease(self, step, Occasion::Renew).await?;
        *renewed = OffsetDateTime::now_utc();
        Ok(())
    }

    /// Whether others may take the Lease by now.
    async fn has_run_out(&self) -> bool {
        (OffsetDateTime::now_utc() - *self.renewed.lock().await).whole_seconds() >= DURATION
    }
}

/// Why a Lease is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    Take,
    Renew,
}

impl Lock {
    /// Takes the file lock. The Lease follows with [`Self::take_lease`] when there is a hub.
    pub(crate) fn acquire(topology: &TopologyName, state_dir: &Path) -> Result<Self, Failure> {
        let path = lock_file(topology, state_dir);
        let broken = |error: std::io::Error| {
            Failure::new(
                Kind::Environment,
                format!("the lock file {} cannot be used: {error}", path.display()),
            )
            .with_help("make its folder writable, or set XDG_STATE_HOME to one that is")
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(broken)?;
        }
        let mut file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(broken)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path).unwrap_or_default();
                let message = format!("another lgtmctl applies the topology {topology}: {}", holder.trim());
                return Err(Failure::new(Kind::Locked, message).with_help("wait until it is done"));
            }
            Err(TryLockError::Error(error)) => return Err(broken(error)),
        }
        let identity = Self::register();
        let held = |error: std::io::Error| {
            held_here().remove(&identity);
            broken(error)
        };
        file.set_len(0).and_then(|()| file.write_all(identity.as_bytes())).map_err(held)?;
        let state = Arc::new(Mutex::new(State::default()));
        Ok(Self { topology: topology.clone(), identity, state, _file: file })
    }

    /// An identity that no other lock of this process has.
    fn register() -> String {
        let process = identity();
        let mut held = held_here();
        let free = |run: &usize| !held.contains(&format!("{process} run {run}"));
        let identity = format!("{process} run {}", (1..).find(free).unwrap_or(0));
        held.insert(identity.clone());
        identity
    }

    /// Whether the Lease is still to be taken.
    pub(crate) fn wants_lease(&self) -> bool {
        self.with(|state| state.lease.is_none() && !state.hub_goes)
    }

    /// Takes the Lease on the hub and keeps it.
    pub(crate) async fn take_lease(&self, hub: Arc<Cluster>) -> Result<(), Failure> {
        let begun = OffsetDateTime::now_utc();
        let (topology, identity) = (self.topology.clone(), self.identity.clone());
        let renewed = tokio::sync::Mutex::new(begun);
        let lease = Arc::new(Lease { hub, topology, identity, begun, renewed });
        write_lease(&lease, "starting", Occasion::Take).await?;
        let (state, kept) = (Arc::clone(&self.state), Arc::clone(&lease));
        let renewal = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEWAL).await;
                let step = state.lock().unwrap_or_else(PoisonError::into_inner).step.clone();
                match kept.renew(&step, RENEWAL / 2).await {
                    Ok(()) => {}
                    // A hub that does not answer for a moment loses nothing while the Lease still runs.
                    Err(failure) if failure.kind != Kind::Locked && !kept.has_run_out().await => {}
                    Err(failure) => {
                        state.lock().unwrap_or_else(PoisonError::into_inner).lost = Some(failure.message);
                        return;
                    }
                }
            }
        });
        self.with(|state| {
            state.lease = Some(lease);
            state.renewal = Some(renewal);
        });
        Ok(())
    }

    /// Whether writing is still allowed; remembers the step for whoever asks who holds the lock. The
    /// Lease is looked at itself, for it may have been taken since its last renewal.
    pub(crate) async fn check(&self, step: &str) -> Result<(), Failure> {
        let (lost, lease) = self.with(|state| {
            step.clone_into(&mut state.step);
            (state.lost.clone(), state.lease.clone())
        });
        let lost = match (lost, lease) {
            (Some(reason), _) => reason,
            (None, None) => return Ok(()),
            (None, Some(lease)) => match lease.renew(step, CHECK).await {
                Ok(()) => return Ok(()),
                // Still ours, but without the hub nothing may be written: the step is tried again. It is the
                // hub that does not answer, and not the cluster of the step.
                Err(failure) if failure.kind != Kind::Locked && !lease.has_run_out().await => {
                    return Err(Failure { kind: Kind::Transient, ..failure });
                }
                Err(failure) => failure.message,
            },
        };
        self.with(|state| state.lost = Some(lost.clone()));
        let message = format!("the lock of the topology {} was lost: {lost}", self.topology);
        Err(Failure::new(Kind::Locked, message)
            .with_help("nothing more was written; run the same command again"))
    }

    /// Gives everything back. A Lease that has gone with its namespace is given back already.
    pub(crate) async fn release(self) {
        let (lease, renewal) = self.with(|state| (state.lease.take(), state.renewal.take()));
        if let Some(renewal) = renewal {
            renewal.abort();
        }
        if let Some(held) = lease
            && let Ok(Some(lease)) = held.hub.read(&lease_path(&self.topology)).await
            && holder_identity(&lease) == Some(self.identity.as_str())
        {
            let uid = lease.pointer("/metadata/uid").and_then(Value::as_str);
            let body = json!({"preconditions": {"uid": uid}});
            if let Err(error) = held.hub.write(http::Method::DELETE, &lease_path(&self.topology), &body).await
            {
                tracing::debug!(error = %error.message(), "the Lease runs out by itself");
            }
        }
    }

    /// Stops renewing, since the Lease's namespace is about to be deleted.
    pub(crate) fn forget_lease(&self) {
        self.with(|state| {
            state.lease = None;
            state.hub_goes = true;
            if let Some(renewal) = state.renewal.take() {
                renewal.abort();
            }
        });
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Lock {
    /// An apply that is dropped in the middle must not go on renewing what it no longer uses.
    fn drop(&mut self) {
        if let Some(renewal) = self.with(|state| state.renewal.take()) {
            renewal.abort();
        }
        held_here().remove(&self.identity);
    }
}

fn held_here() -> std::sync::MutexGuard<'static, BTreeSet<String>> {
    HELD_HERE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock_file(topology: &TopologyName, state_dir: &Path) -> PathBuf {
    state_dir.join("locks").join(format!("{topology}.lock"))
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

/// Takes or renews the Lease, or says who has it. The resourceVersion makes sure that of two that try
/// at once only one gets it.
async fn write_lease(lease: &Lease, step: &str, occasion: Occasion) -> Result<(), Failure> {
    let Lease { hub, topology, identity, begun, .. } = lease;
    let failed = |error: ApiError| hub.failure("taking the lock (a Lease)", error);
    let found = hub.read(&lease_path(topology)).await.map_err(failed)?;
    if found.is_none() && occasion == Occasion::Renew {
        // Whoever ran `unlock` may have begun to apply already.
        return Err(Failure::new(Kind::Locked, "its Lease was removed by another hand"));
    }
    if let Some(holder) = found.as_ref().and_then(holder).filter(|holder| &holder.who != identity)
        && (occasion == Occasion::Renew || !is_free(&holder))
    {
        return Err(held(topology, &holder));
    }
    let stamp = |time: OffsetDateTime| micro_time(time);
    let version = found.as_ref().and_then(|found| found.pointer("/metadata/resourceVersion").cloned());
    let mut metadata = json!({
        "name": topology.as_str(),
        "namespace": SYSTEM_NAMESPACE,
        "annotations": {STEP: step},
    });
    if let (Some(version), Some(metadata)) = (version, metadata.as_object_mut()) {
        metadata.insert("resourceVersion".to_owned(), version);
    }
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": DURATION,
            "acquireTime": stamp(*begun),
            "renewTime": stamp(OffsetDateTime::now_utc()),
        },
    });
    let written = if found.is_some() {
        hub.write(http::Method::PUT, &lease_path(topology), &lease).await
    } else {
        hub.write(http::Method::POST, &leases_path(), &lease).await
    };
    match written {
        Ok(_) => Ok(()),
        Err(ApiError::Status(status)) if status.code == 409 => {
            let message =
                format!("another lgtmctl took the lock of the topology {topology} at the same moment");
            Err(Failure::new(Kind::Locked, message).with_help("`lgtmctl unlock` shows who holds it"))
        }
        Err(error) => Err(failed(error)),
    }
}

fn held(topology: &TopologyName, holder: &LockHolder) -> Failure {
    let since = OffsetDateTime::from_unix_timestamp(holder.since).ok();
    let since = since.and_then(|since| since.format(&Rfc3339).ok()).unwrap_or_default();
    let message = format!(
        "the topology {topology} is being applied by {} since {since}, now at: {}",
        holder.who, holder.step
    );
    Failure::new(Kind::Locked, message)
        .with_help("wait until it is done; if it died on another machine, its lock ends within 15 seconds")
}

fn is_free(holder: &LockHolder) -> bool {
    OffsetDateTime::now_utc().unix_timestamp() > holder.renewed + DURATION || is_dead_here(&holder.who)
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
    let deleted = hub.write(http::Method::DELETE, &lease_path(topology), &json!({})).await;
    match deleted {
        Ok(_) => Ok(()),
        Err(ApiError::Status(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(hub.failure("removing the lock", error)),
    }
}

/// Kubernetes' MicroTime: RFC 3339 with exactly six digits behind the point.
fn micro_time(time: OffsetDateTime) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
    );
    time.format(format).unwrap_or_default()
}

/// `user@host process 123 boot 0123abcd`: enough for a person to find it, and for another process on
/// the same machine to see that it is dead. A lock adds `run 1`, its number within the process.
fn identity() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    format!("{user}@{} process {} boot {}", host(), std::process::id(), boot())
}

fn host() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname");
    read.map_or_else(|_| std::env::var("HOSTNAME").unwrap_or_default(), |name| name.trim().to_owned())
}

/// Tells one boot of a machine from another; empty where the system does not say.
fn boot() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    read.map(|id| id.trim().chars().take(8).collect()).unwrap_or_default()
}

/// Whether the holder ran on this machine since its last boot and is no more.
fn is_dead_here(who: &str) -> bool {
    let Some((rest, booted)) = who.rsplit_once(" boot ") else { return false };
    let (booted, run) = booted.split_once(" run ").unwrap_or((booted, ""));
    let Some((user, process)) = rest.rsplit_once(" process ") else { return false };
    let here = user.rsplit_once('@').is_some_and(|(_, name)| name == host());
    let this_boot = here && !booted.is_empty() && booted == boot() && Path::new("/proc/self").exists();
    let Ok(process) = process.parse::<u32>() else { return false };
    if !this_boot {
        return false;
    }
    if process == std::process::id() {
        // A number that was given up here is free, also when another process before had the same.
        return !run.is_empty() && !held_here().contains(who);
    }
    !Path::new(&format!("/proc/{process}")).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_digits_behind_the_point() {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_860_760_000).unwrap();
        assert_eq!(micro_time(time), "2023-11-14T22:13:20.860760Z");
    }

    #[test]
    fn only_a_dead_process_of_this_boot_is_dead_here() {
        let alive = identity();
        assert!(!is_dead_here(&alive));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let gone = child.id();
        child.wait().unwrap();
        let dead = format!("x@{} process {gone} boot {}", host(), boot());
        assert!(is_dead_here(&dead));
        assert!(!is_dead_here(&dead.replace(&boot(), "00000000")));
        assert!(!is_dead_here("x@elsewhere process 1 boot 00000000"));
    }

    #[test]
    fn one_process_at_a_time_has_the_file_lock() {
        let folder = tempfile::tempdir().unwrap();
        let topology = TopologyName::new("t");
        let first = Lock::acquire(&topology, folder.path()).unwrap();
        let refused = Lock::acquire(&topology, folder.path()).err().unwrap();
        assert_eq!(refused.kind, Kind::Locked);
        assert!(refused.message.contains("process"), "{refused}");
        assert!(Lock::acquire(&TopologyName::new("other"), folder.path()).is_ok());
        drop(first);
        assert!(Lock::acquire(&topology, folder.path()).is_ok());
    }
}
