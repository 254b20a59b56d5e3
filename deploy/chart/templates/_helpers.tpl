{{/* The name of a part: release and part. It is the label by which services and policies find the part's pods. */}}
{{- define "demand.name" -}}
{{ .root.Release.Name }}-{{ .part }}
{{- end }}

{{- define "demand.labels" -}}
{app.kubernetes.io/name: {{ include "demand.name" . }}, app.kubernetes.io/part-of: {{ .root.Release.Name }}}
{{- end }}

{{- define "demand.selector" -}}
{matchLabels: {app.kubernetes.io/name: {{ include "demand.name" . }}}}
{{- end }}

{{/* An image by its digest where there is one. */}}
{{- define "demand.image" -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end }}

{{/* What pods of this product have in common; `id` is the user, 10001 unless the image is another's. */}}
{{- define "demand.pod" -}}
{{- $id := .id | default 10001 -}}
# Without this, Kubernetes tells pods of services in variables like WEB_PORT, which are settings of ours.
enableServiceLinks: false
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $id }}
  runAsGroup: {{ $id }}
  fsGroup: {{ $id }}
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets: [{{ range $at, $name := . }}{{ if $at }}, {{ end }}{name: {{ $name }}}{{ end }}]
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .root.Values.affinity }}
affinity: {{ toJson . }}
{{- end }}
{{- end }}

{{/* Pods of one part on different nodes, where there are several. */}}
{{- define "demand.spread" -}}
topologySpreadConstraints:
  - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {{ include "demand.selector" . }}}
{{- end }}

{{- define "demand.confined" -}}
securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
{{- end }}

{{/* Image, command, settings and secrets (`secrets`: their names; `mayBe`: one that need not be there) of one of our containers, `of` which image. */}}
{{- define "demand.container" -}}
image: {{ include "demand.image" (index .root.Values.images .of) }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
command: ["python", "-m", "deploy.container", "{{ .process }}"]
envFrom:
  - configMapRef: {name: {{ .root.Release.Name }}-settings}
  {{- range .secrets }}
  - secretRef: {name: {{ . }}}
  {{- end }}
  {{- with .mayBe }}
  - secretRef: {name: {{ . }}, optional: true}
  {{- end }}
resources: {{ toJson .resources }}
{{ include "demand.confined" . }}
{{- end }}

{{- define "demand.mounts" -}}
- {name: dataset, mountPath: /etc/demand, readOnly: true}
- {name: state, mountPath: /var/lib/demand}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "demand.volumes" -}}
- {name: dataset, configMap: {name: {{ .root.Release.Name }}-dataset}}
- {name: tmp, emptyDir: {}}
{{- end }}

{{/* Pods start again when their settings change. */}}
{{- define "demand.restarts" -}}
annotations: {demand/settings: {{ include (print $.root.Template.BasePath "/settings.yaml") .root | sha256sum | trunc 16 | quote }}}
{{- end }}

{{/* Not empty where web and web-sync are deployments of their own, on a volume that many pods can have. */}}
{{- define "demand.webApart" -}}
{{- if eq .Values.web.storage.accessMode "ReadWriteMany" }}yes{{ end }}
{{- end }}

{{/* The part in whose pods web-sync is, and beside it the server of metrics. */}}
{{- define "demand.syncPart" -}}
{{ if include "demand.webApart" . }}web-sync{{ else }}web{{ end }}
{{- end }}
