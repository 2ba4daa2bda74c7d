{{- /* What only the node itself can give, and what its applications say. */ -}}
{{- define "otel-collector.config.daemonset" -}}
extensions:
  {{- include "otel-collector.config.extensions" . | nindent 2 }}

receivers:
  otlp:
    protocols:
      grpc:
        endpoint: ${env:POD_IP}:4317
      http:
        endpoint: ${env:POD_IP}:4318
  file_log:
    include:
      - /var/log/pods/*/*/*.log
    exclude:
      {{- /* The last is the operator's name for a collector's container. */}}
      {{- range concat .Values.logs.excludeContainers (ternary (list) (list "otc-container") .Values.workload.enabled) }}
      - /var/log/pods/*/{{ . }}/*.log
      {{- end }}
    # Not the end: the first lines of a pod that starts faster than it is found would be lost.
    start_at: beginning
    include_file_path: true
    include_file_name: false
    storage: file_storage
    retry_on_failure:
      enabled: true
    operators:
      - type: container
  host_metrics:
    root_path: /hostfs
    collection_interval: {{ .Values.scrapeInterval }}
    # Not `network`: from a pod's network namespace it would count the pod's own traffic. The kubelet tells
    # the node's.
    scrapers:
      cpu: {}
      disk: {}
      load: {}
      memory: {}
      paging: {}
      {{- if .Values.hostMetrics.fileSystems }}
      filesystem:
        exclude_mount_points:
          match_type: regexp
          mount_points:
            - ^/(dev|proc|sys|run/containerd|run/netns|var/lib/(docker|containerd|kubelet|containers))($|/.*)
        exclude_fs_types:
          match_type: strict
          fs_types: [autofs, binfmt_misc, bpf, cgroup, cgroup2, configfs, debugfs, devpts, devtmpfs, fusectl, hugetlbfs, mqueue, nsfs, overlay, proc, procfs, pstore, rpc_pipefs, securityfs, selinuxfs, squashfs, sysfs, tmpfs, tracefs]
      {{- end }}
  kubelet_stats:
    auth_type: serviceAccount
    endpoint: https://${env:HOST_IP}:{{ .Values.kubelet.port }}
    insecure_skip_verify: {{ .Values.kubelet.insecureSkipVerify }}
    collection_interval: {{ .Values.scrapeInterval }}
    metric_groups: [node, pod, container]

processors:
  {{- include "otel-collector.config.processors" . | nindent 2 }}
  # Only what a Pod object itself says, so that pods are all that has to be watched, and only this node's.
  k8s_attributes:
    filter:
      node_from_env_var: NODE_NAME
    extract:
      metadata:
        - k8s.namespace.name
        - k8s.pod.name
        - k8s.pod.uid
        - k8s.node.name
        - k8s.deployment.name
        - k8s.statefulset.name
        - k8s.daemonset.name
        - k8s.job.name
        - service.name
        - service.instance.id
      deployment_name_from_replicaset: true
    pod_association:
      - sources:
          - from: resource_attribute
            name: k8s.pod.uid
      - sources:
          - from: connection
  # The short names by which log streams are found everywhere, whatever agent a cluster runs.
  transform/streams:
    error_mode: ignore
    log_statements:
      - context: resource
        statements:
          {{- range list "namespace" "pod" "container" }}
          {{- $attribute := printf "k8s.%s.name" . }}
          - set(resource.attributes[{{ . | quote }}], resource.attributes[{{ $attribute | quote }}]) where resource.attributes[{{ $attribute | quote }}] != nil
          {{- end }}
  # Neither receiver names a service; without one a backend makes no `job` and no `instance`.
  resource/host:
    attributes:
      - {key: k8s.node.name, action: upsert, value: "${env:NODE_NAME}"}
      - {key: service.name, action: upsert, value: host-metrics}
      - {key: service.instance.id, action: upsert, value: "${env:NODE_NAME}"}
  resource/kubelet:
    attributes:
      - {key: k8s.node.name, action: upsert, value: "${env:NODE_NAME}"}
      - {key: service.name, action: upsert, value: kubelet-stats}
      - {key: service.instance.id, action: upsert, value: "${env:NODE_NAME}"}

exporters:
  otlp_http/logs:
    {{- include "otel-collector.config.hub" (list . true) | nindent 4 }}
  otlp_http/metrics:
    {{- include "otel-collector.config.hub" (list . false) | nindent 4 }}
  otlp_grpc/aggregator:
    endpoint: {{ .Values.aggregator.endpoint }}
    tls:
      insecure: true
    sending_queue:
      enabled: true
    retry_on_failure:
      enabled: true

service:
  extensions: [health_check, file_storage]
  telemetry:
    {{- include "otel-collector.config.telemetry" . | nindent 4 }}
  pipelines:
    logs:
      receivers: [otlp, file_log]
      processors: [memory_limiter, k8s_attributes, resource/cluster, transform/streams, batch]
      exporters: [otlp_http/logs]
    metrics:
      receivers: [otlp]
      processors: [memory_limiter, k8s_attributes, resource/cluster, transform/labels, batch]
      exporters: [otlp_http/metrics]
    metrics/host:
      receivers: [host_metrics]
      processors: [memory_limiter, resource/host, resource/cluster, transform/labels, batch]
      exporters: [otlp_http/metrics]
    metrics/kubelet:
      receivers: [kubelet_stats]
      processors: [memory_limiter, resource/kubelet, resource/cluster, transform/labels, batch]
      exporters: [otlp_http/metrics]
    traces:
      receivers: [otlp]
      processors: [memory_limiter, k8s_attributes, resource/cluster, batch]
      exporters: [otlp_grpc/aggregator]
{{- end }}
