{{/* The labels by which Services and the StatefulSet find the pod. They are immutable on a StatefulSet. */}}
{{- define "grafana.selectorLabels" -}}
app.kubernetes.io/name: grafana
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of every object. */}}
{{- define "grafana.labels" -}}
{{ include "grafana.selectorLabels" . }}
app.kubernetes.io/component: dashboards
app.kubernetes.io/part-of: lgtm
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
{{- end }}
