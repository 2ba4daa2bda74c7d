{{- /* What only the node itself can give: its pods' log files, its kubelet, its cAdvisor, its node-exporter. */ -}}
{{- define "alloy.config.daemonset" -}}
{{ include "alloy.config.push" . }}

// The field selector makes the API server send the pods of this node only.
discovery.kubernetes "pods" {
  role = "pod"

  selectors {
    role  = "pod"
    field = "spec.nodeName=" + sys.env("NODE_NAME")
  }
}

discovery.relabel "logs" {
  targets = discovery.kubernetes.pods.targets
  {{- with .Values.logs.excludeContainers }}

  rule {
    source_labels = ["__meta_kubernetes_pod_container_name"]
    regex         = {{ join "|" . | quote }}
    action        = "drop"
  }
  {{- end }}

  rule {
    source_labels = ["__meta_kubernetes_namespace"]
    target_label  = "namespace"
  }

  rule {
    source_labels = ["__meta_kubernetes_pod_name"]
    target_label  = "pod"
  }

  rule {
    source_labels = ["__meta_kubernetes_pod_container_name"]
    target_label  = "container"
  }

  {{ include "alloy.config.appRules" . | nindent 2 | trim }}

  rule {
    source_labels = ["__meta_kubernetes_pod_uid", "__meta_kubernetes_pod_container_name"]
    separator     = "/"
    target_label  = "__path__"
    replacement   = "/var/log/pods/*_$1/*.log"
  }

  // The kubelet names a static pod's folder after the hash of its file, not after its mirror pod's uid.
  rule {
    source_labels = ["__meta_kubernetes_pod_annotation_kubernetes_io_config_hash", "__meta_kubernetes_pod_container_name"]
    separator     = "/"
    regex         = "([^/]+/.+)"
    target_label  = "__path__"
    replacement   = "/var/log/pods/*_$1/*.log"
  }
}

loki.source.file "pods" {
  targets    = discovery.relabel.logs.output
  forward_to = [loki.process.pods.receiver]

  file_match {
    enabled = true
  }
}

loki.process "pods" {
  forward_to = [loki.relabel.cluster.receiver]

  stage.cri { }

  // A file per container start would make a stream per container start.
  stage.label_drop {
    values = ["filename"]
  }
}

prometheus.scrape "kubelet" {
  {{ include "alloy.config.kubelet" . | nindent 2 | trim }}
  job_name   = "kubelet"
}

prometheus.scrape "cadvisor" {
  {{ include "alloy.config.kubelet" . | nindent 2 | trim }}
  job_name         = "cadvisor"
  metrics_path     = "/metrics/cadvisor"

  // cAdvisor's own timestamps keep the series of a container that is gone alive for minutes.
  honor_timestamps = false
}
{{- if .Values.nodeExporter.enabled }}

prometheus.scrape "node_exporter" {
  targets = [{
    "__address__" = sys.env("HOST_IP") + ":{{ .Values.nodeExporter.port }}",
    "instance"    = sys.env("NODE_NAME"),
    "node"        = sys.env("NODE_NAME"),
  }]
  scrape_interval = {{ .Values.scrapeInterval | quote }}
  forward_to      = [prometheus.relabel.cluster.receiver]
  job_name        = "node-exporter"
}
{{- end }}
{{- end }}

{{- /* The own node's kubelet, by the address that the pod was told: no list of nodes is needed. */ -}}
{{- define "alloy.config.kubelet" -}}
targets = [{
  "__address__" = sys.env("HOST_IP") + ":{{ .Values.kubelet.port }}",
  "instance"    = sys.env("NODE_NAME"),
  "node"        = sys.env("NODE_NAME"),
}]
scheme            = "https"
bearer_token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token"
scrape_interval   = {{ .Values.scrapeInterval | quote }}
forward_to        = [prometheus.relabel.cluster.receiver]

tls_config {
  ca_file              = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
  insecure_skip_verify = {{ .Values.kubelet.insecureSkipVerify }}
}
{{- end }}
