//! A digest of the text that our own charts make a program's configuration from.
//!
//! Where another chart runs the program, helm sees no change in the ConfigMap beside it, so the pods are told by an
//! annotation. The module knows which of a chart's files may matter and refuses to know what is in them.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::digest::Digest;

macro_rules! charts {
    ($($chart:literal: [$($file:literal),*];)*) => {
        &[$(($chart, &[$(($file, include_str!(concat!("../../../../charts/", $chart, "/", $file)))),*])),*]
    };
}

/// Per chart the defaults of its values, what its templates include, and files that they take in.
const CHARTS: &[(&str, &[(&str, &str)])] = charts! {
    "alloy": [
        "templates/_config_daemonset.tpl", "templates/_config_deployment.tpl", "templates/_config_push.tpl",
        "templates/_config_traces.tpl", "templates/_names.tpl", "templates/_pod.tpl", "values.yaml"
    ];
    "fluent-bit": ["files/streams.lua", "templates/_config.tpl", "templates/_names.tpl", "values.yaml"];
    "vector": ["templates/_config.tpl", "templates/_hub.tpl", "templates/_names.tpl", "values.yaml"];
};

static DIGESTS: LazyLock<BTreeMap<&str, Digest>> = LazyLock::new(|| {
    let digest =
        |files: &[(&str, &str)]| Digest::of_parts(files.iter().flat_map(|(path, text)| [*path, *text]));
    CHARTS.iter().map(|(chart, files)| (*chart, digest(files))).collect()
});

/// A digest of what the configuration is made from besides the values; none for other charts.
pub fn digest(chart: &str) -> Option<&'static Digest> {
    DIGESTS.get(chart)
}

/// The charts, and the files of each that are in its digest.
pub fn sources() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    CHARTS.iter().map(|(chart, files)| (*chart, files.iter().map(|(path, _)| *path).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chart_has_a_digest_of_its_own() {
        assert_ne!(digest("alloy"), digest("vector"));
        assert_eq!(digest("grafana"), None);
    }

    #[test]
    fn vector_is_the_one_that_the_configuration_is_for() {
        let chart = include_str!("../../../../charts/vector/Chart.yaml");
        let values = crate::catalog::upstream::VECTOR.values(serde_json::json!({}));
        let tag = values.pointer("/image/tag").and_then(serde_json::Value::as_str).unwrap();
        assert!(chart.contains(&format!("appVersion: {tag}\n")), "{tag} is not of {chart}");
    }
}
