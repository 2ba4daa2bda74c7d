//! What fields mean together: the step from single fields to a [`Topology`] that needs no more checks.
//!
//! Every check runs, whatever the others found, on what could be read. Only when nothing is wrong is
//! the topology put together. Nothing here is quadratic in the number of clusters.

mod clusters;
mod demos;
mod extras;
mod grafana;
mod networks;
mod overrides;
mod retention;
mod scenarios;
mod tenants;

use std::collections::BTreeMap;

use clusters::Draft;

use crate::{
    ClusterName, Diagnostic, ExtraName, Hub, MeshType, Position, Positions, Spoke, Tenant, Topology,
    input::{
        At, Input,
        file::{FileInput, SpecInput},
        scalars::{ApiVersion, TopologyKind},
    },
    problems::Problems,
    tree::Tree,
};

/// Decodes and checks a tree.
pub(crate) fn check(tree: &Tree, mut problems: Problems) -> (Option<Topology>, Vec<Diagnostic>) {
    let file = tree.root.as_ref().and_then(|root| FileInput::decode(root, &mut problems));
    let topology = file.as_ref().and_then(|file| topology(file, &mut problems));
    let topology = topology.filter(|_| !problems.has_errors());
    (topology, problems.into_diagnostics())
}

/// Checks everything; there is a topology if everything that it needs could be read.
fn topology(file: &FileInput, problems: &mut Problems) -> Option<Topology> {
    let spec = file.spec.value()?;
    let drafts = clusters::drafts(spec, problems);
    clusters::check(&drafts, problems);
    let segments = networks::check(&drafts, problems);
    let limits = tenants::base_limits(spec);
    let retention = retention::general(&spec.retention, problems);
    let tenants = tenants::check(spec, &drafts, Tenant { limits, retention }, problems);
    let grafana = spec.hub.value().map(|hub| grafana::check(spec, hub, problems));
    let known = extras::Known::new(&drafts);
    let overrides = overrides::check(spec, &known, problems);
    let extras = extras::check(spec, &known, problems);
    let scenarios = scenarios::check(spec, problems);
    let demos = demos::check(spec, problems);

    let positions = positions(spec, &drafts);
    let mut finished = drafts.iter().zip(segments).map(|(draft, segment)| draft.finish(segment));
    let hub = Hub { cluster: finished.next()??, grafana: grafana? };
    let spokes = finished
        .zip(scenarios.into_iter().zip(demos))
        .map(|(cluster, (scenario, demo))| Some(Spoke { cluster: cluster?, scenario: scenario?, demo }))
        .collect::<Option<Vec<_>>>()?;
    // A file of another version or kind is not this topology, whatever its fields say.
    let (ApiVersion, TopologyKind) = (file.api_version.value()?, file.kind.value()?);
    let mesh = spec.mesh.value().and_then(|mesh| mesh.mesh.value());
    Some(Topology {
        name: file.metadata.value()?.name.value()?.clone(),
        profile: scenarios::profile(spec),
        mesh: mesh.copied().unwrap_or(MeshType::None),
        retention,
        default_limits: limits,
        hub,
        spokes,
        tenants,
        overrides,
        extra_releases: extras.releases,
        extra_manifests: extras.manifests,
        positions,
    })
}

/// Where clusters and extras are named, for messages of later steps.
fn positions(spec: &SpecInput, drafts: &[Draft<'_>]) -> Positions {
    let clusters: BTreeMap<ClusterName, Position> = drafts
        .iter()
        .filter_map(|draft| draft.name.get())
        .map(|name| (name.value.clone(), name.place.position))
        .collect();
    let extras: BTreeMap<ExtraName, Position> =
        extras::names(spec).map(|name: &At<ExtraName>| (name.value.clone(), name.place.position)).collect();
    Positions { clusters, extras }
}
