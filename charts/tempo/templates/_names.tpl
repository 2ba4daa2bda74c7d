{{/* The labels by which Services and the StatefulSet find the pod. They are immutable on a StatefulSet. */}}
{{- define "tempo.selectorLabels" -}}
app.kubernetes.io/name: tempo
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of every object. */}}
{{- define "tempo.labels" -}}
{{ include "tempo.selectorLabels" . }}
app.kubernetes.io/component: traces
app.kubernetes.io/part-of: lgtm
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
{{- end }}
