//! The fields of what users bring themselves: values for the catalog's charts, charts and manifests of their own.

use crate::{
    ClusterName, ExtraName, HelmValues, ReleaseName,
    input::{
        AtLeastOne, Input, List,
        names::NamespaceName,
        places::{ChartPath, ManifestPlace, RepositoryUrl},
        record,
        scalars::{ChartName, ExactVersion, NeedText},
    },
    problems::Problems,
    tree::{Node, Value},
};

record! {
    /// Values of your own for one of the catalog's releases.
    Fields OverrideInput {
        /// The release, as `lgtmctl plan` names its unit.
        required release "release": ReleaseName,
        /// The clusters on which it is meant; all that have it when absent.
        optional clusters "clusters": AtLeastOne<ClusterName>,
        /// Values for its chart: mappings are merged, anything else replaces what the catalog sets. Plain
        /// scalars are read as YAML 1.2; those that helm would read differently must be quoted.
        required values "values": HelmValues,
    }
    unsupported {
        "chart": "remove it: the catalog's charts and versions are fixed; a chart of your own goes into `extraReleases`",
        "version": "remove it: the catalog's versions are fixed, since its values are written for them",
    }
}

record! {
    /// A chart of your own.
    Fields ExtraReleaseInput {
        /// The release's name: a DNS label of at most 53 characters, unique among the extras.
        required name "name": ExtraName,
        /// The clusters that it is installed on.
        required clusters "clusters": AtLeastOne<ClusterName>,
        /// The chart's folder or `.tgz` file, relative to the topology file; or a chart in a repository, whose
        /// bytes `lgtmctl lock` fixes.
        required chart "chart": ChartInput,
        /// The release's namespace, which is made with it if nothing else makes it.
        required namespace "namespace": NamespaceName,
        /// The chart's values. Plain scalars are read as YAML 1.2; those that helm would read differently
        /// must be quoted.
        optional values "values": HelmValues,
        /// Units that must be ready before: `unit` on the same cluster, or `cluster/unit`.
        optional needs "needs": List<NeedText>,
    }
    unsupported {
        "repo": "write `chart: {name: …, repository: …, version: …}`",
        "repository": "write `chart: {name: …, repository: …, version: …}`",
        "version": "write `chart: {name: …, repository: …, version: …}`; a chart given by its path has the version that it states itself",
        "valuesFiles": "write the values below `values`; files of values are not supported yet",
    }
}

/// Where a chart comes from.
#[derive(Debug)]
pub(crate) enum ChartInput {
    Path(ChartPath),
    Repository(Box<RepositoryChartInput>),
}

impl Input for ChartInput {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Mapping(_) => {
                RepositoryChartInput::decode(node, problems).map(Box::new).map(Self::Repository)
            }
            Value::Scalar(_) | Value::Sequence(_) | Value::Refused => {
                ChartPath::decode(node, problems).map(Self::Path)
            }
        }
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({"oneOf": [ChartPath::schema(), RepositoryChartInput::schema()]})
    }
}

record! {
    /// A chart in a repository.
    Fields RepositoryChartInput {
        /// The chart's name in the repository.
        required name "name": ChartName,
        /// `https://…` of the repository, or `oci://…` of the folder that holds the chart.
        required repository "repository": RepositoryUrl,
        /// One version in full.
        required version "version": ExactVersion,
    }
    unsupported {
        "digest": "remove it: `lgtmctl lock` writes digests into the lock file beside the topology",
    }
}

record! {
    /// Manifests of your own.
    Fields ExtraManifestsInput {
        /// A name for them: a DNS label of at most 53 characters, unique among the extras.
        required name "name": ExtraName,
        /// The clusters that they are applied to.
        required clusters "clusters": AtLeastOne<ClusterName>,
        /// YAML files, or folders of them, relative to the topology file; or `https://` URLs of YAML files, whose
        /// bytes `lgtmctl lock` fixes.
        required files "files": AtLeastOne<ManifestPlace>,
        /// The namespace of objects that name none.
        optional namespace "namespace": NamespaceName,
        /// Units that must be ready before: `unit` on the same cluster, or `cluster/unit`.
        optional needs "needs": List<NeedText>,
    }
    unsupported {}
}
