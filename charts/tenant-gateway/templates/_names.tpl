{{/* The labels by which the Service and the Deployment find the pods. They are immutable on a Deployment. */}}
{{- define "tenant-gateway.selectorLabels" -}}
app.kubernetes.io/name: tenant-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of every object. */}}
{{- define "tenant-gateway.labels" -}}
{{ include "tenant-gateway.selectorLabels" . }}
app.kubernetes.io/component: gateway
app.kubernetes.io/part-of: lgtm
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
{{- end }}
