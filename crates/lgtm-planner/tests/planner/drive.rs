//! Planning and applying as the executor does it, one step at a time.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::{
    desired::{Capabilities, Desired, desire},
    fact::Facts,
    observed::Observed,
    plan::{
        Action, Change, Decision, Inputs, Plan, PlanError, PlanOptions, Rendered, Step, StepId, assess,
        assess_material, assess_unit, decide, known_facts, plan,
    },
    unit::UnitId,
};
use lgtm_topology::{ClusterName, Topology};

use crate::{
    model::{Cut, World},
    render::{render, render_all},
};

/// A plan and what it was made from.
pub(crate) struct Prepared {
    pub(crate) desired: Desired,
    pub(crate) plan: Plan,
    observed: Observed,
    rendered: BTreeMap<UnitId, Rendered>,
    facts: Facts,
    options: PlanOptions,
}

/// What an apply came to.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    pub(crate) done: BTreeSet<StepId>,
    /// Steps that could not be decided although their turn came.
    pub(crate) stuck: BTreeMap<StepId, String>,
    pub(crate) cut: bool,
}

impl Prepared {
    pub(crate) fn inputs(&self) -> Inputs<'_> {
        Inputs {
            desired: &self.desired,
            observed: &self.observed,
            rendered: &self.rendered,
            facts: &self.facts,
            options: &self.options,
        }
    }
}

/// Looks at the world and plans.
pub(crate) fn prepare(
    world: &World,
    topology: &Topology,
    options: &PlanOptions,
) -> Result<Prepared, Vec<PlanError>> {
    let desired = desire(topology, &Capabilities::default()).expect("the topology has no circle");
    prepare_desired(world, desired, options)
}

/// The same, with units that no topology asks for.
pub(crate) fn prepare_desired(
    world: &World,
    desired: Desired,
    options: &PlanOptions,
) -> Result<Prepared, Vec<PlanError>> {
    let mut observed = world.observe(&desired);
    observed.examined = assess_material(&desired, &observed, options.refresh_full)
        .into_iter()
        .map(|(unit, wanted)| (unit.clone(), world.examine_material(&unit, &wanted)))
        .collect();
    let facts = known_facts(&desired, &observed);
    let answering = desired.units.values().filter(|unit| !observed.is_unreachable(&unit.id.cluster));
    let rendered = render_all(answering, &facts);
    let inputs =
        Inputs { desired: &desired, observed: &observed, rendered: &rendered, facts: &facts, options };
    let wanted = assess(&inputs).map_err(|problem| vec![problem])?;
    observed.examined.extend(wanted.into_iter().map(|(unit, objects)| {
        let examined = world.examine(&unit, &objects);
        (unit, examined)
    }));
    let inputs =
        Inputs { desired: &desired, observed: &observed, rendered: &rendered, facts: &facts, options };
    let plan = plan(&inputs)?;
    Ok(Prepared { desired, plan, observed, rendered, facts, options: options.clone() })
}

/// Performs the plan. `choose` picks one of so many steps that could be next.
pub(crate) fn apply(
    world: &mut World,
    mut prepared: Prepared,
    mut choose: impl FnMut(usize) -> usize,
) -> Applied {
    let mut open: BTreeMap<StepId, Step> =
        prepared.plan.steps.iter().map(|step| (step.id.clone(), step.clone())).collect();
    let planned: BTreeSet<StepId> = open.keys().cloned().collect();
    let mut applied = Applied::default();
    let mut fresh = BTreeSet::new();
    open.retain(|_, step| step.change != Change::Blocked);
    loop {
        let ready: Vec<StepId> = open
            .values()
            .filter(|step| {
                step.needs.iter().all(|need| applied.done.contains(need) || !planned.contains(need))
            })
            .map(|step| step.id.clone())
            .collect();
        if ready.is_empty() {
            return applied;
        }
        let id = ready[choose(ready.len())].clone();
        let step = open.remove(&id).expect("it was among the open ones");
        let action = match decide_step(world, &mut prepared, &fresh, &step) {
            Ok(Some(action)) => action,
            Ok(None) => {
                let inventory = prepared.observed.inventory(&id.unit);
                let facts = inventory.map(|inventory| inventory.facts.clone()).unwrap_or_default();
                prepared.facts.insert(id.unit.clone(), facts);
                applied.done.insert(id);
                continue;
            }
            Err(reason) => {
                applied.stuck.insert(id, reason);
                continue;
            }
        };
        let existed = world.clusters.contains_key(&id.unit.cluster);
        match world.perform(&prepared.desired, &id, &action) {
            Err(Cut) => {
                applied.cut = true;
                return applied;
            }
            Ok(facts) if !id.removal => {
                prepared.facts.insert(id.unit.clone(), facts);
            }
            Ok(_) => {}
        }
        if let Action::EnsureCluster(_) = action {
            let cluster = &id.unit.cluster;
            if !existed {
                fresh.insert(cluster.clone());
            }
            let seen = world.observe_cluster(&prepared.desired, cluster);
            prepared.observed.clusters.insert(cluster.clone(), seen);
        }
        applied.done.insert(id);
    }
}

/// The step's action with the facts of now; none when there is nothing to do after all.
fn decide_step(
    world: &World,
    prepared: &mut Prepared,
    fresh: &BTreeSet<ClusterName>,
    step: &Step,
) -> Result<Option<Action>, String> {
    if let Some(action) = &step.action
        && !is_stale(prepared, action)
    {
        return Ok(Some(action.clone()));
    }
    let id = &step.id.unit;
    let unit = prepared.desired.units.get(id).ok_or("a removal has its action in the plan")?.clone();
    if let Some(rendered) = render(&unit, &prepared.facts) {
        prepared.rendered.insert(id.clone(), rendered);
    }
    if !fresh.contains(&id.cluster)
        && let Some(rendered) = prepared.rendered.get(id)
    {
        let objects = assess_unit(&prepared.inputs(), &unit, rendered).map_err(|e| e.to_string())?;
        if !objects.is_empty() {
            let examined = world.examine(id, &objects);
            prepared.observed.examined.insert(id.clone(), examined);
        }
    }
    let decision: Decision = decide(&prepared.inputs(), &unit).map_err(|e| e.to_string())?;
    if decision.needs_permission {
        return Err("it needs permission".to_owned());
    }
    match decision.change {
        Some(Change::Later | Change::Blocked) => Err(format!("it waits for {:?}", decision.waits_for)),
        Some(_) | None => Ok(decision.action),
    }
}

fn is_stale(prepared: &Prepared, action: &Action) -> bool {
    let Action::Apply(apply) = action else { return false };
    apply.used.iter().any(|used| {
        let now = prepared.facts.get(&used.fact.unit).and_then(|facts| facts.get(&used.fact.name));
        now.is_some_and(|now| now != &used.value)
    })
}
