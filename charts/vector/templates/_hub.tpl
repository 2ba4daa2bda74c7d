{{- /*
The address of the gateway where it is an IPv4 address, else nothing. Vector checks the gateway's certificate
against the host of the URL, so the URL has to name the host as the certificate does; the pod's hosts file
then says where that is.
*/ -}}
{{- define "vector.gatewayAddress" -}}
{{- with .Values.push.gateway }}
{{- $host := (urlParse .url).hostname }}
{{- if regexMatch "^[0-9]+([.][0-9]+){3}$" $host }}{{ $host }}{{ end }}
{{- end }}
{{- end }}

{{- /*
Without pods of its own the chart cannot say how strictly they check: where the certificate's name cannot be compared,
it renders nothing.
*/ -}}
{{- define "vector.comparable" -}}
{{- with .Values.push.gateway }}
{{- $host := (urlParse .url).hostname }}
{{- $old := semverCompare "<0.58.0-0" ($.Values.image.tag | default $.Chart.AppVersion) }}
{{- if and (not $.Values.workload.enabled) $old (not (include "vector.gatewayAddress" $)) (ne $host .serverName) }}
{{- fail (printf "the gateway's address %s is a name, and Vector before 0.58 compares the gateway's certificate with it and not with %s; ship logs with fluent-bit instead" $host .serverName) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The part of the sink that says where the hub is, and who it has to be. */ -}}
{{- define "vector.config.hub" -}}
{{- with .Values.push.gateway }}
{{- $url := urlParse .url }}
{{- if include "vector.gatewayAddress" $ }}
endpoint: {{ printf "https://%s%s" .serverName (trimPrefix $url.hostname $url.host) | quote }}
{{- else }}
endpoint: {{ .url | quote }}
{{- end }}
tls:
  ca_file: /etc/tenant-certificate/ca.crt
  crt_file: /etc/tenant-certificate/tls.crt
  key_file: /etc/tenant-certificate/tls.key
  {{- if and (not (include "vector.gatewayAddress" $)) (ne $url.hostname .serverName) }}
  server_name: {{ .serverName | quote }}
  {{- if semverCompare "<0.58.0-0" ($.Values.image.tag | default $.Chart.AppVersion) }}
  # Until 0.58 the server name is announced and not compared; README.md says what is checked nevertheless.
  verify_hostname: false
  {{- end }}
  {{- end }}
{{- end }}
{{- with .Values.push.direct }}
{{- $url := urlParse .logsUrl }}
endpoint: {{ printf "%s://%s" $url.scheme $url.host | quote }}
path: {{ $url.path | quote }}
tenant_id: {{ .tenant | quote }}
{{- end }}
{{- end }}
