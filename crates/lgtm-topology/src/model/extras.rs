//! What users bring themselves: values for the catalog's charts, charts and manifests of their own.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{ClusterName, ExtraName, Position, ReleaseName};

/// Values for a chart, and where each of them stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HelmValues {
    /// Always a mapping.
    pub values: Value,
    /// The place of each key of a mapping, by its JSON pointer.
    pub keys: BTreeMap<String, Position>,
}

impl Serialize for HelmValues {
    /// The values alone: moving a line changes nothing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.values.serialize(serializer)
    }
}

/// Values of the user's for a release of the catalog. They are merged last.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Override {
    /// The release. Whether there is one of this name is the planner's to say.
    pub release: ReleaseName,
    /// The clusters on which it is meant; all that have it when absent.
    pub clusters: Option<Vec<ClusterName>>,
    /// Helm values.
    pub values: HelmValues,
    /// Where the file names the release, for the planner's message.
    #[serde(skip)]
    pub position: Position,
}

/// A chart of the user's own, installed on named clusters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExtraRelease {
    /// The helm release name; unique among the extras.
    pub name: ExtraName,
    /// Where it goes; at least one cluster.
    pub clusters: Vec<ClusterName>,
    /// Where the chart comes from.
    pub chart: ChartLocation,
    /// The release's namespace. It is made with the release unless the catalog owns it already.
    pub namespace: String,
    /// Helm values.
    pub values: HelmValues,
    /// What must be ready before.
    pub needs: Vec<Need>,
}

/// Where a chart of the user's comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ChartLocation {
    /// A folder or `.tgz`, relative to the topology file.
    Path(String),
    /// A repository.
    Repository {
        /// The chart's name in it.
        name: String,
        /// `https://…` of an index, or `oci://…` of the folder that holds the chart.
        repository: String,
        /// The exact version.
        version: String,
    },
}

/// Manifests of the user's own, applied on named clusters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExtraManifests {
    /// Unique among the extras.
    pub name: ExtraName,
    /// Where they go; at least one cluster.
    pub clusters: Vec<ClusterName>,
    /// Where they are.
    pub files: Vec<ManifestLocation>,
    /// The namespace of objects that name none.
    pub namespace: Option<String>,
    /// What must be ready before.
    pub needs: Vec<Need>,
}

/// Where manifests are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ManifestLocation {
    /// A YAML file or a folder of them, relative to the topology file.
    Path(String),
    /// A YAML file on a web server: `https://…`.
    Url(String),
}

impl fmt::Display for ManifestLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(text) | Self::Url(text) => f.write_str(text),
        }
    }
}

/// What an extra waits for: `mimir` (on its own cluster) or `lgtm-central/mimir`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The cluster of the unit; the extra's own when absent.
    pub cluster: Option<ClusterName>,
    /// The unit's name on that cluster; whether it exists is the planner's to say.
    pub unit: String,
    /// `line:column` in the file, for the planner's message.
    pub position: Position,
}
