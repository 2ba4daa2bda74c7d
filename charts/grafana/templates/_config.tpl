{{/* grafana.ini. Nothing here reaches for the internet, and nothing here is secret. */}}
{{- define "grafana.ini" -}}
[paths]
data = /var/lib/grafana
logs = /var/lib/grafana/log
plugins = /var/lib/grafana/plugins
provisioning = /etc/grafana/provisioning
{{- with .Values.host }}

[server]
domain = {{ . }}
root_url = https://{{ . }}/
{{- end }}

[analytics]
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false
feedback_links_enabled = false

[plugins]
preinstall_disabled = true
plugin_admin_enabled = false
public_key_retrieval_disabled = true

[security]
disable_gravatar = true
admin_user = admin

[users]
allow_sign_up = false

[auth.anonymous]
enabled = false

[news]
news_feed_enabled = false

[snapshots]
external_enabled = false

[dashboards]
default_home_dashboard_path = /etc/grafana/dashboards/metrics.json

[unified_alerting]
enabled = true

[log]
mode = console
{{- end }}

{{/* The Mimir data source of one tenant. Grafana replaces `$name` in this file, hence `$$` in what follows. */}}
{{- define "grafana.mimir" -}}
name: {{ printf "Mimir (%s)" .tenant.id | quote }}
uid: {{ .tenant.uids.mimir }}
type: prometheus
access: proxy
url: {{ .queries.mimir | quote }}
isDefault: {{ .first }}
editable: false
jsonData:
  httpMethod: POST
  prometheusType: Mimir
  manageAlerts: true
  timeInterval: 30s
  httpHeaderName1: X-Scope-OrgID
  # Tempo's generator calls it traceID, OpenTelemetry's SDKs trace_id.
  exemplarTraceIdDestinations:
    - name: trace_id
      datasourceUid: {{ .tenant.uids.tempo }}
    - name: traceID
      datasourceUid: {{ .tenant.uids.tempo }}
secureJsonData:
  httpHeaderValue1: {{ .tenant.id | quote }}
{{- end }}

{{- define "grafana.loki" -}}
name: {{ printf "Loki (%s)" .tenant.id | quote }}
uid: {{ .tenant.uids.loki }}
type: loki
access: proxy
url: {{ .queries.loki | quote }}
editable: false
jsonData:
  maxLines: 1000
  manageAlerts: true
  httpHeaderName1: X-Scope-OrgID
  derivedFields:
    # Structured metadata, as OTLP delivers it.
    - name: trace_id
      matcherType: label
      matcherRegex: trace_id
      datasourceUid: {{ .tenant.uids.tempo }}
      url: '$${__value.raw}'
      urlDisplayLabel: Show trace
    # Text, such as traceID=…, trace_id: … or "traceId":"…".
    - name: trace id in the line
      matcherType: regex
      matcherRegex: '[tT]race_?[iI][dD]"?\s*[:=]\s*"?([0-9a-fA-F]{16,32})'
      datasourceUid: {{ .tenant.uids.tempo }}
      url: '$${__value.raw}'
      urlDisplayLabel: Show trace
secureJsonData:
  httpHeaderValue1: {{ .tenant.id | quote }}
{{- end }}

{{- define "grafana.tempo" -}}
name: {{ printf "Tempo (%s)" .tenant.id | quote }}
uid: {{ .tenant.uids.tempo }}
type: tempo
access: proxy
url: {{ .queries.tempo | quote }}
editable: false
jsonData:
  httpHeaderName1: X-Scope-OrgID
  nodeGraph:
    enabled: true
  serviceMap:
    datasourceUid: {{ .tenant.uids.mimir }}
  tracesToLogsV2:
    datasourceUid: {{ .tenant.uids.loki }}
    spanStartTimeShift: -5m
    spanEndTimeShift: 5m
    # `cluster` is the one label that every agent sets alike; the trace's id does the rest.
    filterByTraceID: true
    filterBySpanID: false
    tags:
      - key: cluster
        value: cluster
  tracesToMetrics:
    datasourceUid: {{ .tenant.uids.mimir }}
    spanStartTimeShift: -10m
    spanEndTimeShift: 10m
    tags:
      - key: service.name
        value: service
      - key: cluster
        value: cluster
    queries:
      - name: Requests per second
        query: 'sum by (span_name) (rate(traces_spanmetrics_calls_total{$$__tags}[5m]))'
      - name: Share of errors
        query: 'sum(rate(traces_spanmetrics_calls_total{$$__tags, status_code="STATUS_CODE_ERROR"}[5m])) / sum(rate(traces_spanmetrics_calls_total{$$__tags}[5m]))'
      - name: Latency, 95th percentile
        query: 'histogram_quantile(0.95, sum by (le) (rate(traces_spanmetrics_latency_bucket{$$__tags}[5m])))'
secureJsonData:
  httpHeaderValue1: {{ .tenant.id | quote }}
{{- end }}

{{/* The provisioning file. With `prune`, the data sources of a tenant that has left go when Grafana starts again. */}}
{{- define "grafana.datasources" -}}
{{- $queries := .Values.queries -}}
apiVersion: 1
prune: true
datasources:
{{- range $index, $tenant := .Values.tenants }}
  {{- $context := dict "tenant" $tenant "queries" $queries "first" (eq $index 0) }}
  - {{ include "grafana.mimir" $context | nindent 4 | trim }}
  - {{ include "grafana.loki" $context | nindent 4 | trim }}
  - {{ include "grafana.tempo" $context | nindent 4 | trim }}
{{- else }} []
{{- end }}
{{- end }}

{{- define "grafana.dashboardProvider" -}}
apiVersion: 1
providers:
  - name: lgtmctl
    folder: LGTM
    type: file
    allowUiUpdates: false
    # Grafana looks for changed files by itself.
    updateIntervalSeconds: 30
    options:
      path: /etc/grafana/dashboards
{{- end }}
