{{- /* Labels that select the pods; they may never change for a release that exists. */ -}}
{{- define "fluent-bit.selectorLabels" -}}
app.kubernetes.io/name: fluent-bit
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Labels of pods: no version, so that a new chart alone replaces no pod. */ -}}
{{- define "fluent-bit.podLabels" -}}
{{ include "fluent-bit.selectorLabels" . }}
app.kubernetes.io/component: logs
app.kubernetes.io/part-of: lgtm
{{- end }}

{{- define "fluent-bit.labels" -}}
{{ include "fluent-bit.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /*
The pods roll when the configuration or, beyond it, the client certificate changes. The collector of metrics
reads Fluent Bit's own by the annotations that it honours for any pod.
*/ -}}
{{- define "fluent-bit.podAnnotations" -}}
checksum/config: {{ printf "%s\n%s" (include "fluent-bit.config" .) (.Files.Get "files/streams.lua") | sha256sum }}
{{- with .Values.push.gateway }}
checksum/certificate: {{ .certificateDigest | quote }}
{{- end }}
prometheus.io/scrape: "true"
prometheus.io/port: "2020"
prometheus.io/path: /api/v2/metrics/prometheus
{{- end }}
