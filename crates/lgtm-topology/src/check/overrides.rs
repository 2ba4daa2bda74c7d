//! Overrides: that the clusters which they name are in the file.
//!
//! Whether a cluster has a release of that name depends on the catalog, which the planner knows.

use super::extras::{Known, clusters};
use crate::{
    Override,
    diagnostic::Code,
    input::{
        At,
        file::{OverrideInput, SpecInput},
    },
    problems::{Problem, Problems},
};

/// The overrides that could be read in full, in file order.
pub(super) fn check(spec: &SpecInput, known: &Known<'_>, problems: &mut Problems) -> Vec<Override> {
    let overrides = spec.overrides.value().into_iter().flatten();
    overrides.filter_map(|input| of(input, known, problems)).collect()
}

fn of(input: &At<OverrideInput>, known: &Known<'_>, problems: &mut Problems) -> Option<Override> {
    let At { value: OverrideInput { release, clusters: meant, values }, .. } = input;
    let clusters = clusters(meant, known, problems);
    if let Some(values) = values.get()
        && values.value.values.as_object().is_some_and(serde_json::Map::is_empty)
    {
        problems.warn_at(
            &values.path,
            Problem {
                code: Code::NoEffect,
                at: values.key,
                message: "these values are empty".to_owned(),
                label: "nothing to merge".to_owned(),
                help: "write values below, or remove the override".to_owned(),
            },
        );
    }
    let release = release.get()?;
    Some(Override {
        release: release.value.clone(),
        clusters,
        values: values.value()?.clone(),
        position: release.place.position,
    })
}
