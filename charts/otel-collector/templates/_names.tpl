{{- /* Labels that select the pods; they may never change for a release that exists. */ -}}
{{- define "otel-collector.selectorLabels" -}}
app.kubernetes.io/name: otel-collector
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Labels of pods: no version, so that a new chart alone replaces no pod. */ -}}
{{- define "otel-collector.podLabels" -}}
{{ include "otel-collector.selectorLabels" . }}
app.kubernetes.io/component: {{ .Values.role }}
app.kubernetes.io/part-of: lgtm
{{- end }}

{{- /* The ServiceAccount of what finds the targets, and its role. */ -}}
{{- define "otel-collector.targetAllocator" -}}
{{ .Release.Name }}-target-allocator
{{- end }}

{{- define "otel-collector.labels" -}}
{{ include "otel-collector.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The pods that the Service leads to. The operator puts these labels on those that it makes. */ -}}
{{- define "otel-collector.serviceSelector" -}}
{{- if .Values.workload.enabled }}
{{- include "otel-collector.selectorLabels" . }}
{{- else -}}
app.kubernetes.io/component: opentelemetry-collector
app.kubernetes.io/instance: {{ printf "%s.%s" .Release.Namespace .Release.Name }}
app.kubernetes.io/managed-by: opentelemetry-operator
app.kubernetes.io/part-of: opentelemetry
{{- end }}
{{- end }}

{{- define "otel-collector.config" -}}
{{- if eq .Values.role "daemonset" }}{{ include "otel-collector.config.daemonset" . }}{{ else }}{{ include "otel-collector.config.statefulset" . }}{{ end }}
{{- end }}

{{- /*
The pods roll when the configuration or, beyond it, the client certificate changes. The aggregator reads
every collector's own metrics by the annotations that it honours for any pod.
*/ -}}
{{- define "otel-collector.podAnnotations" -}}
checksum/config: {{ include "otel-collector.config" . | sha256sum }}
checksum/certificate: {{ .Values.push.gateway.certificateDigest | quote }}
prometheus.io/scrape: "true"
prometheus.io/port: "8888"
{{- end }}
