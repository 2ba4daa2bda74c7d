{{/* The admin's password, for the container that makes the database and for the one that corrects it. */}}
{{- define "grafana.passwordEnv" -}}
- name: GF_SECURITY_ADMIN_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.admin.secretName }}
      key: {{ .Values.admin.secretKey | quote }}
{{- end }}

{{- define "grafana.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
