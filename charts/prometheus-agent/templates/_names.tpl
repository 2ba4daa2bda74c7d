{{- /* Labels that select the pods; they may never change for a release that exists. */ -}}
{{- define "prometheus-agent.selectorLabels" -}}
app.kubernetes.io/name: prometheus-agent
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Labels of pods: no version, so that a new chart alone replaces no pod. */ -}}
{{- define "prometheus-agent.podLabels" -}}
{{ include "prometheus-agent.selectorLabels" . }}
app.kubernetes.io/component: metrics
app.kubernetes.io/part-of: lgtm
{{- end }}

{{- define "prometheus-agent.labels" -}}
{{ include "prometheus-agent.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The pods roll when the configuration or, beyond it, the client certificate changes. */ -}}
{{- define "prometheus-agent.podAnnotations" -}}
checksum/config: {{ include "prometheus-agent.config" . | sha256sum }}
{{- with .Values.push.gateway }}
checksum/certificate: {{ .certificateDigest | quote }}
{{- end }}
{{- end }}
