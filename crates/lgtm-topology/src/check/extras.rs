//! Extras: that their names are their own, and that what they refer to is in the file.
//!
//! Whether a unit exists that an extra waits for depends on the catalog, which the planner knows.

use std::collections::{BTreeMap, BTreeSet};

use super::clusters::{Draft, unique};
use crate::{
    ChartLocation, ClusterName, ExtraManifests, ExtraName, ExtraRelease, HelmValues, ManifestLocation, Need,
    diagnostic::{Code, Place},
    input::{
        At, AtLeastOne, Field, List,
        file::{ChartInput, ExtraManifestsInput, ExtraReleaseInput, SpecInput},
        places::ManifestPlace,
        scalars::NeedText,
    },
    problems::{Problem, Problems, help_for_unknown, quoted},
};

/// The extras that could be read in full.
pub(super) struct Extras {
    pub(super) releases: Vec<ExtraRelease>,
    pub(super) manifests: Vec<ExtraManifests>,
}

/// The names of all extras, releases first.
pub(super) fn names(spec: &SpecInput) -> impl Iterator<Item = &At<ExtraName>> {
    let releases =
        spec.extra_releases.value().into_iter().flatten().filter_map(|extra| extra.value.name.get());
    let manifests =
        spec.extra_manifests.value().into_iter().flatten().filter_map(|extra| extra.value.name.get());
    releases.chain(manifests)
}

/// The clusters that can be referred to.
pub(super) struct Known<'a> {
    set: BTreeSet<&'a str>,
    in_order: Vec<&'a str>,
}

impl<'a> Known<'a> {
    /// Those of the topology.
    pub(super) fn new(drafts: &'a [Draft<'_>]) -> Self {
        let in_order: Vec<&str> =
            drafts.iter().filter_map(|draft| draft.name.value().map(ClusterName::as_str)).collect();
        Self { set: in_order.iter().copied().collect(), in_order }
    }
}

/// Checks all extras.
pub(super) fn check(spec: &SpecInput, known: &Known<'_>, problems: &mut Problems) -> Extras {
    unique(names(spec), ExtraName::clone, problems, |name| {
        (
            format!("two extras are called {}", quoted(name.as_str())),
            "give each extra a name of its own, releases and manifests together".to_owned(),
        )
    });
    let releases = spec.extra_releases.value().into_iter().flatten();
    let manifests = spec.extra_manifests.value().into_iter().flatten();
    Extras {
        releases: releases.filter_map(|extra| release(&extra.value, known, problems)).collect(),
        manifests: manifests.filter_map(|extra| manifest(&extra.value, known, problems)).collect(),
    }
}

fn release(input: &ExtraReleaseInput, known: &Known<'_>, problems: &mut Problems) -> Option<ExtraRelease> {
    let clusters = clusters(&input.clusters, known, problems);
    let needs = needs(&input.needs, known, problems);
    Some(ExtraRelease {
        name: input.name.value()?.clone(),
        clusters: clusters?,
        chart: chart(input.chart.value()?)?,
        namespace: input.namespace.value()?.0.clone(),
        values: input.values.value().cloned().unwrap_or_else(|| HelmValues {
            values: serde_json::Value::Object(serde_json::Map::new()),
            keys: BTreeMap::new(),
        }),
        needs,
    })
}

fn chart(input: &ChartInput) -> Option<ChartLocation> {
    Some(match input {
        ChartInput::Path(path) => ChartLocation::Path(path.0.clone()),
        ChartInput::Repository(chart) => ChartLocation::Repository {
            name: chart.name.value()?.0.clone(),
            repository: chart.repository.value()?.0.clone(),
            version: chart.version.value()?.0.clone(),
        },
    })
}

fn manifest(
    input: &ExtraManifestsInput,
    known: &Known<'_>,
    problems: &mut Problems,
) -> Option<ExtraManifests> {
    let clusters = clusters(&input.clusters, known, problems);
    let needs = needs(&input.needs, known, problems);
    if let Some(AtLeastOne(files)) = input.files.value() {
        unique(files.iter(), ManifestPlace::clone, problems, |file| {
            (format!("{} is listed twice", quoted(&file.0)), "list each file once".to_owned())
        });
    }
    Some(ExtraManifests {
        name: input.name.value()?.clone(),
        clusters: clusters?,
        files: input.files.value()?.0.iter().map(|file| location(&file.value.0)).collect(),
        namespace: input.namespace.value().map(|namespace| namespace.0.clone()),
        needs,
    })
}

fn location(place: &str) -> ManifestLocation {
    if place.starts_with("https://") {
        ManifestLocation::Url(place.to_owned())
    } else {
        ManifestLocation::Path(place.to_owned())
    }
}

/// The clusters of a field, if it is there and can be read.
pub(super) fn clusters(
    field: &Field<AtLeastOne<ClusterName>>,
    known: &Known<'_>,
    problems: &mut Problems,
) -> Option<Vec<ClusterName>> {
    let AtLeastOne(clusters) = field.value()?;
    unique(clusters.iter(), ClusterName::clone, problems, |cluster| {
        (
            format!("the cluster {} is listed twice", quoted(cluster.as_str())),
            "list each cluster once".to_owned(),
        )
    });
    for cluster in clusters {
        check_known(cluster.value.as_str(), &cluster.path, cluster.place, known, problems);
    }
    Some(clusters.iter().map(|cluster| cluster.value.clone()).collect())
}

fn needs(field: &Field<List<NeedText>>, known: &Known<'_>, problems: &mut Problems) -> Vec<Need> {
    let mut first_uses: BTreeMap<&NeedText, Place> = BTreeMap::new();
    let mut needs = Vec::new();
    for need in field.value().into_iter().flatten() {
        if first_uses.insert(&need.value, need.place).is_some() {
            problems.warn_at(
                &need.path,
                Problem {
                    code: Code::NoEffect,
                    at: need.place,
                    message: format!("the unit {} is listed twice", quoted(&need.value.unit)),
                    label: "again here".to_owned(),
                    help: "list each unit once".to_owned(),
                },
            );
            continue;
        }
        if let Some(cluster) = &need.value.cluster {
            check_known(cluster, &need.path, need.place, known, problems);
        }
        needs.push(Need {
            cluster: need.value.cluster.as_deref().map(ClusterName::new),
            unit: need.value.unit.clone(),
            position: need.place.position,
        });
    }
    needs
}

fn check_known(cluster: &str, path: &str, at: Place, known: &Known<'_>, problems: &mut Problems) {
    if known.set.contains(cluster) {
        return;
    }
    problems.report_at(
        path,
        Problem {
            code: Code::UnknownReference,
            at,
            message: format!("the topology has no cluster {}", quoted(cluster)),
            label: "unknown cluster".to_owned(),
            help: help_for_unknown(cluster, "its clusters are", known.in_order.iter().copied()),
        },
    );
}
