{{- /*
Where everything goes, for all roles. `prometheus.relabel.cluster` and `loki.relabel.cluster` are the only
ways in, so that nothing leaves without `cluster`. External labels would not do: they yield to a label of
the same name that a series brings along.
*/ -}}
{{- define "alloy.config.push" -}}
{{- $gateway := .Values.push.gateway }}
{{- $direct := .Values.push.direct }}
logging {
  level  = "info"
  format = "logfmt"
}

prometheus.relabel "cluster" {
  forward_to = [prometheus.remote_write.hub.receiver]

  rule {
    source_labels = ["cluster"]
    regex         = "(.+)"
    target_label  = "exported_cluster"
  }

  rule {
    target_label = "cluster"
    replacement  = {{ .Values.cluster | quote }}
  }
}

prometheus.remote_write "hub" {
  endpoint {
    {{- if $gateway }}
    url = {{ printf "%s/api/v1/push" $gateway.url | quote }}

    {{ include "alloy.config.tls" (list "tls_config" $gateway) | nindent 4 | trim }}
    {{- else }}
    url     = {{ $direct.metricsUrl | quote }}
    headers = { "X-Scope-OrgID" = {{ $direct.tenant | quote }} }
    {{- end }}

    queue_config {
      max_shards = 10
    }
  }
}

loki.relabel "cluster" {
  forward_to = [loki.write.hub.receiver]

  rule {
    target_label = "cluster"
    replacement  = {{ .Values.cluster | quote }}
  }
}

loki.write "hub" {
  endpoint {
    {{- if $gateway }}
    url = {{ printf "%s/loki/api/v1/push" $gateway.url | quote }}

    {{ include "alloy.config.tls" (list "tls_config" $gateway) | nindent 4 | trim }}
    {{- else }}
    url       = {{ $direct.logsUrl | quote }}
    tenant_id = {{ $direct.tenant | quote }}
    {{- end }}

    // Lines wait in their files while the hub is away; giving up on a batch would lose them.
    max_backoff_period  = "30s"
    max_backoff_retries = 1000
  }
}

// Alloy's own metrics, once per pod.
prometheus.exporter.self "alloy" { }

discovery.relabel "self" {
  targets = prometheus.exporter.self.alloy.targets

  rule {
    target_label = "job"
    replacement  = "alloy"
  }

  // The pod's name. The exporter takes the variable HOSTNAME, which other charts set to the node's name; a node agent
  // and a replica on the same node would then write the same series.
  rule {
    target_label = "instance"
    replacement  = constants.hostname
  }

  rule {
    target_label = "namespace"
    replacement  = {{ .Release.Namespace | quote }}
  }
}

prometheus.scrape "self" {
  targets         = discovery.relabel.self.output
  scrape_interval = {{ .Values.scrapeInterval | quote }}
  forward_to      = [prometheus.relabel.cluster.receiver]
}
{{- end }}

{{- /* A block with the files of the mounted client certificate. Arguments: the block's name, the gateway. */ -}}
{{- define "alloy.config.tls" -}}
{{ index . 0 }} {
  ca_file     = "/etc/tenant-certificate/ca.crt"
  cert_file   = "/etc/tenant-certificate/tls.crt"
  key_file    = "/etc/tenant-certificate/tls.key"
  server_name = {{ (index . 1).serverName | quote }}
}
{{- end }}

{{- /*
The label `app`, alike for logs and metrics: the last rule that matches wins. The container's name is no
fallback, because a pod's metrics belong to no one container.
*/ -}}
{{- define "alloy.config.appRules" -}}
rule {
  source_labels = ["__meta_kubernetes_pod_name"]
  target_label  = "app"
}

// A ReplicaSet's name ends in a hash that changes with every rollout.
rule {
  source_labels = ["__meta_kubernetes_pod_controller_name"]
  regex         = "(.+?)(?:-[0-9a-f]{6,10})?"
  target_label  = "app"
}

rule {
  source_labels = ["__meta_kubernetes_pod_label_app"]
  regex         = "(.+)"
  target_label  = "app"
}

rule {
  source_labels = ["__meta_kubernetes_pod_label_app_kubernetes_io_name"]
  regex         = "(.+)"
  target_label  = "app"
}
{{- end }}
