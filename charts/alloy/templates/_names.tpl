{{- /* Labels that select the pods; they may never change for a release that exists. */ -}}
{{- define "alloy.selectorLabels" -}}
app.kubernetes.io/name: alloy
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Labels of pods: no version, so that a new chart alone replaces no pod. */ -}}
{{- define "alloy.podLabels" -}}
{{ include "alloy.selectorLabels" . }}
app.kubernetes.io/component: {{ .Values.role }}
app.kubernetes.io/part-of: lgtm
{{- end }}

{{- define "alloy.labels" -}}
{{ include "alloy.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "alloy.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "alloy.config" -}}
{{- include (printf "alloy.config.%s" .Values.role) . }}
{{- end }}

{{- /* The pods roll when the configuration or, beyond it, the client certificate changes. */ -}}
{{- define "alloy.podAnnotations" -}}
checksum/config: {{ include "alloy.config" . | sha256sum }}
{{- with .Values.push.gateway }}
checksum/certificate: {{ .certificateDigest | quote }}
{{- end }}
{{- end }}
