{{/* The labels by which Services and the StatefulSet find the pod. They are immutable on a StatefulSet. */}}
{{- define "mimir.selectorLabels" -}}
app.kubernetes.io/name: mimir
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of every object. */}}
{{- define "mimir.labels" -}}
{{ include "mimir.selectorLabels" . }}
app.kubernetes.io/component: metrics
app.kubernetes.io/part-of: lgtm
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
{{- end }}
