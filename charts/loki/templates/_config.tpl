{{/* loki.yaml. Keys are those of Loki 3.7. */}}
{{- define "loki.config" -}}
auth_enabled: true
analytics:
  reporting_enabled: false
server:
  http_listen_port: 3100
  grpc_listen_port: 9095
  log_level: info
  # Batches of an agent that was cut off for a while are larger than gRPC's 4 MB.
  grpc_server_max_recv_msg_size: 16777216
  grpc_server_max_send_msg_size: 16777216
common:
  path_prefix: /var/loki
  replication_factor: 1
  # A single process talks to itself; without it, over whatever network interface comes first.
  instance_addr: 127.0.0.1
  ring:
    instance_addr: 127.0.0.1
    kvstore:
      store: inmemory
  storage:
    filesystem:
      chunks_directory: /var/loki/chunks
      rules_directory: /var/loki/rules
schema_config:
  configs:
    # A schema's start date can never be moved once there is data.
    - from: "2024-04-01"
      store: tsdb
      object_store: filesystem
      schema: v13
      index:
        prefix: index_
        period: 24h
compactor:
  working_directory: /var/loki/compactor
  retention_enabled: true
  delete_request_store: filesystem
query_range:
  parallelise_shardable_queries: true
runtime_config:
  file: /etc/loki-overrides/overrides.yaml
limits_config:
  # The index labels that OTLP logs are given are more than the default of 15 allows together.
  max_label_names_per_series: 30
  {{- include "loki.tenantLimits" .Values.limits | nindent 2 }}
  retention_period: {{ .Values.retention }}
  # Older lines would be stored only to be deleted by the next compaction.
  reject_old_samples: true
  reject_old_samples_max_age: {{ .Values.retention }}
  allow_structured_metadata: true
  volume_enabled: true
  otlp_config:
    resource_attributes:
      attributes_config:
        - action: index_label
          attributes:
            {{- toYaml .Values.otlp.indexedResourceAttributes | nindent 12 }}
{{- end }}

{{/* The limits that a tenant may have of its own. Loki fills what is absent from `limits_config`. */}}
{{- define "loki.tenantLimits" -}}
ingestion_rate_mb: {{ .megabytesPerSecond | int64 }}
ingestion_burst_size_mb: {{ mul (.megabytesPerSecond | int64) 2 }}
per_stream_rate_limit: {{ .megabytesPerSecond | int64 }}MB
per_stream_rate_limit_burst: {{ mul (.megabytesPerSecond | int64) 2 }}MB
max_global_streams_per_user: {{ .streams | int64 }}
{{- end }}

{{/* overrides.yaml; through dict and toYaml, since a tenant's name may need quotes. */}}
{{- define "loki.overrides" -}}
{{- $overrides := dict }}
{{- range $tenant, $limits := .Values.tenants }}
{{- $own := include "loki.tenantLimits" $limits | fromYaml }}
{{- $_ := set $own "retention_period" $limits.retention }}
{{- $_ := set $own "reject_old_samples_max_age" $limits.retention }}
{{- $_ := set $overrides $tenant $own }}
{{- end }}
{{- toYaml (dict "overrides" $overrides) }}
{{- end }}
