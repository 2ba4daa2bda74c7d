{{- /* Labels that select the pods; they may never change for a release that exists. */ -}}
{{- define "kube-state-metrics.selectorLabels" -}}
app.kubernetes.io/name: kube-state-metrics
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Labels of pods: no version, so that a new chart alone replaces no pod. */ -}}
{{- define "kube-state-metrics.podLabels" -}}
{{ include "kube-state-metrics.selectorLabels" . }}
app.kubernetes.io/component: metrics
app.kubernetes.io/part-of: lgtm
{{- end }}

{{- define "kube-state-metrics.labels" -}}
{{ include "kube-state-metrics.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The program's own list: every resource of every group, in one line. */ -}}
{{- define "kube-state-metrics.resources" -}}
{{- $all := list }}
{{- range $group, $resources := .Values.collect }}{{ $all = concat $all $resources }}{{ end }}
{{- $all | sortAlpha | join "," }}
{{- end }}
