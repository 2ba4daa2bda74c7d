{{- /*
What a cluster has once, however many replicas collect it: each component that reads something cluster-wide
takes part in the cluster of replicas and reads only its share.
*/ -}}
{{- define "alloy.config.deployment" -}}
{{ include "alloy.config.push" . }}

discovery.kubernetes "pods" {
  role = "pod"
}

discovery.relabel "annotated" {
  targets = discovery.kubernetes.pods.targets

  rule {
    source_labels = ["__meta_kubernetes_pod_annotation_prometheus_io_scrape"]
    regex         = "true"
    action        = "keep"
  }

  rule {
    source_labels = ["__meta_kubernetes_pod_phase"]
    regex         = "Pending|Succeeded|Failed"
    action        = "drop"
  }

  rule {
    source_labels = ["__meta_kubernetes_pod_container_init"]
    regex         = "true"
    action        = "drop"
  }

  rule {
    source_labels = ["__meta_kubernetes_pod_container_port_protocol"]
    regex         = "UDP|SCTP"
    action        = "drop"
  }

  // These are read by rules of their own; an annotation must not make them double.
  rule {
    source_labels = ["__meta_kubernetes_namespace", "__meta_kubernetes_pod_label_app_kubernetes_io_name"]
    separator     = "/"
    regex         = {{ printf "%s/(alloy|kube-state-metrics|node-exporter)" .Release.Namespace | quote }}
    action        = "drop"
  }

  rule {
    source_labels = ["__meta_kubernetes_pod_annotation_prometheus_io_scheme"]
    regex         = "(https?)"
    target_label  = "__scheme__"
  }

  rule {
    source_labels = ["__meta_kubernetes_pod_annotation_prometheus_io_path"]
    regex         = "(.+)"
    target_label  = "__metrics_path__"
  }

  rule {
    source_labels = ["__meta_kubernetes_pod_ip", "__meta_kubernetes_pod_annotation_prometheus_io_port"]
    separator     = ":"
    regex         = "([0-9.]+:[0-9]+)"
    target_label  = "__address__"
  }

  rule {
    source_labels = ["__meta_kubernetes_namespace"]
    target_label  = "namespace"
  }

  rule {
    source_labels = ["__meta_kubernetes_pod_name"]
    target_label  = "pod"
  }

  rule {
    source_labels = ["__meta_kubernetes_pod_node_name"]
    target_label  = "node"
  }

  // No label `container`: discovery yields a target for every port of every container, and those of a pod
  // that names its port are one target only as long as nothing tells them apart.
  {{ include "alloy.config.appRules" . | nindent 2 | trim }}

  rule {
    source_labels = ["namespace", "app"]
    separator     = "/"
    target_label  = "job"
  }
}

prometheus.scrape "annotated" {
  targets         = discovery.relabel.annotated.output
  scrape_interval = {{ .Values.scrapeInterval | quote }}
  forward_to      = [prometheus.relabel.cluster.receiver]

  clustering {
    enabled = true
  }
}
{{- with .Values.kubeStateMetrics.address }}

// Its series name the objects they are about in `namespace`, `pod` and `node`, which is why they are honoured.
prometheus.scrape "kube_state_metrics" {
  targets = [{
    "__address__" = {{ . | quote }},
    "instance"    = "kube-state-metrics",
  }]
  job_name        = "kube-state-metrics"
  honor_labels    = true
  scrape_interval = {{ $.Values.scrapeInterval | quote }}
  forward_to      = [prometheus.relabel.cluster.receiver]

  clustering {
    enabled = true
  }
}
{{- end }}
{{- if .Values.monitors }}
{{- range list "servicemonitors" "podmonitors" }}

prometheus.operator.{{ . }} "all" {
  forward_to = [prometheus.relabel.cluster.receiver]
  {{- if eq . "servicemonitors" }}
  kubernetes_role = "endpointslice"
  {{- end }}

  scrape {
    default_scrape_interval = {{ $.Values.scrapeInterval | quote }}
  }

  clustering {
    enabled = true
  }
}
{{- end }}
{{- end }}

{{ include "alloy.config.events" . }}

{{ include "alloy.config.receivers" . }}
{{- end }}

{{- /* The cluster's events as log lines; one replica has them. */ -}}
{{- define "alloy.config.events" -}}
loki.source.kubernetes_events "all" {
  job_name   = "kubernetes-events"
  log_format = "logfmt"
  forward_to = [loki.relabel.events.receiver]

  clustering {
    enabled = true
  }
}

// The instance would be a name from this file, the same everywhere.
loki.relabel "events" {
  forward_to = [loki.relabel.cluster.receiver]

  rule {
    regex  = "instance"
    action = "labeldrop"
  }

  rule {
    target_label = "app"
    replacement  = "kubernetes-events"
  }
}
{{- end }}

{{- /* OTLP and Jaeger, enriched with the sender's pod, each signal to the backend it belongs to. */ -}}
{{- define "alloy.config.receivers" -}}
{{- $gateway := .Values.push.gateway }}
{{- $direct := .Values.push.direct }}
otelcol.receiver.otlp "applications" {
  grpc {
    endpoint = "0.0.0.0:4317"
  }

  http {
    endpoint = "0.0.0.0:4318"
  }

  output {
    metrics = [otelcol.processor.memory_limiter.otlp.input]
    logs    = [otelcol.processor.memory_limiter.otlp.input]
    traces  = [otelcol.processor.memory_limiter.otlp.input]
  }
}

otelcol.receiver.jaeger "applications" {
  protocols {
    grpc {
      endpoint = "0.0.0.0:14250"
    }

    thrift_http {
      endpoint = "0.0.0.0:14268"
    }

    thrift_compact {
      endpoint = "0.0.0.0:6831"
    }

    thrift_binary {
      endpoint = "0.0.0.0:6832"
    }
  }

  output {
    traces = [otelcol.processor.memory_limiter.otlp.input]
  }
}

otelcol.processor.memory_limiter "otlp" {
  check_interval         = "1s"
  limit_percentage       = 80
  spike_limit_percentage = 20

  output {
    metrics = [otelcol.processor.k8sattributes.otlp.input]
    logs    = [otelcol.processor.k8sattributes.otlp.input]
    traces  = [otelcol.processor.k8sattributes.otlp.input]
  }
}

// Only what a Pod object itself says, so that pods are all that has to be watched.
otelcol.processor.k8sattributes "otlp" {
  extract {
    metadata = ["k8s.namespace.name", "k8s.pod.name", "k8s.pod.uid", "k8s.node.name"]

    label {
      from     = "pod"
      key      = "app.kubernetes.io/name"
      tag_name = "app"
    }
  }

  pod_association {
    source {
      from = "resource_attribute"
      name = "k8s.pod.uid"
    }
  }

  pod_association {
    source {
      from = "connection"
    }
  }

  output {
    metrics = [otelcol.processor.transform.otlp.input]
    logs    = [otelcol.processor.transform.otlp.input]
    traces  = [otelcol.processor.transform.otlp.input]
  }
}

otelcol.processor.transform "otlp" {
  error_mode = "ignore"

  trace_statements {
    context    = "resource"
    statements = [
      {{- include "alloy.config.clusterStatements" . | nindent 6 }}
    ]
  }

  // Without an instance the pods of one service would write the same series.
  metric_statements {
    context    = "resource"
    statements = [
      {{- include "alloy.config.clusterStatements" . | nindent 6 }}
      `set(resource.attributes["service.instance.id"], resource.attributes["k8s.pod.name"]) where resource.attributes["service.instance.id"] == nil and resource.attributes["k8s.pod.name"] != nil`,
    ]
  }

  metric_statements {
    context    = "datapoint"
    statements = [
      `set(datapoint.attributes["namespace"], resource.attributes["k8s.namespace.name"]) where resource.attributes["k8s.namespace.name"] != nil`,
      `set(datapoint.attributes["pod"], resource.attributes["k8s.pod.name"]) where resource.attributes["k8s.pod.name"] != nil`,
    ]
  }

  // The exporter for Loki makes labels of the attributes that the hint names.
  log_statements {
    context    = "resource"
    statements = [
      {{- include "alloy.config.clusterStatements" . | nindent 6 }}
      `set(resource.attributes["namespace"], resource.attributes["k8s.namespace.name"]) where resource.attributes["k8s.namespace.name"] != nil`,
      `set(resource.attributes["pod"], resource.attributes["k8s.pod.name"]) where resource.attributes["k8s.pod.name"] != nil`,
      `set(resource.attributes["container"], resource.attributes["k8s.container.name"]) where resource.attributes["k8s.container.name"] != nil`,
      `set(resource.attributes["app"], resource.attributes["service.name"]) where resource.attributes["app"] == nil and resource.attributes["service.name"] != nil`,
      `set(resource.attributes["loki.resource.labels"], "namespace, pod, container, app")`,
    ]
  }

  output {
    metrics = [otelcol.processor.batch.otlp.input]
    logs    = [otelcol.processor.batch.otlp.input]
    traces  = [otelcol.processor.batch.otlp.input]
  }
}

otelcol.processor.batch "otlp" {
  output {
    metrics = [otelcol.exporter.prometheus.otlp.input]
    logs    = [otelcol.exporter.loki.otlp.input]
    traces  = [otelcol.exporter.{{ if $gateway }}otlphttp{{ else }}otlp{{ end }}.hub.input]
  }
}

otelcol.exporter.prometheus "otlp" {
  forward_to = [prometheus.relabel.cluster.receiver]
}

otelcol.exporter.loki "otlp" {
  forward_to = [loki.relabel.cluster.receiver]
}
{{- if $gateway }}

otelcol.exporter.otlphttp "hub" {
  client {
    endpoint = {{ $gateway.url | quote }}

    {{ include "alloy.config.tls" (list "tls" $gateway) | nindent 4 | trim }}
  }
}
{{- else }}

otelcol.exporter.otlp "hub" {
  client {
    endpoint = {{ $direct.tracesEndpoint | quote }}
    headers  = { "X-Scope-OrgID" = {{ $direct.tenant | quote }} }

    tls {
      insecure = true
    }
  }
}
{{- end }}
{{- end }}

{{- define "alloy.config.clusterStatements" -}}
`set(resource.attributes["cluster"], {{ .Values.cluster | quote }})`,
`set(resource.attributes["k8s.cluster.name"], {{ .Values.cluster | quote }})`,
{{- end }}
