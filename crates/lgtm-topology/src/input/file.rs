//! The fields of the topology file: the one place where they are declared.
//!
//! A field's comment is its description in the JSON schema, so it is written for users. The module
//! knows which fields there are, not what they mean together.

mod extras;
mod grafana;

pub(crate) use self::{extras::*, grafana::*};
use super::{
    List,
    network::{PodCidr, SegmentText, ServiceCidr},
    places::FilePath,
    record,
    scalars::{
        ApiVersion, ClusterId, ContextName, Count, Megabytes, ProfileName, ScenarioName, TopologyKind,
        Workers,
    },
};
use crate::{
    ClusterName, Demo, Hours, LogShipper, MeshType, TenantId, TopologyName,
    defaults::{LIMITS, RETENTION, WORKERS},
    tenant::HUB_TENANT,
};

record! {
    /// A hub cluster that stores and shows telemetry, and the spoke clusters that send it.
    Fields FileInput {
        /// The version of this file's format.
        required api_version "apiVersion": ApiVersion,
        /// The kind of document.
        required kind "kind": TopologyKind,
        /// What the topology is called.
        required metadata "metadata": MetadataInput,
        /// What must exist.
        required spec "spec": SpecInput,
    }
    unsupported {
        "status": "remove it: the status is the operator's to write",
    }
}

record! {
    /// What the topology is called.
    Fields MetadataInput {
        /// The topology's name: a DNS label of at most 40 characters. Everything that lgtmctl makes is
        /// labelled with it, so another name is another topology.
        required name "name": TopologyName,
    }
    unsupported {
        "namespace": "remove it: a topology is not part of any cluster's namespace",
        "labels": "remove it: lgtmctl sets its own labels on what it makes",
        "annotations": "remove it: nothing reads a topology's annotations",
    }
}

record! {
    /// What must exist.
    Fields SpecInput {
        /// Who makes the clusters, or where they are; a cluster may have a provider of its own.
        required provider "provider": TopologyProviderInput,
        /// Which catalog is installed: `compact` is Mimir, Loki and Tempo as single binaries from lgtmctl's own
        /// charts, `distributed` the upstream charts over object storage.
        optional profile "profile": ProfileName = "compact",
        /// How the spokes reach the hub.
        optional mesh "mesh": MeshInput,
        /// How long each backend keeps data.
        optional retention "retention": RetentionInput,
        /// What a tenant may send, unless it has limits of its own.
        optional limits "limits": LimitsInput,
        /// Limits and retention of single tenants.
        optional tenants "tenants": List<TenantInput>,
        /// The cluster that stores and shows the telemetry.
        required hub "hub": HubInput,
        /// What reads logs on spokes of the scenario `traditional`, and on the hub in the profile `distributed`;
        /// the other scenarios' agents read them themselves.
        optional log_shipper "logShipper": LogShipper = "vector",
        /// The clusters that are observed.
        optional spokes "spokes": List<SpokeInput>,
        /// Values of your own for the catalog's charts, merged over what the catalog sets.
        optional overrides "overrides": List<OverrideInput>,
        /// Charts of your own, installed next to the catalog's.
        optional extra_releases "extraReleases": List<ExtraReleaseInput>,
        /// Manifests of your own, applied next to the catalog's.
        optional extra_manifests "extraManifests": List<ExtraManifestsInput>,
    }
    unsupported {
        "network": "remove it: clusters keep the network plugin and load balancer of their provider",
        "demo": "remove it, and write `demo` at the spokes that are to have one",
        "gateway": "remove it: a host name for Grafana is `spec.hub.grafana.host`",
    }
}

record! {
    /// Who makes the clusters, or where they are.
    OneOf TopologyProviderInput {
        /// Real control planes with simulated nodes, made by lgtmctl: a rehearsal, in which no pod runs.
        optional kwok "kwok": KwokInput,
        /// Clusters that exist. lgtmctl never creates or deletes them.
        optional existing "existing": ExistingDefaultsInput,
    }
    unsupported {
        "kind": "kind clusters are not supported yet; use `kwok`, or create them and use `existing`",
        "k3s-multipass": "k3s on Multipass is not supported yet; create the clusters and use `existing`",
        "doks": "DigitalOcean is not supported yet; create the clusters and use `existing`",
    }
}

record! {
    /// The cluster's own provider, in place of the topology's.
    OneOf ClusterProviderInput {
        /// A real control plane with simulated nodes, made by lgtmctl.
        optional kwok "kwok": KwokInput,
        /// A cluster that exists. lgtmctl never creates or deletes it.
        optional existing "existing": ExistingInput,
    }
    unsupported {
        "kind": "kind clusters are not supported yet; use `kwok`, or create it and use `existing`",
        "k3s-multipass": "k3s on Multipass is not supported yet; create the cluster and use `existing`",
        "doks": "DigitalOcean is not supported yet; create the cluster and use `existing`",
    }
}

record! {
    /// It takes no settings. Its nodes are in the network 172.18.0.0/16.
    Fields KwokInput {}
    unsupported {}
}

record! {
    /// What the existing clusters have in common.
    Fields ExistingDefaultsInput {
        /// The kubeconfig file with the clusters' contexts, relative to the topology file; your default
        /// kubeconfig when absent.
        optional kubeconfig "kubeconfig": FilePath,
    }
    unsupported {
        "context": "a context is one cluster's: give each cluster `provider: {existing: {context: …}}`",
    }
}

record! {
    /// Where the existing cluster is.
    Fields ExistingInput {
        /// The kubeconfig file, relative to the topology file; the topology's when absent.
        optional kubeconfig "kubeconfig": FilePath,
        /// The context in it.
        required context "context": ContextName,
    }
    unsupported {}
}

record! {
    /// How the spokes reach the hub.
    Fields MeshInput {
        /// With `none`, spokes push over mutual TLS to a tenant gateway on the hub.
        optional mesh "type": MeshType = MeshType::None,
    }
    unsupported {}
}

record! {
    /// How long each backend keeps data: whole hours, days or weeks, such as `72h`, `7d` or `2w`.
    Fields RetentionInput {
        /// Metrics, in Mimir.
        optional metrics "metrics": Hours = super::scalars::shortest(RETENTION.metrics),
        /// Logs, in Loki; at least one day, which is Loki's own minimum.
        optional logs "logs": Hours = super::scalars::shortest(RETENTION.logs),
        /// Traces, in Tempo.
        optional traces "traces": Hours = super::scalars::shortest(RETENTION.traces),
    }
    unsupported {}
}

record! {
    /// How long each backend keeps a tenant's data: whole hours, days or weeks.
    Fields TenantRetentionInput {
        /// Metrics, in Mimir.
        optional metrics "metrics": Hours,
        /// Logs, in Loki; at least one day, which is Loki's own minimum.
        optional logs "logs": Hours,
        /// Traces, in Tempo.
        optional traces "traces": Hours,
    }
    unsupported {}
}

record! {
    /// What a tenant may send; what exceeds a limit is refused and the sender told so.
    Fields LimitsInput {
        /// Samples per second.
        optional metrics_samples_per_second "metricsSamplesPerSecond": Count = LIMITS.metrics_samples_per_second,
        /// Active series. In the profile `distributed` the hub's own tenant may have a million where nothing is said.
        optional metrics_series "metricsSeries": Count = LIMITS.metrics_series,
        /// Logs, in MB per second.
        optional logs_megabytes_per_second "logsMegabytesPerSecond": Megabytes = LIMITS.logs_megabytes_per_second,
        /// Active log streams.
        optional logs_streams "logsStreams": Count = LIMITS.logs_streams,
        /// Traces, in MB per second.
        optional traces_megabytes_per_second "tracesMegabytesPerSecond": Megabytes = LIMITS.traces_megabytes_per_second,
    }
    unsupported {}
}

record! {
    /// One tenant's limits.
    Fields TenantInput {
        /// The hub's tenant or a spoke's.
        required name "name": TenantId,
        /// Its limits; those that are not given here are the topology's.
        optional limits "limits": LimitsInput,
        /// How long its data is kept; what is not given here is the topology's.
        optional retention "retention": TenantRetentionInput,
    }
    unsupported {}
}

record! {
    /// The cluster that stores and shows the telemetry.
    Fields HubInput {
        /// The cluster's name: a DNS label of at most 32 characters, unique in the topology. All
        /// telemetry of the cluster is labelled with it.
        required name "name": ClusterName,
        /// A number from 1 to 255, unique in the topology, by which meshes know the cluster.
        optional id "id": ClusterId,
        /// How many worker nodes the cluster gets, 1 to 100; not for clusters that exist.
        optional workers "workers": Workers = WORKERS,
        /// Who makes this cluster, or where it is, in place of the topology's provider.
        optional provider "provider": ClusterProviderInput,
        /// The network of its pods, disjoint from all other networks of the topology.
        optional pod_cidr "podCIDR": PodCidr,
        /// The network of its Services, disjoint from all other networks of the topology.
        optional service_cidr "serviceCIDR": ServiceCidr,
        /// Addresses for its LoadBalancer Services: a CIDR, or its last octet and length (`248/29`) at the
        /// end of the nodes' network. Required with `kwok`; with `existing`, the cluster assigns the
        /// addresses when it is absent.
        optional segment "segment": SegmentText,
        /// The tenant of the hub's own telemetry; it is always `_local`.
        optional tenant "tenant": TenantId = HUB_TENANT,
        /// How Grafana is reached and administered.
        optional grafana "grafana": GrafanaInput,
    }
    unsupported {
        "scenario": "remove it: the hub runs its own agents; scenarios are for spokes",
        "demo": "remove it: demo applications are for spokes",
    }
}

record! {
    /// A cluster that is observed.
    Fields SpokeInput {
        /// The cluster's name: a DNS label of at most 32 characters, unique in the topology. All
        /// telemetry of the cluster is labelled with it.
        required name "name": ClusterName,
        /// A number from 1 to 255, unique in the topology, by which meshes know the cluster.
        optional id "id": ClusterId,
        /// How many worker nodes the cluster gets, 1 to 100; not for clusters that exist.
        optional workers "workers": Workers = WORKERS,
        /// Who makes this cluster, or where it is, in place of the topology's provider.
        optional provider "provider": ClusterProviderInput,
        /// The tenant under which its telemetry is stored; no other cluster's.
        required tenant "tenant": TenantId,
        /// Which agents it runs.
        required scenario "scenario": ScenarioName,
        /// What reads its logs in the scenario `traditional`, in place of the topology's log shipper.
        optional log_shipper "logShipper": LogShipper,
        /// An application that gives it something to observe: `tns` in the scenarios `alloy` and `traditional`,
        /// `opentelemetry`, which takes some 5 GB of memory, in `otel`. The images of `tns` are for amd64 nodes.
        optional demo "demo": Demo,
        /// The network of its pods, disjoint from all other networks of the topology.
        optional pod_cidr "podCIDR": PodCidr,
        /// The network of its Services, disjoint from all other networks of the topology.
        optional service_cidr "serviceCIDR": ServiceCidr,
        /// Addresses for LoadBalancer Services of your own on this spoke, written as the hub's.
        optional segment "segment": SegmentText,
    }
    unsupported {
        "grafana": "remove it: Grafana runs on the hub",
    }
}
