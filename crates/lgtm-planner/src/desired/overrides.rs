//! The user's own values for releases of the catalog, merged over everything else.

use std::sync::Arc;

use lgtm_topology::Override;

use super::{Catalog, DesireError};
use crate::{
    catalog::upstream::merge,
    unit::{Content, UnitId},
};

impl Catalog<'_> {
    /// Merges the overrides in file order, and returns those that are meant for no release.
    pub(super) fn overrides(&mut self) -> Vec<DesireError> {
        let topology = self.topology;
        topology.overrides.iter().flat_map(|wanted| self.override_one(wanted)).collect()
    }

    fn override_one(&mut self, wanted: &Override) -> Vec<DesireError> {
        let every = || self.topology.clusters().map(|cluster| &cluster.name);
        let clusters: Vec<_> = match &wanted.clusters {
            Some(clusters) => clusters.iter().collect(),
            None => every().collect(),
        };
        let mut missing = Vec::new();
        for cluster in &clusters {
            let unit = self.units.get_mut(&UnitId::new(cluster, wanted.release.as_str()));
            match unit.map(|unit| &mut unit.content) {
                Some(Content::Release(release)) => {
                    merge(Arc::make_mut(&mut release.values), wanted.values.values.clone());
                }
                Some(
                    Content::Cluster(_)
                    | Content::Enrolment
                    | Content::Objects(_)
                    | Content::Manifests(_)
                    | Content::Material(_),
                )
                | None => missing.push((*cluster).clone()),
            }
        }
        // Where no cluster is named, it is enough that one of them has the release.
        if wanted.clusters.is_none() && missing.len() < clusters.len() {
            return Vec::new();
        }
        missing.truncate(if wanted.clusters.is_none() { 1 } else { usize::MAX });
        let unknown = |cluster| DesireError::UnknownRelease {
            release: wanted.release.to_string(),
            cluster: wanted.clusters.is_some().then_some(cluster),
            position: wanted.position,
            known: self.releases(wanted.clusters.as_deref()),
        };
        missing.into_iter().map(unknown).collect()
    }

    /// The names of the releases on these clusters, or on all.
    fn releases(&self, clusters: Option<&[lgtm_topology::ClusterName]>) -> Vec<String> {
        let releases = self.units.values().filter(|unit| matches!(unit.content, Content::Release(_)));
        let meant =
            releases.filter(|unit| clusters.is_none_or(|clusters| clusters.contains(&unit.id.cluster)));
        let mut names: Vec<String> = meant.map(|unit| unit.id.name.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
