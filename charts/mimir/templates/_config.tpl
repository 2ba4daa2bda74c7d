{{/* What a ring needs in a single process: no gossip, and an address that no network interface has to offer. */}}
{{- define "mimir.ring" -}}
instance_addr: 127.0.0.1
kvstore:
  store: inmemory
{{- end }}

{{/* mimir.yaml. Keys are those of Mimir 3.0; ingest storage (Kafka) is off, which is the binary's default. */}}
{{- define "mimir.config" -}}
target: all
multitenancy_enabled: true
usage_stats:
  enabled: false
activity_tracker:
  filepath: /data/activity.log
server:
  http_listen_port: 8080
  grpc_listen_port: 9095
  log_level: info
ingest_storage:
  enabled: false
blocks_storage:
  backend: filesystem
  filesystem:
    dir: /data/blocks
  tsdb:
    dir: /data/tsdb
  bucket_store:
    sync_dir: /data/tsdb-sync
compactor:
  data_dir: /data/compactor
  sharding_ring:
    {{- include "mimir.ring" . | nindent 4 }}
distributor:
  ring:
    {{- include "mimir.ring" . | nindent 4 }}
ingester:
  ring:
    replication_factor: 1
    {{- include "mimir.ring" . | nindent 4 }}
store_gateway:
  sharding_ring:
    replication_factor: 1
    {{- include "mimir.ring" . | nindent 4 }}
frontend:
  # Where a querier hands its result back; without it, the address of whatever network interface comes first.
  address: 127.0.0.1
ruler:
  rule_path: /data/ruler-scratch
  ring:
    {{- include "mimir.ring" . | nindent 4 }}
ruler_storage:
  backend: filesystem
  filesystem:
    dir: /data/ruler
runtime_config:
  file: /etc/mimir-overrides/overrides.yaml
limits:
  {{- include "mimir.tenantLimits" .Values.limits | nindent 2 }}
  compactor_blocks_retention_period: {{ .Values.retention }}
  out_of_order_time_window: {{ .Values.outOfOrderWindow }}
  max_global_exemplars_per_user: {{ .Values.maxExemplars | int64 }}
  native_histograms_ingestion_enabled: true
  # OTLP: every series must carry `cluster`, and names follow Prometheus' conventions (unit, _total).
  promote_otel_resource_attributes: {{ join "," .Values.otlp.promotedResourceAttributes | quote }}
  otel_metric_suffixes_enabled: true
  # target_info carries every resource attribute; the default of 30 drops it for Kubernetes workloads.
  max_label_names_per_series: 60
{{- end }}

{{/* The limits that a tenant may have of its own. Mimir fills what is absent from `limits`. */}}
{{- define "mimir.tenantLimits" -}}
ingestion_rate: {{ .samplesPerSecond | int64 }}
ingestion_burst_size: {{ mul (.samplesPerSecond | int64) 10 }}
max_global_series_per_user: {{ .series | int64 }}
{{- end }}

{{/* overrides.yaml; through dict and toYaml, since a tenant's name may need quotes. */}}
{{- define "mimir.overrides" -}}
{{- $overrides := dict }}
{{- range $tenant, $limits := .Values.tenants }}
{{- $own := include "mimir.tenantLimits" $limits | fromYaml }}
{{- $_ := set $own "compactor_blocks_retention_period" $limits.retention }}
{{- $_ := set $overrides $tenant $own }}
{{- end }}
{{- toYaml (dict "overrides" $overrides) }}
{{- end }}
