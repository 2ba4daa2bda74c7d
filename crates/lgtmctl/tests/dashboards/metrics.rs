//! The metrics that dashboards ask for: which program has each, and what collects it where.
//!
//! A name stands here because it was found in the program's sources or in its own output, at or near the version that
//! the charts run. That the program is read is checked; that it has a metric of this name cannot be, without the
//! program.

use crate::{
    rendered::{ALLOY, HUB, OTEL, TRADITIONAL},
    sources::{Check, Check::*},
};

/// Metrics of one program.
pub(crate) struct Group {
    pub(crate) program: &'static str,
    pub(crate) metrics: &'static [&'static str],
    /// What collects them; each is looked for.
    pub(crate) checks: &'static [Check],
}

const EVERYWHERE_BUT_OTEL: [&str; 3] = [HUB, TRADITIONAL, ALLOY];

pub(crate) const GROUPS: &[Group] = &[
    Group {
        program: "whatever scrapes",
        metrics: &["up"],
        checks: &[
            Job(HUB, "grafana-alloy-daemonset", "kubelet"),
            Job(TRADITIONAL, "prometheus-agent", "kubelet"),
            Job(ALLOY, "grafana-alloy-daemonset", "kubelet"),
            Job(OTEL, "otel-collector-statefulset", "annotated-pods"),
        ],
    },
    Group {
        program: "OpenTelemetry's SDKs in applications, by what takes OTLP",
        metrics: &["target_info"],
        checks: &[
            Says(HUB, "grafana-alloy-deployment", "otelcol.receiver.otlp"),
            Says(TRADITIONAL, "grafana-alloy-deployment", "otelcol.receiver.otlp"),
            Says(ALLOY, "grafana-alloy-deployment", "otelcol.receiver.otlp"),
            Receiver(OTEL, "otel-collector-daemonset", "otlp", "/protocols/grpc"),
        ],
    },
    Group {
        program: "kube-state-metrics",
        metrics: &[
            "kube_deployment_spec_replicas",
            "kube_deployment_status_replicas_available",
            "kube_namespace_status_phase",
            "kube_node_info",
            "kube_pod_container_status_restarts_total",
            "kube_pod_status_phase",
            "kube_statefulset_replicas",
            "kube_statefulset_status_replicas_ready",
        ],
        checks: &[
            Job(HUB, "grafana-alloy-deployment", "kube-state-metrics"),
            Job(TRADITIONAL, "prometheus-agent", "kube-state-metrics"),
            Job(ALLOY, "grafana-alloy-deployment", "kube-state-metrics"),
            Resources(HUB),
            Resources(TRADITIONAL),
            Resources(ALLOY),
            Values("kube-prometheus-stack.hub.yaml", "/kubeStateMetrics/enabled", "null"),
            Values("kube-prometheus-stack.spoke.yaml", "/kubeStateMetrics/enabled", "null"),
        ],
    },
    Group {
        program: "node-exporter",
        metrics: &[
            "node_cpu_seconds_total",
            "node_filesystem_avail_bytes",
            "node_filesystem_size_bytes",
            "node_memory_MemAvailable_bytes",
            "node_memory_MemTotal_bytes",
        ],
        checks: &[
            Job(HUB, "grafana-alloy-daemonset", "node-exporter"),
            Job(TRADITIONAL, "prometheus-agent", "node-exporter"),
            Job(ALLOY, "grafana-alloy-daemonset", "node-exporter"),
            Values("kube-prometheus-stack.hub.yaml", "/nodeExporter/enabled", "null"),
            Values("kube-prometheus-stack.spoke.yaml", "/nodeExporter/enabled", "null"),
        ],
    },
    Group {
        program: "cAdvisor, in the kubelet",
        metrics: &[
            "container_cpu_usage_seconds_total",
            "container_memory_working_set_bytes",
            "container_network_receive_bytes_total",
        ],
        checks: &[
            Job(HUB, "grafana-alloy-daemonset", "cadvisor"),
            Job(TRADITIONAL, "prometheus-agent", "cadvisor"),
            Job(ALLOY, "grafana-alloy-daemonset", "cadvisor"),
            Values("kube-prometheus-stack.hub.yaml", "/kubelet/enabled", "null"),
            Values("kube-prometheus-stack.spoke.yaml", "/kubelet/enabled", "null"),
        ],
    },
    Group {
        program: "the kubelet",
        metrics: &[
            "kubelet_running_pods",
            "kubelet_volume_stats_capacity_bytes",
            "kubelet_volume_stats_used_bytes",
        ],
        checks: &[
            Job(HUB, "grafana-alloy-daemonset", "kubelet"),
            Job(TRADITIONAL, "prometheus-agent", "kubelet"),
            Job(ALLOY, "grafana-alloy-daemonset", "kubelet"),
            Values("kube-prometheus-stack.hub.yaml", "/kubelet/enabled", "null"),
        ],
    },
    Group {
        program: "the receiver k8s_cluster",
        metrics: &[
            "k8s_container_restarts",
            "k8s_deployment_available",
            "k8s_deployment_desired",
            "k8s_namespace_phase",
            "k8s_pod_phase",
        ],
        checks: &[Receiver(OTEL, "otel-collector-statefulset", "k8s_cluster", "/collection_interval")],
    },
    Group {
        program: "the receiver k8s_cluster, for conditions that it is told to report",
        metrics: &["k8s_node_condition_ready"],
        checks: &[Receiver(
            OTEL,
            "otel-collector-statefulset",
            "k8s_cluster",
            "/node_conditions_to_report/Ready",
        )],
    },
    Group {
        program: "the receiver kubelet_stats, of nodes",
        metrics: &["k8s_node_memory_available_bytes", "k8s_node_memory_working_set_bytes"],
        checks: &[Receiver(OTEL, "otel-collector-daemonset", "kubelet_stats", "/metric_groups/node")],
    },
    Group {
        program: "the receiver kubelet_stats, of pods",
        metrics: &["k8s_pod_cpu_usage", "k8s_pod_memory_working_set_bytes", "k8s_pod_network_io_bytes_total"],
        checks: &[Receiver(OTEL, "otel-collector-daemonset", "kubelet_stats", "/metric_groups/pod")],
    },
    Group {
        program: "the receiver host_metrics, of processors",
        metrics: &["system_cpu_time_seconds_total"],
        checks: &[Receiver(OTEL, "otel-collector-daemonset", "host_metrics", "/scrapers/cpu")],
    },
    Group {
        program: "the receiver host_metrics, of file systems",
        metrics: &["system_filesystem_usage_bytes"],
        checks: &[Receiver(OTEL, "otel-collector-daemonset", "host_metrics", "/scrapers/filesystem")],
    },
    Group {
        program: "OpenTelemetry's components, in collectors and in Alloy",
        metrics: &[
            "otelcol_exporter_enqueue_failed_log_records_total",
            "otelcol_exporter_enqueue_failed_metric_points_total",
            "otelcol_exporter_enqueue_failed_spans_total",
            "otelcol_exporter_queue_capacity",
            "otelcol_exporter_queue_size",
            "otelcol_exporter_send_failed_log_records_total",
            "otelcol_exporter_send_failed_metric_points_total",
            "otelcol_exporter_send_failed_spans_total",
            "otelcol_exporter_sent_log_records_total",
            "otelcol_exporter_sent_metric_points_total",
            "otelcol_exporter_sent_spans_total",
            "otelcol_receiver_accepted_log_records_total",
            "otelcol_receiver_accepted_metric_points_total",
            "otelcol_receiver_accepted_spans_total",
            "otelcol_receiver_refused_log_records_total",
            "otelcol_receiver_refused_metric_points_total",
            "otelcol_receiver_refused_spans_total",
        ],
        checks: &[
            Telemetry(OTEL, "otel-collector-daemonset"),
            Telemetry(OTEL, "otel-collector-statefulset"),
            Says(HUB, "grafana-alloy-deployment", "prometheus.exporter.self"),
            Says(TRADITIONAL, "grafana-alloy-deployment", "prometheus.exporter.self"),
            Says(ALLOY, "grafana-alloy-deployment", "prometheus.exporter.self"),
        ],
    },
    Group {
        program: "the processor tail_sampling",
        metrics: &[
            "otelcol_processor_tail_sampling_global_count_traces_sampled_total",
            "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total",
        ],
        checks: &[
            Telemetry(OTEL, "otel-collector-statefulset"),
            Says(OTEL, "otel-collector-statefulset", "tail_sampling"),
        ],
    },
    Group {
        // By running the three programs, built from the sources of the chart's tag.
        program: "TNS",
        metrics: &[
            "tns_client_request_duration_seconds_count",
            "tns_db_fetches_total",
            "tns_db_post_time_seconds_count",
            "tns_request_duration_seconds_bucket",
            "tns_request_duration_seconds_count",
        ],
        checks: &[
            Annotated(TRADITIONAL, "tns"),
            Annotated(ALLOY, "tns"),
            Values(
                "kube-prometheus-stack.spoke.yaml",
                "/prometheus/prometheusSpec/additionalScrapeConfigs/0/job_name",
                "\"annotated-pods\"",
            ),
        ],
    },
    Group {
        // By what its sources register at 3.0.0, as Mimir translates the names: points are underscores, the unit `s`
        // and the counter's `total` are added, and a unit in braces is not.
        program: "the OpenTelemetry demo's services, which push",
        metrics: &[
            "demo_ad_requests_total",
            "demo_cart_add_item_latency_seconds_bucket",
            "demo_cart_get_cart_latency_seconds_bucket",
            "demo_notification_confirmations_total",
            "demo_payment_transactions_total",
            "demo_shipping_items_shipped_total",
        ],
        checks: &[
            Receiver(OTEL, "otel-collector-daemonset", "otlp", "/protocols/grpc"),
            Receiver(OTEL, "otel-collector-daemonset", "otlp", "/protocols/http"),
            Values(
                "opentelemetry-demo.yaml",
                "/default/envOverrides/0/value",
                "\"otel-collector-daemonset.observability.svc\"",
            ),
        ],
    },
    Group {
        program: "the OpenTelemetry demo's service that is scraped",
        metrics: &["demo_ad_served_total"],
        checks: &[
            Job(OTEL, "otel-collector-statefulset", "annotated-pods"),
            Values(
                "opentelemetry-demo.yaml",
                "/components/ad/podAnnotations/prometheus.io~1port",
                "\"9465\"",
            ),
        ],
    },
    Group {
        program: "Tempo's generator, for each tenant's spans",
        metrics: &[
            "traces_spanmetrics_calls_total",
            "traces_spanmetrics_latency_bucket",
            "traces_spanmetrics_size_total",
        ],
        checks: &[
            Says(HUB, "tempo", "span-metrics"),
            Says(HUB, "tempo", "remote_write_add_org_id_header: true"),
            Values("tempo-distributed.yaml", "/metricsGenerator/enabled", "true"),
        ],
    },
    Group {
        program: "Mimir",
        metrics: &[
            "cortex_compactor_last_successful_run_timestamp_seconds",
            "cortex_discarded_samples_total",
            "cortex_distributor_received_samples_total",
            "cortex_distributor_replication_factor",
            "cortex_ingester_active_series",
            "cortex_ingester_shipper_upload_failures_total",
            "cortex_request_duration_seconds_bucket",
            "cortex_request_duration_seconds_count",
            "cortex_runtime_config_last_reload_successful",
            "thanos_objstore_bucket_operation_failures_total",
        ],
        checks: &[
            Annotated(HUB, "mimir"),
            Values("mimir-distributed.yaml", "/metaMonitoring/serviceMonitor/enabled", "true"),
        ],
    },
    Group {
        program: "Loki",
        metrics: &[
            "loki_discarded_samples_total",
            "loki_distributor_bytes_received_total",
            "loki_distributor_lines_received_total",
            "loki_distributor_replication_factor",
            "loki_ingester_chunks_flush_failures_total",
            "loki_ingester_memory_streams",
            "loki_request_duration_seconds_bucket",
            "loki_request_duration_seconds_count",
            "loki_runtime_config_last_reload_successful",
        ],
        checks: &[Annotated(HUB, "loki"), Values("loki.yaml", "/monitoring/serviceMonitor/enabled", "true")],
    },
    Group {
        program: "Loki, over object storage only",
        metrics: &["loki_s3_request_duration_seconds_count"],
        checks: &[
            Values("loki.yaml", "/monitoring/serviceMonitor/enabled", "true"),
            Values("loki.yaml", "/loki/storage/type", "\"s3\""),
        ],
    },
    Group {
        program: "Tempo",
        metrics: &[
            "tempo_discarded_spans_total",
            "tempo_distributor_bytes_received_total",
            "tempo_distributor_push_duration_seconds_bucket",
            "tempo_distributor_spans_received_total",
            "tempo_ingester_failed_flushes_total",
            "tempo_metrics_generator_registry_active_series",
            "tempo_request_duration_seconds_bucket",
            "tempo_request_duration_seconds_count",
            "tempo_runtime_config_last_reload_successful",
            "tempodb_backend_request_duration_seconds_count",
        ],
        checks: &[
            Annotated(HUB, "tempo"),
            Values("tempo-distributed.yaml", "/metaMonitoring/serviceMonitor/enabled", "true"),
        ],
    },
    Group {
        program: "HAProxy, the tenant gateway",
        metrics: &[
            "haproxy_backend_connection_errors_total",
            "haproxy_backend_http_responses_total",
            "haproxy_frontend_bytes_in_total",
            "haproxy_frontend_http_responses_total",
            "haproxy_process_current_connections",
            "haproxy_process_max_connections",
        ],
        checks: &[
            Annotated(HUB, "tenant-gateway"),
            Says(HUB, "tenant-gateway", "prometheus-exporter"),
            Says(HUB, "tenant-gateway", "frontend spokes"),
            Values(
                "kube-prometheus-stack.hub.yaml",
                "/prometheus/additionalPodMonitors/0/podMetricsEndpoints/0/port",
                "\"metrics\"",
            ),
        ],
    },
    Group {
        program: "Grafana",
        metrics: &["grafana_datasource_request_total", "grafana_http_request_duration_seconds_count"],
        checks: &[
            Annotated(HUB, "grafana"),
            Values("kube-prometheus-stack.hub.yaml", "/grafana/serviceMonitor/enabled", "null"),
        ],
    },
];

/// Panels that are empty in a scenario, and why.
pub(crate) const EMPTY_IN: &[(&str, &str, &[&str])] = &[
    ("opentelemetry.json: Traces kept and dropped", "only the scenario `otel` samples", &EVERYWHERE_BUT_OTEL),
    ("opentelemetry.json: Traces not judged", "only the scenario `otel` samples", &EVERYWHERE_BUT_OTEL),
];
