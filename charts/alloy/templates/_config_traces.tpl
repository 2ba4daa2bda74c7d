{{- /*
What applications send, and the events, where another agent reads the metrics and a third the logs. No pod is
scraped, annotated or not: Alloy's own metrics are all that it reads.
*/ -}}
{{- define "alloy.config.traces" -}}
{{ include "alloy.config.push" . }}

{{ include "alloy.config.events" . }}

{{ include "alloy.config.receivers" . }}
{{- end }}
