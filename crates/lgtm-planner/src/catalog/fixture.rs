//! A topology for the tests of the catalog: a hub and two spokes, one of them with limits of its own and the
//! other with a retention of its own.
//!
//! It is built from the model directly, since the catalog does not care how a topology is written.

use std::collections::BTreeMap;

use lgtm_topology::{
    AdminPassword, Cluster, ClusterName, Grafana, Hours, Hub, Limits, MeshType, Positions, Profile, Provider,
    Retention, Scenario, Spoke, Tenant, TenantId, Topology, TopologyName,
};

/// The topology itself.
pub(crate) fn topology() -> Topology {
    let default_limits = Limits {
        metrics_samples_per_second: 30_000,
        metrics_series: 1_000_000,
        logs_megabytes_per_second: 10,
        logs_streams: 10_000,
        traces_megabytes_per_second: 15,
    };
    let retention = Retention { metrics: Hours(336), logs: Hours(168), traces: Hours(72) };
    let own = Limits { metrics_series: 2_500_000, traces_megabytes_per_second: 40, ..default_limits };
    Topology {
        name: TopologyName::new("fixture"),
        profile: Profile::Compact,
        mesh: MeshType::None,
        retention,
        default_limits,
        hub: Hub {
            cluster: cluster("lgtm-central", 1, "_local"),
            grafana: Grafana { admin: AdminPassword::Generated, entrance: None },
        },
        spokes: vec![
            Spoke {
                cluster: cluster("lgtm-remote-alloy", 4, "remote02"),
                scenario: Scenario::Alloy,
                demo: None,
            },
            Spoke {
                cluster: cluster("lgtm-remote-otel", 3, "remote03"),
                scenario: Scenario::Otel,
                demo: None,
            },
        ],
        tenants: BTreeMap::from([
            (TenantId::new("_local"), Tenant { limits: default_limits, retention }),
            (
                TenantId::new("remote02"),
                Tenant { limits: default_limits, retention: Retention { logs: Hours(48), ..retention } },
            ),
            (TenantId::new("remote03"), Tenant { limits: own, retention }),
        ]),
        overrides: Vec::new(),
        extra_releases: Vec::new(),
        extra_manifests: Vec::new(),
        positions: Positions::default(),
    }
}

fn cluster(name: &str, id: u8, tenant: &str) -> Cluster {
    Cluster {
        name: ClusterName::new(name),
        id: Some(id),
        workers: 1,
        provider: Provider::Kwok,
        pod_cidr: None,
        service_cidr: None,
        segment: None,
        tenant: TenantId::new(tenant),
    }
}
