//! The lock of a topology: a file of the machine, and a Lease on the hub as soon as there is one.
//!
//! The rules are those of the real adapter: renewed every four seconds and looked at before every step,
//! lost when another holds it. While it is overdue, nothing is written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lgtm_planner::object::ObjectKey;
use lgtm_topology::TopologyName;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Duration};

use super::{
    answer::Refusal,
    api::{Api, Permit, Process},
    records::lease_key,
};
use crate::world::{Failure, Kind};

const RENEWAL: Duration = Duration::from_secs(4);
const CHECK: Duration = Duration::from_secs(1);
/// Milliseconds for which a Lease outlives its last renewal.
const DURATION: u64 = 15_000;
/// Milliseconds after its last renewal from which nothing is written.
const DEADLINE: i64 = 10_000;

#[derive(Debug, Default)]
struct State {
    lost: Option<String>,
    renewal: Option<JoinHandle<()>>,
    hub_goes: bool,
    lease: Option<Arc<Lease>>,
}

#[derive(Debug)]
struct Lease {
    hub: Api,
    /// Whose turn it is to renew it.
    turn: tokio::sync::Mutex<()>,
    renewal: Mutex<Renewal>,
}

#[derive(Debug, Default)]
struct Renewal {
    /// Milliseconds since 1970 that the last renewal put into it.
    renewed: i64,
    /// When the last one ended in vain, and why.
    failed: Option<(i64, Failure)>,
}

/// What one apply holds.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    process: Arc<Process>,
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    Take,
    Renew,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lock {
    /// Takes the lock file.
    pub(super) fn acquire(process: &Arc<Process>) -> Result<Self, Failure> {
        let file = (process.machine.clone(), process.topology.clone());
        let mut state = process.universe.state();
        if state.lock_files.get(&file).is_some_and(|holder| state.alive.contains(holder)) {
            return Err(Failure::new(Kind::Locked, "another lgtmctl applies the topology"));
        }
        state.lock_files.insert(file, process.number);
        drop(state);
        Ok(Self { process: Arc::clone(process), state: Arc::default() })
    }

    pub(super) fn wants_lease(&self) -> bool {
        let state = locked(&self.state);
        state.lease.is_none() && !state.hub_goes
    }

    pub(super) async fn take_lease(&self, hub: Api) -> Result<(), Failure> {
        let hub = Api { step: None, ..hub };
        let lease = Lease { hub, turn: tokio::sync::Mutex::default(), renewal: Mutex::default() };
        lease.write(Occasion::Take).await?;
        let lease = Arc::new(lease);
        let (state, kept) = (Arc::clone(&self.state), Arc::clone(&lease));
        let renewal = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEWAL).await;
                let renewed = kept.renew(RENEWAL / 2).await;
                if let Err(failure) = renewed
                    && failure.kind == Kind::Locked
                {
                    locked(&state).lost = Some(failure.message);
                    return;
                }
            }
        });
        let mut state = locked(&self.state);
        state.lease = Some(lease);
        state.renewal = Some(renewal);
        Ok(())
    }

    /// Whether writing is still allowed, asked when a step begins.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let (gone, lease) = {
            let state = locked(&self.state);
            (state.lost.clone(), state.lease.clone())
        };
        let reason = match (gone, lease) {
            (Some(reason), _) => reason,
            (None, None) => return Ok(()),
            (None, Some(lease)) => match lease.renew(CHECK).await {
                Ok(()) => return Ok(()),
                Err(failure) if failure.kind == Kind::Locked => failure.message,
                Err(failure) => return Err(failure),
            },
        };
        locked(&self.state).lost = Some(reason.clone());
        Err(lost(&self.process.topology, &reason))
    }

    /// The same from inside a step, before each write, at no cost.
    pub(super) fn may_write(&self) -> Result<Permit, Failure> {
        let state = locked(&self.state);
        match (&state.lost, &state.lease) {
            (Some(reason), _) => Err(lost(&self.process.topology, reason)),
            (None, Some(lease)) => lease.in_time().map(|()| Permit::by_the_lock()),
            (None, None) => Ok(Permit::by_the_lock()),
        }
    }

    pub(super) fn forget_lease(&self) {
        let mut state = locked(&self.state);
        state.lease = None;
        state.hub_goes = true;
        if let Some(renewal) = state.renewal.take() {
            renewal.abort();
        }
    }

    pub(super) async fn release(self) {
        let (lease, renewal) = {
            let mut state = locked(&self.state);
            (state.lease.take(), state.renewal.take())
        };
        if let Some(renewal) = renewal {
            renewal.abort();
        }
        if let Some(lease) = lease {
            lease.give_back().await;
        }
        let number = self.process.number;
        self.process.universe.state().lock_files.retain(|_, holder| *holder != number);
    }

    /// The hub stays after all, for the time being.
    pub(super) fn want_lease_again(&self) {
        locked(&self.state).hub_goes = false;
    }

    /// Stops renewing without giving anything back, as a process that is dropped does.
    pub(super) fn abandon(&self) {
        if let Some(renewal) = locked(&self.state).renewal.take() {
            renewal.abort();
        }
    }
}

fn lost(topology: &TopologyName, reason: &str) -> Failure {
    Failure::new(Kind::Locked, format!("the lock of the topology {topology} was lost: {reason}"))
}

fn overdue(late: Option<&Failure>) -> Failure {
    let kind = late.map_or(Kind::Transient, |late| late.kind);
    let cluster = late.and_then(|late| late.cluster.clone());
    Failure { cluster, ..Failure::new(kind, "the lock could not be renewed in time") }
}

impl Lease {
    fn identity(&self) -> String {
        identity(&self.hub.process.machine, self.hub.process.number)
    }

    fn in_time(&self) -> Result<(), Failure> {
        let Renewal { renewed, failed } = &*locked(&self.renewal);
        if self.hub.process.universe.millis() - renewed < DEADLINE {
            return Ok(());
        }
        Err(overdue(failed.as_ref().map(|(_, late)| late)))
    }

    async fn renew(&self, unless_within: Duration) -> Result<(), Failure> {
        let now = || self.hub.process.universe.millis();
        let asked = now();
        let _turn = self.turn.lock().await;
        {
            let Renewal { renewed, failed } = &*locked(&self.renewal);
            if u128::try_from(now() - renewed).is_ok_and(|age| age < unless_within.as_millis()) {
                return Ok(());
            }
            if let Some((_, failure)) = failed.as_ref().filter(|(ended, _)| *ended > asked) {
                return Err(failure.clone());
            }
        }
        let written = self.write(Occasion::Renew).await;
        if let Err(failure) = &written {
            locked(&self.renewal).failed = Some((now(), failure.clone()));
        }
        written
    }

    async fn write(&self, occasion: Occasion) -> Result<(), Failure> {
        let (hub, process) = (&self.hub, &self.hub.process);
        let key = lease_key(&process.topology);
        let failed = |refusal: Refusal| hub.failure("taking the lock (a Lease)", refusal);
        let found = hub.object(&key).await.map_err(failed)?;
        let found = self.may_take(&key, occasion, found).await?;
        let now = process.universe.millis();
        let spec = json!({"holderIdentity": self.identity(), "renewTime": now});
        let written = match &found {
            Some(found) => {
                let version = found.pointer("/metadata/resourceVersion").cloned();
                let is_same = |live: &Value| live.pointer("/metadata/resourceVersion") == version.as_ref();
                hub.update(&key, is_same, |lease| put_spec(lease, spec), Permit::by_the_lock()).await
            }
            None => {
                let mut lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": {"name": key.name, "namespace": key.namespace}});
                put_spec(&mut lease, spec);
                hub.create(&key, &lease, Permit::by_the_lock()).await
            }
        };
        match written {
            Ok(_) => {
                // The time that is in the Lease, since that is what others judge it by.
                *locked(&self.renewal) = Renewal { renewed: now, failed: None };
                Ok(())
            }
            Err(refusal) if refusal.code() == Some(409) => {
                Err(Failure::new(Kind::Locked, "another lgtmctl took the lock at the same moment"))
            }
            Err(refusal) => Err(failed(refusal)),
        }
    }

    /// The Lease that is ours to write over, if there is one. One that has run out is watched first.
    async fn may_take(
        &self,
        key: &ObjectKey,
        occasion: Occasion,
        found: Option<Value>,
    ) -> Result<Option<Value>, Failure> {
        if found.is_none() && occasion == Occasion::Renew {
            return Err(Failure::new(Kind::Locked, "its Lease was removed by another hand"));
        }
        let Some(found) = found else { return Ok(None) };
        let holder = found.pointer("/spec/holderIdentity").and_then(Value::as_str);
        let Some(stranger) = holder.filter(|holder| *holder != self.identity()) else {
            return Ok(Some(found));
        };
        let held = Failure::new(Kind::Locked, format!("the topology is being applied by {stranger}"));
        if occasion == Occasion::Renew {
            return Err(held);
        }
        if self.is_dead_here(stranger) {
            return Ok(Some(found));
        }
        let renewed = found.pointer("/spec/renewTime").and_then(Value::as_i64).unwrap_or(0);
        if (self.hub.process.universe.millis() - renewed).unsigned_abs() <= DURATION {
            return Err(held);
        }
        tokio::time::sleep(Duration::from_millis(DURATION)).await;
        let now = self.hub.object(key).await;
        let now = now.map_err(|refusal| self.hub.failure("watching the lock (a Lease)", refusal))?;
        let version = |lease: &Value| lease.pointer("/metadata/resourceVersion").cloned();
        if now.as_ref().is_some_and(|now| version(now) != version(&found)) { Err(held) } else { Ok(now) }
    }

    fn is_dead_here(&self, holder: &str) -> bool {
        let process = &self.hub.process;
        let number = holder.strip_prefix(&format!("{}/", process.machine));
        number
            .and_then(|number| number.parse().ok())
            .is_some_and(|number: u64| !process.universe.state().alive.contains(&number))
    }

    async fn give_back(&self) {
        let key = lease_key(&self.hub.process.topology);
        let Ok(Some(found)) = self.hub.object(&key).await else { return };
        if found.pointer("/spec/holderIdentity").and_then(Value::as_str) == Some(&self.identity()) {
            let uid = found.pointer("/metadata/uid").and_then(Value::as_str);
            // What cannot be given back runs out by itself.
            drop(self.hub.delete(&key, uid, Permit::by_the_lock()).await);
        }
    }
}

fn identity(machine: &str, number: u64) -> String {
    format!("{machine}/{number}")
}

fn put_spec(lease: &mut Value, spec: Value) {
    if let Some(lease) = lease.as_object_mut() {
        lease.insert("spec".to_owned(), spec);
    }
}
