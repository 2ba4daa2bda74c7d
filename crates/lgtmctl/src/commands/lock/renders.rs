//! What the charts of a topology render to before any cluster is looked at: the kinds that they define, and what
//! differs from one render to the next.
//!
//! Facts have names in their place here, since they are known only after an apply.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_executor::{
    Failure,
    prepare::{SIMULATED_VERSION, may_define},
    world::RenderRequest,
};
use lgtm_planner::{
    desired::Desired,
    object::{Object, Scope},
    unit::{ChartRef, Content, Unit},
};
use lgtm_topology::{ClusterName, ManifestLocation};
use lgtm_world::charts::{Charts, lock::Lock, upstream::Remote};

use crate::render::manifest;

/// Charts by what is known of them: those that a lock fixes already, and those that are new to it.
pub(super) struct Sources {
    pub(super) locked: Charts,
    pub(super) fresh: Charts,
    pub(super) lock: Lock,
}

impl Sources {
    /// Where to find a chart or a manifest file.
    pub(super) fn of(&self, wanted: &Remote) -> &Charts {
        if self.lock.digest(wanted).is_some() { &self.locked } else { &self.fresh }
    }

    /// Whether all that a unit is rendered from is fixed, or on this machine.
    fn is_known(&self, unit: &Unit) -> bool {
        let is_known = |remote: Remote| self.lock.digest(&remote).is_some();
        match &unit.content {
            Content::Release(release) => match &release.chart {
                ChartRef::Upstream(chart) => is_known(Remote::Chart(chart.clone())),
                ChartRef::Embedded(_) | ChartRef::Path(_) => true,
            },
            Content::Manifests(manifests) => manifests.files.iter().all(|file| match file {
                ManifestLocation::Url(url) => is_known(Remote::Manifests(url.clone())),
                ManifestLocation::Path(_) => true,
            }),
            Content::Cluster(_) | Content::Enrolment | Content::Objects(_) | Content::Material(_) => true,
        }
    }
}

/// The kinds that units bring to each cluster, for which the others are rendered.
pub(super) type Planned = BTreeMap<ClusterName, BTreeMap<String, Scope>>;

/// Renders whatever may define kinds. What is locked and cannot be had as it was locked defines none here: that is
/// said where its own turn comes.
pub(super) async fn planned(sources: &Sources, desired: &Desired) -> Result<Planned, Failure> {
    let mut planned = Planned::new();
    for unit in desired.units.values().filter(|unit| may_define(unit)) {
        let is_known = sources.is_known(unit);
        let charts = if is_known { &sources.locked } else { &sources.fresh };
        match charts.render(request(unit, &Planned::new())).await {
            Ok(rendered) => {
                let kinds = rendered.objects.iter().flat_map(Object::defined_kinds);
                planned.entry(unit.id.cluster.clone()).or_default().extend(kinds);
            }
            Err(_) if is_known => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(planned)
}

/// Renders a chart twice for each different set of values: where the two differ, each plan would show a change.
pub(super) async fn unstable(
    charts: &Charts,
    units: &[&Unit],
    planned: &Planned,
) -> Result<Vec<String>, Failure> {
    let mut unstable = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for unit in units {
        let request = request(unit, planned);
        let Content::Release(release) = &request.content else { continue };
        let kinds = request.api_versions.keys().cloned().collect::<Vec<_>>();
        if seen.insert((release.name.clone(), release.namespace.clone(), release.values.to_string(), kinds)) {
            unstable.extend(charts.unstable(&request).await?);
        }
    }
    Ok(unstable.into_iter().collect())
}

fn request(unit: &Unit, planned: &Planned) -> RenderRequest {
    let mut content = unit.content.clone();
    if let Content::Release(release) = &mut content {
        release.values = manifest::name_placeholders(&release.values).0.into();
    }
    RenderRequest {
        unit: unit.id.clone(),
        content,
        kube_version: SIMULATED_VERSION.to_owned(),
        api_versions: planned.get(&unit.id.cluster).cloned().unwrap_or_default(),
    }
}
