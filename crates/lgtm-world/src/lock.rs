//! The lock of a topology: a file while there is no hub, and a Lease on the hub as soon as there is.
//!
//! Both are taken for an apply and never for a plan. The Lease is renewed while the apply runs. While it
//! cannot be renewed, nothing is written; once another has it, nothing further. A holder that died on
//! this very machine since its last boot is taken over at once, any other when its Lease has run out and
//! was seen to be renewed no more.

use std::{
    fs::{File, TryLockError},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lgtm_executor::{Failure, Kind};
use lgtm_topology::{ClusterName, TopologyName};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::cluster::{Cluster, Permit};

mod identity;
mod lease;

use lease::Lease;
pub(crate) use lease::{break_lease, show};

/// Two renewals may fail before nothing is written any more.
const RENEWAL: Duration = Duration::from_secs(4);
/// A step that begins looks at the Lease itself unless that was done this recently.
const CHECK: Duration = Duration::from_secs(1);

/// What one apply holds.
pub(crate) struct Lock {
    topology: TopologyName,
    identity: String,
    state: Arc<Mutex<State>>,
    file: File,
}

/// A look at a lock from inside a step, which may be long: before each of its writes the step asks
/// whether the lock is still held, and costs no request by that.
pub(crate) struct Held {
    topology: TopologyName,
    state: Arc<Mutex<State>>,
}

impl Held {
    /// Whether a step may begin; remembers it for whoever asks who holds the lock. The Lease is looked at
    /// itself, for it may have been taken since its last renewal.
    pub(crate) async fn begin(&self, step: &str) -> Result<(), Failure> {
        let (gone, lease) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            step.clone_into(&mut state.step);
            (state.lost.clone(), state.lease.clone())
        };
        let reason = match (gone, lease) {
            (Some(reason), _) => reason,
            (None, None) => return Ok(()),
            (None, Some(lease)) => match lease.renew(step, CHECK).await {
                Ok(()) => return Ok(()),
                Err(failure) if failure.kind == Kind::Locked => failure.message,
                // Nobody else has it, but without the hub nothing may be written: the step is tried again.
                Err(failure) => return Err(failure),
            },
        };
        self.state.lock().unwrap_or_else(PoisonError::into_inner).lost = Some(reason.clone());
        Err(lost(&self.topology, &reason))
    }

    /// Whether writing is still allowed: the permit for one write.
    pub(crate) fn check(&self) -> Result<Permit, Failure> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match (&state.lost, &state.lease) {
            (Some(reason), _) => Err(lost(&self.topology, reason)),
            (None, Some(lease)) => match lease.in_time() {
                Ok(()) => Ok(Permit::by_the_lock()),
                Err(late) => Err(overdue(&self.topology, lease.hub(), late.as_ref())),
            },
            (None, None) => Ok(Permit::by_the_lock()),
        }
    }
}

/// The permit for one write. Without a lock, which no step of an apply begins without, there is nothing to lose.
pub(crate) fn permit(held: Option<&Held>) -> Result<Permit, Failure> {
    held.map_or_else(|| Ok(Permit::by_the_lock()), Held::check)
}

fn lost(topology: &TopologyName, reason: &str) -> Failure {
    Failure::new(Kind::Locked, format!("the lock of the topology {topology} was lost: {reason}"))
        .with_help("nothing more was written; run the same command again")
}

/// The Lease may be anybody's by now, or still be ours: what was to be written can be tried again once the
/// hub has said so. `late` is what the last renewal met.
fn overdue(topology: &TopologyName, hub: &ClusterName, late: Option<&Failure>) -> Failure {
    let kind = late.map_or(Kind::Unreachable, |late| late.kind);
    let reason = late.map_or("the hub does not answer", |late| late.message.as_str());
    let message = format!("the lock of the topology {topology} could not be renewed in time: {reason}");
    let help = "nothing is written until it is; see that the hub answers, then run the same command again";
    Failure { cluster: Some(hub.clone()), ..Failure::new(kind, message).with_help(help) }
}

/// What the Lease says before the first step.
const STARTING: &str = "starting";

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
                let holder = holder_of(&path);
                let message = format!("another lgtmctl applies the topology {topology}: {holder}");
                return Err(Failure::new(Kind::Locked, message).with_help("wait until it is done"));
            }
            Err(TryLockError::Error(error)) => return Err(broken(error)),
        }
        let identity = identity::register();
        let held = |error: std::io::Error| {
            identity::give_up(&identity);
            broken(error)
        };
        let since = OffsetDateTime::now_utc().replace_nanosecond(0).ok();
        let since = since.and_then(|since| since.format(&Rfc3339).ok()).unwrap_or_default();
        let note = format!("{identity} since {since}");
        file.set_len(0).and_then(|()| file.write_all(note.as_bytes())).map_err(held)?;
        let state = State { step: STARTING.to_owned(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        Ok(Self { topology: topology.clone(), identity, state, file })
    }

    /// Whether the Lease is still to be taken.
    pub(crate) fn wants_lease(&self) -> bool {
        self.with(|state| state.lease.is_none() && !state.hub_goes)
    }

    /// Takes the Lease on the hub and keeps it.
    pub(crate) async fn take_lease(&self, hub: Arc<Cluster>) -> Result<(), Failure> {
        let lease = Arc::new(Lease::take(hub, self.topology.clone(), self.identity.clone()).await?);
        let (state, kept) = (Arc::clone(&self.state), Arc::clone(&lease));
        let renewal = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEWAL).await;
                let step = state.lock().unwrap_or_else(PoisonError::into_inner).step.clone();
                let renewed = kept.renew(&step, RENEWAL / 2).await;
                // Whoever takes a Lease writes that into it, so one that still names us is still ours when the
                // hub answers again, however long that took.
                if let Err(failure) = renewed
                    && failure.kind == Kind::Locked
                {
                    state.lock().unwrap_or_else(PoisonError::into_inner).lost = Some(failure.message);
                    return;
                }
            }
        });
        self.with(|state| {
            state.lease = Some(lease);
            state.renewal = Some(renewal);
        });
        Ok(())
    }

    /// What a step asks before it begins, and from inside it.
    pub(crate) fn held(&self) -> Held {
        Held { topology: self.topology.clone(), state: Arc::clone(&self.state) }
    }

    /// Gives everything back. A Lease that has gone with its namespace is given back already.
    pub(crate) async fn release(self) {
        let (lease, renewal) = self.with(|state| (state.lease.take(), state.renewal.take()));
        if let Some(renewal) = renewal {
            renewal.abort();
        }
        if let Some(lease) = lease {
            lease.give_back().await;
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

    /// The namespace could not be deleted. Until that is tried again the Lease may run out and become another's.
    pub(crate) fn want_lease_again(&self) {
        self.with(|state| state.hub_goes = false);
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
        // The next holder must not be taken for this one while it has not written who it is. Without
        // that, a message is wrong for a moment, and nothing else.
        drop(self.file.set_len(0));
        identity::give_up(&self.identity);
    }
}

/// Who holds the file. Whoever has taken it a moment ago has not yet written that, and is waited for.
fn holder_of(path: &Path) -> String {
    for _ in 0..50 {
        let holder = std::fs::read_to_string(path).unwrap_or_default();
        if !holder.trim().is_empty() {
            return holder.trim().to_owned();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    "it has just begun".to_owned()
}

fn lock_file(topology: &TopologyName, state_dir: &Path) -> PathBuf {
    state_dir.join("locks").join(format!("{topology}.lock"))
}

#[cfg(test)]
mod tests;
