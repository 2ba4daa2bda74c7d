//! Performing a plan.
//!
//! One pass: every step is tried, with retries for failures that may pass, and the report says what
//! was and was not done. Convergence is the caller's loop, or the user's next run. Interrupting lets
//! running steps end and starts no more.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lgtm_planner::{
    graph,
    inventory::Took,
    observed::ClusterObserved,
    plan::{Action, Change, Decision, PlanError, Step, StepId, assess_unit, decide},
    unit::UnitId,
};
use lgtm_topology::ClusterName;
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tracing::Instrument as _;

use crate::{
    event::{Event, Events, Summary},
    prepare::{Prepared, request},
    scheduler::{Effect, Input, Limits, Node, Scheduler},
    world::{ClusterRef, Done, Examination, Failure, Kind, Outcome, World},
};

/// How to apply.
#[derive(Clone, Copy, Debug)]
pub struct ApplyOptions {
    /// How many steps may run at once.
    pub limits: Limits,
    /// How often a step is tried before it has failed.
    pub tries: u32,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self { limits: Limits { total: 16, per_cluster: 6 }, tries: 6 }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Steps that are done, with what they did.
    pub done: BTreeMap<StepId, Outcome>,
    /// Steps that failed.
    pub failed: BTreeMap<StepId, Failure>,
    /// Steps that were not begun, with the one before them that was not done.
    pub skipped: BTreeMap<StepId, StepId>,
    /// Steps that the plan held back, with its reasons: their cluster does not answer or is another one.
    pub blocked: BTreeMap<StepId, Vec<String>>,
    /// Clusters that did not answer.
    pub unreachable: BTreeMap<ClusterName, String>,
    /// Whether the user interrupted it.
    pub interrupted: bool,
    /// Figures.
    pub summary: Summary,
}

impl Report {
    /// Whether everything was done.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty()
            && self.skipped.is_empty()
            && self.blocked.is_empty()
            && self.unreachable.is_empty()
            && !self.interrupted
    }
}

/// What steps share while they run.
struct Session {
    prepared: Mutex<Prepared>,
    /// Clusters that this run made: nothing can be on them that would have to be compared with.
    fresh: Mutex<BTreeSet<ClusterName>>,
    events: Events,
    tries: u32,
}

impl Session {
    fn with<T>(&self, look: impl FnOnce(&mut Prepared) -> T) -> T {
        look(&mut self.prepared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Performs the plan. The caller holds the lock of the topology.
pub async fn apply<W: World>(
    world: &Arc<W>,
    prepared: Prepared,
    options: ApplyOptions,
    events: &Events,
    mut interrupt: watch::Receiver<bool>,
) -> Report {
    let begun = Instant::now();
    let plan = prepared.plan.clone();
    let steps: BTreeMap<StepId, Step> =
        plan.steps.iter().map(|step| (step.id.clone(), step.clone())).collect();
    let needs: BTreeMap<StepId, BTreeSet<StepId>> =
        steps.iter().map(|(id, step)| (id.clone(), step.needs.clone())).collect();
    let order: Vec<StepId> = plan.steps.iter().map(|step| step.id.clone()).collect();
    let (_, expected) =
        graph::longest_path(&order, &needs, |id| steps.get(id).map_or(0, |step| step.estimate));
    events.tell(Event::Started {
        steps: plan.steps.iter().map(|step| (step.id.clone(), step.change)).collect(),
        longest_path: expected,
    });
    let nodes = plan.steps.iter().map(|step| Node {
        id: step.id.clone(),
        needs: step.needs.clone(),
        weight: step.estimate,
        blocked: step.change == Change::Blocked,
    });
    let mut scheduler = Scheduler::new(nodes, options.limits);
    let session = Arc::new(Session {
        prepared: Mutex::new(prepared),
        fresh: Mutex::new(BTreeSet::new()),
        events: events.clone(),
        tries: options.tries,
    });
    let blocked = plan.steps.iter().filter(|step| step.change == Change::Blocked);
    let mut report = Report {
        blocked: blocked.map(|step| (step.id.clone(), step.reasons.clone())).collect(),
        unreachable: plan.unreachable.clone(),
        ..Report::default()
    };
    let mut times: BTreeMap<StepId, Took> = BTreeMap::new();
    let mut running = JoinSet::new();
    let mut effects = scheduler.begin();
    loop {
        for effect in std::mem::take(&mut effects) {
            match effect {
                Effect::Start(id) => {
                    if let Some(step) = steps.get(&id).cloned() {
                        let (world, session) = (Arc::clone(world), Arc::clone(&session));
                        let span = step_span(&id);
                        let work = async move { (step.id.clone(), run(&*world, &session, step).await) };
                        running.spawn(work.instrument(span));
                    }
                }
                Effect::Skip { step, because } => {
                    events.tell(Event::StepSkipped { step: step.clone(), because: because.clone() });
                    report.skipped.insert(step, because);
                }
                Effect::Finish => {}
            }
        }
        let joined = tokio::select! {
            joined = running.join_next() => match joined {
                Some(joined) => joined,
                None => break,
            },
            changed = interrupt.changed(), if !report.interrupted => {
                if changed.is_ok() && *interrupt.borrow() {
                    report.interrupted = true;
                    effects = scheduler.handle(Input::Stop);
                } else if changed.is_err() {
                    // Nobody can interrupt any more; wait for the steps alone.
                    interrupt = watch::channel(false).1;
                    std::future::ready(()).await;
                }
                continue;
            }
        };
        effects = match joined {
            Ok((id, Ok(done))) => {
                times.insert(id.clone(), done.took);
                report.done.insert(id.clone(), done.outcome);
                events.tell(Event::StepDone {
                    step: id.clone(),
                    outcome: done.outcome,
                    took: done.took,
                    remarks: done.remarks,
                });
                scheduler.handle(Input::Done(id))
            }
            Ok((id, Err(failed))) => fail(&mut scheduler, &mut report, events, id, failed),
            Err(error) => {
                // A step's task ends only by a bug that panicked; which step it was is not known any
                // more, so nothing further starts.
                let id = StepId::ensure(UnitId::new(&ClusterName::new("lgtmctl"), "internal"));
                let failure = Failure::new(Kind::Permanent, format!("a step ended by a bug: {error}"));
                report.failed.insert(id, failure);
                scheduler.handle(Input::Stop)
            }
        };
    }
    report.summary = summary(begun, &order, &needs, &times);
    events.tell(Event::Finished(report.summary.clone()));
    report
}

fn step_span(id: &StepId) -> tracing::Span {
    tracing::info_span!("step", what = %id, cluster = %id.unit.cluster, unit = %id.unit.name)
}

fn fail(
    scheduler: &mut Scheduler,
    report: &mut Report,
    events: &Events,
    id: StepId,
    Failed { failure, is_locked_out }: Failed,
) -> Vec<Effect> {
    if failure.kind == Kind::Unreachable {
        let cluster = failure.cluster.clone().unwrap_or_else(|| id.unit.cluster.clone());
        if report.unreachable.insert(cluster.clone(), failure.message.clone()).is_none() {
            events.tell(Event::Unreachable { cluster, reason: failure.message.clone() });
        }
    }
    events.tell(Event::StepFailed { step: id.clone(), failure: failure.clone() });
    let mut effects = Vec::new();
    if is_locked_out {
        effects = scheduler.handle(Input::Stop);
    }
    report.failed.insert(id.clone(), failure);
    effects.extend(scheduler.handle(Input::Failed(id)));
    effects
}

fn summary(
    begun: Instant,
    order: &[StepId],
    needs: &BTreeMap<StepId, BTreeSet<StepId>>,
    times: &BTreeMap<StepId, Took>,
) -> Summary {
    let took = |id: &StepId| times.get(id).copied().unwrap_or_default();
    let (path, length) = graph::longest_path(order, needs, |id| took(id).work + took(id).wait);
    Summary {
        wall: millis(begun.elapsed()),
        longest_path: length,
        longest_path_waiting: path.iter().map(|id| took(id).wait).sum(),
        path: path.iter().map(ToString::to_string).collect(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A step that has failed for good.
struct Failed {
    failure: Failure,
    /// Whether the lock cannot be held: whatever else began would only find the same.
    is_locked_out: bool,
}

/// Runs one step: decides it if that had to wait, then performs it, again and again while that helps.
async fn run<W: World>(world: &W, session: &Session, step: Step) -> Result<Done, Failed> {
    session.events.tell(Event::StepStarted { step: step.id.clone() });
    let begun = Instant::now();
    let mut attempt = 0;
    loop {
        match attempt_once(world, session, &step).await {
            Ok(mut done) => {
                // The world knows what was waiting; everything else, retries too, was work.
                done.took.work = millis(begun.elapsed()).saturating_sub(done.took.wait);
                return Ok(done);
            }
            Err(failure) => {
                attempt += 1;
                let passing = matches!(failure.kind, Kind::Transient | Kind::Unreachable);
                if !passing || attempt >= session.tries {
                    let is_locked_out = match failure.kind {
                        Kind::Locked => true,
                        Kind::Unreachable => world.check_lock(&step.id).await.is_err(),
                        Kind::Transient | Kind::Permanent | Kind::Environment => false,
                    };
                    return Err(Failed { failure, is_locked_out });
                }
                let delay = failure.retry_after.unwrap_or_else(|| backoff(attempt));
                session.events.tell(Event::Retrying { step: step.id.clone(), failure, delay: millis(delay) });
                let pause = tracing::debug_span!("pause before the next try", attempt);
                tokio::time::sleep(delay).instrument(pause).await;
            }
        }
    }
}

/// 250 ms, doubled with each try, 8 s at most: an API server that restarts is back within the sum.
fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(250 * (1 << attempt.saturating_sub(1).min(5)))
}

async fn attempt_once<W: World>(world: &W, session: &Session, step: &Step) -> Result<Done, Failure> {
    if step.needs_permission {
        return Err(not_permitted(&step.id.unit));
    }
    world.check_lock(&step.id).await?;
    let action = match current_action(session, step) {
        Some(action) => action,
        None => {
            let decision = decide_now(world, session, step).await?;
            session.events.tell(Event::Decided { step: step.id.clone(), change: decision.change });
            match decision.action {
                Some(action) => action,
                None => {
                    let facts = session.with(|prepared| {
                        prepared.observed.inventory(&step.id.unit).map(|inventory| inventory.facts.clone())
                    });
                    let facts = facts.unwrap_or_default();
                    session.with(|prepared| prepared.facts.insert(step.id.unit.clone(), facts.clone()));
                    let (outcome, took) = (Outcome::Unchanged, Took::default());
                    return Ok(Done { outcome, facts, took, remarks: decision.reasons });
                }
            }
        }
    };
    let desired = session.with(|prepared| Arc::clone(&prepared.desired));
    let done = world.perform(&desired, &step.id, &action, &session.events).await?;
    if !step.id.removal {
        session.with(|prepared| prepared.facts.insert(step.id.unit.clone(), done.facts.clone()));
    }
    if let Action::EnsureCluster(content) = &action {
        let cluster = &step.id.unit.cluster;
        let seen = world.observe(&desired.topology, cluster, &ClusterRef::Wanted(content.clone())).await?;
        if done.outcome == Outcome::Created {
            session.fresh.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster.clone());
        }
        if let ClusterObserved::Unreachable { reason } = &seen {
            return Err(Failure::new(Kind::Unreachable, reason.clone()));
        }
        session.with(|prepared| prepared.observed.clusters.insert(cluster.clone(), seen));
    }
    Ok(done)
}

/// The action of the plan, unless a fact that went into it has changed since.
fn current_action(session: &Session, step: &Step) -> Option<Action> {
    let action = step.action.as_ref()?;
    if let Action::Apply(apply) = action {
        let stale = session.with(|prepared| {
            apply.used.iter().any(|used| {
                let now = prepared.facts.get(&used.fact.unit).and_then(|facts| facts.get(&used.fact.name));
                now.is_some_and(|now| now != &used.value)
            })
        });
        if stale {
            return None;
        }
    }
    Some(action.clone())
}

/// Decides a step with the facts of now: renders it, compares it, and asks the planner.
async fn decide_now<W: World>(world: &W, session: &Session, step: &Step) -> Result<Decision, Failure> {
    let id = &step.id.unit;
    let lost = || Failure::new(Kind::Permanent, format!("{id} is not a unit of the topology"));
    let wanted = session.with(|prepared| {
        let unit = prepared.desired.units.get(id).cloned()?;
        let request = request(&prepared.desired, &prepared.observed, &prepared.facts, &unit);
        Some((unit, request))
    });
    let (unit, wanted) = wanted.ok_or_else(lost)?;
    let topology = session.with(|prepared| prepared.desired.topology.clone());
    if let Some(wanted) = wanted {
        let rendered = world.render(wanted).await?;
        session.with(|prepared| prepared.rendered.insert(id.clone(), rendered));
    }
    let fresh = session.fresh.lock().unwrap_or_else(PoisonError::into_inner).contains(&id.cluster);
    if !fresh {
        let objects = session.with(|prepared| {
            let inputs = prepared.inputs();
            inputs.rendered.get(id).map_or(Ok(Vec::new()), |rendered| assess_unit(&inputs, &unit, rendered))
        });
        let objects = objects.map_err(|problem| plan_failure(&problem))?;
        if !objects.is_empty() {
            let examined = world.examine(&topology, id, Examination::Objects(objects)).await?;
            session.with(|prepared| prepared.observed.examined.insert(id.clone(), examined));
        }
    }
    let decision = session.with(|prepared| decide(&prepared.inputs(), &unit));
    let decision = decision.map_err(|problem| plan_failure(&problem))?;
    if decision.needs_permission {
        return Err(not_permitted(id));
    }
    if decision.change == Some(Change::Later) || decision.change == Some(Change::Blocked) {
        let waits: Vec<String> = decision.waits_for.iter().map(ToString::to_string).collect();
        let message = format!("{id} still waits for {}", waits.join(", "));
        return Err(Failure::new(Kind::Permanent, message));
    }
    Ok(decision)
}

fn not_permitted(unit: &UnitId) -> Failure {
    let message = format!("{unit} would lose something that cannot be brought back");
    let help = format!("look at `lgtmctl plan`, then allow it with --allow-replace {unit}");
    Failure::new(Kind::Permanent, message).with_help(help)
}

fn plan_failure(problem: &PlanError) -> Failure {
    Failure::new(Kind::Permanent, problem.to_string())
}
