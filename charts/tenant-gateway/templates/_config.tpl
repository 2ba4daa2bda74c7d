{{/* tenants.map: one line per certificate. A fingerprint under two tenants would be given to whichever
     comes first, so it fails the render. */}}
{{- define "tenant-gateway.map" -}}
{{- $owners := dict -}}
# fingerprint of the client certificate (SHA-256), tenant
{{- range $tenant, $fingerprints := .Values.tenants }}
{{- range $fingerprints }}
{{- if hasKey $owners . }}
{{- fail (printf "certificate %s is listed for the tenants %s and %s; a certificate belongs to exactly one tenant" . (get $owners .) $tenant) }}
{{- end }}
{{- $_ := set $owners . $tenant }}
{{ . }} {{ $tenant }}
{{- end }}
{{- end }}
{{- end }}

{{/* A backend's server. Names are resolved at run time and never at start, so that the gateway starts
     without its backends, and a slow DNS server does not delay it. */}}
{{- define "tenant-gateway.server" -}}
server {{ .name }} {{ .host }}:{{ .port | int }} resolvers cluster resolve-prefer ipv4 init-addr none
{{- end }}

{{/* haproxy.cfg. Paths are relative to the folder that `haproxy -C` names. */}}
{{- define "tenant-gateway.config" -}}
{{- with .Values -}}
{{- $routes := "metrics or otlp-metrics or logs or otlp-logs or traces or grpc-traces" }}
{{- if .upstreams.alertmanager.host }}
{{- $routes = printf "%s or alerts" $routes }}
{{- end -}}
global
    log stdout format raw local0 info
    maxconn {{ .limits.connections | int }}
    nbthread {{ .limits.threads | int }}
    grace {{ .shutdown.graceSeconds | int }}s
    hard-stop-after {{ .shutdown.hardStopSeconds | int }}s
    # tls.crt's key is tls.key, not tls.crt.key.
    ssl-load-extra-del-ext
    # A resumed session would skip the check of the client's certificate: neither tickets nor a cache.
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    tune.ssl.cachesize 0
    ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256

defaults
    mode http
    log global
    option redispatch
    retries 2
    timeout connect {{ .timeouts.connectSeconds | int }}s
    timeout queue {{ .timeouts.connectSeconds | int }}s
    timeout http-request {{ .timeouts.requestSeconds | int }}s
    timeout client {{ .timeouts.clientSeconds | int }}s
    timeout server {{ .timeouts.serverSeconds | int }}s
    timeout http-keep-alive {{ .timeouts.idleSeconds | int }}s

resolvers cluster
    {{- range $index, $nameserver := .nameservers }}
    nameserver dns{{ $index }} {{ $nameserver }}
    {{- else }}
    parse-resolv-conf
    {{- end }}
    accepted_payload_size 8192
    resolve_retries 3
    timeout resolve 1s
    timeout retry 1s
    hold valid 10s
    hold nx 5s
    hold timeout 30s
    hold obsolete 30s

frontend spokes
    bind {{ .listen.address }}:{{ .listen.port | int }} ssl crt tls/tls.crt ca-file tls/ca.crt verify required alpn h2,http/1.1
    option dontlognull
    log-format "%ci:%cp tenant=%{+Q}[var(txn.tenant)] refused=%{+Q}[var(txn.refused)] subject=%{+Q,+E}[ssl_c_s_dn(cn)] fingerprint=%[var(txn.fingerprint)] request=\"%HM %{+E}HP\" status=%ST backend=%b bytes=%U/%B milliseconds=%Ta ended=%ts"
    error-log-format "%ci:%cp refused=\"handshake\" reason=%{+Q}[ssl_fc_err_str] certificate_error=%[ssl_c_err] authority_error=%[ssl_c_ca_err]"

    # Whatever the client says of its tenant is dropped, in every spelling and number. The header is set from
    # the certificate below; dropping it first keeps a rule that is added in between from trusting it.
    http-request del-header X-Scope-OrgID
    # Nor may it name a header that a later hop should strip.
    http-request del-header Connection

    http-request set-var(txn.fingerprint) ssl_c_der,sha2(256),hex,lower
    http-request set-var(txn.tenant) var(txn.fingerprint),map_str(tenants.map)
    http-request set-var(txn.refused) str(certificate-of-no-tenant) unless { var(txn.tenant) -m found }
    http-request return status 403 content-type text/plain string "this client certificate belongs to no tenant of this hub\n" unless { var(txn.tenant) -m found }

    # The handshake refuses an expired certificate; this refuses one that expires while its connection is open.
    http-request set-var(txn.now) date,utime(%y%m%d%H%M%S)
    http-request set-var(txn.life_left) ssl_c_notafter,regsub(Z,),sub(txn.now)
    http-request set-var(txn.refused) str(certificate-expired) unless { var(txn.life_left) -m int ge 0 }
    http-request return status 403 content-type text/plain string "this client certificate has expired\n" unless { var(txn.life_left) -m int ge 0 }

    acl metrics path -m str /api/v1/push
    acl otlp-metrics path -m str /v1/metrics
    acl logs path -m str /loki/api/v1/push
    acl otlp-logs path -m str /v1/logs
    acl traces path -m str /v1/traces
    {{- if .upstreams.alertmanager.host }}
    acl alerts path -m str /alertmanager/api/v2/alerts
    {{- end }}
    acl grpc-traces path -m beg /opentelemetry.proto.collector.trace.v1.TraceService/
    http-request set-var(txn.refused) str(unknown-path) unless {{ $routes }}
    http-request return status 404 content-type text/plain string "this gateway takes telemetry only\n" unless {{ $routes }}
    http-request set-var(txn.refused) str(method) unless { method POST }
    http-request return status 405 content-type text/plain string "use POST\n" hdr Allow POST unless { method POST }
    http-request set-var(txn.refused) str(body-too-large) if { req.body_size gt {{ .limits.bodyBytes | int64 }} }
    http-request return status 413 content-type text/plain string "the request is larger than this gateway allows\n" if { req.body_size gt {{ .limits.bodyBytes | int64 }} }

    http-request set-header X-Scope-OrgID %[var(txn.tenant)]

    use_backend mimir if metrics
    use_backend mimir-otlp if otlp-metrics
    use_backend loki if logs
    use_backend loki-otlp if otlp-logs
    use_backend tempo if traces
    use_backend tempo-grpc if grpc-traces
    {{- if .upstreams.alertmanager.host }}
    use_backend alertmanager if alerts
    {{- end }}

backend mimir
    {{ include "tenant-gateway.server" (dict "name" "distributor" "host" .upstreams.mimir.host "port" .upstreams.mimir.port) }}

backend mimir-otlp
    http-request set-path /otlp/v1/metrics
    {{ include "tenant-gateway.server" (dict "name" "distributor" "host" .upstreams.mimir.host "port" .upstreams.mimir.port) }}

backend loki
    {{ include "tenant-gateway.server" (dict "name" "write" "host" .upstreams.loki.host "port" .upstreams.loki.port) }}

backend loki-otlp
    http-request set-path /otlp/v1/logs
    {{ include "tenant-gateway.server" (dict "name" "write" "host" .upstreams.loki.host "port" .upstreams.loki.port) }}

backend tempo
    {{ include "tenant-gateway.server" (dict "name" "distributor" "host" .upstreams.tempo.host "port" .upstreams.tempo.httpPort) }}

backend tempo-grpc
    {{ include "tenant-gateway.server" (dict "name" "distributor" "host" .upstreams.tempo.host "port" .upstreams.tempo.grpcPort) }} proto h2

{{- with .upstreams.alertmanager }}
{{- if .host }}

backend alertmanager
    http-request set-path /api/v2/alerts
    {{ include "tenant-gateway.server" (dict "name" "alertmanager" "host" .host "port" .port) }}
{{- end }}
{{- end }}

frontend health
    bind {{ .listen.address }}:{{ .listen.healthPort | int }}
    option dontlog-normal
    monitor-uri /healthz
    monitor fail if { stopping }
    http-request use-service prometheus-exporter if { path -m str /metrics }
    http-request return status 404
{{- end }}
{{- end }}
