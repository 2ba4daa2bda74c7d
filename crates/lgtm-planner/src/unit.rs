//! Units: the smallest things that are planned, applied and reported.
//!
//! A unit says *what* must be on one cluster, never how it gets there. Its content may name facts
//! of other units (see [`crate::fact`]); it holds no key material and no secret, only the request
//! for one.

use std::{collections::BTreeSet, fmt, net::Ipv4Addr, str::FromStr, sync::Arc};

use lgtm_topology::{ClusterName, ManifestLocation, Provider, Segment, Sensitive, TenantId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{
    digest::Digest,
    object::{Object, ObjectKey},
};

/// The unit that is a cluster itself; every cluster has one.
pub const CLUSTER_UNIT: &str = "cluster";
/// The unit that enters a cluster in the fleet record; every cluster has one.
pub const ENROLMENT_UNIT: &str = "enrolment";

/// A unit's name on its cluster: a DNS label, for example `mimir` or `tenant-certificate`. A copy shares
/// the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitName(Arc<str>);

impl UnitName {
    /// Wraps a name that the catalog, a checked topology or a record in a cluster gave.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for UnitName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UnitName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// A unit's identity in the whole topology, written `cluster/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId {
    /// The cluster it belongs to.
    pub cluster: ClusterName,
    /// Its name there.
    pub name: UnitName,
}

impl UnitId {
    /// The unit `name` on `cluster`.
    pub fn new(cluster: &ClusterName, name: impl Into<Arc<str>>) -> Self {
        Self { cluster: cluster.clone(), name: UnitName::new(name) }
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.name)
    }
}

/// Text that is not of the form `cluster/unit`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no unit; write `cluster/unit`")]
pub struct NotAUnit(pub String);

impl FromStr for UnitId {
    type Err = NotAUnit;

    fn from_str(text: &str) -> Result<Self, NotAUnit> {
        match text.split_once('/') {
            Some((cluster, name)) if !cluster.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self::new(&ClusterName::new(cluster), name))
            }
            Some(_) | None => Err(NotAUnit(text.to_owned())),
        }
    }
}

impl Serialize for UnitId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UnitId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Its identity.
    pub id: UnitId,
    /// What must be ready, at its new digest, before this unit is written.
    pub needs: BTreeSet<UnitId>,
    /// What it is.
    pub content: Content,
}

/// What a unit is. The set is closed: whoever performs units matches on all of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The cluster itself exists and answers.
    Cluster(ClusterContent),
    /// The cluster is entered in the hub's fleet record and holds the namespace of lgtmctl's records.
    Enrolment,
    /// Objects that are known outright.
    Objects(Vec<Object>),
    /// A chart, rendered.
    Release(Release),
    /// Manifests, read from files or from the web.
    Manifests(Manifests),
    /// A Secret with material that is made where it is needed and never seen by the planner.
    Material(MaterialContent),
}

/// The cluster that a [`Content::Cluster`] unit stands for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterContent {
    /// Who makes it, or where it is.
    pub provider: Provider,
    /// Worker nodes, where the provider makes them.
    pub workers: u16,
    /// The pods' network.
    pub pod_cidr: Option<ipnet::Ipv4Net>,
    /// The Services' network.
    pub service_cidr: Option<ipnet::Ipv4Net>,
    /// Addresses for LoadBalancer Services.
    pub segment: Option<Segment>,
}

/// Where a chart comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ChartRef {
    /// One of lgtmctl's own, embedded in the binary.
    Embedded(String),
    /// A folder or `.tgz`, relative to the topology file.
    Path(String),
    /// Someone else's, from a repository.
    Upstream(UpstreamChart),
}

/// A chart in a repository. Which bytes that version has is fixed by the lock file beside the topology.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamChart {
    /// The chart's name in its repository.
    pub name: String,
    /// `https://…` of an index, or `oci://…` of the folder that holds the chart.
    pub repository: String,
    /// The exact version.
    pub version: String,
}

impl fmt::Display for UpstreamChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.name, self.version, self.repository)
    }
}

impl fmt::Display for ChartRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(name) => write!(f, "{name} (embedded)"),
            Self::Path(path) => f.write_str(path),
            Self::Upstream(chart) => chart.fmt(f),
        }
    }
}

/// A chart with values, to be rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// The chart.
    pub chart: ChartRef,
    /// helm's release name.
    pub name: String,
    /// helm's release namespace.
    pub namespace: String,
    /// helm's values; may hold placeholders for facts. A chart that goes to many clusters has them once.
    pub values: Arc<Value>,
    /// Facts that the unit gives when it is done.
    pub gives: Vec<ServiceAddress>,
}

/// A fact `address` that is read from a LoadBalancer Service, where the provider assigns addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceAddress {
    /// The Service's namespace.
    pub namespace: String,
    /// The Service's name.
    pub service: String,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// The Service's namespace.
    pub namespace: String,
    /// The Service's name.
    pub service: String,
    /// The port, as the Service numbers it.
    pub port: u16,
}

/// Manifests that are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifests {
    /// Where they are. Which bytes a URL has is fixed by the lock file beside the topology.
    pub files: Vec<ManifestLocation>,
    /// The namespace of objects that name none.
    pub namespace: Option<String>,
}

/// A Secret on a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SecretRef {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl SecretRef {
    /// The Secret's identity on its cluster.
    pub fn key(&self) -> ObjectKey {
        ObjectKey {
            group: String::new(),
            kind: "Secret".to_owned(),
            namespace: Some(self.namespace.clone()),
            name: self.name.clone(),
        }
    }
}

/// A Secret and what is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct MaterialContent {
    /// Where it is kept.
    pub secret: SecretRef,
    /// What is in it.
    pub material: Material,
}

/// Material that is made, not said. Facts that each gives: `digest` (a digest of the public part, or a
/// keyed digest of a secret), and for certificates `fingerprint`, `fingerprints` (a list: the current
/// and, until it expires, the previous one), `notAfter` (seconds since 1970) and `notBefore`.
#[derive(Clone, Debug, PartialEq)]
pub enum Material {
    /// A certificate authority of its own. Never remade without the user's word.
    Authority {
        /// The subject's common name.
        common_name: String,
    },
    /// A certificate by an authority on the hub.
    Certificate(CertificateRequest),
    /// A random password under the key `password`.
    Password {
        /// Characters.
        length: u8,
    },
    /// A value that the topology gives, under the key `password`.
    Given(Sensitive),
    /// An access key for object storage: an id and a secret, made at random.
    AccessKey(AccessKeyRequest),
}

/// What an access key is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessKeyRequest {
    /// The Secret's key that holds the id: charts differ in what they read.
    pub id_key: String,
    /// The Secret's key that holds the secret.
    pub secret_key: String,
    /// What it opens. None for the storage's own root key, and where no Pod answers.
    pub opens: Option<Buckets>,
}

/// Buckets that one access key opens, and no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Buckets {
    /// The storage that holds them, on the cluster of the key.
    pub storage: ObjectStorage,
    /// Their names. They are made where they are missing, and never deleted: they hold data.
    pub names: Vec<String>,
}

/// Object storage that runs on a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStorage {
    /// Its Service's namespace.
    pub namespace: String,
    /// Its Service.
    pub service: String,
    /// The Service's port that speaks S3.
    pub port: u16,
    /// The Secret with the key that may do everything there.
    pub root: SecretRef,
    /// The unit that makes that key, where one does.
    pub root_unit: Option<UnitId>,
    /// The key of that Secret that holds the id.
    pub root_id_key: String,
    /// The key of that Secret that holds the secret.
    pub root_secret_key: String,
}

/// What a certificate is for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequest {
    /// The unit that is the authority.
    pub authority: UnitId,
    /// The subject's common name.
    pub common_name: String,
    /// Server or client.
    pub usage: CertificateUsage,
    /// DNS names, for a server.
    pub dns_names: Vec<String>,
    /// Addresses, for a server.
    pub addresses: Vec<Ipv4Addr>,
    /// The tenant that a client's certificate stands for.
    pub tenant: Option<TenantId>,
}

/// What a certificate's key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CertificateUsage {
    /// TLS server authentication.
    Server,
    /// TLS client authentication.
    Client,
}

impl Material {
    /// A digest of the request: what was asked for, never what was made. A value that the topology
    /// gives is not part of it; its change is seen by the keyed digest that is a fact.
    pub fn request_digest(&self) -> Digest {
        let json = match self {
            Self::Authority { common_name } => serde_json::json!({"authority": common_name}),
            Self::Certificate(request) => serde_json::json!({"certificate": request}),
            Self::Password { length } => serde_json::json!({"password": length}),
            Self::Given(_) => serde_json::json!({"given": true}),
            Self::AccessKey(request) => serde_json::json!({"accessKey": request}),
        };
        Digest::of_json(&json)
    }

    /// Whether losing it would break what others trust, so that it needs the user's word.
    pub fn is_protected(&self) -> bool {
        matches!(self, Self::Authority { .. })
    }
}
