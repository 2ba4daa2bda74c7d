{{- /*
The three programs, each with the one that it calls. The name of a program is the label `app` of its metrics and logs,
so each has its own.
*/ -}}
{{- define "tns.programs" -}}
- {name: loadgen, calls: app}
- {name: app, calls: db}
- {name: db}
{{- end }}

{{- /* Labels that select a program's pods; they may never change for a release that exists. */ -}}
{{- define "tns.selectorLabels" -}}
app.kubernetes.io/name: tns-{{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{- /* Labels of pods: no version, so that a new chart alone replaces no pod. */ -}}
{{- define "tns.podLabels" -}}
{{ include "tns.selectorLabels" . }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/part-of: tns
{{- end }}

{{- define "tns.labels" -}}
{{ include "tns.podLabels" . }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end }}
