{{/* What a ring needs in a single process: no gossip, and an address that no network interface has to offer. */}}
{{- define "tempo.ring" -}}
instance_addr: 127.0.0.1
kvstore:
  store: inmemory
{{- end }}

{{/* tempo.yaml. Keys are those of Tempo 2.10. */}}
{{- define "tempo.config" -}}
multitenancy_enabled: true
usage_report:
  reporting_enabled: false
server:
  http_listen_port: 3200
  grpc_listen_port: 9095
  log_level: info
distributor:
  ring:
    {{- include "tempo.ring" . | nindent 4 }}
  receivers:
    otlp:
      protocols:
        grpc:
          endpoint: 0.0.0.0:4317
        http:
          endpoint: 0.0.0.0:4318
ingester:
  lifecycler:
    address: 127.0.0.1
    ring:
      replication_factor: 1
      kvstore:
        store: inmemory
compactor:
  compaction:
    block_retention: {{ .Values.retention }}
metrics_generator:
  ring:
    {{- include "tempo.ring" . | nindent 4 }}
  processor:
    service_graphs:
      dimensions: [cluster]
    span_metrics:
      dimensions: [cluster]
  storage:
    path: /var/tempo/generator/wal
    # In multi-tenant mode Tempo adds the tenant's own X-Scope-OrgID; a header set here would be dropped.
    remote_write_add_org_id_header: true
    remote_write:
      - url: {{ .Values.metricsGenerator.remoteWriteUrl | quote }}
        send_exemplars: true
storage:
  trace:
    backend: local
    wal:
      path: /var/tempo/wal
    local:
      path: /var/tempo/blocks
overrides:
  per_tenant_override_config: /etc/tempo-overrides/overrides.yaml
  defaults:
    {{- include "tempo.tenantLimits" (dict "limits" .Values.limits "retention" .Values.retention "values" .Values) | nindent 4 }}
{{- end }}

{{/*
All that Tempo knows of one tenant. Unlike Mimir and Loki it does not fill a tenant's section from the defaults,
so each section is complete: without the processors here, a tenant with a limit of its own would get no metrics.
*/}}
{{- define "tempo.tenantLimits" -}}
ingestion:
  rate_strategy: local
  rate_limit_bytes: {{ mul (.limits.megabytesPerSecond | int64) 1000000 }}
  burst_size_bytes: {{ mul (.limits.megabytesPerSecond | int64) 2000000 }}
  max_traces_per_user: {{ .values.maxLiveTraces | int64 }}
  retry_info_enabled: true
global:
  max_bytes_per_trace: {{ .values.maxBytesPerTrace | int64 }}
read:
  max_bytes_per_tag_values_query: 1000000
compaction:
  block_retention: {{ .retention }}
metrics_generator:
  processors: [service-graphs, span-metrics]
  generate_native_histograms: classic
  max_active_series: {{ .values.metricsGenerator.maxActiveSeries | int64 }}
{{- end }}

{{/* overrides.yaml; through dict and toYaml, since a tenant's name may need quotes. */}}
{{- define "tempo.overrides" -}}
{{- $overrides := dict }}
{{- $values := .Values }}
{{- range $tenant, $limits := .Values.tenants }}
{{- $_ := set $overrides $tenant (include "tempo.tenantLimits" (dict "limits" $limits "retention" $limits.retention "values" $values) | fromYaml) }}
{{- end }}
{{- toYaml (dict "overrides" $overrides) }}
{{- end }}
