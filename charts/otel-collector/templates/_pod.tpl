{{- /* What both roles' containers have in common; the caller appends to the volume mounts. */ -}}
{{- define "otel-collector.container" -}}
name: otel-collector
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
args:
  - --config=/etc/otel-collector/config.yaml
env:
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
  requests:
    {{- toYaml .Values.requests | nindent 4 }}
  limits:
    memory: {{ printf "%dMi" (int .Values.memoryLimitMiB) }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: config
    mountPath: /etc/otel-collector
    readOnly: true
  - name: state
    mountPath: /var/lib/otel-collector
  - name: tenant-certificate
    mountPath: /etc/tenant-certificate
    readOnly: true
{{- end }}

{{- define "otel-collector.volumes" -}}
- name: config
  configMap:
    name: {{ .Release.Name }}
- name: tenant-certificate
  secret:
    secretName: {{ .Values.push.gateway.secretName }}
    defaultMode: 288 # 0440; octal is read differently by YAML 1.1 and 1.2
{{- end }}
