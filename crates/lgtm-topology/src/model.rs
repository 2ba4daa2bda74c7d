//! The topology as the rest of the program sees it: complete, defaulted, and already checked.
//!
//! Nothing here can be built from a file except through [`crate::parse`], so whoever holds a
//! [`Topology`] need not check it again. The module knows neither YAML nor positions.

mod extras;
mod grafana;

use std::{collections::BTreeMap, fmt, net::Ipv4Addr, sync::Arc};

use ipnet::Ipv4Net;
use serde::Serialize;

pub use self::{extras::*, grafana::*};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Names are copied into every unit, edge and record of a cluster, so a copy shares the text.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name that was checked elsewhere (the parser, or a record in a cluster).
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }
    };
}

name_type!(
    /// `metadata.name` of a topology: a DNS label of at most 40 characters, since it becomes part of
    /// label values and of simulated clusters' names.
    TopologyName
);
name_type!(
    /// A cluster's name: a DNS label of at most 32 characters that is not `default` (Cilium's rule for
    /// `cluster.name`, the strictest of the meshes; a name outlives a choice of mesh).
    ClusterName
);
name_type!(
    /// A tenant, sent as `X-Scope-OrgID`; Mimir's character set, at most 150 characters.
    TenantId
);
name_type!(
    /// The name of an extra release or an extra set of manifests: a DNS label of at most 53
    /// characters (helm's limit for release names).
    ExtraName
);
name_type!(
    /// The name of a release of the catalog, which is also its unit's.
    ReleaseName
);

/// A whole topology.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Topology {
    /// `metadata.name`; everything that lgtmctl puts on a cluster is labelled with it.
    pub name: TopologyName,
    /// Which catalog is installed.
    pub profile: Profile,
    /// How the spokes reach the hub.
    pub mesh: MeshType,
    /// How long each backend keeps data of tenants without a retention of their own.
    pub retention: Retention,
    /// Limits for every tenant without limits of its own.
    pub default_limits: Limits,
    /// The cluster that stores and shows the telemetry.
    pub hub: Hub,
    /// The clusters that are observed, in file order.
    pub spokes: Vec<Spoke>,
    /// Every tenant in use: the hub's `_local` and one per spoke.
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// The user's own values for releases of the catalog.
    pub overrides: Vec<Override>,
    /// The user's own charts.
    pub extra_releases: Vec<ExtraRelease>,
    /// The user's own manifests.
    pub extra_manifests: Vec<ExtraManifests>,
    /// Where the file names clusters and extras. It is no part of what the user said, so it is not
    /// serialized: moving a line changes nothing.
    #[serde(skip)]
    pub positions: Positions,
}

/// Where the file names things, for messages of later steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Positions {
    /// The value of each cluster's `name`.
    pub clusters: BTreeMap<ClusterName, Position>,
    /// The value of each extra's `name`.
    pub extras: BTreeMap<ExtraName, Position>,
}

impl Topology {
    /// All clusters, the hub first, then the spokes in file order.
    pub fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        std::iter::once(&self.hub.cluster).chain(self.spokes.iter().map(|spoke| &spoke.cluster))
    }
}

/// Which catalog is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Single binaries from lgtmctl's own embedded charts.
    Compact,
    /// The upstream charts, over object storage, with what reads the hub's own logs.
    Distributed(LogShipper),
}

/// How the spokes reach the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeshType {
    /// No mesh: spokes push over mutual TLS to the tenant gateway.
    None,
}

/// How long each backend keeps data, in hours (YAML: `72h`, `7d`, `2w`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Mimir's `compactor_blocks_retention_period`.
    pub metrics: Hours,
    /// Loki's `retention_period`.
    pub logs: Hours,
    /// Tempo's `block_retention`.
    pub traces: Hours,
}

/// A whole number of hours, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Hours(pub u32);

impl fmt::Display for Hours {
    /// As Prometheus-style durations, which Mimir, Loki and Tempo all read: `168h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}h", self.0)
    }
}

/// What is particular to a tenant, as effective values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// What it may send.
    pub limits: Limits,
    /// How long its data is kept.
    pub retention: Retention,
}

/// What one tenant may send. Every field has a default, so these are effective values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Mimir `ingestion_rate`, samples per second.
    pub metrics_samples_per_second: u32,
    /// Mimir `max_global_series_per_user`.
    pub metrics_series: u32,
    /// Loki `ingestion_rate_mb`, MB per second.
    pub logs_megabytes_per_second: u32,
    /// Loki `max_global_streams_per_user`.
    pub logs_streams: u32,
    /// Tempo `ingestion.rate_limit_bytes`, in MB per second.
    pub traces_megabytes_per_second: u32,
}

/// One cluster, hub or spoke.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Unique in the topology; also the value of the `cluster` label on all telemetry.
    pub name: ClusterName,
    /// A mesh's numeric id, unique, 1..=255. No choice of mesh that is supported yet needs it.
    pub id: Option<u8>,
    /// How many worker nodes a provider that makes clusters gives it.
    pub workers: u16,
    /// Who makes the cluster, or where it is.
    pub provider: Provider,
    /// Disjoint from every other pod and service network of the topology.
    pub pod_cidr: Option<Ipv4Net>,
    /// Disjoint from every other pod and service network of the topology.
    pub service_cidr: Option<Ipv4Net>,
    /// Addresses for LoadBalancer Services, already resolved against the node network.
    pub segment: Option<Segment>,
    /// The tenant under which this cluster's telemetry is stored.
    pub tenant: TenantId,
}

/// A range of LoadBalancer addresses and those in it that may be assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// The whole range.
    pub range: Ipv4Net,
    /// The network of the nodes, where the provider has one.
    pub node_network: Option<Ipv4Net>,
}

impl Segment {
    /// The addresses that may be assigned, ascending: all of the range but the node network's own,
    /// its broadcast and its gateway (first) address.
    pub fn usable(&self) -> impl Iterator<Item = Ipv4Addr> + use<> {
        let reserved = self.node_network.map(|network| {
            [network.network(), network.broadcast(), Ipv4Addr::from(u32::from(network.network()) + 1)]
        });
        let (first, last) = (u32::from(self.range.network()), u32::from(self.range.broadcast()));
        (first..=last)
            .map(Ipv4Addr::from)
            .filter(move |address| !reserved.is_some_and(|reserved| reserved.contains(address)))
    }
}

/// Who makes a cluster, or where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Provider {
    /// A real control plane with simulated nodes, made by lgtmctl.
    Kwok,
    /// A cluster that exists; lgtmctl never creates or deletes it.
    Existing {
        /// Path of the kubeconfig, relative to the topology file; the user's default when absent.
        kubeconfig: Option<String>,
        /// The context in it.
        context: String,
    },
}

/// The hub.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hub {
    /// The cluster itself.
    pub cluster: Cluster,
    /// How Grafana is reached and administered.
    pub grafana: Grafana,
}

/// A secret value from the file. Neither `Debug` nor `Serialize` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(String);

impl Sensitive {
    /// Wraps a secret value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself; every call of this is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sensitive(..)")
    }
}

impl Serialize for Sensitive {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(sensitive)")
    }
}

/// A spoke.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spoke {
    /// The cluster itself.
    pub cluster: Cluster,
    /// Which agents it runs.
    pub scenario: Scenario,
    /// The demo application that it runs; one that fits the scenario.
    pub demo: Option<Demo>,
}

/// Which agents a spoke runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Grafana Alloy, as a DaemonSet and a clustered Deployment.
    Alloy,
    /// OpenTelemetry collectors, as a DaemonSet and a StatefulSet.
    Otel,
    /// Prometheus for metrics, a log shipper for logs, Alloy for traces.
    Traditional(LogShipper),
}

/// An application that gives a spoke something to observe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Demo {
    /// Grafana's "The New Stack": three programs whose metrics are scraped and whose spans are Jaeger's.
    Tns,
    /// OpenTelemetry's shop, which sends metrics, logs and traces by OTLP.
    OpenTelemetry,
}

/// What reads logs in the traditional scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogShipper {
    /// Vector.
    Vector,
    /// Fluent Bit.
    FluentBit,
}

/// A place in the topology file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}
