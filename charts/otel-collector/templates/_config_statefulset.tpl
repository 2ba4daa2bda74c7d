{{- /* What a cluster has once, and the one place where all spans of a trace meet. */ -}}
{{- define "otel-collector.config.statefulset" -}}
extensions:
  {{- include "otel-collector.config.extensions" . | nindent 2 }}

receivers:
  # Spans only, and from the node agents: they know which pod a connection came from, here it is too late.
  otlp:
    protocols:
      grpc:
        endpoint: ${env:POD_IP}:4317
  k8s_cluster:
    auth_type: serviceAccount
    collection_interval: {{ .Values.scrapeInterval }}
    node_conditions_to_report: [Ready, MemoryPressure, DiskPressure, PIDPressure]
    allocatable_types_to_report: [cpu, memory, ephemeral-storage, pods]
  k8s_events:
    auth_type: serviceAccount
  prometheus:
    config:
      global:
        scrape_interval: {{ .Values.scrapeInterval }}
      scrape_configs:
        - job_name: annotated-pods
          kubernetes_sd_configs:
            - role: pod
          relabel_configs:
            - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
              regex: "true"
              action: keep
            - source_labels: [__meta_kubernetes_pod_phase]
              regex: Pending|Succeeded|Failed
              action: drop
            - source_labels: [__meta_kubernetes_pod_container_init]
              regex: "true"
              action: drop
            - source_labels: [__meta_kubernetes_pod_container_port_protocol]
              regex: UDP|SCTP
              action: drop
            - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scheme]
              regex: (https?)
              target_label: __scheme__
            - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path]
              regex: (.+)
              target_label: __metrics_path__
            - source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port]
              separator: ":"
              regex: ([0-9.]+:[0-9]+)
              target_label: __address__
            - source_labels: [__meta_kubernetes_namespace]
              target_label: namespace
            - source_labels: [__meta_kubernetes_pod_name]
              target_label: pod
            - source_labels: [__meta_kubernetes_pod_node_name]
              target_label: node
            # No label `container`: discovery yields a target for every port of every container, and those
            # of a pod that names its port are one target only as long as nothing tells them apart.
            - source_labels: [__meta_kubernetes_pod_name]
              target_label: app
            # A ReplicaSet's name ends in a hash that changes with every rollout.
            - source_labels: [__meta_kubernetes_pod_controller_name]
              regex: (.+?)(?:-[0-9a-f]{6,10})?
              target_label: app
            - source_labels: [__meta_kubernetes_pod_label_app]
              regex: (.+)
              target_label: app
            - source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name]
              regex: (.+)
              target_label: app
            - source_labels: [namespace, app]
              separator: /
              target_label: job

processors:
  {{- include "otel-collector.config.processors" . | nindent 2 }}
  resource/k8s_cluster:
    attributes:
      - {key: service.name, action: upsert, value: k8s-cluster}
      - {key: service.instance.id, action: upsert, value: {{ .Values.cluster }}}
  # An event tells its namespace in the record, but a log stream is made of what its resource tells.
  transform/events:
    error_mode: ignore
    log_statements:
      - context: log
        statements:
          - set(resource.attributes["service.name"], "kubernetes-events")
          - set(resource.attributes["namespace"], log.attributes["k8s.namespace.name"]) where log.attributes["k8s.namespace.name"] != nil
          - set(resource.attributes["k8s.namespace.name"], log.attributes["k8s.namespace.name"]) where log.attributes["k8s.namespace.name"] != nil
  # A trace is kept as soon as one policy says so. Errors come first and whole; the second policy needs no
  # word on the status, since a trace with an error has been kept already. What none names is dropped.
  tail_sampling:
    decision_wait: {{ .Values.sampling.decisionWait }}
    num_traces: {{ int .Values.sampling.waitingTraces }}
    # A span that comes after its trace was judged shares the trace's fate.
    decision_cache:
      sampled_cache_size: {{ mul .Values.sampling.waitingTraces 4 }}
      non_sampled_cache_size: {{ mul .Values.sampling.waitingTraces 8 }}
    policies:
      - name: errors
        type: status_code
        status_code:
          status_codes: [ERROR]
      - name: slow
        type: and
        and:
          and_sub_policy:
            - name: slower-than-threshold
              type: latency
              latency:
                threshold_ms: {{ int .Values.sampling.slowerThanMilliseconds }}
            - name: share
              type: probabilistic
              probabilistic:
                sampling_percentage: {{ .Values.sampling.percentage }}

exporters:
  otlp_http/logs:
    {{- include "otel-collector.config.hub" (list . true) | nindent 4 }}
  otlp_http/metrics:
    {{- include "otel-collector.config.hub" (list . false) | nindent 4 }}
  otlp_http/traces:
    {{- include "otel-collector.config.hub" (list . true) | nindent 4 }}

service:
  extensions: [health_check, file_storage]
  telemetry:
    {{- include "otel-collector.config.telemetry" . | nindent 4 }}
  pipelines:
    logs:
      receivers: [k8s_events]
      processors: [memory_limiter, transform/events, resource/cluster, batch]
      exporters: [otlp_http/logs]
    metrics/cluster:
      receivers: [k8s_cluster]
      processors: [memory_limiter, resource/k8s_cluster, resource/cluster, transform/labels, batch]
      exporters: [otlp_http/metrics]
    metrics/scraped:
      receivers: [prometheus]
      processors: [memory_limiter, resource/cluster, transform/labels, batch]
      exporters: [otlp_http/metrics]
    traces:
      receivers: [otlp]
      processors: [memory_limiter, resource/cluster, tail_sampling, batch]
      exporters: [otlp_http/traces]
{{- end }}
