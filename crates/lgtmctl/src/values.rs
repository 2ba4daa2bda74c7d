//! Warnings of values that a chart does not know, at their places in the topology file.
//!
//! helm passes over a misspelt key without a word. What is looked at here is what the user wrote; what the
//! catalog sets is looked at when charts are locked.

use lgtm_planner::{
    desired::Desired,
    unit::{ChartRef, Content, UnitId},
};
use lgtm_topology::{ClusterName, HelmValues, Topology};
use lgtm_world::charts::{Charts, keys::UnknownValue};

use crate::{input::Document, printer::Printer, render::problem};

/// Warns of what no chart knows.
pub(crate) async fn check(
    charts: &Charts,
    topology: &Topology,
    desired: &Desired,
    document: &Document,
    printer: &Printer,
) {
    for (unit, chart, values) in written(topology, desired) {
        // A chart that cannot be found or read fails the render, which says so.
        let Ok(unknown) = charts.unknown_values(&unit, &chart, &values.values).await else { continue };
        for found in unknown {
            let Some(position) = values.keys.get(&found.pointer) else { continue };
            let text = document.warning(
                &format!("the chart {} has no value {}", short(&chart), dotted(&found.pointer)),
                "not a value of this chart",
                &help(&found),
                (*position, last(&found.pointer).chars().count()),
                printer.talk_style(),
            );
            printer.talk(&text);
        }
    }
}

/// The values that the user wrote, with the chart and one of the units that they are for.
fn written<'a>(topology: &'a Topology, desired: &Desired) -> Vec<(UnitId, ChartRef, &'a HelmValues)> {
    let every: Vec<ClusterName> = topology.clusters().map(|cluster| cluster.name.clone()).collect();
    let overrides = topology.overrides.iter().map(|wanted| {
        (wanted.release.as_str(), wanted.clusters.as_deref().unwrap_or(&every), &wanted.values)
    });
    let extras = topology.extra_releases.iter();
    let extras = extras.map(|extra| (extra.name.as_str(), extra.clusters.as_slice(), &extra.values));
    let mut found: Vec<(UnitId, ChartRef, &HelmValues)> = Vec::new();
    for (name, clusters, values) in overrides.chain(extras) {
        for cluster in clusters {
            let id = UnitId::new(cluster, name);
            let Some(Content::Release(release)) = desired.units.get(&id).map(|unit| &unit.content) else {
                continue;
            };
            let is_known = |(_, chart, seen): &(UnitId, ChartRef, &HelmValues)| {
                *chart == release.chart && std::ptr::eq(*seen, values)
            };
            if !found.iter().any(is_known) {
                found.push((id, release.chart.clone(), values));
            }
        }
    }
    found
}

/// A chart without its repository, which a line about values has no room for.
pub(crate) fn short(chart: &ChartRef) -> String {
    match chart {
        ChartRef::Upstream(chart) => format!("{} {}", chart.name, chart.version),
        ChartRef::Embedded(_) | ChartRef::Path(_) => chart.to_string(),
    }
}

/// What to write instead.
pub(crate) fn help(found: &UnknownValue) -> String {
    const SHOWN: usize = 12;
    let known = found.known.iter().map(String::as_str);
    problem::nearest(&last(&found.pointer), known, || match found.known.len() {
        0 => "the chart has no values".to_owned(),
        1..=SHOWN => format!("the chart has {} there", found.known.join(", ")),
        count => {
            let first: Vec<&str> = found.known.iter().take(SHOWN).map(String::as_str).collect();
            format!("the chart has {}, and {} more there", first.join(", "), count - SHOWN)
        }
    })
}

/// A JSON pointer as people write paths of values: `write.replicas`.
pub(crate) fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').split('/').map(plain).collect::<Vec<_>>().join(".")
}

fn last(pointer: &str) -> String {
    plain(pointer.rsplit('/').next().unwrap_or(pointer))
}

/// A part of a JSON pointer without its escapes.
fn plain(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}
