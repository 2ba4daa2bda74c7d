//! Deciding: one unit at a time, then the whole plan.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_topology::ClusterName;

use super::{Action, Change, Inputs, ObjectChange, Plan, PlanError, Step, StepId, material, objects, remove};
use crate::{
    fact::{FactRef, references},
    graph,
    inventory::Connection,
    observed::ClusterObserved,
    unit::{ClusterContent, Content, Unit, UnitId},
};

/// What is decided about one unit.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What happens; none when the unit is as it must be.
    pub change: Option<Change>,
    /// Why.
    pub reasons: Vec<String>,
    /// What happens to its objects.
    pub objects: Vec<ObjectChange>,
    /// Facts that its content waits for.
    pub waits_for: Vec<FactRef>,
    /// Whether the user must allow it by name.
    pub needs_permission: bool,
    /// How it is done.
    pub action: Option<Action>,
}

impl Decision {
    /// Nothing to do.
    pub(super) fn unchanged() -> Self {
        Self {
            change: None,
            reasons: Vec::new(),
            objects: Vec::new(),
            waits_for: Vec::new(),
            needs_permission: false,
            action: None,
        }
    }

    pub(super) fn act(change: Change, action: Action) -> Self {
        Self { change: Some(change), action: Some(action), ..Self::unchanged() }
    }

    pub(super) fn later() -> Self {
        Self { change: Some(Change::Later), ..Self::unchanged() }
    }

    fn blocked(reason: String) -> Self {
        Self { change: Some(Change::Blocked), reasons: vec![reason], ..Self::unchanged() }
    }
}

/// Decides about one unit.
pub fn decide(inputs: &Inputs<'_>, unit: &Unit) -> Result<Decision, PlanError> {
    let cluster = &unit.id.cluster;
    match inputs.observed.clusters.get(cluster) {
        Some(ClusterObserved::Unreachable { reason }) => {
            return Ok(Decision::blocked(format!("{cluster} does not answer: {reason}")));
        }
        Some(ClusterObserved::Stopped) if !matches!(unit.content, Content::Cluster(_)) => {
            return Ok(Decision {
                reasons: vec![format!("decided when {cluster} runs again")],
                ..Decision::later()
            });
        }
        Some(ClusterObserved::Stopped | ClusterObserved::Absent | ClusterObserved::Reachable(_)) | None => {}
    }
    match &unit.content {
        Content::Cluster(content) => Ok(decide_cluster(inputs, unit, content)),
        Content::Enrolment => Ok(decide_enrolment(inputs, unit)),
        Content::Material(content) => {
            let allowed = inputs.options.allow_replace.contains(&unit.id);
            Ok(material::decide(unit, content, inputs.desired, inputs.observed, inputs.facts, allowed))
        }
        Content::Objects(_) | Content::Release(_) | Content::Manifests(_) => {
            match inputs.rendered.get(&unit.id) {
                Some(rendered) => objects::decide(inputs, unit, rendered),
                None => Ok(Decision { waits_for: missing_facts(inputs, unit), ..Decision::later() }),
            }
        }
    }
}

fn missing_facts(inputs: &Inputs<'_>, unit: &Unit) -> Vec<FactRef> {
    let Content::Release(release) = &unit.content else { return Vec::new() };
    let known =
        |fact: &FactRef| inputs.facts.get(&fact.unit).is_some_and(|facts| facts.contains_key(&fact.name));
    references(&release.values).into_iter().filter(|fact| !known(fact)).collect()
}

fn decide_cluster(inputs: &Inputs<'_>, unit: &Unit, content: &ClusterContent) -> Decision {
    let cluster = &unit.id.cluster;
    let (change, reason) = match inputs.observed.clusters.get(cluster) {
        Some(ClusterObserved::Reachable(state)) if state.settled => return Decision::unchanged(),
        Some(ClusterObserved::Reachable(_)) => (Change::Update, "its nodes are not as the topology says"),
        Some(ClusterObserved::Stopped) => (Change::Repair, "its processes do not run"),
        Some(ClusterObserved::Absent | ClusterObserved::Unreachable { .. }) | None => {
            if inputs.observed.fleet.get(cluster).is_some_and(|entry| entry.made) {
                (Change::Repair, "it was deleted by another hand")
            } else {
                (Change::Create, "new")
            }
        }
    };
    Decision {
        reasons: vec![reason.to_owned()],
        ..Decision::act(change, Action::EnsureCluster(content.clone()))
    }
}

fn decide_enrolment(inputs: &Inputs<'_>, unit: &Unit) -> Decision {
    let cluster = &unit.id.cluster;
    let Some(content) = inputs.desired.cluster(cluster) else { return Decision::unchanged() };
    let action = Action::Enrol(content.clone());
    let act = |change, reason: &str| Decision {
        reasons: vec![reason.to_owned()],
        ..Decision::act(change, action.clone())
    };
    let state = inputs.observed.state(cluster);
    if inputs.observed.is_unreachable(&inputs.desired.hub) && state.is_some_and(|state| state.enrolled) {
        // The fleet record cannot be read, which is no reason to think that the cluster is not in it.
        return Decision::unchanged();
    }
    match (state, inputs.observed.fleet.get(cluster)) {
        (None, Some(_)) => act(Change::Repair, "the cluster is made anew"),
        (_, None) => act(Change::Create, "new"),
        (Some(state), Some(entry)) if state.uid != entry.uid => {
            act(Change::Update, "the cluster is not the recorded one")
        }
        (Some(_), Some(entry)) if !entry.connection.matches(&content.provider) => {
            act(Change::Update, "it is reached in another way")
        }
        (Some(state), Some(_)) if !state.enrolled => {
            act(Change::Repair, "the namespace of lgtmctl's records is missing")
        }
        (Some(_), Some(_)) => Decision::unchanged(),
    }
}

/// Decides about everything.
///
/// The error names every problem that was found, at least one.
pub fn plan(inputs: &Inputs<'_>) -> Result<Plan, Vec<PlanError>> {
    let mut problems = check(inputs);
    let selected = select(inputs, &mut problems);
    let mut steps: BTreeMap<StepId, Step> = BTreeMap::new();
    let mut unchanged = BTreeSet::new();
    let mut behind = Behind::new();
    for unit in inputs.desired.ordered() {
        if !selected.as_ref().is_none_or(|selected| selected.contains(&unit.id)) {
            continue;
        }
        match decide(inputs, unit) {
            Ok(Decision { change: None, .. }) => {
                if !steps.is_empty() {
                    let steps = unit.needs.iter().flat_map(|need| steps_for(need, &steps, &behind));
                    behind.insert(unit.id.clone(), steps.collect());
                }
                unchanged.insert(unit.id.clone());
            }
            Ok(decision) => {
                let step = step_of(inputs, unit, decision, &steps, &behind);
                steps.insert(step.id.clone(), step);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if selected.is_none() {
        remove::add_removals(inputs, &mut steps);
    }
    let order = graph::order(steps.iter().map(|(id, step)| (id, &step.needs)))
        .map_err(|cycle| vec![PlanError::Cycle(cycle.into_iter().map(|id| id.unit).collect())])?;
    Ok(Plan {
        topology: inputs.desired.topology.clone(),
        steps: order.iter().filter_map(|id| steps.remove(id)).collect(),
        unchanged,
        unreachable: inputs.observed.unreachable(),
        notes: notes(inputs),
    })
}

/// The steps behind units that have none of their own. A unit that is as it must be still stands
/// between those that need it and what it needs: a Secret waits for the enrolment of its cluster also
/// when the namespace in between is there.
type Behind = BTreeMap<UnitId, BTreeSet<StepId>>;

/// The steps that must be done before a need counts as met.
fn steps_for(need: &UnitId, steps: &BTreeMap<StepId, Step>, behind: &Behind) -> BTreeSet<StepId> {
    let id = StepId::ensure(need.clone());
    match steps.get(&id) {
        // Nobody has to wait for what is blocked behind a unit that is as it must be.
        Some(step) if step.change == Change::Blocked => BTreeSet::new(),
        Some(_) => BTreeSet::from([id]),
        None => behind.get(need).cloned().unwrap_or_default(),
    }
}

fn step_of(
    inputs: &Inputs<'_>,
    unit: &Unit,
    decision: Decision,
    steps: &BTreeMap<StepId, Step>,
    behind: &Behind,
) -> Step {
    let mut needs = BTreeSet::new();
    let mut change = decision.change.unwrap_or(Change::Update);
    let mut reasons = decision.reasons;
    for need in &unit.needs {
        let id = StepId::ensure(need.clone());
        let Some(step) = steps.get(&id) else {
            needs.extend(steps_for(need, steps, behind));
            continue;
        };
        if step.change == Change::Blocked {
            // What is known of a cluster that does not answer was put into the content already; only
            // a unit that needs more than that has to wait for it.
            if need.cluster != unit.id.cluster && uses_facts_of(unit, need) {
                continue;
            }
            if change != Change::Blocked {
                change = Change::Blocked;
                reasons.insert(0, format!("waits for {need}, which is blocked"));
            }
        }
        needs.insert(id);
    }
    if change != Change::Blocked && inputs.observed.is_unreachable(&inputs.desired.hub) {
        // The hub holds the lock and the fleet record, so without it nothing may be written anywhere.
        change = Change::Blocked;
        reasons.insert(0, format!("the hub {} does not answer", inputs.desired.hub));
    }
    Step {
        id: StepId::ensure(unit.id.clone()),
        needs,
        change,
        reasons,
        objects: decision.objects,
        waits_for: decision.waits_for,
        needs_permission: decision.needs_permission,
        estimate: estimate(inputs, unit),
        action: decision.action.filter(|_| change != Change::Blocked),
    }
}

/// Whether what the unit needs of another are facts in its content, and nothing more.
fn uses_facts_of(unit: &Unit, need: &UnitId) -> bool {
    matches!(&unit.content, Content::Release(release)
        if references(&release.values).iter().any(|fact| &fact.unit == need))
}

/// Milliseconds: what it took last time, else a guess by kind from runs on simulated clusters.
fn estimate(inputs: &Inputs<'_>, unit: &Unit) -> u64 {
    let recorded =
        inputs.observed.inventory(&unit.id).map(|inventory| inventory.took.work + inventory.took.wait);
    recorded.filter(|took| *took > 0).unwrap_or(match unit.content {
        Content::Cluster(_) => 6_000,
        Content::Release(_) => 2_500,
        Content::Manifests(_) => 1_000,
        Content::Enrolment | Content::Objects(_) | Content::Material(_) => 250,
    })
}

/// What is wrong with the plan as a whole.
fn check(inputs: &Inputs<'_>) -> Vec<PlanError> {
    let mut problems = Vec::new();
    // Units are sorted by cluster, so only one cluster's objects have to be known at a time.
    let (mut cluster, mut owners) = (None, BTreeMap::new());
    for (id, rendered) in inputs.rendered {
        if cluster.replace(&id.cluster) != Some(&id.cluster) {
            owners.clear();
        }
        for object in rendered.objects.iter() {
            if let Some(first) = owners.insert(object.identity(), id)
                && first != id
            {
                problems.push(PlanError::TwoOwners {
                    cluster: id.cluster.clone(),
                    object: object.key(),
                    first: UnitId::clone(first),
                    second: id.clone(),
                });
            }
        }
    }
    let hubs = inputs.observed.fleet.iter().map(|(name, entry)| (name, &entry.hub));
    let members = inputs
        .observed
        .clusters
        .keys()
        .filter_map(|name| Some((name, inputs.observed.state(name)?.hub.as_ref()?)));
    let moved: BTreeMap<&ClusterName, &ClusterName> =
        hubs.chain(members).filter(|(_, hub)| *hub != &inputs.desired.hub).collect();
    problems.extend(moved.into_iter().map(|(cluster, recorded)| PlanError::AnotherHub {
        cluster: cluster.clone(),
        recorded: recorded.clone(),
        wanted: inputs.desired.hub.clone(),
    }));
    for (name, entry) in &inputs.observed.fleet {
        if inputs.desired.cluster(name).is_some_and(|content| !entry.connection.is_kind_of(&content.provider))
        {
            problems.push(PlanError::AnotherProvider { cluster: name.clone() });
        }
        // A simulated cluster is found by its name, so one that was made anew is still the right one.
        if let (Some(state), Connection::Existing { .. }) = (inputs.observed.state(name), &entry.connection)
            && state.uid != entry.uid
        {
            problems.push(PlanError::AnotherCluster {
                cluster: name.clone(),
                recorded: entry.uid.clone(),
                found: state.uid.clone(),
            });
        }
    }
    problems
}

/// The units that `--target` selects with all that they need; none when everything is selected.
fn select(inputs: &Inputs<'_>, problems: &mut Vec<PlanError>) -> Option<BTreeSet<UnitId>> {
    let targets = &inputs.options.targets;
    if targets.is_empty() {
        return None;
    }
    let mut selected = BTreeSet::new();
    let mut open: Vec<&Unit> = Vec::new();
    for target in targets {
        let before = open.len();
        open.extend(inputs.desired.units.values().filter(|unit| target.covers(&unit.id)));
        if open.len() == before {
            problems.push(PlanError::UnknownTarget(match target {
                super::Target::Cluster(cluster) => cluster.to_string(),
                super::Target::Unit(unit) => unit.to_string(),
            }));
        }
    }
    while let Some(unit) = open.pop() {
        if selected.insert(unit.id.clone()) {
            open.extend(unit.needs.iter().filter_map(|need| inputs.desired.units.get(need)));
        }
    }
    Some(selected)
}

/// What people should know of the plan: remarks on the topology, and on how clusters were looked at.
fn notes(inputs: &Inputs<'_>) -> Vec<String> {
    let looks: BTreeSet<&String> =
        inputs.observed.examined.values().filter_map(|examined| examined.note.as_ref()).collect();
    inputs.desired.notes.iter().chain(looks).cloned().collect()
}
