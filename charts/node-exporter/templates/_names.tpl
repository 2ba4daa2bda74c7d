{{- /* Labels that select the pods; they may never change for a release that exists. */ -}}
{{- define "node-exporter.selectorLabels" -}}
app.kubernetes.io/name: node-exporter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Labels of pods: no version, so that a new chart alone replaces no pod. */ -}}
{{- define "node-exporter.podLabels" -}}
{{ include "node-exporter.selectorLabels" . }}
app.kubernetes.io/component: metrics
app.kubernetes.io/part-of: lgtm
{{- end }}

{{- define "node-exporter.labels" -}}
{{ include "node-exporter.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}
