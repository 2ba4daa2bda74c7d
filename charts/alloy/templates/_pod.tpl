{{- /* What the containers of all roles have in common. */ -}}
{{- define "alloy.container" -}}
name: alloy
image: {{ include "alloy.image" . | quote }}
args:
  - run
  - /etc/alloy/config.alloy
  - --storage.path=/var/lib/alloy
  - --server.http.listen-addr=0.0.0.0:12345
  - --disable-reporting
{{- if ne .Values.role "daemonset" }}
  - --cluster.enabled=true
  - --cluster.name={{ .Release.Name }}
  - --cluster.join-addresses={{ .Values.service.clusterName }}
  - --cluster.advertise-address=$(POD_IP)
  - --cluster.wait-for-size={{ .Values.replicas }}
  - --cluster.wait-timeout=1m
{{- end }}
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
ports:
  - name: http
    containerPort: 12345
    protocol: TCP
{{- if ne .Values.role "daemonset" }}
{{- range include "alloy.receivers" . | fromYamlArray }}
  - name: {{ .name }}
    containerPort: {{ .port }}
    protocol: {{ .protocol }}
{{- end }}
{{- end }}
startupProbe:
  httpGet:
    path: /-/ready
    port: http
  periodSeconds: 5
  failureThreshold: 24
readinessProbe:
  httpGet:
    path: /-/ready
    port: http
livenessProbe:
  tcpSocket:
    port: http
  periodSeconds: 20
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - name: config
    mountPath: /etc/alloy
    readOnly: true
  - name: state
    mountPath: /var/lib/alloy
  - name: tmp
    mountPath: /tmp
{{- if .Values.push.gateway }}
  - name: tenant-certificate
    mountPath: /etc/tenant-certificate
    readOnly: true
{{- end }}
{{- end }}

{{- define "alloy.volumes" -}}
- name: config
  configMap:
    name: {{ .Release.Name }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with .Values.push.gateway }}
- name: tenant-certificate
  secret:
    secretName: {{ .secretName }}
    defaultMode: 288 # 0440; octal is read differently by YAML 1.1 and 1.2
{{- end }}
{{- end }}

{{- /* The ports that applications send traces, and OTLP of any kind, to. */ -}}
{{- define "alloy.receivers" -}}
- {name: otlp-grpc, port: 4317, protocol: TCP, appProtocol: kubernetes.io/h2c}
- {name: otlp-http, port: 4318, protocol: TCP, appProtocol: http}
- {name: jaeger-grpc, port: 14250, protocol: TCP, appProtocol: kubernetes.io/h2c}
- {name: jaeger-http, port: 14268, protocol: TCP, appProtocol: http}
- {name: jaeger-compact, port: 6831, protocol: UDP}
- {name: jaeger-binary, port: 6832, protocol: UDP}
{{- end }}
