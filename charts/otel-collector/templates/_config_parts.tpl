{{- /* What is alike in both roles' configurations. Each part is a fragment of one section. */ -}}
{{- define "otel-collector.config.extensions" -}}
health_check:
  endpoint: ${env:POD_IP}:13133
file_storage:
  directory: /var/lib/otel-collector
{{- end }}

{{- define "otel-collector.config.telemetry" -}}
logs:
  level: info
metrics:
  level: normal
  readers:
    - pull:
        exporter:
          prometheus:
            host: ${env:POD_IP}
            port: 8888
{{- end }}

{{- /*
`cluster` on the resource, for spans and log streams, and beside it on every data point: a resource
attribute becomes a label only where the backend was told to promote it, a data point's attribute always does.
The same goes for the names that tell one Kubernetes object's series from another's.
*/ -}}
{{- define "otel-collector.config.processors" -}}
memory_limiter:
  check_interval: 1s
  limit_percentage: 80
  spike_limit_percentage: 20
resource/cluster:
  attributes:
    - key: cluster
      action: upsert
      value: {{ .Values.cluster }}
    - key: k8s.cluster.name
      action: upsert
      value: {{ .Values.cluster }}
transform/labels:
  error_mode: ignore
  metric_statements:
    - context: datapoint
      statements:
        - set(datapoint.attributes["exported_cluster"], datapoint.attributes["cluster"]) where datapoint.attributes["cluster"] != nil
        - set(datapoint.attributes["cluster"], {{ .Values.cluster | quote }})
        {{- range include "otel-collector.config.identity" . | fromYamlArray }}
        - set(datapoint.attributes[{{ . | quote }}], resource.attributes[{{ . | quote }}]) where resource.attributes[{{ . | quote }}] != nil
        {{- end }}
batch: {}
{{- end }}

{{- define "otel-collector.config.identity" -}}
- k8s.container.name
- k8s.cronjob.name
- k8s.daemonset.name
- k8s.deployment.name
- k8s.hpa.name
- k8s.job.name
- k8s.namespace.name
- k8s.node.name
- k8s.pod.name
- k8s.replicaset.name
- k8s.replicationcontroller.name
- k8s.resourcequota.name
- k8s.service.name
- k8s.statefulset.name
{{- end }}

{{- /* The hub, for any signal. Arguments: the root context, whether the queue is kept on disk. */ -}}
{{- define "otel-collector.config.hub" -}}
{{- $gateway := (index . 0).Values.push.gateway }}
endpoint: {{ $gateway.url }}
tls:
  ca_file: /etc/tenant-certificate/ca.crt
  cert_file: /etc/tenant-certificate/tls.crt
  key_file: /etc/tenant-certificate/tls.key
  server_name_override: {{ $gateway.serverName }}
compression: gzip
sending_queue:
  enabled: true
  queue_size: 1000
  {{- if index . 1 }}
  storage: file_storage
  {{- end }}
retry_on_failure:
  enabled: true
  {{- if index . 1 }}
  # What is on disk is sent when the hub is back, however long that takes.
  max_elapsed_time: 0s
  {{- end }}
{{- end }}
