{{- /* Labels that select the pods; they may never change for a release that exists. */ -}}
{{- define "vector.selectorLabels" -}}
app.kubernetes.io/name: vector
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Labels of pods: no version, so that a new chart alone replaces no pod. */ -}}
{{- define "vector.podLabels" -}}
{{ include "vector.selectorLabels" . }}
app.kubernetes.io/component: logs
app.kubernetes.io/part-of: lgtm
{{- end }}

{{- define "vector.labels" -}}
{{ include "vector.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /*
The pods roll when the configuration or, beyond it, the client certificate changes. The collector of metrics
reads Vector's own by the annotations that it honours for any pod.
*/ -}}
{{- define "vector.podAnnotations" -}}
checksum/config: {{ include "vector.config" . | sha256sum }}
{{- with .Values.push.gateway }}
checksum/certificate: {{ .certificateDigest | quote }}
{{- end }}
prometheus.io/scrape: "true"
prometheus.io/port: "9598"
{{- end }}
