//! Everything up to the plan: look at all clusters, render, compare, let the planner decide.

use std::{collections::BTreeMap, sync::Arc};

use lgtm_planner::{
    desired::{Capabilities, DesireError, Desired, desire},
    fact::{self, Facts},
    inventory::FleetEntry,
    object::Object,
    observed::{ClusterObserved, Examined, Observed},
    plan::{
        Inputs, Plan, PlanError, PlanOptions, Rendered, assess, assess_material, known_facts, plan,
        plan_destroy,
    },
    unit::{ChartRef, Content, Unit, UnitId},
};
use lgtm_topology::{ClusterName, Topology, TopologyName};
use tokio::task::JoinSet;

use crate::world::{ClusterRef, Examination, Failure, Kind, RenderRequest, World};

/// The version of simulated control planes (the one that `tools/` pins), for which a cluster's objects
/// are rendered while it does not exist.
pub const SIMULATED_VERSION: &str = "v1.35.1";

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The topology asks for something that cannot be.
    #[error("the topology cannot be planned")]
    Desire(Vec<DesireError>),
    /// The planner found problems.
    #[error("there is no plan")]
    Plan(Vec<PlanError>),
    /// The world could not be read.
    #[error("the clusters could not be read")]
    World(Vec<Failure>),
}

impl From<Failure> for PrepareError {
    fn from(failure: Failure) -> Self {
        Self::World(vec![failure])
    }
}

/// A plan and all that it was made from; an apply goes on from here.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What must exist.
    pub desired: Arc<Desired>,
    /// What was seen.
    pub observed: Observed,
    /// Rendered units.
    pub rendered: BTreeMap<UnitId, Rendered>,
    /// Known facts.
    pub facts: Facts,
    /// What the user asked.
    pub options: PlanOptions,
    /// What to do.
    pub plan: Plan,
}

impl Prepared {
    /// What the planner looks at.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            desired: &self.desired,
            observed: &self.observed,
            rendered: &self.rendered,
            facts: &self.facts,
            options: &self.options,
        }
    }
}

/// Looks at everything and plans.
#[tracing::instrument(skip_all)]
pub async fn prepare<W: World>(
    world: &Arc<W>,
    topology: &Topology,
    options: PlanOptions,
) -> Result<Prepared, PrepareError> {
    let first = desire(topology, &Capabilities::default()).map_err(PrepareError::Desire)?;
    let surveyed = survey(world, &first).await?;
    let capabilities = capabilities(world, &first, &surveyed.observed).await?;
    let mut desired = if capabilities.is_empty() {
        first
    } else {
        desire(topology, &capabilities).map_err(PrepareError::Desire)?
    };
    // helm takes as long as the look at a cluster, so what needs no fact is rendered meanwhile.
    let early = requests(&desired, &surveyed.observed, &Facts::new(), |_| true);
    let (observed, rendered) =
        tokio::join!(inspect(world, &desired.topology, surveyed), render(world, early));
    let (mut observed, mut rendered) = (observed?, rendered?);
    rendered.retain(|unit, _| !observed.is_unreachable(&unit.cluster));
    let materials = assess_material(&desired, &observed, options.refresh_full)
        .into_iter()
        .map(|(unit, material)| (unit, Examination::Material(Box::new(material))))
        .collect();
    observed.examined = examine(world, &desired, materials).await?;
    let facts = known_facts(&desired, &observed);
    let late = requests(&desired, &observed, &facts, |unit| !rendered.contains_key(unit));
    rendered.extend(render(world, late).await?);
    let edges = definition_edges(&rendered);
    if !edges.is_empty() {
        desired.add_needs(edges).map_err(|problem| PrepareError::Desire(vec![problem]))?;
    }
    let none = Plan::nothing(desired.topology.clone());
    let mut prepared =
        Prepared { desired: Arc::new(desired), observed, rendered, facts, options, plan: none };
    let wanted = assess(&prepared.inputs()).map_err(|problem| PrepareError::Plan(vec![problem]))?;
    let wanted = wanted.into_iter().map(|(unit, objects)| (unit, Examination::Objects(objects))).collect();
    let examined = examine(world, &prepared.desired, wanted).await?;
    prepared.observed.examined.extend(examined);
    let planned = tracing::info_span!("plan").in_scope(|| plan(&prepared.inputs()));
    prepared.plan = planned.map_err(PrepareError::Plan)?;
    Ok(prepared)
}

/// Looks at everything that is recorded and plans its removal.
pub async fn prepare_destroy<W: World>(
    world: &Arc<W>,
    topology: &Topology,
    options: PlanOptions,
) -> Result<Prepared, PrepareError> {
    let desired = desire(topology, &Capabilities::default()).map_err(PrepareError::Desire)?;
    let observed = observe(world, &desired).await?;
    let plan = plan_destroy(&desired.topology, &desired.hub, &observed, &options);
    let desired = Arc::new(desired);
    Ok(Prepared { desired, observed, rendered: BTreeMap::new(), facts: Facts::new(), options, plan })
}

/// Looks at every cluster of the topology and of the fleet record.
pub async fn observe<W: World>(world: &Arc<W>, desired: &Desired) -> Result<Observed, PrepareError> {
    let surveyed = survey(world, desired).await?;
    inspect(world, &desired.topology, surveyed).await
}

/// What a first look showed, and how each cluster was found.
struct Surveyed {
    observed: Observed,
    clusters: BTreeMap<ClusterName, ClusterRef>,
}

/// Reads the fleet record, then what every cluster says of itself, of all clusters at once.
#[tracing::instrument(name = "survey all clusters", skip_all)]
async fn survey<W: World>(world: &Arc<W>, desired: &Desired) -> Result<Surveyed, PrepareError> {
    let hub = desired.cluster(&desired.hub).cloned().map(ClusterRef::Wanted);
    let hub = hub.ok_or_else(|| Failure::new(Kind::Permanent, "the topology has no hub"))?;
    let fleet = world.fleet(&desired.topology, &desired.hub, &hub).await?;
    let mut clusters: BTreeMap<ClusterName, ClusterRef> = fleet
        .iter()
        .map(|(name, entry): (&ClusterName, &FleetEntry)| (name.clone(), ClusterRef::Recorded(entry.clone())))
        .collect();
    clusters.extend(
        desired.clusters().map(|(name, content)| (name.clone(), ClusterRef::Wanted(content.clone()))),
    );
    let mut tasks = JoinSet::new();
    for (name, how) in clusters.clone() {
        let (world, topology) = (Arc::clone(world), desired.topology.clone());
        tasks.spawn(async move {
            let seen = world.survey(&topology, &name, &how).await;
            (name, seen)
        });
    }
    let observed =
        Observed { now: world.now(), fleet, clusters: collect(tasks).await?, ..Observed::default() };
    Ok(Surveyed { observed, clusters })
}

/// Completes the look at every cluster that answered the first one, at all of them at once.
#[tracing::instrument(name = "inspect all clusters", skip_all)]
async fn inspect<W: World>(
    world: &Arc<W>,
    topology: &TopologyName,
    surveyed: Surveyed,
) -> Result<Observed, PrepareError> {
    let Surveyed { mut observed, mut clusters } = surveyed;
    let mut tasks = JoinSet::new();
    for (name, seen) in std::mem::take(&mut observed.clusters) {
        match (seen, clusters.remove(&name)) {
            (ClusterObserved::Reachable(state), Some(how)) => {
                let (world, topology) = (Arc::clone(world), topology.clone());
                tasks.spawn(async move {
                    let seen = world.inspect(&topology, &name, &how, state).await;
                    (name, seen)
                });
            }
            (seen, _) => {
                observed.clusters.insert(name, seen);
            }
        }
    }
    observed.clusters.extend(collect(tasks).await?);
    Ok(observed)
}

/// The custom resources that each cluster offers or will offer: those seen there, and those that the
/// user's extras bring.
#[tracing::instrument(name = "find custom resources", skip_all)]
async fn capabilities<W: World>(
    world: &Arc<W>,
    desired: &Desired,
    observed: &Observed,
) -> Result<Capabilities, PrepareError> {
    let mut capabilities = Capabilities::default();
    for (name, _) in desired.clusters() {
        let wanted = desired.units_on(name).map(|unit| &unit.id.name).collect();
        let seen = observed.state(name).map(|state| state.lasting_definitions(&wanted)).unwrap_or_default();
        capabilities.seen.insert(name.clone(), seen);
    }
    // Also for a cluster that does not answer, since what is rendered for it is fixed by the topology.
    let requests = desired
        .units
        .values()
        .filter(|unit| may_define(unit))
        .filter_map(|unit| request(desired, observed, &Facts::new(), unit))
        .collect();
    for (unit, rendered) in render(world, requests).await? {
        let offers = capabilities.planned.entry(unit.cluster.clone()).or_default();
        offers.extend(rendered.objects.iter().flat_map(Object::defined_kinds));
    }
    Ok(capabilities)
}

/// Whether a unit's objects may define kinds: lgtmctl's own charts and objects define none.
pub fn may_define(unit: &Unit) -> bool {
    match &unit.content {
        Content::Release(release) => !matches!(release.chart, ChartRef::Embedded(_)),
        Content::Manifests(_) => true,
        Content::Cluster(_) | Content::Enrolment | Content::Objects(_) | Content::Material(_) => false,
    }
}

/// Edges from units with custom resources to the unit that brings their definition.
fn definition_edges(rendered: &BTreeMap<UnitId, Rendered>) -> Vec<(UnitId, UnitId)> {
    let mut providers: BTreeMap<(&ClusterName, String, String), &UnitId> = BTreeMap::new();
    for (id, rendered) in rendered {
        for object in rendered.objects.iter() {
            for (definition, _) in object.defined_kinds() {
                let mut parts = definition.split('/');
                if let (Some(group), Some(_), Some(kind)) = (parts.next(), parts.next(), parts.next()) {
                    providers.insert((&id.cluster, group.to_owned(), kind.to_owned()), id);
                }
            }
        }
    }
    if providers.is_empty() {
        return Vec::new();
    }
    let mut edges = Vec::new();
    for (id, rendered) in rendered {
        for object in rendered.objects.iter() {
            let kind = (&id.cluster, object.group().to_owned(), object.kind().to_owned());
            if let Some(provider) = providers.get(&kind).filter(|provider| **provider != id) {
                edges.push((id.clone(), (*provider).clone()));
            }
        }
    }
    edges
}

/// The request that renders a unit; none when it is not rendered or its facts are not known.
pub(crate) fn request(
    desired: &Desired,
    observed: &Observed,
    facts: &Facts,
    unit: &Unit,
) -> Option<RenderRequest> {
    let content = match &unit.content {
        Content::Release(release) => {
            let mut release = release.clone();
            release.values = Arc::new(fact::resolve(&release.values, facts).ok()?);
            Content::Release(release)
        }
        Content::Objects(_) | Content::Manifests(_) => unit.content.clone(),
        Content::Cluster(_) | Content::Enrolment | Content::Material(_) => return None,
    };
    let version = observed.state(&unit.id.cluster).map(|state| state.version.clone());
    Some(RenderRequest {
        unit: unit.id.clone(),
        content,
        kube_version: version.unwrap_or_else(|| SIMULATED_VERSION.to_owned()),
        api_versions: desired.api_versions.get(&unit.id.cluster).cloned().unwrap_or_default(),
    })
}

/// The requests for those of the units that are asked for and can be rendered with the facts.
fn requests(
    desired: &Desired,
    observed: &Observed,
    facts: &Facts,
    is_asked_for: impl Fn(&UnitId) -> bool,
) -> Vec<RenderRequest> {
    let units = desired.units.values();
    units
        .filter(|unit| !observed.is_unreachable(&unit.id.cluster) && is_asked_for(&unit.id))
        .filter_map(|unit| request(desired, observed, facts, unit))
        .collect()
}

/// Renders several units at once; all failures are reported.
#[tracing::instrument(name = "render all units", skip_all)]
pub async fn render<W: World>(
    world: &Arc<W>,
    requests: Vec<RenderRequest>,
) -> Result<BTreeMap<UnitId, Rendered>, PrepareError> {
    let mut tasks = JoinSet::new();
    for request in requests {
        let world = Arc::clone(world);
        tasks.spawn(async move { (request.unit.clone(), world.render(request).await) });
    }
    collect(tasks).await
}

#[tracing::instrument(name = "examine what moved", skip_all)]
async fn examine<W: World>(
    world: &Arc<W>,
    desired: &Desired,
    wanted: Vec<(UnitId, Examination)>,
) -> Result<BTreeMap<UnitId, Examined>, PrepareError> {
    let mut tasks = JoinSet::new();
    for (unit, examination) in wanted {
        let (world, topology) = (Arc::clone(world), desired.topology.clone());
        tasks.spawn(async move {
            let examined = world.examine(&topology, &unit, examination).await;
            (unit, examined)
        });
    }
    collect(tasks).await
}

async fn collect<N: Ord + 'static, T: 'static>(
    mut tasks: JoinSet<(N, Result<T, Failure>)>,
) -> Result<BTreeMap<N, T>, PrepareError> {
    let mut results = BTreeMap::new();
    let mut failures = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok((name, Ok(result))) => {
                results.insert(name, result);
            }
            Ok((_, Err(failure))) => failures.push(failure),
            Err(error) => failures.push(Failure::new(Kind::Permanent, error.to_string())),
        }
    }
    // Tasks end in any order; people get the same message every time.
    failures.sort_by(|one, other| one.message.cmp(&other.message));
    // What every unit lacks, such as a program, is said once.
    failures.dedup_by(|one, other| one.message == other.message);
    if failures.is_empty() { Ok(results) } else { Err(PrepareError::World(failures)) }
}
