{{- define "otel-collector.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "otel-collector.env" -}}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: HOST_IP
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
# The garbage collector works harder before the limit is met, not after.
- name: GOMEMLIMIT
  value: {{ printf "%dMiB" (div (mul .Values.memoryLimitMiB 8) 10) }}
{{- end }}

{{- define "otel-collector.resources" -}}
requests:
  {{- toYaml .Values.requests | nindent 2 }}
limits:
  memory: {{ printf "%dMi" (int .Values.memoryLimitMiB) }}
{{- end }}

{{- define "otel-collector.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "otel-collector.podSecurityContext" -}}
seccompProfile:
  type: RuntimeDefault
{{- if eq .Values.role "daemonset" }}
# The kubelet writes container logs as root with mode 0640: only their owner can read them without
# a capability, and the container has none.
runAsUser: 0
runAsGroup: 0
{{- else }}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
{{- end }}
{{- end }}

{{- /* All mounts but that of the configuration. */ -}}
{{- define "otel-collector.mounts" -}}
- name: state
  mountPath: /var/lib/otel-collector
- name: tenant-certificate
  mountPath: /etc/tenant-certificate
  readOnly: true
{{- if eq .Values.role "daemonset" }}
- name: pod-logs
  mountPath: /var/log/pods
  readOnly: true
{{- if .Values.hostMetrics.fileSystems }}
- name: host-root
  mountPath: /hostfs
  mountPropagation: HostToContainer
  readOnly: true
{{- else }}
- name: host-proc
  mountPath: /hostfs/proc
  readOnly: true
- name: host-sys
  mountPath: /hostfs/sys
  readOnly: true
{{- end }}
{{- end }}
{{- end }}

{{- /* All volumes but that of the configuration. */ -}}
{{- define "otel-collector.volumes" -}}
- name: tenant-certificate
  secret:
    secretName: {{ .Values.push.gateway.secretName }}
    defaultMode: 288 # 0440; octal is read differently by YAML 1.1 and 1.2
{{- if eq .Values.role "daemonset" }}
- name: pod-logs
  hostPath:
    path: /var/log/pods
    type: DirectoryOrCreate
# Without the read positions every new pod would send all logs of its node again.
- name: state
  hostPath:
    # Another folder for the operator's pods: each locks its files, and where one kind follows the other, both are
    # there for a while.
    path: {{ .Values.stateDirectory }}{{ if not .Values.workload.enabled }}-operated{{ end }}
    type: DirectoryOrCreate
{{- if .Values.hostMetrics.fileSystems }}
- name: host-root
  hostPath:
    path: /
    type: Directory
{{- else }}
- name: host-proc
  hostPath:
    path: /proc
    type: Directory
- name: host-sys
  hostPath:
    path: /sys
    type: Directory
{{- end }}
{{- else }}
- name: state
  emptyDir:
    sizeLimit: 1Gi
{{- end }}
{{- end }}

{{- /* The container and the volumes as the chart's own pods have them. */ -}}
{{- define "otel-collector.container" -}}
name: otel-collector
image: {{ include "otel-collector.image" . | quote }}
args:
  - --config=/etc/otel-collector/config.yaml
env:
  {{- include "otel-collector.env" . | nindent 2 }}
ports:
  - name: otlp-grpc
    containerPort: 4317
    protocol: TCP
  {{- if eq .Values.role "daemonset" }}
  - name: otlp-http
    containerPort: 4318
    protocol: TCP
  {{- end }}
  - name: metrics
    containerPort: 8888
    protocol: TCP
  - name: health
    containerPort: 13133
    protocol: TCP
startupProbe:
  httpGet:
    path: /
    port: health
  periodSeconds: 5
  failureThreshold: 24
readinessProbe:
  httpGet:
    path: /
    port: health
livenessProbe:
  httpGet:
    path: /
    port: health
  periodSeconds: 20
resources:
  {{- include "otel-collector.resources" . | nindent 2 }}
securityContext:
  {{- include "otel-collector.securityContext" . | nindent 2 }}
volumeMounts:
  - name: config
    mountPath: /etc/otel-collector
    readOnly: true
  {{- include "otel-collector.mounts" . | nindent 2 }}
{{- end }}
