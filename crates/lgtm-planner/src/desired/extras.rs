//! The user's own charts and manifests.

use std::sync::Arc;

use lgtm_topology::{ChartLocation, ClusterName, ExtraName, Need};

use super::{Catalog, DesireError, NAMESPACES_UNIT};
use crate::unit::{ChartRef, Content, Manifests, Release, UnitId, UpstreamChart};

fn chart(location: &ChartLocation) -> ChartRef {
    match location {
        ChartLocation::Path(path) => ChartRef::Path(path.clone()),
        ChartLocation::Repository { name, repository, version } => ChartRef::Upstream(UpstreamChart {
            name: name.clone(),
            repository: repository.clone(),
            version: version.clone(),
        }),
    }
}

impl Catalog<'_> {
    /// Adds the extras and returns what is wrong with them.
    pub(super) fn extras(&mut self) -> Vec<DesireError> {
        let topology = self.topology;
        let mut wanted: Vec<(UnitId, &ExtraName, &[Need], Content)> = Vec::new();
        for release in &topology.extra_releases {
            let values = Arc::new(release.values.values.clone());
            for cluster in &release.clusters {
                let content = Content::Release(Release {
                    chart: chart(&release.chart),
                    name: release.name.to_string(),
                    namespace: release.namespace.clone(),
                    values: Arc::clone(&values),
                    gives: Vec::new(),
                });
                wanted.push((
                    UnitId::new(cluster, release.name.as_str()),
                    &release.name,
                    &release.needs,
                    content,
                ));
            }
        }
        for manifests in &topology.extra_manifests {
            for cluster in &manifests.clusters {
                let content = Content::Manifests(Manifests {
                    files: manifests.files.clone(),
                    namespace: manifests.namespace.clone(),
                });
                wanted.push((
                    UnitId::new(cluster, manifests.name.as_str()),
                    &manifests.name,
                    &manifests.needs,
                    content,
                ));
            }
        }
        let mut problems = Vec::new();
        for (id, _, _, content) in &wanted {
            if self.units.contains_key(id) {
                let (name, cluster) = (id.name.to_string(), id.cluster.clone());
                problems.push(DesireError::NameTaken { name, cluster });
            } else {
                let namespaces = UnitId::new(&id.cluster, NAMESPACES_UNIT);
                self.add(id.clone(), [namespaces], content.clone());
            }
        }
        // Extras may need each other, so needs are looked up when all of them are there.
        for (id, extra, needs, _) in wanted {
            for need in needs {
                match self.lookup(&id.cluster, need) {
                    Ok(found) => {
                        if let Some(unit) = self.units.get_mut(&id) {
                            unit.needs.insert(found);
                        }
                    }
                    Err(cluster) => problems.push(self.unknown_need(extra, need, cluster)),
                }
            }
        }
        problems
    }

    fn lookup(&self, own: &ClusterName, need: &Need) -> Result<UnitId, ClusterName> {
        let cluster = need.cluster.as_ref().unwrap_or(own);
        let id = UnitId::new(cluster, need.unit.as_str());
        if self.units.contains_key(&id) { Ok(id) } else { Err(cluster.clone()) }
    }

    fn unknown_need(&self, extra: &ExtraName, need: &Need, cluster: ClusterName) -> DesireError {
        let known = self.units.keys().filter(|id| id.cluster == cluster).map(|id| id.name.to_string());
        DesireError::UnknownNeed {
            extra: extra.to_string(),
            need: need.unit.clone(),
            position: need.position,
            known: known.collect(),
            cluster,
        }
    }
}
