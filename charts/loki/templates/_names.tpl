{{/* The labels by which Services and the StatefulSet find the pod. They are immutable on a StatefulSet. */}}
{{- define "loki.selectorLabels" -}}
app.kubernetes.io/name: loki
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of every object. */}}
{{- define "loki.labels" -}}
{{ include "loki.selectorLabels" . }}
app.kubernetes.io/component: logs
app.kubernetes.io/part-of: lgtm
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
{{- end }}
