{{- define "entrepot.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "entrepot.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "entrepot.labels" -}}
{{ include "entrepot.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "entrepot.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "entrepot.account" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "entrepot.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- /* What a pod may do: nothing but run as its user. */ -}}
{{- define "entrepot.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "entrepot.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "entrepot.environment" -}}
- {name: ENTREPOT_LISTEN, value: "0.0.0.0:8080"}
- {name: ENTREPOT_DATA, value: /data}
- {name: ENTREPOT_PUBLIC_URL, value: {{ .Values.publicUrl | quote }}}
- {name: ENTREPOT_DATABASE, value: {{ .Values.database.url | quote }}}
- {name: ENTREPOT_BLOBS, value: {{ .Values.blobs.url | quote }}}
- {name: ENTREPOT_BLOB_REDIRECTS, value: {{ .Values.blobs.redirects | quote }}}
- {name: ENTREPOT_SIGNING_KEY, value: "file:/keys/signing-key.pem"}
- {name: ENTREPOT_LOG_KEYS, value: /keys/log-keys.pem}
- {name: ENTREPOT_DRAIN_SECONDS, value: {{ .Values.drainSeconds | quote }}}
- {name: ENTREPOT_GRACEFUL_SECONDS, value: {{ .Values.gracefulSeconds | quote }}}
- {name: ENTREPOT_LOG_FORMAT, value: json}
{{- with .Values.trustedProxies }}
- {name: ENTREPOT_TRUSTED_PROXIES, value: {{ join "," . | quote }}}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: {{ printf "ENTREPOT_%s" (upper $name) }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- if .Values.database.passwordSecret.name }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .Values.database.passwordSecret.name }}, key: {{ .Values.database.passwordSecret.key }}}
{{- end }}
- {name: AWS_DEFAULT_REGION, value: {{ .Values.blobs.region | quote }}}
{{- if .Values.blobs.credentialsSecret.name }}
- {name: AWS_SHARED_CREDENTIALS_FILE, value: {{ printf "/objects/%s" .Values.blobs.credentialsSecret.key }}}
{{- end }}
{{- end }}

{{- define "entrepot.mounts" -}}
- {name: data, mountPath: /data}
- {name: scratch, mountPath: /tmp}
- {name: keys, mountPath: /keys, readOnly: true}
{{- if .Values.blobs.credentialsSecret.name }}
- {name: objects, mountPath: /objects, readOnly: true}
{{- end }}
{{- end }}

{{- define "entrepot.volumes" -}}
- name: data
  emptyDir: {sizeLimit: {{ .Values.scratchSize }}}
- name: scratch
  emptyDir: {sizeLimit: {{ .Values.scratchSize }}}
- name: keys
  secret: {secretName: {{ .Values.keysSecret }}, defaultMode: 0440}
{{- if .Values.blobs.credentialsSecret.name }}
- name: objects
  secret: {secretName: {{ .Values.blobs.credentialsSecret.name }}, defaultMode: 0440}
{{- end }}
{{- end }}
