//! What the topology implies for the upstream charts of the hub.
//!
//! Everything else about them is in `charts-values/`. The module knows those charts' keys, and the settings of
//! Mimir, Loki and Tempo that stand for a tenant's limits and retention.

use lgtm_topology::{ClusterName, Entrance, Tenant, Topology};
use serde_json::{Map, Value, json};

use super::{
    push::{Gateway, Push},
    upstream::{self, Upstream},
};
use crate::object::Object;

/// The namespace and Service of the object storage, and its port for S3.
pub const STORAGE: (&str, &str, u16) = ("storage", "rustfs-svc", 9000);
/// The Secret with the storage's own key, and the Secret's keys that the chart reads.
pub const STORAGE_ROOT: (&str, &str, &str) =
    ("object-storage-root", "RUSTFS_ACCESS_KEY", "RUSTFS_SECRET_KEY");
/// The Secret with a backend's key in the backend's namespace, and the Secret's keys.
pub const STORAGE_KEY: (&str, &str, &str) = ("object-storage", "S3_ACCESS_KEY", "S3_SECRET_KEY");

/// The hub's Alertmanager, by the name that the tenant gateway's resolver takes.
pub const ALERTMANAGER: &str = "monitor-alertmanager.observability.svc.cluster.local";

/// One of Mimir, Loki and Tempo.
pub struct Backend {
    /// What its unit, its release and its namespace are called.
    pub name: &'static str,
    /// Its chart.
    pub chart: &'static Upstream,
    /// Its buckets, as its file in `charts-values/` names them.
    pub buckets: &'static [&'static str],
    /// What the topology implies for the chart. The text is a digest of the key for the object storage.
    pub implied: fn(&Topology, &str) -> Value,
}

/// The backends.
pub static BACKENDS: [Backend; 3] = [
    Backend { name: "loki", chart: &upstream::LOKI, buckets: &["loki-data", "loki-ruler"], implied: loki },
    Backend {
        name: "mimir",
        chart: &upstream::MIMIR,
        buckets: &["mimir-data", "mimir-ruler", "mimir-alerts"],
        implied: mimir,
    },
    Backend { name: "tempo", chart: &upstream::TEMPO, buckets: &["tempo-data"], implied: tempo },
];

/// The annotation that rolls pods when their key is another.
const KEY_DIGEST: &str = "lgtmctl.dev/object-storage-key";

/// Values of `rustfs`.
pub fn rustfs(key_digest: &str) -> Value {
    json!({"podAnnotations": {KEY_DIGEST: key_digest}})
}

/// Values of `mimir-distributed`.
fn mimir(topology: &Topology, key_digest: &str) -> Value {
    let limits = |tenant: &Tenant| {
        json!({
            "compactor_blocks_retention_period": tenant.retention.metrics.to_string(),
            "ingestion_rate": tenant.limits.metrics_samples_per_second,
            "ingestion_burst_size": u64::from(tenant.limits.metrics_samples_per_second) * 10,
            "max_global_series_per_user": tenant.limits.metrics_series,
        })
    };
    let mut values = json!({
        "mimir": {"structuredConfig": {"limits": limits(&general(topology))}},
        "runtimeConfig": {"overrides": by_tenant(topology, limits)},
    });
    announce(&mut values, &upstream::MIMIR, key_digest);
    values
}

/// Values of `loki`.
fn loki(topology: &Topology, key_digest: &str) -> Value {
    let limits = |tenant: &Tenant| {
        json!({
            "retention_period": tenant.retention.logs.to_string(),
            "ingestion_rate_mb": tenant.limits.logs_megabytes_per_second,
            "ingestion_burst_size_mb": u64::from(tenant.limits.logs_megabytes_per_second) * 2,
            "per_stream_rate_limit": format!("{}MB", tenant.limits.logs_megabytes_per_second),
            "per_stream_rate_limit_burst":
                format!("{}MB", u64::from(tenant.limits.logs_megabytes_per_second) * 2),
            "max_global_streams_per_user": tenant.limits.logs_streams,
            // Older lines would be stored only to be deleted by the next compaction.
            "reject_old_samples_max_age": tenant.retention.logs.to_string(),
        })
    };
    json!({
        "defaults": {"podAnnotations": {KEY_DIGEST: key_digest}},
        "loki": {
            "limits_config": limits(&general(topology)),
            "runtimeConfig": {"overrides": by_tenant(topology, limits)},
        },
    })
}

/// Values of `tempo-distributed`.
///
/// Unlike Mimir and Loki, Tempo does not fill a tenant's section from the defaults, so each is complete.
fn tempo(topology: &Topology, key_digest: &str) -> Value {
    let limits = |tenant: &Tenant| {
        let rate = u64::from(tenant.limits.traces_megabytes_per_second) * 1_000_000;
        json!({
            "ingestion": {
                "rate_strategy": "global",
                "rate_limit_bytes": rate,
                "burst_size_bytes": rate * 2,
                "max_traces_per_user": 20_000,
                "retry_info_enabled": true,
            },
            "global": {"max_bytes_per_trace": 10_000_000},
            "read": {"max_bytes_per_tag_values_query": 1_000_000},
            "compaction": {"block_retention": tenant.retention.traces.to_string()},
            "metrics_generator": {
                "processors": ["service-graphs", "span-metrics"],
                "generate_native_histograms": "classic",
                "max_active_series": 50_000,
            },
        })
    };
    let mut values = json!({
        "compactor": {"config": {"compaction": {"block_retention": topology.retention.traces.to_string()}}},
        "overrides": {"defaults": limits(&general(topology))},
        "per_tenant_overrides": by_tenant(topology, limits),
    });
    announce(&mut values, &upstream::TEMPO, key_digest);
    values
}

/// Rolls the parts of a backend that have the key, as the chart's file says.
fn announce(values: &mut Value, chart: &Upstream, key_digest: &str) {
    for part in chart.parts_with("extraEnvFrom") {
        upstream::merge(values, json!({part: {"podAnnotations": {KEY_DIGEST: key_digest}}}));
    }
}

/// Values of `kube-prometheus-stack` that hub and spokes share: where metrics go, under which name.
pub fn monitor(cluster: &ClusterName, push: &Push) -> Value {
    let mut write = match push {
        Push::Direct { tenant, loki: _ } => json!({
            "url": super::push::MIMIR,
            "headers": {"X-Scope-OrgID": tenant.as_str()},
        }),
        Push::Gateway(gateway) => {
            let file = |key: &str| json!({"secret": {"name": gateway.secret_name, "key": key}});
            json!({
                "url": format!("{}/api/v1/push", gateway.url()),
                "tlsConfig": {
                    "ca": file("ca.crt"),
                    "cert": file("tls.crt"),
                    "keySecret": {"name": gateway.secret_name, "key": "tls.key"},
                    "serverName": gateway.server_name,
                },
            })
        }
    };
    upstream::merge(
        &mut write,
        json!({
            "name": "hub",
            "sendExemplars": true,
            "sendNativeHistograms": true,
            "queueConfig": {"maxShards": 10},
            // No external label: it would yield to one of the same name that a series brings along, and these rules
            // would take it for one that the series brought.
            "writeRelabelConfigs": [
                {"sourceLabels": ["cluster"], "regex": "(.+)", "targetLabel": "exported_cluster"},
                {"targetLabel": "cluster", "replacement": cluster.as_str()},
            ],
        }),
    );
    let mut values = json!({
        "prometheus": {"prometheusSpec": {
            "remoteWrite": [write],
            "additionalAlertRelabelConfigs": [{"target_label": "cluster", "replacement": cluster.as_str()}],
        }},
    });
    if let Push::Gateway(gateway) = push {
        upstream::merge(&mut values, alerts(gateway));
    }
    values
}

/// A spoke's alerts go to the hub's Alertmanager; the hub's own find it by themselves.
fn alerts(gateway: &Gateway) -> Value {
    let folder = format!("/etc/prometheus/secrets/{}", gateway.secret_name);
    let file = |name: &str| format!("{folder}/{name}");
    json!({
        "prometheus": {"prometheusSpec": {
            "secrets": [gateway.secret_name],
            "additionalAlertManagerConfigs": [{
                "scheme": "https",
                "path_prefix": "/alertmanager",
                "api_version": "v2",
                "static_configs": [{"targets": [gateway.host()]}],
                "tls_config": {
                    "ca_file": file("ca.crt"),
                    "cert_file": file("tls.crt"),
                    "key_file": file("tls.key"),
                    "server_name": gateway.server_name,
                },
            }],
        }},
    })
}

/// Values of `kube-prometheus-stack` for the hub's Grafana: a digest that rolls it with its password, and the URL by
/// which it is known.
pub fn grafana(topology: &Topology, secret: (&str, &str), password_digest: Option<&str>) -> Value {
    let (name, key) = secret;
    let mut values = json!({
        "admin": {"existingSecret": name, "passwordKey": key},
        "podAnnotations": {"lgtmctl.dev/admin-password": password_digest.unwrap_or_default()},
    });
    if let Some(Entrance { host, .. }) = &topology.hub.grafana.entrance {
        let server = json!({"domain": host, "root_url": format!("https://{host}/")});
        upstream::merge(&mut values, json!({"grafana.ini": {"server": server}}));
    }
    json!({"grafana": values})
}

/// Values of `metrics-server`. An APIService whose Pods answer nobody makes discovery fail and keeps
/// namespaces from ending, so there is none on simulated nodes.
pub fn metrics_server(simulated: bool) -> Value {
    json!({"apiService": {"create": !simulated}})
}

/// Who may reach the backends and their storage, by namespace. They believe whatever tenant they are told, so it
/// is the gateway's and the agents' to tell; Tempo sends metrics to Mimir.
const REACHED_FROM: [(&str, &[&str]); 4] = [
    ("loki", &["lgtm-gateway", "loki", "observability"]),
    ("mimir", &["lgtm-gateway", "mimir", "observability", "tempo"]),
    ("tempo", &["lgtm-gateway", "observability", "tempo"]),
    (STORAGE.0, &["loki", "mimir", STORAGE.0, "tempo"]),
];

/// The NetworkPolicies of the backends' namespaces, which their charts do without.
pub fn network_policies() -> Vec<Object> {
    let policy = |(namespace, reached_from): (&str, &[&str])| {
        Object::new(json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "reached-from", "namespace": namespace},
            "spec": {
                "podSelector": {},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"namespaceSelector": {"matchExpressions": [{
                    "key": "kubernetes.io/metadata.name", "operator": "In", "values": reached_from,
                }]}}]}],
            },
        }))
        .ok()
    };
    REACHED_FROM.into_iter().filter_map(policy).collect()
}

/// Settings and retention of those who have none of their own.
fn general(topology: &Topology) -> Tenant {
    Tenant { limits: topology.default_limits, retention: topology.retention }
}

fn by_tenant(topology: &Topology, settings: impl Fn(&Tenant) -> Value) -> Map<String, Value> {
    topology.tenants.iter().map(|(name, own)| (name.as_str().to_owned(), settings(own))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{fixture::topology, push::fixture};

    #[test]
    fn tenants_have_their_settings_in_all_three_backends() {
        let topology = topology();
        insta::assert_snapshot!(format!(
            "{:#}\n{:#}\n{:#}",
            mimir(&topology, "digest"),
            loki(&topology, "digest"),
            tempo(&topology, "digest")
        ));
    }

    #[test]
    fn every_namespace_of_the_backends_is_closed_to_others() {
        let policies = network_policies();
        let namespaces: Vec<_> = policies.iter().filter_map(Object::namespace).collect();
        assert_eq!(namespaces, ["loki", "mimir", "tempo", "storage"]);
        let backends: Vec<_> = BACKENDS.iter().map(|backend| backend.name).collect();
        assert!(backends.iter().all(|backend| namespaces.contains(backend)), "{backends:?}");
    }

    #[test]
    fn metrics_leave_a_cluster_with_its_name() {
        let spoke = monitor(&ClusterName::new("lgtm-remote"), &Push::Gateway(fixture::gateway()));
        let hub = monitor(&ClusterName::new("lgtm-central"), &fixture::direct());
        insta::assert_snapshot!(format!("{spoke:#}\n{hub:#}"));
    }
}
