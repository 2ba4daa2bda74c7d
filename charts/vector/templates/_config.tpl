{{- define "vector.config" -}}
{{- include "vector.comparable" . -}}
data_dir: /var/lib/vector

sources:
  pods:
    type: kubernetes_logs
    # Names and labels of pods are all that is used.
    insert_namespace_fields: false
    # How soon a new container's file is found; one that is gone by then has never been read.
    glob_minimum_cooldown_ms: 5000
    exclude_paths_glob_patterns:
      # The defaults, which a list of one's own replaces.
      - "**/*.gz"
      - "**/*.tmp"
      {{- range .Values.logs.excludeContainers }}
      - "**/{{ . }}/*"
      {{- end }}

  own_metrics:
    type: internal_metrics
    scrape_interval_secs: 15

transforms:
  streams:
    type: remap
    inputs: [pods]
    source: |
      {{- include "vector.program" . | nindent 6 }}

sinks:
  hub:
    type: loki
    inputs: [streams]
    {{- include "vector.config.hub" . | trim | nindent 4 }}
    labels:
      cluster: {{ .Values.cluster | quote }}
      {{- range list "namespace" "pod" "container" "app" "stream" }}
      {{ . }}: "{{ printf "{{ %s }}" . }}"
      {{- end }}
    # Vector refuses templates without a literal prefix, since in an address or a tenant they would let a log
    # line choose where it goes. Here they are values of labels, which choose nothing; the tenant and the
    # address above are literal.
    dangerously_allow_unconfined_template_resolution: true
    encoding:
      codec: text
    # The gateway takes what is pushed and answers no health check.
    healthcheck: false
    buffer:
      type: disk
      max_size: {{ mul .Values.buffer.megabytes 1048576 }}
      # Then nothing more is read: lines wait in their files.
      when_full: block

  scrapes:
    type: prometheus_exporter
    inputs: [own_metrics]
    address: 0.0.0.0:9598
{{- end }}

{{- /*
The labels of a line, in Vector's language. Where a line comes from is told by its file; only `app` needs the
pod's object, and is the pod's name without it.
*/ -}}
{{- define "vector.program" -}}
file = parse_regex(.file, r'/pods/(?P<namespace>[^/_]+)_(?P<pod>[^/_]+)_[^/]+/(?P<container>[^/]+)/') ?? {}
.namespace = file.namespace || "unknown"
.pod = file.pod || "unknown"
.container = file.container || "unknown"

# The owner comes as kind/name. A ReplicaSet's name ends in a hash that changes with every rollout.
owner = parse_regex(.kubernetes.pod_owner, r'\A[^/]*/(?P<name>.+?)(?:-[0-9a-f]{6,10})?\z') ?? {}
labels = .kubernetes.pod_labels
.app = .pod
for_each([owner.name, labels.app, labels."app.kubernetes.io/name"]) -> |_index, name| {
  if is_string(name) && name != "" {
    .app = name
  }
}
{{- end }}
