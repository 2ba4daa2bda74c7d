{{- define "prometheus-agent.config" -}}
{{- $gateway := .Values.push.gateway }}
{{- $direct := .Values.push.direct -}}
global:
  scrape_interval: {{ .Values.scrapeInterval }}
  # Targets are asked for names of letters, digits and underscores only: Mimir refuses others by default.
  metric_name_validation_scheme: legacy
  scrape_native_histograms: true
  # What queries the buckets of a histogram that comes both ways still finds them.
  always_scrape_classic_histograms: true

remote_write:
  - name: hub
    {{- if $gateway }}
    url: {{ printf "%s/api/v1/push" $gateway.url | quote }}
    tls_config:
      ca_file: /etc/tenant-certificate/ca.crt
      cert_file: /etc/tenant-certificate/tls.crt
      key_file: /etc/tenant-certificate/tls.key
      server_name: {{ $gateway.serverName | quote }}
    {{- else }}
    url: {{ $direct.metricsUrl | quote }}
    headers:
      X-Scope-OrgID: {{ $direct.tenant | quote }}
    {{- end }}
    send_exemplars: true
    send_native_histograms: true
    # Nothing leaves without `cluster`. An external label would not do: it yields to a label of the same name
    # that a series brings along.
    write_relabel_configs:
      - source_labels: [cluster]
        regex: (.+)
        target_label: exported_cluster
      - target_label: cluster
        replacement: {{ .Values.cluster | quote }}
    queue_config:
      max_shards: 10

scrape_configs:
  - job_name: kubelet
    {{- include "prometheus-agent.config.kubelet" . | nindent 4 }}

  - job_name: cadvisor
    metrics_path: /metrics/cadvisor
    # cAdvisor's own timestamps keep the series of a container that is gone alive for minutes.
    honor_timestamps: false
    {{- include "prometheus-agent.config.kubelet" . | nindent 4 }}
  {{- if .Values.nodeExporter.enabled }}

  # By the nodes and not by the pods: where node-exporter is missing, `up` is 0 instead of nothing at all.
  - job_name: node-exporter
    kubernetes_sd_configs:
      - role: node
    relabel_configs:
      - source_labels: [__address__]
        regex: (.+):[0-9]+
        target_label: __address__
        replacement: $1:{{ .Values.nodeExporter.port }}
      {{- include "prometheus-agent.config.nodeRules" . | nindent 6 }}
  {{- end }}
  {{- with .Values.kubeStateMetrics.address }}

  # Its series name the objects they are about in `namespace`, `pod` and `node`, which is why they are honoured.
  - job_name: kube-state-metrics
    honor_labels: true
    static_configs:
      - targets: [{{ . | quote }}]
        labels:
          instance: kube-state-metrics
  {{- end }}

  - job_name: annotated-pods
    {{- include "prometheus-agent.config.annotated" . | nindent 4 }}

  - job_name: prometheus-agent
    static_configs:
      - targets: ["127.0.0.1:9090"]
        labels:
          namespace: {{ .Release.Namespace }}
          instance: {{ .Release.Name }}-0
{{- end }}

{{- /* Every node's kubelet, at the address and port that the node object tells. */ -}}
{{- define "prometheus-agent.config.kubelet" -}}
scheme: https
authorization:
  credentials_file: /var/run/secrets/kubernetes.io/serviceaccount/token
tls_config:
  ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
  insecure_skip_verify: {{ .Values.kubelet.insecureSkipVerify }}
kubernetes_sd_configs:
  - role: node
relabel_configs:
  {{- include "prometheus-agent.config.nodeRules" . | nindent 2 }}
{{- end }}

{{- define "prometheus-agent.config.nodeRules" -}}
- source_labels: [__meta_kubernetes_node_name]
  target_label: instance
- source_labels: [__meta_kubernetes_node_name]
  target_label: node
{{- end }}

{{- /* The same rules, in the same order, as the chart alloy has for its role deployment. */ -}}
{{- define "prometheus-agent.config.annotated" -}}
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
  # These are read by rules of their own, or send their own metrics; an annotation must not make them double.
  - source_labels: [__meta_kubernetes_namespace, __meta_kubernetes_pod_label_app_kubernetes_io_name]
    separator: /
    regex: {{ .Release.Namespace }}/(alloy|kube-state-metrics|node-exporter|prometheus-agent)
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
  # No label `container`: discovery yields a target for every port of every container, and those of a pod that
  # names its port are one target only as long as nothing tells them apart.
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
{{- end }}
