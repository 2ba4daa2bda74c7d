//! Requests of one process: through the gate, to a server, and back.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use lgtm_planner::{
    digest::Digest,
    fingerprint::FIELD_MANAGER,
    inventory::{Inventory, State as Progress},
    object::{Object, ObjectKey},
    observed::Live,
    plan::StepId,
    unit::{ClusterContent, UnitName},
};
use lgtm_topology::{ClusterName, TopologyName};
use serde_json::Value;
use tokio::{sync::watch, time::Instant};

use super::{
    answer::{Answer, Refusal, none_if_missing},
    faults::{Fault, refusal},
    log::{Entry, Verb},
    records::lease_key,
    seed::Random,
    server::{Apply, Server},
    universe::{SimCluster, State, Universe, steal},
};
use crate::world::Failure;

/// How long a request is waited for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// One process and what it works on.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) universe: Arc<Universe>,
    pub(super) machine: String,
    pub(super) number: u64,
    pub(super) topology: TopologyName,
    pub(super) hub: ClusterName,
    pub(super) hub_content: ClusterContent,
    pub(super) died: watch::Sender<bool>,
    pub(super) random: Mutex<Random>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) verb: Verb,
    pub(super) key: Option<ObjectKey>,
    pub(super) content: Option<Digest>,
    pub(super) record: Option<(UnitName, Progress, Digest)>,
    pub(super) step: Option<StepId>,
}

impl Request {
    pub(super) fn new(verb: Verb, step: Option<&StepId>) -> Self {
        Self { verb, key: None, content: None, record: None, step: step.cloned() }
    }
}

impl Process {
    async fn on_the_way(&self) {
        let (least, most) = self.universe.pace.latency;
        let millis = {
            let mut random = self.random.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            least + random.below(most.saturating_sub(least) + 1)
        };
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    /// A request that may have an effect outside, through everything that can go wrong with it. `act` says
    /// whether it changed anything.
    pub(super) async fn pass<T>(
        &self,
        cluster: &ClusterName,
        request: Request,
        act: impl FnOnce(&mut State, Instant) -> Answer<(T, bool)>,
    ) -> Answer<T> {
        let sent = self.universe.elapsed();
        self.on_the_way().await;
        let late = self.universe.state().gate.lateness((&self.machine, cluster), self.universe.elapsed());
        tokio::time::sleep(late).await;
        let (answer, delay) = self.arrive(cluster, request, sent, act);
        if !self.is_alive() {
            // A dead process hears nothing more, and its tasks are about to be dropped.
            return pending().await;
        }
        if delay >= REQUEST_TIMEOUT {
            tokio::time::sleep(REQUEST_TIMEOUT).await;
            return Err(Refusal::NoAnswer("no answer within 10 s".to_owned()));
        }
        tokio::time::sleep(delay).await;
        self.on_the_way().await;
        if !self.is_alive() {
            return pending().await;
        }
        answer
    }

    fn arrive<T>(
        &self,
        cluster: &ClusterName,
        request: Request,
        sent: Duration,
        act: impl FnOnce(&mut State, Instant) -> Answer<(T, bool)>,
    ) -> (Answer<T>, Duration) {
        let elapsed = self.universe.elapsed();
        let way = (self.machine.as_str(), cluster);
        let mut state = self.universe.state();
        let reset = |text: &str| Err(Refusal::NoAnswer(text.to_owned()));
        if !state.alive.contains(&self.number) {
            return (reset("the process is dead"), Duration::ZERO);
        }
        let of_the_machine = matches!(request.verb, Verb::MakeCluster | Verb::DeleteCluster | Verb::Note);
        if !of_the_machine && let Some(delay) = state.gate.outage(way, elapsed) {
            return (reset("connection refused"), delay);
        }
        let is_write = request.verb != Verb::Read;
        let slowness = state.gate.slowness(way, elapsed).map(Fault::Slow);
        let fault = state.gate.meet(is_write).or(slowness);
        match fault {
            Some(Fault::Die) => {
                self.die(&mut state);
                return (reset("the process is dead"), Duration::ZERO);
            }
            Some(Fault::ResetBefore) if !of_the_machine => {
                return (reset("connection reset by peer"), Duration::ZERO);
            }
            Some(Fault::Refuse(code, after)) if !of_the_machine => {
                return (Err(refusal(code, after)), Duration::ZERO);
            }
            Some(Fault::Steal) => {
                let (now, renewed) = (Instant::now(), self.universe.millis());
                if steal(&mut state.clusters, &self.hub, &lease_key(&self.topology), renewed, now) {
                    state.gate.stolen = Some(elapsed);
                }
            }
            Some(Fault::DieAfter | Fault::ResetAfter | Fault::Slow(_) | Fault::ResetBefore)
            | Some(Fault::Refuse(..))
            | None => {}
        }
        let stale = state.gate.writes;
        if is_write && let Some(name) = state.gate.faults.stale_from.remove(&stale) {
            let seen = state.clusters.get(&name).cloned();
            state.stale.extend(seen.map(|seen| (name, seen)));
        }
        let now = Instant::now();
        let answer = act(&mut state, now);
        if is_write && let Ok((_, changed)) = &answer {
            let Request { verb, key, content, record, step } = request;
            let (process, cluster, changed) = (self.number, cluster.clone(), *changed);
            let at = elapsed;
            let entry = Entry { sent, at, process, cluster, step, verb, key, content, changed, record };
            state.log.push(entry);
        }
        match fault {
            Some(Fault::DieAfter) => {
                self.die(&mut state);
                (reset("the process is dead"), Duration::ZERO)
            }
            Some(Fault::ResetAfter) if !of_the_machine => {
                state.gate.lost += 1;
                (reset("connection reset by peer"), Duration::ZERO)
            }
            Some(Fault::Slow(millis)) => (answer.map(|(value, _)| value), Duration::from_millis(millis)),
            _ => (answer.map(|(value, _)| value), Duration::ZERO),
        }
    }

    fn die(&self, state: &mut State) {
        state.alive.remove(&self.number);
        state.lock_files.retain(|_, holder| *holder != self.number);
        self.died.send_replace(true);
    }

    pub(super) fn is_alive(&self) -> bool {
        self.universe.state().alive.contains(&self.number)
    }
}

/// That it was asked whether writing is allowed. Each write takes one.
#[must_use = "a permit is for one write"]
#[derive(Debug)]
pub(super) struct Permit(());

impl Permit {
    /// Whoever says that writing is allowed is the lock, and the lock alone.
    pub(super) fn by_the_lock() -> Self {
        Self(())
    }
}

/// A connection to one cluster, for one step or for none.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) process: Arc<Process>,
    pub(super) cluster: ClusterName,
    pub(super) step: Option<StepId>,
    /// Whether an outdated answer may come; only looks take one.
    pub(super) stale: bool,
}

impl Api {
    async fn send<T>(
        &self,
        verb: Verb,
        key: Option<&ObjectKey>,
        content: Option<Digest>,
        record: Option<(UnitName, Progress, Digest)>,
        act: impl FnOnce(&mut Server, Instant) -> Answer<T>,
    ) -> Answer<T> {
        let request = Request { verb, key: key.cloned(), content, record, step: self.step.clone() };
        let stale = self.stale;
        self.process
            .pass(&self.cluster, request, |state, now| {
                let State { clusters, stale: outdated, .. } = state;
                let cluster = if stale { outdated.get_mut(&self.cluster) } else { None };
                let cluster = cluster.or_else(|| clusters.get_mut(&self.cluster));
                let Some(SimCluster { server, .. }) = cluster.filter(|cluster| !cluster.stopped) else {
                    return Err(Refusal::NoAnswer("there is no such server".to_owned()));
                };
                server.tick(now);
                let before = server.revision();
                let answer = act(server, now)?;
                Ok((answer, server.revision() != before))
            })
            .await
    }

    /// A read of anything.
    pub(super) async fn read<T>(&self, look: impl FnOnce(&Server) -> T) -> Answer<T> {
        self.send(Verb::Read, None, None, None, |server, _| Ok(look(server))).await
    }

    pub(super) async fn object(&self, key: &ObjectKey) -> Answer<Option<Value>> {
        self.read(|server| server.get(key)).await
    }

    pub(super) async fn live(&self, key: &ObjectKey) -> Answer<Option<Live>> {
        self.read(|server| server.live(key)).await
    }

    /// Applies an object under lgtmctl's field manager and returns it as it is then.
    pub(super) async fn apply(&self, object: &Object, _: Permit) -> Answer<Value> {
        let how = Apply { manager: FIELD_MANAGER, force: true, dry_run: false };
        let content = Some(Digest::of_json(object.value()));
        let apply = |server: &mut Server, now| server.apply(object, how, now);
        self.send(Verb::Apply, Some(&object.key()), content, None, apply).await
    }

    /// Applies an inventory's ConfigMap, which the log tells from others.
    pub(super) async fn apply_record(
        &self,
        object: &Object,
        inventory: &Inventory,
        _: Permit,
    ) -> Answer<Value> {
        let how = Apply { manager: FIELD_MANAGER, force: true, dry_run: false };
        let record = (inventory.unit.clone(), inventory.state, inventory.digest.clone());
        let content = Some(Digest::of_json(object.value()));
        let apply = |server: &mut Server, now| server.apply(object, how, now);
        self.send(Verb::Apply, Some(&object.key()), content, Some(record), apply).await
    }

    /// A server-side apply that changes nothing.
    pub(super) async fn dry_run(&self, object: &Object, force: bool) -> Answer<Value> {
        let how = Apply { manager: FIELD_MANAGER, force, dry_run: true };
        self.send(Verb::Read, None, None, None, |server, now| server.apply(object, how, now)).await
    }

    /// A forced apply of one field under another manager.
    pub(super) async fn apply_as(&self, manager: &str, object: &Object, _: Permit) -> Answer<Value> {
        let how = Apply { manager, force: true, dry_run: false };
        let apply = |server: &mut Server, now| server.apply(object, how, now);
        self.send(Verb::Apply, Some(&object.key()), None, None, apply).await
    }

    pub(super) async fn create(&self, key: &ObjectKey, value: &Value, _: Permit) -> Answer<Value> {
        let content = Some(Digest::of_json(value));
        self.send(Verb::Create, Some(key), content, None, |server, now| {
            server.create(value, FIELD_MANAGER, now)
        })
        .await
    }

    /// Changes an object in place, if it is still the one that `is_same` knows.
    pub(super) async fn update(
        &self,
        key: &ObjectKey,
        is_same: impl FnOnce(&Value) -> bool,
        change: impl FnOnce(&mut Value),
        _: Permit,
    ) -> Answer<Value> {
        self.send(Verb::Update, Some(key), None, None, |server, now| {
            let live = server.get(key).ok_or_else(|| Refusal::status(404, format!("{key} not found")))?;
            if !is_same(&live) {
                return Err(Refusal::status(409, "the object has been modified"));
            }
            server.edit(key, FIELD_MANAGER, now, change)
        })
        .await
    }

    /// Writes `managedFields` themselves, if the object is still as it was seen. One that is gone needs none.
    pub(super) async fn write_owners(
        &self,
        key: &ObjectKey,
        seen: &Value,
        entries: &Value,
        _: Permit,
    ) -> Answer<()> {
        let version = seen.pointer("/metadata/resourceVersion");
        let written = self
            .send(Verb::Update, Some(key), None, None, |server, now| {
                let live = server.get(key).ok_or_else(|| Refusal::status(404, format!("{key} not found")))?;
                if live.pointer("/metadata/resourceVersion") != version {
                    return Err(Refusal::status(409, "the object has been modified"));
                }
                server.write_owners(key, entries, now)
            })
            .await;
        none_if_missing(written).map(drop)
    }

    /// Deletes an object if it still is the one with this uid. Says whether there was one.
    pub(super) async fn delete(&self, key: &ObjectKey, uid: Option<&str>, _: Permit) -> Answer<bool> {
        let deleted =
            self.send(Verb::Delete, Some(key), None, None, |server, now| server.delete(key, uid, now)).await;
        match deleted {
            Ok(()) => Ok(true),
            Err(refusal) if refusal.code() == Some(404) => Ok(false),
            Err(refusal) if refusal.code() == Some(409) => match self.live(key).await? {
                None => Ok(false),
                // Another object of the same name is not ours to delete.
                Some(live) if uid.is_some_and(|uid| live.uid != uid) => Ok(false),
                Some(live) if live.deleting.is_some() => Ok(true),
                // Any other conflict says nothing of the object: it is still there.
                Some(_) => Err(refusal),
            },
            Err(refusal) => Err(refusal),
        }
    }

    pub(super) fn failure(&self, doing: &str, refusal: Refusal) -> Failure {
        refusal.into_failure(&self.cluster, doing)
    }
}
