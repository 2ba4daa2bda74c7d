{{- define "fluent-bit.config" -}}
service:
  log_level: info
  flush: 1
  grace: 5
  http_server: on
  http_listen: 0.0.0.0
  http_port: 2020
  # Retries double their distance, up to this many seconds. The default is 33 minutes.
  scheduler.base: 1
  scheduler.cap: 30
  storage.path: /var/lib/fluent-bit/chunks
  storage.metrics: on
  # Of what waits, so much is in memory: chunks of 2 MB. The rest is on disk only.
  storage.max_chunks_up: 32
  storage.backlog.mem_limit: 16M

parsers:
  - name: tag-of-file
    format: regex
    regex: '^(?<namespace_name>[^_]+)_(?<pod_name>[^_]+)_(?<container_name>[^_]+)$'

pipeline:
  inputs:
    - name: tail
      path: /var/log/pods/*/*/*.log
      {{- with .Values.logs.excludeContainers }}
      exclude_path: {{ range $index, $container := . }}{{ if $index }},{{ end }}/var/log/pods/*/{{ $container }}/*.log{{ end }}
      {{- end }}
      tag: pods.<namespace_name>_<pod_name>_<container_name>
      tag_regex: '/(?<namespace_name>[^/_]+)_(?<pod_name>[^/_]+)_[^/_]+/(?<container_name>[^/]+)/[^/]+$'
      multiline.parser: cri
      # Not the end: the first lines of a pod that starts faster than it is found would be lost.
      read_from_head: true
      # How soon a new container's file is found; one that is gone by then has never been read.
      refresh_interval: 5
      # A rotated file is read to its end for so long.
      rotate_wait: 30
      # A runtime splits lines at 16 KiB; what is longer than this is not from one, and must not stop the rest.
      buffer_max_size: 256k
      skip_long_lines: true
      db: /var/lib/fluent-bit/positions.db
      db.locking: true
      # A deleted file's inode number is given to another file.
      db.compare_filename: true
      storage.type: filesystem

  filters:
    - name: kubernetes
      match: pods.*
      kube_tag_prefix: pods.
      regex_parser: tag-of-file
      # The answer for a pod is as long as the pod's object.
      buffer_size: 0
      tls.verify_hostname: on
      labels: on
      owner_references: on
      annotations: off
      # A pod is asked for again so often, whether it was found or not.
      kube_meta_cache_ttl: 5m

    - name: lua
      match: pods.*
      script: /etc/fluent-bit/streams.lua
      call: stream

  outputs:
    - name: loki
      match: pods.*
      {{- include "fluent-bit.config.hub" . | trim | nindent 6 }}
      labels: {{ printf "cluster=%s" .Values.cluster }}, namespace=$namespace, pod=$pod, container=$container, app=$app, stream=$stream
      # What is left when the labels are taken out is the line alone, sent as it was written.
      line_format: json
      drop_single_key: raw
      compress: gzip
      retry_limit: no_limits
      # Then the oldest lines are dropped for new ones.
      storage.total_limit_size: {{ .Values.buffer.megabytes }}M
{{- end }}

{{- /* The part of the output that says where the hub is, and who it has to be. */ -}}
{{- define "fluent-bit.config.hub" -}}
{{- with .Values.push.gateway }}
{{- include "fluent-bit.config.endpoint" (urlParse .url) }}
uri: /loki/api/v1/push
tls.ca_file: /etc/tenant-certificate/ca.crt
tls.crt_file: /etc/tenant-certificate/tls.crt
tls.key_file: /etc/tenant-certificate/tls.key
tls.vhost: {{ .serverName | quote }}
{{- end }}
{{- with .Values.push.direct }}
{{- $url := urlParse .logsUrl }}
{{- include "fluent-bit.config.endpoint" $url }}
uri: {{ $url.path | quote }}
tenant_id: {{ .tenant | quote }}
{{- end }}
{{- end }}

{{- /* Argument: a parsed URL. */ -}}
{{- define "fluent-bit.config.endpoint" -}}
{{- $secure := eq .scheme "https" }}
host: {{ .hostname | quote }}
port: {{ regexFind "[0-9]+$" (trimPrefix .hostname .host) | default (ternary "443" "80" $secure) }}
{{- if $secure }}
tls: on
tls.verify: on
tls.verify_hostname: on
{{- end }}
{{- end }}
