//! What must exist: the topology, turned into units and edges.
//!
//! [`desire`] knows the catalog and the topology and nothing of what is there. It may be told what
//! custom resources a cluster offers, since a scenario may use them only where they are.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_topology::{Cluster, ClusterName, Position, Profile, Scenario, Topology, TopologyName};
use serde_json::json;

use crate::{
    graph,
    inventory::SYSTEM_NAMESPACE,
    object::{Object, Scope},
    unit::{CLUSTER_UNIT, ClusterContent, Content, ENROLMENT_UNIT, Unit, UnitId},
};

mod agents;
mod demo;
mod distributed;
mod entrance;
mod extras;
mod hub;
mod overrides;
mod spoke;

/// The unit that holds a cluster's namespaces.
const NAMESPACES_UNIT: &str = "namespaces";

/// The custom resources that clusters offer, as `group/version/Kind`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Those that were seen on each cluster. They decide which discovery the agents are given.
    pub seen: BTreeMap<ClusterName, BTreeSet<String>>,
    /// Those that units of this topology bring. Charts are rendered for these and never for what
    /// happens to be on a cluster, so that a render is fixed by the topology. With the scope of each.
    pub planned: BTreeMap<ClusterName, BTreeMap<String, Scope>>,
}

impl Capabilities {
    /// Whether nothing beyond the built-in kinds is known.
    pub fn is_empty(&self) -> bool {
        self.seen.values().all(BTreeSet::is_empty) && self.planned.values().all(BTreeMap::is_empty)
    }

    fn offers(&self, cluster: &ClusterName, definition: &str) -> bool {
        let seen = self.seen.get(cluster).is_some_and(|seen| seen.contains(definition));
        seen || self.planned.get(cluster).is_some_and(|planned| planned.contains_key(definition))
    }
}

/// Everything that must exist.
#[derive(Clone, Debug)]
pub struct Desired {
    /// The topology.
    pub topology: TopologyName,
    /// The hub.
    pub hub: ClusterName,
    /// All units.
    pub units: BTreeMap<UnitId, Unit>,
    /// What the user should know about choices made for them.
    pub notes: Vec<String>,
    /// The custom resources that units bring, for rendering (see [`Capabilities::planned`]).
    pub api_versions: BTreeMap<ClusterName, BTreeMap<String, Scope>>,
    /// Places among the sorted units.
    order: Vec<usize>,
}

impl Desired {
    /// The units, each after all that it needs.
    pub fn ordered(&self) -> impl Iterator<Item = &Unit> {
        let units: Vec<&Unit> = self.units.values().collect();
        self.order.iter().filter_map(move |place| units.get(*place).copied())
    }

    /// The units of one cluster, by name.
    pub fn units_on<'a>(&'a self, cluster: &'a ClusterName) -> impl Iterator<Item = &'a Unit> {
        let from_the_first = self.units.range(UnitId::new(cluster, "")..);
        from_the_first.take_while(move |(id, _)| &id.cluster == cluster).map(|(_, unit)| unit)
    }

    /// What a cluster of the topology is; none for one that is not in it.
    pub fn cluster(&self, name: &ClusterName) -> Option<&ClusterContent> {
        match &self.units.get(&UnitId::new(name, CLUSTER_UNIT))?.content {
            Content::Cluster(content) => Some(content),
            Content::Enrolment
            | Content::Objects(_)
            | Content::Release(_)
            | Content::Manifests(_)
            | Content::Material(_) => None,
        }
    }

    /// The clusters, by name.
    pub fn clusters(&self) -> impl Iterator<Item = (&ClusterName, &ClusterContent)> {
        self.units.values().filter_map(|unit| match &unit.content {
            Content::Cluster(content) => Some((&unit.id.cluster, content)),
            Content::Enrolment
            | Content::Objects(_)
            | Content::Release(_)
            | Content::Manifests(_)
            | Content::Material(_) => None,
        })
    }

    /// Adds edges that only the rendered objects show, such as from a custom resource to the unit
    /// that brings its definition.
    pub fn add_needs(
        &mut self,
        edges: impl IntoIterator<Item = (UnitId, UnitId)>,
    ) -> Result<(), DesireError> {
        for (unit, need) in edges {
            if let Some(unit) = self.units.get_mut(&unit)
                && unit.id != need
            {
                unit.needs.insert(need);
            }
        }
        self.order = order(&self.units)?;
        Ok(())
    }
}

/// Why a topology cannot be turned into units although it is valid in itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DesireError {
    /// A `needs` entry names no unit.
    #[error("{extra} needs `{need}`, and there is no such unit on cluster {cluster}")]
    UnknownNeed {
        /// The extra that needs it.
        extra: String,
        /// What it names.
        need: String,
        /// The cluster on which it was looked for.
        cluster: ClusterName,
        /// Where the file says so.
        position: Position,
        /// The units that there are.
        known: Vec<String>,
    },
    /// An override is for a release that the catalog does not have.
    #[error("there is no release `{release}` {}", where_looked(.cluster.as_ref()))]
    UnknownRelease {
        /// The release.
        release: String,
        /// The cluster on which it was looked for; all of them when absent.
        cluster: Option<ClusterName>,
        /// Where the file names it.
        position: Position,
        /// The releases that there are.
        known: Vec<String>,
    },
    /// An override changes by which Service a release is reached, in a way that others cannot follow.
    #[error("with `{key}` set to {value}, others would not find release `{release}`")]
    UnknownService {
        /// The release.
        release: String,
        /// The key of its values.
        key: String,
        /// What the override sets it to.
        value: String,
        /// Where the file says so.
        position: Position,
        /// What it may be.
        known: Vec<String>,
    },
    /// An extra has the name of a unit of the catalog.
    #[error("the name `{name}` of an extra on cluster {cluster} is taken by a unit of the catalog")]
    NameTaken {
        /// The name.
        name: String,
        /// The cluster.
        cluster: ClusterName,
    },
    /// Needs form a circle.
    #[error("units need each other in a circle: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → "))]
    Cycle(Vec<UnitId>),
}

fn where_looked(cluster: Option<&ClusterName>) -> String {
    cluster.map_or_else(|| "on any cluster".to_owned(), |cluster| format!("on cluster {cluster}"))
}

/// Turns a topology into units and edges. All problems are reported.
pub fn desire(topology: &Topology, capabilities: &Capabilities) -> Result<Desired, Vec<DesireError>> {
    let (loki, mut problems) = overrides::services(topology);
    let mut catalog = Catalog {
        topology,
        capabilities,
        loki,
        units: BTreeMap::new(),
        configured: Vec::new(),
        notes: Vec::new(),
    };
    let mut namespaces = namespaces(topology);
    for cluster in topology.clusters() {
        catalog.foundation(cluster, namespaces.remove(&cluster.name).unwrap_or_default());
    }
    catalog.hub();
    for spoke in &topology.spokes {
        catalog.spoke(spoke);
        catalog.demo(spoke);
    }
    catalog.monitor_note();
    if matches!(topology.profile, Profile::Distributed(_)) {
        catalog.hosts_file_note();
    }
    problems.extend(catalog.overrides());
    catalog.announce_configurations();
    problems.extend(catalog.extras());
    let order = match order(&catalog.units) {
        Ok(order) => order,
        Err(problem) => {
            problems.push(problem);
            Vec::new()
        }
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Desired {
        topology: topology.name.clone(),
        hub: topology.hub.cluster.name.clone(),
        units: catalog.units,
        notes: catalog.notes,
        api_versions: capabilities.planned.clone(),
        order,
    })
}

fn order(units: &BTreeMap<UnitId, Unit>) -> Result<Vec<usize>, DesireError> {
    graph::places(units.iter().map(|(id, unit)| (id, &unit.needs))).map_err(DesireError::Cycle)
}

/// The units as they are gathered.
struct Catalog<'a> {
    topology: &'a Topology,
    capabilities: &'a Capabilities,
    /// Loki's Service for pushes.
    loki: &'static str,
    units: BTreeMap<UnitId, Unit>,
    configured: Vec<agents::Configured>,
    notes: Vec<String>,
}

impl Catalog<'_> {
    fn add(&mut self, id: UnitId, needs: impl IntoIterator<Item = UnitId>, content: Content) {
        let unit = Unit { id: id.clone(), needs: needs.into_iter().collect(), content };
        self.units.insert(id, unit);
    }

    /// The units that every cluster has.
    fn foundation(&mut self, cluster: &Cluster, namespaces: BTreeSet<&str>) {
        let name = &cluster.name;
        let content = ClusterContent {
            provider: cluster.provider.clone(),
            workers: cluster.workers,
            pod_cidr: cluster.pod_cidr,
            service_cidr: cluster.service_cidr,
            segment: cluster.segment,
        };
        self.add(UnitId::new(name, CLUSTER_UNIT), [], Content::Cluster(content));
        // A cluster is entered in the hub's record before anything is written to it, so that it can
        // still be found and cleaned when it has left the file.
        let mut needs = vec![UnitId::new(name, CLUSTER_UNIT)];
        let hub = &self.topology.hub.cluster.name;
        if name != hub {
            needs.push(UnitId::new(hub, ENROLMENT_UNIT));
        }
        self.add(UnitId::new(name, ENROLMENT_UNIT), needs, Content::Enrolment);
        let namespaces = namespaces.into_iter().filter_map(|namespace| {
            Object::new(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
                .ok()
        });
        let needs = [UnitId::new(name, ENROLMENT_UNIT)];
        self.add(UnitId::new(name, NAMESPACES_UNIT), needs, Content::Objects(namespaces.collect()));
    }
}

/// The namespaces that the catalog and the extras put things into, by cluster.
fn namespaces(topology: &Topology) -> BTreeMap<&ClusterName, BTreeSet<&str>> {
    let mut namespaces: BTreeMap<&ClusterName, BTreeSet<&str>> =
        topology.clusters().map(|cluster| (&cluster.name, BTreeSet::from([spoke::NAMESPACE]))).collect();
    let hub = namespaces.entry(&topology.hub.cluster.name).or_default();
    hub.extend(hub::NAMESPACES);
    if matches!(topology.profile, Profile::Distributed(_)) {
        hub.extend(distributed::HUB_NAMESPACES);
        for spoke in topology.spokes.iter().filter(|spoke| spoke.scenario == Scenario::Otel) {
            namespaces.entry(&spoke.cluster.name).or_default().insert(distributed::CERT_MANAGER);
        }
    }
    for (cluster, namespace) in topology.spokes.iter().filter_map(demo::namespace) {
        namespaces.entry(cluster).or_default().insert(namespace);
    }
    let releases = topology.extra_releases.iter();
    let releases = releases.map(|release| (&release.clusters, Some(release.namespace.as_str())));
    let manifests = topology.extra_manifests.iter();
    let manifests = manifests.map(|manifests| (&manifests.clusters, manifests.namespace.as_deref()));
    for (clusters, namespace) in releases.chain(manifests) {
        for cluster in clusters {
            namespaces.entry(cluster).or_default().extend(namespace);
        }
    }
    // These exist on every cluster and are nobody's to own.
    let given = ["default", "kube-node-lease", "kube-public", "kube-system", SYSTEM_NAMESPACE];
    for namespaces in namespaces.values_mut() {
        namespaces.retain(|namespace| !given.contains(namespace));
    }
    namespaces
}
